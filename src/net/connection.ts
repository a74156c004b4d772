// One connection: a reader, a writer, the addresses of its two ends, and the task that serves it.
//
// States: OPEN -(the transport ends)-> GONE. A served connection leaves its server when it is gone
// *and* its handler has ended, in either order. `onGone` and `onHandled` report the two, once each.
//
// `closed` comes before GONE for a connection that lingers: it is over for the program, while the
// socket waits until the peer has read everything (socket-transport.ts).
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
import type { HandedWire } from './handed-wire.ts';
import { SocketTransport, type TransportSettings } from './socket-transport.ts';
import type { StartTlsOptions } from './tls-options.ts';
import type { Wire } from './wire.ts';

/** What `connection.statistics()` returns. All figures are bytes. */
export interface ConnectionStatistics {
  /** Bytes that came from the peer. */
  readonly bytesRead: number;
  /** Bytes that `write` accepted. */
  readonly bytesWritten: number;
  /** Bytes that came and were not read yet. */
  readonly buffered: number;
  /** Bytes that were written and that the system has not taken yet. */
  readonly unsent: number;
}

/**
 * What the connections of one server have in common. An opened connection has settings of its own.
 */
export interface ConnectionSettings extends TransportSettings {
  /** The server that accepted it; undefined for an opened connection. */
  readonly server?: Resource | undefined;
  /** Whether another protocol takes the socket over at once, so that nothing is read before. */
  readonly handsOver?: boolean | undefined;
  /**
   * Called for a connection whose socket another protocol has, when a shutdown finds it between
   * messages. The protocol ends it, unless it knows better.
   */
  readonly onIdle?: ((connection: Connection) => void) | undefined;
  /** Called once, when the transport has ended. */
  readonly onGone?: ((connection: Connection) => void) | undefined;
  /** Called once, when its handler has ended. */
  readonly onHandled?: ((connection: Connection, task: Awaitable<unknown>) => void) | undefined;
  /**
   * Called when its reader or writer may hold more, with the number of bytes. It is called for
   * every chunk, so it must be cheap.
   */
  readonly onHolding?: ((bytes: number) => void) | undefined;
  /** Called, instead of the exception handler, when maxBuffered ends a connection. */
  readonly onOverflow?: ((error: ConnectionLostError, connection: Connection) => void) | undefined;
}

