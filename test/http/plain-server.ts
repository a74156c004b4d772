// A server of node:http alone, for what a client has to bear: answers, stalls, resets, half bodies.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { nextTurn } from '../support/test.js';

export type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Waits until something is so, turn by turn. The timeout of the test bounds it. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await nextTurn();
}

/** What it does is what `answer` does at each path. It counts what it sees. */
export class PlainServer implements AsyncDisposable {
  readonly #server: Server;
  readonly sockets: Set<Socket> = new Set();
  /** The most connections that were open at once. */
  mostSockets = 0;
  /** The requests whose response is not sent to its end. */
  readonly open: Set<IncomingMessage> = new Set();
  mostOpen = 0;
  /** The paths of all requests, in the order of their coming. */
  readonly seen: string[] = [];
  /** How many requests lost their client before the response was sent. */
  left = 0;

  private constructor(answer: Answer) {
    this.#server = createServer((request, response) => {
      this.seen.push(request.url ?? '');
      this.open.add(request);
      this.mostOpen = Math.max(this.mostOpen, this.open.size);
      response.on('close', () => {
        this.open.delete(request);
        if (!response.writableFinished) this.left++;
      });
      answer(request, response);
    });
    this.#server.on('connection', (socket) => {
      this.sockets.add(socket);
      this.mostSockets = Math.max(this.mostSockets, this.sockets.size);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => undefined);
    });
  }

  static async start(answer: Answer): Promise<PlainServer> {
    const server = new PlainServer(answer);
    await new Promise<void>((resolve) => void server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get origin(): string {
    const { port } = this.#server.address() as AddressInfo; // it listens on a port
    return `http://127.0.0.1:${port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => void this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
    await until(() => this.sockets.size === 0);
  }
}

/** Answers by path. */
export function paths(table: Readonly<Record<string, Answer>>): Answer {
  return (request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname;
    const answer = table[path];
    if (answer === undefined) response.writeHead(404).end('nothing here');
    else answer(request, response);
  };
}

/** Sends a text. */
export const say =
  (text: string, status = 200, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(status, headers).end(text);

/** Never answers. */
export const stall: Answer = () => undefined;

/** Sends the headers and half of a body of 10 bytes, and then nothing. */
export const half: Answer = (_request, response) => {
  response.writeHead(200, { 'content-length': '10' });
  response.write('12345');
};

/** Closes the connection without a word. */
export const reset: Answer = (request) => void request.socket.resetAndDestroy();

/** Sends half of the body, and closes the connection. */
export const halfReset: Answer = (request, response) => {
  response.writeHead(200, { 'content-length': '10' });
  response.write('12345', () => request.socket.destroy());
};
