// What the suites of checks are written with: expectations whose errors say what happened, and a
// bound for each check.
import { cancellable, CancelledError, sleep, type Timeout, timeout } from '../core/index.ts';
import { hasCarrier } from './carrier.ts';

/** @throws Error with the text `otherwise` unless the fact holds */
export function expect(fact: boolean, otherwise: string): void {
  if (!fact) throw new Error(otherwise);
}

/** @throws Error unless `error` is of that class. `action` says what was tried. */
export function expectError(error: unknown, kind: abstract new (...args: never[]) => Error, action: string): void {
  if (error instanceof kind) return;
  throw new Error(`${action}: ${error === undefined ? 'no error' : messageOf(error)}, expected ${kind.name}`, {
    cause: error,
  });
}

/** Returns what `work` throws or rejects with, or undefined if it succeeds. */
export async function errorOf(work: PromiseLike<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof work === 'function' ? work() : work);
    return undefined;
  } catch (error) {
    return error;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Waits until a fact holds that nothing announces. */
export async function until(fact: () => boolean): Promise<void> {
  while (!fact()) await sleep(1);
}

/** Runs a check within a time. `title` says which check it is, in the error of one that fails or hangs. */
export async function runBounded(title: string, ms: number, check: () => Promise<void>): Promise<void> {
  let deadline: Timeout | undefined;
  try {
    await timeout(ms, (t) => {
      deadline = t;
      // Without a carrier, the deadline ends no wait of the check, so it is left alone.
      return hasCarrier() ? check() : cancellable(check(), { signal: t.signal });
    });
  } catch (error) {
    if (error instanceof CancelledError) throw error; // the caller of the checks was cancelled
    const what = deadline?.expired() === true ? `it hangs, ${ms} ms passed` : messageOf(error);
    throw new Error(`${title} failed: ${what}`, { cause: error });
  }
}
