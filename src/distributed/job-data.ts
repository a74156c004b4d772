// What is added to the queue for a call: the data of the job, and the options that BullMQ takes.
import { Buffer } from 'node:buffer';
import type { JobsOptions } from 'bullmq';
import { currentDeadline, loopTime } from '../core/index.ts';
import { cloneError, type JobCall } from '../executors/index.ts';
import type { BullExecutorOptions, DistributedJobOptions } from './distributed-options.ts';
import { type JobData, moduleName } from './remote-protocol.ts';
import { encode } from './wire-value.ts';

const MAX_PAYLOAD = 2 ** 20;
const RESULT_TTL = 60_000;
const KEPT = 10_000;
const [BACKOFF_DELAY, BACKOFF_JITTER] = [1000, 0.5];

/**
 * Returns the data of a job.
 * @throws TypeError if an argument cannot be sent
 * @throws RangeError if they are too large
 */
export function dataOf(
  { target, args, label }: JobCall,
  timeout: number | undefined,
  maxPayload: number = MAX_PAYLOAD,
): JobData {
  let encoded: readonly unknown[];
  try {
    encoded = encode(args) as readonly unknown[]; // an array stays one
  } catch (error) {
    throw cloneError(args, 'args', `run ${label}`, error);
  }
  checkSize(encoded, maxPayload, `run ${label}`, 'its arguments take');
  const { module, source, name: fn } = target;
  const data: Writable<JobData> = { fn, args: encoded, label };
  if (module !== undefined) data.module = moduleName(module);
  if (source !== undefined) data.source = source;
  if (timeout !== undefined) data.timeout = timeout;
  return data;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Checks the size of something encoded.
 * @throws RangeError if it is above `most` bytes
 */
export function checkSize(encoded: unknown, most: number, action: string, what: string): void {
  const text = JSON.stringify(encoded);
  if (text.length * 3 <= most) return; // no character takes more
  const size = Buffer.byteLength(text);
  if (size <= most) return;
  throw new RangeError(
    `Cannot ${action}: ${what} ${size} bytes of JSON, maxPayload is ${most}; store the data elsewhere, and pass where they are`,
  );
}

/** When the caller stops to wait, `now` being the time by the clock of Redis. Undefined without a deadline. */
export function deadlineOf(now: () => number): number | undefined {
  const deadline = currentDeadline();
  return deadline === null ? undefined : now() + deadline - loopTime();
}

/** Returns the options that BullMQ takes. */
export function optionsOf(options: DistributedJobOptions, executor: BullExecutorOptions): JobsOptions {
  const { priority, delay, attempts, backoff } = options;
  const { resultTtl = RESULT_TTL, maxResults = KEPT, maxDead = KEPT } = executor;
  const {
    type = 'exponential',
    delay: first = BACKOFF_DELAY,
    jitter = BACKOFF_JITTER,
  } = typeof backoff === 'number' ? { delay: backoff } : (backoff ?? {});
  return {
    removeOnComplete: { age: Math.ceil(resultTtl / 1000), count: maxResults },
    removeOnFail: { count: maxDead },
    stackTraceLimit: 0, // the outcome has it
    ...(priority !== undefined && { priority }),
    ...(delay !== undefined && { delay }),
    ...(attempts !== undefined && attempts > 1 && { attempts, backoff: { type, delay: first, jitter } }),
  };
}
