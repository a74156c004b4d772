// WorkerBroadcast: a Broadcast whose items reach the subscribers of all workers. They find each other
// by name. The supervisor passes the items on (broadcast-hub.ts); a program without workers has the
// same hub in itself.
//
// The way of an item: publish -> outbox of the publisher -> hub -> outbox of each other participant ->
// its subscribers. Each outbox is bounded by the policy, and each hop keeps the order, so the items of
// one publisher arrive in its order everywhere. `done` and `taken` go the same way back.
//
// Every participant deserializes the item, the publisher's own subscribers too: what they receive is
// the same in every worker, and no two workers share an object that one of them could change.
import { deserialize, serialize } from 'node:v8';
import { describe } from '../base/index.ts';
import { beginWait, cancellable, Future, host, QueueShutDown, waiting, type WaitOptions } from '../core/index.ts';
import { Broadcast, type BroadcastOptions } from '../queues/index.ts';
import { type FromHub, type HubPeer, ownHub, type ToHub } from './broadcast-hub.ts';
import { hasSupervisor, onSupervisor, tellSupervisor } from './channel.ts';
import { Outbox } from './outbox.ts';

/** The name of its messages in the channel between worker and supervisor. */
export const BROADCAST_CHANNEL = 'broadcast';

/** Options of a WorkerBroadcast: those of a Broadcast, and a name. */
export interface WorkerBroadcastOptions extends BroadcastOptions {
  /** Those with the same name receive each other's items. */
  readonly name: string;
}

/** What `statistics()` returns. */
export interface WorkerBroadcastStatistics {
  /** The number of subscribers in this worker. */
  readonly subscribers: number;
  /** How many items each may lag behind, and each worker. */
  readonly capacity: number;
  /** Items of this worker that are on their way to others. */
  readonly waiting: number;
  /** Items that came from others. */
  readonly received: number;
  /** Items of this worker that were lost on their way, because the supervisor did not take them in time. */
  readonly lost: number;
}

/** How a participant reaches its hub. */
export interface HubLink {
  send(message: ToHub): void;
  /** Calls `fn` for all messages to participants at this side. */
  listen(fn: (message: FromHub) => void): Disposable;
}

let lastKey = 0;

/**
 * A Broadcast between the workers of one supervisor, on one machine, without a server between them.
 * What one publishes, the subscribers of all workers that made a WorkerBroadcast of the same name
 * receive, and those in the program of the supervisor. In a program without workers it works the
 * same, between those of the same name.
 *
 * - The items of one publisher arrive in its order. Between publishers in different workers, each
 *   worker may see another order.
 * - Items are copied as `structuredClone` does it, for subscribers in the same worker too.
 * - `slow` is as in a Broadcast, and holds for workers that do not read, too. With `wait`, `publish`
 *   waits until all subscribers of all workers have room. With `dropOldest`, a worker that lags
 *   further behind loses its oldest items; with `disconnect`, its subscriptions end.
 * - It begins to receive when it is made: make it when the file is loaded. Close it if it is not for
 *   the whole program.
 *
 * For several machines, use `RedisBroadcast` of `maitre/distributed`.
 *
 * @example
 * ```ts
 * import { WorkerBroadcast } from 'maitre/workers';
 * const news = new WorkerBroadcast<string>({ name: 'news', slow: 'dropOldest' });
 * using subscription = news.subscribe();
 * await news.publish('hello'); // in this worker, or in another one
 * console.log(await subscription.receive()); // hello
 * news.close();
 * ```
 */
export class WorkerBroadcast<T> extends Broadcast<T> {
  readonly #slow: NonNullable<BroadcastOptions['slow']>;
  readonly #key: number = ++lastKey;
  readonly #link: HubLink;
  readonly #outbox: Outbox;
  readonly #listening: Disposable;
  /** Publishes that wait for the other workers. */
  readonly #pending = new Set<Future<void>>();
  #received = 0;
  #isClosed = false;

