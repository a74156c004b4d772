// Queue, LifoQueue, PriorityQueue. Semantics: asyncio.Queue (3.13), strictly fair, and iterable.
//
// The items and waits are an Exchange's; see there how cancels lose nothing. The queue adds the
// count of unfinished work: an item is unfinished from put to taskDone(), and join() waits until
// none is.
import { anything, callback, type Check, type Checks, checkOptions, ofType } from '../base/index.ts';
import {
  answeredWait,
  beginWait,
  Line,
  mayAnswer,
  QueueEmpty,
  QueueFull,
  QueueShutDown,
  QueuedWait,
  Resource,
  type ResourceOptions,
  type WaitOptions,
} from '../core/index.ts';
import { Exchange, type Store } from './exchange.ts';
import { ItemIterator } from './item-iterator.ts';
import { FifoStore, LifoStore, PriorityStore } from './stores.ts';

const anyNumber: Check = ofType('number', 'a number', (value) => !Number.isNaN(value));

/**
 * The figures of a queue: items inside, the bound, tasks that wait in `get` and in `put`, items not
 * marked as done.
 */
export interface QueueStatistics {
  readonly size: number;
  readonly maxsize: number;
  readonly getting: number;
  readonly putting: number;
  readonly unfinished: number;
}

/**
 * Passes items from task to task, first in, first out. A bounded queue makes a fast producer wait
 * for a slow consumer. A cancelled `get` or `put` loses no item. Iterate over it to take items
 * until `shutdown()`.
 *
 * A promise cannot resolve to a promise, so a queued Task or promise comes out as its result: queue
 * a function, or wrap it in an object. asyncio: `Queue`.
 *
 * @example
 * ```ts
 * import { createTask, Queue } from 'maitre';
 * const queue = new Queue<number>(10);
 * const consumer = createTask(async () => {
 *   for await (const item of queue) console.log(item);
 * });
 * for (let i = 0; i < 3; i++) await queue.put(i);
 * queue.shutdown();
 * await consumer;
 * ```
 */
export class Queue<T> extends Resource implements AsyncIterable<T> {
  readonly #maxsize: number;
  readonly #exchange: Exchange<T>;
  /** The number of items marked as done, including those that an immediate shutdown dropped. */
  #finished = 0;
  /** The tasks that wait in join(). Empty while no item is unfinished. */
  readonly #joiners = new Line<void>();

  /**
   * Makes an empty queue.
   * @param maxsize the number of items it holds before `put` waits; 0, the default, or less means
   * no bound
   * @param store for subclasses: the container, which decides the order
   * @throws RangeError or TypeError for a wrong maxsize
   */
  constructor(maxsize = 0, options?: ResourceOptions, store: Store<T> = new FifoStore()) {
    super(options);
    anyNumber('create queue', 'maxsize', maxsize);
    this.#maxsize = maxsize;
    this.#exchange = new Exchange(store, maxsize <= 0 ? Infinity : maxsize, false);
  }

  get kind(): 'queue' {
    return 'queue';
  }

  /** The `maxsize` of the constructor. asyncio: `Queue.maxsize`. */
  get maxsize(): number {
    return this.#maxsize;
  }

  /** The number of items inside. asyncio: `Queue.qsize`. */
  qsize(): number {
    return this.#exchange.length;
  }

  /** Returns true if no item is inside. asyncio: `Queue.empty`. */
  empty(): boolean {
    return this.#exchange.length === 0;
  }

  /** Returns true if `put` would wait. asyncio: `Queue.full`. */
  full(): boolean {
    return this.#exchange.length >= this.#maxsize && this.#maxsize > 0;
  }

  /**
   * Adds an item. Waits for room. Cancellable; the item is then not added. asyncio: `Queue.put`.
   * @throws QueueShutDown after `shutdown`, also if that comes while it waits
   * @throws CancelledError
   */
  put(item: T, options?: WaitOptions): Promise<void> {
    return this.#exchange.put(item, 'queue.put', this, options);
  }

  /**
   * Takes the next item. Waits for one. Cancellable; the item then stays. asyncio: `Queue.get`.
   * @throws QueueShutDown once the queue is shut down and empty
   * @throws CancelledError
   */
  get(options?: WaitOptions): Promise<T> {
    return this.#exchange.get('queue.get', this, options);
  }

