// Lock: one holder at a time, first come, first served. Semantics: asyncio.Lock, strictly fair.
//
// State: `#hold` is the current hold, or undefined while the lock is free. `#line` holds the
// waiters; they exist only while the lock is held.
//
// release() makes the hold of the first waiter the current one, before that task has resumed. So
// nobody can overtake it: at no moment between is the lock free. If that waiter is cancelled before
// it has resumed, it passes the lock on when its cancel is delivered.
//
// Example: A holds, B and C wait. A releases: B's hold is current, B has not run yet. B is
// cancelled: when its cancel is delivered, B's hold is disposed, which makes C's hold the current
// one.
import {
  beginWait,
  type Holder,
  InvalidStateError,
  Line,
  loopTime,
  mayAnswer,
  QueuedWait,
  Resource,
  type Task,
  type WaitOptions,
  waiterOf,
} from '../core/index.ts';

/**
 * One holding of a lock. Disposing it releases the lock, if this is still the lock's current hold;
 * otherwise it does nothing.
 *
 * @example
 * ```ts
 * import { Lock } from 'maitre';
 * const lock = new Lock();
 * const hold = await lock.acquire();
 * hold[Symbol.dispose](); // or: using hold = await lock.acquire()
 * console.log(lock.locked()); // false
 * ```
 */
export class Hold implements Disposable {
  readonly #lock: Lock;
  /** The task that holds the lock. Undefined outside of tasks. */
  readonly task: Task<unknown> | undefined;
  /**
   * The time at which it began, in milliseconds on the loop's clock. After a wait of a Condition,
   * the time at which the lock was taken again. The lock writes it.
   */
  since: number = loopTime();

  constructor(lock: Lock, task: Task<unknown> | undefined) {
    this.#lock = lock;
    this.task = task;
  }

  [Symbol.dispose](): void {
    if (this.#lock.hold === this) this.#lock.release();
  }
}

class LockWait extends QueuedWait<Hold> {
  protected override withdraw(answered: boolean, hold: Hold): void {
    if (answered) hold[Symbol.dispose]();
    else super.withdraw(answered, hold);
  }
}

/** The figures of a lock. */
export interface LockStatistics {
  readonly locked: boolean;
  /** The task that holds the lock, if a task does. */
  readonly owner: Task<unknown> | undefined;
  /** How long it has been held, in milliseconds. 0 while it is free. */
  readonly heldFor: number;
  /** The number of tasks that wait. */
  readonly waiting: number;
}

/**
 * Mutual exclusion between tasks, strictly first come, first served. A cancelled waiter leaves
 * without a trace. The lock is not re-entrant: a task that acquires it twice waits for itself.
 * asyncio: `Lock`.
 *
 * @example
 * ```ts
 * import { Lock } from 'maitre';
 * const lock = new Lock();
 * {
 *   using _ = await lock.acquire();
 *   console.log(lock.locked()); // true
 * }
 * console.log(lock.locked()); // false
 * ```
 */
export class Lock extends Resource {
  /** The waiters, in the order of their calls. Empty while the lock is free. */
  readonly #line = new Line<Hold, LockWait>();
  /**
   * The current hold. Undefined while the lock is free. Written by acquire(), release() and
   * restore().
   */
  #hold: Hold | undefined = undefined;

  get kind(): 'lock' {
    return 'lock';
  }

  /**
   * Waits until the lock is free and takes it. Dispose the result to release the lock; disposing it
   * again does nothing. Cancellable. asyncio: `Lock.acquire`.
   * @throws CancelledError
   */
  acquire(options?: WaitOptions): Promise<Hold> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#hold !== undefined) return this.#line.join(new LockWait('lock.acquire', this, options));
    const hold = new Hold(this, waiterOf(options) as Task<unknown> | undefined); // only tasks wait
    this.#hold = hold;
    this.setHeld(true);
    if (mayAnswer(options)) return Promise.resolve(hold);
    const wait = new LockWait('lock.acquire', this, options);
    wait.answer(hold);
    return wait.promise;
  }

  /**
   * Hands the lock to the first waiter, or frees it. asyncio: `Lock.release`.
   * @throws InvalidStateError if the lock is not held
   */
  release(): void {
    if (this.#hold === undefined) throw new InvalidStateError(`Cannot release ${this.label}: it is not held`);
    const next = this.#line.shift();
    this.#hold = next === undefined ? undefined : new Hold(this, next.task as Task<unknown> | undefined); // only tasks wait
    if (next === undefined) this.setHeld(false);
    else next.answer(this.#hold as Hold); // made two lines above
  }

  /** Returns true while the lock is held. asyncio: `Lock.locked`. */
  locked(): boolean {
    return this.#hold !== undefined;
  }

  /** Returns who holds the lock, for how long, and how many tasks wait. */
  statistics(): LockStatistics {
    const hold = this.#hold;
    return {
      locked: hold !== undefined,
      owner: hold?.task,
      heldFor: hold === undefined ? 0 : loopTime() - hold.since,
      waiting: this.#line.size,
    };
  }

  override holders(): Iterable<Holder> {
    return this.#hold === undefined ? [] : [this.#hold];
  }

  /** The current hold. @internal */
  get hold(): Hold | undefined {
    return this.#hold;
  }

  /**
   * Makes an earlier hold the current one again. A Condition calls it after its wait, so that the
   * hold from before the wait stays valid. @internal
   */
  restore(hold: Hold): void {
    if (this.#hold !== undefined) hold.since = this.#hold.since;
    this.#hold = hold;
  }

  /** `locked by Task "a", 3 waiting`. */
  protected override describeState(): string {
    const hold = this.#hold;
    return hold === undefined ? 'unlocked' : `locked by ${hold.task?.label ?? 'somebody'}, ${this.#line.size} waiting`;
  }
}
