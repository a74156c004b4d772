// One WebSocket of a server: messages both ways with back-pressure, on a socket of ws.
//
// States: OPEN -(leave)-> LEAVING -(the connection ends)-> GONE. No state leads back.
//
// - `leave` is called once, by what comes first, and `#end` says what that was: `close()` of this
//   side, the client's close frame, a message against the rules, the heartbeat, or the end of the
//   connection. From then on sends reject. Receives reject too, after what came before, except after
//   a `close()` of this side, which drops it.
// - LEAVING takes at most `closeTimeout`: then the connection is cut.
//
// Both directions are bounded. `send` waits in the outbox while more than `sendBuffer` is unsent.
// Above `receiveBuffer` the socket stops reading, and TCP makes the client wait. What one read of the
// system brought, up to 64 KiB, comes on top. With compression, that can be a lot of messages, so a
// socket that holds more than 16 messages of the longest kind is ended.
import { describe } from '../base/index.ts';
import {
  answeredWait,
  beginWait,
  callLater,
  CancelledError,
  ConnectionLostError,
  type Handle,
  InvalidStateError,
  Line,
  mayAnswer,
  QueuedWait,
  Resource,
  type Task,
  TimeoutError,
  type WaitOptions,
} from '../core/index.ts';
import { type Address, formatAddress } from '../net/index.ts';
import { Exchange, ItemIterator } from '../queues/index.ts';
import { Inbox } from './web-socket-inbox.ts';
import { checkClose, type WebSocketLimits } from './web-socket-limits.ts';
import { Outbox } from './web-socket-outbox.ts';
import type { Port } from './web-socket-package.ts';
import { SocketWatch, type Watched } from './web-socket-watch.ts';

/** What `socket.statistics()` returns. */
export interface WebSocketStatistics {
  /** Messages that came, including those not read yet. */
  readonly received: number;
  readonly bytesReceived: number;
  /** Messages that were sent, including those that the system has not taken yet. */
  readonly sent: number;
  readonly bytesSent: number;
  /** Messages that came and were not read. */
  readonly queued: number;
  /** Bytes that were sent and that the system has not taken. */
  readonly unsent: number;
  /** Tasks that wait until they may send. */
  readonly waiting: number;
  /** True while it does not read, because too much was not read. */
  readonly paused: boolean;
}

/** What a WebSocket is told about itself. */
export interface WebSocketFacts {
  readonly peer: Address;
  readonly parent: Resource | undefined;
  /** Returns the error of the socket under it, if there was one. */
  readonly fault: () => Error | undefined;
  /** Called once, when it leaves OPEN by anything but its own `close()` or `abort()`. */
  readonly onLeave: () => void;
}

/** Why a WebSocket left OPEN. */
interface End {
  readonly code: number;
  readonly reason: string;
  /** The error of the calls that come too late. */
  readonly error: () => Error;
  /** Whether iteration ends without an error. */
  readonly isClean: boolean;
}

/**
 * A WebSocket that a client opened, as the handler of `webSocket` receives it. Iterating it receives
 * messages until it is closed. Text comes as a string, binary as a Buffer. Disposing it closes it.
 *
 * @example
 * ```ts
 * import { webSocket } from 'maitre/http';
 * const echo = (request: Request): Response =>
 *   webSocket(request, async (socket) => {
 *     for await (const message of socket) await socket.send(`you said ${message}`);
 *   });
 * console.log(echo.length); // await serveHttp(echo, { port: 8080 })
 * ```
 */
