// What executors and workers say to each other through Redis. BullMQ has the queue; this is what
// its jobs carry, and what goes beside it.
//
//   executor -> worker   the data of a job (JobData), by Queue.add
//                        cancel, stop and credit for one that runs (Control), on `<prefix>:cancel`
//   worker -> executor   entries of a running job (Entry), as progress events of the queue
//                        its end (Outcome), as its return value; of a failed one beside its hash
//
// - Control messages are published, so they can be lost. They bear to be repeated, and the executor
//   repeats them until it sees the end of the job: `credit` is the sum of all that was granted.
// - Events are read from a stream of Redis, from where the reader was, so an executor that was away
//   misses nothing until the stream is trimmed. What it missed then, it asks for (open-jobs.ts).
// - Everything that a job sends carries its attempt: the number of times that the job was started. A
//   worker that was thought dead has a lower number than its successor.
import { createHash } from 'node:crypto';

/** The data of a job, as BullMQ keeps them. */
export interface JobData {
  /** The name of the module. Absent for a closed function. */
  readonly module?: string;
  /** The text of a closed function. */
  readonly source?: string;
  readonly fn: string;
  /** The arguments, encoded (wire-value.ts). */
  readonly args: readonly unknown[];
  /** What it is called in messages and tools. */
  readonly label: string;
  /** Milliseconds that one attempt may run. */
  readonly timeout?: number;
  /** When its caller stops to wait, by the clock of Redis, in milliseconds since the epoch. */
  readonly deadline?: number;
}

/** What a running job sends. */
export type Entry =
  /** A value of `report`, encoded. */
  | readonly ['report', unknown]
  /** It is a generator. Items follow. */
  | readonly ['stream']
  /** The number of items before these, and the items, encoded. */
  | readonly ['items', number, readonly unknown[]];

/** The data of a progress event. */
export interface Entries {
  readonly attempt: number;
  readonly entries: readonly Entry[];
}

/** How an attempt has ended. */
export interface Outcome {
  readonly attempt: number;
  /** The result, encoded. Absent for a stream. */
  readonly value?: unknown;
  /** The number of items of a stream. */
  readonly items?: number;
  /** Why it was cancelled. */
  readonly cancelled?: string;
  /** The packed error, encoded. Of a failed job only. */
  readonly error?: unknown;
  /** Whether its thread or process was terminated, or its task left behind, because it did not end in time. */
  readonly terminated?: true;
}

export type Control =
  | { readonly id: string; readonly type: 'cancel'; readonly message: string }
  | { readonly id: string; readonly type: 'stop' }
  /** The number of items granted since the job began. */
  | { readonly id: string; readonly type: 'credit'; readonly items: number };

/** A job that a machine runs. */
export interface MachineJob {
  readonly id: string;
  readonly name: string;
  /** Counting from 1. */
  readonly attempt: number;
  /** When this attempt began, in milliseconds since the epoch, by the clock of Redis. */
  readonly since: number;
}

/** A worker, as the others see it. */
export interface Machine {
  readonly id: string;
  /** The name of the machine, and the process there. */
  readonly host: string;
  readonly pid: number;
  /** Jobs that it runs at once. */
  readonly concurrency: number;
  /** The modules that it serves. */
  readonly modules: readonly string[];
  /** When it began, in milliseconds since the epoch, by the clock of Redis. */
  readonly since: number;
  /** True once it has been told to stop. */
  readonly stopping: boolean;
  readonly jobs: readonly MachineJob[];
}

/** The field of a job's hash that has the Outcome of a failed attempt. */
export const OUTCOME = 'maitre';

/** The names of what is kept in Redis. */
export class RedisNames {
  readonly prefix: string;
  readonly queue: string;

  constructor(prefix: string, queue: string) {
    this.prefix = prefix;
    this.queue = queue;
  }

  /** The channel of all control messages. */
  get control(): string {
    return `${this.prefix}:cancel`;
  }

  /** BullMQ's stream of events. */
  get events(): string {
    return `${this.prefix}:${this.queue}:events`;
  }

  /** BullMQ's hash of a job. */
  job(id: string): string {
    return `${this.prefix}:${this.queue}:${id}`;
  }

  /** The number of callers that wait for a job with a key. */
  waiters(id: string): string {
    return `${this.prefix}:${this.queue}:${id}:waiters`;
  }

  /** The machines of the queue, by the time of their last sign of life. */
  get machines(): string {
    return `${this.prefix}:${this.queue}:maitre-machines`;
  }

  /** What each of them told of itself. */
  get machineStates(): string {
    return `${this.prefix}:${this.queue}:maitre-states`;
  }

  /** The settings that all workers of the queue must share. */
  get settings(): string {
    return `${this.prefix}:${this.queue}:maitre-settings`;
  }
}

/** The id of the job with a key. BullMQ takes no colon, and no number. */
export function idOfKey(key: string): string {
  const text = /^[\w.@-]{1,100}$/.test(key) ? key : createHash('sha256').update(key).digest('hex');
  return `key-${text}`;
}

/**
 * The name of the module at an address: `heavy` for `file:///app/heavy.js`. Machines have files in
 * different places, and a worker must not import what a client of Redis names.
 */
export function moduleName(address: string): string {
  let name = moduleNames.get(address);
  if (name === undefined) moduleNames.set(address, (name = nameOf(address)));
  return name;
}

/** The names of modules that were called, by address: a program has few. */
const moduleNames = new Map<string, string>();

function nameOf(address: string): string {
  if (!URL.canParse(address)) return address;
  const file = /([^/]+?)\/?$/.exec(new URL(address).pathname)?.[1] ?? address;
  return decodeURIComponent(file.replace(/\.[cm]?[jt]sx?$/, ''));
}
