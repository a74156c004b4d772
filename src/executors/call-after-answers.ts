// Deadlines of jobs.
import { callLater } from '../core/index.ts';

/**
 * Calls `fn` after `ms` milliseconds, and a moment later than a timer would: if this thread was
 * busy, the answer of the worker may be there already, and is seen first. A turn would do on Node;
 * on Bun the messages of a process are seen later.
 */
export function callAfterAnswers(ms: number, fn: () => void): { cancel(): void } {
  let handle = callLater(ms, () => {
    handle = callLater(1, fn);
  });
  return { cancel: () => handle.cancel() };
}
