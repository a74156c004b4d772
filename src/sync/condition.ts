// Condition: wait for a change of what a lock protects. Semantics: asyncio.Condition (3.13).
//
// wait() gives the lock up, waits to be notified, and takes the lock again *whatever happens*: cancelled once or ten times,
// it still ends holding the lock, with the last cancellation thrown. The hold that the caller took before is the lock's
// hold again, so `using hold = await condition.acquire()` spans any number of waits.
// A task that was notified and then cancelled, at its wait or while taking the lock again, notifies another one.
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
    if (answered) notifyOne(this.resource as Condition); // made with `this` of a condition below
    else super.withdraw(answered, value);
  }
}

let notifyOne: (condition: Condition) => void; // set by the class

/**
 * A lock, and waiting for somebody to say that what it protects has changed. asyncio: `Condition`.
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
  readonly #lock: Lock;
  readonly #line = new Line<void, ConditionWait>();

  static {
    notifyOne = (condition): void => condition.#wake(1);
  }

  /** @param lock a lock to share; its own by default */
  constructor(lock: Lock = new Lock(), options?: ResourceOptions) {
    super(options);
    if (!(lock instanceof Lock)) throw wrongValue('create condition', '', 'a Lock', lock);
    this.#lock = lock;
  }

  get kind(): 'condition' {
    return 'condition';
  }

  /** Takes the lock. See Lock.acquire. */
  acquire(options?: WaitOptions): Promise<Hold> {
    return this.#lock.acquire(options);
  }

  /** Releases the lock. See Lock.release. */
  release(): void {
    this.#lock.release();
  }

  locked(): boolean {
    return this.#lock.locked();
  }

  /**
   * Gives the lock up, waits for a notify, takes the lock again. Wake-ups without a reason are possible: test what you
   * wait for, or use waitFor. @throws InvalidStateError when the lock is not held; CancelledError, holding the lock
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
      if (!(error instanceof CancelledError)) throw error; // nothing else is thrown by this wait
      cancelled = error;
    }
    for (;;) {
      try {
        await this.#lock.acquire();
        break;
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error; // nothing else is thrown by acquire
        cancelled = error;
      }
    }
    this.#lock.restore(hold);
    if (cancelled === undefined) return true;
    if (notified) this.#wake(1);
    throw cancelled;
  }

  /** Waits until `predicate()` is truthy and resolves to its value. It is called with the lock held. */
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

  /** Wakes up to `n` waiting tasks, the longest waiting first. @throws InvalidStateError when the lock is not held */
  notify(n = 1): void {
    this.#held('notify condition');
    this.#wake(n);
  }

  /** Wakes all waiting tasks. @throws InvalidStateError when the lock is not held */
  notifyAll(): void {
    this.notify(Infinity);
  }

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
