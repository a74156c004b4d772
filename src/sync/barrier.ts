// Barrier: a fixed number of tasks wait for each other. Semantics: asyncio.Barrier.
//
// State: `#line` holds the waiters of the current round, always fewer than `parties`. `#broken` is
// true from abort() to reset().
//
// Waiters collect until the last of `parties` arrives. That arrival answers all of them in one
// step, with their indices in order of arrival, and the next round begins. A cancelled waiter only
// leaves: the barrier does not break. Indices stay unique because they are assigned when the round
// ends. (asyncio assigns them on arrival, and can assign one twice after a cancel.)
//
// Example, with 3 parties: A waits, B waits, A is cancelled, C waits. The line is B, C: no round
// has ended. D arrives, and B, C and D resolve to 0, 1 and 2.
import { type Check, integer } from '../base/index.ts';
import {
  answeredWait,
  beginWait,
  BrokenBarrierError,
  Line,
  mayAnswer,
  QueuedWait,
  Resource,
  type ResourceOptions,
  type WaitOptions,
} from '../core/index.ts';

const count: Check = integer(1);

/**
 * A meeting point for `parties` tasks: all of them continue once all have arrived. Reusable: the
 * next round begins at once. asyncio: `Barrier`.
 *
 * @example
 * ```ts
 * import { Barrier, TaskGroup } from 'maitre';
 * const barrier = new Barrier(3);
 * await TaskGroup.run((group) => {
 *   for (let i = 0; i < 3; i++) group.createTask(async () => console.log(await barrier.wait())); // 0, 1, 2
 * });
 * ```
 */
export class Barrier extends Resource {
  readonly #parties: number;
  /** True from abort() to reset(). Every wait rejects then. */
  #broken = false;
  /** The waiters of this round, in the order of arrival. Always fewer than `parties`. */
  readonly #line = new Line<number>();

  /**
   * Makes a barrier at which nobody waits.
   * @param parties the number of tasks that meet, an integer >= 1
   * @throws RangeError or TypeError if `parties` is anything else
   */
  constructor(parties: number, options?: ResourceOptions) {
    super(options);
    count('create barrier', 'parties', parties);
    this.#parties = parties;
  }

  get kind(): 'barrier' {
    return 'barrier';
  }

  /** The number of tasks that meet. asyncio: `Barrier.parties`. */
  get parties(): number {
    return this.#parties;
  }

  /** The number of tasks that wait now. asyncio: `Barrier.n_waiting`. */
  get nWaiting(): number {
    return this.#line.size;
  }

  /** True from `abort()` until `reset()`. */
  get broken(): boolean {
    return this.#broken;
  }

  /**
   * Waits until `parties` tasks wait, this one included. Resolves to the position of this task in
   * the order of arrival, from 0. Cancellable, without harm to the others. asyncio: `Barrier.wait`.
   * @throws BrokenBarrierError if the barrier is broken, or is aborted or reset during the wait
   * @throws CancelledError
   */
  wait(options?: WaitOptions): Promise<number> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#broken)
      return Promise.reject(new BrokenBarrierError('Cannot wait: the barrier is broken, reset() mends it'));
    if (this.#line.size < this.#parties - 1) return this.#line.join(new QueuedWait('barrier.wait', this, options));
    let index = 0;
    while (this.#line.answerFirst(index)) index++;
    return mayAnswer(options) ? Promise.resolve(index) : answeredWait('barrier.wait', this, index, options);
  }

  /**
   * Rejects all waits with BrokenBarrierError and starts an empty round. Also repairs a broken
   * barrier. asyncio: `Barrier.reset`.
   */
  reset(): void {
    this.#broken = false;
    this.#sendAway('it was reset');
  }

  /**
   * Breaks the barrier: rejects all waits, and every later one until `reset()`, with
   * BrokenBarrierError. asyncio: `Barrier.abort`.
   */
  abort(): void {
    this.#broken = true;
    this.#sendAway('it was aborted');
  }

  /**
   * Returns the number of tasks that meet, the number that wait now, and whether the barrier is
   * broken.
   */
  statistics(): { readonly parties: number; readonly waiting: number; readonly broken: boolean } {
    return { parties: this.#parties, waiting: this.#line.size, broken: this.#broken };
  }

  /** Rejects every wait of this round. */
  #sendAway(what: string): void {
    this.#line.failAll(() => new BrokenBarrierError(`Waiting at the barrier ended: ${what}`));
  }
}
