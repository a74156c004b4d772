// UDP: one socket that sends and receives datagrams. Semantics: asyncio.create_datagram_endpoint, with waiting calls in
// place of the protocol's callbacks.
//
// States: OPEN -(close)-> CLOSED -(the last send has ended)-> the socket closes -('close')-> GONE. There is no way back.
//
// - What comes goes through the inbox: a bounded queue, because nobody can hold a UDP sender up. node:dgram reads on
//   whatever happens, so what is too much is dropped here, by a stated policy, and counted.
// - A send is a wait that ends when the system took the datagram. It cannot be called back from the system: cancelled, it
//   may have gone out all the same. `#sending` counts those that the system has not answered, cancelled ones included.
// - An error event of the socket is an answer to something sent before (ICMP). It does not close the endpoint.
import type { RemoteInfo, Socket } from 'node:dgram';
import { AsyncIteration, describe, disposable } from '../base/index.ts';
import {
  answeredWait,
  beginWait,
  CancelledError,
  InvalidStateError,
  Line,
  mayAnswer,
  QueuedWait,
  Resource,
  Wait,
  waiting,
  type WaitOptions,
} from '../core/index.ts';
import { formatAddress, toAddress } from './address.ts';
import { DatagramInbox } from './datagram-inbox.ts';
import {
  checkGroup,
  checkTarget,
  type DatagramAddress,
  type DatagramOptions,
  type DatagramTarget,
  onFamily,
} from './datagram-options.ts';

const DEFAULT_QUEUE = 1024;

/** One message, whole, as its sender sent it. */
export interface Datagram {
  /** Its bytes; none for an empty datagram. The buffer is the receiver's own. */
  readonly data: Buffer;
  /** Who sent it; `send` takes it as target. */
  readonly from: DatagramAddress;
}

export interface DatagramStatistics {
  /** Datagrams that came from the system, the dropped ones included. */
  readonly received: number;
  /** Of these, how many the receive queue had no room for. What the kernel drops itself is not in it. */
  readonly dropped: number;
  /** How many wait to be received now. */
  readonly queued: number;
  /** Datagrams that the system took. */
  readonly sent: number;
}

/**
 * A UDP socket. Made by `createDatagramEndpoint`. Iterating receives until it is closed.
 *
 * @example
 * ```ts
 * import { createDatagramEndpoint } from 'maitre';
 * await using server = await createDatagramEndpoint({ local: { host: '127.0.0.1' } });
 * await using client = await createDatagramEndpoint({ remote: { host: '127.0.0.1', port: server.address.port } });
 * await client.send('ping');
 * const { data, from } = await server.receive();
 * await server.send(data, from);
 * console.log(String((await client.receive()).data)); // ping
 * ```
 */
export class DatagramEndpoint extends Resource implements AsyncIterable<Datagram>, AsyncDisposable {
  /** Where it receives. */
  readonly address: DatagramAddress;
  /** The one peer of a connected endpoint; undefined for one that talks to everybody. */
  readonly remote: DatagramAddress | undefined;
  readonly #socket: Socket;
  readonly #family: 'IPv4' | 'IPv6';
  /** The remote in the system's own spelling: what comes from elsewhere came before it was connected. */
  readonly #peer: { readonly address: string; readonly port: number } | undefined;
  readonly #inbox: DatagramInbox<Datagram>;
  readonly #groups = new Set<string>();
  readonly #closers = new Line<void>();
  #sending = 0;
  #sent = 0;
  #closed = false;
  #gone = false;

