// The frame around a program: one main task, the process signals, and an end that leaves nothing running.
import { disposable } from '../base/index.ts';
import { InvalidStateError } from './errors.ts';
import { host } from './host.ts';
import { callLater } from './schedule.ts';
import { reportException } from './exception-handler.ts';
import { sleep } from './sleep.ts';
import { checkTaskFunction, currentTask, liveTasks, spawn, type Task } from './task.ts';
import { traceStacks } from './tracing.ts';
import { untilDone } from './until-done.ts';

export interface RunOptions {
  /** First SIGINT or SIGTERM cancels main, the second ends the process. Default true. */
  readonly handleSignals?: boolean | undefined;
  /** Records stacks at waits and cancellations, for `task.stack()` and call graphs. Default false. */
  readonly debug?: boolean | undefined;
}

/** After how long an end that is still waiting for tasks says for which ones, milliseconds. */
const SLOW_END = 5000;

/**
 * Runs a program: `main` as a task, until it and everything it started have ended. The first SIGINT or SIGTERM cancels
 * main and lets its cleanup run; if that ends it, the process ends with 130 or 143. The second ends the process at once.
 * When main ends, the tasks that remain are cancelled and awaited, and their errors reported. asyncio: `run`.
 * @returns what main returned; rejects with what it threw
 * @throws InvalidStateError when called inside another run
 *
 * @example
 * ```ts
 * import { run, sleep } from 'maitre';
 * await run(async () => {
 *   await sleep(10);
 *   console.log('done');
 * });
 * ```
 */
export async function run<T>(main: () => PromiseLike<T> | T, options: RunOptions = {}): Promise<T> {
  checkTaskFunction(main, 'run main', 'run');
  const outer = currentTask();
  if (outer?.scope !== undefined) {
    throw new InvalidStateError(`Cannot run: ${outer.label} is inside a run already, await main() instead`);
  }
  const { handleSignals = true, debug = false } = options;
  const scope = {};
  const tracing = debug ? traceStacks() : undefined;
  const task = spawn(() => main(), { name: 'main', scope });
  task.markObserved(); // its outcome is run's own
  const signals = new Signals(task as Task<unknown>, handleSignals);
  try {
    try {
      await untilDone([task], 'ALL_COMPLETED', undefined, 'run', undefined);
    } finally {
      await endOthers(scope);
    }
    // Still listening: a second signal also ends the wait for a slow reader of the output.
    if (task.cancelled() && signals.first !== undefined) await host.end?.(128 + signals.first);
  } finally {
    signals[Symbol.dispose]();
    tracing?.[Symbol.dispose]();
  }
  return task.result();
}

/** Turns process signals into a cancel of main, and the second one into the end of the process. */
class Signals implements Disposable {
  /** The number of the first signal; undefined before it. */
  first: number | undefined = undefined;
  readonly #registration: Disposable;

  constructor(task: Task<unknown>, wanted: boolean) {
    const listen = wanted && host.onSignal !== undefined ? host.onSignal.bind(host) : undefined;
    this.#registration =
      listen?.((name, number) => {
        if (this.first !== undefined) host.exit?.(128 + number);
        this.first = number;
        task.cancelFor(`Cancelled: ${name} received`, { kind: 'signal', by: name });
      }) ?? disposable(() => undefined);
  }

  [Symbol.dispose](): void {
    this.#registration[Symbol.dispose]();
  }
}

/** Cancels and awaits what is left of a run, until nothing is: a cleanup may start tasks of its own. */
async function endOthers(scope: object): Promise<void> {
  const slow = callLater(SLOW_END, () => reportSlowEnd(scope));
  try {
    for (let left = tasksOf(scope); left.length > 0; left = tasksOf(scope)) {
      for (const task of left) task.cancelFor('Cancelled: run() is ending', { kind: 'shutdown' });
      await untilDone(left, 'ALL_COMPLETED', undefined, 'run', undefined);
    }
  } finally {
    slow.cancel();
  }
  await sleep(0); // the errors of this turn are reported at its end
  await sleep(0); // and what was written in it has left by now: the process may be ended by the next line
}

function reportSlowEnd(scope: object): void {
  const names = tasksOf(scope).map((task) => task.toString());
  reportException({
    message: 'run() is still waiting for cancelled tasks to end',
    error: new Error(`these have not ended ${SLOW_END} ms after their cancel: ${names.join(', ')}`),
  });
}

function tasksOf(scope: object): Task<unknown>[] {
  return [...liveTasks()].filter((task) => task.scope === scope);
}
