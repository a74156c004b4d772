// What a handler can know of a request beyond the Request, and what it can say about it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { InvalidStateError, type TaskRecord } from '../core/index.ts';
import type { Address, Connection } from '../net/index.ts';
import { AppRequest } from './app-request.ts';

/** What `requestInfo` returns. */
export interface HttpRequestInfo {
  /**
   * Names the request in logs. It is the X-Request-Id of a trusted proxy; else it is made when it is
   * first read.
   */
  readonly id: string;
  readonly method: string;
  /** The path and the query, as the client sent them. */
  readonly target: string;
  /** `1.1`, `1.0` or `2.0`. */
  readonly httpVersion: string;
  /** The client's address: from the headers of trusted proxies, else that of the connection. */
  readonly peer: Address | undefined;
  /** `https` if the client, or the trusted proxy before it, spoke TLS. */
  readonly scheme: 'http' | 'https';
  /** The name and port that the client asked for: the Host header, or what a trusted proxy says. */
  readonly host: string;
  /** The connection. Undefined where the runtime hides it (Bun, Deno). */
  readonly connection: Connection | undefined;
  /** The task that serves the request. */
  readonly task: TaskRecord;
  /** The request as node:http has it. */
  readonly incoming: IncomingMessage;
  /** The answer as node:http has it. */
  readonly outgoing: ServerResponse;
  /** Whether the client has left before it had its answer. */
  readonly gone: boolean;
  /**
   * Lets the handler run to its end even when the client leaves, or with false cancels it then.
   * Overrides `cancelOnDisconnect` for this request.
   */
  keepRunning(on?: boolean): void;
}

/** Requests of node:http that a server handles. */
const byMessage = new WeakMap<object, HttpRequestInfo>();

/** Lets requestInfo find the request of a node listener. */
export function noteMessage(incoming: IncomingMessage, info: HttpRequestInfo): void {
  byMessage.set(incoming, info);
}

/**
 * Returns what a server of maitre knows of a request: its client, its task, its id.
 * @param request the Request that a fetch handler received (in Hono: `c.req.raw`), or the
 * IncomingMessage that a listener received (`req` in Express, `request.raw` in Fastify)
 * @throws InvalidStateError for a request that no server of maitre received
 *
 * @example
 * ```ts
 * import { requestInfo, serveHttp } from 'maitre/http';
 * await using server = await serveHttp(
 *   (request) => {
 *     const { id, peer } = requestInfo(request);
 *     return Response.json({ id, peer });
 *   },
 *   { host: '127.0.0.1' },
 * );
 * console.log(await (await fetch(`http://127.0.0.1:${server.port}/`)).json());
 * ```
 */
export function requestInfo(request: Request | IncomingMessage): HttpRequestInfo {
  const ours = AppRequest.exchangeOf(request) as HttpRequestInfo | undefined; // only RequestExchange makes them
  const info = ours ?? byMessage.get(request);
  if (info !== undefined) return info;
  throw new InvalidStateError(
    'Cannot tell about the request: no server of maitre received it. Pass the original one (in Hono: c.req.raw)',
  );
}
