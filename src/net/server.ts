// A server: listening sockets, the connections they accepted, and one task per connection.
//
// States: CREATED -(startServing)-> SERVING -(close)-> CLOSED. Only a cancelled startServing goes back (listening.ts).
//
// A client is first *parked* when there are maxConnections already (parking.ts); a connection is *open* (in `connections`) until
// its transport is gone and its handler has ended, in either order. Handlers beyond `concurrency` wait in line, connections open.
//
// - waitClosed() resolves when CLOSED and no connection is open, in either order.
// - A handler's end is its connection's end: a return flushes and closes, a throw is reported and closes, a cancel closes.
// - shutdown() is bounded: see shutdown.ts.
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import {
  answeredWait,
  type Awaitable,
  beginWait,
  cancellable,
  CancelledError,
  currentProgram,
  Future,
  host,
  inTask,
  InvalidStateError,
  Line,
  mayAnswer,
  Resource,
  spawn,
  QueuedWait,
  waiting,
  type WaitOptions,
} from '../core/index.ts';
import type { StreamReader, StreamWriter } from '../streams/index.ts';
import { type Address, type Addresses, formatAddress, onlyPort } from './address.ts';
import { Admission } from './admission.ts';
import { meet, serveMet } from './behind-balancer.ts';
import { Connection, type ConnectionSettings } from './connection.ts';
import { ConnectionSet } from './connection-set.ts';
import { descriptorWatch, isOutOfDescriptors } from './descriptor-watch.ts';
import { Limits } from './limits.ts';
import { DEFAULT_BACKLOG, listen, type Listen, type Listener } from './listener.ts';
import { Listening } from './listening.ts';
import { NetWire } from './net-wire.ts';
import { Parking } from './parking.ts';
import { hasRawIo } from './raw/try-out.ts';
import { HANDSHAKE_TIMEOUT, TlsAcceptor } from './secure.ts';
import type { ServerOptions } from './server-options.ts';
import { ServerReports } from './server-reports.ts';
import { addBytes, type Bytes, type ServerStatistics, sumBytes } from './server-statistics.ts';
import { SharedMemory } from './shared-memory.ts';
import { checkSecureContext } from './tls-options.ts';
import { checkGrace, endConnections, graceOf, type ShutdownOptions, type ShutdownReport } from './shutdown.ts';
import type { Wire } from './wire.ts';

/** Serves one client. Its end, however it ends, ends the connection. */
export type Handler = (reader: StreamReader, writer: StreamWriter, connection: Connection) => unknown;

export class Server extends Resource implements AsyncDisposable {
  readonly #handler: Handler;
  readonly #options: ServerOptions;
  /** The run() of whoever started the server: its handlers belong to it. */
  readonly #program: object | undefined;
  /** Runs a function in the context of whoever made the server: that is what its handlers begin in, each in a copy of its own. */
  readonly #inContext: <R>(fn: () => R) => R;
  #closed = false;
  readonly #listening: Listening;
  readonly #connections = new ConnectionSet();
  /** What is the same for all of them. */
  readonly #settings: ConnectionSettings;
  /** Clients that wait for their turn to be connections. */
  readonly #parking: Parking;
  /** Connections whose handlers wait for one of `concurrency` places. */
  readonly #line = new Set<Connection>();
  /** The server's side of handshakes; undefined without TLS. */
  #tls: TlsAcceptor | undefined;
  readonly #limits: Limits;
  readonly #memory: SharedMemory;
  readonly #admission: Admission;
  #handling = 0;
  readonly #closers = new Line<void>();
  #forever: Future<never> | undefined;
  #wasShutDown = false;
  readonly #reports: ServerReports;
  /** Clients that the system has handed over. */
  #accepted = 0;
  /** Bytes of the connections that are gone. */
  readonly #goneBytes: Bytes = { bytesRead: 0, bytesWritten: 0 };
  /** Connections behind a balancer whose handler has not begun: they have no end that anybody wants to hear of. */
  readonly #unserved = new Set<Connection>();
  readonly #listenOn: Listen;

