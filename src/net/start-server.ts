import { callback } from '../base/index.ts';
import { waiting } from '../core/index.ts';
import { Server, type Handler } from './server.ts';
import { checkServerOptions, type ServerOptions } from './server-options.ts';

/**
 * Listens, and runs `handler` as a task of its own for every client. A handler's end is its connection's end: a return
 * sends what is written and closes, a throw is reported (`onError`, else the exception handler) and closes, a cancel
 * closes. One client's error touches nobody else. asyncio: `start_server`, `start_unix_server`.
 * @returns the server, which listens already, unless `startServing` is false
 * @throws TypeError or RangeError for wrong options; the system's error when it cannot listen (EADDRINUSE, EACCES, ...)
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
    server.close(); // cancelled while it was beginning to listen
    throw error;
  }
}
