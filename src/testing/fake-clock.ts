// FakeClock: time that a test controls. trio: `MockClock(autojump_threshold=0)`.
//
// While a FakeClock is installed, loopTime() returns its time, and every deadline of maitre
// (sleeps, timeouts, callLater) waits for it. The timers and the I/O of the host go on as usual. A
// deadline fires only in advance(), or in a jump of runWithFakeClock.
import { notNegativeMs } from '../base/index.ts';
import {
  currentTask,
  describeTask,
  InvalidStateError,
  liveTasks,
  nextDeadline,
  replaceTime,
  run,
  runDue,
  type Task,
  host,
  waiting,
} from '../core/index.ts';
import { allTasksBlocked, isAwaited, whenBlocked } from './blocked.ts';
import { Stillness } from './stillness.ts';

/**
 * A clock that stands still until you move it. Making it installs it; disposing it installs the
 * host's clock again. Only one can be installed at a time. trio: `MockClock`.
 *
 * @example
 * ```ts
 * import { createTask, sleep } from 'maitre';
 * import { FakeClock } from 'maitre/testing';
 * using clock = new FakeClock();
 * const task = createTask(() => sleep(60_000, 'an hour is nothing'));
 * await clock.advance(60_000);
 * console.log(task.result());
 * ```
 */
export class FakeClock implements Disposable {
  #now = 0;
  #advancing = 0;
  readonly #installed: Disposable;

  constructor() {
    this.#installed = replaceTime({ now: () => this.#now });
  }

  /** The fake time, in milliseconds since this clock was made. */
  now(): number {
    return this.#now;
  }

  /** True while an advance() is in progress. Nothing else may jump then. @internal */
  get advancing(): boolean {
    return this.#advancing > 0;
  }

  /**
   * Moves the time on by `ms` milliseconds. Stops at every deadline on the way until all tasks wait
   * again: what a task does after a sleep of 10 happens at 10. Resolves when everything due by then
   * has happened.
   * @param ms milliseconds
   */
  advance(ms: number): Promise<void> {
    return waiting(this.#advance(ms));
  }

  async #advance(ms: number): Promise<void> {
    notNegativeMs('advance the clock', '', ms);
    const until = this.#now + ms;
    this.#advancing++;
    try {
      await allTasksBlocked();
      for (let next = nextDeadline(); next !== undefined && next <= until; next = nextDeadline()) {
        this.#jump(next);
        await allTasksBlocked();
      }
      this.#now = Math.max(this.#now, until); // another advance() may have gone further
    } finally {
      this.#advancing--;
    }
  }

  /** Jumps to the next deadline, if there is one, and fires it. @internal */
  jump(): void {
    const next = nextDeadline();
    if (next !== undefined) this.#jump(next);
  }

  /**
   * Moves the time on by `ms` milliseconds at once, as code that keeps the loop does: what is due
   * meanwhile fires afterwards. @internal
   */
  elapse(ms: number): void {
    this.#now += ms;
  }

  /** `<FakeClock at 250 ms>`, for logs. */
  toString(): string {
    return `<FakeClock at ${this.#now} ms>`;
  }

  /** Installs the host's clock again. */
  [Symbol.dispose](): void {
    this.#installed[Symbol.dispose]();
  }

  #jump(when: number): void {
    this.#now = Math.max(this.#now, when);
    runDue();
  }
}

/**
 * The real milliseconds without movement and without a deadline after which a run counts as
 * deadlocked.
 */
const DEADLOCK_AFTER = 3000;

/**
 * Runs `fn` as `run` does, on a fake clock that jumps to the next deadline whenever every task
 * waits. Hours pass in milliseconds, in the right order. Tasks that wait for real I/O count as
 * waiting. While sockets are open, the clock jumps only after nothing has moved for three real
 * milliseconds. trio: `MockClock(autojump_threshold=0)`.
 * @throws InvalidStateError that lists the waits if all tasks wait and no deadline is left for some
 * real seconds
 * @throws what `fn` throws
 *
 * @example
 * ```ts
 * import { sleep } from 'maitre';
 * import { runWithFakeClock } from 'maitre/testing';
 * await runWithFakeClock(async (clock) => {
 *   await sleep(3_600_000);
 *   console.log(clock.now()); // 3600000
 * });
 * ```
 */
export async function runWithFakeClock<T>(fn: (clock: FakeClock) => PromiseLike<T> | T): Promise<T> {
  const clock = new FakeClock();
  let task: Task<unknown> | undefined;
  const body = (): PromiseLike<T> | T => {
    task = currentTask();
    return fn(clock);
  };
  const stillness = new Stillness();
  const main = run(body, { handleSignals: false });
  let running = true;
  let stop = (): void => undefined;
  let stuck: InvalidStateError | undefined;
  const deadlock = new Promise<never>((_, reject) => {
    let idleSince: number | undefined;
    const step = (): void => {
      if (!running) return;
      const mayJump = !clock.advancing && !isAwaited() && nextDeadline() !== undefined;
      if (mayJump && stillness.reached()) {
        clock.jump();
        idleSince = undefined;
      } else if (!mayJump && (idleSince ??= host.now()) + DEADLOCK_AFTER < host.now()) {
        if (stuck !== undefined) {
          reject(stuck); // the cleanup is stuck too: leave everything
          return;
        }
        stuck = new InvalidStateError(
          `Cannot go on: every task waits and no deadline is set\n${[...liveTasks()].map(describeTask).join('\n')}`,
        );
        idleSince = undefined;
        task?.cancel(stuck.message); // ends the run, so that nothing is left behind
      } else {
        // Real I/O may be in transit, so look again, without using a core for it.
        const timer = host.setTimer(1, look);
        stop = () => host.clearTimer(timer);
        return;
      }
      look();
    };
    const look = (): void => {
      stop = whenBlocked(step);
    };
    look();
  });
  try {
    const value = await Promise.race([main, deadlock]);
    if (stuck === undefined) return value;
  } catch (error) {
    if (stuck === undefined) throw error;
  } finally {
    running = false;
    stop();
    clock[Symbol.dispose]();
  }
  throw stuck;
}
