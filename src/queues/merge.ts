// merge: several async iterables as one, in the order in which their items come.
//
// Each source is asked for at most one item ahead, so a slow consumer slows every source (back-pressure). The asking
// happens inside the consumer's next(): the sources' waits are the consumer's, and a cancel reaches them.
// The end of the merge, by its end, an error or return(), ends every source that has not ended itself.
import { Deque, describe } from '../base/index.ts';
import { CancelledError, checkpoint, Wait } from '../core/index.ts';

interface Source<T> {
  readonly iterator: AsyncIterator<T>;
  state: 'idle' | 'asked' | 'ended';
}

interface Arrival<T> {
  readonly source: Source<T>;
  readonly result?: IteratorResult<T>;
  readonly error?: { readonly error: unknown };
}

class ArrivalWait extends Wait<void> {}

class Merged<T> implements AsyncIterableIterator<T> {
  readonly #sources: Source<T>[];
  readonly #arrived = new Deque<Arrival<T>>();
  #wait: ArrivalWait | undefined;
  #done = false;

  constructor(sources: readonly AsyncIterable<T>[]) {
    this.#sources = sources.map((source) => ({ iterator: source[Symbol.asyncIterator](), state: 'idle' }));
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    for (;;) {
      if (this.#done) return { done: true, value: undefined };
      const refused = checkpoint();
      if (refused !== undefined) await refused;
      for (const source of this.#sources) if (source.state === 'idle') this.#ask(source);
      const arrival = this.#arrived.popFront();
      if (arrival === undefined) {
        if (this.#sources.every((source) => source.state === 'ended')) return this.return();
        this.#wait = new ArrivalWait('merge', this);
        try {
          await this.#wait.promise;
        } finally {
          this.#wait = undefined;
        }
        continue;
      }
      const { source, result, error } = arrival;
      if (error !== undefined) {
        source.state = 'ended';
        await this.return();
        throw error.error;
      }
      if (result?.done === true) source.state = 'ended';
      else if (result !== undefined) {
        source.state = 'idle';
        return { done: false, value: result.value };
      }
    }
  }

  /** Ends the sources that have not ended. */
  async return(): Promise<IteratorResult<T, undefined>> {
    this.#done = true;
    const left = this.#sources.filter((source) => source.state !== 'ended');
    for (const source of left) source.state = 'ended';
    await Promise.all(left.map((source) => source.iterator.return?.()));
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #ask(source: Source<T>): void {
    source.state = 'asked';
    source.iterator.next().then(
      (result) => this.#arrive({ source, result }),
      (error: unknown) => {
        // The consumer was cancelled, and its cancel took the source's wait with it: the source may be asked again.
        if (error instanceof CancelledError && this.#wait?.waiting !== true) source.state = 'idle';
        else this.#arrive({ source, error: { error } });
      },
    );
  }

  #arrive(arrival: Arrival<T>): void {
    this.#arrived.pushBack(arrival);
    this.#wait?.answer();
  }
}

/**
 * Gives the items of all sources as they come, until all have ended. An error of one ends the others and is thrown; so does
 * leaving the loop.
 *
 * @example
 * ```ts
 * import { merge, Queue } from 'maitre';
 * const a = new Queue<string>();
 * const b = new Queue<string>();
 * a.putNowait('from a');
 * b.putNowait('from b');
 * a.shutdown();
 * b.shutdown();
 * for await (const item of merge(a, b)) console.log(item);
 * ```
 */
export function merge<T>(...sources: AsyncIterable<T>[]): AsyncIterableIterator<T> {
  for (const source of sources) {
    if (typeof (source as Partial<AsyncIterable<T>> | undefined)?.[Symbol.asyncIterator] === 'function') continue;
    throw new TypeError(`Cannot merge: expected async iterables, got ${describe(source)}`);
  }
  return new Merged(sources);
}