  /** Made by startServer, and by serveInMemory with a `listenOn` of its own. @internal */
  constructor(handler: Handler, options: ServerOptions, listenOn: Listen = listen) {
    super();
    this.#handler = handler;
    this.#options = options;
    this.#listenOn = listenOn;
    const { limit, readLimit, maxBuffered, shutdownTimeout } = options;
    const same = { limit, readLimit, maxBuffered, shutdownTimeout, accepted: true, server: this };
    this.#settings = {
      ...same,
      onGone: (connection) => this.#gone(connection),
      onHolding: (bytes) => {
        this.#limits.opened();
        this.#memory.watch(bytes);
      },
      onHandled: (connection, task) => this.#handled(connection, task),
      onOverflow: (error, connection) => this.#reports.overflowed(error, connection),
    };
    this.#reports = new ServerReports(this, options);
    this.#listening = new Listening(
      () => this.#listen(),
      (message, error) => this.#reports.refuse({ code: 'descriptors', message, error, peer: undefined }),
      (isUp) => (isUp ? this.markOpened() : this.#connections.size === 0 && this.markClosed()),
    );
    this.#limits = new Limits(options, this.#connections, (connection) => this.#line.has(connection));
    this.#memory = new SharedMemory(options.maxTotalBuffered, this.#connections);
    this.#admission = new Admission(options);
    this.#parking = new Parking(options.backlog ?? DEFAULT_BACKLOG);
    this.#program = currentProgram();
    this.#inContext = host.captureContext();
  }

  get kind(): 'server' {
    return 'server';
  }

  protected override get hasEnd(): true {
    return true;
  }

  /** @internal */
  override get label(): string {
    const where = this.addresses.map(formatAddress).join(' ');
    return where === '' ? 'Server' : `Server ${where}`;
  }

  /** @internal */
  override get ending(): boolean {
    return this.#closed;
  }

  /** A handler that has outlived a shutdown is not waited for once more. @internal */
  override endWithin(grace: number): Promise<unknown> {
    return this.#wasShutDown ? Promise.resolve() : this.shutdown({ grace });
  }

  /** @internal */
  override endNow(): void {
    this.close();
    this.abortClients();
  }

  /** Where it listens; empty before it listens and after close. */
  get addresses(): Address[] {
    return this.#listening.addresses;
  }

  /**
   * The TCP port it listens on, the same for all its addresses: `console.log(server.port)`.
   * @throws InvalidStateError when it has none (it does not listen, or on Unix sockets alone) or several
   */
  get port(): number {
    return onlyPort(this.addresses, this.#state);
  }

  /** What the server has done and is doing, counted now. */
  statistics(): ServerStatistics {
    return {
      accepted: this.#accepted,
      refused: { ...this.#reports.refused },
      open: this.#connections.size,
      parked: this.#parking.size,
      inLine: this.#line.size,
      handling: this.#handling,
      handshakes: this.#tls?.size ?? 0,
      ...sumBytes(this.#connections, this.#goneBytes),
    };
  }

  /** The open connections, a live view. */
  get connections(): ReadonlySet<Connection> {
    return this.#connections;
  }

  /** Its connections begin with the header of a balancer; TLS, if any, comes after that, in place. */
  get #isBehindBalancer(): boolean {
    return this.#options.proxyProtocol === true;
  }

  get #state(): 'created' | 'serving' | 'closed' {
    return this.#closed ? 'closed' : this.#listening.isUp ? 'serving' : 'created';
  }

  isServing(): boolean {
    return this.#state === 'serving';
  }

  /**
   * Uses other certificates for handshakes from now on: certificates are renewed without a restart.
   * @param options `key`, `cert`, `ca`, ... as in node:tls
   * @throws InvalidStateError for a server without TLS; TypeError for unknown options, or without key and cert
   */
  setSecureContext(options: SecureContextOptions): void {
    if (this.#options.tls === undefined)
      throw new InvalidStateError('Cannot set the secure context: the server has no TLS');
    checkSecureContext(options);
    this.#tls ??= this.#makeTls();
    this.#tls?.setSecureContext(options);
  }

  /**
   * Begins to listen, for a server started with `startServing: false`. Idempotent. Cancelled, it listens on nothing, unless another
   * call wants it to, and may be called again.
   * @throws InvalidStateError when closed; the system's error when it cannot listen; CancelledError
   */
  startServing(options?: WaitOptions): Promise<void> {
    return waiting(this.#startServing(options));
  }

  async #startServing(options: WaitOptions | undefined): Promise<void> {
    if (this.#closed) throw new InvalidStateError('Cannot start serving: the server is closed');
    await this.#listening.start(options);
  }

  /** The same without a wait, where listening cannot fail. @internal */
  begin(): void {
    this.#listening.startNow();
  }

  /**
   * Serves until its task is cancelled or the server is closed; either way it rejects with CancelledError. When it is
   * cancelled, it closes the server and runs `shutdown` with the default grace first.
   * @throws InvalidStateError when the server is closed, or another call is under way
   */
  serveForever(options?: WaitOptions): Promise<never> {
    return waiting(this.#serveForever(options));
  }

  async #serveForever(options: WaitOptions | undefined): Promise<never> {
    if (this.#closed) throw new InvalidStateError('Cannot serve: the server is closed');
    if (this.#forever !== undefined) throw new InvalidStateError('Cannot serve: serveForever() is running already');
    const forever = new Future<never>();
    this.#forever = forever;
    try {
      await this.startServing();
      return await cancellable(forever, options);
    } catch (error) {
      // Closed by somebody else: how its connections end is for them to say.
      if (error instanceof CancelledError && error.reason.by !== this) await this.shutdown();
      else if (forever.done()) await forever; // closed while it was beginning to listen
      throw error;
    } finally {
      this.#forever = undefined;
    }
  }

  /** Stops accepting and ends a running serveForever; connections go on. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listening.close();
    if (!this.#isBehindBalancer) this.#tls?.close(); // behind one, connections shake hands, and those go on
    this.#parking.clear();
    this.#forever?.cancelFor('Cancelled: the server was closed', { kind: 'shutdown', by: this });
    this.#maybeClosed();
  }

  /** Closes every connection after what it has written. */
  closeClients(): void {
    for (const connection of this.#connections) connection.writer.close();
  }

  /** Ends every connection at once; what is unsent is lost. */
  abortClients(): void {
    for (const connection of this.#connections) connection.abort();
  }

  /**
   * Resolves when the server is closed and no connection is open any more, in either order. Does not close anything, and is
   * not bounded: `shutdown` is.
   */
  waitClosed(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    const isOpen = !this.#closed || this.#connections.size > 0;
    if (isOpen) return this.#closers.join(new QueuedWait('server.waitClosed', this, options));
    return mayAnswer(options) ? Promise.resolve() : answeredWait('server.waitClosed', this, undefined, options);
  }

  /**
   * Ends everything in bounded time: stops accepting, lets clients that are between messages read the end, waits up to
   * `grace` milliseconds (default 10,000) for handlers to end, cancels the rest, waits a second, aborts what is left.
   * Cancelled itself, it cancels and aborts all at once. A handler that will not end even then is reported by name.
   * @returns how many connections ended which way
   *
   * @example
   * ```ts
   * import { startServer } from 'maitre';
   * const server = await startServer((reader, writer) => writer.write('bye'), { host: '127.0.0.1' });
   * console.log(await server.shutdown({ grace: 1000 }));
   * ```
   */
  shutdown(options: ShutdownOptions = {}): Promise<ShutdownReport> {
    return waiting(this.#shutdown(options));
  }

  async #shutdown(options: ShutdownOptions): Promise<ShutdownReport> {
    const grace = graceOf(options.grace);
    checkGrace(grace);
    this.close();
    const ending = {
      connections: this.#connections,
      waitClosed: () => this.waitClosed(),
      cancel: (connection: Connection) => this.#cancel(connection),
    };
    try {
      return await inTask('server.shutdown', () => endConnections(ending, grace), options);
    } catch (error) {
      for (const connection of this.#connections) this.#cancel(connection);
      this.abortClients();
      throw error;
    } finally {
      this.#wasShutDown = true;
    }
  }

  /** shutdown with the default grace. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  /** `<Server serving 127.0.0.1:8002, 3 connections>`, for logs. */
  override toString(): string {
    const where = this.addresses.map(formatAddress).join(' ');
    return `<Server ${this.#state}${where === '' ? '' : ` ${where}`}, ${this.#connections.size} connections>`;
  }

  // ---- listening -----------------------------------------------------------------------------------------------

  async #listen(): Promise<readonly Listener[]> {
    this.#tls ??= this.#makeTls();
    return this.#listenOn(this.#options, {
      onWire: (wire) => this.#accept(wire),
      onError: (error) => this.#acceptFailed(error),
      // A tls.Server wants sockets as net makes them from the start.
      raw: this.#listenOn === listen && (this.#tls === undefined || this.#isBehindBalancer) && (await hasRawIo()),
    });
  }

  // Errors of accepting never stop the server.
  #acceptFailed(error: NodeJS.ErrnoException): void {
    if (isOutOfDescriptors(error)) descriptorWatch.ranOut(error);
    else this.#reports.refuse({ code: 'accept', message: error.message, error, peer: undefined });
  }

  #accept(wire: Wire): void {
    if (this.#closed) {
      wire.destroy();
      return;
    }
    this.#accepted++;
    descriptorWatch.clientCame();
    const refusal = this.#admission.refuse(wire);
    if (refusal !== undefined) {
      wire.reset(); // an end would look like an answer
      // One that has reset already was denied nothing without a rule, and behind a balancer it is a health check.
      const isQuiet = refusal.code === 'noAddress' && (this.#admission.open || this.#isBehindBalancer);
      return this.#reports.refuse(refusal, isQuiet);
    }
    if (!this.#isFull()) return this.#begin(wire);
    if (this.#parking.add(wire)) return;
    const { maxConnections, backlog = DEFAULT_BACKLOG } = this.#options;
    const message = `${maxConnections} are served and ${backlog} wait, which are maxConnections and backlog`;
    wire.reset();
    this.#reports.refuse({ code: 'backlog', message, peer: wire.addresses.peer });
  }

  #isFull(): boolean {
    const handshakes = this.#isBehindBalancer ? 0 : (this.#tls?.size ?? 0);
    return this.#connections.size + handshakes >= (this.#options.maxConnections ?? Infinity);
  }

  #begin(wire: Wire): void {
    if (this.#tls === undefined || this.#isBehindBalancer) this.#open(wire);
    else this.#tls.accept(wire.release(), (outcome) => this.#shookHands(outcome, wire.addresses));
  }

  #shookHands(outcome: TLSSocket | Error, addresses: Addresses): void {
    if (outcome instanceof Error) {
      this.#reports.refuse({ code: 'handshake', message: outcome.message, error: outcome, peer: addresses.peer });
      this.#unpark();
    } else if (this.#closed) outcome.destroy();
    else this.#open(new NetWire(outcome, addresses));
  }

  #makeTls(): TlsAcceptor | undefined {
    const { tls, handshakeTimeout } = this.#options;
    return tls === undefined ? undefined : new TlsAcceptor(tls, handshakeTimeout);
  }

  #open(wire: Wire): void {
    const connection = new Connection(wire, this.#settings);
    this.#connections.add(connection);
    this.#limits.opened();
    if (this.#handling >= (this.#options.concurrency ?? Infinity)) this.#line.add(connection);
    else this.#handle(connection);
  }

  // ---- handling ------------------------------------------------------------------------------------------------

  #handle(connection: Connection): void {
    this.#handling++;
    // Not eager: the microtask it begins in is a context of its own, and one that ends at once begins no other in its stack.
    const task = this.#inContext(() =>
      spawn(() => this.#serve(connection), { name: connection, program: this.#program }),
    );
    connection.serveWith(task);
  }

  #serve(connection: Connection): unknown {
    const { proxyProtocol = false } = this.#options;
    return proxyProtocol
      ? this.#serveBehindBalancer(connection)
      : this.#handler(connection.reader, connection.writer, connection);
  }

  /** The balancer's header comes first, then TLS, then the handler. */
  async #serveBehindBalancer(connection: Connection): Promise<unknown> {
    const { handshakeTimeout = HANDSHAKE_TIMEOUT } = this.#options;
    this.#unserved.add(connection);
    const refusal = await meet(connection, { admission: this.#admission, tls: this.#tls, handshakeTimeout });
    if (refusal === 'health check') return undefined;
    if (refusal !== undefined) {
      connection.abort(); // nobody that we should talk to
      this.#reports.refuse(refusal);
      return undefined;
    }
    this.#unserved.delete(connection);
    return serveMet(connection, () => this.#handler(connection.reader, connection.writer, connection));
  }

  #handled(connection: Connection, task: Awaitable<unknown>): void {
    this.#handling--;
    if (task.failed()) this.#reports.failed(task.exception(), connection);
    if (!connection.detached || task.failed() || task.cancelled()) connection.writer.close();
    for (const next of this.#line) {
      if (this.#handling >= (this.#options.concurrency ?? Infinity)) break;
      this.#line.delete(next);
      // One whose peer ended meanwhile is served too, its bytes are not lost; one that a limit has ended is only not gone yet.
      if (!next.failed) this.#handle(next);
    }
    this.#maybeEnded(connection);
  }

  #gone(connection: Connection): void {
    // One that broke in line gives up its place: no read of it would give anything but the loss.
    if (connection.reader.exception() !== undefined) this.#line.delete(connection);
    this.#maybeEnded(connection);
  }

  /** Lets a connection go that is gone and handled; what waits for its place comes in. */
  #maybeEnded(connection: Connection): void {
    if (!connection.gone || this.#line.has(connection) || connection.task?.done() === false) return;
    if (!this.#connections.delete(connection)) return;
    this.#limits.gone(connection);
    this.#memory.gone();
    this.#admission.gone(connection);
    addBytes(this.#goneBytes, connection);
    if (!this.#unserved.delete(connection)) this.#reports.ended(connection);
    this.#unpark();
    this.#maybeClosed();
  }

  #unpark(): void {
    while (!this.#isFull()) {
      const wire = this.#parking.next();
      if (wire === undefined) return;
      this.#begin(wire);
    }
  }

  #maybeClosed(): void {
    if (!this.#closed || this.#connections.size > 0) return;
    this.#reports.end();
    this.markClosed();
    this.#closers.answerAll();
  }

  #cancel(connection: Connection): void {
    const task = connection.task;
    if (task !== undefined && !task.done()) {
      task.cancelFor('Cancelled: the server is shutting down', { kind: 'shutdown', by: this });
      return;
    }
    this.#line.delete(connection); // never begun, if it stood there
    connection.writer.close();
    this.#maybeEnded(connection); // one that is gone already tells nobody any more
  }
}
