// Options of a BullExecutor and of its jobs, and their checks.
import { type Checks, integer, isObject, notNegativeMs, ofType, oneOf, positiveMs, wrongValue } from '../base/index.ts';
import { JOB, type JobOptions } from '../executors/index.ts';
import { redisAddress, type RedisOption } from './connect.ts';
import type { RepeatOptions } from './remote-queue.ts';

/** How long a failed job waits before it runs again. */
export interface Backoff {
  /** `exponential` (the default) doubles the delay with each attempt; `fixed` does not. */
  readonly type?: 'exponential' | 'fixed' | undefined;
  /** Milliseconds before the second attempt. Defaults to 1000. */
  readonly delay?: number | undefined;
  /** The part of the delay that is random, from 0 to 1. Defaults to 0.5. */
  readonly jitter?: number | undefined;
}

/** Options of a job of a BullExecutor. */
export interface DistributedJobOptions extends JobOptions {
  /**
   * Says which calls are the same. A second call with the key of a job that waits, runs, or has
   * ended within `resultTtl` starts nothing, and gets the outcome of the first. The job is cancelled
   * only when all of its callers are.
   */
  readonly key?: string | undefined;
  /** 1 runs first, 2,097,152 last. Those without a priority run before all that have one. */
  readonly priority?: number | undefined;
  /** Milliseconds before it may run. */
  readonly delay?: number | undefined;
  /** The number of times that it may fail before its error is final. Defaults to 1. A lost worker does not count. */
  readonly attempts?: number | undefined;
  /** The delay between attempts; a number is an exponential one with that delay. */
  readonly backoff?: Backoff | number | undefined;
  /** Called when an attempt begins, with its number, counting from 1. */
  readonly onAttempt?: ((attempt: number) => void) | undefined;
}

/** Options of a BullExecutor. */
export interface BullExecutorOptions {
  /**
   * Where Redis is: a URL, the path of a socket, or a client of ioredis, which is duplicated. Defaults
   * to `redis://localhost:6379`.
   */
  readonly redis?: RedisOption | undefined;
  /** The first part of all keys. Defaults to `maitre`. */
  readonly prefix?: string | undefined;
  /** The queue, which its workers name too. Defaults to `jobs`. */
  readonly queue?: string | undefined;
  /** What happens to a running job whose caller is cancelled. See `ExecutorOptions`. */
  readonly cancel?: 'terminate' | 'abandon' | undefined;
  /** The maximum number of jobs of this executor that wait for a worker. Defaults to no limit. */
  readonly maxQueue?: number | undefined;
  /** What happens to a job above that number: `wait` (the default) or `reject`, with QueueFull. */
  readonly overflow?: 'reject' | 'wait' | undefined;
  /** The maximum size of the arguments of a job, in bytes of JSON. Defaults to 1 MiB. */
  readonly maxPayload?: number | undefined;
  /**
   * Milliseconds that a result is kept in Redis, for second calls with a key and for callers that
   * were cut off. Defaults to 60,000. All executors of a queue should have the same.
   */
  readonly resultTtl?: number | undefined;
  /** The maximum number of results that are kept. Defaults to 10,000. */
  readonly maxResults?: number | undefined;
  /** The maximum number of dead jobs that are kept. Defaults to 10,000. */
  readonly maxDead?: number | undefined;
  /**
   * Milliseconds that Redis may be away before open calls, and what else was asked, reject with
   * ConnectionLostError. The jobs of calls go on. Defaults to 60,000.
   */
  readonly offlineTimeout?: number | undefined;
  /** Shown in messages and by tools. */
  readonly name?: string | undefined;
}

/** A thousand years: BullMQ cannot count much further. */
const LONGEST = 3.2e13;

const notEmpty = ofType('string', 'text that is not empty', (text) => text !== '');
const anyText = ofType('string', 'text', () => true);
const keyPart = ofType('string', 'text without a colon', (text) => text !== '' && !text.includes(':'));

/** The checks for every option of a BullExecutor. */
export const BULL_EXECUTOR: Checks<BullExecutorOptions> = {
  redis: redisAddress,
  prefix: ofType('string', 'text that is not empty', (text) => text !== ''),
  queue: keyPart,
  cancel: oneOf('terminate or abandon'),
  maxQueue: integer(1, Infinity),
  overflow: oneOf('wait or reject'),
  maxPayload: integer(1, Infinity),
  resultTtl: positiveMs,
  maxResults: integer(1, Infinity),
  maxDead: integer(1, Infinity),
  offlineTimeout: positiveMs,
  name: anyText,
};

/** The checks for every option of a job. */
export const DISTRIBUTED_JOB: Checks<DistributedJobOptions> = {
  ...JOB,
  key: notEmpty,
  priority: integer(1, 2 ** 21),
  delay: ofType('number', 'milliseconds from 0 to a thousand years', (ms) => ms >= 0 && ms <= LONGEST),
  attempts: integer(1, Infinity),
  backoff: checkBackoff,
  onAttempt: ofType('function', 'a function'),
};

/** The checks for what `schedule` takes beside the options of a job. */
export const REPEAT: Checks<RepeatOptions & { readonly key: string }> = {
  key: notEmpty,
  every: ofType('number', 'milliseconds from 1 to a thousand years', (ms) => ms >= 1 && ms <= LONGEST),
  cron: notEmpty,
  timeZone: ofType('string', "the name of a time zone, such as 'Europe/Berlin'", isTimeZone),
};

function isTimeZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }).format() !== '';
  } catch {
    return false;
  }
}

function checkBackoff(action: string, name: string, value: unknown): void {
  if (typeof value === 'number') return notNegativeMs(action, name, value);
  const expected = 'milliseconds, or { type, delay, jitter }';
  if (!isObject(value)) throw wrongValue(action, name, expected, value, 'object');
  const { type, delay, jitter } = value as Backoff; // checked here
  if (type !== undefined) oneOf('exponential or fixed')(action, `${name}.type`, type);
  if (delay !== undefined) notNegativeMs(action, `${name}.delay`, delay);
  if (jitter !== undefined)
    ofType('number', 'a number from 0 to 1', (part) => part >= 0 && part <= 1)(action, `${name}.jitter`, jitter);
}
