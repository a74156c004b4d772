// What the tests of WebSockets are made of: a server whose requests are upgraded, clients of ws, and clients that are a
// socket and know the frames.
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { CancelledError, createTask } from 'maitre';
import type { WebSocketHandler, WebSocketOptions } from 'maitre/http';
import { WebSocket as Client, type ClientOptions } from 'ws';
import type { Exchange } from '#src/http/exchange.js';
import { type EndOrder, endOrder } from '#src/net/index.js';
import { upgradeExchange } from '#src/http/web-socket-upgrade.js';
import { HOST, until } from '../net/sockets.js';

export interface SocketServer {
  readonly port: number;
  readonly url: string;
  /** What the app answered to the requests that it did not upgrade. */
  readonly answers: Response[];
  /** What the app threw. */
  readonly thrown: unknown[];
  /** As a server does when its shutdown begins. */
  readonly beginShutdown: () => void;
}

/** Runs `body` with a server of node:http alone whose upgrades go to `app`. */
export async function withApp(
  app: (request: Request, exchange: Exchange) => Response,
  body: (server: SocketServer) => Promise<void>,
): Promise<void> {
  const answers: Response[] = [];
  const thrown: unknown[] = [];
  const stops = new Set<(order: EndOrder) => void>();
  const sockets = new Set<Socket>();
  const server = createServer((_, response) => response.end('plain'));
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('upgrade', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    const request = new Request(`http://${incoming.headers.host}${incoming.url}`);
    let work: (() => unknown) | undefined;
    const task = createTask(
      async () => {
        try {
          const response = app(request, exchange as unknown as Exchange); // as much of one as is used
          if (work !== undefined) {
            await work();
            return;
          }
          answers.push(response);
        } catch (error) {
          if (error instanceof CancelledError) throw error;
          thrown.push(error);
        }
        socket.end('HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n');
      },
      { name: `${incoming.method} ${incoming.url}` },
    );
    const exchange = {
      incoming,
      task,
      connection: undefined,
      upgrade: { socket, head },
      hijack: (hijacker: () => unknown) => void (work = hijacker),
      onShutdown: (fn: () => void) => {
        stops.add(fn);
        return { [Symbol.dispose]: () => void stops.delete(fn) };
      },
    };
  });
  await new Promise<void>((resolve) => void server.listen(0, HOST, resolve));
  const { port } = server.address() as { port: number };
  const url = `ws://${HOST}:${port}`;
  try {
    await body({
      port,
      url,
      answers,
      thrown,
      beginShutdown: () => stops.forEach((stop) => stop(endOrder('shutdown', server))),
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
    await until(() => sockets.size === 0, 'the sockets of the server to close');
  }
}

/** `withApp` for one handler. */
export function withHandler(
  handler: WebSocketHandler,
  options: WebSocketOptions,
  body: (server: SocketServer) => Promise<void>,
): Promise<void> {
  return withApp((request, exchange) => upgradeExchange(exchange, request, handler, options), body);
}

/** A client of ws that keeps what came. */
export class WsClient {
  readonly ws: Client;
  readonly messages: (string | Buffer)[] = [];
  pings = 0;
  code: number | undefined;
  reason: string | undefined;
  error: Error | undefined;

  constructor(url: string, options: ClientOptions = {}, protocols: string[] = []) {
    this.ws = new Client(url, protocols, { perMessageDeflate: false, ...options });
    this.ws.on('message', (data: Buffer, isBinary: boolean) => this.messages.push(isBinary ? data : String(data)));
    this.ws.on('ping', () => this.pings++);
    this.ws.on('error', (error) => (this.error = error));
    this.ws.on('close', (code, reason) => {
      this.code = code;
      this.reason = String(reason);
    });
  }

  static async open(url: string, options: ClientOptions = {}, protocols: string[] = []): Promise<WsClient> {
    const client = new WsClient(url, options, protocols);
    await until(() => client.ws.readyState !== Client.CONNECTING, 'the client to be upgraded');
    if (client.error !== undefined) throw client.error;
    return client;
  }

  async receives(count: number): Promise<(string | Buffer)[]> {
    await until(() => this.messages.length >= count, `${count} messages, not ${this.messages.length}`);
    return this.messages;
  }

  async closes(): Promise<number> {
    await until(() => this.code !== undefined, 'the client to be closed');
    return this.code as number;
  }
}

/** A socket that asked to upgrade and speaks frames by hand. It reads only what it is told to. */
export class RawWsClient {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  error: Error | undefined;
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', (error) => (this.error = error));
    socket.on('close', () => (this.closed = true));
  }

  /** Upgrades, and stops reading. `frames` go with the head. */
  static open(port: number, path = '/', more = '', frames: Buffer = Buffer.alloc(0)): Promise<RawWsClient> {
    return RawWsClient.ask(
      port,
      `GET ${path} HTTP/1.1\r\nHost: ${HOST}:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n${more}\r\n`,
      frames,
    );
  }

  /** Sends a head, waits for that of the answer, and stops reading. */
  static async ask(port: number, head: string, frames: Buffer = Buffer.alloc(0)): Promise<RawWsClient> {
    const socket = connect({ host: HOST, port });
    const client = new RawWsClient(socket);
    const keep = (chunk: Buffer): void => {
      if (client.#received.length < 100_000) client.#received = Buffer.concat([client.#received, chunk]);
    };
    socket.on('data', keep);
    socket.write(Buffer.concat([Buffer.from(head), frames]));
    await until(() => client.#received.includes('\r\n\r\n') || client.closed, 'the answer to the upgrade');
    const end = client.#received.indexOf('\r\n\r\n');
    client.head = client.#received.subarray(0, end).toString();
    client.#received = client.#received.subarray(end + 4);
    socket.pause();
    return client;
  }

  /** The head of the answer. */
  head = '';

  /** The beginning of what came after the head and was read. */
  get received(): Buffer {
    return this.#received;
  }

  /** Sends a frame, masked as a client must. */
  frame(opcode: number, payload: string | Buffer = '', fin = true): void {
    this.socket.write(frameOf(opcode, payload, fin));
  }

  async closes(): Promise<void> {
    this.socket.resume();
    await until(() => this.closed, 'the raw client to be closed');
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** A frame of a client. */
export function frameOf(opcode: number, payload: string | Buffer = '', fin = true): Buffer {
  const data = Buffer.from(payload as string);
  const { length } = data;
  const head =
    length < 126
      ? Buffer.from([0, 0x80 | length])
      : length < 65_536
        ? Buffer.from([0, 0x80 | 126, length >> 8, length & 255])
        : Buffer.from([
            0,
            0x80 | 127,
            0,
            0,
            0,
            0,
            length >>> 24,
            (length >> 16) & 255,
            (length >> 8) & 255,
            length & 255,
          ]);
  head[0] = (fin ? 0x80 : 0) | opcode;
  return Buffer.concat([head, Buffer.alloc(4), data]); // a mask of zeros leaves the data as it is
}
