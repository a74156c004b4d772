// ThreadExecutor: jobs in threads of this process, by node:worker_threads.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type FromWorker, type LeafEvents, PoolExecutor, type ToWorker, type WorkerLeaf } from '../index.ts';

/** The data that a thread is started with. */
export interface ThreadData {
  /** One word: the number of the job whose caller was cancelled. */
  readonly shared: Int32Array;
}

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
  /** @internal */
  protected override defaultSize(): number {
    return availableParallelism();
  }

  /** @internal */
  protected override startLeaf(events: LeafEvents, maxMemory: number | undefined): WorkerLeaf {
    return new Thread(events, maxMemory);
  }
}

class Thread implements WorkerLeaf {
  readonly #worker: Worker;
  readonly #shared: Int32Array = new Int32Array(new SharedArrayBuffer(4));

  constructor(events: LeafEvents, maxMemory: number | undefined) {
    const workerData: ThreadData = { shared: this.#shared };
    const limits = maxMemory === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: maxMemory / 2 ** 20 } };
    this.#worker = new Worker(new URL('./thread-worker.js', import.meta.url), { workerData, ...limits });
    let cause: unknown;
    this.#worker.on('message', (message: FromWorker) => events.message(message));
    this.#worker.on('error', (error: unknown) => (cause = error));
    this.#worker.on('messageerror', (error) => (cause ??= error));
    this.#worker.on('exit', (code) =>
      events.exited(cause instanceof Error ? cause.message : `exit code ${code}`, cause),
    );
    this.#worker.unref();
  }

  post(message: ToWorker, transfers: object[]): void {
    this.#worker.postMessage(message, transfers as never[]); // whatever can be moved; the host rejects the rest
  }

  setCancelled(job: number): void {
    Atomics.store(this.#shared, 0, job);
  }

  hold(on: boolean): void {
    if (on) this.#worker.ref();
    else this.#worker.unref();
  }

  terminate(): void {
    void this.#worker.terminate();
  }
}
