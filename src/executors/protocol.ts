// The messages between an executor and its workers. Everything here is cloned in transit.
//
// The executor sends `job`, and for that job possibly `cancel`; for a stream also `credit` and
// `stop`. The worker answers a job with exactly one of `result`, `error` and `stream`. A stream
// ends with `end` or `error`. `progress` may come before any of these. A worker runs one job at
// a time, and may be sent the next one before it has ended.
import type { CrossedError } from './crossed-error.ts';
import type { SharedWords } from './shared-words.ts';

/** What a job calls. A worker receives it once, and knows it by its number from then on. */
export interface JobTarget {
  /** 0 for a closed function, which is sent every time. */
  readonly fn: number;
  /** The address of a module. Undefined for a closed function, whose text is in `source`. */
  readonly module: string | undefined;
  readonly source: string | undefined;
  /** The export to call. */
  readonly name: string;
  /** What jobs are called in messages and tools that have no name of their own. */
  readonly label: string;
}

export interface JobMessage {
  readonly type: 'job';
  readonly id: number;
  /** The number of the target. */
  readonly fn: number;
  readonly args: readonly unknown[];
  /** Absent if the worker knows it. */
  readonly target?: JobTarget;
  /** Its own name; absent if that is the target's. */
  readonly label?: string;
  /** The values of the storages of the option `context`. */
  readonly context?: readonly unknown[];
  /** How often it was started. Absent for the first time. */
  readonly attempt?: number;
  /** Milliseconds until the deadline of its caller. Absent without one. */
  readonly within?: number;
  /** The key of the offer: the worker must take the job when it has ended the one before; see shared-words.ts. */
  readonly offered?: number;
}

export type ToWorker =
  /** Before the first job: the module to import, and how many storages it must export as `context`. */
  | { readonly type: 'init'; readonly module: string; readonly context: number }
  | JobMessage
  | { readonly type: 'cancel'; readonly id: number; readonly message: string }
  | { readonly type: 'credit'; readonly id: number; readonly items: number }
  | { readonly type: 'stop'; readonly id: number };

export type FromWorker =
  /**
   * The first message. `shared` is memory that both sides share. Absent where memory cannot be
   * shared. `port` is for all further messages of both sides; absent where there is only one.
   */
  | { readonly type: 'ready'; readonly shared?: SharedWords | undefined; readonly port?: unknown }
  /** The answer to `init`. */
  | { readonly type: 'initialized' }
  /** From a process only: the error that ends it. */
  | { readonly type: 'fatal'; readonly error: CrossedError }
  | { readonly type: 'result'; readonly id: number; readonly value: unknown }
  | { readonly type: 'error'; readonly id: number; readonly error: CrossedError; readonly cancelled: boolean }
  | { readonly type: 'progress'; readonly id: number; readonly value: unknown }
  | { readonly type: 'stream'; readonly id: number }
  | { readonly type: 'items'; readonly id: number; readonly items: readonly unknown[] }
  | { readonly type: 'end'; readonly id: number };

/**
 * Whether what a worker posted can be a message of this protocol: the code of jobs, and the user's
 * own file of a worker, may post anything beside it.
 */
export function isMessage(data: unknown): data is { readonly type: unknown } {
  return typeof data === 'object' && data !== null && 'type' in data;
}
