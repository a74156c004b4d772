// Whether an error is only news of a peer that left.

/** The code of a ConnectionLostError: two copies of the package have two classes, and one code. */
const CODE = 'ERR_CONNECTION_LOST';

/**
 * True when an error says that a peer is gone, and nothing else: a ConnectionLostError; an error whose `cause` is one, however
 * deep; an AggregateError, such as a TaskGroupError, of nothing but those. An ordinary disconnect, in other words, which is
 * seldom worth more than a line.
 *
 * Never throws, whatever it is given. Cycles are no harm.
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

/** @param known what was found of the errors that were looked at; `open` while one is: an error inside itself adds nothing */
function isLoss(error: unknown, known: Map<object, boolean | 'open'>): boolean | 'open' {
  if (typeof error !== 'object' || error === null) return false;
  const before = known.get(error);
  if (before !== undefined) return before;
  known.set(error, 'open');
  const { code, errors, cause } = error as { code?: unknown; errors?: unknown; cause?: unknown };
  const found =
    code === CODE || (Array.isArray(errors) && errors.length > 0 ? areLosses(errors, known) : isLoss(cause, known));
  const answer = found === true; // what leads only back to itself says nothing
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