  /** Made by createDatagramEndpoint, of a bound socket. @internal */
  constructor(socket: Socket, family: 'IPv4' | 'IPv6', options: DatagramOptions) {
    const { receiveQueue = DEFAULT_QUEUE, onOverflow = 'dropNewest', remote } = options;
    super();
    this.#socket = socket;
    this.#family = family;
    this.#peer = remote === undefined ? undefined : socket.remoteAddress();
    this.address = toDatagramAddress(socket.address());
    this.remote = this.#peer === undefined ? undefined : toDatagramAddress(this.#peer);
    this.#inbox = new DatagramInbox(receiveQueue, onOverflow);
    socket.on('message', (data, from) => this.#received(data, from));
    socket.on('error', (error) => this.#inbox.fail(error));
    socket.once('close', () => {
      this.#gone = true;
      this.markClosed();
      this.#closers.answerAll();
    });
    this.markOpened();
  }

  get kind(): 'datagram endpoint' {
    return 'datagram endpoint';
  }

  protected override get hasEnd(): true {
    return true;
  }

  /** @internal */
  override get label(): string {
    return `datagram endpoint ${formatAddress(this.address)}`;
  }

  /** @internal */
  override get ending(): boolean {
    return this.#closed;
  }

  /** @internal */
  override endWithin(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }

  /** True from close() on. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Sends one datagram and waits until the system took it: not until it arrived, which UDP does not tell. Awaiting it is what
   * bounds the system's queue. Bytes passed must not change before it resolves. Cancellable; the datagram may then have
   * been sent all the same.
   * @param data a string is sent as UTF-8
   * @param to required without `remote`, refused with it; a name is looked up on each call
   * @throws the system's error (EMSGSIZE, ENOTFOUND, ENETUNREACH, ...). ECONNREFUSED tells of an earlier datagram; this one
   *   was not sent. TypeError, RangeError; InvalidStateError once closed
   *
   * @example
   * ```ts
   * import { createDatagramEndpoint } from 'maitre';
   * await using endpoint = await createDatagramEndpoint();
   * await endpoint.send('soup', { host: '127.0.0.1', port: 9 });
   * ```
   */
  send(data: Uint8Array | string, to?: DatagramTarget, options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    let target: { readonly host: string; readonly port: number } | undefined;
    try {
      target = this.#checkSend(data, to);
    } catch (error) {
      return Promise.reject(error);
    }
    const fault = this.#inbox.takeFault();
    if (fault !== undefined) return Promise.reject(fault);
    const wait = new Wait<void>('datagram.send', this, options);
    const done = (error: Error | null | undefined): void => {
      this.#sending--;
      if (error === null || error === undefined) {
        this.#sent++;
        wait.answer();
      } else wait.fail(error);
      this.#closeSocket();
    };
    this.#sending++;
    try {
      if (target === undefined) this.#socket.send(data, done);
      else this.#socket.send(data, target.port, target.host, done);
    } catch (error) {
      done(error as Error); // node:dgram throws only Errors
    }
    return wait.promise;
  }

  /**
   * Takes the next datagram, waiting for one; several waiting calls are served in their order. Cancellable: then no datagram
   * is lost.
   * @throws the system's error, once, when an earlier datagram could not be delivered: ECONNREFUSED from the peer of a
   *   connected endpoint. The endpoint stays open. InvalidStateError once closed, also when it was waiting then
   *
   * @example
   * ```ts
   * import { createDatagramEndpoint, timeout } from 'maitre';
   * await using endpoint = await createDatagramEndpoint({ local: { host: '127.0.0.1' } });
   * await endpoint.send('to myself', endpoint.address);
   * const { data, from } = await timeout(1000, () => endpoint.receive());
   * console.log(`${data} from port ${from.port}`);
   * ```
   */
  receive(options?: WaitOptions): Promise<Datagram> {
    return this.#inbox.receive(this, options);
  }

  /** Receives until the endpoint is closed. Leaving the loop leaves it open; throws what `receive` throws while it is open. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Datagram> {
    return new DatagramIterator(this);
  }

  /**
   * Joins a multicast group: what is sent to it is received from now on. Disposing the result leaves it, as `leaveGroup`
   * and closing do.
   * @param group its address
   * @throws the system's error (EINVAL, EADDRINUSE when joined already, ENODEV, ...); TypeError, RangeError;
   *   InvalidStateError once closed
   */
  joinGroup(group: string, options: { readonly interface?: string | undefined } = {}): Disposable {
    const { interface: on } = options;
    this.#checkGroup(group, on, 'join group');
    this.#socket.addMembership(group, on);
    const key = groupKey(group, on);
    this.#groups.add(key);
    return disposable(() => {
      if (!this.#closed && this.#groups.has(key)) this.leaveGroup(group, options);
    });
  }

  /** Leaves a group. @throws the system's error (EADDRNOTAVAIL when not joined); TypeError, RangeError; InvalidStateError once closed */
  leaveGroup(group: string, options: { readonly interface?: string | undefined } = {}): void {
    const { interface: on } = options;
    this.#checkGroup(group, on, 'leave group');
    this.#socket.dropMembership(group, on);
    this.#groups.delete(groupKey(group, on));
  }

  /**
   * Ends it: what was not received is dropped, waiting receives reject, iterations end. Sends that were begun go out first.
   * Idempotent; `waitClosed` waits until the socket is gone.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inbox.close(() => new InvalidStateError('Cannot receive: the datagram endpoint is closed'));
    this.#closeSocket();
  }

  /** Waits until it is closed and its socket gone. Does not close it. Cancellable. */
  waitClosed(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (!this.#gone) return this.#closers.join(new QueuedWait('datagram.waitClosed', this, options));
    return mayAnswer(options) ? Promise.resolve() : answeredWait('datagram.waitClosed', this, undefined, options);
  }

  /** Closes it and waits until its socket is gone. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return this.waitClosed();
  }

  statistics(): DatagramStatistics {
    const { received, dropped, length } = this.#inbox;
    return { received, dropped, queued: length, sent: this.#sent };
  }

  /** `datagram endpoint 127.0.0.1:5353`, for messages. */
  override toString(): string {
    const remote = this.remote === undefined ? '' : ` to ${formatAddress(this.remote)}`;
    return `datagram endpoint ${formatAddress(this.address)}${remote}${this.#closed ? ', closed' : ''}`;
  }

  #received(data: Buffer, from: RemoteInfo): void {
    const peer = this.#peer;
    if (peer !== undefined && (from.port !== peer.port || from.address !== peer.address)) return;
    this.#inbox.push({ data, from: toDatagramAddress(from) });
  }

  /** Gives where it goes: undefined to the one peer. */
  #checkSend(data: unknown, to: unknown): { host: string; port: number } | undefined {
    if (this.#closed) throw new InvalidStateError('Cannot send: the datagram endpoint is closed');
    if (typeof data !== 'string' && !(data instanceof Uint8Array)) {
      throw new TypeError(`Cannot send: data must be a string or a Uint8Array, got ${describe(data)}`);
    }
    if (this.remote !== undefined) {
      if (to === undefined) return undefined;
      throw new TypeError(
        `Cannot send: the endpoint is connected to ${formatAddress(this.remote)}, expected no other target`,
      );
    }
    if (to === undefined) {
      throw new TypeError('Cannot send: expected a target { host, port }, got none and the endpoint has no remote');
    }
    const { host, port } = checkTarget(to, 'to', 'send');
    return { host: onFamily(host, this.#family, 'send'), port };
  }

  #checkGroup(group: unknown, on: unknown, action: string): void {
    if (this.#closed) throw new InvalidStateError(`Cannot ${action}: the datagram endpoint is closed`);
    checkGroup(group, on, action);
  }

  /** Called at close and after each send: closes the socket once, because no send begins after close. */
  #closeSocket(): void {
    if (this.#closed && this.#sending === 0) this.#socket.close();
  }
}

class DatagramIterator extends AsyncIteration<Datagram> {
  readonly #endpoint: DatagramEndpoint;
  /** Aborted at the end: it takes back the receives that wait in next(), which would take datagrams with them. */
  readonly #end = new AbortController();

  constructor(endpoint: DatagramEndpoint) {
    super();
    this.#endpoint = endpoint;
  }

  protected override step(): Promise<IteratorResult<Datagram, undefined>> {
    return waiting(this.#receive());
  }

  async #receive(): Promise<IteratorResult<Datagram, undefined>> {
    const { signal } = this.#end;
    try {
      return { done: false, value: await this.#endpoint.receive({ signal }) };
    } catch (error) {
      const isEnded = error instanceof CancelledError && error.reason.by === signal;
      const isClosed = this.#endpoint.closed && error instanceof InvalidStateError;
      if (!isEnded && !isClosed) throw error;
      return this.return();
    }
  }

  protected override end(): void {
    this.#end.abort();
  }
}

function toDatagramAddress({ address, port }: { readonly address: string; readonly port: number }): DatagramAddress {
  return toAddress(address, port) as DatagramAddress; // toAddress makes no paths
}

function groupKey(group: string, on: string | undefined): string {
  return `${group} ${on ?? ''}`;
}
