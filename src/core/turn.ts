// A turn of the loop: what waits for the next one, what runs at the end of this one, and the time
// that its waits share.
//
// - Entries are collected into batches. The first entry of a batch schedules it. The batch runs its
//   entries in order, and entries added meanwhile are in the next batch. Two arrays alternate, so
//   that a busy loop allocates none.
// - An entry that throws is reported and does not stop the others.
// - The turn has a time of its own while something waits for its end. Reading a clock costs more
//   than everything else that the start of a wait needs, and such turns are the busy ones.
import { loopTime } from './clock.ts';
import { reportException } from './exception-handler.ts';
import { host } from './host.ts';

/** Entries that run together at one point of the loop. */
class Batch<T> {
  readonly #schedule: () => void;
  readonly #run: (entry: T) => void;
  /** Those of the next run. Not empty means scheduled. */
  #entries: T[] = [];
  /** The other array. Empty between two runs. */
  #idle: T[] = [];

  constructor(schedule: (run: () => void) => void, run: (entry: T) => void) {
    this.#run = run;
    this.#schedule = schedule.bind(undefined, () => this.#runAll());
  }

  /** How many entries wait. */
  get size(): number {
    return this.#entries.length;
  }

  /** Adds an entry, and schedules the batch with the first one. */
  add(entry: T): void {
    if (this.#entries.length === 0) this.#schedule();
    this.#entries.push(entry);
  }

  #runAll(): void {
    const batch = this.#entries;
    // Exchanged before the run: entries added meanwhile are in the next batch.
    this.#entries = this.#idle;
    for (const entry of batch) {
      try {
        this.#run(entry);
      } catch (error) {
        reportException({ message: 'A step of the loop failed', error });
      }
    }
    // The array is used again for the run after the next one.
    batch.length = 0;
    this.#idle = batch;
  }
}

/** What can run in the next turn: a callback, a `sleep(0)`, a timeout that has passed already. */
export interface Soon {
  due(): void;
}

const soon = new Batch<Soon>(
  (run) => host.nextTurn(run),
  (entry) => entry.due(),
);

/**
 * Calls `entry.due()` in the next turn of the loop, in the order of the calls. An entry cannot be
 * taken back: make its `due` do nothing. What it throws is reported.
 *
 * @example
 * ```ts
 * import { addSoon } from 'maitre/lowlevel';
 * addSoon({ due: () => console.log('in the next turn') });
 * ```
 */
export function addSoon(entry: Soon): void {
  soon.add(entry);
}

/** Returns how many entries wait for the next turn. */
export function soonCount(): number {
  return soon.size;
}

/** The time of this turn, in whole milliseconds; undefined while nothing waits for its end. */
let time: number | undefined;

/** Returns the loop's time in whole milliseconds; that of the turn, while it has one. */
export function turnTime(): number {
  return time ?? Math.floor(loopTime());
}

/** Forgets the time of the turn. Called when the clock is replaced. */
export function forgetTurnTime(): void {
  time = undefined;
}

/**
 * Returns a function that collects entries. At the end of the turn, `run` is called for each of
 * them, all in one callback of the host.
 */
export function atEndOfTurn<T>(run: (entry: T) => void): (entry: T) => void {
  const batch = new Batch<T>((runAll) => {
    time = Math.floor(loopTime());
    host.endOfTurn(() => {
      // Before the entries run: waits that begin in them belong to the next turn.
      time = undefined;
      runAll();
    });
  }, run);
  return (entry) => batch.add(entry);
}
