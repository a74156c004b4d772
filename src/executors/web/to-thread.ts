// toThread, as browsers have it.
import { type Offloaded, setDefaultMaker, toThread as toDefault } from '../index.ts';
import { WorkerExecutor } from './worker-executor.ts';

/**
 * Returns the functions of a module as asynchronous functions that run in the workers of the default
 * executor. A cancel of the caller's `signal` cancels the job. With a bundler, pass a WorkerExecutor
 * of your own to `setDefaultExecutor` first. asyncio: `asyncio.to_thread`.
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
  // Here and not in the door: there it would put the executor into the files of workers.
  setDefaultMaker(makeDefault);
  return toDefault<M>(url);
}

function makeDefault(): WorkerExecutor {
  return new WorkerExecutor({ name: 'default' });
}
