// One suite for everything that implements Duplex: memory, TCP, TLS, Unix and pipe pairs behave
// alike, or a check shows where they do not. The checks themselves are in duplex-checks.ts.
//
// Every check receives a fresh pair and BOUND milliseconds, and leaves both ends aborted and gone.
// The time is the time of the clock in use: on a fake clock, a check that hangs fails at once if it
// waits for nothing real.
import { createTask, type Task } from '../core/index.ts';
import type { Duplex } from '../streams/index.ts';
import { type Check, checks, type Start } from './duplex-checks.ts';
import { errorOf, runBounded } from './expect.ts';

/** The time that a check may take, in milliseconds. */
const BOUND = 10_000;

/** One check of the suite. */
export interface DuplexCheck {
  /** The claim that holds if the check passes. */
  readonly name: string;
  /** Makes a pair and checks it. Rejects with an error that names the check. */
  readonly run: () => Promise<void>;
}

/** Makes two fresh ends that are connected. */
export type MakeDuplexPair = () => PromiseLike<[Duplex, Duplex]> | [Duplex, Duplex];

/**
 * Returns the checks of `checkDuplex` one by one, so that each can be a test of its own.
 * @param makePair makes a fresh pair for each check
 *
 * @example
 * ```ts
 * import test from 'node:test';
 * import { duplexChecks, memoryStreamPair } from 'maitre/testing';
 * for (const { name, run } of duplexChecks(memoryStreamPair)) void test(`memory pair: ${name}`, run);
 * ```
 */
export function duplexChecks(makePair: MakeDuplexPair): readonly DuplexCheck[] {
  return Object.entries(checks).map(([name, check]) => ({ name, run: () => runCheck(name, check, makePair) }));
}

/**
 * Checks that two connected ends keep every promise of a Duplex: order, flow control, ends,
 * cancellation, loss. Each check receives a pair of its own from `makePair`, and 10,000 ms.
 * Cancellable.
 * @throws Error that names the first check that failed or hung, with what happened as its `cause`
 * @throws CancelledError
 *
 * @example
 * ```ts
 * import { checkDuplex, memoryStreamPair } from 'maitre/testing';
 * await checkDuplex(() => memoryStreamPair({ limit: 1024 }));
 * ```
 */
export async function checkDuplex(makePair: MakeDuplexPair): Promise<void> {
  for (const { run } of duplexChecks(makePair)) await run();
}

async function runCheck(name: string, check: Check, makePair: MakeDuplexPair): Promise<void> {
  const title = `Duplex check ${JSON.stringify(name)}`;
  const pair = await makePair();
  const tasks: Task<unknown>[] = [];
  const start: Start = (fn) => {
    const task = createTask(fn, { eager: true });
    task.markHandled(); // a check that failed before it awaited this task has its own error
    tasks.push(task as Task<unknown>);
    return task;
  };
  try {
    await runBounded(title, BOUND, () => check(pair, start));
  } finally {
    for (const task of tasks) task.cancel();
    for (const end of pair) end.abort();
  }
  await runBounded(`${title} (the end of both ends)`, BOUND, async () => {
    for (const end of pair) await end.writer.waitClosed();
    for (const task of tasks) await errorOf(task);
  });
}
