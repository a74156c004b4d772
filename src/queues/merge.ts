// merge: several async iterables as one, in the order in which their items arrive.
//
// States of a source: `idle` (the next next() requests an item) -> `asked` (a request is pending,
// or its item has arrived and was not taken) -> `idle` again, or `ended`.
//
// - At most one item of each source is requested ahead, so a slow consumer slows every source
//   (back-pressure).
// - Each request is a task of its own. What the consumer does with an item, for example under a
//   timeout, does not disturb requests that are pending meanwhile.
// - A consumer that is cancelled in next() takes back the pending requests. An item that arrives
//   nevertheless is kept. A source that rejects with that very cancellation is requested again by
//   the following next().
// - However the merge ends (all sources ended, an error, return()), it ends every source that has
//   not ended itself.
//
// Example: sources A and B. next() requests both; A's item arrives, and next() resolves to it. A
// becomes idle, B is still asked. The second next() requests A again. It is cancelled: both
// requests are cancelled. A, a queue, rejects with that cancel and becomes idle. B, a foreign
// stream, ignores it, and its item arrives later and waits in `#arrived` for the third next().
import { AsyncIteration, Deque, wrongValue } from '../base/index.ts';
import {
  beginWait,
  cancellable,
  CancelledError,
  createTask,
  Line,
  mayAnswer,
  QueuedWait,
  reportException,
  type Task,
  waiting,
} from '../core/index.ts';

interface Source<T> {
  readonly iterator: AsyncIterator<T>;
  state: 'idle' | 'asked' | 'ended';
  /** The task of the latest request. */
  asking: Task<void> | undefined;
  /**
   * The merge cancelled the request: a cancellation that it rejects with is the merge's own, and no
   * error.
   */
  takenBack: boolean;
}

interface Arrival<T> {
  readonly source: Source<T>;
  readonly result?: IteratorResult<T>;
  readonly error?: { readonly error: unknown };
}

/** A next() that waits until anything arrives. */
class ArrivalWait extends QueuedWait<void> {
  readonly #onCancel: (answered: boolean) => void;

  constructor(merged: object, onCancel: (answered: boolean) => void) {
    super('merge', merged);
    this.#onCancel = onCancel;
  }

  protected override withdraw(answered: boolean, value: void): void {
    super.withdraw(answered, value);
    this.#onCancel(answered);
  }
}

class Merged<T> extends AsyncIteration<T> {
  readonly #sources: Source<T>[];
  readonly #arrived = new Deque<Arrival<T>>();
  readonly #waiting = new Line<void, ArrivalWait>();

