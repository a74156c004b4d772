// A server: the connections that its gate lets in, and one task for each of them.
//
// States: CREATED -(startServing)-> SERVING -(close)-> CLOSED. They are the gate's (gate.ts), which does
// all that comes before a connection: listening, admission, parking, handshakes, refusals.
//
// A connection is *open* (in `connections`) until its transport is gone and its handler has ended, in
// either order. Then it leaves the gate. Handlers beyond `concurrency` wait in line, with their
// connections open.
//
// - waitClosed() resolves when CLOSED and no connection is open, in either order.
// - A handler's end is its connection's end: a return flushes and closes, a throw is reported and closes, a cancel closes.
// - shutdown() is bounded: see shutdown.ts.
import type { SecureContextOptions } from 'node:tls';
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
import { type Address, formatAddress, onlyPort } from './address.ts';
import { serveMet } from './behind-balancer.ts';
import { Connection, type ConnectionSettings } from './connection.ts';
import { ConnectionSet } from './connection-set.ts';
import { Gate } from './gate.ts';
import { Limits } from './limits.ts';
import type { Listen } from './listener.ts';
import type { ServerOptions } from './server-options.ts';
import { ServerReports } from './server-reports.ts';
import { addBytes, type Bytes, type ServerStatistics, sumBytes } from './server-statistics.ts';
import { SharedMemory } from './shared-memory.ts';
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
  readonly #gate: Gate;
  readonly #connections = new ConnectionSet();
  /** What is the same for all of them. */
  readonly #settings: ConnectionSettings;
  /** Connections whose handlers wait for one of `concurrency` places. */
  readonly #line = new Set<Connection>();
  readonly #limits: Limits;
  readonly #memory: SharedMemory;
  #handling = 0;
  readonly #closers = new Line<void>();
  #forever: Future<never> | undefined;
  #wasShutDown = false;
  readonly #reports: ServerReports;
  /** Bytes of the connections that are gone. */
  readonly #goneBytes: Bytes = { bytesRead: 0, bytesWritten: 0 };
  /** Connections behind a balancer whose handler has not begun: they have no end that anybody wants to hear of. */
  readonly #unserved = new Set<Connection>();

  /** For startServer, and for serveInMemory with a `listenOn` of its own. @internal */
  static make(handler: Handler, options: ServerOptions, listenOn?: Listen): Server {
    return new Server(handler, options, listenOn);
  }

  private constructor(handler: Handler, options: ServerOptions, listenOn?: Listen) {
    super();
    this.#handler = handler;
    this.#options = options;
    const { limit, readLimit, maxBuffered, closeNotifyTimeout } = options;
    const same = { limit, readLimit, maxBuffered, closeNotifyTimeout, accepted: true, server: this };
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
    const events = {
      onClient: (wire: Wire) => this.#open(wire),
      onListening: (isUp: boolean) => (isUp ? this.markOpened() : this.#connections.size === 0 && this.markClosed()),
    };
    this.#gate = new Gate(options, events, this, listenOn);
    this.#limits = new Limits(options, this.#connections, (connection) => this.#line.has(connection));
    this.#memory = new SharedMemory(options.maxTotalBuffered, this.#connections);
    this.#program = currentProgram();
    this.#inContext = host.captureContext();
  }

  get kind(): 'server' {
    return 'server';
  }

  protected override get hasEnd(): true {
    return true;
  }

  override get label(): string {
    const where = this.addresses.map(formatAddress).join(' ');
    return where === '' ? 'Server' : `Server ${where}`;
  }

  /** @internal */
  override get ending(): boolean {
    return this.#gate.closed;
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
    return this.#gate.addresses;
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
    const { accepted, refused, parked, handshakes } = this.#gate.statistics();
    return {
      accepted,
      refused,
      open: this.#connections.size,
      parked,
      inLine: this.#line.size,
      handling: this.#handling,
      handshakes,
      ...sumBytes(this.#connections, this.#goneBytes),
    };
  }

  /** The open connections, a live view. */
  get connections(): ReadonlySet<Connection> {
    return this.#connections;
  }

  get #state(): 'created' | 'serving' | 'closed' {
    return this.#gate.closed ? 'closed' : this.#gate.isUp ? 'serving' : 'created';
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
    this.#gate.setSecureContext(options);
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
    if (this.#gate.closed) throw new InvalidStateError('Cannot start serving: the server is closed');
    await this.#gate.start(options);
  }

  /** The same without a wait, where listening cannot fail. @internal */
  begin(): void {
    this.#gate.startNow();
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
    if (this.#gate.closed) throw new InvalidStateError('Cannot serve: the server is closed');
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
    if (this.#gate.closed) return;
    this.#gate.close();
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
    const isOpen = !this.#gate.closed || this.#connections.size > 0;
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

  // ---- handling ------------------------------------------------------------------------------------------------

  #open(wire: Wire): void {
    const connection = Connection.make(wire, this.#settings);
    this.#connections.add(connection);
    this.#limits.opened();
    if (this.#handling >= (this.#options.concurrency ?? Infinity)) this.#line.add(connection);
    else this.#handle(connection);
  }

  #handle(connection: Connection): void {
    this.#handling++;
    // Not eager: the microtask it begins in is a context of its own, and one that ends at once begins no other in its stack.
    const task = this.#inContext(() =>
      spawn(() => this.#serve(connection), { name: connection, program: this.#program }),
    );
    connection.serveWith(task);
  }

  #serve(connection: Connection): unknown {
    return this.#gate.isBehindBalancer
      ? this.#serveBehindBalancer(connection)
      : this.#handler(connection.reader, connection.writer, connection);
  }

  /** The balancer's header comes first, then TLS, then the handler. */
  async #serveBehindBalancer(connection: Connection): Promise<unknown> {
    this.#unserved.add(connection);
    if (!(await this.#gate.meet(connection))) return undefined;
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

  /** Lets a connection go that is gone and handled; who waits for its place comes in. */
  #maybeEnded(connection: Connection): void {
    if (!connection.gone || this.#line.has(connection) || connection.task?.done() === false) return;
    if (!this.#connections.delete(connection)) return;
    this.#limits.gone(connection);
    this.#memory.gone();
    addBytes(this.#goneBytes, connection);
    if (!this.#unserved.delete(connection)) this.#reports.ended(connection);
    this.#gate.leave(connection);
    this.#maybeClosed();
  }

  #maybeClosed(): void {
    if (!this.#gate.closed || this.#connections.size > 0) return;
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
