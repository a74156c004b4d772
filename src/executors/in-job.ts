// checkpoint(), jobSignal() and report(), for the code of a job. Outside of jobs they do nothing, so
// that you can also call the same functions directly.
//
// A worker runs one job at a time, except for one whose jobs are tasks of its program (distributed).
// There the job is found by what the host carries through `await`. A cancel reaches it in two ways: through shared memory, which
// synchronous code reads in checkpoint(), and as a cancel of the task of the job, for code that
// waits.
import { CancelledError, type Task } from '../core/index.ts';

/** The job that a worker runs now. */
export interface RunningJob {
  readonly id: number;
  readonly task: Task<unknown>;
  /** Returns true if the caller was cancelled. Synchronous code can see it at once. */
  isCancelled(): boolean;
  report(value: unknown): void;
  /** How often the job was started, this time included. */
  readonly attempt: number;
}

let running: RunningJob | undefined;
/** Returns the job to which the running code belongs, where several jobs run in one thread. */
let carried: () => RunningJob | undefined = () => undefined;

/** Called by the worker only. */
export function setRunning(job: RunningJob | undefined): void {
  running = job;
}

/** Sets how the job of the running code is found where several run in one thread. */
export function carryRunning(find: () => RunningJob | undefined): void {
  carried = find;
}

function current(): RunningJob | undefined {
  return running ?? carried();
}

/**
 * Throws CancelledError if the caller of this job was cancelled. Call it in loops that do not wait.
 * `finally` blocks run. It takes a few nanoseconds in a thread and a system call in a process.
 * Outside of jobs it does nothing. Prior art: trio's `from_thread.check_cancelled`.
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
  const job = current();
  if (job === undefined) return;
  if (job.isCancelled() || job.task.cancelling() > 0) throw new CancelledError('Cancelled: the caller was cancelled');
}

/** The signal of code that is no job. It never aborts. */
const never = new AbortController().signal;

/**
 * Returns a signal that aborts once the caller of this job was cancelled: for `fetch` and other
 * foreign APIs, and for waiting calls in browsers, where nothing else says that a wait belongs to the
 * job. Outside of jobs it returns a signal that never aborts.
 *
 * @example
 * ```ts
 * import { sleep } from 'maitre';
 * import { jobSignal } from 'maitre/executors';
 * export async function load(url: string): Promise<string> {
 *   await sleep(100, undefined, { signal: jobSignal() });
 *   const response = await fetch(url, { signal: jobSignal() });
 *   return await response.text();
 * }
 * ```
 */
export function jobSignal(): AbortSignal {
  return current()?.task.signal ?? never;
}

/**
 * Passes a value to the `onProgress` of the caller of this job. Outside of jobs it does nothing.
 * @param value what structured clone can copy
 *
 * @example
 * ```ts
 * import { report } from 'maitre/executors';
 * export function sum(limit: number): number {
 *   let total = 0;
 *   for (let i = 0; i < limit; i++) {
 *     if (i % 1_000_000 === 0) report(i / limit);
 *     total += i;
 *   }
 *   return total;
 * }
 * ```
 */
export function report(value: unknown): void {
  current()?.report(value);
}

/**
 * Returns how often this job was started, this time included: 1, or more where a job runs again
 * after its worker was lost or it has failed (`BullExecutor`). Store it with what the job writes, and
 * refuse a write with a lower number: then a worker that was thought dead cannot undo what its
 * successor has done. Outside of jobs it returns 1.
 *
 * @example
 * ```ts
 * import { jobAttempt } from 'maitre/executors';
 * export function charge(order: string): string {
 *   return `${order}, attempt ${jobAttempt()}`;
 * }
 * ```
 */
export function jobAttempt(): number {
  return current()?.attempt ?? 1;
}
