// Condition: wait until what a lock protects has changed. Semantics: asyncio.Condition (3.13).
//
// wait() releases the lock, waits for a notification, and acquires the lock again *whatever
// happens*. Even if it is cancelled several times, it holds the lock when it ends, and throws the
// last cancellation: otherwise the caller's `using` could not release the lock. The hold that
// the caller had before becomes the lock's hold again, so `using hold = await condition.acquire()`
// spans any number of waits.
//
// No notification is lost: a task that was notified and then cancelled, in its wait or while it
// acquires the lock again, notifies the next waiter.
//
// Example: A and B wait, C holds the lock and calls notify(), which answers A. A is cancelled
// before it has the lock again. A still acquires it, notifies B, and throws its CancelledError; B
// continues once A has released.
import { callback, wrongValue } from '../base/index.ts';
import {
  beginWait,
  CancelledError,
  InvalidStateError,
  Line,
  QueuedWait,
  Resource,
  type ResourceOptions,
  waiting,
  type WaitOptions,
} from '../core/index.ts';
import { type Hold, Lock } from './lock.ts';

class ConditionWait extends QueuedWait<void> {
  protected override withdraw(answered: boolean, value: void): void {
    if (answered) notifyOne(this.resource as Condition); // the constructor call below passes `this`, a condition
    else super.withdraw(answered, value);
  }
}

let notifyOne: (condition: Condition) => void; // set by the static block of the class

/**
 * A lock, and a way to wait until what it protects has changed. asyncio: `Condition`.
 *
 * @example
 * ```ts
 * import { Condition, createTask } from 'maitre';
 * const condition = new Condition();
 * let food = 0;
 * const guest = createTask(async () => {
 *   using _ = await condition.acquire();
 *   await condition.waitFor(() => food > 0);
 *   console.log('eating');
 * });
 * {
 *   using _ = await condition.acquire();
 *   food = 1;
 *   condition.notify();
 * }
 * await guest;
 * ```
 */
export class Condition extends Resource {
  /** Protects what the condition is about. May be shared. */
  readonly #lock: Lock;
  /**
   * The tasks that wait for a notification. Those that wait for the lock again are in the line of
   * the lock.
   */
  readonly #line = new Line<void, ConditionWait>();

  static {
    notifyOne = (condition): void => condition.#wake(1);
  }

  /**
   * Makes a condition.
   * @param lock the lock to use, possibly shared with other conditions; defaults to a new one
   * @throws TypeError if it is not a Lock
   */
  constructor(lock: Lock = new Lock(), options?: ResourceOptions) {
    super(options);
    if (!(lock instanceof Lock)) throw wrongValue('create condition', '', 'a Lock', lock);
    this.#lock = lock;
  }

  get kind(): 'condition' {
    return 'condition';
  }

  /** Waits for the lock and takes it. See `Lock.acquire`. */
  acquire(options?: WaitOptions): Promise<Hold> {
    return this.#lock.acquire(options);
  }

  /** Releases the lock. See `Lock.release`. */
  release(): void {
    this.#lock.release();
  }

  /** Returns true while the lock is held. asyncio: `Condition.locked`. */
  locked(): boolean {
    return this.#lock.locked();
  }

  /**
   * Releases the lock, waits for a notification, and takes the lock again. Spurious wake-ups are
   * possible: test what you wait for, or use `waitFor`. Cancellable; the lock is held again when it
   * rejects. asyncio: `Condition.wait`.
   * @throws InvalidStateError if the lock is not held
   * @throws CancelledError, with the lock held
   */
  wait(options?: WaitOptions): Promise<true> {
    return waiting(this.#wait(options));
  }

  async #wait(options: WaitOptions | undefined): Promise<true> {
    const hold = this.#held('wait on condition');
    const refused = beginWait(options);
    if (refused !== undefined) await refused;
    const wait = this.#line.join(new ConditionWait('condition.wait', this, options));
    this.#lock.release();
    let cancelled: CancelledError | undefined;
    let notified = false;
    try {
      await wait;
      notified = true;
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error; // this wait throws nothing else
      cancelled = error;
    }
    for (;;) {
      try {
        await this.#lock.acquire();
        break;
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error; // acquire throws nothing else
        cancelled = error;
      }
    }
    this.#lock.restore(hold);
    if (cancelled === undefined) return true;
    if (notified) this.#wake(1);
    throw cancelled;
  }

  /**
   * Waits until `predicate()` is truthy, and resolves to its value. Calls it with the lock held:
   * first at once, then after each notification. Cancellable; the lock is held again when it
   * rejects. asyncio: `Condition.wait_for`.
   * @throws InvalidStateError if the lock is not held and the predicate is falsy
   * @throws what the predicate throws
   * @throws CancelledError, with the lock held
   */
  waitFor<T>(predicate: () => T, options?: WaitOptions): Promise<T> {
    return waiting(this.#waitFor(predicate, options));
  }

  async #waitFor<T>(predicate: () => T, options: WaitOptions | undefined): Promise<T> {
    callback('wait on condition', 'the predicate', predicate);
    let value = predicate();
    while (!value) {
      await this.#wait(options);
      value = predicate();
    }
    return value;
  }

  /**
   * Wakes up to `n` waiting tasks, in the order in which they began to wait. They continue once the
   * lock is released. asyncio: `Condition.notify`.
   * @throws InvalidStateError if the lock is not held
   */
  notify(n = 1): void {
    this.#held('notify condition');
    this.#wake(n);
  }

  /**
   * Wakes all waiting tasks. asyncio: `Condition.notify_all`.
   * @throws InvalidStateError if the lock is not held
   */
  notifyAll(): void {
    this.notify(Infinity);
  }

  /** Returns whether the lock is held, and the number of tasks that wait for a notification. */
  statistics(): { readonly locked: boolean; readonly waiting: number } {
    return { locked: this.#lock.locked(), waiting: this.#line.size };
  }

  #wake(n: number): void {
    for (let left = n; left > 0 && this.#line.answerFirst(); left--);
  }

  #held(action: string): Hold {
    const { hold } = this.#lock;
    if (hold === undefined) throw new InvalidStateError(`Cannot ${action}: its lock is not held, acquire it first`);
    return hold;
  }
}
