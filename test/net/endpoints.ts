// DatagramEndpoints for tests: opened for a body, gone after it.
import { createDatagramEndpoint, type DatagramEndpoint, type DatagramOptions } from 'maitre';
import { HOST, isDeno } from './sockets.js';

export const local = { host: HOST };

/** Runs `body` with endpoints, which are gone afterwards. */
export async function withEndpoints<const O extends readonly DatagramOptions[]>(
  options: O,
  body: (...endpoints: { -readonly [K in keyof O]: DatagramEndpoint }) => Promise<void>,
): Promise<void> {
  const endpoints: DatagramEndpoint[] = [];
  try {
    for (const each of options) endpoints.push(await createDatagramEndpoint(each));
    await body(...(endpoints as { -readonly [K in keyof O]: DatagramEndpoint })); // one for each
  } finally {
    for (const endpoint of endpoints) await endpoint[Symbol.asyncDispose]();
  }
}

/** A server and a client connected to it. */
export async function withPair(
  body: (server: DatagramEndpoint, client: DatagramEndpoint) => Promise<void>,
  options: DatagramOptions = {},
): Promise<void> {
  await withEndpoints([{ local, ...options }], async (server) => {
    // Deno leaves the connected end's address at 0.0.0.0 when it is not given.
    const remote = { host: HOST, port: server.address.port };
    await withEndpoints([isDeno ? { local, remote } : { remote }], (client) => body(server, client));
  });
}
