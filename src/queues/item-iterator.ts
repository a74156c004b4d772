// Iterates over a queue or channel until its end.
import { AsyncIteration } from '../base/index.ts';
import { CancelledError, QueueShutDown, type Wait, waiting } from '../core/index.ts';

/** Gets an item. `begun` receives the wait, if the call has to wait. */
type Get<T> = (begun: (wait: Wait<T>) => void) => Promise<T>;

/**
 * Yields what `get` resolves to, until it rejects. If `endsWell` returns true for the error, which
 * by default it does for a QueueShutDown, that ends the iteration. return() takes back a next() that waits, as
 * a cancel would, so that no item goes to an iteration that nobody reads any more.
 */
export class ItemIterator<T> extends AsyncIteration<T> {
  readonly #get: Get<T>;
  readonly #endsWell: (error: unknown) => boolean;
  /**
   * The waits of next() calls. At most one, unless the user calls next() again before the first has
   * settled.
   */
  readonly #waits = new Set<Wait<T>>();
  readonly #begun = (wait: Wait<T>): void => void this.#waits.add(wait);
  /** The error that takes waits back at the end. Undefined before. */
  #end: CancelledError | undefined = undefined;

  constructor(get: Get<T>, endsWell: (error: unknown) => boolean = isShutDown) {
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
      if (error !== this.#end && !this.#endsWell(error)) throw error;
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

function isShutDown(error: unknown): boolean {
  return error instanceof QueueShutDown;
}
