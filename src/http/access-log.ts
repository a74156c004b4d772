// The access log: what `log` receives, and the line that stands for it.
import { escapeControl } from '../base/index.ts';
import { type Address, formatAddress } from '../net/index.ts';

/** A request that has ended. */
export interface AccessEntry {
  /** When it came, in milliseconds since the epoch. */
  readonly at: number;
  readonly method: string;
  /** The path and the query, as the client sent them. */
  readonly path: string;
  /** The status of the answer. Undefined when the client left before there was one. */
  readonly status: number | undefined;
  /** Bytes of the body that was sent. Not counted for node listeners: undefined. */
  readonly bytes: number | undefined;
  /** Milliseconds from its head to the end of its handler and answer. */
  readonly ms: number;
  /** The client's address, behind trusted proxies too. Undefined where the runtime hides it. */
  readonly peer: Address | undefined;
  /** The id of the request: see `requestInfo`. */
  readonly id: string;
  readonly httpVersion: string;
  /** Whether the client left before it had all of its answer. */
  readonly gone: boolean;
}

/**
 * Formats a request as a line for a log:
 * `127.0.0.1:50412 GET /orders 200 17 bytes 3.1 ms 6b8e2f4c-...`. Escapes what a client could
 * use to forge lines.
 *
 * @example
 * ```ts
 * import { accessLine, serveHttp } from 'maitre/http';
 * await using server = await serveHttp(() => new Response('hi'), {
 *   host: '127.0.0.1',
 *   log: (entry) => console.error(accessLine(entry)),
 * });
 * ```
 */
export function accessLine({ peer, method, path, status, bytes, ms, id, gone }: AccessEntry): string {
  const from = peer === undefined ? '-' : formatAddress(peer);
  const size = bytes === undefined ? '' : ` ${bytes} bytes`;
  const left = gone ? ' client left' : '';
  return `${from} ${method} ${escapeControl(path)} ${status ?? '-'}${size} ${ms.toFixed(1)} ms${left} ${id}`;
}
