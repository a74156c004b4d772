// ThreadExecutor: jobs in threads of this process, by node:worker_threads.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { callback, type Checks, checkOptions } from '../../base/index.ts';
import {
  EXECUTOR,
  type ExecutorOptions,
  type FromWorker,
  type LeafEvents,
  PoolExecutor,
  type ToWorker,
  type WorkerLeaf,
} from '../index.ts';

/** Options of a ThreadExecutor. */
export interface ThreadExecutorOptions extends ExecutorOptions {
  /**
   * Starts a thread, for programs that a bundler has put into few files. Its file must call
   * `serveModules`: `() => new Worker(new URL('./heavy.worker.js', import.meta.url))`. Not together
   * with `maxMemory`, which is the `resourceLimits` of that Worker. Defaults to a thread that imports
   * modules by their URLs.
   */
  readonly worker?: (() => Worker) | undefined;
}

/** The checks for every option of a ThreadExecutor. */
export const THREAD_EXECUTOR: Checks<ThreadExecutorOptions> = { ...EXECUTOR, worker: callback };

/**
 * Runs functions in threads. Threads share nothing with the program except what is passed to them.
 * They start in some tens of milliseconds and are reused. Idle ones do not keep the process alive.
 * Python: `concurrent.futures.ThreadPoolExecutor`, without shared objects.
 *
 * @example
 * ```ts
 * import { ThreadExecutor } from 'maitre/executors';
 * await using threads = new ThreadExecutor({ size: 2 });
 * console.log(await threads.run((n: number) => n ** 2, 12)); // 144
 * ```
 */
export class ThreadExecutor extends PoolExecutor {
  readonly #start: (() => Worker) | undefined;

  constructor(options: ThreadExecutorOptions = {}) {
    checkOptions('create executor', options, THREAD_EXECUTOR);
    const { worker, ...rest } = options;
    if (worker !== undefined && rest.maxMemory !== undefined)
      throw new TypeError(
        'Cannot create executor: with worker, set resourceLimits of that Worker in place of maxMemory',
      );
    super(rest);
    this.#start = worker;
  }

  /** @internal */
  protected override get servesNames(): boolean {
    return this.#start !== undefined;
  }

  /** @internal */
  protected override defaultSize(): number {
    return availableParallelism();
  }

  /** @internal */
  protected override startLeaf(events: LeafEvents, maxMemory: number | undefined): WorkerLeaf {
    return new Thread(this.#start ?? (() => startOwn(maxMemory)), events);
  }
}

class Thread implements WorkerLeaf {
  readonly #worker: Worker | undefined;
  /** The memory in which the thread looks for the cancelled job. Undefined until it is ready. */
  #cancelled: Int32Array | undefined = undefined;

  constructor(start: () => Worker, events: LeafEvents) {
    try {
      this.#worker = start();
    } catch (error) {
      // Later, as events are: the pool does not know the thread before its constructor has returned.
      queueMicrotask(() => events.exited(error instanceof Error ? error.message : String(error), error));
      return;
    }
    let cause: unknown;
    this.#worker.on('message', (message: FromWorker) => {
      if (message.type === 'ready') this.#cancelled = message.cancelled;
      events.message(message);
    });
    this.#worker.on('error', (error: unknown) => (cause = error));
    this.#worker.on('messageerror', (error) => (cause ??= error));
    this.#worker.on('exit', (code) =>
      events.exited(cause instanceof Error ? cause.message : `exit code ${code}`, cause),
    );
    this.#worker.unref();
  }

  post(message: ToWorker, transfers: object[]): void {
    this.#worker?.postMessage(message, transfers as never[]); // whatever can be moved; the host rejects the rest
  }

  setCancelled(job: number): void {
    if (this.#cancelled !== undefined) Atomics.store(this.#cancelled, 0, job);
  }

  hold(on: boolean): void {
    if (on) this.#worker?.ref();
    else this.#worker?.unref();
  }

  terminate(): void {
    void this.#worker?.terminate();
  }
}

function startOwn(maxMemory: number | undefined): Worker {
  const limits = maxMemory === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: maxMemory / 2 ** 20 } };
  return new Worker(new URL('./thread-worker.js', import.meta.url), limits);
}
