// The check at the end of every test: nothing that it started is left, and every error reached a
// caller.
import { type ExceptionContext, host, liveTasks, nextDeadline, setExceptionHandler } from '../core/index.ts';

/** The number of turns that things have to end after the body has. */
const TURNS = 50;

/**
 * Runs the body of a test, then throws unless everything it started has ended: tasks, deadlines of
 * maitre, sockets, servers, timers and processes of the host. Errors that reached no caller also
 * fail the test, unless the body sets its own exception handler.
 * @returns what the body returns
 * @throws Error that lists what is left, or what the body throws
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
    if (kind !== 'own') counts.set(name, (counts.get(name) ?? 0) + 1); // 'own': such as the turn waited for
  }
  return counts;
}
