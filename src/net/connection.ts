// One connection: a reader, a writer, who is at the other end, and the task that serves it.
//
// States: OPEN -> GONE (the transport has ended). A served connection is finished, and leaves its server, when it is gone
// *and* its handler has ended, in either order.
import type { Socket } from 'node:net';
import type { Linked } from '../base/index.ts';
import {
  type Awaitable,
  type ConnectionLostError,
  reportException,
  type Resource,
  type Subscriber,
  type Task,
} from '../core/index.ts';
import { DuplexEnd } from '../streams/index.ts';
import { type Address, type Addresses, formatAddress } from './address.ts';
import type { ConnectionTls } from './connection-tls.ts';
import { SocketTransport, type TransportSettings } from './socket-transport.ts';
import type { StartTlsOptions } from './tls-options.ts';
import type { Wire } from './wire.ts';

/** The figures of a connection, bytes. */
export interface ConnectionStatistics {
  /** Came from the peer. */
  readonly bytesRead: number;
  /** Were accepted by `write`. */
  readonly bytesWritten: number;
  /** Came and were not read. */
  readonly buffered: number;
  /** Were written and not taken by the system. */
  readonly unsent: number;
}

/** What the connections of one server, or one opened connection, have in common. */
export interface ConnectionSettings extends TransportSettings {
  /** The server whose connection it is; undefined for an opened one. */
  readonly server?: Resource | undefined;
  /** Called once, when the transport has ended. */
  readonly onGone?: ((connection: Connection) => void) | undefined;
  /** Called once, when its handler has ended. */
  readonly onHandled?: ((connection: Connection, task: Awaitable<unknown>) => void) | undefined;
  /** Called when its reader or writer may hold more, with the bytes. Often: it must be cheap. */
  readonly onHolding?: ((bytes: number) => void) | undefined;
  /** Told instead of the exception handler when maxBuffered ends a connection. */
  readonly onOverflow?: ((error: ConnectionLostError, connection: Connection) => void) | undefined;
}

/**
 * A connection, accepted by a server or made by `openConnection`.
 *
 * @example
 * ```ts
 * import { openConnection } from 'maitre';
 * await using connection = await openConnection({ host: '127.0.0.1', port: 8002 });
 * connection.writer.write('hi\n');
 * console.log(connection.peer, String(await connection.reader.readLine()));
 * ```
 */
export class Connection extends DuplexEnd {
  /** When it began, milliseconds since the epoch. */
  readonly openedAt: number = Date.now();
  /**
   * Whether it is in the middle of something, as a protocol on top of it knows better than its bytes tell. In the first step of a
   * server's shutdown, true keeps it, and false lets it go: it reads the end of the stream. Undefined, the default: whether its
   * handler waits for a peer between messages.
   */
  busy: boolean | undefined = undefined;
  readonly #transport: SocketTransport;
  readonly #settings: ConnectionSettings;
  /** An error of ours ends it; its transport may tell of that later. @internal */
  failed = false;
  #addresses: Addresses;
  readonly #socketAddresses: Addresses;
  #task: Task<unknown> | undefined = undefined;
  /** Its place in its server's list. @internal */
  readonly place: Place;
  #detached = false;
  #gone = false;

  /** For startServer and openConnection. It reads what comes from now on. @internal */
  static make(wire: Wire, settings: ConnectionSettings): Connection {
    return new Connection(wire, settings);
  }

  private constructor(wire: Wire, settings: ConnectionSettings) {
    const transport = new SocketTransport(wire, settings);
    super(transport.reader, transport.writer);
    this.#addresses = wire.addresses;
    this.#socketAddresses = wire.addresses;
    this.#settings = settings;
    this.#transport = transport;
    this.place = new Place(this, settings);
    transport.ownedBy(this);
    this.markOpened();
    transport.start();
  }

  /** Its server; undefined for an opened one. */
  override get parent(): Resource | undefined {
    return this.#settings.server;
  }

  protected override get hasEnd(): true {
    return true;
  }

  /** `connection 3 from 127.0.0.1:50412`. */
  override get label(): string {
    return `connection ${this.id} ${this.#settings.accepted === true ? 'from' : 'to'} ${formatAddress(this.peer)}`;
  }

  /** @internal */
  override get ending(): boolean {
    return this.writer.isClosing();
  }

  /** @internal */
  override endWithin(): Promise<void> {
    return this.close();
  }

  /** @internal */
  override endNow(): void {
    this.abort();
  }

  override statistics(): ConnectionStatistics {
    const { bytesRead, bytesWritten, reader, writer } = this;
    return { bytesRead, bytesWritten, buffered: reader.bufferedBytes, unsent: writer.bufferedBytes };
  }

  /** The other end; captured at the start, so it is known after the end too. Behind a balancer, the real client. */
  get peer(): Address {
    return this.#addresses.peer;
  }

  /** This end. */
  get local(): Address {
    return this.#addresses.local;
  }

  /** The task of its handler; undefined for opened connections and before the handler runs. */
  get task(): Task<unknown> | undefined {
    return this.#task;
  }

  /** What its TLS handshake has settled, after the end too; undefined over plain text, and before the handshake is over. */
  get tls(): ConnectionTls | undefined {
    return this.#transport.tls;
  }