  /**
   * Adds an item without waiting. asyncio: `Queue.put_nowait`.
   * @throws QueueFull if there is no room
   * @throws QueueShutDown after `shutdown`
   */
  putNowait(item: T): void {
    if (!this.#exchange.putNowait(item)) {
      throw new QueueFull(`Cannot put: the queue holds ${this.qsize()} of ${this.#maxsize} items, put() would wait`);
    }
  }

  /**
   * Takes the next item without waiting. asyncio: `Queue.get_nowait`.
   * @throws QueueEmpty if no item is there, or each one is promised to a waiting task
   * @throws QueueShutDown once the queue is shut down and empty
   */
  getNowait(): T {
    const got = this.#exchange.getNowait();
    if (got === undefined) throw new QueueEmpty('Cannot get: the queue is empty, get() would wait');
    return got.item;
  }

  /**
   * Marks one item that was taken as done. asyncio: `Queue.task_done`.
   * @throws RangeError if called more often than items went in
   */
  taskDone(): void {
    if (this.#unfinished === 0) throw new RangeError('Cannot mark a task done: all items are done already');
    this.#finish(1);
  }

  /**
   * Waits until every item that went in is marked as done. Cancellable. asyncio: `Queue.join`.
   * @throws CancelledError
   */
  join(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#unfinished > 0) return this.#joiners.join(new QueuedWait('queue.join', this, options));
    return mayAnswer(options) ? Promise.resolve() : answeredWait('queue.join', this, undefined, options);
  }

  /**
   * Closes the queue: every `put` rejects with QueueShutDown, and so does every `get` once the
   * queue is empty, including those that wait. Iterations end. asyncio: `Queue.shutdown`.
   * @param options with `immediate`, the items inside are dropped and count as done; defaults to
   * false
   */
  shutdown(options: { readonly immediate?: boolean | undefined } = {}): void {
    this.#exchange.close(() => new QueueShutDown('The queue is shut down'));
    if (options.immediate === true) this.#finish(this.#exchange.drop());
  }

  /** Returns the figures of this queue. */
  statistics(): QueueStatistics {
    const { length, getting, putting } = this.#exchange;
    return { size: length, maxsize: this.#maxsize, getting, putting, unfinished: this.#unfinished };
  }

  /** Takes items until the queue is shut down and empty. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return new ItemIterator((begun) => this.#exchange.get('queue.get', this, undefined, begun));
  }

  get #unfinished(): number {
    return this.#exchange.added - this.#finished;
  }

  #finish(count: number): void {
    this.#finished += count;
    if (this.#unfinished === 0) this.#joiners.answerAll();
  }
}

/**
 * A Queue that returns the latest item first. asyncio: `LifoQueue`.
 *
 * @example
 * ```ts
 * import { LifoQueue } from 'maitre';
 * const plates = new LifoQueue<number>();
 * plates.putNowait(1);
 * plates.putNowait(2);
 * console.log(await plates.get()); // 2
 * ```
 */
export class LifoQueue<T> extends Queue<T> {
  constructor(maxsize = 0, options?: ResourceOptions) {
    super(maxsize, options, new LifoStore());
  }
}

/** Options of a PriorityQueue. */
export interface PriorityQueueOptions<T> extends ResourceOptions {
  /**
   * Returns a negative number if `a` comes before `b`, as for Array.sort. Defaults to a comparison
   * by `<` and `>`.
   */
  readonly comparator?: ((a: T, b: T) => number) | undefined;
}

/** The checks for every option of a PriorityQueue. */
export const PRIORITY_QUEUE: Checks<PriorityQueueOptions<unknown>> = { comparator: callback, name: anything };

/**
 * A Queue that returns the smallest item first. Equal items keep the order in which they went in.
 * If the comparator throws, that `put` or `get` rejects with its error, and the queue stays as it
 * was. asyncio: `PriorityQueue`.
 *
 * @example
 * ```ts
 * import { PriorityQueue } from 'maitre';
 * const orders = new PriorityQueue<{ dish: string; minutes: number }>(0, { comparator: (a, b) => a.minutes - b.minutes });
 * orders.putNowait({ dish: 'roast', minutes: 90 });
 * orders.putNowait({ dish: 'salad', minutes: 5 });
 * console.log((await orders.get()).dish); // salad
 * ```
 */
export class PriorityQueue<T> extends Queue<T> {
  constructor(maxsize = 0, options: PriorityQueueOptions<T> = {}) {
    checkOptions('create queue', options, PRIORITY_QUEUE);
    const { comparator = byOrder } = options;
    super(maxsize, options, new PriorityStore(comparator));
  }
}

function byOrder(a: unknown, b: unknown): number {
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
}
