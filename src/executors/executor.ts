// What every executor is to its callers, wherever its workers run.
import type { Task, WaitOptions } from '../core/index.ts';

/** Options of one job. */
export interface JobOptions extends WaitOptions {
  /** Milliseconds it may run; then it is cancelled, and the call rejects with TimeoutError. Default: no limit. */
  readonly timeout?: number | undefined;
  /** Milliseconds it may wait for a worker; then the call rejects with TimeoutError. Default: no limit. */
  readonly queueTimeout?: number | undefined;
  /** Shown in messages and by tools. Default: the name of the function and its module. */
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
  /** Its arguments, as structured clone takes them. */
  readonly args?: readonly unknown[] | undefined;
}

/** A function of an offloaded module: asynchronous; an (async) generator becomes a stream. */
export type OffloadedFunction<F> = F extends (...args: infer A) => infer R
  ? ((...args: A) => OffloadedResult<R>) & {
      /** The same function with options for its calls. */
      with(options: JobOptions): (...args: A) => OffloadedResult<R>;
    }
  : never;

type OffloadedResult<R> = [R] extends [never]
  ? Promise<never>
  : R extends AsyncIterator<infer T> | Iterator<infer T>
    ? AsyncIterableIterator<T>
    : Promise<Awaited<R>>;

/** A module whose functions run in an executor. */
export type Offloaded<M> = {
  readonly [K in keyof M as M[K] extends (...args: never[]) => unknown ? K : never]: OffloadedFunction<M[K]>;
};

/** The figures of an executor. */
export interface ExecutorStatistics {
  /** Workers that it may have. */
  readonly size: number;
  /** Workers that it has. */
  readonly workers: number;
  /** Workers without a job. */
  readonly idle: number;
  /** Jobs that wait for a worker. */
  readonly queued: number;
  /** Jobs that run, abandoned ones included. */
  readonly running: number;
  /** Jobs that nobody waits for any more and that still run (`cancel: 'abandon'`). */
  readonly abandoned: number;
  /** Jobs that ended since the executor was made, by how. */
  readonly finished: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Workers that were ended because a job did not end in time. */
  readonly terminated: number;
  /** Workers that ended by themselves: a crash, an exit, no memory left. */
  readonly lost: number;
}

/** How an executor's jobs ended when it was shut down. */
export interface ExecutorReport {
  readonly finished: number;
  readonly cancelled: number;
  readonly terminated: number;
}

/** Runs functions elsewhere: in threads, processes or on other machines. */
export interface Executor extends AsyncDisposable {
  /** The functions of a module as asynchronous functions: `executor.module<Heavy>(url)`. */
  module<M>(url: URL | string): Offloaded<M>;
  /** Runs a function that refers to nothing outside of itself, with arguments. */
  run<A extends readonly unknown[], T>(fn: (...args: A) => T, ...args: A): Promise<Awaited<T>>;
  /** Starts a job as a task of its own. */
  submit<T>(job: JobSpec, options?: JobOptions): Task<T>;
  /** Lets jobs end for `grace` milliseconds, then cancels them, and ends all workers. */
  shutdown(options?: { readonly grace?: number | undefined }): Promise<ExecutorReport>;
  statistics(): ExecutorStatistics;
}