/**
 * A connection that a server accepted or `openConnection` opened. Disposing it closes it. asyncio:
 * the pair of StreamReader and StreamWriter, and what `get_extra_info` returns.
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
  /** When the connection was made, in milliseconds since the epoch. */
  readonly openedAt: number = Date.now();
  /**
   * Whether the connection is in the middle of a message, which the protocol on top knows better
   * than the bytes show. In the first step of a server's shutdown, true keeps the connection open,
   * and false makes it read the end of the stream. Undefined, the default: maitre decides by
   * whether its handler waits for the peer between messages.
   */
  busy: boolean | undefined = undefined;
  readonly #transport: SocketTransport;
  readonly #settings: ConnectionSettings;
  /** True once fail() was called. The transport may report its end later. @internal */
  failed = false;
  #addresses: Addresses;
  readonly #socketAddresses: Addresses;
  #task: Task<unknown> | undefined = undefined;
  /** Its node in its server's list. @internal */
  readonly place: Place;
  #detached = false;
  #isHandedOver = false;
  #gone = false;

  /** For startServer and openConnection. The connection reads from now on. @internal */
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
    if (settings.handsOver !== true) transport.start();
  }

  /** Its server; undefined for an opened connection. */
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

  /** Counts the bytes of the connection. */
  override statistics(): ConnectionStatistics {
    const { bytesRead, bytesWritten, reader, unsentBytes } = this;
    return { bytesRead, bytesWritten, buffered: reader.bufferedBytes, unsent: unsentBytes };
  }

  /**
   * The address of the other end. It stays known after the end of the connection. Behind a
   * balancer, it is the address of the real client.
   */
  get peer(): Address {
    return this.#addresses.peer;
  }

  /** The address of this end. */
  get local(): Address {
    return this.#addresses.local;
  }

  /**
   * The task of its handler, or of the request of which it has the answer. Undefined for opened
   * connections, before the handler begins, and between requests.
   */
  override get task(): Task<unknown> | undefined {
    return this.#task;
  }

  /**
   * What the TLS handshake settled; it stays known after the end of the connection. Undefined over
   * plain text, and before the handshake is over.
   */
  get tls(): ConnectionTls | undefined {
    return this.#transport.tls;
  }

  /**
   * The `net.Socket` or `tls.TLSSocket` under it, for the system's own options. Its `'data'` events
   * and its timeout see nothing. Undefined after the end, unless you read it before.
   */
  get socket(): Socket | undefined {
    return this.#transport.socket;
  }

  /**
   * Upgrades the connection to TLS, with the same reader and writer. The handshake begins after
   * everything written has left, and with the bytes that the reader holds. Accepted connections
   * take the server's side, opened ones the client's; `isServer` overrides that. The same as
   * `writer.startTls`, with types. Cancellable. asyncio: `StreamWriter.start_tls`.
   * @param options node:tls names, and `handshakeTimeout` in milliseconds
   * @throws TypeError or RangeError for wrong options, and InvalidStateError where TLS cannot be
   * started. The connection goes on after the first two
   * @throws the handshake's error, TimeoutError or CancelledError. The connection is then gone
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
    return this.#transport.received;
  }

  /** Bytes that `writer.write` accepted. */
  get bytesWritten(): number {
    return this.#transport.sent;
  }

  /**
   * The error that broke the connection: that of the system or of a limit. Undefined without one.
   */
  override get error(): unknown {
    return this.#transport.error;
  }

  /**
   * True once the connection has ended for its reader and writer. Its socket may still wait until
   * the peer has read everything.
   */
  get closed(): boolean {
    return this.#gone || this.#transport.isLingering;
  }

  /** True once the transport has ended. @internal */
  get gone(): boolean {
    return this.#gone;
  }

  /**
   * Keeps the connection open when its handler returns; you must then close it yourself. A handler
   * that throws or is cancelled still closes it, and so does the server's shutdown.
   *
   * @example
   * ```ts
   * import { type Connection, startServer } from 'maitre';
   * const watchers = new Set<Connection>();
   * await using server = await startServer(
   *   (_reader, _writer, connection) => {
   *     connection.detach();
   *     watchers.add(connection);
   *   },
   *   { host: '127.0.0.1' },
   * );
   * for (const watcher of watchers) watcher.writer.write('soup is ready\n');
   * ```
   */
  detach(): void {
    this.#detached = true;
  }

  /** Whether detach was called. @internal */
  get detached(): boolean {
    return this.#detached;
  }

  /** Closes the connection at once, over plain TCP with a reset. Unsent bytes are lost. */
  override abort(): void {
    super.abort();
    this.#transport.stopLingering();
  }

  protected override describeState(): string {
    return this.#gone ? 'closed' : super.describeState();
  }

  /** The name of its handler's task. @internal */
  get taskName(): string {
    return `${formatAddress(this.peer)} #${this.id}`;
  }

  /** Sets the task of its handler, and subscribes to the end of that task. @internal */
  serveWith(task: Task<unknown>): void {
    this.#task = task;
    task.markHandled();
    task.subscribe(this.place);
  }

  /**
   * Lets another protocol read and write the socket, from now on. The connection goes on watching
   * it. Returns undefined when it is closed already.
   * @param wrap makes a HandedWire. @internal
   */
  handOver(wrap: (socket: Socket, addresses: Addresses) => HandedWire): Socket | undefined {
    this.#isHandedOver = true;
    return this.#transport.handOver(wrap);
  }

  /** Whether handOver was called. @internal */
  get isHandedOver(): boolean {
    return this.#isHandedOver;
  }

  /** Sets the task that works for it; undefined for none. For the protocol that has the socket. @internal */
  workedOnBy(task: Task<unknown> | undefined): void {
    this.#task = task;
  }

  /** Bytes that were written and that the system has not taken. @internal */
  get unsentBytes(): number {
    return this.#transport.unsent;
  }

  /** Ends the reader's stream as if the peer had ended. A graceful shutdown uses it. @internal */
  endReading(): void {
    if (this.#isHandedOver) this.#settings.onIdle?.(this);
    else this.#transport.endReading();
  }

  /** Bytes written that the system has not taken, as exactly as the wire knows. @internal */
  get untakenBytes(): number {
    return this.#transport.untakenBytes;
  }

  /** Bytes of memory that its reader and writer take. @internal */
  get heldBytes(): number {
    return this.#transport.heldBytes;
  }

  /** Stops reading, so that the peer must wait; false reads again. @internal */
  holdBack(on: boolean): void {
    this.#transport.holdBack(on);
  }

  /** The addresses of the socket itself, whatever a balancer says. @internal */
  get socketAddresses(): Addresses {
    return this.#socketAddresses;
  }

  /** Both ends. @internal */
  get addresses(): Addresses {
    return this.#addresses;
  }

  /** Called by the transport, once, when the wire has closed. @internal */
  onTransportClose(): void {
    this.#gone = true;
    this.markClosed();
    this.#settings.onGone?.(this);
  }

  /** Called by the transport when it may hold `bytes` more. @internal */
  holding(bytes: number): void {
    this.#settings.onHolding?.(bytes);
  }

  /** Called by the transport when maxBuffered ended it. @internal */
  overflowed(error: ConnectionLostError): void {
    const { onOverflow } = this.#settings;
    if (onOverflow === undefined) reportException({ message: `${this.label} was aborted`, error, connection: this });
    else onOverflow(error, this);
  }

  /** Sets the addresses that a balancer reported. @internal */
  setAddresses(addresses: Addresses): void {
    this.#addresses = addresses;
  }

  /** Ends the connection with an error that maitre made, such as a limit. @internal */
  fail(error: Error): void {
    this.failed = true;
    this.#transport.fail(error);
  }

  /** What its peer is doing: see SocketTransport.activity(). @internal */
  activity(): 'idle' | 'silent' | 'busy' {
    if (this.busy !== undefined) return this.busy ? 'busy' : 'idle';
    return this.#transport.activity();
  }
}

/**
 * The node of a connection in its server's list, and the subscriber to the end of its handler. It
 * is one object instead of a node and a closure, because every idle client has one.
 */
export class Place implements Linked, Subscriber {
  // Only LinkedSet writes these.
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
