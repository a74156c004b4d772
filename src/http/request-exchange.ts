// One request, from the moment its head is read until its task has ended.
//
// States: IN LINE (the site has no place for it) -> RUNNING (its task runs) -> ENDED. A client that
// leaves ends one in line without a task.
//
// Who answers? Exactly one of these, because each looks at `#isAnswered`, which never goes back:
// - the Response that the handler returned;
// - an error of the handler: 500, or the status of a RequestError;
// - the timeout: 503, at once; the handler is cancelled, and what it returns later is dropped;
// - a shutdown that cancelled it: 503;
// - whoever called hijack().
// An error after the head was sent cannot change the status. It destroys the response, so that the
// client does not take what it has for everything.
//
// Only what belongs to the app runs in the context of the task: the app, the body of its answer, its
// callbacks. The answer is sent in the context of the server. node:http starts a timer for the next
// request when an answer has left, and that timer keeps its context. In that of the task, each idle
// connection would keep its last request: 2.8 KB, which every garbage collection copies (143 KB with
// 50 clients, and 3 KB now).
//
// A client that leaves (`left`) cancels the task, once, unless the request stays on. It comes from
// the end of the connection, or of the stream over HTTP/2: never from the end of a request's body.
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { type Deadline, disposable, type Linked } from '../base/index.ts';
import {
  addDeadline,
  CancelledError,
  deleteDeadline,
  host,
  loopTime,
  reportException,
  spawn,
  type Task,
} from '../core/index.ts';
import { type Address, type Connection, type EndOrder, isConnectionLost } from '../net/index.ts';
import type { App } from './app.ts';
import type { Client, Underway } from './client.ts';
import { type Exchange, noteUpgrade, type Upgrade } from './exchange.ts';
import { makeId, peerOf, schemeOf, hostOf, trustedId } from './forwarded.ts';
import type { HttpReports, Reported } from './http-reports.ts';
import { RequestBody } from './request-body.ts';
import { RequestError } from './request-error.ts';
import type { HttpRequestInfo } from './request-info.ts';
import { type Answered, sendResponse } from './send-response.ts';
import { urlOf } from './url.ts';

/** What the requests of a server have in common. */
export interface Site {
  readonly server: object | undefined;
  readonly app: App;
  readonly program: object | undefined;
  /** Milliseconds; Infinity for none. */
  readonly timeout: number;
  readonly timeoutStatus: number;
  readonly maxBodySize: number;
  readonly cancelOnDisconnect: boolean | ((info: HttpRequestInfo) => boolean);
  readonly counts: { failed: number; disconnected: number; timedOut: number };
  readonly reports: HttpReports;
  /** True from the beginning of a shutdown on. */
  readonly isEnding: boolean;
  readonly trustsAny: boolean;
  trusts(peer: Address | undefined): boolean;
  /**
   * Calls the app, in the context of the request's task. What it does to the context ends with it.
   */
  call(exchange: RequestExchange): unknown;
  /** Calls `fn` when streams and WebSockets shall end. */
  onShutdown(fn: (order: EndOrder) => void): Disposable;
  /** The task of a request has ended. */
  ended(exchange: RequestExchange): void;
  /** A request ends before its task began. */
  leaveLine(exchange: RequestExchange): void;
}

/** The longest path in the name of a task. */
const LONGEST_NAME = 80;

export class RequestExchange implements Exchange, Answered, HttpRequestInfo, Reported, Underway, Deadline {
  // Only LinkedSet writes these.
  previous: Linked | undefined = undefined;
  next: Linked | undefined = undefined;
  list: object | undefined = undefined;
  // Only the heap of deadlines writes these.
  when = 0;
  slot = -1;
  order = 0;

  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly client: Client;
  readonly site: Site;
  readonly upgrade: Upgrade | undefined;
  /** Set when it begins. */
  #task: Task<unknown> | undefined = undefined;
  /** Bytes of the body that was sent, before any transfer coding. */
  bytes = 0;
  /** True once the client has left. */
  gone = false;
  /** When it came, on the loop's clock. Only where somebody wants to know: see `begin`. */
  cameAt = 0;
  #isAnswered = false;
  #work: (() => unknown) | undefined = undefined;
  #keepsRunning: boolean | undefined = undefined;
  #body: RequestBody | undefined = undefined;
  #id: string | undefined = undefined;
  #hooks: Set<Disposable> | undefined = undefined;
  /** The order by which a hook of `onShutdown` was called. */
  #endedBy: EndOrder | undefined = undefined;

