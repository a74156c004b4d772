// Options of jobs and of the executors that run on this machine, and their checks.
import {
  anything,
  callback,
  type Checks,
  integer,
  listOf,
  notNegativeMs,
  ofType,
  oneOf,
  wrongValue,
} from '../base/index.ts';
import type { JobOptions } from './executor.ts';
import { moduleAddress } from './offload.ts';

/** Options of a ThreadExecutor or ProcessExecutor. */
export interface ExecutorOptions {
  /** The maximum number of workers. Defaults to `availableParallelism()`. */
  readonly size?: number | undefined;
  /**
   * What happens to a running job whose caller is cancelled. `terminate` (the default): the job is
   * cancelled too, and after `cancelGrace` its worker is terminated. The call rejects once the
   * place is free. `abandon`: the call rejects at once. The job goes on and keeps its place.
   */
  readonly cancel?: 'terminate' | 'abandon' | undefined;
  /** Milliseconds that a cancelled job has for its cleanup. Defaults to 500. */
  readonly cancelGrace?: number | undefined;
  /** The maximum number of jobs that wait for a worker. Defaults to no limit. */
  readonly maxQueue?: number | undefined;
  /**
   * What happens to a job above that number. `wait` (the default): the call waits for room.
   * `reject`: it rejects with QueueFull.
   */
  readonly overflow?: 'wait' | 'reject' | undefined;
  /** The number of jobs after which a worker is replaced. Defaults to no limit. */
  readonly maxJobs?: number | undefined;
  /**
   * The maximum heap of a worker, in bytes. Node only: Bun and Deno ignore it. Defaults to the
   * host's limit.
   */
  readonly maxMemory?: number | undefined;
  /**
   * The address of a module that every worker imports before its first job. If the import fails, the
   * worker does not start.
   */
  readonly init?: URL | string | undefined;
  /**
   * Instances of AsyncLocalStorage whose values travel with every call, copied as arguments are. The
   * module of `init` must export `context`: the workers' own instances, in the same order.
   */
  readonly context?: readonly ContextStorage[] | undefined;
  /** Shown in messages and by tools. */
  readonly name?: string | undefined;
}

/** The parts of an AsyncLocalStorage that an executor uses. */
export interface ContextStorage {
  getStore(): unknown;
  run<T>(store: unknown, fn: () => T): T;
}

/** Milliseconds. */
export const DEFAULT_CANCEL_GRACE = 500;

/** The checks for every option of the executors that run on this machine. */
export const EXECUTOR: Checks<ExecutorOptions> = {
  size: integer(1),
  cancel: oneOf('terminate or abandon'),
  cancelGrace: notNegativeMs,
  maxQueue: integer(0, Infinity),
  overflow: oneOf('wait or reject'),
  maxJobs: integer(1, Infinity),
  maxMemory: integer(1),
  init: moduleAddress,
  context: listOf('an array of instances of AsyncLocalStorage', contextStorage),
  name: ofType('string', 'text', () => true),
};

/** The checks for every option of a job. */
export const JOB: Checks<JobOptions> = {
  timeout: notNegativeMs,
  queueTimeout: notNegativeMs,
  name: ofType('string', 'text', () => true),
  onProgress: callback,
  signal: anything,
};

/** Checks for an instance of AsyncLocalStorage. */
export function contextStorage(action: string, name: string, value: unknown): void {
  const { getStore, run } = Object(value) as Partial<Record<keyof ContextStorage, unknown>>;
  if (typeof getStore === 'function' && typeof run === 'function') return;
  throw wrongValue(action, name, 'an array of instances of AsyncLocalStorage', value);
}
