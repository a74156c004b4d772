// The interface of every executor, wherever its workers run.
import type { Task, WaitOptions } from '../core/index.ts';

/** Options of one job. */
export interface JobOptions extends WaitOptions {
  /**
   * Milliseconds that the job may run. After that it is cancelled, and the call rejects with
   * TimeoutError. Defaults to no limit.
   */
  readonly timeout?: number | undefined;
  /**
   * Milliseconds that the job may wait for a worker. After that the call rejects with TimeoutError.
   * Defaults to no limit.
   */
  readonly queueTimeout?: number | undefined;
  /** Shown in messages and by tools. Defaults to the name of the function and its module. */
  readonly name?: string | undefined;
  /** Receives what the job passes to `report`. */
  readonly onProgress?: ((value: unknown) => void) | undefined;
}

/** A job for `submit`. */
export interface JobSpec {
  /** The address of the module: `new URL('./heavy.js', import.meta.url)`. */
  readonly module: URL | string;
  /** The name of the exported function. */
  readonly name: string;
  /** The arguments. They are copied by structured clone. */
  readonly args?: readonly unknown[] | undefined;
}

/**
 * A function of an offloaded module. It is asynchronous; a generator, async or not, becomes a
 * stream.
 */
export type OffloadedFunction<F, O = JobOptions> = F extends (...args: infer A) => infer R
  ? ((...args: A) => OffloadedResult<R>) & {
      /** Returns the same function with options for its calls. */
      with(options: O): (...args: A) => OffloadedResult<R>;
    }
  : never;

type OffloadedResult<R> = [R] extends [never]
  ? Promise<never>
  : R extends AsyncIterator<infer T> | Iterator<infer T>
    ? AsyncIterableIterator<T>
    : Promise<Awaited<R>>;

/** A module whose functions run in an executor. */
export type Offloaded<M, O = JobOptions> = {
  readonly [K in keyof M as M[K] extends (...args: never[]) => unknown ? K : never]: OffloadedFunction<M[K], O>;
};

/** The figures of an executor. */
export interface ExecutorStatistics {
  /** The maximum number of workers. */
  readonly size: number;
  /** Workers that exist now. */
  readonly workers: number;
  /** Workers without a job. */
  readonly idle: number;
  /** Jobs that wait for a worker. */
  readonly queued: number;
  /** Jobs that run, abandoned ones included. */
  readonly running: number;
  /** Jobs that still run although no caller waits for them (`cancel: 'abandon'`). */
  readonly abandoned: number;
  /** Jobs that have ended since the executor was made, by outcome. */
  readonly finished: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Workers that were terminated because a job did not end in time. */
  readonly terminated: number;
  /** Workers that ended by themselves: a crash, an exit, out of memory. */
  readonly lost: number;
}

/** How the jobs of an executor ended when it was shut down. */
export interface ExecutorReport {
  readonly finished: number;
  readonly cancelled: number;
  readonly terminated: number;
}

/**
 * Runs functions elsewhere: in threads, processes or on other machines. Disposing it shuts it down.
 * Python: `concurrent.futures.Executor`.
 *
 * @example
 * ```ts
 * import { type Executor, ThreadExecutor } from 'maitre/executors';
 * await using executor: Executor = new ThreadExecutor({ size: 1 });
 * console.log(await executor.run((a: number, b: number) => a + b, 1, 2)); // 3
 * ```
 */
export interface Executor extends AsyncDisposable {
  /** Returns the functions of a module as asynchronous functions: `executor.module<Heavy>(url)`. */
  module<M>(url: URL | string): Offloaded<M>;
  /**
   * Runs a function with arguments. Only its text is sent, so it must not refer to anything outside
   * of itself. Cancellable.
   * @throws what the function throws, rebuilt here
   * @throws TypeError for a method or a native function, and for what cannot be cloned
   * @throws WorkerLostError if its worker crashes
   * @throws CancelledError
   */
  run<A extends readonly unknown[], T>(fn: (...args: A) => T, ...args: A): Promise<Awaited<T>>;
  /** Starts a job as a task of its own, and returns the task. Cancel the task to cancel the job. */
  submit<T>(job: JobSpec, options?: JobOptions): Task<T>;
  /**
   * Stops accepting jobs. Lets those that it has end for `grace` milliseconds, then cancels them,
   * and ends all workers. Resolves to how they ended.
   */
  shutdown(options?: { readonly grace?: number | undefined }): Promise<ExecutorReport>;
  statistics(): ExecutorStatistics;
}
