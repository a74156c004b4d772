// Reports that may come in floods: refused clients, lost peers. The first is reported at once.
// Those of the second after it are counted. When that second is over, one report has their number
// and the last of them. So nothing is lost, a flood of clients is not a flood of lines, and the end
// of a burst is reported without waiting for the next burst.
//
// States: OPEN (no report within the last second) -(add)-> CLOSED (a report within the last second)
// -(add)-> CLOSED with `#timer` set (counts wait to be reported). The timer reports them, and the
// second begins anew. After end(), later reports are made in the next turn.
import { callLater, callSoon, type ExceptionContext, type Handle, loopTime, reportException } from '../core/index.ts';

/** Milliseconds between two reports. */
const EVERY = 1000;

/** Makes the message for a count. `detail` is '' or ` (12 block, 7 maxPerIp)`. */
type Summary = (count: number, detail: string, last: string) => string;

/**
 * A Summary such as `Refused 19 more connections within a second (12 block, 7 maxPerIp), the last
 * one from ...`.
 */
export function moreConnections(verb: string): Summary {
  return (count, detail, last) => {
    const connections = count === 1 ? 'connection' : 'connections';
    return `${verb} ${count} more ${connections} within a second${detail}, the last ${last}`;
  };
}

export class ReportWindow {
  readonly #summary: Summary;
  #last = -Infinity;
  /** Counts since the last report, by kind. */
  readonly #counts = new Map<string, number>();
  /** The last one that was counted; undefined while the counts are empty. */
  #latest: { readonly context: ExceptionContext; readonly what: string } | undefined = undefined;
  #timer: Handle | undefined = undefined;
  #ended = false;

  constructor(summary: Summary) {
    this.#summary = summary;
  }

  /**
   * Reports now, or in the summary of this second.
   * @param kind what it counts under
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

  /** Reports the counts without waiting, because the server ends. Idempotent. */
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
