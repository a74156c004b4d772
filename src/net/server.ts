// A server: the connections that its gate lets in, and one task for each of them.
//
// States: CREATED -(startServing)-> SERVING -(close)-> CLOSED. They are the states of the gate
// (gate.ts), which does everything that comes before a connection: listening, admission, parking,
// handshakes, refusals.
//
// States of a connection: in line (its handler waits for one of the `concurrency` places) ->
// handled (its task runs) -> ended. It is *open*, a member of `connections`, until its transport is
// gone and its handler has ended, in either order. Then #maybeEnded() removes it and returns its
// place to the gate.
//
// - waitClosed() resolves when the server is CLOSED and no connection is open, in either order.
// - When a handler ends, its connection ends. A return sends what was written and closes. A throw
//   is reported and closes. A cancel closes.
// - shutdown() is bounded in time: see shutdown.ts.
import type { SecureContextOptions } from 'node:tls';
import {
  answeredWait,
  type Awaitable,
  beginWait,
  CancelledError,
  currentProgram,
  Future,
  host,
  inTask,
  InvalidStateError,
  Line,
  mayAnswer,
  OutcomeWait,
  Resource,
  signalOf,
  spawn,
  QueuedWait,
  waiting,
  type WaitOptions,
} from '../core/index.ts';
import type { StreamReader, StreamWriter } from '../streams/index.ts';
import { type Address, formatAddress, onlyPort } from './address.ts';
import { Connection, type ConnectionSettings } from './connection.ts';
import { ConnectionSet } from './connection-set.ts';
import { Gate } from './gate.ts';
import { Limits } from './limits.ts';
import type { Listen } from './listener.ts';
import { ServerReports } from './server-reports.ts';
import { addBytes, type Bytes, type ServerStatistics } from './server-statistics.ts';
import type { ServerOptions } from './serving-options.ts';
import { SharedMemory } from './shared-memory.ts';
import {
  endConnections,
  type EndOrder,
  endOrder,
  graceOf,
  type ShutdownOptions,
  type ShutdownReport,
} from './shutdown.ts';
import { requireSystem, system } from './system.ts';
import type { Wire } from './wire.ts';

/**
 * Serves one client. The connection closes when the handler ends, whether it returns, throws or is
 * cancelled. asyncio: `client_connected_cb`.
 *
 * @example
 * ```ts
 * import { type Handler, startServer } from 'maitre';
 * const shout: Handler = async (reader, writer) => {
 *   for await (const line of reader.lines()) writer.write(`${line.toUpperCase()}\n`);
 * };
 * await using server = await startServer(shout, { host: '127.0.0.1' });
 * ```
 */
export type Handler = (reader: StreamReader, writer: StreamWriter, connection: Connection) => unknown;

/**
 * What a server does with its connections when another protocol reads and writes them, instead of
 * running a handler for each. The protocol sets `connection.busy`, and the task that works for a
 * connection.
 */
export interface Protocol {
  /** A client is in. The protocol takes its socket: `connection.handOver()`. Must not throw. */
  serve(connection: Connection): void;
  /** A shutdown found a connection between messages: the protocol ends it, unless it knows better. */
  idle(connection: Connection): void;
  /** The transport of a connection is gone. */
  gone(connection: Connection): void;
  /** Cancels what works for a connection. Returns false if nothing does. */
  cancel(connection: Connection, order: EndOrder): boolean;
}

/**
 * A server that `startServer` made. Disposing it runs `shutdown`. asyncio: `Server`.
 *
 * @example
 * ```ts
 * import { startServer } from 'maitre';
 * await using server = await startServer((reader, writer) => writer.write('bye'), { host: '127.0.0.1' });
 * console.log(String(server), server.port, server.statistics().open);
 * ```
 */
