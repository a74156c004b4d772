// channel: a queue with two kinds of ends, which ends by itself when all ends of one kind are
// closed. Prior art: AnyIO's memory object streams, tokio's mpsc, Go's channels (with capacity 0, a
// send waits for its receiver).
//
// The items and waits are an Exchange's. `senders` and `receivers` count the open ends. Once no
// sender is left, receivers take what is inside and then see the end. Once no receiver is left,
// sends are rejected at once and what is inside is dropped. Neither count rises again from 0: only
// an open end can be cloned.
import { type Check, integer } from '../base/index.ts';
import {
  InvalidStateError,
  QueueEmpty,
  QueueFull,
  QueueShutDown,
  Resource,
  type ResourceOptions,
  type WaitOptions,
} from '../core/index.ts';
import { Exchange } from './exchange.ts';
import { ItemIterator } from './item-iterator.ts';
import { FifoStore } from './stores.ts';

const checkCapacity: Check = integer(0, Infinity);

/** The part that all ends of a channel share. It is the resource that tasks at any end wait for. */
class Channel<T> extends Resource {
  readonly exchange: Exchange<T>;
  readonly capacity: number;
  /** The number of open senders. Receivers see the end once it is 0. */
  senders = 0;
  /** The number of open receivers. Sends are rejected once it is 0. */
  receivers = 0;

  constructor(exchange: Exchange<T>, capacity: number, options: ResourceOptions | undefined) {
    super(options);
    this.exchange = exchange;
    this.capacity = capacity;
  }

  get kind(): 'channel' {
    return 'channel';
  }

  statistics(): ChannelStatistics {
    const { exchange, capacity, senders, receivers } = this;
    return {
      size: exchange.length,
      capacity,
      senders,
      receivers,
      sending: exchange.putting,
      receiving: exchange.getting,
    };
  }
}

/**
 * The figures of a channel: items inside, its capacity, open ends of each kind, tasks that wait in
 * `send` and `receive`.
 */
export interface ChannelStatistics {
  readonly size: number;
  readonly capacity: number;
  readonly senders: number;
  readonly receivers: number;
  readonly sending: number;
  readonly receiving: number;
}

/**
 * The end of a channel that items go into. Made by `channel` and `clone`; close or dispose it when
 * its producer is done.
 *
 * @example
 * ```ts
 * import { channel } from 'maitre';
 * const [sender, receiver] = channel<number>(10);
 * await sender.send(1);
 * sender.close();
 * for await (const item of receiver) console.log(item); // 1
 * ```
 */
export class Sender<T> implements Disposable {
  readonly #channel: Channel<T>;
  /** False once this sender is closed. The channel may still be open. */
  #open = true;

  /** Called by `channel` only. @internal */
  static make<T>(shared: Channel<T>): Sender<T> {
    return new Sender(shared);
  }

  private constructor(shared: Channel<T>) {
    this.#channel = shared;
    shared.senders++;
  }

