// broadcast: every subscriber gets every item, each through a bounded buffer of its own. What happens when a buffer is full
// is the publisher's policy, said once.
//
// - `wait`: publish waits until the slowest subscriber has room. It stands in the line of every slow one at once, so
//   all subscribers get the items in one order, however many publish.
// - `dropOldest`: the subscriber loses its oldest item, and counts it.
// - `disconnect`: the subscription ends after what is in its buffer, with an error.
import { anything, type Checks, checkOptions, integer, oneOf } from '../base/index.ts';
import { beginWait, QueueShutDown, Resource, type ResourceOptions, waiting, type WaitOptions } from '../core/index.ts';
import { Exchange } from './exchange.ts';
import { ItemIterator } from './item-iterator.ts';
import { FifoStore } from './stores.ts';

export type SlowPolicy = 'wait' | 'dropOldest' | 'disconnect';

export interface BroadcastOptions extends ResourceOptions {
  /** How many items each subscriber may be behind, an integer >= 1. Default 64. */
  readonly capacity?: number | undefined;
  /** What happens to a subscriber that is further behind. Default `wait`. */
  readonly slow?: SlowPolicy | undefined;
}

/** All options of a Broadcast. */
export const BROADCAST: Checks<BroadcastOptions> = {
  capacity: integer(1),
  slow: oneOf('wait, dropOldest or disconnect'),
  name: anything,
};

/** One subscriber: iterate over it, or receive(); dispose it to leave. */
export class Subscription<T> extends Resource implements Disposable, AsyncIterable<T> {
  readonly #broadcast: Resource;
  readonly #capacity: number;
  readonly #exchange: Exchange<T>;
  readonly #leave: (subscription: Subscription<T>) => void;
  #dropped = 0;
  /** It was closed by its own side: nobody waits for an item. */
  #left = false;
  /** It ended because it was too slow: iteration throws instead of ending. */
  #tooSlow = false;

  /** For `subscribe`. @internal */
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

  /** The broadcast that it is one of. */
  override get parent(): Resource {
    return this.#broadcast;
  }

  statistics(): { readonly size: number; readonly capacity: number; readonly dropped: number } {
    return { size: this.#exchange.length, capacity: this.#capacity, dropped: this.#dropped };
  }

  /** How many items it lost under `dropOldest`. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Waits for the next item. Cancellable: then the item stays. @throws QueueShutDown at the end, or when it was too slow */
  receive(options?: WaitOptions): Promise<T> {
    return this.#exchange.get('broadcast.receive', this, options);
  }

  /** Leaves; what was not received is dropped. Idempotent. */
  close(): void {
    this.#left = true;
    this.#leave(this);
    this.#exchange.close(() => new QueueShutDown('The subscription is closed'));
    this.#exchange.drop();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Takes items until the end; throws QueueShutDown when it was ended for being too slow. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return new ItemIterator(
      (begun) => this.#exchange.get('broadcast.receive', this, undefined, begun),
      () => !this.#tooSlow,
    );
  }

  /** Takes an item without waiting, by policy. False when it must wait for room. @internal */
  offer(item: T, policy: SlowPolicy): boolean {
    if (!this.#exchange.full) return this.#exchange.putNowait(item);
    if (policy === 'wait') return false;
    if (policy === 'dropOldest') {
      this.#dropped++;
      this.#exchange.replace(item);
      return true;
    }
    this.#tooSlow = true;
    this.#leave(this);
    this.#exchange.close(() => new QueueShutDown('The subscription was ended: it was too slow for the broadcast'));
    return true;
  }

  /** Gives an item once there is room; nothing when it leaves meanwhile. @internal */
  async put(item: T, options: WaitOptions | undefined): Promise<void> {
    try {
      await this.#exchange.put(item, 'broadcast.publish', this, options);
    } catch (error) {
      if (!this.#left || !(error instanceof QueueShutDown)) throw error;
    }
  }

  /** The broadcast has ended: what is inside can still be received. @internal */
  end(): void {
    this.#exchange.close(() => new QueueShutDown('The broadcast has ended'));
  }
}

/**
 * One publisher side, any number of subscribers, in one process.
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

  statistics(): { readonly subscribers: number; readonly capacity: number } {
    return { subscribers: this.#subscriptions.size, capacity: this.#capacity };
  }

  /** How many subscribers there are. */
  get subscribers(): number {
    return this.#subscriptions.size;
  }

  /** From now on, every item published goes to this subscriber too. @throws QueueShutDown after close */
  subscribe(): Subscription<T> {
    if (this.#closed) throw new QueueShutDown('Cannot subscribe: the broadcast has ended');
    const subscription = Subscription.make<T>(this, this.#capacity, (self) => this.#subscriptions.delete(self));
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /**
   * Hands an item to every subscriber of now. Waits only under `wait`, for the slow ones; cancelled meanwhile, those that
   * were still full do not receive it. @throws QueueShutDown after close, also when those that were full are left without it
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

  /** Ends the broadcast: subscribers receive what they have, then the end. Idempotent. */
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

/** Makes a Broadcast. */
export function broadcast<T>(options?: BroadcastOptions): Broadcast<T> {
  return new Broadcast(options);
}