export class Server extends Resource implements AsyncDisposable {
  readonly #handler: Handler;
  /** Serves the connections in place of the handler; undefined without one. */
  readonly #protocol: Protocol | undefined;
  readonly #options: ServerOptions;
  /**
   * The run() in which the server was started; its handlers belong to it. Undefined outside of a
   * run().
   */
  readonly #program: object | undefined;
  /**
   * Runs a function in the AsyncLocalStorage context in which the server was made. Each handler
   * begins in a copy of its own.
   */
  readonly #inContext: <R>(fn: () => R) => R;
  readonly #gate: Gate;
  readonly #connections = new ConnectionSet();
  /** What all connections have in common. */
  readonly #settings: ConnectionSettings;
  /** Connections whose handlers wait for one of `concurrency` places. */
  readonly #line = new Set<Connection>();
  readonly #limits: Limits;
  readonly #memory: SharedMemory;
  #handling = 0;
  /** Where it listens, or listened before close(): figures name one that drains as they did before. */
  #where = '';
  readonly #closers = new Line<void>();
  #forever: Future<never> | undefined;
  /** How many connections have ended. */
  #ended = 0;
  /** What a shutdown cancels handlers with. */
  #order: EndOrder = endOrder('shutdown', this);
  #wasShutDown = false;
  readonly #reports: ServerReports;
  /** Sum of the bytes of connections that are gone. */
  readonly #goneBytes: Bytes = { bytesRead: 0, bytesWritten: 0 };
  /**
   * Connections behind a balancer whose handler has not begun. Their end is not passed to `onEnd`.
   */
  readonly #unserved = new Set<Connection>();

  /** For startServer, and for serveInMemory, which passes a `listenOn` of its own. @internal */
  static make(handler: Handler, options: ServerOptions, listenOn?: Listen): Server {
    return new Server(handler, options, listenOn);
  }

