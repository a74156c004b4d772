// channel: a queue with two kinds of ends. It ends by itself when one kind is gone. Prior art: AnyIO's memory object
// streams, tokio's mpsc, Go's channels (capacity 0: a send waits for its receiver).
//
// The items and waits are an Exchange's. `senders` and `receivers` count the open ends: with no sender left, receivers take
// what is inside and then see the end; with no receiver left, sends are refused at once and what is inside is dropped.
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

/** What all ends of a channel have in common: what tasks at any of them wait for. */
class Channel<T> extends Resource {
  readonly exchange: Exchange<T>;
  readonly capacity: number;
  senders = 0;
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

export interface ChannelStatistics {
  readonly size: number;
  readonly capacity: number;
  readonly senders: number;
  readonly receivers: number;
  readonly sending: number;
  readonly receiving: number;
}

/** The end of a channel that items go in at. */
export class Sender<T> implements Disposable {
  readonly #channel: Channel<T>;
  #open = true;

  /** For `channel`. @internal */
  static make<T>(shared: Channel<T>): Sender<T> {
    return new Sender(shared);
  }

  private constructor(shared: Channel<T>) {
    this.#channel = shared;
    shared.senders++;
  }

  /**
   * Sends an item, waiting for room, or with capacity 0 for a receiver. Cancellable: then it is not sent.
   * @throws QueueShutDown when all receivers are gone; InvalidStateError when this sender is closed
   */
  send(item: T, options?: WaitOptions): Promise<void> {
    if (!this.#open) return Promise.reject(closed('send'));
    return this.#channel.exchange.put(item, 'channel.send', this.#channel, options);
  }

  /** @throws QueueFull when send would wait; as `send` */
  sendNowait(item: T): void {
    if (!this.#open) throw closed('send');
    if (!this.#channel.exchange.putNowait(item))
      throw new QueueFull('Cannot send: no room in the channel, send() would wait');
  }

  /** Another sender of the same channel, to be closed by itself. */
  clone(): Sender<T> {
    if (!this.#open) throw closed('clone');
    return new Sender(this.#channel);
  }

  /** Closes this sender; when it was the last one, receivers see the end after what was sent. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (--this.#channel.senders === 0)
      this.#channel.exchange.close(() => new QueueShutDown('The channel has no sender left'));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  statistics(): ChannelStatistics {
    return this.#channel.statistics();
  }

  /** `<Sender 2 size, 8 capacity, 1 senders, ...>`, for logs. */
  toString(): string {
    return String(this.#channel).replace('Channel', 'Sender');
  }
}

/** The end of a channel that takes. Each item goes to one receiver. */
export class Receiver<T> implements Disposable, AsyncIterable<T> {
  readonly #channel: Channel<T>;
  #open = true;

  /** For `channel`. @internal */
  static make<T>(shared: Channel<T>): Receiver<T> {
    return new Receiver(shared);
  }

  private constructor(shared: Channel<T>) {
    this.#channel = shared;
    shared.receivers++;
  }

  /**
   * Waits for the next item. Cancellable: then the item stays for the next receiver.
   * @throws QueueShutDown when all senders are gone and everything was taken; InvalidStateError when this receiver is closed
   */
  receive(options?: WaitOptions): Promise<T> {
    if (!this.#open) return Promise.reject(closed('receive'));
    return this.#channel.exchange.get('channel.receive', this.#channel, options);
  }

  /** @throws QueueEmpty when receive would wait; as `receive` */
  receiveNowait(): T {
    if (!this.#open) throw closed('receive');
    const got = this.#channel.exchange.getNowait();
    if (got === undefined) throw new QueueEmpty('Cannot receive: the channel is empty, receive() would wait');
    return got.item;
  }

  /** Another receiver of the same channel, to be closed by itself. */
  clone(): Receiver<T> {
    if (!this.#open) throw closed('clone');
    return new Receiver(this.#channel);
  }

  /** Closes this receiver; when it was the last one, what is inside is dropped and sends are refused. Idempotent. */
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

  statistics(): ChannelStatistics {
    return this.#channel.statistics();
  }

  /** `<Receiver 2 size, 8 capacity, 1 senders, ...>`, for logs. */
  toString(): string {
    return String(this.#channel).replace('Channel', 'Receiver');
  }

  /** Takes items until all senders are gone. */
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
 * A channel between tasks. Each end can be cloned, and is closed when disposed; iteration over a receiver ends when all
 * senders are gone.
 * @param capacity how many items wait inside; 0, the default: a send waits until a receiver takes it; Infinity: no bound
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
