// Knowing that nothing moves: every task stands at a wait that nobody has decided yet, for two turns: what was written in the
// first has left at its end.
import { host, liveTasks, soonCount, Wait, type WaitOptions, beginWait, waitsOf } from '../core/index.ts';

/** True when every live task stands at an undecided wait and nothing is scheduled for the next turn. */
export function isBlocked(except?: object): boolean {
  if (soonCount() > 0) return false;
  for (const task of liveTasks()) {
    if (task !== except && !waitsOf(task).some((wait) => wait.waiting)) return false;
  }
  return true;
}

/** Calls `fn` once everything but `except` is blocked. The result takes that back. */
export function whenBlocked(fn: () => void, except?: object): () => void {
  let wanted = true;
  // A turn that found everything blocked counts only if the turn after it does: what I/O brings needs a turn to arrive.
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

/** True while somebody awaits allTasksBlocked(): that comes before any jump of a clock. trio: the cushion. */
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
 * Resolves when every other task waits: in place of a short sleep in a test. A task that awaits a foreign promise is not
 * counted as waiting; one that waits for I/O is. trio: `wait_all_tasks_blocked`.
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
