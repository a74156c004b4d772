// Iteration over a queue or channel until its end.
import { CancelledError, QueueShutDown, type Wait, waiting } from '../core/index.ts';

/** Gets an item; `begun` is told of the wait, if there is one. */
type Get<T> = (begun: (wait: Wait<T>) => void) => Promise<T>;

/**
 * Iterates over what `get` gives until it throws QueueShutDown, unless `endsWell` says that it is an error here. return()
 * takes a next() that waits back, as a cancel would, so that no item goes to an iteration that nobody looks at any more.
 */
export class ItemIterator<T> implements AsyncIterableIterator<T> {
  readonly #get: Get<T>;
  readonly #endsWell: () => boolean;
  /** The waits of next() calls: one at most, unless somebody calls ahead. */
  readonly #waits = new Set<Wait<T>>();
  readonly #begun = (wait: Wait<T>): void => void this.#waits.add(wait);
  /** What return() took waits back with; undefined before. */
  #end: CancelledError | undefined = undefined;

  constructor(get: Get<T>, endsWell: () => boolean = () => true) {
    this.#get = get;
    this.#endsWell = endsWell;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return waiting(this.#next());
  }

  async #next(): Promise<IteratorResult<T, undefined>> {
    if (this.#end !== undefined) return { done: true, value: undefined };
    try {
      return { done: false, value: await this.#get(this.#begun) };
    } catch (error) {
      if (error === this.#end) return { done: true, value: undefined };
      if (!(error instanceof QueueShutDown) || !this.#endsWell()) throw error;
      return this.return();
    } finally {
      if (this.#waits.size > 0) this.#forget();
    }
  }

  return(): Promise<IteratorResult<T, undefined>> {
    if (this.#end === undefined) {
      const end = new CancelledError('Cancelled: the iteration was ended');
      this.#end = end;
      for (const wait of this.#waits) wait.cancel(end, true);
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Drops the waits that are over. */
  #forget(): void {
    for (const wait of this.#waits) if (!wait.waiting && !wait.answered) this.#waits.delete(wait);
  }
}
