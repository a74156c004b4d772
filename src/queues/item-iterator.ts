// Iterates over a queue or channel until its end.
import { AsyncIteration } from '../base/index.ts';
import { CancelledError, QueueShutDown, type Wait, waiting } from '../core/index.ts';

/** Gets an item. `begun` receives the wait, if the call has to wait. */
type Get<T> = (begun: (wait: Wait<T>) => void) => Promise<T>;

/**
 * Yields what `get` resolves to, until it rejects with QueueShutDown. That ends the iteration,
 * unless `endsWell` returns false: then it is an error. return() takes back a next() that waits, as
 * a cancel would, so that no item goes to an iteration that nobody reads any more.
 */
export class ItemIterator<T> extends AsyncIteration<T> {
  readonly #get: Get<T>;
  readonly #endsWell: () => boolean;
  /**
   * The waits of next() calls. At most one, unless the user calls next() again before the first has
   * settled.
   */
  readonly #waits = new Set<Wait<T>>();
  readonly #begun = (wait: Wait<T>): void => void this.#waits.add(wait);
  /** The error that takes waits back at the end. Undefined before. */
  #end: CancelledError | undefined = undefined;

  constructor(get: Get<T>, endsWell: () => boolean = () => true) {
    super();
    this.#get = get;
    this.#endsWell = endsWell;
  }

  protected override step(): Promise<IteratorResult<T, undefined>> {
    return waiting(this.#take());
  }

  async #take(): Promise<IteratorResult<T, undefined>> {
    try {
      return { done: false, value: await this.#get(this.#begun) };
    } catch (error) {
      if (error !== this.#end && !(error instanceof QueueShutDown && this.#endsWell())) throw error;
      return this.return();
    } finally {
      if (this.#waits.size > 0) this.#forget();
    }
  }

  protected override end(): void {
    this.#end = new CancelledError('Cancelled: the iteration was ended');
    for (const wait of this.#waits) wait.cancel(this.#end, true);
  }

  /** Removes the waits that have settled. */
  #forget(): void {
    for (const wait of this.#waits) if (!wait.waiting && !wait.answered) this.#waits.delete(wait);
  }
}
