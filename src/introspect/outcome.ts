// How a task has ended, read without handling its error.
import type { Task } from '../core/index.ts';

/** How a task has ended, and what it threw. */
export interface Outcome {
  readonly how: 'returned' | 'threw' | 'cancelled';
  /** What was thrown; a CancelledError if it was cancelled. */
  readonly error?: unknown;
}

/** Returns how a task has ended. One that goes on counts as returned. */
export function outcomeOf(task: Task<unknown>): Outcome {
  if (!task.cancelled() && !task.failed()) return { how: 'returned' };
  let thrown: unknown;
  // Not exception(): that would count as handling it, and nobody else would hear of it.
  task.passOutcomeTo({
    answer: () => undefined,
    fail: (error) => {
      thrown = error;
    },
  });
  return { how: task.cancelled() ? 'cancelled' : 'threw', error: thrown };
}
