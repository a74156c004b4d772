// webSocket(): turns a request into a WebSocket, and runs its handler in the task of the request.
//
// What is wrong with a request is answered over HTTP, as any request. The client is upgraded once the
// app has returned: what an app throws after webSocket() can still be answered. From then on the
// handler has the connection, and its end, however it comes, closes the WebSocket.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { callback } from '../base/index.ts';
import { callLater, callSoon, CancelledError, type Handle, InvalidStateError, reportException } from '../core/index.ts';
import { isConnectionLost, toAddress } from '../net/index.ts';
import { type Exchange, type Upgrade, upgradeOf } from './exchange.ts';
import { WebSocket } from './web-socket.ts';
import { checkWebSocketOptions, type WebSocketOptions } from './web-socket-options.ts';
import { type Upgrader, upgrader, type UpgradeOptions } from './web-socket-package.ts';

/** Speaks with one client. Its end closes the WebSocket. */
export type WebSocketHandler = (socket: WebSocket, request: Request) => unknown;

const ACTION = 'upgrade to WebSocket';

/**
 * Accepts the WebSocket that a client asks for. Return the Response from the handler of the request:
 * then the client is upgraded, and `handler` runs in the task of the request. A request that is no
 * WebSocket, or comes from a page that may not connect, gets a Response that says so (400, 403, 405,
 * 426), and `handler` is not called.
 *
 * - When the handler returns, the WebSocket is closed with 1000. When it throws, with 1011, and the
 *   error is reported. When it is cancelled, with 1001.
 * - When the client closes, iteration ends, and `send` and `receive` reject with
 *   ConnectionLostError. When the client is lost, iteration throws that too. A handler that does not
 *   end then is cancelled after `leaveGrace`.
 * - A shutdown of the server cancels the handler at once; a reload, once the grace is over.
 *
 * Needs `serveHttp`, HTTP/1 and the package ws. It does not speak WebSocket over HTTP/2.
 * @param request the request as `serveHttp` passed it on; in Hono, `c.req.raw`. A copy will do in the task
 * of the request
 * @throws Error with code ERR_MODULE_NOT_FOUND if ws is not installed; TypeError for a request of
 * another server, and for wrong options; RangeError; InvalidStateError for a request that was
 * upgraded before
 *
 * @example
 * ```ts
 * import { Hono } from 'hono';
 * import { webSocket } from 'maitre/http';
 * const app = new Hono();
 * app.get('/echo', (c) =>
 *   webSocket(c.req.raw, async (socket) => {
 *     for await (const message of socket) await socket.send(`you said ${message}`);
 *   }),
 * );
 * console.log(app.routes.length); // await serveHttp(app, { port: 8080 })
 * ```
 */
export function webSocket(request: Request, handler: WebSocketHandler, options: WebSocketOptions = {}): Response {
  callback(ACTION, '', handler);
  checkWebSocketOptions(options);
  const exchange = upgradeOf(request);
  if (exchange === undefined) {
    throw new TypeError(
      `Cannot ${ACTION}: expected a request of serveHttp, got another one; in Hono, pass c.req.raw, not a copy of it`,
    );
  }
  return upgradeExchange(exchange, request, handler, options);
}

/** `webSocket` for what stands behind the request. */
export function upgradeExchange(
  exchange: Exchange,
  request: Request,
  handler: WebSocketHandler,
  options: WebSocketOptions,
): Response {
  const server = upgrader(upgradeOptions(options));
  const refusal = refuse(exchange.incoming, request, options);
  if (refusal !== undefined) return refusal;
  const { upgrade } = exchange;
  if (upgrade === undefined || taken.has(exchange)) {
    throw new InvalidStateError(`Cannot ${ACTION}: this request was upgraded before`);
  }
  taken.add(exchange);
  const session = new Session(exchange, handler, request, options);
  exchange.hijack(() => session.run(server, upgrade));
  return new Response(null);
}

/** The requests that were upgraded, or will be once their handler has returned. */
const taken = new WeakSet<Exchange>();

/** One handler with its WebSocket, in the task of the request. */
class Session {
  readonly #exchange: Exchange;
  readonly #handler: WebSocketHandler;
  readonly #request: Request;
  readonly #options: WebSocketOptions;
  /** Cancels the handler when the client has left. Undefined before. */
  #leaving: Handle | undefined = undefined;
  #ended = false;

  constructor(exchange: Exchange, handler: WebSocketHandler, request: Request, options: WebSocketOptions) {
    this.#exchange = exchange;
    this.#handler = handler;
    this.#request = request;
    this.#options = options;
  }

