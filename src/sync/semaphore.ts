// Semaphore: so many permits, handed out in the order of asking. Semantics: asyncio.Semaphore, strictly fair.
//
// `#value` counts free permits. Waiters exist only while it is 0: release() gives its permit to the first waiter directly,
// before that task has gone on. A waiter cancelled after that passes the permit on when its cancel is
// delivered.
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
 * At most `value` holders at a time. asyncio: `Semaphore`.
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
  #value: number;
  /** Permits that are out. */
  #held = 0;
  readonly #line = new Line<Disposable, SemaphoreWait>();

  /** @param value the permits, an integer >= 0; default 1 */
  constructor(value = 1, options?: ResourceOptions) {
    super(options);
    permits('create semaphore', 'value', value);
    this.#value = value;
  }

  get kind(): 'semaphore' {
    return 'semaphore';
  }

  /** Waits for a permit and takes it. The result returns it when it is disposed, once. Cancellable. */
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

  /** Gives a permit to the first waiter, or adds it to the free ones. */
  release(): void {
    if (this.#line.size > 0) {
      this.#line.answerFirst(this.#permit());
      return;
    }
    this.#value++;
    if (this.#held > 0) this.setHeld(--this.#held > 0); // a release need not follow an acquire
  }

  /** True when acquire would wait. */
  locked(): boolean {
    return this.#value === 0;
  }

  statistics(): { readonly value: number; readonly waiting: number } {
    return { value: this.#value, waiting: this.#line.size };
  }

  #permit(): Disposable {
    return disposable(() => this.release());
  }
}

/** A Semaphore that refuses more releases than acquires: for permits that stand for real things. asyncio: `BoundedSemaphore`. */
export class BoundedSemaphore extends Semaphore {
  readonly #bound: number;

  constructor(value = 1, options?: ResourceOptions) {
    super(value, options);
    this.#bound = value;
  }

  /** @throws RangeError when every permit is back already */
  override release(): void {
    if (this.statistics().value >= this.#bound) {
      throw new RangeError(`Cannot release semaphore: all of its ${this.#bound} permits are free already`);
    }
    super.release();
  }
}
