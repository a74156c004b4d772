// Options of executors of this machine and of jobs, and their checks.
import { anything, callback, type Checks, integer, notNegativeMs, ofType, oneOf } from '../base/index.ts';
import type { JobOptions } from './executor.ts';

export interface ExecutorOptions {
  /** How many workers it may have. Default: `availableParallelism()`. */
  readonly size?: number | undefined;
  /**
   * What becomes of a running job whose caller is cancelled. `terminate` (default): it is told, and after `cancelGrace` its worker
   * is ended; the call rejects when its place is free. `abandon`: the call rejects at once, the job goes on and keeps its place.
   */
  readonly cancel?: 'terminate' | 'abandon' | undefined;
  /** Milliseconds a cancelled job gets to clean up. Default 500. */
  readonly cancelGrace?: number | undefined;
  /** How many jobs may wait for a worker. Default: no limit. */
  readonly maxQueue?: number | undefined;
  /** What becomes of a job above that: it waits for room (`wait`, default), or the call rejects with QueueFull (`reject`). */
  readonly overflow?: 'wait' | 'reject' | undefined;
  /** How many jobs a worker does before it is replaced. Default: no limit. */
  readonly maxJobs?: number | undefined;
  /** Bytes of heap that a worker may use. Node only: Bun and Deno ignore it. Default: no limit of its own. */
  readonly maxMemory?: number | undefined;
  /** Shown in messages and by tools. */
  readonly name?: string | undefined;
}

/** Milliseconds. */
export const DEFAULT_CANCEL_GRACE = 500;

/** All options of the executors of this machine. */
export const EXECUTOR: Checks<ExecutorOptions> = {
  size: integer(1),
  cancel: oneOf('terminate or abandon'),
  cancelGrace: notNegativeMs,
  maxQueue: integer(0, Infinity),
  overflow: oneOf('wait or reject'),
  maxJobs: integer(1, Infinity),
  maxMemory: integer(1),
  name: ofType('string', 'text', () => true),
};

/** All options of a job. */
export const JOB: Checks<JobOptions> = {
  timeout: notNegativeMs,
  queueTimeout: notNegativeMs,
  name: ofType('string', 'text', () => true),
  onProgress: callback,
  signal: anything,
};
