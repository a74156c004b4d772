// The default executor, made at the first use.
import { InvalidStateError } from '../core/index.ts';
import type { Executor, Offloaded } from './executor.ts';
import type { PoolExecutor } from './pool-executor.ts';

let executor: Executor | undefined;
/** Makes an executor of the host's own threads. Set by the host's door. */
let make: (() => PoolExecutor) | undefined;

/**
 * Returns the functions of a module as asynchronous functions that run in threads of the default
 * executor. A cancel of the caller cancels the job. asyncio: `asyncio.to_thread`.
 * @param url the address of the module: `new URL('./heavy.js', import.meta.url)`
 * @throws from each call: what the function throws, rebuilt here; WorkerLostError if its worker
 * crashes; TypeError for arguments that cannot be cloned; CancelledError
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

/**
 * Lives as long as the process, not as long as the run() that made it. Its idle threads do not keep
 * the process alive.
 */
function makeDefault(): Executor {
  if (make === undefined)
    throw new InvalidStateError('Cannot offload: this host has no default executor, call setDefaultExecutor()');
  const threads = make();
  threads.program = undefined;
  return threads;
}

/**
 * Sets the executor that `toThread` uses from now on. The previous one finishes its jobs; shut it
 * down yourself. asyncio: `loop.set_default_executor`.
 *
 * @example
 * ```ts
 * import { setDefaultExecutor, ThreadExecutor } from 'maitre/executors';
 * await using threads = new ThreadExecutor({ size: 2 });
 * setDefaultExecutor(threads);
 * ```
 */
export function setDefaultExecutor(candidate: Executor): void {
  executor = candidate;
}

/** Called by the door of a host: how the default executor is made. */
export function setDefaultMaker(maker: () => PoolExecutor): void {
  make = maker;
}
