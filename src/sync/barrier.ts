// Barrier: tasks wait for each other. Semantics: asyncio.Barrier.
//
// Waiters gather until the last of `parties` arrives; all go on in that step, with their indices in order of arrival, and
// the next round begins. A cancelled waiter just leaves: the barrier does not break, and indices stay unique because they
// are given at the end of the round. (asyncio gives them at arrival, and can give one twice after a cancel.)
import { describe, LinkedSet } from '../base/index.ts';
import { BrokenBarrierError, checkpoint, QueuedWait, type WaitOptions } from '../core/index.ts';

/**
 * A meeting point for `parties` tasks. asyncio: `Barrier`.
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
export class Barrier {
  readonly #parties: number;
  #broken = false;
  readonly #waiters = new LinkedSet<QueuedWait<number>>();

  /** @param parties how many tasks meet, an integer >= 1 */
  constructor(parties: number) {
    const message = `Cannot create barrier: parties must be an integer >= 1, got ${describe(parties)}`;
    if (typeof parties !== 'number') throw new TypeError(message);
    if (!Number.isInteger(parties) || parties < 1) throw new RangeError(message);
    this.#parties = parties;
  }

  get parties(): number {
    return this.#parties;
  }

  /** How many wait now. */
  get nWaiting(): number {
    return this.#waiters.size;
  }

  /** True after abort(), until reset(). */
  get broken(): boolean {
    return this.#broken;
  }

  /**
   * Waits until `parties` tasks do, and gives the order of this one's arrival, from 0. Cancellable, without harm to others.
   * @throws BrokenBarrierError when the barrier is or gets broken, or is reset
   */
  wait(options?: WaitOptions): Promise<number> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.#broken)
      return Promise.reject(new BrokenBarrierError('Cannot wait: the barrier is broken, reset() mends it'));
    if (this.#waiters.size === this.#parties - 1) {
      let index = 0;
      for (let wait = this.#waiters.shift(); wait !== undefined; wait = this.#waiters.shift()) wait.answer(index++);
      return Promise.resolve(index);
    }
    const wait = new QueuedWait<number>('barrier.wait', this, options);
    this.#waiters.add(wait);
    return wait.promise;
  }

  /** Sends those who wait away with BrokenBarrierError and begins anew; mends a broken barrier. */
  reset(): void {
    this.#broken = false;
    this.#sendAway('it was reset');
  }

  /** Breaks the barrier: those who wait, and all who come until reset(), get BrokenBarrierError. */
  abort(): void {
    this.#broken = true;
    this.#sendAway('it was aborted');
  }

  statistics(): { readonly parties: number; readonly waiting: number; readonly broken: boolean } {
    return { parties: this.#parties, waiting: this.#waiters.size, broken: this.#broken };
  }

  /** `barrier with 2 of 3 waiting`, for messages. */
  toString(): string {
    return `barrier with ${this.#waiters.size} of ${this.#parties} waiting${this.#broken ? ', broken' : ''}`;
  }

  #sendAway(what: string): void {
    for (let wait = this.#waiters.shift(); wait !== undefined; wait = this.#waiters.shift()) {
      wait.fail(new BrokenBarrierError(`Waiting at the barrier ended: ${what}`));
    }
  }
}
