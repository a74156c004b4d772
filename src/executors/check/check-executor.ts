// One suite for everything that implements Executor: threads, processes, browser workers and other
// machines behave alike, or a check shows where they do not. The checks themselves are in
// call-checks.ts and cancel-checks.ts.
//
// Every check makes executors of its own, and has BOUND milliseconds. Workers run on real time, so
// there is no use for a fake clock. A check waits for what must come: a job tells by report() that
// it has begun and that its cleanup ran.
import { type Checks, checkOptions, flag } from '../../base/index.ts';
import { Resource } from '../../core/index.ts';
import { expect, runBounded } from '../../testing/index.ts';
import type { Executor, ExecutorOptions } from '../index.ts';
import { callChecks, FAILS, RUNS_AGAIN } from './call-checks.ts';
import { cancelChecks } from './cancel-checks.ts';
import type * as jobs from './jobs.ts';
import type { Check, Subject, Use } from './use.ts';

/** The time that a check may take, in milliseconds. Workers may be slow to start. */
const BOUND = 45_000;

/** One check of the suite. */
export interface ExecutorCheck {
  /** The claim that holds if the check passes. */
  readonly name: string;
  /** Makes executors and checks them. Rejects with an error that names the check. */
  readonly run: () => Promise<void>;
}

/** Makes an executor with these options: `size`, `cancel`, `cancelGrace`, `maxQueue`, `overflow` and `name`. */
export type MakeExecutor = (options: ExecutorOptions) => PromiseLike<Executor> | Executor;

/** Options of `checkExecutor`. */
export interface ExecutorCheckOptions {
  /**
   * The address of the module of the jobs, for workers that cannot import it from where maitre is
   * installed. Defaults to the one that maitre ships.
   */
  readonly jobs?: URL | string | undefined;
  /**
   * Whether a job whose worker was lost runs again, with a higher `jobAttempt()`, instead of failing
   * with WorkerLostError. Defaults to false.
   */
  readonly atLeastOnce?: boolean | undefined;
}

const CHECK_EXECUTOR: Checks<ExecutorCheckOptions> = {
  jobs: () => undefined, // executor.module() checks it
  atLeastOnce: flag,
};

/**
 * Returns the checks of `checkExecutor` one by one, so that each can be a test of its own.
 * @param make makes an executor; the check shuts it down
 *
 * @example
 * ```ts
 * import test from 'node:test';
 * import { ThreadExecutor } from 'maitre/executors';
 * import { executorChecks } from 'maitre/testing';
 * for (const { name, run } of executorChecks((options) => new ThreadExecutor(options))) void test(`threads: ${name}`, run);
 * ```
 */
export function executorChecks(make: MakeExecutor, options: ExecutorCheckOptions = {}): readonly ExecutorCheck[] {
  checkOptions('check executor', options, CHECK_EXECUTOR);
  const { jobs: url = new URL('./jobs.js', import.meta.url), atLeastOnce = false } = options;
  const other = atLeastOnce ? FAILS : RUNS_AGAIN;
  return Object.entries({ ...callChecks, ...cancelChecks })
    .filter(([name]) => name !== other)
    .map(([name, check]) => ({ name, run: () => runCheck(name, check, make, { url, atLeastOnce }) }));
}

/**
 * Checks that an executor keeps every promise of the interface: results, errors, streams,
 * cancellation, timeouts, bounds, the loss of a worker, shutdown, and a storm of cancels. Each
 * check makes executors of its own, and has 45,000 ms. Cancellable.
 * @throws Error that names the first check that failed or hung, with what happened as its `cause`
 * @throws CancelledError
 *
 * @example
 * ```ts
 * import { ThreadExecutor } from 'maitre/executors';
 * import { checkExecutor } from 'maitre/testing';
 * await checkExecutor((options) => new ThreadExecutor(options));
 * ```
 */
export async function checkExecutor(make: MakeExecutor, options: ExecutorCheckOptions = {}): Promise<void> {
  for (const { run } of executorChecks(make, options)) await run();
}

async function runCheck(
  name: string,
  check: Check,
  make: MakeExecutor,
  { url, atLeastOnce }: Pick<Subject, 'atLeastOnce' | 'url'>,
): Promise<void> {
  const before = new Set(Resource.live);
  const use: Use = async (options, fn) => {
    await using executor = await make(options);
    await fn({ executor, url, heavy: executor.module<typeof jobs>(url), atLeastOnce });
  };
  await runBounded(`Executor check ${JSON.stringify(name)}`, BOUND, async () => {
    await check(use);
    const left = [...Resource.live].filter(
      (each) => (each.kind === 'job' || each.kind === 'executor') && !before.has(each),
    );
    expect(left.length === 0, `left over: ${left.join(', ')}`);
  });
}
