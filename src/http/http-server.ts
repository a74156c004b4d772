import { currentProgram } from '../core/index.ts';
import {
  type Connection,
  endOrder,
  Server,
  type ServerOptions,
  type ServerStatistics,
  type ShutdownOptions,
  type ShutdownReport,
} from '../net/index.ts';
import type { App } from './app.ts';
import type { HttpOptions } from './http-options.ts';
import type { loadHttp2 } from './http2.ts';
import { HttpSite } from './http-site.ts';

type MakeHttp2 = Awaited<ReturnType<typeof loadHttp2>>;

/** What `server.statistics()` returns: the figures of a server, and of its requests. */
export interface HttpStatistics extends ServerStatistics {
  /** Requests that came, with those that were refused. */
  readonly requests: number;
  /** Requests whose handlers run. */
  readonly handling: number;
  /** Requests that wait for one of the `concurrency` places. */
  readonly inLine: number;
  /** Handlers that threw. */
  readonly failed: number;
  /** Handlers that were cancelled because their client left. */
  readonly disconnected: number;
  /** Requests that took longer than `timeout`. */
  readonly timedOut: number;
  /** Clients that sent something that is no request, or took too long with it. */
  readonly malformed: number;
}

/**
 * A server that `serveHttp` made. It has everything that a Server has: `port`, `connections`,
 * `shutdown`, `serveForever`. Disposing it runs `shutdown`.
 *
 * @example
 * ```ts
 * import { serveHttp } from 'maitre/http';
 * await using server = await serveHttp(() => new Response('hi'), { host: '127.0.0.1' });
 * console.log(server.port, server.statistics().requests); // ... 0
 * ```
 */
export class HttpServer extends Server {
  readonly #site: HttpSite;

  /** For serveHttp. @internal */
  static makeHttp(app: App, options: HttpOptions, forServer: ServerOptions, makeHttp2: MakeHttp2): HttpServer {
    return new HttpServer(app, options, forServer, makeHttp2);
  }

  private constructor(app: App, options: HttpOptions, forServer: ServerOptions, makeHttp2: MakeHttp2) {
    const site = new HttpSite(app, options, makeHttp2, currentProgram());
    super(() => undefined, { ...forServer, concurrency: undefined }, undefined, site);
    site.server = this;
    this.#site = site;
  }

  override statistics(): HttpStatistics {
    const { counts, handling, line } = this.#site;
    return { ...super.statistics(), ...counts, handling, inLine: line.size };
  }

  /**
   * Ends the server in bounded time, as every server, and its requests in good order. Answers under
   * way are finished, with `Connection: close` (over HTTP/2, with GOAWAY). Connections between two
   * requests end at once. Requests that still run after `grace` milliseconds are cancelled.
   * Cancellable: a cancelled shutdown cancels all requests and aborts all connections at once.
   * @throws RangeError or TypeError for wrong options; CancelledError
   *
   * @example
   * ```ts
   * import { serveHttp } from 'maitre/http';
   * const server = await serveHttp(() => new Response('hi'), { host: '127.0.0.1' });
   * console.log(await server.shutdown({ grace: 1000 }));
   * ```
   */
  override shutdown(options?: ShutdownOptions): Promise<ShutdownReport> {
    this.#site.beginEnd(endOrder(options?.reason ?? 'shutdown', this));
    return super.shutdown(options);
  }

  /** The requests of a connection have ended. @internal */
  finished(connection: Connection): void {
    this.worked(connection);
  }

  protected override markClosed(): void {
    super.markClosed();
    this.#site.close();
  }
}
