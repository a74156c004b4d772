// Errors that no code received, for the recorder: it keeps what came before them.
import { type SeenError, watchErrors } from '../../base/index.ts';
import { host } from '../../core/index.ts';

/** The shortest time between two that are told, in milliseconds. A copy is kept more rarely still. */
const APART = 1000;
/** The longest text of one. */
const LONGEST = 300;

/** Calls `tell` with an error in words, at most once a second, until the result is disposed. */
export function tellErrors(tell: (what: string) => void): Disposable {
  let nextAt = -Infinity;
  return watchErrors((context) => {
    const now = host.now();
    if (now < nextAt) return;
    nextAt = now + APART;
    tell(textOf(context).slice(0, LONGEST));
  });
}

function textOf({ message, error }: SeenError): string {
  return error instanceof Error ? `${message}: ${error.name}: ${error.message}` : message;
}
