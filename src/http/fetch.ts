// fetch: the requests of a program that need no client of their own.
import { type FetchOptions, HttpClient } from './http-client.ts';
import type { FetchResponse } from './fetch-response.ts';

/** The client of the whole program. */
const shared = new HttpClient();

/**
 * The platform's `fetch`, as a waiting call of maitre. A cancel of the task ends the request at every
 * point: while it waits for a place at its host, connects, waits for the response, or reads the body.
 * Deadlines, retries and limits are options. All calls share one HttpClient, and so its limit of
 * requests to one origin.
 * @param url an absolute URL, or a Request
 * @param options maitre's, and those of the platform's `fetch`; the durations are milliseconds
 * @returns the response, whatever its status; read its body, or let go of it with `using`
 * @throws ConnectionLostError if the network fails, with the error of the platform as its `cause`;
 *   TimeoutError; CancelledError; TypeError or RangeError for wrong arguments
 *
 * @example
 * ```ts
 * import { fetch } from 'maitre/http';
 * async function menu(): Promise<string> {
 *   using response = await fetch('http://kitchen.example/menu', { timeout: 2_000, retry: 3 });
 *   return response.text();
 * }
 * console.log(menu.name);
 * ```
 */
export function fetch(url: string | URL | Request, options?: FetchOptions): Promise<FetchResponse> {
  return shared.fetch(url, options);
}
