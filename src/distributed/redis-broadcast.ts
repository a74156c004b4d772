// RedisBroadcast: the interface of Broadcast, between processes and machines.
//
// Two connections: one for commands (publish, ranges), one that only receives (SUBSCRIBE or XREAD).
// publisher.ts has the order of what is sent, the feeds have that of what is received.
//
// States: OPEN -> CLOSING (shutdown waits for what was published) -> CLOSED.
import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { checkOptions } from '../base/index.ts';
import {
  cancellable,
  defaultGrace,
  InvalidStateError,
  moveOnAfter,
  QueueShutDown,
  Resource,
  waiting,
} from '../core/index.ts';
import type { SlowPolicy } from '../queues/index.ts';
import {
  keyPart,
  type PublishOptions,
  REDIS_BROADCAST,
  type RedisBroadcastOptions,
  type SubscribeOptions,
} from './broadcast-options.ts';
import type { Feed, FeedPlan, FeedStatistics } from './feed.ts';
import { Link } from './link.ts';
import { LiveFeed, toFrame } from './live-feed.ts';
import { type Outgoing, Publisher } from './publisher.ts';
import { RedisSubscription } from './redis-subscription.ts';
import { appendBatch, StreamFeed } from './stream-feed.ts';

/** Sends a batch over an open connection. */
type Send = (client: Redis, batch: readonly Outgoing[]) => Promise<unknown>;

/** The most items in a batch. */
const MOST_ITEMS = 256;

/** The figures of a RedisBroadcast. */
export interface RedisBroadcastStatistics extends FeedStatistics {
  /** The subscriptions of this process. */
  readonly subscribers: number;
  /** The items that each of them holds. */
  readonly capacity: number;
  /** The publishes that wait for Redis. */
  readonly waiting: number;
}

/**
 * A Broadcast between processes and machines, over Redis: every subscriber of every process receives
 * every item, each once and in the order in which its sender published it.
 *
 * What it does not promise:
 * - Without `replay`, an item reaches those that are connected to Redis at that moment. Others miss
 *   it, and so do subscribers whose connection is lost meanwhile. `statistics().missed` counts.
 * - With `replay`, Redis keeps the latest `max` items. A subscriber that was away for longer learns
 *   so from a MissedItemsError.
 * - An item is as safe as Redis is: it can be lost with the machine (`appendfsync everysec`: up to a
 *   second), and when a replica takes over (what had not reached it).
 * - A publish that was cancelled, timed out or failed with a lost connection may have been published
 *   or not. `once` makes it safe to publish again.
 * - Publishers never wait for subscribers.
 *
 * Connects when it is first used. Ends with `await using`, `shutdown()`, `close()`, or the run() in
 * which it was made. Needs the package ioredis.
 *
 * @example
 * ```ts no-run
 * import { RedisBroadcast } from 'maitre/distributed';
 * await using chat = new RedisBroadcast<string>('chat', { redis: 'redis://localhost:6379', replay: true });
 * using heard = chat.subscribe();
 * await chat.publish('hello'); // from here, or from any other process
 * for await (const line of heard) {
 *   console.log(line, heard.position); // hello 1700000000000-1
 *   break;
 * }
 * ```
 */
export class RedisBroadcast<T> extends Resource implements Disposable, AsyncDisposable {
  readonly #topic: string;
  readonly #capacity: number;
  readonly #maxBytes: number;
  readonly #encode: (item: T) => string;
  readonly #isReplayed: boolean;
  readonly #commands: Link;
  readonly #feed: Feed<T>;
  readonly #publisher: Publisher;
  readonly #subscriptions = new Set<RedisSubscription<T>>();
  #state: 'open' | 'closing' | 'closed' = 'open';
  /** The batches that wait until all is open, and when the last of them has left. */
  #opening = 0;
  #sent: Promise<void> = Promise.resolve();
  /** Done when the sockets are closed. */
  #closed: Promise<unknown> = Promise.resolve();