  /** Use `startServer`. */
  protected constructor(...use: never[]);
  /** @internal */
  protected constructor(handler: Handler, options: ServerOptions, listenOn?: Listen, protocol?: Protocol);
  protected constructor(handler: Handler, options: ServerOptions, listenOn?: Listen, protocol?: Protocol) {
    super();
    this.#handler = handler;
    this.#protocol = protocol;
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
      handsOver: protocol !== undefined && options.proxyProtocol !== true,
      onIdle: (connection) => this.#protocol?.idle(connection),
      onHandled: (connection, task) => this.#handled(connection, task),
      onOverflow: (error, connection) => this.#reports.overflowed(error, connection),
    };
    this.#reports = new ServerReports(this, options);
    const events = {
      onClient: (wire: Wire) => this.#open(wire),
      onListening: (isUp: boolean) => {
        if (isUp) {
          this.#where = this.addresses.map(formatAddress).join(' ');
          this.markOpened();
        } else if (this.#isEmpty) this.markClosed();
      },
      onLastHandshake: () => this.#maybeClosed(),
    };
    this.#gate = new Gate(options, events, this, listenOn);
    this.#limits = new Limits(
      options,
      this.#connections,
      (connection) => this.#line.has(connection),
      () => system?.readSendQueues(),
    );
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
    return this.#where === '' ? 'Server' : `Server ${this.#where}`;
  }

  /** @internal */
  override get ending(): boolean {
    return this.#gate.closed;
  }

  /** Does not wait a second time for a handler that outlived a shutdown. @internal */
  override endWithin(grace: number): Promise<unknown> {
    return this.#wasShutDown ? Promise.resolve() : this.shutdown({ grace });
  }

  /** @internal */
  override endNow(): void {
    this.close();
    this.abortClients();
  }

  /** The addresses that it listens on. Empty before it listens and after close(). */
  get addresses(): Address[] {
    return this.#gate.addresses;
  }

  /**
   * The TCP port that it listens on, the same for all its addresses: `console.log(server.port)`.
   * @throws InvalidStateError when it has no port (it does not listen, or only on Unix sockets), or
   * several
   */
  get port(): number {
    return onlyPort(this.addresses, this.#state);
  }

  /** Counts what the server has done so far and what it does now. */
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
      ...this.#connections.sumBytes(this.#goneBytes),
    };
  }

  /** The open connections: a live view, which changes as clients come and go. */
  get connections(): ReadonlySet<Connection> {
    return this.#connections;
  }

  get #state(): 'created' | 'serving' | 'closed' {
    return this.#gate.closed ? 'closed' : this.#gate.isUp ? 'serving' : 'created';
  }

  /** True while it listens. asyncio: `Server.is_serving`. */
  isServing(): boolean {
    return this.#state === 'serving';
  }

  /**
   * Uses other certificates for all handshakes from now on, so that you can renew them without a
   * restart. Open connections keep theirs.
   * @param options `key`, `cert`, `ca`, ... as in node:tls
   * @throws InvalidStateError for a server without TLS; TypeError for unknown options, or without
   * key and cert
   */
  setSecureContext(options: SecureContextOptions): void {
    this.#gate.setSecureContext(options);
  }

  /**
   * Begins to listen. Call it for a server that was started with `startServing: false`. Idempotent.
   *
   * Cancellable. A cancelled call leaves nothing listening, unless another call waits too; you may
   * call it again. asyncio: `Server.start_serving`.
   * @throws InvalidStateError when closed; the system's error when it cannot listen; CancelledError
   *
   * @example
   * ```ts
   * import { startServer } from 'maitre';
   * await using server = await startServer((reader, writer) => writer.write('bye'), {
   *   host: '127.0.0.1',
   *   startServing: false,
   * });
   * await server.startServing();
   * console.log(server.port);
   * ```
   */
  startServing(options?: WaitOptions): Promise<void> {
    return waiting(this.#startServing(options));
  }

  async #startServing(options: WaitOptions | undefined): Promise<void> {
    if (this.#gate.closed) throw new InvalidStateError('Cannot start serving: the server is closed');
    await this.#gate.start(options);
  }

  /** startServing() without a wait, where listening cannot fail. @internal */
  begin(): void {
    this.#gate.startNow();
  }

  /**
   * Serves until its task is cancelled or the server is closed. Either way it rejects with
   * CancelledError. When its task is cancelled, it first closes the server and runs `shutdown` with
   * the default grace. asyncio: `Server.serve_forever`.
   * @throws InvalidStateError when the server is closed, or another call is running; the system's
   * error when it cannot listen; CancelledError
   *
   * @example
   * ```ts
   * import { moveOnAfter, startServer } from 'maitre';
   * await using server = await startServer((reader, writer) => writer.write('bye'), { host: '127.0.0.1' });
   * await moveOnAfter(1000, () => server.serveForever()); // serves for a second
   * ```
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
      await this.startServing(options);
      const refused = beginWait(options);
      if (refused !== undefined) return await refused;
      // Not `cancellable`: so that whoever looks sees which server.
      return await new OutcomeWait<never>('server.serveForever', forever, options, this).promise;
    } catch (error) {
      // Someone else closed the server, and decides how its connections end.
      if (error instanceof CancelledError && error.reason.by !== this) await this.shutdown();
      else if (forever.done()) await forever; // closed while startServing() was waiting
      throw error;
    } finally {
      this.#forever = undefined;
    }
  }

  /**
   * Stops accepting clients, and cancels a running serveForever(). Open connections go on.
   * Idempotent. asyncio: `Server.close`.
   */
  close(): void {
    this.#gate.close();
    this.#wasClosed();
  }

  #wasClosed(): void {
    this.#forever?.cancelFor('Cancelled: the server was closed', { kind: 'shutdown', by: this });
    this.#maybeClosed();
  }

  /** Closes every connection once it has sent what was written. asyncio: `Server.close_clients`. */
  closeClients(): void {
    for (const connection of this.#connections) connection.writer.close();
  }

  /** Ends every connection at once. Unsent bytes are lost. asyncio: `Server.abort_clients`. */
  abortClients(): void {
    for (const connection of this.#connections) connection.abort();
  }

  /**
   * Waits until the server is closed and no connection is open, in either order. It closes nothing
   * and has no time limit; to end the server in bounded time, call `shutdown`. Cancellable.
   * asyncio: `Server.wait_closed`.
   * @throws CancelledError
   *
   * @example
   * ```ts
   * import { startServer } from 'maitre';
   * const server = await startServer((reader, writer) => writer.write('bye'), { host: '127.0.0.1' });
   * server.close();
   * await server.waitClosed();
   * ```
   */
  waitClosed(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    const isOpen = !this.#gate.closed || !this.#isEmpty;
    if (isOpen) return this.#closers.join(new QueuedWait('server.waitClosed', this, options));
    return mayAnswer(options) ? Promise.resolve() : answeredWait('server.waitClosed', this, undefined, options);
  }

  /**
   * Ends the server in bounded time. In this order, it:
   *
   * 1. stops accepting clients; TLS handshakes under way have 250 ms to finish;
   * 2. lets clients that are between messages read the end of the stream;
   * 3. waits up to `grace` milliseconds (default 10,000) for handlers to end;
   * 4. cancels the other handlers, and waits a second for them;
   * 5. aborts the connections that are left.
   *
   * A handler that does not end even then is reported by name. Cancellable: a cancelled shutdown
   * cancels all handlers and aborts all connections at once.
   * @returns how many connections ended in which way
   * @throws RangeError or TypeError for wrong options; CancelledError
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
    const grace = graceOf(options);
    const { reason = 'shutdown' } = options;
    this.#order = endOrder(reason, this);
    this.#gate.closeGently();
    this.#wasClosed();
    const ending = {
      connections: this.#connections,
      ended: () => this.#ended,
      isShakingHands: () => this.#gate.isShakingHands,
      endHandshakes: () => this.#endHandshakes(),
      waitClosed: (wait: WaitOptions) => this.waitClosed(wait),
      cancel: (connection: Connection) => this.#cancel(connection),
    };
    try {
      return await inTask(
        'server.shutdown',
        (scope) => endConnections(ending, grace, reason, signalOf(scope)),
        options,
      );
    } catch (error) {
      this.#endHandshakes();
      for (const connection of this.#connections) this.#cancel(connection);
      this.abortClients();
      throw error;
    } finally {
      this.#wasShutDown = true;
    }
  }

  /** Runs shutdown() with the default grace. */
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
    if (this.#settings.handsOver === true) this.#protocol?.serve(connection);
    else if (this.#handling >= (this.#options.concurrency ?? Infinity)) this.#line.add(connection);
    else this.#handle(connection);
  }

  #handle(connection: Connection): void {
    this.#handling++;
    // Not eager. The task begins in a microtask, whose context is its own, and a handler that ends
    // at once does not begin the next one inside its own stack.
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

  /** Reads the balancer's header first, then does the TLS handshake, then calls the handler. */
  async #serveBehindBalancer(connection: Connection): Promise<unknown> {
    this.#unserved.add(connection);
    if (!(await this.#gate.meet(connection))) return undefined;
    this.#unserved.delete(connection);
    if (this.#protocol !== undefined) {
      connection.detach();
      return this.#protocol.serve(connection);
    }
    const handler = (): unknown => this.#handler(connection.reader, connection.writer, connection);
    return requireSystem('serve a client').balancer.serveMet(connection, handler);
  }

  #handled(connection: Connection, task: Awaitable<unknown>): void {
    this.#handling--;
    if (task.failed()) this.#reports.failed(task.exception(), connection);
    if (!connection.detached || task.failed() || task.cancelled()) connection.writer.close();
    for (const next of this.#line) {
      if (this.#handling >= (this.#options.concurrency ?? Infinity)) break;
      this.#line.delete(next);
      // A connection whose peer ended meanwhile is served too, so that its bytes are not lost. One
      // that a limit has ended is not: it is only not gone yet.
      if (!next.failed) this.#handle(next);
    }
    this.#maybeEnded(connection);
  }

  #gone(connection: Connection): void {
    // A connection that broke while in line loses its place: its handler could read nothing but the
    // loss.
    if (connection.reader.exception() !== undefined) this.#line.delete(connection);
    this.#protocol?.gone(connection);
    this.#maybeEnded(connection);
  }

  /**
   * Removes a connection that is gone and handled. The client that waits for its place comes in.
   * Called at both ends, because either may be the last.
   */
  #maybeEnded(connection: Connection): void {
    if (!connection.gone || this.#line.has(connection) || connection.task?.done() === false) return;
    if (!this.#connections.delete(connection)) return;
    this.#ended++;
    this.#limits.gone(connection);
    this.#memory.gone();
    addBytes(this.#goneBytes, connection);
    if (!this.#unserved.delete(connection)) this.#reports.ended(connection);
    this.#gate.leave(connection);
    this.#maybeClosed();
  }

  /** Whether no connection is open. None comes from a handshake either, once it is closed. */
  get #isEmpty(): boolean {
    return this.#connections.size === 0 && !this.#gate.isShakingHands;
  }

  #endHandshakes(): void {
    if (!this.#gate.isShakingHands) return;
    this.#gate.close();
    this.#maybeClosed();
  }

  #maybeClosed(): void {
    if (!this.#gate.closed || !this.#isEmpty) return;
    this.#reports.end();
    this.markClosed();
    this.#closers.answerAll();
  }

  /** The protocol works for a connection no more. @internal */
  protected worked(connection: Connection): void {
    this.#maybeEnded(connection);
  }

  #cancel(connection: Connection): void {
    const { message, reason } = this.#order;
    if (this.#protocol?.cancel(connection, this.#order) === true) return;
    const task = connection.task;
    if (task !== undefined && !task.done()) {
      task.cancelFor(message, reason);
      return;
    }
    this.#line.delete(connection); // in line: its handler has not begun
    connection.writer.close();
    this.#maybeEnded(connection); // its transport may be gone already, and calls #gone() no more
  }
}
