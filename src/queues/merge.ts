// merge: several async iterables as one, in the order in which their items come.
//
// - Each source is asked for at most one item ahead, so a slow consumer slows every source (back-pressure).
// - Each asking is a task of its own: what the consumer does with an item, under a timeout of its own for one, does not
//   disturb the sources that are being asked meanwhile.
// - A consumer that is cancelled in next() takes back what it had asked for. What comes in spite of that is kept, and a
//   source that answers with that very cancellation is asked again by the following next().
// - The end of the merge, by its end, an error or return(), ends every source that has not ended itself.
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
  /** The latest asking. */
  asking: Task<void> | undefined;
  /** It was taken back: a cancellation it ends with is the merge's own. */
  takenBack: boolean;
}

interface Arrival<T> {
  readonly source: Source<T>;
  readonly result?: IteratorResult<T>;
  readonly error?: { readonly error: unknown };
}

/** A next() that waits for anything to arrive. */
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
    // What has arrived is taken at once, or by a wait that was answered: see mayAnswer.
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
   * Ends the sources that have not ended, and waits for them. What was taken from them ahead is dropped, at most one item
   * of each. Cancellable: a foreign source need not end before it has given what it was asked for.
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
      const next = (async () => source.iterator.next())(); // async: it may throw, or give no promise
      next.then(
        (result) => this.#arrive({ source, result }),
        (error: unknown) => {
          if (error instanceof CancelledError && source.takenBack) this.#askLater(source);
          else this.#arrive({ source, error: { error } });
        },
      );
      // The task ends with its cancel, also when a foreign source does not.
      return cancellable(next).then(ignore, ignore);
    };
    source.asking = createTask(ask, { name: 'merge', eager: true });
  }

  /** Has the source asked by the next next(), which may wait already. */
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

  /** A next() was cancelled: passes its wake-up on, or, when no other waits, ends the asking. */
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

/** Takes an error that came when the merge was over, or was ended by another: nobody else will hear of it. */
function reportLate(error: unknown): void {
  if (error instanceof CancelledError) return;
  reportException({ message: 'A source of merge failed when it was ended', error });
}

/**
 * Gives the items of all sources as they come, until all have ended. An error of one ends the others and is thrown; so does
 * leaving the loop, which drops what was taken ahead: at most one item of each source. Cancellable: sources that can be
 * asked again after a cancel (queues, channels, `every`) lose nothing; a generator ends, as it does by any cancel inside it.
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
export function merge<T>(...sources: AsyncIterable<T>[]): AsyncIterableIterator<T> & AsyncDisposable {
  for (const source of sources) {
    if (typeof (source as Partial<AsyncIterable<T>> | undefined)?.[Symbol.asyncIterator] === 'function') continue;
    throw wrongValue('merge', '', 'async iterables', source);
  }
  return new Merged(sources);
}
