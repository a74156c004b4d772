// What the tests of HTTP are made of: servers on free ports, and requests as bytes.
import { type HttpApp, type HttpOptions, type HttpServer, serveHttp } from 'maitre/http';
import { seeded } from '../support/seeded.js';
import { HOST, RawClient, until } from '../net/sockets.js';

/** Runs `body` with a server on a free port, which is gone afterwards, however it went. */
export async function withHttp<T>(
  app: HttpApp,
  options: HttpOptions,
  body: (server: HttpServer, client: () => Promise<RawClient>) => Promise<T>,
): Promise<T> {
  const server = await serveHttp(app, { host: HOST, ...options });
  const { port } = server;
  const clients: RawClient[] = [];
  const connect = async (): Promise<RawClient> => {
    const client = new RawClient(port);
    clients.push(client);
    return client.connected();
  };
  try {
    return await body(server, connect);
  } finally {
    for (const client of clients) client.socket.destroy();
    await until(() => clients.every((client) => client.closed), 'the clients to be closed');
    await server.shutdown({ grace: 0 });
  }
}

/** A request without a body, as text. */
export function get(target: string, ...headers: string[]): string {
  return [`GET ${target} HTTP/1.1`, 'Host: here', ...headers, '', ''].join('\r\n');
}

/** A request with a body of known length, or as much of it as is given. */
export function post(target: string, body: string, length = body.length, ...headers: string[]): string {
  return [`POST ${target} HTTP/1.1`, 'Host: here', `Content-Length: ${length}`, ...headers, '', body].join('\r\n');
}

/** A gate that handlers wait at, without maitre: it opens for all, once. */
export function latch(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** Random numbers and choices. */
export interface Random {
  /** A whole number, both ends included. */
  int(least: number, most: number): number;
  pick<T>(from: readonly T[]): T;
}

/** Runs a body with random numbers, whose seed is in the error when it fails. MAITRE_FUZZ_SEED replays it. */
export async function withSeed(body: (random: Random) => Promise<void>): Promise<void> {
  const seed = Number(process.env['MAITRE_FUZZ_SEED'] ?? Math.trunc(Math.random() * 2 ** 31));
  const next = seeded(seed);
  const int = (least: number, most: number): number => least + Math.trunc(next() * (most - least + 1));
  const pick = <T>(from: readonly T[]): T => from[int(0, from.length - 1)] as T; // never an empty list
  try {
    await body({ int, pick });
  } catch (error) {
    throw new Error(`MAITRE_FUZZ_SEED=${seed}`, { cause: error });
  }
}