  /**
   * Makes a broadcast. It connects when it is first used.
   * @param topic what the processes agree on: those with the same topic and prefix hear each other
   * @throws TypeError or RangeError for options that are wrong or unknown
   */
  constructor(topic: string, options: RedisBroadcastOptions<T> = {}) {
    super({ name: options?.name ?? topic });
    keyPart('create broadcast', 'topic', topic);
    checkOptions('create broadcast', options, REDIS_BROADCAST, '', { onSlow: 'slow' });
    const { redis = 'redis://localhost:6379', replay = false, prefix = 'maitre' } = options;
    this.#isReplayed = replay !== false;
    const { capacity = this.#isReplayed ? 256 : 1024 } = options;
    const { maxBytes = 256 * 1024, encode = JSON.stringify, decode = JSON.parse as (text: string) => T } = options;
    const { slow = this.#isReplayed ? 'wait' : 'disconnect', maxWaiting = 65_536, publishTimeout = 30_000 } = options;
    this.#refuseWait(slow);
    this.#topic = topic;
    this.#capacity = capacity;
    this.#maxBytes = maxBytes;
    this.#encode = encode;
    this.#commands = new Link({ owner: this, redis, action: `publish on ${this.label}` });
    const key = `${prefix}:{${topic}}`;
    const plan: FeedPlan<T> = { owner: this, redis, key, slow, decode };
    const self = randomBytes(9).toString('base64url');
    this.#feed = this.#isReplayed ? new StreamFeed(plan, this.#commands) : new LiveFeed(plan);
    const max = typeof replay === 'object' ? (replay.max ?? 10_000) : 10_000;
    const send: Send = this.#isReplayed
      ? (client, batch) => appendBatch(client, key, max, self, batch)
      : (client, batch) => client.publish(key, toFrame(self, batch));
    // A batch that is longer than the stream would be trimmed before anybody has read it.
    const most = this.#isReplayed ? Math.max(1, Math.min(MOST_ITEMS, max >> 2)) : MOST_ITEMS;
    this.#publisher = new Publisher({
      resource: this,
      timeout: publishTimeout,
      maxWaiting,
      most,
      send: (batch) => this.#send(batch, send),
    });
    this.markOpened();
  }

  get kind(): 'broadcast' {
    return 'broadcast';
  }

  protected override get hasEnd(): true {
    return true;
  }

  override get ending(): boolean {
    return this.#state !== 'open';
  }

  /** What the processes agree on. */
  get topic(): string {
    return this.#topic;
  }

  /** The number of subscriptions of this process. */
  get subscribers(): number {
    return this.#subscriptions.size;
  }

  /** Returns the figures of this process. See `RedisBroadcastStatistics`. */
  statistics(): RedisBroadcastStatistics {
    return {
      subscribers: this.#subscriptions.size,
      capacity: this.#capacity,
      waiting: this.#publisher.waiting,
      ...this.#feed.statistics(),
    };
  }

  /**
   * Adds a subscriber. It receives every item that this process publishes from now on, and every
   * item that others publish once `ready()` has resolved. With `after`, it first receives what was
   * published after that item.
   * @param options `after`: the `position` of an earlier subscription, or `'0'`
   * @throws QueueShutDown after `close`
   * @throws TypeError for `after` without `replay`, and for what is no id
   */
  subscribe(options: SubscribeOptions = {}): RedisSubscription<T> {
    if (this.#state !== 'open') throw new QueueShutDown('Cannot subscribe: the broadcast has ended');
    const { after } = options;
    if (after !== undefined) this.#checkAfter(after);
    const subscription: RedisSubscription<T> = RedisSubscription.make<T>(this, this.#capacity, after, {
      left: () => {
        this.#subscriptions.delete(subscription);
        this.#feed.leave(subscription);
      },
      taken: () => this.#feed.taken(subscription),
    });
    this.#subscriptions.add(subscription);
    this.#feed.join(subscription, after);
    return subscription;
  }

