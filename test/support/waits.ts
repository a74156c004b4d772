// What tests of tasks and scopes ask: the task that runs, and how a wait came out.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { currentTask, type Task } from 'maitre';

/** What a promise came to: its value, or the name of its error. */
export const outcome = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).then(undefined, (error: Error) => error.name);

/** The task that runs; there must be one. */
export function current(): Task<unknown> {
  const task = currentTask();
  assert.ok(task !== undefined);
  return task;
}

/** Waits until a condition of this process holds. The test's own limit bounds it. */
export async function untilTrue(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(2);
}
