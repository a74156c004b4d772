// The worker's side of a WorkerExecutor: what a file calls that a worker of a page starts from.
//
// A page is told little about its workers: not that one has ended, and of an error only its text.
// So the worker itself says these things, before its executor terminates it:
// - an error that nobody caught, with its stack and cause. It ends the worker, as it ends a thread;
// - `close()`, which the page could not notice;
// - a message that could not be read. A job may have been in it, and its caller would wait for ever.
import { InvalidStateError } from '../../core/index.ts';
import {
  cancelledJob,
  finderOf,
  type FromWorker,
  JobServer,
  newSharedWords,
  packError,
  type ServedModules,
  takeOffer,
  type ToWorker,
} from '../index.ts';

/** The parts of DedicatedWorkerGlobalScope that are used here. */
interface WorkerScope {
  close: () => void;
  postMessage(message: unknown, transfers?: object[]): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'messageerror', listener: () => void): void;
  addEventListener(
    type: 'error' | 'unhandledrejection',
    listener: (event: { readonly error?: unknown; readonly reason?: unknown; preventDefault(): void }) => void,
  ): void;
}

/** What a worker of a page sends. */
export type FromWebWorker = FromWorker | { readonly type: 'closed' };

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
  if (!('DedicatedWorkerGlobalScope' in globalThis))
    throw new InvalidStateError('Cannot serve modules: this is no worker, call it in the file that the worker runs');
  if (serves)
    throw new InvalidStateError('Cannot serve modules: this worker serves already, pass all modules in one call');
  serves = true;
  const scope = globalThis as unknown as WorkerScope; // tested just now
  const post = (message: FromWebWorker, transfers: object[] = []): void => scope.postMessage(message, transfers);
  sayHowItEnds(scope, post);
  const shared = mayShare() ? newSharedWords() : undefined;
  const server = new JobServer({
    cancelledJob: () => (shared === undefined ? 0 : cancelledJob(shared)),
    take: (key) => shared === undefined || takeOffer(shared, key),
    post,
    load: finderOf(modules, (url) => import(/* @vite-ignore */ /* webpackIgnore: true */ url)),
  });
  scope.addEventListener('message', ({ data }) => server.receive(data as ToWorker)); // the executor follows the protocol
  post({ type: 'ready', shared });
}

function sayHowItEnds(scope: WorkerScope, post: (message: FromWebWorker) => void): void {
  const fatal = (error: unknown): void => post({ type: 'fatal', error: packError(error) });
  scope.addEventListener('error', (event) => {
    event.preventDefault(); // the caller of the job receives it instead
    fatal(event.error);
  });
  scope.addEventListener('unhandledrejection', (event) => {
    event.preventDefault();
    fatal(event.reason);
  });
  scope.addEventListener('messageerror', () => fatal(new Error('a message to the worker could not be read')));
  const close = scope.close.bind(scope);
  scope.close = () => {
    post({ type: 'closed' });
    close();
  };
}

function mayShare(): boolean {
  const { crossOriginIsolated } = globalThis as { readonly crossOriginIsolated?: boolean };
  return crossOriginIsolated === true && typeof SharedArrayBuffer !== 'undefined';
}