  /**
   * Sends an item to all subscribers of all processes. Resolves when Redis has it; waits while Redis
   * is away, for at most `publishTimeout`. Cancellable: an item that was not sent yet is not
   * published, one that was sent may be.
   * @param options `once`: the sender and the number of the item; `signal`
   * @throws RangeError if the item is longer than `maxBytes`; TypeError if JSON cannot hold it
   * @throws TimeoutError when the time is over; the message says whether the item was sent
   * @throws QueueFull when `maxWaiting` publishes wait
   * @throws QueueShutDown after `close`, also if the close comes while it waits
   * @throws ConnectionLostError if there was no Redis at the first use
   * @throws CancelledError
   */
  publish(item: T, options?: PublishOptions): Promise<void> {
    let text: string;
    const once = options?.once;
    try {
      text = this.#encoded(item);
      if (once !== undefined) this.#checkOnce(once);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#publisher.publish(text, once, options);
  }

  /**
   * Ends it in good order: takes no further items, waits until Redis has what was published, and
   * closes. Cancellable: then it closes at once.
   * @param options `grace`: how long it may wait, in milliseconds; defaults to what is left of the
   *   grace of the run() around, or 5,000
   * @throws CancelledError
   */
  shutdown(options: { readonly grace?: number | undefined } = {}): Promise<void> {
    return waiting(this.#shutdown(options.grace ?? defaultGrace(5000)));
  }

  /**
   * Ends it at once. Subscribers receive what they have, and then the end. Publishes that wait
   * reject. Idempotent.
   */
  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#publisher.close();
    this.#closed = Promise.all([this.#feed.close(), this.#commands.close()]);
    this.#subscriptions.clear();
    this.markClosed();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Calls `shutdown`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /** @internal */
  override endWithin(grace: number): Promise<void> {
    return this.shutdown({ grace });
  }

  /** @internal */
  override endNow(): void {
    this.close();
  }

  async #shutdown(grace: number): Promise<void> {
    if (this.#state === 'open') this.#state = 'closing';
    try {
      await moveOnAfter(grace, () => cancellable(this.#publisher.drained()));
    } finally {
      this.close();
    }
    await cancellable(this.#closed);
  }

  /** Sends a batch, in this step if all is open. Batches leave in the order of the calls. */
  #send(batch: readonly Outgoing[], send: Send): Promise<unknown> {
    const { client } = this.#commands;
    if (client === undefined || this.#opening > 0 || this.#feed.settled() !== undefined) {
      return this.#openAndSend(batch, send);
    }
    return send(client, batch);
  }

  async #openAndSend(batch: readonly Outgoing[], send: Send): Promise<unknown> {
    const before = this.#sent;
    let leave = (): void => undefined;
    this.#sent = new Promise((resolve) => void (leave = resolve));
    this.#opening++;
    try {
      await before;
      await this.#feed.settled();
      return send(await this.#commands.use(), batch); // not awaited: the next one may leave
    } finally {
      this.#opening--;
      leave();
    }
  }

  #encoded(item: T): string {
    if (this.#state !== 'open') throw new QueueShutDown('Cannot publish: the broadcast has ended');
    const text: unknown = this.#encode(item);
    if (typeof text !== 'string') {
      throw new TypeError(`Cannot publish on ${this.label}: the item became no text, it is ${typeof item}`);
    }
    // A UTF-16 unit has at most three bytes: most items need no counting.
    const bytes = text.length * 3 <= this.#maxBytes ? 0 : Buffer.byteLength(text);
    if (bytes > this.#maxBytes) {
      throw new RangeError(
        `Cannot publish on ${this.label}: the item has ${bytes} bytes, and maxBytes is ${this.#maxBytes}; ` +
          'publish where to find it instead',
      );
    }
    return text;
  }

  #checkOnce({ sender, number }: NonNullable<PublishOptions['once']>): void {
    if (!this.#isReplayed) throw new TypeError(`Cannot publish on ${this.label}: once needs replay`);
    if (typeof sender !== 'string' || sender === '' || !Number.isSafeInteger(number) || number < 1) {
      throw new TypeError(
        `Cannot publish on ${this.label}: once must be { sender: text, number: an integer >= 1 }, got { sender: ${JSON.stringify(sender)}, number: ${String(number)} }`,
      );
    }
  }

  #checkAfter(after: string): void {
    if (!this.#isReplayed) throw new TypeError(`Cannot subscribe to ${this.label}: after needs replay`);
    if (typeof after !== 'string' || !/^(?:0|\d{1,16}-\d{1,16})$/.test(after)) {
      throw new TypeError(
        `Cannot subscribe to ${this.label}: after must be the position of a subscription or '0', got ${JSON.stringify(after)}`,
      );
    }
  }

  #refuseWait(slow: SlowPolicy): void {
    if (slow !== 'wait' || this.#isReplayed) return;
    throw new InvalidStateError(
      "Cannot create broadcast: slow: 'wait' needs replay, because a publisher cannot wait for subscribers of other machines\n" +
        "    new RedisBroadcast(topic, { slow: 'wait' })                 // where would the items wait?\n" +
        "    new RedisBroadcast(topic, { slow: 'wait', replay: true })   // in Redis",
    );
  }
}