  constructor(sources: readonly AsyncIterable<T>[]) {
    super();
    this.#sources = sources.map((source) => {
      return { iterator: source[Symbol.asyncIterator](), state: 'idle', asking: undefined, takenBack: false };
    });
  }

  protected override step(): Promise<IteratorResult<T, undefined>> {
    return waiting(this.#take());
  }

  async #take(): Promise<IteratorResult<T, undefined>> {
    // Takes what has arrived at once, or after a wait that was answered: see mayAnswer.
    for (let answered = false; ; answered = true) {
      if (this.ended) return this.return();
      const refused = beginWait();
      if (refused !== undefined) {
        this.#takeBack(this.#arrived.length > 0);
        return refused;
      }
      for (const source of this.#sources) if (source.state === 'idle') this.#ask(source);
      const arrival = answered || this.#arrived.length === 0 || mayAnswer() ? this.#arrived.popFront() : undefined;
      if (arrival === undefined) {
        if (this.#sources.every((source) => source.state === 'ended')) return this.return();
        const wait = new ArrivalWait(this, (wasAnswered) => this.#takeBack(wasAnswered));
        const promise = this.#waiting.join(wait);
        if (this.#arrived.length > 0) this.#waiting.answerFirst();
        await promise;
        continue;
      }
      const { source, result, error } = arrival;
      if (error !== undefined) {
        source.state = 'ended';
        await this.return().catch(reportLate);
        throw error.error;
      }
      if (result?.done === true) source.state = 'ended';
      else if (result !== undefined) {
        this.#askLater(source);
        return { done: false, value: result.value };
      }
    }
  }

  /**
   * Ends the sources that have not ended, and waits for them. Drops what was taken ahead, at most
   * one item of each. Cancellable: a foreign source may not end before it has yielded the item that
   * was requested.
   */
  protected override async end(): Promise<void> {
    this.#arrived.clear();
    for (let wait = this.#waiting.shift(); wait !== undefined; wait = this.#waiting.shift()) wait.answer();
    const left = this.#sources.filter((source) => source.state !== 'ended');
    for (const source of left) {
      source.state = 'ended';
      source.asking?.cancel();
    }
    if (left.length > 0) await cancellable(Promise.all(left.map(async (source) => source.iterator.return?.())));
  }

  #ask(source: Source<T>): void {
    source.state = 'asked';
    source.takenBack = false;
    const ask = (): Promise<void> => {
      const next = (async () => source.iterator.next())(); // async: next() may throw, or return no promise
      next.then(
        (result) => this.#arrive({ source, result }),
        (error: unknown) => {
          if (error instanceof CancelledError && source.takenBack) this.#askLater(source);
          else this.#arrive({ source, error: { error } });
        },
      );
      // The task ends with its cancel, even if a foreign source ignores it.
      return cancellable(next).then(ignore, ignore);
    };
    source.asking = createTask(ask, { name: 'merge', eager: true });
  }

  /** Leaves the request to the next next(), which may wait already. */
  #askLater(source: Source<T>): void {
    if (this.ended) return;
    source.state = 'idle';
    if (this.#waiting.size > 0) this.#ask(source); // another next() waits
  }

  #arrive(arrival: Arrival<T>): void {
    if (this.ended) {
      if (arrival.error !== undefined) reportLate(arrival.error.error);
      return;
    }
    this.#arrived.pushBack(arrival);
    this.#waiting.answerFirst();
  }

  /**
   * Handles the cancel of a next(). Passes its wake-up on to another next(); if none waits, cancels
   * the pending requests.
   */
  #takeBack(answered: boolean): void {
    if (this.#waiting.size > 0) {
      if (answered) this.#waiting.answerFirst();
      return;
    }
    for (const source of this.#sources) {
      if (source.state !== 'asked') continue;
      source.takenBack = true;
      source.asking?.cancel();
    }
  }
}

function ignore(): void {}

/** Reports an error that came after the end of the merge: no caller is left to receive it. */
function reportLate(error: unknown): void {
  if (error instanceof CancelledError) return;
  reportException({ message: 'A source of merge failed when it was ended', error });
}

/** What an async iterable yields; for several, any of it. */
type ItemOf<S> = S extends AsyncIterable<infer T> ? T : never;

/**
 * Merges async iterables: yields the items of all sources as they arrive, until all have ended. An
 * error of one source ends the others and is thrown. If you leave the loop, all sources end too.
 * Either way, items that were taken ahead are dropped, at most one of each source.
 *
 * Cancellable. The iterators of maitre lose nothing: they are requested again by the following
 * `next()`. A generator ends, as with any cancel inside it.
 * @param sources anything with `Symbol.asyncIterator`
 * @throws TypeError if a source is not an async iterable
 * @throws the error of a source
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
export function merge<S extends AsyncIterable<unknown>[]>(
  ...sources: S
): AsyncIterableIterator<ItemOf<S[number]>> & AsyncDisposable;
export function merge<T>(...sources: AsyncIterable<T>[]): AsyncIterableIterator<T> & AsyncDisposable;
export function merge<T>(...sources: AsyncIterable<T>[]): AsyncIterableIterator<T> & AsyncDisposable {
  for (const source of sources) {
    if (typeof (source as Partial<AsyncIterable<T>> | undefined)?.[Symbol.asyncIterator] === 'function') continue;
    throw wrongValue('merge', '', 'async iterables', source);
  }
  return new Merged(sources);
}
