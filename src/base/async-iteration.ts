// AsyncIteration: the base of every async iterator of this package. They are classes, because an
// async generator runs one `next()` at a time, and its `return()` waits for that one. Here
// `return()` takes the waiting `next()` back instead.
//
// States: OPEN -(return(), throw(), disposal, or a step that finds the end)-> ENDED. ENDED is
// final.
//
// - In OPEN, each `next()` takes a step at once, even while another one waits. The step decides
//   what that means: readers reject the second one with BusyError, and queues serve both in order.
// - `end()` runs once, within the call that ends the iteration. It takes back each step that waits.
//   That `next()` resolves as done, and the item, line or datagram that it would have taken stays
//   where it is.
// - In ENDED, `next()` resolves as done and takes no step.

/**
 * An async iterator over what `step` finds. Leaving the loop ends it, and so do `throw` and `await
 * using`.
 *
 * @example
 * ```ts
 * import { sleep } from 'maitre';
 * import { AsyncIteration } from 'maitre/lowlevel';
 * class Bells extends AsyncIteration<number> {
 *   #rung = 0;
 *   protected override async step(): Promise<IteratorResult<number, undefined>> {
 *     await sleep(5);
 *     return this.#rung === 3 ? this.return() : { done: false, value: ++this.#rung };
 *   }
 * }
 * for await (const bell of new Bells()) console.log(bell);
 * ```
 */
export abstract class AsyncIteration<T> implements AsyncIterableIterator<T, undefined>, AsyncDisposable {
  #ended = false;

  /**
   * True once the iteration has ended. A step that waited meanwhile must resolve to
   * `this.return()`.
   */
  protected get ended(): boolean {
    return this.#ended;
  }

  /**
   * Takes one step. Override it to resolve to an item, or to `this.return()` when there is none
   * left.
   */
  protected abstract step(): Promise<IteratorResult<T, undefined>>;

  /**
   * Takes back what waits in a step. Override it if a step can wait for long. `return()` waits for
   * the promise that it returns, if any.
   */
  protected end(): Promise<void> | void {}

  /** Takes a step; resolves as done once the iteration has ended. */
  next(): Promise<IteratorResult<T, undefined>> {
    return this.#ended ? this.return() : this.step();
  }

  /** Ends the iteration and takes back each `next()` that waits. Idempotent. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    if (!this.#ended) {
      this.#ended = true; // first: what is taken back must find the iteration ended
      await this.end();
    }
    return { done: true, value: undefined };
  }

  /** Ends the iteration and rejects with `error`, as a generator that does not catch it. */
  async throw(error?: unknown): Promise<IteratorReturnResult<undefined>> {
    await this.return();
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