  /**
   * Sends an item. Waits for room, or with capacity 0 for a receiver. Cancellable; the item is then
   * not sent. AnyIO: `MemoryObjectSendStream.send`.
   * @throws QueueShutDown if all receivers are closed
   * @throws InvalidStateError if this sender is closed
   * @throws CancelledError
   */
  send(item: T, options?: WaitOptions): Promise<void> {
    if (!this.#open) return Promise.reject(closed('send'));
    return this.#channel.exchange.put(item, 'channel.send', this.#channel, options);
  }

  /**
   * Sends an item without waiting.
   * @throws QueueFull if `send` would wait
   * @throws what `send` throws
   */
  sendNowait(item: T): void {
    if (!this.#open) throw closed('send');
    if (!this.#channel.exchange.putNowait(item))
      throw new QueueFull('Cannot send: no room in the channel, send() would wait');
  }

  /**
   * Returns another sender of the same channel, which is closed separately. Pass one to each
   * producer.
   * @throws InvalidStateError if this sender is closed
   */
  clone(): Sender<T> {
    if (!this.#open) throw closed('clone');
    return new Sender(this.#channel);
  }

  /**
   * Closes this sender. If it was the last one, receivers see the end after what was sent.
   * Idempotent.
   */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (--this.#channel.senders === 0)
      this.#channel.exchange.close(() => new QueueShutDown('The channel has no sender left'));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Returns the figures of the channel. */
  statistics(): ChannelStatistics {
    return this.#channel.statistics();
  }

  /** `<Sender 2 size, 8 capacity, 1 senders, ...>`, for logs. */
  toString(): string {
    return String(this.#channel).replace('Channel', 'Sender');
  }
}

/**
 * The end of a channel that items come out of. Each item goes to one receiver. Iterate over it or
 * call `receive()`.
 *
 * @example
 * ```ts
 * import { channel } from 'maitre';
 * const [sender, receiver] = channel<string>(2);
 * sender.sendNowait('soup');
 * console.log(await receiver.receive()); // soup
 * receiver.close();
 * ```
 */
export class Receiver<T> implements Disposable, AsyncIterable<T> {
  readonly #channel: Channel<T>;
  /** False once this receiver is closed. The channel may still be open. */
  #open = true;

  /** Called by `channel` only. @internal */
  static make<T>(shared: Channel<T>): Receiver<T> {
    return new Receiver(shared);
  }

  private constructor(shared: Channel<T>) {
    this.#channel = shared;
    shared.receivers++;
  }

  /**
   * Waits for the next item. Cancellable; the item then stays for the next receiver. AnyIO:
   * `MemoryObjectReceiveStream.receive`.
   * @throws QueueShutDown if all senders are closed and everything was taken
   * @throws InvalidStateError if this receiver is closed
   * @throws CancelledError
   */
  receive(options?: WaitOptions): Promise<T> {
    if (!this.#open) return Promise.reject(closed('receive'));
    return this.#channel.exchange.get('channel.receive', this.#channel, options);
  }

  /**
   * Takes an item without waiting.
   * @throws QueueEmpty if `receive` would wait
   * @throws what `receive` throws
   */
  receiveNowait(): T {
    if (!this.#open) throw closed('receive');
    const got = this.#channel.exchange.getNowait();
    if (got === undefined) throw new QueueEmpty('Cannot receive: the channel is empty, receive() would wait');
    return got.item;
  }

  /**
   * Returns another receiver of the same channel, which is closed separately.
   * @throws InvalidStateError if this receiver is closed
   */
  clone(): Receiver<T> {
    if (!this.#open) throw closed('clone');
    return new Receiver(this.#channel);
  }

  /**
   * Closes this receiver. If it was the last one, what is inside is dropped and sends are rejected.
   * Idempotent.
   */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (--this.#channel.receivers > 0) return;
    this.#channel.exchange.close(() => new QueueShutDown('The channel has no receiver left'));
    this.#channel.exchange.drop();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Returns the figures of the channel. */
  statistics(): ChannelStatistics {
    return this.#channel.statistics();
  }

  /** `<Receiver 2 size, 8 capacity, 1 senders, ...>`, for logs. */
  toString(): string {
    return String(this.#channel).replace('Channel', 'Receiver');
  }

  /** Takes items until all senders are closed. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return new ItemIterator((begun) => {
      if (!this.#open) return Promise.reject(closed('receive'));
      return this.#channel.exchange.get('channel.receive', this.#channel, undefined, begun);
    });
  }
}

function closed(action: string): InvalidStateError {
  return new InvalidStateError(`Cannot ${action}: this end of the channel is closed`);
}

/**
 * Makes a channel between tasks. Clone either end to share it. Close or dispose every end:
 * iteration over a receiver ends when all senders are closed. AnyIO: `create_memory_object_stream`.
 * @param capacity the number of items that wait inside, an integer >= 0 or Infinity. Defaults to 0:
 * a send waits until a receiver takes its item.
 * @throws RangeError or TypeError for a wrong capacity
 *
 * @example
 * ```ts
 * import { channel, createTask } from 'maitre';
 * const [sender, receiver] = channel<string>();
 * const task = createTask(async () => {
 *   using _ = sender;
 *   await sender.send('one');
 *   await sender.send('two');
 * });
 * for await (const item of receiver) console.log(item);
 * await task;
 * ```
 */
export function channel<T>(capacity = 0, options?: ResourceOptions): [Sender<T>, Receiver<T>] {
  checkCapacity('create channel', 'capacity', capacity);
  const exchange = new Exchange<T>(new FifoStore(), capacity, true);
  const shared = new Channel(exchange, capacity, options);
  return [Sender.make(shared), Receiver.make(shared)];
}
