// A turn of the loop: what waits for the next one, what is done at the end of this one, and the time they share.
//
// - Entries are collected into batches. A batch is scheduled with its first entry and runs them in order; what is added
//   while it runs is in the next batch. Two arrays take turns, so that a busy loop allocates none.
// - An entry that throws is reported and does not stop the others.
// - The turn has a time of its own while something waits for its end: a clock costs more than all else that a wait's begin
//   needs, and such turns are the busy ones.
import { loopTime } from './clock.ts';
import { reportException } from './exception-handler.ts';
import { host } from './host.ts';

/** Entries that run together at one point of the loop. */
class Batch<T> {
  readonly #schedule: () => void;
  readonly #run: (entry: T) => void;
  #entries: T[] = [];
  #idle: T[] = [];

  constructor(schedule: (run: () => void) => void, run: (entry: T) => void) {
    this.#run = run;
    const runAll = (): void => this.#runAll();
    this.#schedule = () => schedule(runAll);
  }

  get size(): number {
    return this.#entries.length;
  }

  add(entry: T): void {
    if (this.#entries.length === 0) this.#schedule();
    this.#entries.push(entry);
  }

  #runAll(): void {
    const batch = this.#entries;
    this.#entries = this.#idle;
    for (const entry of batch) {
      try {
        this.#run(entry);
      } catch (error) {
        reportException({ message: 'A step of the loop failed', error });
      }
    }
    batch.length = 0;
    this.#idle = batch;
  }
}

/** What can be put into the next turn: a callback, a sleep(0), a timeout that is due already. */
export interface Soon {
  due(): void;
}

const soon = new Batch<Soon>(
  (run) => host.nextTurn(run),
  (entry) => entry.due(),
);

/** Has `entry.due()` called in the next turn, in order. */
export function addSoon(entry: Soon): void {
  soon.add(entry);
}

/** How many entries wait for the next turn. */
export function soonCount(): number {
  return soon.size;
}

/** The time of this turn; undefined while nothing waits for its end. */
let time: number | undefined;

/** The loop's time in whole milliseconds; that of the turn, while it has one. */
export function turnTime(): number {
  return time ?? Math.floor(loopTime());
}

/** Forgets the time of the turn: the clock was replaced. */
export function forgetTurnTime(): void {
  time = undefined;
}

/** Makes a function that collects entries and has `run` called for each at the end of the turn, all in one callback of the host's. */
export function atEndOfTurn<T>(run: (entry: T) => void): (entry: T) => void {
  const batch = new Batch<T>((runAll) => {
    time = Math.floor(loopTime());
    host.endOfTurn(() => {
      time = undefined;
      runAll();
    });
  }, run);
  return (entry) => batch.add(entry);
}
