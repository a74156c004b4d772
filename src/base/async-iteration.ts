// AsyncIteration: what every iterator of this package has in common. They are written as classes because an async generator
// runs one next() at a time, and its return() waits for that one. Here return() takes it back instead.
//
// States: OPEN -(return(), throw(), disposal, or a step that finds the end)-> ENDED. There is no way back.
//
// - In OPEN each next() takes a step at once, also while another one waits. The step decides what that means: readers reject
//   the second one with BusyError, queues serve both in their order.
// - end() runs once, within the call that ends the iteration. It takes back each step that waits: that next() resolves as
//   done, and the item, line or datagram it would have taken stays where it is.
// - In ENDED next() resolves as done and takes no step.

/** An iterator over what `step` finds. A loop that is left ends it; so do `throw` and `await using`. */
export abstract class AsyncIteration<T> implements AsyncIterableIterator<T, undefined>, AsyncDisposable {
  #ended = false;

  /** True from the end on. A step that waited meanwhile resolves to `this.return()`. */
  protected get ended(): boolean {
    return this.#ended;
  }

  /** Takes one step: resolves to an item, or to `this.return()` when there is no more. */
  protected abstract step(): Promise<IteratorResult<T, undefined>>;

  /** Takes back what waits in a step. return() waits for the promise, if there is one. */
  protected end(): Promise<void> | void {}

  next(): Promise<IteratorResult<T, undefined>> {
    return this.#ended ? this.return() : this.step();
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    if (!this.#ended) {
      this.#ended = true; // first: what is taken back must find the iteration ended
      await this.end();
    }
    return { done: true, value: undefined };
  }

  /** Ends the iteration and rejects with `error`, as a generator does that does not catch it. */
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