  /**
   * @throws TypeError without a name; RangeError or TypeError for options that are wrong or unknown
   */
  constructor(options: WorkerBroadcastOptions);
  /** @internal */
  constructor(options: WorkerBroadcastOptions, link?: HubLink);
  constructor(options: WorkerBroadcastOptions, link: HubLink = hasSupervisor() ? supervisorLink : ownLink()) {
    super(options);
    const { name, slow = 'wait' } = options;
    if (typeof name !== 'string' || name === '') {
      const got = describe(name);
      throw new TypeError(
        `Cannot create broadcast: workers find each other by the name of a WorkerBroadcast, expected text, got ${got}`,
      );
    }
    const { capacity } = super.statistics();
    this.#slow = slow;
    this.#link = link;
    const key = this.#key;
    this.#outbox = new Outbox(slow, capacity, (ref, item, gap) => link.send({ op: 'item', key, ref, item, gap }));
    this.#listening = link.listen((message) => void (message.key === key && this.#receive(message)));
    link.send({ op: 'join', key, topic: name, slow, capacity });
  }

  override statistics(): WorkerBroadcastStatistics {
    const { size, lost } = this.#outbox;
    return { ...super.statistics(), waiting: size, received: this.#received, lost };
  }

  /**
   * Sends an item to the subscribers of all workers. Under `wait`, waits for the slow ones; under the
   * other policies, never waits. Cancellable; subscribers in this worker that were still full then do
   * not receive the item, and those in other workers do.
   * @throws TypeError for an item that cannot be cloned, and QueueShutDown after `close`, also if the
   * close comes while it waits
   * @throws CancelledError
   */
  override publish(item: T, options?: WaitOptions): Promise<void> {
    return waiting(this.#publish(item, options));
  }

  async #publish(item: T, options: WaitOptions | undefined): Promise<void> {
    if (this.#isClosed) throw new QueueShutDown('Cannot publish: the broadcast has ended');
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    const bytes = pack(item);
    const sent = new Future<void>();
    this.#pending.add(sent);
    try {
      this.#outbox.add(bytes, false, () => sent.answer());
      await super.publish(deserialize(bytes) as T, options); // what was serialized
      if (this.#slow === 'wait' && !sent.done()) await cancellable(sent, options);
    } finally {
      this.#pending.delete(sent);
    }
  }

  /** Ends it in this worker. Subscribers receive what they have, and then the end. Idempotent. */
  override close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const sent of this.#pending) {
      if (sent.done()) continue;
      sent.markHandled(); // the wait for the subscribers here may reject first
      sent.fail(new QueueShutDown('Cannot publish: the broadcast has ended'));
    }
    this.#listening[Symbol.dispose]();
    this.#link.send({ op: 'leave', key: this.#key });
    this.#outbox.end();
    super.close();
  }

  #receive(message: FromHub): void {
    if (message.op === 'done') return this.#outbox.settle(message.ref);
    const { key, ref, item, gap } = message;
    this.#received++;
    if (gap) this.endSubscriptions();
    const taken = (): void => this.#link.send({ op: 'taken', key, ref });
    // Outside of the task that may publish in this call: its cancel is not one of the others.
    const put = (): Promise<void> => super.publish(deserialize(item) as T); // what was serialized
    host.carrier.run(undefined, put, undefined).then(taken, taken); // it rejects when it is closed meanwhile
  }
}

function pack(item: unknown): Uint8Array {
  try {
    return serialize(item);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`Cannot publish: the item cannot be sent to other workers: ${why}`, { cause });
  }
}

const supervisorLink: HubLink = {
  send: (message) => tellSupervisor(BROADCAST_CHANNEL, message),
  listen: (fn) => onSupervisor(BROADCAST_CHANNEL, (body) => fn(body as FromHub)), // the supervisor follows the protocol
};

let link: HubLink | undefined;

/** The link to the hub of this program. */
function ownLink(): HubLink {
  if (link !== undefined) return link;
  const listeners = new Set<(message: FromHub) => void>();
  const peer: HubPeer = { post: (message) => listeners.forEach((each) => each(message)) };
  const hub = ownHub();
  return (link = {
    send: (message) => hub.receive(peer, message),
    listen(fn) {
      listeners.add(fn);
      return { [Symbol.dispose]: () => void listeners.delete(fn) };
    },
  });
}
