import { waiting } from '../core/index.ts';
import { type App, appOf, type HttpApp } from './app.ts';
import { overrideGlobals } from './globals.ts';
import { loadHttp2, offered } from './http2.ts';
import { checkHttpOptions, type HttpOptions } from './http-options.ts';
import { HttpServer } from './http-server.ts';

/**
 * Listens, and serves `app` over HTTP. Resolves once it listens. Every request is a task, named by
 * its method and path. A client that leaves cancels its handler.
 *
 * A handler that throws answers with 500, and the error is reported (to `onError`, or else the
 * exception handler). One that throws after its head was sent ends the response visibly incomplete.
 * Cancellable: it then listens on nothing.
 * @param app a fetch handler, an object with one (Hono), an Express or Fastify app, or `{ listener }`
 * @param options where to listen, and the limits; durations are milliseconds, sizes bytes
 * @returns the server. It listens already, unless `startServing` is false
 * @throws TypeError or RangeError for wrong options; the system's error when it cannot listen;
 * CancelledError
 *
 * @example
 * ```ts
 * import { run, sleep } from 'maitre';
 * import { serveHttp } from 'maitre/http';
 * await run(async () => {
 *   await using server = await serveHttp(
 *     async (request) => {
 *       await sleep(10); // cancelled when the client leaves
 *       return new Response(`You asked for ${new URL(request.url).pathname}\n`);
 *     },
 *     { host: '127.0.0.1', port: 8080 },
 *   );
 *   await server.serveForever();
 * });
 * ```
 */
export function serveHttp(app: HttpApp, options: HttpOptions = {}): Promise<HttpServer> {
  return waiting(start(app, options));
}

async function start(given: HttpApp, options: HttpOptions): Promise<HttpServer> {
  const forServer = checkHttpOptions(options);
  const app: App = await appOf(given);
  if (app.answers && options.overrideGlobals !== false) overrideGlobals();
  const tls = offered(options);
  const http2 = await loadHttp2(options);
  const server = HttpServer.makeHttp(app, options, { ...forServer, ...(tls === undefined ? {} : { tls }) }, http2);
  if (options.startServing === false) return server;
  try {
    await server.startServing();
    return server;
  } catch (error) {
    server.close(); // it could not listen, or was cancelled meanwhile
    throw error;
  }
}
