// What a request that failed says: which request it was, without its secrets, and the innermost
// reason. The error of the platform is the cause.
import { ConnectionLostError } from '../core/index.ts';

/** The most causes that are followed: an error can be its own cause. */
const DEPTH = 5;

/**
 * `GET http://kitchen/menu?...`, for messages: without user, password and fragment, and without the
 * query, where tokens stand.
 */
export function requestName(method: string, url: URL): string {
  const place = url.origin === 'null' ? `${url.protocol}...` : `${url.origin}${url.pathname}`;
  return `${method} ${place}${url.search === '' ? '' : '?...'}`;
}

/**
 * Returns the error for a request that the network failed.
 * @param action `fetch GET http://kitchen/menu`
 * @param url is cut out of the messages of platforms that quote it
 */
export function networkError(action: string, url: URL, error: unknown): ConnectionLostError {
  const reason = reasonOf(error).replaceAll(url.href, `${url.origin}${url.pathname}`);
  return new ConnectionLostError(`Cannot ${action}: ${reason}`, { cause: error });
}

/** The message of the innermost cause: undici's own says only `fetch failed`. */
function reasonOf(error: unknown): string {
  let reason = String(error);
  let at = error;
  for (let depth = 0; depth < DEPTH && at instanceof Error; depth++) {
    // An AggregateError of several addresses often has no message.
    const message = at.message === '' && at instanceof AggregateError ? at.errors.map(reasonOf).join('; ') : at.message;
    if (message !== '') reason = message;
    at = at.cause;
  }
  return reason;
}
