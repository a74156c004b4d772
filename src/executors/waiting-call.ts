// What every executor does around the wait of a call, wherever its workers are.
import { atScopeEnd, CancelledError, QueuedWait, type Scope } from '../core/index.ts';
import type { Job } from './job.ts';

/** A call that waits for room in the queue. */
export class RoomWait extends QueuedWait<unknown> {
  override fail(error: unknown): boolean {
    this.withdraw(false, undefined);
    return super.fail(error);
  }
}

/** What the cancels of an executor that ends carry. */
export const SHUTDOWN = { reason: { kind: 'shutdown' } } as const;

/** Cancels the job of a stream when the scope that called for it ends. */
export function tieToScope(job: Job, scope: Scope | undefined): void {
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
