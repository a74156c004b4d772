// What the tests of net are made of: servers on free ports, clients that know nothing of maitre, folders for Unix sockets.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type NetConnectOpts, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, type Handler, openConnection, type Server, type ServerOptions, startServer } from 'maitre';

export const HOST = '127.0.0.1';
export const isBun = 'Bun' in globalThis;
export const isDeno = 'Deno' in globalThis;
export const isNode = !isBun && !isDeno;

/** The port of a TCP server's first address. */
export function portOf(server: Server): number {
  const [first] = server.addresses;
  if (first === undefined || 'path' in first) throw new Error(`${server} has no port`);
  return first.port;
}

/** Runs `body` with a server on a free port of 127.0.0.1, which is gone afterwards, however it went. */
export async function withServer<T>(
  handler: Handler,
  options: ServerOptions,
  body: (server: Server, port: number) => Promise<T>,
): Promise<T> {
  const server = await startServer(handler, { host: HOST, ...options } as ServerOptions); // no test gives a path here
  try {
    return await body(server, portOf(server));
  } finally {
    await server.shutdown({ grace: 0 });
  }
}

/** Sends every line back. */
export async function echo(...[reader, writer]: Parameters<Handler>): Promise<void> {
  for await (const line of reader) {
    writer.write(line);
    await writer.drain();
  }
}

/** Reads until the peer ends. */
export async function readAll(...[reader]: Parameters<Handler>): Promise<void> {
  await reader.read();
}

/** A client made of `node:net` alone. It half-closes only when told to, and takes everything that comes unless paused. */
export class RawClient {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  error: (Error & { code?: string }) | undefined;
  /** The peer's end was read. */
  ended = false;
  closed = false;

  /** Connects at once; `connected` says when. */
  constructor(options: NetConnectOpts | number) {
    const target = typeof options === 'number' ? { host: HOST, port: options } : options;
    this.socket = connect({ allowHalfOpen: true, ...target });
    this.socket.on('data', (chunk: Buffer) => (this.received = Buffer.concat([this.received, chunk])));
    this.socket.on('end', () => (this.ended = true));
    this.socket.on('error', (error) => (this.error = error));
    this.socket.on('close', () => (this.closed = true));
  }

  get text(): string {
    return this.received.toString();
  }

  async connected(): Promise<this> {
    await until(() => !this.socket.connecting, 'the client to connect');
    if (this.error !== undefined) throw this.error;
    return this;
  }

  /** Waits until what was received is at least this long, or ends with this text. */
  async receives(wanted: string | number): Promise<string> {
    const enough = (): boolean =>
      typeof wanted === 'number' ? this.received.length >= wanted : this.text.endsWith(wanted);
    await until(() => enough() || this.closed, `the client to receive ${JSON.stringify(wanted)}`);
    if (!enough()) throw new Error(`the client was closed after ${JSON.stringify(this.text)}`, { cause: this.error });
    return this.text;
  }

  /** Waits for the peer's end, or the end of the connection. */
  async end(): Promise<string> {
    await until(() => this.ended || this.closed, "the client to read the server's end");
    return this.text;
  }

  /** Ends this side too, and waits until all is gone. */
  async close(): Promise<void> {
    this.socket.end();
    this.socket.resume();
    await until(() => this.closed, 'the client to be closed');
  }

  /** Ends the connection with a reset. */
  reset(): void {
    this.socket.resetAndDestroy();
  }
}

/** Opens many raw clients, and closes them after `body`. */
export async function withClients<T>(
  count: number,
  port: number,
  body: (clients: RawClient[]) => Promise<T>,
): Promise<T> {
  const clients = Array.from({ length: count }, () => new RawClient(port));
  try {
    for (const client of clients) await client.connected();
    return await body(clients);
  } finally {
    for (const client of clients) client.socket.destroy();
    await until(() => clients.every((client) => client.closed), 'the clients to be closed');
  }
}

/** The two ends of one connection; its server is closed already. */
export async function connectedPair(
  listenOptions: ServerOptions,
  options: { readonly limit?: number } = {},
): Promise<[Connection, Connection]> {
  let accepted: ((connection: Connection) => void) | undefined;
  const other = new Promise<Connection>((resolve) => (accepted = resolve));
  const server = await startServer(
    (_reader, _writer, connection) => {
      connection.detach();
      accepted?.(connection);
    },
    { ...listenOptions, ...options },
  );
  const { path } = listenOptions;
  const client = await openConnection({
    ...(path === undefined ? { host: HOST, port: portOf(server) } : { path }),
    ...options,
  });
  const connection = await other;
  server.close();
  return [client, connection];
}

const RESETTER = `
import socket, struct, sys
for _ in range(int(sys.argv[2])):
    client = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
    client.sendall(sys.argv[3].encode())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    client.close()
`;

/** Connects, sends and resets while this process stands still: the server accepts clients that are gone, with what they sent. */
export function resetBeforeAccept(port: number, times: number, text: string): void {
  execFileSync('python3', ['-c', RESETTER, String(port), String(times), text]);
}

/** A port of 127.0.0.1 that was free a moment ago, for programs that cannot say which one the system chose. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await until(() => server.listening);
  const { port } = server.address() as { port: number }; // it listens on TCP
  server.close();
  await until(() => !server.listening);
  return port;
}

/** Polls until `fact` holds; throws after 10 s. */
export async function until(fact: () => boolean, what = 'a fact', ms = 10_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!fact()) {
    if (performance.now() > deadline) throw new Error(`Waited ${ms} ms for ${what}`);
    await pause(2);
  }
}

/** Real milliseconds, without maitre. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

/** Rejects when `work` takes longer than `ms`; otherwise says how long it took. */
export async function within(ms: number, work: PromiseLike<unknown>): Promise<number> {
  const began = performance.now();
  await work;
  const took = performance.now() - began;
  if (took > ms) throw new Error(`it took ${took.toFixed(0)} ms, more than ${ms}`);
  return took;
}

/** A folder for the paths of one test. */
export function temporaryFolder(): Disposable & { readonly folder: string; at(name: string): string } {
  const folder = mkdtempSync(join(tmpdir(), 'maitre-'));
  return {
    folder,
    at: (name) => join(folder, name),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
