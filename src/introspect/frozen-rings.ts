// Frozen copies of the ring: what came before a block, an unhandled error or a warning, kept while
// the recorder goes on in the ring itself. A copy takes as much memory as the ring has events, at
// most its size, and 1 to 3 ms in the thread that makes it, which can be a worker.
//
// - There are at most MOST copies. When one more is made, the oldest of the reason with the most
//   copies goes, so that a program that warns all the time keeps the copy of its block.
// - After a copy there is no other one for the same reason for a while: the events of the next ones
//   are in the ring still, or in the copy already.
import type { RecordingNotes } from './notes.ts';
import { readRecording, type ReadRecordingOptions } from './read-recording.ts';
import type { Recording } from './recording.ts';
import { copyRing, type RingCopy } from './ring.ts';

/** The most copies. */
const MOST = 4;
/** Milliseconds in which there is no second copy for the same reason. */
const APART = 10_000;

/** A copy of the ring that is kept. */
export interface FrozenRing {
  /** Counts from 1. */
  readonly id: number;
  readonly reason: Recording['reason'];
  /** When it was made, on the clock of the loop. */
  readonly at: number;
  /** What happened, in one sentence. */
  readonly what: string;
}

interface Kept extends FrozenRing {
  readonly copy: RingCopy;
  readonly notes: RecordingNotes;
}

/** The copies of a ring that are kept, a few at most. */
export class FrozenRings {
  #kept: readonly Kept[] = [];
  #lastId = 0;
  readonly #latest = new Map<Recording['reason'], number>();

  /** Those that are kept, in the order of making. */
  get all(): readonly FrozenRing[] {
    return this.#kept.map(({ id, reason, at, what }) => ({ id, reason, at, what }));
  }

  /** Whether `freeze` would make a copy. Ask before you take notes. */
  isDue(reason: Recording['reason'], at: number): boolean {
    return at - (this.#latest.get(reason) ?? -Infinity) >= APART;
  }

  /** Copies the ring. Undefined if there was a copy for the same reason a short time ago. */
  freeze(
    { reason, at, what }: Omit<FrozenRing, 'id'>,
    ring: SharedArrayBuffer | ArrayBuffer,
    notes: RecordingNotes,
  ): FrozenRing | undefined {
    if (!this.isDue(reason, at)) return undefined;
    this.#latest.set(reason, at);
    const kept = { id: ++this.#lastId, reason, at, what, copy: copyRing(ring), notes };
    this.#kept = [...this.#kept, kept];
    if (this.#kept.length > MOST) this.#dropOne();
    return { id: kept.id, reason, at, what };
  }

  /** Reads one of them; undefined if it is not kept any more. */
  read(id: number, options: Omit<ReadRecordingOptions, 'reason'>): Recording | undefined {
    const kept = this.#kept.find((each) => each.id === id);
    if (kept === undefined) return undefined;
    const { copy, notes, reason, at } = kept;
    return readRecording(copy, notes, { to: at, ...options, reason });
  }

  #dropOne(): void {
    const counts = new Map<Recording['reason'], number>();
    for (const { reason } of this.#kept) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    const most = Math.max(...counts.values());
    const oldest = this.#kept.find(({ reason }) => counts.get(reason) === most);
    this.#kept = this.#kept.filter((each) => each !== oldest);
  }
}
