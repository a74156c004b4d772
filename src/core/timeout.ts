// Deadlines for a part of a task. Semantics: asyncio.timeout (3.12), in the same task, on the cancel count.
//
// States of a Timeout: ACTIVE --deadline--> EXPIRING --body ends--> EXPIRED
//                         \-------------body ends--------------> FINISHED
//
// When the deadline passes, the task is cancelled once. When the body ends, that cancel is taken back (`uncancel`); only
// if the count is then no higher than at the start, nobody else has cancelled, and a CancelledError becomes a
// TimeoutError. Otherwise the other's cancel goes on outwards: nested timeouts and outside cancels stay right.
import type { Deadline } from '../base/index.ts';
import { Awaitable } from './awaitable.ts';
import { CancelledError, InvalidStateError, TimeoutError } from './errors.ts';
import { addDeadline, addSoon, checkMs, deleteDeadline, loopTime } from './schedule.ts';
import { cancellable } from './sleep.ts';
import { checkTaskFunction, inTask, type Task } from './task.ts';
import { untilDone } from './until-done.ts';
import { checkpoint, type WaitOptions } from './wait.ts';
import { checkWork, type Work } from './work.ts';

const ACTIVE = 0;
const EXPIRING = 1;
const EXPIRED = 2;
const FINISHED = 3;

/** A running deadline, given to the body of `timeout`, `timeoutAt` and `moveOnAfter`. */
export class Timeout {
  #state: 0 | 1 | 2 | 3 = ACTIVE;
  readonly #task: Task<unknown>;
  readonly #cancelsBefore: number;
  /** How long it was, for the message; undefined when it was given as a point in time. */
  readonly #ms: number | undefined;
  #when: number | null;
  #alarm: Alarm | undefined;

  /** @internal */
  constructor(task: Task<unknown>, when: number | null, ms: number | undefined) {
    this.#task = task;
    this.#cancelsBefore = task.cancelling();
    this.#ms = ms;
    this.#when = when;
    this.#arm();
  }

  /** When it is due on the loop's clock (`loopTime()`), milliseconds; null for never. */
  when(): number | null {
    return this.#when;
  }

  /** True once the deadline has passed, even when the body ended well. */
  expired(): boolean {
    return this.#state === EXPIRING || this.#state === EXPIRED;
  }

  /** The signal of the task it guards, to pass on where there is no ambient task (browsers). */
  get signal(): AbortSignal {
    return this.#task.signal;
  }

  /** Moves the deadline to `when` on the loop's clock; null takes it away. InvalidStateError once it passed or the body ended. */
  reschedule(when: number | null): void {
    if (this.#state !== ACTIVE) {
      throw new InvalidStateError(
        `Cannot reschedule the timeout: it is ${this.expired() ? 'expired' : 'finished'}, not active`,
      );
    }
    if (when !== null) checkMs(when, 'reschedule the timeout');
    this.#disarm();
    this.#when = when;
    this.#arm();
  }

  /** Ends the body's part. True when `error`, which the body threw, is this deadline's own cancel. @internal */
  finish(error: unknown): error is CancelledError {
    this.#disarm();
    if (this.#state !== EXPIRING) {
      this.#state = FINISHED;
      return false;
    }
    this.#state = EXPIRED;
    return this.#task.uncancelTo(this.#cancelsBefore) && error instanceof CancelledError;
  }

  /** What the caller gets when the deadline ended the body. @internal */
  error(cause: CancelledError): TimeoutError {
    return new TimeoutError(`Timed out: ${this.#words()} in ${this.#task.label}`, { cause });
  }

  #words(): string {
    return this.#ms === undefined ? 'the deadline passed' : `${this.#ms} ms passed`;
  }

  #arm(): void {
    const when = this.#when;
    if (when === null || when === Infinity) return;
    this.#alarm = new Alarm(when, () => this.#expire());
    // A deadline that has passed already fires in the next turn, before any sleep(0) begun after it.
    if (when <= loopTime()) addSoon(this.#alarm);
    else addDeadline(this.#alarm);
  }

  #disarm(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
  }

  #expire(): void {
    this.#state = EXPIRING;
    const words = this.#ms === undefined ? 'deadline' : `timeout of ${this.#ms} ms`;
    this.#task.cancelFor(`Cancelled: ${words} in ${this.#task.label} passed`, { kind: 'timeout', by: this });
  }
}

/** The timeout's entry among the deadlines or in the next turn. */
class Alarm implements Deadline {
  when: number;
  slot = -1;
  order = 0;
  #fire: (() => void) | undefined;

  constructor(when: number, fire: () => void) {
    this.when = when;
    this.#fire = fire;
  }

  due(): void {
    this.#fire?.();
  }

  cancel(): void {
    this.#fire = undefined;
    deleteDeadline(this);
  }
}

