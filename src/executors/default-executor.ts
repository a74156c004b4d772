// The executor that is there without being made.
import type { Executor, Offloaded } from './executor.ts';
import { ThreadExecutor } from './thread-executor.ts';

let executor: Executor | undefined;

/**
 * The functions of a module as asynchronous functions that run in threads of the default executor.
 *
 * @example
 * ```ts
 * import { toThread } from 'maitre/executors';
 * const heavy = toThread<{ primes(limit: number): number }>(new URL('./heavy.js', import.meta.url));
 * const count = await heavy.primes(1e7);
 * ```
 */
export function toThread<M>(url: URL | string): Offloaded<M> {
  executor ??= makeDefault();
  return executor.module<M>(url);
}

/** It lives as long as the process, whichever run() made it; its idle threads keep nothing alive. */
function makeDefault(): Executor {
  const threads = new ThreadExecutor({ name: 'default' });
  threads.program = undefined;
  return threads;
}

/** Uses another executor for `toThread` from now on. Returns nothing; the one before goes on with its jobs. */
export function setDefaultExecutor(candidate: Executor): void {
  executor = candidate;
}
