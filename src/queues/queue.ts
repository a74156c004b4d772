// Queue, LifoQueue, PriorityQueue. Semantics: asyncio.Queue (3.13), strictly fair, and iterable.
//
// The items and waits are an Exchange's; the queue adds the count of finished work. What has gone in and is not finished is
// unfinished, and join() waits until nothing is.
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

export interface QueueStatistics {
  readonly size: number;
  readonly maxsize: number;
  readonly getting: number;
  readonly putting: number;
  readonly unfinished: number;
}

/**
 * First in, first out, between tasks. Bounded queues make producers wait: that is their point. A cancelled get or put
 * loses no item. Iterating takes items until `shutdown()`. A queued Task or promise comes out as its result, since a
 * promise cannot hold one: queue functions, or wrap it in an object. asyncio: `Queue`.
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
  #finished = 0;
  readonly #joiners = new Line<void>();

  /**
   * @param maxsize how many items it holds before put waits; 0, the default, and less: no bound
   * @param store the subclasses' own
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

  get maxsize(): number {
    return this.#maxsize;
  }

  /** How many items are inside. */
  qsize(): number {
    return this.#exchange.length;
  }

  empty(): boolean {
    return this.#exchange.length === 0;
  }

  full(): boolean {
    return this.#exchange.length >= this.#maxsize && this.#maxsize > 0;
  }

  /** Adds an item, waiting for room. Cancellable: then the item is not added. @throws QueueShutDown */
  put(item: T, options?: WaitOptions): Promise<void> {
    return this.#exchange.put(item, 'queue.put', this, options);
  }

  /** Takes the next item, waiting for one. Cancellable: then the item stays. @throws QueueShutDown once shut down and empty */
  get(options?: WaitOptions): Promise<T> {
    return this.#exchange.get('queue.get', this, options);
  }

  /** @throws QueueFull when there is no room; QueueShutDown */
  putNowait(item: T): void {
    if (!this.#exchange.putNowait(item)) {
      throw new QueueFull(`Cannot put: the queue holds ${this.qsize()} of ${this.#maxsize} items, put() would wait`);
    }
  }

  /** @throws QueueEmpty when nothing is there that is not promised to a waiting task; QueueShutDown once shut down and empty */
  getNowait(): T {
    const got = this.#exchange.getNowait();
    if (got === undefined) throw new QueueEmpty('Cannot get: the queue is empty, get() would wait');
    return got.item;
  }

  /** Marks one item that was taken as done. @throws RangeError when called more often than items went in */
  taskDone(): void {
    if (this.#unfinished === 0) throw new RangeError('Cannot mark a task done: all items are done already');
    this.#finish(1);
  }

  /** Waits until every item that went in is marked done. Cancellable. */
  join(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#unfinished > 0) return this.#joiners.join(new QueuedWait('queue.join', this, options));
    return mayAnswer(options) ? Promise.resolve() : answeredWait('queue.join', this, undefined, options);
  }

  /**
   * Lets nothing in any more: put, and get once empty, throw QueueShutDown, those waiting included, and iterations end.
   * With `immediate`, the items inside are dropped, and counted as done.
   */
  shutdown(options: { readonly immediate?: boolean | undefined } = {}): void {
    this.#exchange.close(() => new QueueShutDown('The queue is shut down'));
    if (options.immediate === true) this.#finish(this.#exchange.drop());
  }

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

/** A Queue whose latest item comes out first. asyncio: `LifoQueue`. */
export class LifoQueue<T> extends Queue<T> {
  constructor(maxsize = 0, options?: ResourceOptions) {
    super(maxsize, options, new LifoStore());
  }
}

export interface PriorityQueueOptions<T> extends ResourceOptions {
  /** Negative when `a` comes before `b`, like that of Array.sort. Default: `<` and `>`. */
  readonly comparator?: ((a: T, b: T) => number) | undefined;
}

/** All options of a PriorityQueue. */
export const PRIORITY_QUEUE: Checks<PriorityQueueOptions<unknown>> = { comparator: callback, name: anything };

/** A Queue whose smallest item comes out first; equal ones in the order they went in. asyncio: `PriorityQueue`. */
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