  async run(server: Upgrader, upgrade: Upgrade): Promise<void> {
    const socket = this.#upgrade(server, upgrade);
    if (socket === undefined) return;
    const { task } = this.#exchange;
    socket.serveWith(task);
    using _ = this.#exchange.onShutdown(({ message, reason }) => void task.cancelFor(message, reason));
    let code = 1000;
    try {
      await this.#handler(socket, this.#request);
    } catch (error) {
      if (error instanceof CancelledError && task.cancelling() > 0) {
        code = 1001;
        throw error;
      }
      code = 1011;
      if (!(socket.closed && isConnectionLost(error))) this.#report(error, socket);
    } finally {
      this.#ended = true;
      this.#leaving?.cancel();
      await socket.close(code);
    }
  }

  /** Returns undefined for a client that is gone, or whose list of protocols is none: ws has answered. */
  #upgrade(server: Upgrader, { socket: duplex, head }: Upgrade): WebSocket | undefined {
    const { incoming, connection } = this.#exchange;
    server.on('headers', (lines) => {
      for (const [name, value] of Object.entries(this.#options.headers ?? {})) lines.push(`${name}: ${value}`);
    });
    let fault: Error | undefined;
    duplex.once('error', (error: Error) => (fault = error));
    let socket: WebSocket | undefined;
    server.handleUpgrade(incoming, duplex, head, (port) => {
      const peer = connection?.peer ?? peerOf(incoming);
      const onLeave = (): void => this.#clientLeft(socket as WebSocket); // it is made before it can be left
      socket = WebSocket.make(port, { peer, parent: connection, fault: () => fault, onLeave }, this.#options);
    });
    return socket;
  }

  /** Gives the handler time to end by itself, if it has a way to notice that the client left. */
  #clientLeft(socket: WebSocket): void {
    if (this.#ended) return;
    const { leaveGrace } = this.#options;
    const cancel = (): void => {
      const message = `Cancelled: the client of ${socket.label} has left, code ${socket.closeCode}`;
      this.#exchange.task.cancelFor(message, { kind: 'disconnect', by: socket });
    };
    // In the next turn: by then the sends that waited have been refused, and the handler may have ended.
    this.#leaving = callSoon(() => {
      const grace = leaveGrace ?? (socket.isNoticed ? 5000 : 0);
      if (grace === 0) cancel();
      else if (grace !== Infinity) this.#leaving = callLater(grace, cancel);
    });
  }

  #report(error: unknown, socket: WebSocket): void {
    const message = `The handler of ${socket.label} failed`;
    const { task } = this.#exchange;
    const { onError } = this.#options;
    if (onError === undefined) return reportException({ message, error, task });
    try {
      onError(error, socket);
    } catch (thrown) {
      reportException({ message, error, task });
      reportException({ message: `onError of ${socket.label} failed`, error: thrown, task });
    }
  }
}

function upgradeOptions(options: WebSocketOptions): UpgradeOptions {
  const { maxMessage = 1_048_576, closeTimeout = 5000, compression = false, protocols = [] } = options;
  const handleProtocols: UpgradeOptions['handleProtocols'] = (offered) =>
    protocols.find((each) => offered.has(each)) ?? false;
  return { maxPayload: maxMessage, perMessageDeflate: compression, closeTimeout, handleProtocols };
}

function peerOf(incoming: IncomingMessage): ReturnType<typeof toAddress> {
  const { remoteAddress, remotePort } = incoming.socket as Partial<Socket>; // some runtimes have a stand-in
  return toAddress(remoteAddress, remotePort);
}

/** Returns the answer to a request that is no WebSocket, or one that may not be; undefined if it may. */
function refuse(incoming: IncomingMessage, request: Request, options: WebSocketOptions): Response | undefined {
  const { headers } = incoming;
  const say = (status: number, text: string, more: Record<string, string> = {}): Response =>
    new Response(`${text}\n`, { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...more } });
  if (incoming.httpVersionMajor !== 1) return say(426, 'This is a WebSocket. It needs HTTP/1.1.');
  if (headers.upgrade?.toLowerCase() !== 'websocket') {
    return say(426, 'This is a WebSocket.', { upgrade: 'websocket', connection: 'upgrade' });
  }
  if (incoming.method !== 'GET') return say(405, 'A WebSocket begins with GET.', { allow: 'GET' });
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')) {
    return say(400, 'The header Sec-WebSocket-Key is missing or wrong.');
  }
  if (!/^(?:8|13)$/.test(headers['sec-websocket-version'] ?? '')) {
    return say(426, 'Only version 13 of WebSocket is spoken here.', { 'sec-websocket-version': '13' });
  }
  const origin = headers.origin;
  if (origin === undefined || isAllowed(origin, request, options.origins)) return undefined;
  return say(
    403,
    "This page may not connect. Allow its origin with the option origins, as in origins: ['https://shop.example'].",
  );
}

function isAllowed(origin: string, request: Request, origins: WebSocketOptions['origins'] = 'same'): boolean {
  if (origins === 'any') return true;
  if (origins !== 'same') return origins.includes(origin);
  return URL.canParse(origin) && new URL(origin).host === new URL(request.url).host;
}
