// What an executor and its workers say to each other. Everything here is cloned on its way.
//
// The executor sends `job`, and for that job perhaps `cancel`; for a stream also `credit` and `stop`. The worker answers a job with
// exactly one of `result`, `error` and `stream`; a stream ends with `end` or `error`. `progress` may come before any of these.
// One job is with a worker at a time.
import type { CrossedError } from './crossed-error.ts';

export interface JobMessage {
  readonly type: 'job';
  readonly id: number;
  /** What the job is called, in messages and by tools. */
  readonly label: string;
  /** The address of a module, or the text of a closed function. */
  readonly module: string | undefined;
  readonly source: string | undefined;
  /** The export to call. */
  readonly name: string;
  readonly args: readonly unknown[];
}

export type ToWorker =
  | JobMessage
  | { readonly type: 'cancel'; readonly id: number; readonly message: string }
  | { readonly type: 'credit'; readonly id: number; readonly items: number }
  | { readonly type: 'stop'; readonly id: number };

export type FromWorker =
  | { readonly type: 'ready' }
  /** Of a process: what ends it. */
  | { readonly type: 'fatal'; readonly error: CrossedError }
  | { readonly type: 'result'; readonly id: number; readonly value: unknown }
  | { readonly type: 'error'; readonly id: number; readonly error: CrossedError; readonly cancelled: boolean }
  | { readonly type: 'progress'; readonly id: number; readonly value: unknown }
  | { readonly type: 'stream'; readonly id: number }
  | { readonly type: 'items'; readonly id: number; readonly items: readonly unknown[] }
  | { readonly type: 'end'; readonly id: number };
