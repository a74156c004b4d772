// Iteration over a queue or channel until its end.
import { AsyncIteration } from '../base/index.ts';
import { CancelledError, QueueShutDown, type Wait, waiting } from '../core/index.ts';

/** Gets an item; `begun` is told of the wait, if there is one. */
type Get<T> = (begun: (wait: Wait<T>) => void) => Promise<T>;

/**
 * Iterates over what `get` gives until it throws QueueShutDown, unless `endsWell` says that it is an error here. return()
 * takes a next() that waits back, as a cancel would, so that no item goes to an iteration that nobody looks at any more.
 */
export class ItemIterator<T> extends AsyncIteration<T> {
  readonly #get: Get<T>;
  readonly #endsWell: () => boolean;
  /** The waits of next() calls: one at most, unless somebody calls ahead. */
  readonly #waits = new Set<Wait<T>>();
  readonly #begun = (wait: Wait<T>): void => void this.#waits.add(wait);
  /** What takes waits back at the end; undefined before. */
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

  /** Drops the waits that are over. */
  #forget(): void {
    for (const wait of this.#waits) if (!wait.waiting && !wait.answered) this.#waits.delete(wait);
  }
}
