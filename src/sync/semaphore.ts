// Semaphore: a fixed number of permits, first come, first served. Semantics: asyncio.Semaphore,
// strictly fair.
//
// State: `#value` counts free permits. `#line` holds the waiters; they exist only while `#value` is
// 0. `#out` has the permits that are out, the first granted first.
//
// release() passes its permit to the first waiter directly, before that task has resumed, so nobody
// can overtake it. If that waiter is cancelled before it has resumed, it passes the permit on when
// its cancel is delivered.
//
// A permit knows its task, so that a console can say who holds the semaphore. A release() without
// its permit returns that of the current task, or else the first: which one it is matters to the
// console alone.
import { type Check, integer, type Linked, LinkedSet } from '../base/index.ts';
import {
  beginWait,
  type Holder,
  Line,
  loopTime,
  mayAnswer,
  QueuedWait,
  Resource,
  type ResourceOptions,
  type TaskRecord,
  type WaitOptions,
  waiterOf,
} from '../core/index.ts';

const permits: Check = integer(0);

/** How many permits a release() looks at for that of its task. */
const LOOK_AT = 16;

/** One permit that is out. */
class Permit implements Disposable, Linked, Holder {
  // Only LinkedSet writes these.
  previous: Linked | undefined = undefined;
  next: Linked | undefined = undefined;
  list: object | undefined = undefined;
  readonly #semaphore: Semaphore;
  readonly task: TaskRecord | undefined;
  readonly since: number = loopTime();
  /** True once it was disposed. */
  isReturned = false;

  constructor(semaphore: Semaphore, task: TaskRecord | undefined) {
    this.#semaphore = semaphore;
    this.task = task;
  }

  [Symbol.dispose](): void {
    if (this.isReturned) return;
    this.isReturned = true;
    // release() takes the first one that was returned.
    const list = this.list as LinkedSet<Permit> | undefined; // only such a list adds it
    if (list?.delete(this) === true) list.addFirst(this);
    this.#semaphore.release();
  }
}

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
  readonly #out = new LinkedSet<Permit>();
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
    const permit = this.#grant(waiterOf(options));
    this.setHeld(true);
    if (mayAnswer(options)) return Promise.resolve(permit);
    const wait = new SemaphoreWait('semaphore.acquire', this, options);
    wait.answer(permit);
    return wait.promise;
  }

  /**
   * Passes a permit to the first waiter, or adds it to the free ones. asyncio: `Semaphore.release`.
   */
  release(): void {
    this.#takeBack();
    const next = this.#line.shift();
    if (next !== undefined) {
      next.answer(this.#grant(next.task));
      return;
    }
    this.#value++;
    this.setHeld(this.#out.size > 0);
  }

  /** Returns true if `acquire` would wait. asyncio: `Semaphore.locked`. */
  locked(): boolean {
    return this.#value === 0;
  }

  /** Returns the number of free permits and the number of tasks that wait. */
  statistics(): { readonly value: number; readonly waiting: number } {
    return { value: this.#value, waiting: this.#line.size };
  }

  override holders(): Iterable<Holder> {
    return this.#out;
  }

  #grant(task: TaskRecord | undefined): Permit {
    const permit = new Permit(this, task);
    this.#out.add(permit);
    return permit;
  }

  /** Removes one permit from those that are out, if any is: a release need not follow an acquire. */
  #takeBack(): void {
    const first = this.#out.first;
    if (first === undefined) return;
    this.#out.delete(first.isReturned ? first : (this.#ofCurrentTask() ?? first));
  }

  #ofCurrentTask(): Permit | undefined {
    const task = waiterOf(undefined);
    let looked = 0;
    for (const permit of this.#out) {
      if (permit.task === task) return permit;
      if (++looked === LOOK_AT) break;
    }
    return undefined;
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
