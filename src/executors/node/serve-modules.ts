// The worker's side of a ThreadExecutor: what a file calls that a thread starts from.
import { parentPort } from 'node:worker_threads';
import { InvalidStateError } from '../../core/index.ts';
import { importModule } from '../../hosts/node/index.ts';
import { finderOf, type ServedModules, serveJobs, type ToWorker } from '../index.ts';

let serves = false;

/**
 * Makes this worker serve the jobs of the executor that started it. Call it once, in the file from
 * which the worker starts. The functions of `modules` are called by the name of their module:
 * `executor.module('heavy')`. Modules that are passed by URL are imported, so they need no name.
 * @param modules the modules to serve, by name
 * @throws InvalidStateError outside of workers, and when called twice
 *
 * @example
 * ```ts
 * // heavy.worker.ts
 * import { serveModules } from 'maitre/executors';
 * const heavy = { square: (n: number) => n ** 2 }; // or the namespace of a module
 * serveModules({ heavy });
 * ```
 */
export function serveModules(modules: ServedModules = {}): void {
  const port = parentPort;
  if (port === null)
    throw new InvalidStateError('Cannot serve modules: this is no worker, call it in the file that the worker runs');
  if (serves)
    throw new InvalidStateError('Cannot serve modules: this worker serves already, pass all modules in one call');
  serves = true;
  const cancelled = new Int32Array(new SharedArrayBuffer(4));
  const serve = serveJobs({
    cancelledJob: () => Atomics.load(cancelled, 0),
    post: (message, transfers) => port.postMessage(message, transfers as never[]), // as in thread-executor.ts
    load: finderOf(modules, importModule),
  });
  port.on('message', (message: ToWorker) => serve(message));
  port.postMessage({ type: 'ready', cancelled });
}
