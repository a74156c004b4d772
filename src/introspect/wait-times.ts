// How long the waits of each kind last, to know which ones last unusually long. Waits for a peer and
// for time are not counted: a client may be silent for hours, and that is no fault of the program.
import { loopTime, type WaitRecord } from '../core/index.ts';
import { ballOf } from './ball.ts';
import type { WaitRow } from './records.ts';

/** Buckets of a histogram, four to each doubling of the time; the last ones are days. */
const BUCKETS = 4 * 30;
/** How many waits must have ended before anything is unusual. */
const ENOUGH = 20;
/** At this number all counts are halved, so that the last hours count more than the last week. */
const MOST = 100_000;
/** No shorter wait is unusual, in milliseconds. */
const LEAST = 1000;

/** The times of the waits of one kind. */
class Histogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  add(ms: number): void {
    const bucket = ms < 1 ? 0 : Math.min(BUCKETS - 1, 1 + Math.floor(4 * Math.log2(ms)));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    if (++this.#total >= MOST) this.#halve();
  }

  #halve(): void {
    this.#total = 0;
    for (let i = 0; i < BUCKETS; i++) this.#total += this.#counts[i] = (this.#counts[i] ?? 0) >>> 1;
  }

  /** What 99 of 100 are below, rounded up to the next bucket; undefined while there are too few. */
  p99(): number | undefined {
    if (this.#total < ENOUGH) return undefined;
    let longer = this.#total / 100;
    for (let i = BUCKETS - 1; i > 0; i--) {
      longer -= this.#counts[i] ?? 0;
      if (longer < 0) return Math.round(2 ** (i / 4));
    }
    return 1;
  }
}

/** The times of all kinds. */
export class WaitTimes {
  /** Null: a kind that is not counted. */
  readonly #kinds = new Map<string, Histogram | null>();

  /** Counts a wait that ends now. */
  ended({ kind, since, resource }: WaitRecord): void {
    let times = this.#kinds.get(kind);
    if (times === undefined) {
      const { kind: of } = (resource ?? {}) as { readonly kind?: unknown };
      times = isCounted(ballOf(kind, typeof of === 'string' ? of : undefined)) ? new Histogram() : null;
      this.#kinds.set(kind, times);
    }
    times?.add(loopTime() - since);
  }

  /** See `Snapshot.usual`. */
  usual(): Readonly<Record<string, number>> {
    const usual: Record<string, number> = {};
    for (const [kind, times] of this.#kinds) {
      const ms = times?.p99();
      if (ms !== undefined) usual[kind] = ms;
    }
    return usual;
  }
}

function isCounted(ball: WaitRow['ball']): boolean {
  return ball === 'kitchen' || ball === 'drain' || ball === 'other';
}

/**
 * True if a wait has lasted unusually long: for at least a second, and longer than 99 of 100 of its
 * kind in this process.
 */
export function isUnusual(wait: WaitRow, now: number, usual: Readonly<Record<string, number>> = {}): boolean {
  const ms = now - wait.since;
  const most = usual[wait.kind];
  return ms >= LEAST && most !== undefined && ms > most && isCounted(wait.ball);
}
