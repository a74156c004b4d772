// Lock: one holder at a time, handed over in the order of asking. Semantics: asyncio.Lock, strictly fair.
//
// `#hold` is who has it; free is undefined. Waiters exist only while it is held: release() makes the first waiter's hold
// the current one before that task has gone on, so nobody can come in between. A waiter that is cancelled after that
// passes its hold on when its cancel is delivered.
import {
  beginWait,
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

/** One holding of a lock: disposing it releases the lock, if it is still this hold that has it. */
export class Hold implements Disposable {
  readonly #lock: Lock;
  /** Who asked for it; undefined outside of tasks. */
  readonly task: Task<unknown> | undefined;
  /** When it began, on the loop's clock, milliseconds; for one that spans a Condition's wait, when it began again. Written by the lock. */
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

export interface LockStatistics {
  readonly locked: boolean;
  /** Who holds it, if a task does. */
  readonly owner: Task<unknown> | undefined;
  /** For how long, milliseconds; 0 when free. */
  readonly heldFor: number;
  /** How many wait. */
  readonly waiting: number;
}

/**
 * Mutual exclusion between tasks. Strictly first come, first served; a cancelled waiter leaves without a trace. It is not
 * re-entrant. asyncio: `Lock`.
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
  readonly #line = new Line<Hold, LockWait>();
  #hold: Hold | undefined = undefined;

  get kind(): 'lock' {
    return 'lock';
  }

  /** Waits until the lock is free and takes it. The result releases it when disposed, once. Cancellable. */
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

  /** Hands the lock to the first waiter, or frees it. @throws InvalidStateError when it is not held */
  release(): void {
    if (this.#hold === undefined) throw new InvalidStateError(`Cannot release ${this.label}: it is not held`);
    const next = this.#line.shift();
    this.#hold = next === undefined ? undefined : new Hold(this, next.task as Task<unknown> | undefined); // only tasks wait
    if (next === undefined) this.setHeld(false);
    else next.answer(this.#hold as Hold); // made just now
  }

  locked(): boolean {
    return this.#hold !== undefined;
  }

  statistics(): LockStatistics {
    const hold = this.#hold;
    return {
      locked: hold !== undefined,
      owner: hold?.task,
      heldFor: hold === undefined ? 0 : loopTime() - hold.since,
      waiting: this.#line.size,
    };
  }

  /** The current hold. @internal */
  get hold(): Hold | undefined {
    return this.#hold;
  }

  /** Puts an earlier hold in the place of the current one: after a Condition's wait the hold taken before it goes on. @internal */
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