/**
 * Runs `fn` with a deadline `ms` milliseconds from now; null for none. When it passes, the task is cancelled at its wait
 * inside `fn`, and the call rejects with TimeoutError once `fn` has cleaned up. 0 or less fires at the next wait. An
 * outside cancel of the task comes through as CancelledError. Outside of a task, `fn` becomes one. asyncio: `timeout`.
 *
 * @example
 * ```ts
 * import { sleep, timeout, TimeoutError } from 'maitre';
 * try {
 *   await timeout(10, () => sleep(1000));
 * } catch (error) {
 *   console.log(error instanceof TimeoutError);
 * }
 * ```
 */
export async function timeout<T>(
  ms: number | null,
  fn: (t: Timeout) => PromiseLike<T> | T,
  options?: WaitOptions,
): Promise<T> {
  if (ms !== null) checkMs(ms, 'set a timeout');
  checkTaskFunction(fn, 'set a timeout', 'timeout');
  return guard(fn, ms === null ? null : loopTime() + ms, ms ?? undefined, options);
}

/** `timeout` with a point in time on the loop's clock (`loopTime()`) in place of a duration. asyncio: `timeout_at`. */
export async function timeoutAt<T>(
  when: number | null,
  fn: (t: Timeout) => PromiseLike<T> | T,
  options?: WaitOptions,
): Promise<T> {
  if (when !== null) checkMs(when, 'set a timeout');
  checkTaskFunction(fn, 'set a timeout', 'timeoutAt');
  return guard(fn, when, undefined, options);
}

/**
 * `timeout` that gives up quietly: resolves to undefined when the deadline ended `fn`. trio: `move_on_after`.
 *
 * @example
 * ```ts
 * import { moveOnAfter, sleep } from 'maitre';
 * console.log(await moveOnAfter(10, () => sleep(1000, 'slow'))); // undefined
 * ```
 */
export async function moveOnAfter<T>(
  ms: number,
  fn: (t: Timeout) => PromiseLike<T> | T,
  options?: WaitOptions,
): Promise<T | undefined> {
  checkMs(ms, 'set a timeout');
  checkTaskFunction(fn, 'set a timeout', 'moveOnAfter');
  return guard<T | undefined>(fn, loopTime() + ms, ms, options, () => undefined);
}

/**
 * Waits for `work` for at most `ms` milliseconds; null for ever. A function runs in the calling task; a Task or Future is
 * cancelled when the time is over, and waited for; a foreign promise is only left alone. With 0 or less, work that is
 * not done is not started. asyncio: `wait_for`.
 * @throws TimeoutError when the time is over, after the work has ended
 */
export async function waitFor<T>(work: Work<T>, ms: number | null, options?: WaitOptions): Promise<T> {
  checkWork(work, 'wait for the work');
  if (ms !== null) checkMs(ms, 'wait for the work');
  const when = ms === null ? null : loopTime() + ms;
  const late = ms !== null && ms <= 0;
  const refused = checkpoint(options);
  if (refused !== undefined) {
    leave(work, refused);
    return refused;
  }
  if (typeof work === 'function') {
    if (late) throw new TimeoutError('Timed out: no time was left, the work was not started');
    return guard(work, when, ms ?? undefined, options);
  }
  if (work instanceof Awaitable) {
    if (work.done()) return work.result();
    return late ? cancelAndWait(work, options) : guard(() => work, when, ms ?? undefined, options);
  }
  return guard(() => cancellable(work, options), when, ms ?? undefined, options);
}

/** What a cancel of the call does to work that it never came to wait for: the same as one that comes later. */
function leave(work: Work<unknown>, refused: Promise<never>): void {
  if (typeof work === 'function') return;
  if (work instanceof Awaitable) refused.catch((error) => error instanceof CancelledError && work.cancelWith(error));
  else work.then(undefined, () => undefined); // nobody will hear of it: the caller got the cancellation instead
}

async function cancelAndWait<T>(work: Awaitable<T>, options: WaitOptions | undefined): Promise<T> {
  work.cancelFor('Cancelled: no time was left to wait for it', { kind: 'timeout' });
  await untilDone([work], 'ALL_COMPLETED', undefined, 'waitFor', options);
  try {
    return work.result();
  } catch (error) {
    if (!work.cancelled()) throw error;
    throw new TimeoutError(`Timed out: no time was left to wait for ${work.label}`, { cause: error });
  }
}

/** Runs `fn` under a deadline; `late` says what the caller gets when the deadline ended it, a TimeoutError by default. */
function guard<T>(
  fn: (t: Timeout) => PromiseLike<T> | T,
  when: number | null,
  ms: number | undefined,
  options: WaitOptions | undefined,
  late?: () => T,
): Promise<T> {
  const body = async (task: Task<unknown>): Promise<T> => {
    const deadline = new Timeout(task, when, ms);
    try {
      const value = await fn(deadline);
      deadline.finish(undefined);
      return value;
    } catch (error) {
      if (!deadline.finish(error)) throw error;
      if (late !== undefined) return late();
      throw deadline.error(error);
    }
  };
  return inTask('timeout', body, options);
}
