// Broadcast: every subscriber receives every item, through a bounded buffer of its own. The
// publisher's policy says what happens when a buffer is full.
//
// - `wait`: publish waits until the slowest subscriber has room. It stands in the line of every
//   slow subscriber at once, so all subscribers receive the items in the same order, however many
//   tasks publish.
// - `dropOldest`: the subscriber loses its oldest item, and counts the loss.
// - `disconnect`: the subscription ends, with an error, after what is in its buffer.
//
// State: a Subscription is open, left (`#left`, closed by its own side), ended (the broadcast was
// closed) or too slow (`#tooSlow`). Its items and waits are an Exchange's.
import { anything, type Checks, checkOptions, integer, oneOf } from '../base/index.ts';
import { beginWait, QueueShutDown, Resource, type ResourceOptions, waiting, type WaitOptions } from '../core/index.ts';
import { Exchange } from './exchange.ts';
import { ItemIterator } from './item-iterator.ts';
import { FifoStore } from './stores.ts';

export type SlowPolicy = 'wait' | 'dropOldest' | 'disconnect';

/** Options of a Broadcast. */
export interface BroadcastOptions extends ResourceOptions {
  /** How many items each subscriber may lag behind, an integer >= 1. Defaults to 64. */
  readonly capacity?: number | undefined;
  /** What happens to a subscriber that lags further behind. Defaults to `wait`. */
  readonly slow?: SlowPolicy | undefined;
}

/** The checks for every option of a Broadcast. */
export const BROADCAST: Checks<BroadcastOptions> = {
  capacity: integer(1),
  slow: oneOf('wait, dropOldest or disconnect'),
  name: anything,
};

/**
 * One subscriber of a Broadcast. Iterate over it or call `receive()`. Dispose it to leave.
 *
 * @example
 * ```ts
 * import { Broadcast } from 'maitre';
 * const news = new Broadcast<string>();
 * using subscription = news.subscribe();
 * await news.publish('hello');
 * console.log(await subscription.receive()); // hello
 * ```
 */
export class Subscription<T> extends Resource implements Disposable, AsyncIterable<T> {
  readonly #broadcast: Resource;
  readonly #capacity: number;
  readonly #exchange: Exchange<T>;
  readonly #leave: (subscription: Subscription<T>) => void;
  /** The number of items lost under `dropOldest`. */
  #dropped = 0;
  /**
   * Closed by its own side, so nobody waits for an item: a publish that still waits for room
   * resolves.
   */
  #left = false;
  /** Ended by the policy `disconnect`: iteration throws instead of ending. */
  #tooSlow = false;

  /** Called by `subscribe` only. @internal */
  static make<T>(parent: Resource, capacity: number, leave: (self: Subscription<T>) => void): Subscription<T> {
    return new Subscription(parent, capacity, leave);
  }

  private constructor(parent: Resource, capacity: number, leave: (subscription: Subscription<T>) => void) {
    super();
    this.#broadcast = parent;
    this.#capacity = capacity;
    this.#exchange = new Exchange(new FifoStore(), capacity, false);
    this.#leave = leave;
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
   * Waits for the next item. Cancellable; the item then stays.
   * @throws QueueShutDown at the end, or if the subscription was too slow
   * @throws CancelledError
   */
  receive(options?: WaitOptions): Promise<T> {
    return this.#exchange.get('broadcast.receive', this, options);
  }

  /** Leaves the broadcast and drops what was not received. Idempotent. */
  close(): void {
    this.#left = true;
    this.#leave(this);
    this.#exchange.close(() => new QueueShutDown('The subscription is closed'));
    this.#exchange.drop();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Takes items until the end. Throws QueueShutDown if the subscription was too slow. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return new ItemIterator(
      (begun) => this.#exchange.get('broadcast.receive', this, undefined, begun),
      (error) => error instanceof QueueShutDown && !this.#tooSlow,
    );
  }

