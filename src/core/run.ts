// The frame around a program: one main task, the process signals, and an end that leaves nothing running.
//
// How a run ends:
// - Main ends: what it left is ended within the grace (program.ts), and run settles with main's outcome.
// - The first signal: the grace begins, and main is cancelled. If the cancel is what ended main, or time ran out, the process ends
//   with 128 + the signal's number; a main that handled it and returned has its value stand.
// - A second signal, or the first one while the run is ending by itself: the process ends at once.
// - The loop runs empty while main waits: nothing can wake it any more. Who waits for what is printed, everything is
//   cancelled, and run rejects with InvalidStateError. Unless that is caught, the process exits with 13, as Node does for a
//   top-level await that is never settled.
import { type Checks, checkOptions, disposable, flag, notNegativeMs } from '../base/index.ts';
import { InvalidStateError } from './errors.ts';
import { reportException } from './exception-handler.ts';
import { host } from './host.ts';
import { describeTask, Program } from './program.ts';
import { sleep } from './sleep.ts';
import { checkTaskFunction, currentTask, spawn, type Task } from './task.ts';
import { traceStacks, withoutStack } from './tracing.ts';
import { untilDone } from './wait-for-many.ts';

export interface RunOptions {
  /** First SIGINT or SIGTERM cancels main, the second ends the process. Default true. */
  readonly handleSignals?: boolean | undefined;
  /** Records stacks at waits and cancellations, for `task.stack()` and call graphs. Default false. */
  readonly debug?: boolean | undefined;
  /**
   * Milliseconds that what main left, and after a signal main itself, gets to end by itself. At most 2,500 ms later whatever still
   * lives is named and left. Default 10,000.
   */
  readonly grace?: number | undefined;
}

/** All options of `run`. */
export const RUN: Checks<RunOptions> = { handleSignals: flag, debug: flag, grace: notNegativeMs };

const DEFAULT_GRACE = 10_000;
/** The exit code of a program that waits for what can never come. */
const DEADLOCKED = 13;

/**
 * Runs a program: `main` as a task, until it and everything it started have ended. The first SIGINT or SIGTERM cancels
 * main and lets its cleanup run; if that ends it, the process ends with 130 or 143. The second ends the process at once.
 * When main ends, what it left open or running is ended within `grace`: servers shut down, tasks are cancelled and awaited, then
 * connections and all else that has an end are closed, the latest first. What was left open is reported. asyncio: `run`.
 * Bun and Deno do not tell when a top-level await is all that is left: there a program whose tasks all wait goes on waiting.
 * @returns what main returned; rejects with what it threw
 * @throws InvalidStateError when called inside another run, and when every task waits and nothing is left that could wake one;
 * TypeError or RangeError for options that are wrong or unknown
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
  task.markHandled(); // its outcome is run's own
  const frame = new Frame(task as Task<unknown>, program, handleSignals);
  let ended = false;
  try {
    try {
      await frame.untilMainEnds();
    } finally {
      ended = await program.end();
      await sleep(0); // the errors of this turn are reported at its end
      await sleep(0); // and what was written in it has left by now: the process may be ended by the next line
    }
    // Still listening: a second signal also ends the wait for a slow reader of the output.
    if (frame.signal !== undefined && (task.cancelled() || !ended)) await host.exitWhenWritten?.(128 + frame.signal);
  } finally {
    frame[Symbol.dispose]();
    tracing?.[Symbol.dispose]();
  }
  if (frame.deadlock !== undefined) throw frame.deadlock;
  return task.result();
}

/** What reaches a program from outside while it runs: process signals, and the news that the loop has run empty. */
class Frame implements Disposable {
  /** The number of the first signal; undefined before it. */
  signal: number | undefined = undefined;
  /** What run rejects with when the loop ran empty while main waited. */
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
      host.onEmptyLoop?.(() => this.#onEmptyLoop()) ?? nothing,
    ];
  }

  /** Waits for main: without bound, until a signal or an empty loop has it cancelled. */
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
    if (this.deadlock === undefined && this.#main.done()) return; // what is left waits for its own end, in bounded time
    if (this.deadlock === undefined) {
      const waits = this.#program.tasks().map(describeTask).join('\n');
      this.deadlock = withoutStack(
        () => new InvalidStateError('Cannot go on: every task waits, and nothing is left that could wake one'),
      );
      host.exitWith?.(DEADLOCKED, this.deadlock);
      reportException({
        message: `run() cannot go on: nothing is left that could wake a task\n${waits}`,
        error: this.deadlock,
        brief: true, // it is thrown as well
      });
      this.#program.beginEnd();
      this.#main.cancelFor('Cancelled: run() cannot go on', { kind: 'shutdown' });
    }
    this.#program.ranEmpty();
  }
}
