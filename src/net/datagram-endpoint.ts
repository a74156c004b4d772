// UDP: one socket that sends and receives datagrams. Semantics: asyncio.create_datagram_endpoint,
// with waiting calls instead of the callbacks of a protocol.
//
// States: OPEN -(close())-> CLOSED -(the last send ends, the socket closes)-> GONE. No state leads
// back.
//
// - Incoming datagrams go through the inbox, a bounded queue. A UDP sender cannot be made to wait,
//   and node:dgram reads whatever happens. So the inbox drops what is too much, by the `overflow`
//   policy, and counts it.
// - A send is a wait that ends when the system took the datagram. The system cannot take a send
//   back: the datagram of a cancelled send may still go out. `#sending` counts the sends that the
//   system has not answered, including cancelled ones.
// - An 'error' event of the socket answers an earlier send (ICMP). It does not close the endpoint.
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

/** One message, complete, as its sender sent it. */
export interface Datagram {
  /** Its bytes; empty for an empty datagram. The buffer belongs to the receiver. */
  readonly data: Buffer;
  /** The sender. `send` accepts it as target. */
  readonly from: DatagramAddress;
}

/** What `endpoint.statistics()` returns: counts since the endpoint was made. */
export interface DatagramStatistics {
  /** Datagrams that came from the system, including the dropped ones. */
  readonly received: number;
  /** Of these, how many found the receive queue full. Does not count what the kernel dropped. */
  readonly dropped: number;
  /** Datagrams that wait to be received. */
  readonly queued: number;
  /** Datagrams that the system took. */
  readonly sent: number;
}

