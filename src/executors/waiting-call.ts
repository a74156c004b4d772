// What every executor does around the wait of a call, wherever its workers are.
import {
  atScopeEnd,
  CancelledError,
  type Line,
  QueuedWait,
  type Resource,
  type Scope,
  spawn,
  type Task,
} from '../core/index.ts';
import { type Job, STREAM } from './job.ts';

/** A call that waits for room in the queue. */
class RoomWait extends QueuedWait<unknown> {
  override fail(error: unknown): boolean {
    this.withdraw(false, undefined);
    return super.fail(error);
  }
}

/** What the cancels of an executor that ends carry. */
export const SHUTDOWN = { reason: { kind: 'shutdown' } } as const;

/**
 * Waits, in the order of the calls, until the queue has room for a job. Throws what has ended the job meanwhile.
 * @param room who waits for the same
 */
export async function waitForRoom(
  executor: Resource,
  job: Job,
  room: Line<unknown>,
  isFull: () => boolean,
): Promise<void> {
  while (isFull()) {
    const wait = new RoomWait('executor.room', executor, job.waitOptions);
    job.waitForRoom(wait);
    await room.join(wait);
  }
  if (job.expiry !== undefined) throw job.expiry;
}

/** Starts the call of a job as a task of its own, which stands for the job. */
export function submitted<T>(job: Job, call: () => Promise<unknown>): Task<T> {
  const run = (own: Task<unknown>): Promise<unknown> => {
    job.standFor(own);
    return call();
  };
  return spawn(run, { name: job.call.label, eager: true }) as Task<T>; // declared by the caller
}

/**
 * Looks at the outcome of a call: with `mayStream` it may be STREAM, whose job then ends with the scope that called.
 * @throws TypeError for a stream where one value is wanted
 */
export function checkStream(job: Job, value: unknown, mayStream: boolean, scope: Scope | undefined): void {
  if (value !== STREAM) return;
  if (!mayStream)
    throw new TypeError(
      `Cannot run ${job.call.label}: it is a generator, put it into a module and write for await (... of executor.module(...))`,
    );
  const tie = atScopeEnd(() => job.cancel('Cancelled: the scope of the stream has ended'), scope);
  job.whenEnded(() => tie[Symbol.dispose]()); // cancels nothing: the job has ended
}

/**
 * Ignores cancels during a wait that is bounded by other means. The caller is cancelled afterwards.
 */
export async function ignoringCancels(fn: () => Promise<unknown>): Promise<void> {
  try {
    await fn();
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error;
  }
}
