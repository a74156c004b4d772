// The frame around a program: one main task, the process signals, and an end that leaves nothing
// running.
//
// How a run ends:
// - Main ends: what it left open or running is ended within the grace (program.ts), and run settles
//   with main's outcome.
// - The first signal: the grace begins, and main is cancelled. If the cancel ended main, or time
//   ran out, the process ends with 128 + the number of the signal. If main handled the cancel and
//   returned a value, run resolves to the value.
// - A second signal, or the first one while the run is already ending: the process ends at once.
// - The loop runs empty while main waits: nothing can wake main any more. Run prints who waits for
//   what, cancels everything, and rejects with InvalidStateError. Unless the program catches that,
//   the process exits with 13, as Node does for a top-level await that never settles.
//
// States of a Frame: RUNNING --(main ends, a signal, an empty loop)--> ENDING --(program.end()
// settles)--> OVER. `signal` and `deadlock` say what began the end. Both are undefined if main
// ended by itself.
import { type Checks, checkOptions, disposable, flag, notNegativeMs } from '../base/index.ts';
import { InvalidStateError } from './errors.ts';
import { reportException } from './exception-handler.ts';
import { host } from './host.ts';
import { describeTask, Program } from './program.ts';
import { sleep } from './sleep.ts';
import { checkTaskFunction, currentTask, spawn, type Task } from './task.ts';
import { traceStacks, withoutStack } from './tracing.ts';
import { untilDone } from './wait-for-many.ts';

/** Options of `run`. */
export interface RunOptions {
  /**
   * If true, the first SIGINT or SIGTERM cancels main, and the second ends the process. SIGUSR2
   * prints what clients and tasks wait for, unless the program listens for it. Default: true.
   */
  readonly handleSignals?: boolean | undefined;
  /**
   * If true, waits and cancellations record their stacks, for `task.stack()` and call graphs.
   * Default: false.
   */
  readonly debug?: boolean | undefined;
  /**
   * Milliseconds for an orderly end: for what main left open or running and, after a signal, for
   * main itself. What still lives at most 2,500 ms later is reported and left. Default: 10,000.
   */
  readonly grace?: number | undefined;
}

/** The checks of all options of `run`. */
export const RUN: Checks<RunOptions> = { handleSignals: flag, debug: flag, grace: notNegativeMs };

const DEFAULT_GRACE = 10_000;
/** The exit code of a program in which every task waits and nothing can wake one. */
const DEADLOCKED = 13;

/**
 * Runs a program: `main` as a task, until it and everything it started have ended. asyncio: `run`.
 * - The first SIGINT or SIGTERM cancels main and lets its cleanup run. If that ends main, the
 *   process ends with 130 or 143. The second signal ends the process at once.
 * - When main ends, what it left open or running is ended within `grace`: servers shut down, tasks
 *   are cancelled and awaited, then connections and all other resources that have an end are
 *   closed, the latest first. What was left open is reported.
 *
 * Bun and Deno do not report when only a top-level await is left. There, a program whose tasks all
 * wait goes on waiting.
 * @param main the program, called once
 * @param options `handleSignals`, `debug`, and `grace` in milliseconds
 * @returns what main returned
 * @throws what main throws; InvalidStateError inside another run, and when every task waits and
 *   nothing can wake one; TypeError or RangeError for wrong or unknown options
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
  if (outer?.program !== undefined) {
    throw new InvalidStateError(`Cannot run: ${outer.label} is inside a run already, await main() instead`);
  }
  checkOptions('run', options, RUN);
  const { handleSignals = true, debug = false, grace = DEFAULT_GRACE } = options;
  const program = new Program(grace);
  const tracing = debug ? traceStacks() : undefined;
  const task = spawn(() => main(), { name: 'main', program });
  task.markHandled(); // run passes its outcome on
  const frame = new Frame(task as Task<unknown>, program, handleSignals);
  let ended = false;
  try {
    try {
      await frame.untilMainEnds();
    } finally {
      ended = await program.end();
      await sleep(0); // lets the errors of this turn be reported, at its end
      await sleep(0); // lets what was written in it leave: the next line may end the process
    }
    // The signal listeners are still there: a second signal also ends the wait for a slow reader of
    // the output.
    if (frame.signal !== undefined && (task.cancelled() || !ended)) await host.exitWhenWritten?.(128 + frame.signal);
  } finally {
    frame[Symbol.dispose]();
    tracing?.[Symbol.dispose]();
  }
  if (frame.deadlock !== undefined) throw frame.deadlock;
  return task.result();
}

/**
 * What reaches a program from outside while it runs: process signals, and the host's notice that
 * the loop is empty.
 */
class Frame implements Disposable {
  /** The number of the first signal; undefined before it. */
  signal: number | undefined = undefined;
  /** What run rejects with when the loop ran empty while main waited; undefined otherwise. */
  deadlock: InvalidStateError | undefined = undefined;
  readonly #main: Task<unknown>;
  readonly #program: Program;
  readonly #registrations: readonly Disposable[];

  constructor(main: Task<unknown>, program: Program, handleSignals: boolean) {
    this.#main = main;
    this.#program = program;
    const nothing = disposable(() => undefined);
    const onSignal = handleSignals && host.onSignal !== undefined ? host.onSignal.bind(host) : undefined;
    this.#registrations = [
      onSignal?.(['SIGINT', 'SIGTERM'], (name, number) => this.#onSignal(name, number)) ?? nothing,
      (handleSignals ? host.onRun?.() : undefined) ?? nothing,
      host.onEmptyLoop?.(() => this.#onEmptyLoop()) ?? nothing,
    ];
  }

  /**
   * Waits for main to end: without a limit at first, and for a limited time once a signal or an
   * empty loop has cancelled it.
   */
  async untilMainEnds(): Promise<void> {
    const main = this.#main;
    await untilDone([main, this.#program.begun], 'FIRST_COMPLETED', undefined, 'run', undefined, false);
    if (!main.done()) await this.#program.untilDone(main);
  }

  [Symbol.dispose](): void {
    for (const registration of this.#registrations) registration[Symbol.dispose]();
  }

  #onSignal(name: string, number: number): void {
    if (this.#program.ending) host.exitNow?.(128 + number);
    this.signal = number;
    this.#program.beginEnd();
    this.#main.cancelFor(`Cancelled: ${name} received`, { kind: 'signal', by: name });
  }

  #onEmptyLoop(): void {
    if (this.deadlock === undefined && this.#main.done()) return; // what is left ends by itself, in bounded time
    if (this.deadlock === undefined) {
      const waits = this.#program.tasks().map(describeTask).join('\n');
      this.deadlock = withoutStack(
        () => new InvalidStateError('Cannot go on: every task waits, and nothing is left that could wake one'),
      );
      host.exitWith?.(DEADLOCKED, this.deadlock);
      reportException({
        message: `run() cannot go on: nothing is left that could wake a task\n${waits}`,
        error: this.deadlock,
        brief: true, // run throws it as well
      });
      this.#program.beginEnd();
      this.#main.cancelFor('Cancelled: run() cannot go on', { kind: 'shutdown' });
    }
    this.#program.ranEmpty();
  }
}