export class WebSocket extends Resource implements AsyncIterable<string | Buffer>, AsyncDisposable {
  /** The address of the client. Behind a trusted balancer, that of the real one. */
  readonly peer: Address;
  /** The subprotocol; empty for none. */
  readonly protocol: string;
  readonly #port: Port;
  readonly #facts: WebSocketFacts;
  readonly #limits: WebSocketLimits;
  readonly #outbox: Outbox;
  readonly #store: Inbox;
  readonly #inbox: Exchange<string | Buffer>;
  readonly #watch: SocketWatch;
  readonly #closers = new Line<void>();
  #task: Task<unknown> | undefined = undefined;
  #end: End | undefined = undefined;
  #gone = false;
  /** The code with which ws began to close; undefined before. */
  #closing: number | undefined = undefined;
  #cut: Handle | undefined = undefined;
  /** The latest ping of the client that has no answer yet. */
  #ping: Buffer | undefined = undefined;
  #received = 0;
  #bytesReceived = 0;
  #hasReceived = false;

  /** For webSocket(). @internal */
  static make(port: Port, facts: WebSocketFacts, limits: WebSocketLimits): WebSocket {
    return new WebSocket(port, facts, limits);
  }

  private constructor(port: Port, facts: WebSocketFacts, limits: WebSocketLimits) {
    const { sendBuffer = 65_536, receiveBuffer = 65_536, name } = limits;
    const { heartbeat = 20_000, heartbeatTimeout = 20_000, idleTimeout = Infinity } = limits;
    super(name === undefined ? {} : { name });
    this.peer = facts.peer;
    this.protocol = port.protocol;
    this.#port = port;
    this.#facts = facts;
    this.#limits = limits;
    this.#outbox = new Outbox(port, sendBuffer, () => this.#answerPing());
    this.#store = new Inbox(port, receiveBuffer, () => this.#watch.heard());
    this.#inbox = new Exchange(this.#store, Infinity, false);
    this.#watch = new SocketWatch(this.#watched(), { heartbeat, heartbeatTimeout, idleTimeout });
    port.on('message', (data, isBinary) => this.#onMessage(data, isBinary));
    port.on('ping', (data) => this.#onPing(data));
    port.on('pong', () => this.#watch.heard());
    port.on('error', (error) => this.#onError(error));
    port.on('closing', (code, reason) => this.#onClosing(code, reason));
    port.on('close', (code, reason) => this.#onClose(code, reason));
    this.markOpened();
  }

  get kind(): 'websocket' {
    return 'websocket';
  }

  protected override get hasEnd(): true {
    return true;
  }

  /** Its connection; undefined where the runtime hides it. */
  override get parent(): Resource | undefined {
    return this.#facts.parent;
  }

  /** The task of its handler. */
  override get task(): Task<unknown> | undefined {
    return this.#task;
  }

  /** `websocket 3 from 127.0.0.1:50412`. */
  override get label(): string {
    const name = this.name === undefined ? '' : ` ${JSON.stringify(this.name)}`;
    return `websocket${name} ${this.id} from ${formatAddress(this.peer)}`;
  }

  /** True once it is closed, or closing, by either side. */
  get closed(): boolean {
    return this.#end !== undefined;
  }

  /**
   * The code with which it was closed, by the side that did it first: 1005 for a client that gave
   * none, 1006 for one that was lost. Undefined while open.
   */
  get closeCode(): number | undefined {
    return this.#end?.code;
  }

  /** The reason that came with the code; empty for none. Undefined while open. */
  get closeReason(): string | undefined {
    return this.#end?.reason;
  }

  /**
   * Sends one message, a string as text and bytes as binary. Resolves at once while little is
   * unsent, and otherwise waits until the client has taken enough, so that a slow client holds its
   * sender up and memory stays bounded. Messages leave in the order of the calls. Do not change the
   * bytes afterwards. Cancellable: the message was then not sent.
   * @throws ConnectionLostError once the client has closed or is lost; InvalidStateError once
   * `close` was called; TypeError for other data; CancelledError
   */
  send(data: string | Uint8Array, options?: WaitOptions): Promise<void> {
    if (typeof data !== 'string' && !(data instanceof Uint8Array)) {
      const error = `Cannot send: data must be a string or a Uint8Array, got ${describe(data)}`;
      return Promise.reject(new TypeError(error));
    }
    this.#watch.message();
    return this.#outbox.send(data, this, options);
  }

  /**
   * Takes the next message, and waits for one if there is none. Several waiting calls are served in
   * their order. Cancellable; no message is lost then.
   * @throws ConnectionLostError once the client has closed or is lost, after what it had sent;
   * InvalidStateError once `close` was called; CancelledError
   */
  receive(options?: WaitOptions): Promise<string | Buffer> {
    this.#hasReceived = true;
    return this.#inbox.get('socket.receive', this, options);
  }

  /**
   * Receives until the WebSocket is closed by either side. Leaving the loop does not close it.
   * @throws ConnectionLostError when the client is lost without having closed, unless `whenLost` is
   * `end`, and when it breaks the protocol or a limit
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<string | Buffer> {
    this.#hasReceived = true;
    return new ItemIterator(
      (begun) => this.#inbox.get('socket.receive', this, undefined, begun),
      (error) => !(error instanceof CancelledError) && this.#end?.isClean === true,
    );
  }

  /**
   * Closes it, and waits until the connection has ended. What was sent goes out first; what waits to
   * be sent rejects; what was not received is dropped. A client that does not answer within
   * `closeTimeout` is cut. Idempotent: the first code counts. Cancellable; it is closed all the same.
   * @param code 1000 for a normal end, 1001 when the server goes away, 3000 to 4999 for your own
   * @param reason at most 123 bytes of UTF-8
   * @throws TypeError, RangeError; CancelledError
   */
  close(code = 1000, reason = '', options?: WaitOptions): Promise<void> {
    try {
      checkClose(code, reason);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#closeWith(code, reason);
    return this.waitClosed(options);
  }

  /**
   * Waits until the connection has ended. Does not close it. Cancellable.
   * @throws CancelledError
   */
  waitClosed(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (!this.#gone) return this.#closers.join(new QueuedWait('socket.close', this, options));
    return mayAnswer(options) ? Promise.resolve() : answeredWait('socket.close', this, undefined, options);
  }

  /** Cuts the connection at once. What was not sent is lost. The client sees no close. */
  abort(): void {
    const error = (): Error => new InvalidStateError(`Cannot use ${this.label}: it was aborted`);
    if (this.#leave(1006, '', true, error, true)) this.#inbox.drop();
    this.#port.terminate();
  }

  /** Closes it with 1000, and waits until the connection has ended. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Counts messages and bytes. */
  statistics(): WebSocketStatistics {
    return {
      received: this.#received,
      bytesReceived: this.#bytesReceived,
      sent: this.#outbox.messages,
      bytesSent: this.#outbox.bytes,
      queued: this.#store.length,
      unsent: this.#gone ? 0 : this.#port.bufferedAmount,
      waiting: this.#outbox.waiting,
      paused: this.#store.paused,
    };
  }

  protected override describeState(): string {
    const { queued, unsent } = this.statistics();
    if (this.#end !== undefined) return `${this.#gone ? 'closed' : 'closing'}, code ${this.#end.code}`;
    return `open, ${queued} queued, ${unsent} unsent`;
  }

  /**
   * Whether its handler sees the end: it receives, or a send was refused. A handler that only waits
   * for something else does not. @internal
   */
  get isNoticed(): boolean {
    return this.#hasReceived || this.#outbox.hasRefused;
  }

  /** Sets the task of its handler. @internal */
  serveWith(task: Task<unknown>): void {
    this.#task = task;
  }

  // ---- what ws reports -----------------------------------------------------------------------------------------

  #onMessage(data: Buffer, isBinary: boolean): void {
    this.#watch.heard();
    this.#watch.message();
    if (this.#end !== undefined) return;
    this.#received++;
    this.#bytesReceived += data.length;
    // A message is a view of what the socket read. A short one would keep all of it alive.
    const kept = data.length < 4096 ? Buffer.from(data) : data;
    this.#inbox.putNowait(isBinary ? kept : data.toString());
    const { maxMessage = 1_048_576 } = this.#limits;
    if (this.#store.bytes > 16 * maxMessage + 65_536) this.#fail(1008, 'more came than is read');
  }

  #onPing(data: Buffer): void {
    this.#watch.heard();
    this.#ping = Buffer.from(data);
    this.#answerPing();
  }

  /**
   * Answers the latest ping if there is room, and is called again when there may be. A client that
   * sends pings and reads nothing would otherwise fill the memory with answers.
   */
  #answerPing(): void {
    const data = this.#ping;
    if (data === undefined || this.#end !== undefined || !this.#outbox.hasRoom) return;
    this.#ping = undefined;
    this.#outbox.pong(data);
  }

  /**
   * ws begins to close: after a close frame of the client, or after a message against the rules.
   * Only in the second case it emits 'error' next, in the same step.
   */
  #onClosing(code: number, reason: Buffer | undefined): void {
    this.#closing = code;
    queueMicrotask(() => this.#closedByClient(code, String(reason ?? '')));
  }

  #onError(error: Error): void {
    const code = this.#closing ?? 1006;
    const because = `${this.label} broke the protocol, code ${code}: ${error.message}`;
    this.#leave(code, error.message, false, () => new ConnectionLostError(because, { cause: error }));
  }

  #onClose(code: number, reason: Buffer | undefined): void {
    if (code === 1006) this.#lose('it ended without a close', this.#facts.fault());
    else this.#closedByClient(code, String(reason ?? ''));
    this.#gone = true;
    this.#cut?.cancel();
    this.#closers.answerAll();
    this.markClosed();
  }

  // ---- the ways to leave OPEN ----------------------------------------------------------------------------------

  /** `close()` without the wait. */
  #closeWith(code: number, reason: string): void {
    const error = (): Error => new InvalidStateError(`Cannot use ${this.label}: it was closed, code ${code}`);
    if (!this.#leave(code, reason, true, error, true)) return;
    this.#inbox.drop();
    this.#port.close(code, reason);
  }

  #closedByClient(code: number, reason: string): void {
    const words = reason === '' ? '' : ` ${JSON.stringify(reason)}`;
    const because = `${this.label} was closed by the client, code ${code}${words}`;
    this.#leave(code, reason, true, () => new ConnectionLostError(because));
  }

  #lose(how: string, cause?: Error): void {
    const because = `${this.label} was lost: ${how}`;
    const isClean = this.#limits.whenLost === 'end';
    this.#leave(1006, '', isClean, () => new ConnectionLostError(because, cause === undefined ? {} : { cause }));
  }

  #fail(code: number, how: string, cause?: Error): void {
    const because = `${this.label} was closed by the server, code ${code}: ${how}`;
    const options = cause === undefined ? {} : { cause };
    if (this.#leave(code, how, false, () => new ConnectionLostError(because, options))) this.#port.close(code, how);
  }

  /** Returns true for the first call. */
  #leave(code: number, reason: string, isClean: boolean, error: () => Error, own = false): boolean {
    if (this.#end !== undefined) return false;
    this.#end = { code, reason, error, isClean };
    this.#watch.stop();
    this.#outbox.close(error);
    this.#inbox.close(error);
    this.#store.close(); // reads on, or the close of the client would not be seen
    const { closeTimeout = 5000 } = this.#limits;
    this.#cut = callLater(closeTimeout, () => this.#port.terminate());
    if (!own) this.#facts.onLeave();
    return true;
  }

  /** What the watch sees of it. */
  #watched(): Watched {
    return {
      isPaused: () => this.#store.paused,
      taken: () => this.#outbox.taken,
      ping: (sent) => this.#port.ping('', undefined, sent),
      dead: (ms) => {
        this.#lose(`it did not answer a ping for ${ms} ms`, new TimeoutError(`Timed out: no answer for ${ms} ms`));
        this.#port.terminate();
      },
      idle: (ms) => {
        this.#fail(1001, `no message for ${ms} ms`, new TimeoutError(`Timed out: no message for ${ms} ms`));
      },
    };
  }
}
