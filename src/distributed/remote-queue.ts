// What can be done with a queue beside waiting for a job: dead jobs and repeated ones.
import type { Job as BullJob, JobsOptions, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type CrossedError, unpackError } from '../executors/index.ts';
import { readJobData, readOutcome } from './read-remote.ts';
import { type JobData, OUTCOME, type RedisNames } from './remote-protocol.ts';
import { decode } from './wire-value.ts';

/** A job that has failed for good. */
export interface DeadJob {
  readonly id: string;
  /** What it was called in messages and tools. */
  readonly name: string;
  /** The name of its module; undefined for a closed function. */
  readonly module: string | undefined;
  readonly fn: string;
  readonly args: readonly unknown[];
  /** How often it was started. */
  readonly attempts: number;
  /** What it failed with. */
  readonly error: unknown;
  /** When it failed, in milliseconds since the epoch. */
  readonly failedAt: number;
}

/** When a repeated job runs: one of the two. */
export interface RepeatOptions {
  /** Milliseconds between two runs. */
  readonly every?: number | undefined;
  /** A cron expression, of five fields or six with seconds first: `0 15 3 * * *` is 03:15. */
  readonly cron?: string | undefined;
  /** The time zone of `cron`: `Europe/Berlin`. Defaults to that of the worker. */
  readonly timeZone?: string | undefined;
}

/** A job that runs again and again. */
export interface RepeatedJob extends RepeatOptions {
  readonly key: string;
  readonly name: string;
  /** When it runs next, in milliseconds since the epoch. */
  readonly next: number | undefined;
}

/** Returns dead jobs, the latest first. */
export async function listDead(
  queue: Queue,
  client: Redis,
  names: RedisNames,
  limit: number,
): Promise<readonly DeadJob[]> {
  const failed = (await queue.getFailed(0, limit - 1)) as (BullJob<JobData> | undefined)[]; // one may be removed meanwhile
  const jobs = failed.filter((job) => job !== undefined);
  const outcomes = await Promise.all(jobs.map(({ id }) => client.hget(names.job(id ?? ''), OUTCOME)));
  return jobs.map((job, n) => {
    // Without data of ours, it was added by another program.
    const { module, fn = '', args = [], label = job.name } = readJobData(job.data) ?? {};
    const error = readOutcome(outcomes[n] ?? '')?.error;
    const reason = new Error(job.failedReason);
    return {
      id: job.id ?? '',
      name: label,
      module,
      fn,
      args: readable(args, () => decode(args) as readonly unknown[]),
      attempts: job.attemptsStarted,
      error: error === undefined ? reason : readable<unknown>(reason, () => unpackError(decode(error) as CrossedError)),
      failedAt: job.finishedOn ?? 0,
    };
  });
}

/** What `read` returns, or `other`: a newer version can send what this one cannot read, and that must not hide the list. */
function readable<T>(other: T, read: () => T): T {
  try {
    return read();
  } catch {
    return other;
  }
}

/** Lets a dead job run again. Returns false if there is none with this id. */
export async function retryDead(queue: Queue, client: Redis, names: RedisNames, id: string): Promise<boolean> {
  const job = await queue.getJob(id);
  if (job === undefined || !(await job.isFailed())) return false;
  await client.hdel(names.job(id), OUTCOME);
  try {
    await job.retry('failed', { resetAttemptsMade: true });
    return true;
  } catch {
    return false; // somebody else was first
  }
}

/**
 * Lets a job run again and again, or changes how.
 * @throws TypeError for a cron expression that cannot be read
 */
export async function upsertRepeated(
  queue: Queue,
  key: string,
  repeat: { readonly every: number } | { readonly pattern: string; readonly tz?: string },
  template: { readonly name: string; readonly data: JobData; readonly opts: JobsOptions },
): Promise<void> {
  try {
    await queue.upsertJobScheduler(key, repeat, template);
  } catch (error) {
    if (!('pattern' in repeat) || !(error instanceof Error) || error.name === 'ReplyError') throw error;
    throw new TypeError(
      `Cannot schedule job: cron must have five fields, or six with seconds first, such as '0 15 3 * * *', got ${JSON.stringify(repeat.pattern)} (${error.message})`,
      { cause: error },
    );
  }
}

/** Returns the jobs that run again and again. */
export async function listRepeated(queue: Queue): Promise<readonly RepeatedJob[]> {
  const all = await queue.getJobSchedulers(0, -1, true);
  return all.map(({ key, name, every, pattern, tz, next }) => ({
    key,
    name,
    every,
    cron: pattern ?? undefined,
    timeZone: tz ?? undefined,
    next,
  }));
}
