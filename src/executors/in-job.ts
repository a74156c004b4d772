// What the code of a job sees: checkpoint() and report(). Outside of jobs they do nothing, so that the same functions can be called
// directly.
//
// A worker runs one job at a time. A cancel reaches it two ways: through shared memory, which synchronous code can look at, and as
// a cancel of the job's task, for code that waits.
import { CancelledError, type Task } from '../core/index.ts';

/** The job that a worker runs. */
export interface RunningJob {
  readonly id: number;
  readonly task: Task<unknown>;
  /** Whether its caller was cancelled, as synchronous code can see it. */
  isCancelled(): boolean;
  report(value: unknown): void;
}

let running: RunningJob | undefined;

/** Called by the worker alone. */
export function setRunning(job: RunningJob | undefined): void {
  running = job;
}

/**
 * In a job: throws CancelledError once its caller was cancelled. For loops that do not wait; `finally` blocks run. It costs a few
 * nanoseconds in a thread and a system call in a process. Outside of jobs it does nothing.
 * @throws CancelledError
 *
 * @example
 * ```ts
 * import { checkpoint } from 'maitre/executors';
 * export function sum(limit: number): number {
 *   let total = 0;
 *   for (let i = 0; i < limit; i++) {
 *     if (i % 100_000 === 0) checkpoint();
 *     total += i;
 *   }
 *   return total;
 * }
 * ```
 */
export function checkpoint(): void {
  if (running === undefined) return;
  if (running.isCancelled() || running.task.cancelling() > 0)
    throw new CancelledError('Cancelled: the caller was cancelled');
}

/** In a job: passes a value to the caller's `onProgress`. Outside of jobs it does nothing. */
export function report(value: unknown): void {
  running?.report(value);
}