  constructor(site: Site, client: Client, incoming: IncomingMessage, outgoing: ServerResponse, upgrade?: Upgrade) {
    this.site = site;
    this.client = client;
    this.incoming = incoming;
    this.outgoing = outgoing;
    this.upgrade = upgrade;
  }

  // ---- what others may know ------------------------------------------------------------------------------------

  get connection(): Connection | undefined {
    return this.client.connection;
  }

  get task(): Task<unknown> {
    return this.#task as Task<unknown>; // whoever asks runs in it, or comes later
  }

  /** Whether its task has begun. */
  get hasBegun(): boolean {
    return this.#task !== undefined;
  }

  get isHttp2(): boolean {
    return this.client.session !== undefined;
  }

  get method(): string {
    return this.incoming.method ?? 'GET'; // always set for a request that was received
  }

  get target(): string {
    return this.incoming.url ?? '/'; // the same
  }

  get httpVersion(): string {
    return this.incoming.httpVersion;
  }

  get id(): string {
    return (this.#id ??= trustedId(this) ?? makeId());
  }

  get peer(): Address | undefined {
    return peerOf(this);
  }

  get scheme(): 'http' | 'https' {
    return schemeOf(this);
  }

  get host(): string {
    return hostOf(this);
  }

  /** The name of its task: `GET /orders`. */
  get taskName(): string {
    const { method, target } = this;
    const end = target.search(/[?#]/);
    const path = end < 0 ? target : target.slice(0, end);
    return `${method} ${path.length <= LONGEST_NAME ? path : `${path.slice(0, LONGEST_NAME - 3)}...`}`;
  }

  get sentBytes(): number | undefined {
    return this.site.app.answers ? this.bytes : undefined;
  }

  get body(): RequestBody {
    return (this.#body ??= new RequestBody(this.incoming, this.connection, this.site.maxBodySize));
  }

  /** The address that was asked for. @throws RequestError when there is none */
  url(): string {
    return urlOf(this);
  }

  keepRunning(on = true): void {
    this.#keepsRunning = on;
  }

  hijack(work?: () => unknown): void {
    if (work === undefined) this.#isAnswered = true;
    else this.#work = work; // until it begins, an error of the handler is answered
  }

  withoutTimeout(): void {
    if (this.slot >= 0) deleteDeadline(this);
  }

  onShutdown(fn: (order: EndOrder) => void): Disposable {
    const undo = this.site.onShutdown((order) => {
      this.#endedBy = order;
      fn(order);
    });
    const hook = disposable(() => {
      this.#hooks?.delete(hook);
      undo[Symbol.dispose]();
    });
    (this.#hooks ??= new Set()).add(hook);
    return hook;
  }

  // ---- the way through -----------------------------------------------------------------------------------------

  /** Runs the handler in a task. Call it in the context of the server: see the head of this file. */
  begin(): void {
    const { site } = this;
    if (site.timeout !== Infinity && this.slot < 0) this.#limit();
    // Eager: most handlers answer in their first step. The name is computed when it is first read.
    const task = spawn((own) => this.#run(own), { name: this, eager: 'outside', program: site.program });
    task.markHandled(); // what it fails with was reported
    if (task.done()) this.#settled(task);
    else task.subscribe({ settled: () => this.#settled(task) });
  }

  /** Counts the time until its timeout from now on. */
  limit(): void {
    if (this.site.timeout !== Infinity) this.#limit();
  }

  #limit(): void {
    this.when = loopTime() + this.site.timeout;
    addDeadline(this);
  }

  #run(task: Task<unknown>): unknown {
    this.#task = task;
    if (this.upgrade !== undefined) noteUpgrade(task, this);
    this.client.showTask();
    try {
      const returned = this.site.call(this);
      if (isThenable(returned)) return this.#wait(returned);
      const rest = this.#respond(returned);
      return isThenable(rest) ? this.#finish(rest) : undefined;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** Calls the app. A thenable that is no promise is also asked here, in the context of the task. */
  handle(): unknown {
    const returned = this.site.app.handle(this);
    return isThenable(returned) && !(returned instanceof Promise) ? resultOf(returned) : returned;
  }

  /** Calls `fn` in the context of the task. */
  inTask<R>(fn: () => R): R {
    return host.carrier.run(this.#task, fn, undefined);
  }

  async #wait(returned: PromiseLike<unknown>): Promise<void> {
    try {
      const rest = this.#respond(await returned);
      if (isThenable(rest)) await rest;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  async #finish(rest: PromiseLike<unknown>): Promise<void> {
    try {
      await rest;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** Sends what the handler returned, unless somebody else has answered, or nobody is there. */
  #respond(returned: unknown): unknown {
    const work = this.#work;
    if (work !== undefined && !this.#isAnswered && !this.gone) {
      this.#work = undefined;
      this.#isAnswered = true;
      this.#keepsRunning = true; // it has the connection, and sees by itself when the client leaves
      this.withoutTimeout();
      return this.inTask(work);
    }
    if (this.#isAnswered || this.isClosed || this.gone) {
      if (returned instanceof Response && returned.body?.locked === false) {
        const { body } = returned;
        this.inTask(() => body.cancel()).catch(() => undefined); // nobody receives it any more
      }
      return undefined;
    }
    if (!this.site.app.answers) return undefined; // a listener has answered
    this.#attach();
    if (!(returned instanceof Response)) throw notAResponse(returned);
    const sending = sendResponse(this, returned);
    this.#isAnswered = true; // after: what cannot be sent is answered with an error
    return sending;
  }

  #failed(error: unknown): void {
    const isCancel = error instanceof CancelledError;
    const status = isCancel ? 503 : error instanceof RequestError ? error.status : 500;
    const isTheirs =
      isCancel ||
      error instanceof RequestError ||
      (isConnectionLost(error) && (this.#isLeaving || (this.incoming.destroyed && !this.incoming.complete)));
    if (!isTheirs) {
      this.site.counts.failed++;
      this.inTask(() => this.site.reports.failed(error, this));
    }
    this.answer(status);
  }

  /** Answers with a status and nothing else, or destroys the response where that is too late. */
  answer(status: number): void {
    const { outgoing } = this;
    if (this.gone || this.isClosed || outgoing.writableFinished) return;
    if (outgoing.headersSent) {
      if (outgoing.writableEnded) return; // all of it is on its way
      this.destroy();
      return;
    }
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#attach();
    // What is left of the request is not read: the connection is of no further use.
    if (!this.isHttp2 && this.#hasUnreadBody) outgoing.shouldKeepAlive = false;
    this.maybeClose();
    const text = `${STATUS_CODES[status] ?? 'Error'}\n`;
    for (const name of outgoing.getHeaderNames()) outgoing.removeHeader(name);
    outgoing.writeHead(status, { 'content-type': 'text/plain;charset=UTF-8', 'content-length': `${text.length}` });
    this.bytes = text.length;
    outgoing.end(text);
  }

  /** A client that asked for another protocol, and does not get it, is answered as any other. */
  #attach(): void {
    if (this.upgrade === undefined) return;
    const { incoming, outgoing } = this;
    outgoing.shouldKeepAlive = false;
    outgoing.assignSocket(incoming.socket);
    outgoing.on('finish', () => incoming.socket.destroySoon());
  }

  /** Whether the client has left, or its socket is about to say so: on Deno, its requests end before. */
  get #isLeaving(): boolean {
    return this.gone || this.client.socket.destroyed;
  }

  get #hasUnreadBody(): boolean {
    const { complete, headers } = this.incoming;
    return !complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0);
  }

  /** Whether nothing can be sent any more. */
  get isClosed(): boolean {
    const { stream } = this.outgoing as { readonly stream?: { readonly destroyed?: boolean } }; // of HTTP/2
    return this.isHttp2 ? stream?.destroyed !== false : this.outgoing.destroyed;
  }

  /** Ends the response so that the client sees that it is not complete. */
  destroy(): void {
    const { stream } = this.outgoing as { readonly stream?: { close?(code: number): void } }; // of HTTP/2
    const INTERNAL_ERROR = 2;
    if (this.isHttp2) stream?.close?.(INTERNAL_ERROR);
    else this.outgoing.destroy();
  }

  /** Tells an HTTP/1 client, before the head is written, that its connection ends with a shutdown. */
  maybeClose(): void {
    if (this.site.isEnding && !this.isHttp2) this.outgoing.shouldKeepAlive = false;
  }

  /** Something was written. Lets the limits of the connection look at it if it could not leave. */
  sent(bytes: number): void {
    if (bytes > 0 && this.client.socket.writableLength > 0) this.connection?.holding(this.client.socket.writableLength);
  }

  // ---- what ends it early --------------------------------------------------------------------------------------

  /** The client has left. */
  left(): void {
    if (this.gone) return;
    this.gone = true;
    if (this.#task === undefined) {
      this.site.leaveLine(this);
      return;
    }
    if (this.#task.done() || this.#staysOn()) return;
    this.site.counts.disconnected++;
    this.#task.cancelFor(`Cancelled: the client left before the answer to ${this.taskName}`, {
      kind: 'disconnect',
      by: this.connection,
    });
  }

  /** Cancels its task. Returns false for one that is in line. */
  cancel(order: EndOrder): boolean {
    // The end of its stream is on its way: a cancel would cut the answer off.
    if (this.#endedBy === order) return true;
    return this.#task?.cancelFor(order.message, order.reason) ?? false;
  }

  /** Its time is over. */
  due(): void {
    const { timeout, timeoutStatus } = this.site;
    this.site.counts.timedOut++;
    this.answer(timeoutStatus);
    if (this.#task === undefined) this.site.leaveLine(this);
    else {
      const message = `Cancelled: ${this.taskName} took more than ${timeout} ms, which is the timeout of the server`;
      this.#task.cancelFor(message, { kind: 'timeout', by: this.site.server });
    }
  }

  #staysOn(): boolean {
    if (this.#keepsRunning !== undefined) return this.#keepsRunning;
    const { cancelOnDisconnect } = this.site;
    if (typeof cancelOnDisconnect !== 'function') return !cancelOnDisconnect;
    try {
      return !cancelOnDisconnect(this);
    } catch (error) {
      reportException({ message: `cancelOnDisconnect failed for ${this.taskName}`, error });
      return false;
    }
  }

  #settled(task: Task<unknown>): void {
    if (this.slot >= 0) deleteDeadline(this);
    if (this.#hooks !== undefined) for (const hook of this.#hooks) hook[Symbol.dispose]();
    // A task that was cancelled before its first step has answered nothing.
    if (task.cancelled() && !this.#isAnswered) this.answer(503);
    this.site.ended(this);
  }
}

async function resultOf(returned: PromiseLike<unknown>): Promise<unknown> {
  return returned;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

function notAResponse(returned: unknown): TypeError {
  const what = returned === undefined ? 'nothing' : returned === null ? 'null' : `a ${typeof returned}`;
  return new TypeError(
    `Cannot answer the request: the handler returned ${what}, and must return a Response\n` +
      '    serveHttp((request) => new Response("hi"))          // a fetch handler\n' +
      '    serveHttp({ listener: (req, res) => res.end("hi") })  // a listener of node:http',
  );
}