  /**
   * The `net.Socket` or `tls.TLSSocket` under it, for the system's own options; its `'data'` events and its timeout see nothing.
   * Undefined after the end, unless it was asked for before.
   */
  get socket(): Socket | undefined {
    return this.#transport.socket;
  }

  /**
   * Goes over to TLS in mid-stream, with the same reader and writer: after what is written has left, and beginning with what the
   * reader holds. Accepted connections are the server's side, opened ones the client's; `isServer` overrides. The same as
   * `writer.startTls`, with types.
   * @throws TypeError or RangeError for wrong options, and the connection goes on; InvalidStateError where TLS cannot be started; the
   * handshake's error, TimeoutError or CancelledError, and then the connection is gone
   *
   * @example
   * ```ts
   * import { openConnection } from 'maitre';
   * const connection = await openConnection({ host: 'mail.example', port: 587 });
   * connection.writer.write('STARTTLS\r\n');
   * await connection.reader.readLine();
   * await connection.startTls({ servername: 'mail.example' });
   * console.log(connection.tls?.protocol);
   * ```
   */
  startTls(options: StartTlsOptions = {}): Promise<void> {
    return this.writer.startTls(options);
  }

  /** Bytes that came from the peer. */
  get bytesRead(): number {
    return this.#transport.bytesRead;
  }

  /** Bytes accepted by `writer.write`. */
  get bytesWritten(): number {
    return this.writer.bytesWritten;
  }

  override get error(): unknown {
    return this.#transport.error;
  }

  /** True once it has ended, for its reader and writer; its socket may still wait for the peer to have read everything. */
  get closed(): boolean {
    return this.#gone || this.#transport.isLingering;
  }

  /** True once the transport has ended. @internal */
  get gone(): boolean {
    return this.#gone;
  }

  /** Makes the handler's end leave it open: whoever detaches it closes it. The server's shutdown still ends it. */
  detach(): void {
    this.#detached = true;
  }

  /** Whether detach was called. @internal */
  get detached(): boolean {
    return this.#detached;
  }

  override abort(): void {
    super.abort();
    this.#transport.stopLingering();
  }

  protected override describeState(): string {
    return this.#gone ? 'closed' : super.describeState();
  }

  /** What its handler's task is called. @internal */
  get taskName(): string {
    return `${formatAddress(this.peer)} #${this.id}`;
  }

  /** Says whose handler it is, and whom to tell of its end. @internal */
  serveWith(task: Task<unknown>): void {
    this.#task = task;
    task.markHandled();
    task.subscribe(this.place);
  }

  /** Ends the reader's stream, as if the peer had ended: for a graceful shutdown. @internal */
  endReading(): void {
    this.#transport.endReading();
  }

  /** Bytes written that the system has not taken, as finely as it says. @internal */
  get untakenBytes(): number {
    return this.#transport.untakenBytes;
  }

  /** Bytes of memory that its reader and writer take. @internal */
  get heldBytes(): number {
    return this.#transport.heldBytes;
  }

  /** Makes its peer wait, or lets it go on. @internal */
  holdBack(on: boolean): void {
    this.#transport.holdBack(on);
  }

  /** The socket's own two ends, whoever a balancer says is there. @internal */
  get socketAddresses(): Addresses {
    return this.#socketAddresses;
  }

  /** Both ends. @internal */
  get addresses(): Addresses {
    return this.#addresses;
  }

  /** The transport's own. @internal */
  onTransportClose(): void {
    this.#gone = true;
    this.markClosed();
    this.#settings.onGone?.(this);
  }

  /** The transport's own. @internal */
  holding(bytes: number): void {
    this.#settings.onHolding?.(bytes);
  }

  /** The transport's own. @internal */
  overflowed(error: ConnectionLostError): void {
    const { onOverflow } = this.#settings;
    if (onOverflow === undefined) reportException({ message: `${this.label} was aborted`, error, connection: this });
    else onOverflow(error, this);
  }

  /** Who is really there, as a balancer says. @internal */
  setAddresses(addresses: Addresses): void {
    this.#addresses = addresses;
  }

  /** Ends it with an error of ours. @internal */
  fail(error: Error): void {
    this.failed = true;
    this.#transport.fail(error);
  }

  /** What its peer is doing. @internal */
  activity(): 'idle' | 'silent' | 'busy' {
    if (this.busy !== undefined) return this.busy ? 'busy' : 'idle';
    return this.#transport.activity();
  }
}

/**
 * The place of a connection in its server's list, which is told of the end of its handler. An object in place of a closure: there
 * is one for every idle client.
 */
export class Place implements Linked, Subscriber {
  // Written by LinkedSet alone.
  previous: Linked | undefined = undefined;
  next: Linked | undefined = undefined;
  list: object | undefined = undefined;
  readonly connection: Connection;
  readonly #settings: ConnectionSettings;

  constructor(connection: Connection, settings: ConnectionSettings) {
    this.connection = connection;
    this.#settings = settings;
  }

  settled(task: Awaitable<unknown>): void {
    this.#settings.onHandled?.(this.connection, task);
  }
}
