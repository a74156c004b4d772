// Barrier: tasks wait for each other. Semantics: asyncio.Barrier.
//
// Waiters gather until the last of `parties` arrives; all go on in that step, with their indices in order of arrival, and
// the next round begins. A cancelled waiter just leaves: the barrier does not break, and indices stay unique because they
// are given at the end of the round. (asyncio gives them at arrival, and can give one twice after a cancel.)
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
export class Barrier extends Resource {
  readonly #parties: number;
  #broken = false;
  readonly #line = new Line<number>();

  /** @param parties how many tasks meet, an integer >= 1 */
  constructor(parties: number, options?: ResourceOptions) {
    super(options);
    count('create barrier', 'parties', parties);
    this.#parties = parties;
  }

  get kind(): 'barrier' {
    return 'barrier';
  }

  get parties(): number {
    return this.#parties;
  }

  /** How many wait now. */
  get nWaiting(): number {
    return this.#line.size;
  }

  /** True after abort(), until reset(). */
  get broken(): boolean {
    return this.#broken;
  }

  /**
   * Waits until `parties` tasks do, and resolves to the order of this one's arrival, from 0. Cancellable, without harm to others.
   * @throws BrokenBarrierError when the barrier is or gets broken, or is reset
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
    return { parties: this.#parties, waiting: this.#line.size, broken: this.#broken };
  }

  #sendAway(what: string): void {
    this.#line.failAll(() => new BrokenBarrierError(`Waiting at the barrier ended: ${what}`));
  }
}
