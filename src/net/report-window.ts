// Reports that come in floods: clients that are refused, peers that are lost. One is told at once; those of the second after it
// are counted, and their number is told when that second is over, with the last of them. So nothing goes unsaid, no flood of
// clients is a flood of lines, and the last words of a burst do not wait for the next one.
//
// States: OPEN (nothing was told within the last second) -> CLOSED (something was) -> CLOSED with `#timer` set (something waits
// to be told). The timer tells, and the second begins anew. After end(), what still comes is told in the next turn.
import { callLater, callSoon, type ExceptionContext, type Handle, loopTime, reportException } from '../core/index.ts';

/** Milliseconds between two reports. */
const EVERY = 1000;

/** Makes the message of what was counted: `detail` is '' or ` (12 block, 7 maxPerIp)`. */
type Summary = (count: number, detail: string, last: string) => string;

/** `Refused 19 more connections within a second (12 block, 7 maxPerIp), the last one from ...`. */
export function moreConnections(verb: string): Summary {
  return (count, detail, last) => {
    const connections = count === 1 ? 'connection' : 'connections';
    return `${verb} ${count} more ${connections} within a second${detail}, the last ${last}`;
  };
}

export class ReportWindow {
  readonly #summary: Summary;
  #last = -Infinity;
  /** How many came since the last report, by kind. */
  readonly #counts = new Map<string, number>();
  /** The one that came last, while any is counted. */
  #latest: { readonly context: ExceptionContext; readonly what: string } | undefined = undefined;
  #timer: Handle | undefined = undefined;
  #ended = false;

  constructor(summary: Summary) {
    this.#summary = summary;
  }

  /**
   * Reports, now or in the summary of this second.
   * @param kind what it is counted under
   * @param what whom it is about and what happened, for the summary
   */
  add(kind: string, what: string, context: ExceptionContext): void {
    const now = loopTime();
    const left = this.#last + EVERY - now;
    if (this.#timer === undefined && left <= 0) {
      this.#last = now;
      reportException(context);
      return;
    }
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    this.#latest = { context, what };
    this.#timer ??= this.#ended ? callSoon(() => this.#flush()) : callLater(Math.max(0, left), () => this.#flush());
  }

  /** Tells what was counted without waiting: its server is at its end, and little may come any more. Idempotent. */
  end(): void {
    this.#ended = true;
    this.#flush();
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const latest = this.#latest;
    if (latest === undefined) return;
    this.#latest = undefined;
    this.#last = loopTime();
    const kinds = [...this.#counts];
    this.#counts.clear();
    const count = kinds.reduce((sum, [, each]) => sum + each, 0);
    const detail = kinds.length < 2 ? '' : ` (${kinds.map(([kind, each]) => `${each} ${kind}`).join(', ')})`;
    reportException({ ...latest.context, message: this.#summary(count, detail, latest.what) });
  }
}
