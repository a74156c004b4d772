// Semaphore: a fixed number of permits, first come, first served. Semantics: asyncio.Semaphore,
// strictly fair.
//
// State: `#value` counts free permits. `#line` holds the waiters; they exist only while `#value` is
// 0.
//
// release() passes its permit to the first waiter directly, before that task has resumed, so nobody
// can overtake it. If that waiter is cancelled before it has resumed, it passes the permit on when
// its cancel is delivered.
import { type Check, disposable, integer } from '../base/index.ts';
import {
  beginWait,
  Line,
  mayAnswer,
  QueuedWait,
  Resource,
  type ResourceOptions,
  type WaitOptions,
} from '../core/index.ts';

const permits: Check = integer(0);

class SemaphoreWait extends QueuedWait<Disposable> {
  protected override withdraw(answered: boolean, permit: Disposable): void {
    if (answered) permit[Symbol.dispose]();
    else super.withdraw(answered, permit);
  }
}

/**
 * Limits the number of concurrent holders to `value`. asyncio: `Semaphore`.
 *
 * @example
 * ```ts
 * import { Semaphore, sleep, TaskGroup } from 'maitre';
 * const two = new Semaphore(2);
 * await TaskGroup.run((group) => {
 *   for (let i = 0; i < 6; i++) {
 *     group.createTask(async () => {
 *       using _ = await two.acquire();
 *       await sleep(10);
 *     });
 *   }
 * });
 * ```
 */
export class Semaphore extends Resource {
  /** The number of free permits. It may exceed the initial value: releases need no acquire. */
  #value: number;
  /** The number of permits that are out. */
  #held = 0;
  /** The waiters, in the order of their calls. Empty while a permit is free. */
  readonly #line = new Line<Disposable, SemaphoreWait>();

  /**
   * Makes a semaphore.
   * @param value the number of permits, an integer >= 0; defaults to 1
   * @throws RangeError or TypeError if `value` is anything else
   */
  constructor(value = 1, options?: ResourceOptions) {
    super(options);
    permits('create semaphore', 'value', value);
    this.#value = value;
  }

  get kind(): 'semaphore' {
    return 'semaphore';
  }

  /**
   * Waits for a permit and takes it. Dispose the result to release the permit; disposing it again
   * does nothing. Cancellable. asyncio: `Semaphore.acquire`.
   * @throws CancelledError
   */
  acquire(options?: WaitOptions): Promise<Disposable> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#value === 0) return this.#line.join(new SemaphoreWait('semaphore.acquire', this, options));
    this.#value--;
    this.setHeld(++this.#held > 0);
    if (mayAnswer(options)) return Promise.resolve(this.#permit());
    const wait = new SemaphoreWait('semaphore.acquire', this, options);
    wait.answer(this.#permit());
    return wait.promise;
  }

  /**
   * Passes a permit to the first waiter, or adds it to the free ones. asyncio: `Semaphore.release`.
   */
  release(): void {
    if (this.#line.size > 0) {
      this.#line.answerFirst(this.#permit());
      return;
    }
    this.#value++;
    if (this.#held > 0) this.setHeld(--this.#held > 0); // a release need not follow an acquire
  }

  /** Returns true if `acquire` would wait. asyncio: `Semaphore.locked`. */
  locked(): boolean {
    return this.#value === 0;
  }

  /** Returns the number of free permits and the number of tasks that wait. */
  statistics(): { readonly value: number; readonly waiting: number } {
    return { value: this.#value, waiting: this.#line.size };
  }

  #permit(): Disposable {
    return disposable(() => this.release());
  }
}

/**
 * A Semaphore that rejects more releases than acquires. Use it when permits stand for real things.
 * asyncio: `BoundedSemaphore`.
 *
 * @example
 * ```ts
 * import { BoundedSemaphore } from 'maitre';
 * const printers = new BoundedSemaphore(2);
 * await printers.acquire();
 * printers.release();
 * try {
 *   printers.release();
 * } catch (error) {
 *   console.log((error as Error).name); // RangeError
 * }
 * ```
 */
export class BoundedSemaphore extends Semaphore {
  /** The initial value, which the number of free permits must not exceed. */
  readonly #bound: number;

  constructor(value = 1, options?: ResourceOptions) {
    super(value, options);
    this.#bound = value;
  }

  /**
   * Releases a permit, as `Semaphore.release`.
   * @throws RangeError if every permit is free already
   */
  override release(): void {
    if (this.statistics().value >= this.#bound) {
      throw new RangeError(`Cannot release semaphore: all of its ${this.#bound} permits are free already`);
    }
    super.release();
  }
}
