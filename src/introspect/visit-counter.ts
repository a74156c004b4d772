// VisitCounter: counts visits while somebody looks. A visit is what a task does between two waits.
// All is done by instruments, so nothing is counted, and nothing costs, while nobody looks.
import {
  addInstrument,
  host,
  type Instrument,
  loopTime,
  type StepRecord,
  type Task,
  type Wait,
  type WaitRecord,
  waitsOf,
} from '../core/index.ts';
import { countSteps } from './counting.ts';
import { SiteRecording } from './sites.ts';

/** The visits that are kept of those since the last sample: each is as likely as any other. */
const LOTS = 16;
/** One visit in this many is timed. */
const TIMED = 64;

interface Lot {
  readonly wait: WaitRecord;
  readonly task: Task<unknown>;
  readonly begin: number;
  /** The steps of its task when it began: if there were none since, the task stands where it stopped. */
  readonly steps: number;
  us: number | null;
}

/** A visit that was drawn. */
export interface DrawnVisit {
  readonly task: Task<unknown>;
  readonly begin: number;
  /** Microseconds; null if it was not timed. */
  readonly us: number | null;
  /** The wait that it ended. */
  readonly wait: Wait<unknown>;
  /** The wait at which it stopped; undefined if that is not known. */
  readonly next: Wait<unknown> | undefined;
}

/**
 * Counts the visits of each task, which are its `steps`, times some, and draws those that are shown.
 * Disposing it ends the counting.
 */
export class VisitCounter implements Disposable {
  /** Visits since the counting began. */
  visits = 0;
  /** Reads that were answered since then. */
  reads = 0;
  /** Microseconds of the visits that were timed, by task. */
  readonly #ran = new Map<unknown, number>();
  /** When jobs began to run. */
  readonly #starts = new WeakMap<object, number>();
  /** Drawn from the `#drawn` visits since the last draw. */
  #lots: Lot[] = [];
  #drawn = 0;
  /** While somebody looks, every wait records its place, as far as that can be afforded. */
  readonly #sites = new SiteRecording();
  /** The visits at the last draw, and when that was. */
  #adapted = { visits: 0, at: loopTime() };
  readonly #installed: readonly Disposable[];
  readonly #random: () => number;

  /** @param random returns a number, 0 <= x < 1, that decides which visits are shown */
  constructor(random: () => number = () => host.random()) {
    this.#random = random;
    const instrument: Instrument = {
      waitEnded: (wait, outcome) => this.#visited(wait, outcome === 'answered'),
      taskEnded: (task) => void this.#ran.delete(task),
      stepEnded: (step) => this.#timed(step),
      stepEvery: TIMED,
      jobStarted: (job) => void this.#starts.set(job, loopTime()),
    };
    this.#installed = [this.#sites, countSteps(), addInstrument(instrument)];
  }

  [Symbol.dispose](): void {
    for (const each of this.#installed) each[Symbol.dispose]();
  }

  /** The microseconds of those visits of a task that were timed. */
  ranOf(task: Task<unknown>): number {
    return this.#ran.get(task) ?? 0;
  }

  /** When a job began to run; undefined if that was before the counting. */
  startOf(job: object): number | undefined {
    return this.#starts.get(job);
  }

  /** Returns visits since the last call, drawn by lot, in the order of their begin. */
  draw(): DrawnVisit[] {
    const drawn = this.#lots
      .filter(({ task }) => !task.done())
      .map(({ wait, task, begin, us, steps }): DrawnVisit => {
        const next = task.steps === steps ? waitsOf(task)[0] : undefined;
        return { task, begin, us, wait: wait as Wait<unknown>, next }; // there are no other waits
      });
    this.#lots = [];
    this.#drawn = 0;
    const { visits, at } = this.#adapted;
    this.#adapted = { visits: this.visits, at: loopTime() };
    this.#sites.adapt(this.visits - visits, this.#adapted.at - at);
    return drawn.sort((a, b) => a.begin - b.begin);
  }

  #visited(wait: WaitRecord, wasAnswered: boolean): void {
    const task = wait.task as Task<unknown> | undefined; // there are no other tasks
    if (task === undefined) return;
    this.visits++;
    if (wasAnswered && wait.kind.startsWith('read')) this.reads++;
    // Algorithm R: the n-th visit takes the place of a random one of those kept with probability LOTS / n.
    const at = ++this.#drawn <= LOTS ? this.#drawn - 1 : Math.floor(this.#random() * this.#drawn);
    if (at < LOTS) this.#lots[at] = { wait, task, begin: loopTime(), us: null, steps: task.steps };
  }

  #timed({ task, wait, ms }: StepRecord): void {
    if (task === undefined || task.done()) return;
    const us = Math.round(ms * 1000);
    this.#ran.set(task, (this.#ran.get(task) ?? 0) + us);
    const lot = this.#lots.find((each) => each.wait === wait);
    if (lot !== undefined) lot.us = us;
  }
}
