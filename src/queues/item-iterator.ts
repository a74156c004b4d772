// Iteration over a queue or channel until its end.
import { QueueShutDown, waiting } from '../core/index.ts';

/** Iterates over what `get` gives until it throws QueueShutDown, unless `endsWell` says that it is an error here. */
export class ItemIterator<T> implements AsyncIterableIterator<T> {
  readonly #get: () => Promise<T>;
  readonly #endsWell: () => boolean;
  #done = false;

  constructor(get: () => Promise<T>, endsWell: () => boolean = () => true) {
    this.#get = get;
    this.#endsWell = endsWell;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return waiting(this.#next());
  }

  async #next(): Promise<IteratorResult<T, undefined>> {
    if (this.#done) return { done: true, value: undefined };
    try {
      return { done: false, value: await this.#get() };
    } catch (error) {
      if (!(error instanceof QueueShutDown) || !this.#endsWell()) throw error;
      return this.return();
    }
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#done = true;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