/**
 * A UDP socket, made by `createDatagramEndpoint`. Iterating it receives until it is closed.
 * Disposing it closes it. asyncio: `DatagramTransport` and `DatagramProtocol` in one.
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
  /** The address on which it receives. */
  readonly address: DatagramAddress;
  /**
   * The one peer of a connected endpoint. Undefined for one that exchanges datagrams with anyone.
   */
  readonly remote: DatagramAddress | undefined;
  readonly #socket: Socket;
  readonly #family: 'IPv4' | 'IPv6';
  /**
   * The remote, spelled as the system does. A datagram from another address came before the socket
   * was connected, and is ignored.
   */
  readonly #peer: { readonly address: string; readonly port: number } | undefined;
  readonly #inbox: DatagramInbox<Datagram>;
  readonly #groups = new Set<string>();
  readonly #closers = new Line<void>();
  #sending = 0;
  #sent = 0;
  #closed = false;
  #gone = false;

  /** For createDatagramEndpoint, which has bound the socket. @internal */
  static make(socket: Socket, family: 'IPv4' | 'IPv6', options: DatagramOptions): DatagramEndpoint {
    return new DatagramEndpoint(socket, family, options);
  }

  private constructor(socket: Socket, family: 'IPv4' | 'IPv6', options: DatagramOptions) {
    const { receiveQueue = DEFAULT_QUEUE, overflow = 'dropNewest', remote } = options;
    super();
    this.#socket = socket;
    this.#family = family;
    this.#peer = remote === undefined ? undefined : socket.remoteAddress();
    this.address = toDatagramAddress(socket.address());
    this.remote = this.#peer === undefined ? undefined : toDatagramAddress(this.#peer);
    this.#inbox = new DatagramInbox(receiveQueue, overflow);
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
   * Sends one datagram, and resolves when the system took it. Whether the datagram arrived is not
   * known in UDP. Await each send to keep the system's queue bounded. Do not change the bytes
   * before it resolves. Cancellable; the datagram may then have been sent all the same. asyncio:
   * `DatagramTransport.sendto`.
   * @param data bytes, or a string, which is sent as UTF-8
   * @param to required without `remote`, and not allowed with it; a name is looked up on each call
   * @throws TypeError or RangeError for wrong arguments; InvalidStateError once closed;
   * CancelledError
   * @throws the system's error (EMSGSIZE, ENOTFOUND, ENETUNREACH, ...). ECONNREFUSED is the answer
   * to an earlier datagram; this one was not sent
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
   * Takes the next datagram, and waits for one if there is none. Several waiting calls are served
   * in their order. Cancellable; no datagram is lost then. asyncio:
   * `DatagramProtocol.datagram_received`.
   * @throws the system's error, once, when an earlier datagram could not be delivered: ECONNREFUSED
   * from the peer of a connected endpoint. The endpoint stays open
   * @throws InvalidStateError once closed, also for calls that wait then; CancelledError
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

  /**
   * Receives until the endpoint is closed. Leaving the loop does not close it. Throws what
   * `receive` throws while the endpoint is open.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Datagram> {
    return new DatagramIterator(this);
  }

  /**
   * Joins a multicast group: from now on the endpoint receives what is sent to it. Disposing the
   * result leaves the group, as `leaveGroup` and closing do.
   * @param group the address of the group
   * @param options `interface`: the address of the interface (IPv4), or `::%eth0` (IPv6). Default:
   * the system chooses
   * @throws the system's error (EINVAL, EADDRINUSE when joined already, ENODEV, ...); TypeError,
   * RangeError; InvalidStateError once closed
   *
   * @example
   * ```ts
   * import { createDatagramEndpoint } from 'maitre';
   * await using endpoint = await createDatagramEndpoint({ local: { port: 0 } });
   * using group = endpoint.joinGroup('239.7.7.7');
   * console.log(String(endpoint), group);
   * ```
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

  /**
   * Leaves a multicast group.
   * @throws the system's error (EADDRNOTAVAIL when not joined); TypeError, RangeError;
   * InvalidStateError once closed
   */
  leaveGroup(group: string, options: { readonly interface?: string | undefined } = {}): void {
    const { interface: on } = options;
    this.#checkGroup(group, on, 'leave group');
    this.#socket.dropMembership(group, on);
    this.#groups.delete(groupKey(group, on));
  }

  /**
   * Closes the endpoint. What was not received is dropped, waiting receives reject, and iterations
   * end. Sends in progress go out first. Idempotent. `waitClosed` waits until the socket is gone.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inbox.close(() => new InvalidStateError('Cannot receive: the datagram endpoint is closed'));
    this.#closeSocket();
  }

  /**
   * Waits until the endpoint is closed and its socket gone. Does not close it. Cancellable.
   * @throws CancelledError
   */
  waitClosed(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (!this.#gone) return this.#closers.join(new QueuedWait('datagram.waitClosed', this, options));
    return mayAnswer(options) ? Promise.resolve() : answeredWait('datagram.waitClosed', this, undefined, options);
  }

  /** Closes the endpoint and waits until its socket is gone. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return this.waitClosed();
  }

  /** Counts the datagrams since the endpoint was made. */
  statistics(): DatagramStatistics {
    const { received, dropped, length } = this.#inbox;
    return { received, dropped, queued: length, sent: this.#sent };
  }

  protected override describeState(): string {
    return `${this.#closed ? 'closed' : 'open'}${this.remote === undefined ? '' : `, to ${formatAddress(this.remote)}`}`;
  }

  #received(data: Buffer, from: RemoteInfo): void {
    const peer = this.#peer;
    if (peer !== undefined && (from.port !== peer.port || from.address !== peer.address)) return;
    this.#inbox.push({ data, from: toDatagramAddress(from) });
  }

  /** Checks the arguments of send(). Returns the target; undefined for the one peer. */
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

  /**
   * Called at close() and after each send. It closes the socket once, because no send begins after
   * close().
   */
  #closeSocket(): void {
    if (this.#closed && this.#sending === 0) this.#socket.close();
  }
}

class DatagramIterator extends AsyncIteration<Datagram> {
  readonly #endpoint: DatagramEndpoint;
  /**
   * Aborted when the iteration ends. That cancels the receives that wait in next(). Otherwise they
   * would take datagrams that no loop reads.
   */
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
