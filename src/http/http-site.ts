// What the requests of one HTTP server have in common: node:http, which reads and writes the
// sockets that the server lets in, the app, the limits, the counters, and the end.
//
// It is the Protocol of a net Server: that one has the connections, this one the requests on them.
// node:http never listens. Each socket is passed to it, as its documentation allows
// (`server.emit('connection', socket)`), once the gate has let its client in.
import { createServer, type IncomingMessage, type Server as NodeServer, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { disposable } from '../base/index.ts';
import { host, type InContext, loopTime } from '../core/index.ts';
import { type Address, type Connection, type EndOrder, HandedWire, type Protocol } from '../net/index.ts';
import type { App } from './app.ts';
import { Client } from './client.ts';
import { answerClientError } from './client-error.ts';
import type { Http2Port, loadHttp2 } from './http2.ts';
import { type HttpOptions, MAX_BODY_SIZE, trustOf } from './http-options.ts';
import { HttpReports } from './http-reports.ts';
import { RequestExchange, type Site } from './request-exchange.ts';

const CLIENT: unique symbol = Symbol('maitre.client');
/** Milliseconds between two looks of node:http at its timeouts: a tenth of the shortest, in bounds. */
const FINEST_LOOK = 10;
const COARSEST_LOOK = 1000;
const isDeno = 'deno' in process.versions;

/** The server of a site. */
interface Host {
  readonly connections: Iterable<Connection>;
  /** The requests of a connection have ended. */
  finished(connection: Connection): void;
}

/** The counters of one site. */
export interface HttpCounts {
  requests: number;
  failed: number;
  disconnected: number;
  timedOut: number;
  malformed: number;
}

export class HttpSite implements Protocol, Site {
  /** Its server, which sets it before the first client. */
  server: Host | undefined = undefined;
  readonly app: App;
  readonly program: object | undefined;
  readonly timeout: number;
  readonly timeoutStatus: number;
  readonly maxBodySize: number;
  readonly cancelOnDisconnect: NonNullable<HttpOptions['cancelOnDisconnect']>;
  readonly reports: HttpReports;
  readonly counts: HttpCounts = { requests: 0, failed: 0, disconnected: 0, timedOut: 0, malformed: 0 };
  /** True from the beginning of a shutdown on. */
  isEnding = false;
  /** Requests that run. */
  handling = 0;
  /** Requests that wait for one of the `concurrency` places. */
  readonly line: Set<RequestExchange> = new Set();
  readonly #concurrency: number;
  readonly #http: NodeServer;
  /** Undefined without HTTP/2. */
  readonly #http2: Http2Port | undefined;
  readonly #trust: ReturnType<typeof trustOf>;
  readonly #hooks = new Set<(order: EndOrder) => void>();
  /** What streams and WebSockets are ended with. Undefined until they shall end: see beginEnd(). */
  #order: EndOrder | undefined = undefined;
  readonly #isTimed: boolean;
  /** Runs a function in the AsyncLocalStorage context of the server. */
  readonly #inContext: InContext;

  /** @param makeHttp2 makes the port for HTTP/2; undefined where there is none */
  constructor(
    app: App,
    options: HttpOptions,
    makeHttp2: Awaited<ReturnType<typeof loadHttp2>>,
    program: object | undefined,
  ) {
    this.app = app;
    this.program = program;
    this.timeout = options.timeout ?? Infinity;
    this.timeoutStatus = options.timeoutStatus ?? 503;
    this.maxBodySize = options.maxBodySize ?? MAX_BODY_SIZE;
    this.cancelOnDisconnect = options.cancelOnDisconnect ?? true;
    this.reports = new HttpReports(options);
    this.#isTimed = this.reports.isLogged;
    this.#concurrency = options.concurrency ?? Infinity;
    this.#trust = trustOf(options);
    this.#inContext = host.captureContext();
    this.#http = this.#makeHttp(options);
    this.#http2 = makeHttp2?.((client, incoming, outgoing) => this.#http2Request(client, incoming, outgoing));
  }

  #makeHttp(options: HttpOptions): NodeServer {
    const headersTimeout = options.headersTimeout ?? 60_000;
    const requestTimeout = options.requestTimeout ?? 300_000;
    const shortest = Math.min(headersTimeout, requestTimeout);
    const http = createServer({
      headersTimeout: Math.min(headersTimeout, requestTimeout),
      requestTimeout: requestTimeout === Infinity ? 0 : requestTimeout,
      keepAliveTimeout: options.keepAliveTimeout ?? 5000,
      connectionsCheckingInterval: Math.min(COARSEST_LOOK, Math.max(FINEST_LOOK, shortest / 10)),
      ...(options.maxHeaderSize === undefined ? {} : { maxHeaderSize: options.maxHeaderSize }),
    });
    http.timeout = 0;
    http.on('request', (incoming, outgoing) => this.#request(incoming, outgoing));
    http.on('checkContinue', (incoming, outgoing) => {
      if (!this.#isTooLarge(incoming)) outgoing.writeContinue();
      this.#request(incoming, outgoing);
    });
    http.on('upgrade', (incoming, socket, head) => this.#upgrade(incoming, socket, head));
    http.on('clientError', (error, socket) => {
      const client = clientOf(socket as Socket); // node:http passes the socket that it was passed
      this.counts.malformed++;
      answerClientError(error, socket, client?.exchanges.size === 0);
    });
    http.emit('listening'); // it looks at its timeouts from then on
    // Deno ends a connection after an answer unless the server listens: it takes it for a closed one.
    if (isDeno) Object.defineProperty(http, 'listening', { value: true });
    return http;
  }

  // ---- connections: called by the server -----------------------------------------------------------------------

  serve(connection: Connection): void {
    const socket = connection.handOver((each, addresses) => new HandedWire(each, addresses));
    if (socket === undefined) return;
    const client = new Client(connection, socket);
    // Not a Map: see net's connection-set.ts.
    (connection as Noted)[CLIENT] = (socket as Noted)[CLIENT] = client;
    // What they call later inherits the context.
    this.#inContext(() => {
      if (connection.tls?.alpn === 'h2' && this.#http2 !== undefined) this.#http2.serve(client);
      else this.#http.emit('connection', socket);
    });
    socket.resume(); // it was accepted paused
  }

  idle(connection: Connection): void {
    const client = clientOf(connection);
    if (client === undefined || client.exchanges.size > 0) return;
    // A request is on its way. From now on it has the time of a silent client.
    if (connection.busy === false && client.isInHead) connection.busy = undefined;
    else client.end();
  }

  gone(connection: Connection): void {
    const client = clientOf(connection);
    if (client === undefined) return;
    client.gone = true;
    for (const exchange of client.exchanges) exchange.left();
  }

  cancel(connection: Connection, order: EndOrder): boolean {
    this.#endStreams(order);
    const client = clientOf(connection);
    if (client === undefined) return false;
    let found = false;
    for (const exchange of [...client.exchanges]) {
      if (exchange.hasBegun) exchange.cancel(order);
      else this.leaveLine(exchange as RequestExchange); // a site has no others
      found = true;
    }
    if (!found) client.end();
    return true;
  }

  // ---- requests ------------------------------------------------------------------------------------------------

  #request(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const client = clientOf(incoming.socket);
    if (client === undefined) return void outgoing.destroy(); // no socket comes from elsewhere
    this.#take(new RequestExchange(this, client, incoming, outgoing));
  }

  #http2Request(client: Client, incoming: IncomingMessage, outgoing: ServerResponse): void {
    const exchange = new RequestExchange(this, client, incoming, outgoing);
    outgoing.on('close', () => exchange.left());
    this.#take(exchange);
  }

  #upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    const client = clientOf(incoming.socket);
    if (client === undefined) return void socket.destroy();
    // Without a socket as long as nobody answers: see `#attach`.
    const outgoing = new ServerResponse(incoming);
    this.#take(new RequestExchange(this, client, incoming, outgoing, { socket, head }));
  }

  #take(exchange: RequestExchange): void {
    this.counts.requests++;
    if (this.#isTimed) exchange.cameAt = loopTime();
    exchange.client.began(exchange);
    if (this.#isTooLarge(exchange.incoming)) {
      exchange.answer(413);
      this.#end(exchange);
    } else if (this.handling >= this.#concurrency) {
      this.line.add(exchange);
      exchange.limit();
    } else this.#beginNow(exchange);
  }

  /** Begins a request in the callback of node:http that brought it, and so in the server's context. */
  #beginNow(exchange: RequestExchange): void {
    this.handling++;
    if (isDeno) this.#inContext(() => exchange.begin()); // it calls back in no context
    else exchange.begin();
  }

  call(exchange: RequestExchange): unknown {
    if (host.carrier.enter !== undefined) return this.#inContext(callInTask, exchange);
    // In a context of its own. What the app does to it would stay with the connection otherwise.
    return host.captureContext()(() => exchange.inTask(() => exchange.handle()));
  }

  #isTooLarge(incoming: IncomingMessage): boolean {
    if (incoming.method === 'GET' || incoming.method === 'HEAD') return false;
    const length = incoming.headers['content-length'];
    return length !== undefined && Number(length) > this.maxBodySize;
  }

  /** The task of a request has ended. */
  ended(exchange: RequestExchange): void {
    this.handling--;
    this.#end(exchange);
    for (const next of this.line) {
      if (this.handling >= this.#concurrency) break;
      this.line.delete(next);
      this.handling++;
      this.#inContext(() => next.begin()); // this is the context of another request
    }
  }

  /** A request ends before its task began. */
  leaveLine(exchange: RequestExchange): void {
    if (!this.line.delete(exchange)) return;
    exchange.answer(503);
    this.#end(exchange);
  }

  #end(exchange: RequestExchange): void {
    const { client } = exchange;
    client.ended(exchange);
    if (this.#isTimed) this.reports.ended(exchange);
    if (client.exchanges.size > 0) return;
    if (client.gone) {
      if (client.connection !== undefined) this.server?.finished(client.connection);
    } else if (this.isEnding) client.end();
  }

  // ---- the end -------------------------------------------------------------------------------------------------

  onShutdown(fn: (order: EndOrder) => void): Disposable {
    if (this.#order !== undefined) {
      fn(this.#order);
      return disposable(() => undefined);
    }
    const hook = (order: EndOrder): void => fn(order); // one function may be passed twice
    this.#hooks.add(hook);
    return disposable(() => this.#hooks.delete(hook));
  }

  /**
   * A shutdown begins. Streams of events and WebSockets, which have no end of their own, end at once;
   * at a reload, when the grace is over: then `cancel` comes.
   */
  beginEnd(order: EndOrder): void {
    if (order.reason.kind !== 'reload') this.#endStreams(order);
    if (this.isEnding) return;
    this.isEnding = true;
    for (const connection of this.server?.connections ?? []) {
      const client = clientOf(connection);
      client?.session?.close(); // sends GOAWAY, and finishes
      for (const exchange of client?.exchanges ?? []) exchange.maybeClose();
    }
  }

  #endStreams(order: EndOrder): void {
    if (this.#order !== undefined) return;
    this.#order = order;
    for (const hook of this.#hooks) hook(order);
    this.#hooks.clear();
  }

  /** No connection is left. */
  close(): void {
    this.#http.close();
    this.#http2?.close();
    this.reports.end();
  }

  // ---- trust ---------------------------------------------------------------------------------------------------

  get trustsAny(): boolean {
    return this.#trust !== undefined;
  }

  trusts(peer: Address | undefined): boolean {
    if (this.#trust === undefined || peer === undefined) return false;
    if ('path' in peer) return this.#trust.trustsUnix;
    return this.#trust.list.check(peer.address, peer.family === 'IPv4' ? 'ipv4' : 'ipv6');
  }
}

/** A socket or a connection with its client. */
interface Noted {
  [CLIENT]?: Client;
}

/** In the context of the server, which ends with the call. */
function callInTask(exchange: RequestExchange): unknown {
  host.carrier.enter?.(exchange.task);
  return exchange.handle();
}

function clientOf(of: Socket | Connection): Client | undefined {
  return (of as Noted)[CLIENT];
}
