import { callback } from '../base/index.ts';
import { waiting } from '../core/index.ts';
import { Server, type Handler } from './server.ts';
import { checkServerOptions } from './server-options.ts';
import type { ServerOptions } from './serving-options.ts';

/**
 * Listens, and runs `handler` as a task of its own for every client. Resolves once it listens.
 *
 * The connection ends when its handler ends. A return sends what was written and closes. A throw is
 * reported (to `onError`, or else the exception handler) and closes. A cancel closes. One client's
 * error does not affect the others. Cancellable: it then listens on nothing. asyncio:
 * `start_server`, `start_unix_server`.
 * @param handler called with the reader, the writer and the connection of each client
 * @param options where to listen, and the limits; durations are milliseconds, sizes bytes
 * @returns the server. It listens already, unless `startServing` is false
 * @throws TypeError or RangeError for wrong options; the system's error when it cannot listen
 * (EADDRINUSE, EACCES, ...); CancelledError
 *
 * @example
 * ```ts
 * import { run, startServer } from 'maitre';
 * await run(async () => {
 *   await using server = await startServer(
 *     async (reader, writer) => {
 *       for await (const line of reader) {
 *         writer.write(line);
 *         await writer.drain();
 *       }
 *     },
 *     { host: '127.0.0.1', port: 8002 },
 *   );
 *   await server.serveForever();
 * });
 * ```
 */
export function startServer(handler: Handler, options: ServerOptions = {}): Promise<Server> {
  return waiting(start(handler, options));
}

async function start(handler: Handler, options: ServerOptions): Promise<Server> {
  callback('start server', 'the handler', handler);
  checkServerOptions(options);
  const server = Server.make(handler, options);
  if (options.startServing === false) return server;
  try {
    await server.startServing();
    return server;
  } catch (error) {
    server.close(); // it could not listen, or was cancelled meanwhile
    throw error;
  }
}
