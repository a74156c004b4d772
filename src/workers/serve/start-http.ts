// Serves an app over HTTP for `maitre serve`: a `request` event for each request, an `error` event for
// each that failed. The library's part on HTTP is loaded only for such a FILE.
import { inspect } from 'node:util';
import { describe } from '../../base/index.ts';
import type { FetchHandler, HttpApp } from '../../http/index.ts';
import type { Server, ServerOptions } from '../../net/index.ts';
import type { ServeListener } from './serve-events.ts';

/** What FILE can export to be served over HTTP. A function alone is a handler of connections. */
export type ServedApp = Exclude<HttpApp, FetchHandler>;

/** Whether the default export of a FILE is served over HTTP: see `serveHttp` for what it takes. */
export function isHttpApp(value: unknown): value is ServedApp {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return false;
  const { fetch, listener, routing, engine } = value as Partial<Record<string, unknown>>;
  return [fetch, listener, routing, engine].some((member) => typeof member === 'function');
}

/** @throws the errors of serveHttp */
export async function startHttp(app: ServedApp, server: ServerOptions, emit: ServeListener): Promise<Server> {
  const { serveHttp } = await import('../../http/index.ts');
  return serveHttp(app, {
    ...server,
    onError: (error, { connection, peer, method, target }) =>
      emit({ event: 'error', id: connection?.id ?? 0, peer, request: `${method} ${target}`, error: textOf(error) }),
    log: ({ at: _at, ...entry }) => emit({ event: 'request', ...entry }),
  });
}

function textOf(error: unknown): string {
  try {
    return typeof error === 'string' ? error : inspect(error);
  } catch {
    return describe(error); // a value that cannot be inspected
  }
}
