// What an instrument sees of one dinner: the steps of the handlers, what they wait for, the jobs.
import type { Instrument, StepRecord, TaskRecord, WaitRecord } from '../../../core/index.ts';
import type { FakeClock } from '../../../testing/index.ts';
import type { Ball } from '../../../inspect/protocol/index.ts';

/** A visit of the waiter. Milliseconds since the begin. */
export interface Served {
  readonly guest: number;
  readonly begin: number;
  readonly end: number;
  /** What the guest's handler waits for after it; null if it has ended. */
  readonly to: Ball | null;
  /** Of its length, what a blocking call took. */
  readonly kept: number;
}

export interface Span {
  readonly begin: number;
  readonly end: number;
}

export interface Observed {
  /** In the order in which they happened. */
  readonly visits: readonly Served[];
  /** For each guest: the job in the kitchen; undefined for none. */
  readonly jobs: readonly (Span | undefined)[];
  /** For each guest: from the begin to the end of its handler. */
  readonly turns: readonly Span[];
}

/** Steps are timed while it is installed, each alone: so a step is what followed from one delivery. */
export class Observer implements Instrument {
  readonly stepEvery = 1;
  readonly #clock: FakeClock;
  readonly #guestOf = new Map<number, number>();
  readonly #waits = new Map<number, WaitRecord>();
  readonly #kept = new Map<number, number>();
  readonly #cooking = new Set<number>();
  readonly #visits: Served[] = [];
  readonly #jobs: (Span | undefined)[] = [];
  readonly #turns: Span[] = [];

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  /** Tells which guest a handler serves. */
  seat({ id }: TaskRecord, guest: number): void {
    this.#guestOf.set(id, guest);
  }

  /** A blocking call of so many milliseconds begins. */
  keeps({ id }: TaskRecord, ms: number): void {
    this.#kept.set(id, ms);
    const guest = this.#guestOf.get(id);
    if (guest !== undefined) this.#jobs[guest] = { begin: this.#clock.now(), end: this.#clock.now() + ms };
  }

  /** Runs a job of the kitchen. */
  async job({ id }: TaskRecord, run: () => Promise<void>): Promise<void> {
    const begin = this.#clock.now();
    this.#cooking.add(id);
    try {
      await run();
    } finally {
      this.#cooking.delete(id);
      const guest = this.#guestOf.get(id);
      // The clock stands where the job was done, before anything else runs.
      if (guest !== undefined) this.#jobs[guest] = { begin, end: this.#clock.now() };
    }
  }

  waitBegun(wait: WaitRecord): void {
    if (wait.task !== undefined) this.#waits.set(wait.task.id, wait);
  }

  waitEnded(wait: WaitRecord): void {
    if (wait.task !== undefined && this.#waits.get(wait.task.id) === wait) this.#waits.delete(wait.task.id);
  }

  taskEnded({ id }: TaskRecord): void {
    const guest = this.#guestOf.get(id);
    if (guest !== undefined) this.#turns[guest] = { begin: this.#turns[guest]?.begin ?? 0, end: this.#clock.now() };
  }

  stepEnded({ task, startedAt, ms }: StepRecord): void {
    const guest = task === undefined ? undefined : this.#guestOf.get(task.id);
    if (task === undefined || guest === undefined) return;
    this.#turns[guest] ??= { begin: startedAt, end: startedAt };
    const wait = this.#waits.get(task.id);
    this.#visits.push({
      guest,
      begin: startedAt,
      end: startedAt + ms,
      to: task.done() || wait === undefined ? null : this.#ballOf(task, wait),
      kept: this.#kept.get(task.id) ?? 0,
    });
    this.#kept.delete(task.id);
  }

  result(guests: number): Observed {
    return {
      visits: this.#visits,
      jobs: Array.from({ length: guests }, (_, n) => this.#jobs[n]),
      turns: Array.from({ length: guests }, (_, n) => this.#turns[n] ?? { begin: 0, end: 0 }),
    };
  }

  #ballOf({ id }: TaskRecord, { kind }: WaitRecord): Ball {
    if (this.#cooking.has(id)) return 'kitchen';
    return kind === 'drain' || kind === 'waitClosed' ? 'drain' : 'read';
  }
}
