// The check every test ends with: nothing it started is left, and no error went unheard.
import { type ExceptionContext, host, liveTasks, nextDeadline, setExceptionHandler } from '../core/index.ts';

/** How many turns of the loop things get to end after the body has. */
const TURNS = 50;

/**
 * Runs a test's body and then throws unless all it started has ended: tasks, deadlines of maitre, sockets, servers, timers
 * and processes of the host. Errors that reached no receiver fail it too, unless the body sets its own exception handler.
 *
 * @example
 * ```ts
 * import { createTask, sleep } from 'maitre';
 * import { withLeakCheck } from 'maitre/testing';
 * await withLeakCheck(async () => {
 *   await createTask(() => sleep(1)); // leaving out this `await` would fail
 * });
 * ```
 */
export async function withLeakCheck<T>(body: () => PromiseLike<T> | T): Promise<T> {
  const unheard: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => unheard.push(context));
  const tasksBefore = new Set(liveTasks());
  const resourcesBefore = countResources();
  const deadlineBefore = nextDeadline();
  const result = await body();
  let leaks: string[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    await new Promise<void>((resolve) => host.nextTurn(resolve));
    leaks = findLeaks(tasksBefore, resourcesBefore, deadlineBefore);
    if (leaks.length === 0 && turn > 1) break;
  }
  for (const { message, error } of unheard) leaks.push(`unheard error: ${message}: ${String(error)}`);
  if (leaks.length > 0) {
    const cause = unheard[0]?.error;
    throw new Error(`The test left behind:\n    ${leaks.join('\n    ')}`, cause === undefined ? {} : { cause });
  }
  return result;
}

function findLeaks(
  tasksBefore: ReadonlySet<unknown>,
  resourcesBefore: ReadonlyMap<string, number>,
  deadlineBefore: number | undefined,
): string[] {
  const leaks: string[] = [];
  for (const task of liveTasks()) if (!tasksBefore.has(task)) leaks.push(String(task));
  if (nextDeadline() !== undefined && deadlineBefore === undefined) leaks.push('a deadline of maitre');
  for (const [kind, count] of countResources()) {
    const more = count - (resourcesBefore.get(kind) ?? 0);
    if (more > 0) leaks.push(`${more} ${kind}`);
  }
  return leaks;
}

function countResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { name, class: kind } of host.activeResources?.() ?? []) {
    if (kind !== 'own') counts.set(name, (counts.get(name) ?? 0) + 1); // what comes and goes by itself, as the turn the check waits for
  }
  return counts;
}
