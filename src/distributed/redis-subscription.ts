// RedisSubscription: the items of a RedisBroadcast for one receiver, through a bounded buffer.
//
// It knows nothing of Redis. A feed (live-feed.ts, stream-feed.ts) puts items in and learns from
// `taken` that there is room again.
//
// States: STARTING -(started)-> OPEN, and from both -> LEFT (closed by its own side), ENDED (the
// broadcast was closed) or FAILED (too slow, items are missing, no Redis). What is in the buffer of
// one that has ENDED or FAILED can still be received.
import { Deque } from '../base/index.ts';
import {
  beginWait,
  Line,
  mayAnswer,
  answeredWait,
  QueuedWait,
  QueueShutDown,
  Resource,
  type WaitOptions,
} from '../core/index.ts';
import { Exchange, FifoStore, ItemIterator } from '../queues/index.ts';

/** Its feed, as a subscription sees it. */
export interface SubscriptionHooks {
  /** The subscription is over. */
  left(): void;
  /** An item was taken from its buffer. */
  taken(): void;
}

/** A buffer that knows the id of the item that was taken last. */
class PositionedStore<T> extends FifoStore<T> {
  readonly #ids = new Deque<string | undefined>();
  readonly #taken: () => void;
  /** The id of the item that is pushed next. */
  nextId: string | undefined = undefined;
  position: string | undefined;

  constructor(position: string | undefined, taken: () => void) {
    super();
    this.position = position;
    this.#taken = taken;
  }

  override push(item: T): void {
    this.#ids.pushBack(this.nextId);
    super.push(item);
  }

  override shift(): T {
    this.position = this.#ids.popFront() ?? this.position;
    const item = super.shift();
    this.#taken();
    return item;
  }

  override clear(): void {
    this.#ids.clear();
    super.clear();
  }
}

/**
 * One subscription to a RedisBroadcast. Iterate over it or call `receive()`. Dispose it to leave.
 *
 * @example
 * ```ts no-run
 * import { RedisBroadcast } from 'maitre/distributed';
 * await using news = new RedisBroadcast<string>('news', { replay: true });
 * using subscription = news.subscribe();
 * await news.publish('hello');
 * console.log(await subscription.receive(), subscription.position); // hello 1700000000000-1
 * ```
 */
export class RedisSubscription<T> extends Resource implements Disposable, AsyncIterable<T> {
  readonly #broadcast: Resource;
  readonly #capacity: number;
  readonly #hooks: SubscriptionHooks;
  readonly #store: PositionedStore<T>;
  readonly #exchange: Exchange<T>;
  /** Those that wait until it has started. */
  readonly #starting = new Line<void>();
  #started = false;
  #dropped = 0;
  /** Why it is over. Undefined while OPEN. */
  #over: Error | undefined = undefined;

  /** Called by `subscribe` only. @internal */
  static make<T>(
    parent: Resource,
    capacity: number,
    after: string | undefined,
    hooks: SubscriptionHooks,
  ): RedisSubscription<T> {
    return new RedisSubscription<T>(parent, capacity, after, hooks);
  }

  private constructor(parent: Resource, capacity: number, after: string | undefined, hooks: SubscriptionHooks) {
    super();
    this.#broadcast = parent;
    this.#capacity = capacity;
    this.#hooks = hooks;
    this.#store = new PositionedStore<T>(after, () => hooks.taken());
    this.#exchange = new Exchange(this.#store, capacity, false);
  }

  get kind(): 'subscription' {
    return 'subscription';
  }

  /** The broadcast that it belongs to. */
  override get parent(): Resource {
    return this.#broadcast;
  }

  /** Returns the number of items in the buffer, the capacity, and the number of items lost. */
  statistics(): { readonly size: number; readonly capacity: number; readonly dropped: number } {
    return { size: this.#exchange.length, capacity: this.#capacity, dropped: this.#dropped };
  }

  /** The number of items it has lost under `dropOldest`. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * The id of the last item that was received, for `subscribe({ after })`, here or in another
   * process. Before the first item, where the subscription began, once it has started. Undefined
   * without `replay`. Read it where you receive, with one task that receives.
   */
  get position(): string | undefined {
    return this.#store.position;
  }

  /**
   * Waits until it has started: every item that any process publishes from then on reaches it.
   * Items that this process publishes after `subscribe` do in any case. Cancellable.
   * @throws what `receive` throws if it ended before
   * @throws CancelledError
   */
  ready(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#started) {
      if (mayAnswer(options)) return Promise.resolve();
      return answeredWait<void>('broadcast.ready', this, undefined, options);
    }
    if (this.#over !== undefined) return Promise.reject(this.#over);
    return this.#starting.join(new QueuedWait<void>('broadcast.ready', this, options));
  }

  /**
   * Waits for the next item. Cancellable; the item then stays.
   * @throws QueueShutDown at the end, or if the subscription was too slow
   * @throws MissedItemsError if items are missing that cannot be replayed any more
   * @throws ConnectionLostError if there was no Redis when the subscription began
   * @throws CancelledError
   */
  receive(options?: WaitOptions): Promise<T> {
    return this.#exchange.get('broadcast.receive', this, options);
  }

  /** Leaves the broadcast and drops what was not received. Idempotent. */
  close(): void {
    this.#finish(new QueueShutDown('The subscription is closed'));
    this.#exchange.drop();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Takes items until the end. Throws what `receive` throws, unless it is a good end. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return new ItemIterator(
      (begun) => this.#exchange.get('broadcast.receive', this, undefined, begun),
      (error) => error instanceof QueueShutDown && !(error instanceof TooSlow),
    );
  }

  // ---- called by the feed --------------------------------------------------------------------------------------

  /** How many items it has room for. @internal */
  get room(): number {
    return this.#capacity - this.#exchange.length;
  }

  /** It has started, after the item with this id. @internal */
  start(position: string | undefined): void {
    if (this.#started) return;
    this.#started = true;
    this.#store.position ??= position;
    this.#starting.answerAll();
  }

  /** Adds an item. Returns false if there is no room. @internal */
  offer(id: string | undefined, item: T): boolean {
    if (this.#exchange.full) return false;
    this.#store.nextId = id;
    return this.#exchange.putNowait(item);
  }

  /** Drops the oldest item for this one. @internal */
  replace(id: string | undefined, item: T): void {
    this.#dropped++;
    this.#store.nextId = id;
    this.#exchange.replace(item);
  }

  /** Ends it with an error, after what is in its buffer. @internal */
  fail(error: Error): void {
    this.#finish(error);
  }

  /** Ends it because it was too slow. @internal */
  tooSlow(): void {
    this.#finish(new TooSlow('The subscription was ended: it was too slow for the broadcast'));
  }

  /** Ends it because the broadcast has ended. @internal */
  end(): void {
    this.#finish(new QueueShutDown('The broadcast has ended'));
  }

  #finish(error: Error): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    this.#hooks.left();
    this.#starting.failAll(() => error);
    this.#exchange.close(() => error);
  }
}

/** The end of a subscription that did not keep up: iteration throws it. */
class TooSlow extends QueueShutDown {}
