// Sequencer: runs steps of several tasks in one fixed order. trio: `Sequencer`.
import { type Check, integer } from '../base/index.ts';
import { waiting, type WaitOptions } from '../core/index.ts';
import { Event } from '../sync/index.ts';

const stepNumber: Check = integer(0);

/**
 * Makes tasks take turns: `step(n)` waits until `step(n - 1)` was disposed. For tests that need one
 * exact interleaving. trio: `Sequencer`.
 *
 * @example
 * ```ts
 * import { TaskGroup } from 'maitre';
 * import { Sequencer } from 'maitre/testing';
 * const sequencer = new Sequencer();
 * await TaskGroup.run((group) => {
 *   group.createTask(async () => { using _ = await sequencer.step(1); console.log('second'); });
 *   group.createTask(async () => { using _ = await sequencer.step(0); console.log('first'); });
 * });
 * ```
 */
export class Sequencer {
  readonly #ended = new Map<number, Event>();
  readonly #begun = new Set<number>();

  /**
   * Waits for step `n`. Dispose the result to begin the next step. Use each number once.
   * Cancellable.
   * @param n the number of the step, from 0
   * @throws CancelledError
   */
  step(n: number, options?: WaitOptions): Promise<Disposable> {
    return waiting(this.#step(n, options));
  }

  /** `<Sequencer 3 steps begun>`, for logs. */
  toString(): string {
    return `<Sequencer ${this.#begun.size} steps begun>`;
  }

  async #step(n: number, options: WaitOptions | undefined): Promise<Disposable> {
    stepNumber('take step', '', n);
    if (this.#begun.has(n)) throw new RangeError(`Cannot take step ${n}: it was taken already`);
    this.#begun.add(n);
    if (n > 0) await this.#end(n - 1).wait(options);
    return { [Symbol.dispose]: () => this.#end(n).set() };
  }

  #end(n: number): Event {
    let event = this.#ended.get(n);
    if (event === undefined) this.#ended.set(n, (event = new Event()));
    return event;
  }
}
