// WorkerExecutor: jobs in the workers of a page (Web Workers).
//
// States of a worker: STARTING -(ready)-> SERVING -> ENDED. From both, one of these ends it:
// terminate(), an error, close(). Nobody tells a page that a worker has ended, so this file decides
// it, and reports it once. An error leaves a worker of a page running; here it ends the worker, as
// it ends a thread. serve-modules.ts is the other side.
//
// A worker whose file never calls serveModules() stays in STARTING: a page cannot tell it from one
// that is slow to load. So that is reported after a while, and nothing else.
import { callback, type Checks, checkOptions, wrongValue } from '../../base/index.ts';
import { callLater, type Handle, InvalidStateError, reportException, TimeoutError } from '../../core/index.ts';
import {
  EXECUTOR,
  type ExecutorOptions,
  isMessage,
  type LeafEvents,
  PoolExecutor,
  SharedLeaf,
  type ToWorker,
  unpackError,
  type WorkerLeaf,
} from '../index.ts';
import type { FromWebWorker } from './serve-modules.ts';

/** The parts of a Web Worker that an executor uses. */
export interface WebWorker {
  postMessage(message: unknown, transfers: never[]): void;
  terminate(): void;
  addEventListener(type: string, listener: (event: object) => void): void;
}

/** Options of a WorkerExecutor: those of every executor but `maxMemory` and `context`, which no browser has. */
export interface WorkerExecutorOptions extends Omit<ExecutorOptions, 'maxMemory' | 'context'> {
  /**
   * Starts a worker. Its file must call `serveModules`. Bundlers need this option, and the text of
   * `new Worker(new URL('./heavy.worker.ts', import.meta.url), { type: 'module' })` in your own code.
   * Defaults to a worker that imports modules by their URLs.
   */
  readonly worker?: (() => WebWorker) | undefined;
}

const { maxMemory: _, context: __, ...REST } = EXECUTOR;

/** The checks for every option of a WorkerExecutor. */
export const WORKER_EXECUTOR: Checks<WorkerExecutorOptions> = { ...REST, worker: callback };

/** Milliseconds that a worker may take to start before that is reported. */
const SLOW_START = 10_000;
/** What to write where the file of the package is not to be had. */
const HINT =
  " (with a bundler, pass worker: () => new Worker(new URL('./heavy.worker.ts', import.meta.url), { type: 'module' }))";

/**
 * Runs functions in the workers of a page, so that the page does not freeze. A worker starts in some
 * tens of milliseconds and is reused. `checkpoint()` sees a cancel in synchronous code on pages that
 * are cross-origin isolated. On others, such code is ended together with its worker, after
 * `cancelGrace`. On Node, Bun and Deno, use ThreadExecutor.
 *
 * @example
 * ```ts
 * import { WorkerExecutor } from 'maitre/executors';
 * declare const Worker: new (url: URL, options: object) => import('maitre/executors').WebWorker;
 * const workers = new WorkerExecutor({
 *   worker: () => new Worker(new URL('./heavy.worker.ts', import.meta.url), { type: 'module' }),
 * });
 * const heavy = workers.module<{ primes(limit: number): number }>('heavy');
 * const stop = new AbortController();
 * const count = await heavy.primes.with({ signal: stop.signal })(1e7);
 * ```
 */
export class WorkerExecutor extends PoolExecutor {
  readonly #start: (() => WebWorker) | undefined;

  constructor(options: WorkerExecutorOptions = {}) {
    checkOptions('create executor', options, WORKER_EXECUTOR);
    const { worker, ...rest } = options;
    super(rest);
    this.#start = worker;
  }

  /** @internal */
  protected override get servesNames(): boolean {
    return this.#start !== undefined;
  }

  /** @internal */
  protected override defaultSize(): number {
    const { navigator } = globalThis as { readonly navigator?: { readonly hardwareConcurrency?: number } };
    return navigator?.hardwareConcurrency ?? 1;
  }

  /** @internal */
  protected override startLeaf(events: LeafEvents): WorkerLeaf {
    return new PageWorker(this.#start ?? startOwn, this.#start === undefined ? HINT : '', events);
  }
}

class PageWorker extends SharedLeaf implements WorkerLeaf {
  readonly #worker: WebWorker | undefined;
  readonly #events: LeafEvents;
  readonly #slow: Handle;
  #hasEnded = false;

  /** @param hint what to add to the message when its file could not be loaded */
  constructor(start: () => WebWorker, hint: string, events: LeafEvents) {
    super();
    this.#events = events;
    this.#slow = callLater(SLOW_START, reportSlowStart);
    try {
      this.#worker = checked(start());
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error), error);
      return;
    }
    this.#worker.addEventListener('message', (event) => this.#onMessage((event as MessageEvent).data));
    this.#worker.addEventListener('messageerror', () => this.#end('a message of the worker could not be read'));
    this.#worker.addEventListener('error', (event) => {
      const { message } = event as { readonly message?: string }; // an Event or an ErrorEvent
      (event as Event).preventDefault(); // the caller of the job receives it instead
      // An error that the file throws has a message. A file that cannot be loaded or parsed has none.
      if (message === undefined) this.#end(`its file or an import of it cannot be loaded${hint}`);
      else this.#end(message, new Error(message));
    });
  }

  post(message: ToWorker, transfers: object[]): void {
    this.#worker?.postMessage(message, transfers as never[]); // whatever can be moved; the browser rejects the rest
  }

  wake(): void {} // it sleeps in its event loop, which wakes it

  hold(): void {} // a page lives as long as it is open

  terminate(): void {
    this.#end('it was terminated');
  }

  #onMessage(data: unknown): void {
    if (!isMessage(data)) return;
    const message = data as FromWebWorker; // the worker follows the protocol
    if (message.type === 'closed') this.#end('it called close()');
    else if (message.type === 'fatal') {
      const error = unpackError(message.error);
      this.#end(error instanceof Error ? error.message : String(error), error);
    } else {
      if (message.type === 'ready') {
        this.#slow.cancel();
        this.shared = message.shared;
      }
      if (!this.#hasEnded) this.#events.messages([message]);
    }
  }

  #end(how: string, cause?: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#slow.cancel();
    this.#worker?.terminate();
    // Later, as events are: the pool does not know the worker before its constructor has returned.
    queueMicrotask(() => this.#events.exited(how, cause));
  }
}

function checked(worker: unknown): WebWorker {
  if (typeof (worker as WebWorker | null | undefined)?.postMessage === 'function') return worker as WebWorker;
  throw wrongValue('start worker', 'the value of the option worker', 'a Worker', worker);
}

function startOwn(): WebWorker {
  const { Worker } = globalThis as { readonly Worker?: new (url: URL, options: object) => WebWorker };
  if (Worker === undefined)
    throw new InvalidStateError('Cannot start worker: there are no Web Workers here, use ThreadExecutor');
  // Not written as one expression: bundlers take that for a worker of the application, in which the
  // modules of the application would be missing.
  const here: string = import.meta.url;
  try {
    return new Worker(new URL('./web-worker.js', here), { type: 'module', name: 'maitre' });
  } catch (error) {
    // A bundler has put another address in the place of `import.meta.url`.
    throw new Error(`${error instanceof Error ? error.message : String(error)}${HINT}`, { cause: error });
  }
}

function reportSlowStart(): void {
  const error = new TimeoutError('Call serveModules({ ... }) in the file of the worker, after its imports');
  reportException({ message: `A worker does not serve jobs after ${SLOW_START} ms`, error });
}
