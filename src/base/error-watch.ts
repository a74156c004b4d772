// Who only wants to know that there was an error: a recorder, which keeps what came before. Errors
// have their receivers all the same.
import { disposable } from './disposable.ts';

/** What is known of an error. */
export interface SeenError {
  /** What happened, in one sentence. */
  readonly message: string;
  readonly error: unknown;
  /** True for those that peers cause. They are left out. */
  readonly brief?: boolean;
}

const watchers = new Set<{ readonly fn: (seen: SeenError) => void }>();

/** Calls `fn` with each error that no code of the program received, before its last receiver has it. */
export function watchErrors(fn: (seen: SeenError) => void): Disposable {
  const entry = { fn };
  watchers.add(entry);
  return disposable(() => void watchers.delete(entry));
}

/**
 * Tells the watchers of an error that goes to a receiver of last resort: the exception handler, or
 * `onError` of a server. Never throws.
 */
export function noteError(seen: SeenError): void {
  if (seen.brief === true) return;
  for (const { fn } of watchers) {
    try {
      fn(seen);
    } catch {
      // To watch is not worth an error of its own.
    }
  }
}
