// Detects that nothing moves: for two turns, every task stands at a wait that nobody has decided
// yet. Two turns, because what was written in the first leaves at its end.
//
// In browsers, a wait without a signal belongs to no task. So a task without waits counts as waiting
// there, even if it awaits something foreign.
import { beginWait, host, liveTasks, soonCount, type Task, Wait, type WaitOptions, waitsOf } from '../core/index.ts';
import { hasCarrier } from './carrier.ts';

/**
 * Returns true if every live task stands at an undecided wait and nothing is scheduled for the next
 * turn.
 */
export function isBlocked(except?: object): boolean {
  if (soonCount() > 0) return false;
  for (const task of liveTasks()) if (task !== except && !isWaiting(task)) return false;
  return true;
}

function isWaiting(task: Task<unknown>): boolean {
  const waits = waitsOf(task);
  return waits.some((wait) => wait.waiting) || (waits.length === 0 && !hasCarrier());
}

/** Calls `fn` once everything but `except` is blocked. Call the result to undo this. */
export function whenBlocked(fn: () => void, except?: object): () => void {
  let wanted = true;
  // A turn that found everything blocked counts only if the next one does too: what I/O brings
  // needs a turn to arrive.
  let before = false;
  const look = (): void => {
    if (!wanted) return;
    const now = isBlocked(except);
    if (now && before) fn();
    else {
      before = now;
      host.nextTurn(look);
    }
  };
  host.nextTurn(look);
  return () => {
    wanted = false;
  };
}

const blockedWaits = new Set<BlockedWait>();

/**
 * Returns true while a task awaits allTasksBlocked(), which comes before any jump of a clock. trio:
 * the cushion.
 */
export function isAwaited(): boolean {
  return blockedWaits.size > 0;
}

class BlockedWait extends Wait<void> {
  readonly #stop: () => void;

  constructor(options: WaitOptions | undefined) {
    super('allTasksBlocked', undefined, options);
    blockedWaits.add(this);
    this.#stop = whenBlocked(() => {
      blockedWaits.delete(this);
      this.answer();
    }, this.task);
  }

  protected override withdraw(): void {
    blockedWaits.delete(this);
    this.#stop();
  }
}

/**
 * Waits until every other task waits. Use it in place of a short sleep in a test. A task that
 * awaits a foreign promise does not count as waiting; one that waits for I/O does. Cancellable.
 * trio: `wait_all_tasks_blocked`.
 * @throws CancelledError
 *
 * @example
 * ```ts
 * import { createTask, sleep } from 'maitre';
 * import { allTasksBlocked } from 'maitre/testing';
 * const task = createTask(() => sleep(1_000_000));
 * await allTasksBlocked(); // the task sleeps now
 * task.cancel();
 * ```
 */
export function allTasksBlocked(options?: WaitOptions): Promise<void> {
  return beginWait(options) ?? new BlockedWait(options).promise;
}
