// Errand: one call of a callback of the user (create, destroy, check, reset), in a task of the
// pool, for a limited time.
//
// States: RUNNING --the callback settles--> OVER, by `done` or `failed`
//            |-----its time is over, giveUp()--> LEFT, by `failed`; the task is cancelled
//         LEFT ---the callback settles all the same--> OVER, by `late` for a value
//
// - Exactly one of `done` and `failed` is called, and once. A callback that is over when it returns
//   calls it before the constructor returns.
// - The value does not pass through the outcome of the task: a task that was cancelled ends as
//   cancelled, whatever its function returned, and the item would be lost.
// - The task has no scope of a caller around it, so no cancel of a caller reaches it. It lives until
//   the errand is OVER or LEFT. Its wait shows in tools what the pool waits for.
import type { Deadline } from '../base/index.ts';
import {
  addDeadline,
  deleteDeadline,
  loopTime,
  type Resource,
  spawn,
  type Task,
  TimeoutError,
  Wait,
} from '../core/index.ts';

/** Where errands run: the same object for all of a pool. */
export interface ErrandHome {
  /** The pool, to which their tasks belong. */
  readonly pool: Resource;
  /** Runs a function in the async context in which the pool was made. */
  readonly inContext: <T>(fn: () => T) => T;
}

/** What an errand does. */
export interface ErrandPlan<R> {
  /** The name of the callback. */
  readonly what: string;
  /** Milliseconds. Infinity for no limit. */
  readonly ms: number;
  readonly call: (task: Task<void>) => PromiseLike<R> | R;
  readonly done: (value: R) => void;
  readonly failed: (error: unknown) => void;
  /** Receives a value that came after `failed`. */
  readonly late?: (value: R) => void;
  /** Errands that run. It is in there while it is not over for the pool. */
  readonly among: Set<Errand<R>>;
}

/** One call. It is its own entry in the heap of deadlines. */
export class Errand<R> implements Deadline {
  when: number;
  slot = -1;
  order = 0;
  readonly #home: ErrandHome;
  readonly #plan: ErrandPlan<R>;
  /** Undefined only before the callback is called. */
  #task: Task<void> | undefined = undefined;
  #isRunning = true;
  /** The wait of the task. Undefined while the callback runs its first step. */
  #wait: Wait<void> | undefined = undefined;

  constructor(home: ErrandHome, plan: ErrandPlan<R>) {
    this.#home = home;
    this.#plan = plan;
    this.when = loopTime() + plan.ms;
    plan.among.add(this);
    // The pool in place of a run(): its end ends the pool, and the pool ends its errands. `inline`,
    // because a copy of the context costs 13 us on Node 20 and 22, and `inContext` has left that of
    // the caller already.
    home.inContext(() => spawn<void>((task) => this.#run(task), { name: this, eager: 'inline', program: home.pool }));
    // The callback may have shut the pool down, which added it: see `hurry`.
    if (this.#isRunning && this.when !== Infinity && this.slot === -1) addDeadline(this);
  }

  /** `pool "db" create`: the name of its task, and for messages. */
  get taskName(): string {
    return `${this.#home.pool.label} ${this.#plan.what}`;
  }

  /** Its time is over. Called by the loop. */
  due(): void {
    this.giveUp(new TimeoutError(`${this.taskName} did not end within ${this.#plan.ms} ms`));
  }

  /** Cancels its task, and leaves it at most `ms` milliseconds from now. */
  hurry(ms: number, message: string): void {
    if (!this.#isRunning) return;
    deleteDeadline(this);
    this.when = Math.min(this.when, loopTime() + ms);
    if (this.when !== Infinity) addDeadline(this);
    this.#task?.cancelFor(message, { kind: 'shutdown', by: this.#home.pool });
  }

  /** Leaves it at once: it fails with `error`. Does nothing if it is over. */
  giveUp(error: Error): void {
    if (!this.#isRunning) return;
    this.#task?.cancelFor(`Cancelled: ${error.message}`, { kind: 'timeout', by: this.#home.pool });
    this.#fail(error);
  }

  #run(task: Task<void>): Promise<void> | void {
    this.#task = task;
    let value: PromiseLike<R> | R;
    try {
      value = this.#plan.call(task);
      if (isThenable(value)) {
        Promise.resolve(value).then(
          (result) => this.#succeed(result),
          (error: unknown) => this.#fail(error),
        );
        return this.#untilOver();
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#succeed(value);
  }

  async #untilOver(): Promise<void> {
    while (this.#isRunning) {
      this.#wait = new Wait<void>(`pool.${this.#plan.what}`, this.#home.pool);
      await this.#wait.promise.catch(() => undefined); // a cancel is for the callback
    }
  }

  #succeed(value: R): void {
    if (this.#end()) this.#plan.done(value);
    else this.#plan.late?.(value);
  }

  #fail(error: unknown): void {
    if (this.#end()) this.#plan.failed(error);
  }

  /** Returns false if it was over, or left, before. */
  #end(): boolean {
    if (!this.#isRunning) return false;
    this.#isRunning = false;
    this.#wait?.answer();
    deleteDeadline(this);
    this.#plan.among.delete(this);
    return true;
  }
}

function isThenable<T>(value: PromiseLike<T> | T): value is PromiseLike<T> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function';
}
