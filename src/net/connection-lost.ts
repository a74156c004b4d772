// Tells errors that only say that a peer left from all others.

/** The code of a ConnectionLostError. Two copies of the package have two classes, but one code. */
const CODE = 'ERR_CONNECTION_LOST';

/**
 * Returns true when an error says only that a peer is gone: an ordinary disconnect, which is seldom
 * worth more than a line in a log. That is:
 *
 * - a ConnectionLostError;
 * - an error whose `cause` is one, at any depth;
 * - an AggregateError, such as a TaskGroupError, of nothing but those.
 *
 * It never throws, for any value. Cycles are allowed.
 *
 * @example
 * ```ts
 * import { isConnectionLost, startServer } from 'maitre';
 * await using server = await startServer((reader, writer) => writer.drain(), {
 *   host: '127.0.0.1',
 *   onError: (error, connection) => {
 *     if (!isConnectionLost(error)) console.error(`${connection.label}:`, error);
 *   },
 * });
 * ```
 */
export function isConnectionLost(error: unknown): boolean {
  try {
    return isLoss(error, new Map()) === true;
  } catch {
    return false; // a Proxy or a getter that throws, or groups too deep for the stack
  }
}

/**
 * @param known the results for errors that were checked before; `open` while one is being checked,
 * so that a cycle adds nothing
 */
function isLoss(error: unknown, known: Map<object, boolean | 'open'>): boolean | 'open' {
  if (typeof error !== 'object' || error === null) return false;
  const before = known.get(error);
  if (before !== undefined) return before;
  known.set(error, 'open');
  const { code, errors, cause } = error as { code?: unknown; errors?: unknown; cause?: unknown };
  const found =
    code === CODE || (Array.isArray(errors) && errors.length > 0 ? areLosses(errors, known) : isLoss(cause, known));
  const answer = found === true; // a pure cycle is not a loss
  known.set(error, answer);
  return answer;
}

function areLosses(errors: readonly unknown[], known: Map<object, boolean | 'open'>): boolean {
  let found = false;
  for (const each of errors) {
    const answer = isLoss(each, known);
    if (answer === false) return false;
    if (answer === true) found = true;
  }
  return found;
}