  /**
   * Adds an item without waiting, as the policy says. Returns false if it has to wait for room.
   * @internal
   */
  offer(item: T, policy: SlowPolicy): boolean {
    if (!this.#exchange.full) return this.#exchange.putNowait(item);
    if (policy === 'wait') return false;
    if (policy === 'dropOldest') {
      this.#dropped++;
      this.#exchange.replace(item);
      return true;
    }
    this.endTooSlow();
    return true;
  }

  /** Ends it with an error, after what is in its buffer. @internal */
  endTooSlow(): void {
    this.#tooSlow = true;
    this.#leave(this);
    this.#exchange.close(() => new QueueShutDown('The subscription was ended: it was too slow for the broadcast'));
  }

  /**
   * Adds an item once there is room. Resolves without adding it if the subscriber leaves meanwhile.
   * @internal
   */
  async put(item: T, options: WaitOptions | undefined): Promise<void> {
    try {
      await this.#exchange.put(item, 'broadcast.publish', this, options);
    } catch (error) {
      if (!this.#left || !(error instanceof QueueShutDown)) throw error;
    }
  }

  /**
   * Ends the subscription because the broadcast has ended. What is inside can still be received.
   * @internal
   */
  end(): void {
    this.#exchange.close(() => new QueueShutDown('The broadcast has ended'));
  }
}

/**
 * Sends every item to every subscriber, between tasks of one thread. Items that were published
 * before a subscriber subscribed do not reach it.
 *
 * @example
 * ```ts
 * import { Broadcast, createTask } from 'maitre';
 * const news = new Broadcast<string>({ capacity: 8, slow: 'dropOldest' });
 * const subscription = news.subscribe();
 * const reader = createTask(async () => {
 *   for await (const item of subscription) console.log(item);
 * });
 * await news.publish('hello');
 * news.close();
 * await reader;
 * ```
 */
export class Broadcast<T> extends Resource implements Disposable {
  readonly #capacity: number;
  readonly #slow: SlowPolicy;
  /** The open subscriptions. A subscription that leaves or is too slow removes itself. */
  readonly #subscriptions = new Set<Subscription<T>>();
  #closed = false;

  constructor(options: BroadcastOptions = {}) {
    super(options);
    checkOptions('create broadcast', options, BROADCAST, '', { onSlow: 'slow' });
    const { capacity = 64, slow = 'wait' } = options;
    this.#capacity = capacity;
    this.#slow = slow;
  }

  get kind(): 'broadcast' {
    return 'broadcast';
  }

  /** Returns the number of subscribers and the capacity of each. */
  statistics(): { readonly subscribers: number; readonly capacity: number } {
    return { subscribers: this.#subscriptions.size, capacity: this.#capacity };
  }

  /** The number of subscribers. */
  get subscribers(): number {
    return this.#subscriptions.size;
  }

  /**
   * Adds a subscriber. It receives every item that is published from now on.
   * @throws QueueShutDown after `close`
   */
  subscribe(): Subscription<T> {
    if (this.#closed) throw new QueueShutDown('Cannot subscribe: the broadcast has ended');
    const subscription = Subscription.make<T>(this, this.#capacity, (self) => this.#subscriptions.delete(self));
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /**
   * Sends an item to all current subscribers. Under `wait`, waits for the slow ones; under the
   * other policies, never waits. Cancellable; subscribers that were still full then do not receive
   * the item.
   * @throws QueueShutDown after `close`, also if the close comes while it waits: subscribers that
   * were full do not receive the item
   * @throws CancelledError
   */
  publish(item: T, options?: WaitOptions): Promise<void> {
    return waiting(this.#publish(item, options));
  }

  async #publish(item: T, options: WaitOptions | undefined): Promise<void> {
    if (this.#closed) throw new QueueShutDown('Cannot publish: the broadcast has ended');
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    const slow = [...this.#subscriptions].filter((subscription) => !subscription.offer(item, this.#slow));
    if (slow.length > 0) await Promise.all(slow.map((subscription) => subscription.put(item, options)));
  }

  /** Ends all subscriptions with an error, as those that were too slow. @internal */
  protected endSubscriptions(): void {
    for (const subscription of this.#subscriptions) subscription.endTooSlow();
  }

  /** Ends the broadcast. Subscribers receive what they have, and then the end. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const subscription of this.#subscriptions) subscription.end();
    this.#subscriptions.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Makes a Broadcast: the same as `new Broadcast(options)`.
 * @throws RangeError or TypeError for options that are wrong or unknown
 */
export function broadcast<T>(options?: BroadcastOptions): Broadcast<T> {
  return new Broadcast(options);
}
