// The messages between an executor and its workers. Everything here is cloned in transit.
//
// The executor sends `job`, and for that job possibly `cancel`; for a stream also `credit` and
// `stop`. The worker answers a job with exactly one of `result`, `error` and `stream`. A stream
// ends with `end` or `error`. `progress` may come before any of these. A worker has one job at a
// time.
import type { CrossedError } from './crossed-error.ts';

export interface JobMessage {
  readonly type: 'job';
  readonly id: number;
  /** The name of the job in messages and tools. */
  readonly label: string;
  /** The address of a module. Undefined for a closed function, whose text is in `source`. */
  readonly module: string | undefined;
  readonly source: string | undefined;
  /** The export to call. */
  readonly name: string;
  readonly args: readonly unknown[];
  /** The values of the storages of the option `context`. */
  readonly context: readonly unknown[] | undefined;
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
   * The first message. `cancelled` is memory that both sides share, in which the executor shows
   * synchronous code the number of its cancelled job. Absent where memory cannot be shared, and if
   * the executor has passed it to the worker itself.
   */
  | { readonly type: 'ready'; readonly cancelled?: Int32Array | undefined }
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
