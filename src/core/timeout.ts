// Deadlines for a part of a task. Semantics: asyncio.timeout (3.12), in the same task, with a scope of its own (scope.ts).
//
// States of a Timeout: ACTIVE --deadline--> EXPIRING --body ends--> EXPIRED
//                         \-------------body ends--------------> FINISHED
//
// - When the deadline passes, the scope of the body is cancelled once: the waits begun inside the body, and nothing beside it.
// - When the body ends, the scope is closed. If it was cancelled by nobody around it (`outside` is 0), a CancelledError
//   becomes a TimeoutError; otherwise the other's cancel goes on outwards. So nested timeouts and outside cancels stay right.
import type { Deadline } from '../base/index.ts';
import { Awaitable } from './awaitable.ts';
import { passCancel } from './cancel-pass.ts';
import { checkMs, loopTime } from './clock.ts';
import { beginWait, quiet, signalOf, waiting, type WaitOptions } from './current-waiter.ts';
import { addDeadline, deleteDeadline } from './deadlines.ts';
import { CancelledError, InvalidStateError, TimeoutError } from './errors.ts';
import { closeScope, InnerScope, runInScope, type Scope } from './scope.ts';
import { cancellable } from './sleep.ts';
import { checkTaskFunction, inTask } from './task.ts';
import { makeCancelledError } from './tracing.ts';
import { addSoon } from './turn.ts';
import { untilDone } from './wait-for-many.ts';
import { checkWork, leaveWork, type Work } from './work.ts';

const ACTIVE = 0;
const EXPIRING = 1;
const EXPIRED = 2;
const FINISHED = 3;

/** The scope of a timeout's body, and its entry among the deadlines: one object for both. */
class DeadlineScope extends InnerScope implements Deadline {
  slot = -1;
  order = 0;
  /** Undefined while the deadline is taken away. */
  timeout: Timeout | undefined = undefined;

  get when(): number {
    return this.deadline;
  }

  due(): void {
    // It may have been moved on since it was put into the next turn.
    if (this.timeout !== undefined && this.deadline <= loopTime()) expire(this.timeout);
  }
}

let expire: (timeout: Timeout) => void; // set by the class
type MakeTimeout = new (scope: DeadlineScope, when: number | null, ms: number | undefined) => Timeout;

/** A running deadline, passed to the body of `timeout`, `timeoutAt` and `moveOnAfter`. */
export class Timeout {
  #state: 0 | 1 | 2 | 3 = ACTIVE;
  readonly #scope: DeadlineScope;
  /** How long it was, for the message; undefined when it was given as a point in time. */
  readonly #ms: number | undefined;

  static {
    expire = (running): void => running.#expire();
  }

  private constructor(scope: DeadlineScope, when: number | null, ms: number | undefined) {
    this.#scope = scope;
    this.#ms = ms;
    this.#arm(when);
  }

  /** When it is due on the loop's clock (`loopTime()`), milliseconds; null for never. */
  when(): number | null {
    const { deadline } = this.#scope;
    return deadline === Infinity ? null : deadline;
  }

  /** True once the deadline has passed, even when the body ended well. */
  expired(): boolean {
    return this.#state === EXPIRING || this.#state === EXPIRED;
  }

  /**
   * Aborts when this deadline passes or something around it is cancelled; never for a timeout inside it, and never after the body
   * has ended. For foreign APIs, and to pass on where there is no ambient task (browsers).
   */
  get signal(): AbortSignal {
    return signalOf(this.#scope);
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
    this.#arm(when);
  }

  /** `<Timeout active>`, for logs. */
  toString(): string {
    return `<Timeout ${this.#state === ACTIVE ? 'active' : this.expired() ? 'expired' : 'finished'}>`;
  }

  /** Ends the body's part. True when `error`, which the body threw, is this deadline's own cancel. @internal */
  finish(error: unknown): error is CancelledError {
    this.#disarm();
    closeScope(this.#scope);
    if (this.#state !== EXPIRING) {
      this.#state = FINISHED;
      return false;
    }
    this.#state = EXPIRED;
    return this.#scope.outside === 0 && error instanceof CancelledError;
  }

  /** What the caller gets when the deadline ended the body. @internal */
  error(cause: CancelledError): TimeoutError {
    return new TimeoutError(`Timed out: ${this.#words()} in ${this.#scope.task.label}`, { cause });
  }

  #words(): string {
    return this.#ms === undefined ? 'the deadline passed' : `${this.#ms} ms passed`;
  }

  #arm(when: number | null): void {
    const scope = this.#scope;
    scope.deadline = when ?? Infinity;
    if (scope.deadline === Infinity) return;
    scope.timeout = this;
    // A deadline that has passed already fires in the next turn, before any sleep(0) begun after it.
    if (scope.deadline <= loopTime()) addSoon(scope);
    else addDeadline(scope);
  }

  #disarm(): void {
    if (this.#scope.timeout === undefined) return;
    this.#scope.timeout = undefined;
    deleteDeadline(this.#scope);
  }

  #expire(): void {
    this.#state = EXPIRING;
    const words = this.#ms === undefined ? 'deadline' : `timeout of ${this.#ms} ms`;
    const { label } = this.#scope.task;
    const reason = { kind: 'timeout', by: this } as const;
    passCancel(this.#scope, makeCancelledError(`Cancelled: ${words} in ${label} passed`, reason));
  }
}

/**
 * Runs `fn` with a deadline `ms` milliseconds from now; null for none. When it passes, what waits inside `fn` is
 * cancelled, and the call rejects with TimeoutError once `fn` has cleaned up. 0 or less fires at the next wait. An
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
export function timeout<T>(
  ms: number | null,
  fn: (t: Timeout) => PromiseLike<T> | T,
  options?: WaitOptions,
): Promise<T> {
  const refused = refuse(ms, fn, 'timeout');
  if (refused !== undefined) return refused;
  return guard(fn, ms === null ? null : loopTime() + ms, ms ?? undefined, options);
}

/** `timeout` with a point in time on the loop's clock (`loopTime()`) in place of a duration. asyncio: `timeout_at`. */
export function timeoutAt<T>(
  when: number | null,
  fn: (t: Timeout) => PromiseLike<T> | T,
  options?: WaitOptions,
): Promise<T> {
  return refuse(when, fn, 'timeoutAt') ?? guard(fn, when, undefined, options);
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
export function moveOnAfter<T>(
  ms: number,
  fn: (t: Timeout) => PromiseLike<T> | T,
  options?: WaitOptions,
): Promise<T | undefined> {
  return refuse(ms, fn, 'moveOnAfter') ?? guard<T | undefined>(fn, loopTime() + ms, ms, options, giveUp);
}

function giveUp(): undefined {}

/** The promise rejected with what is wrong with the arguments; undefined when nothing is. */
function refuse(ms: number | null, fn: unknown, name: string): Promise<never> | undefined {
  try {
    if (ms !== null || name === 'moveOnAfter') checkMs(ms as number, 'set a timeout'); // it says so if it is none
    checkTaskFunction(fn, 'set a timeout', name);
    return undefined;
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Waits for `work` for at most `ms` milliseconds; null for ever. A function runs in the calling task; a Task or Future is
 * cancelled when the time is over, and waited for; a foreign promise is only left alone. With 0 or less, work that is
 * not done is not started. asyncio: `wait_for`.
 * @throws TimeoutError when the time is over, after the work has ended
 */
export function waitFor<T>(work: Work<T>, ms: number | null, options?: WaitOptions): Promise<T> {
  try {
    checkWork(work, 'wait for the work');
    if (ms !== null) checkMs(ms, 'wait for the work');
  } catch (error) {
    return Promise.reject(error);
  }
  const when = ms === null ? null : loopTime() + ms;
  const late = ms !== null && ms <= 0;
  const refused = beginWait(options);
  if (refused !== undefined) {
    leaveWork(work, refused);
    return refused;
  }
  if (typeof work === 'function') {
    if (!late) return guard(work, when, ms ?? undefined, options);
    return Promise.reject(new TimeoutError('Timed out: no time was left, the work was not started'));
  }
  if (work instanceof Awaitable) {
    if (work.done()) return work.outcome();
    return late ? waiting(cancelAndWait(work, options)) : guard(() => work, when, ms ?? undefined, options);
  }
  return guard(() => cancellable(work, options), when, ms ?? undefined, options);
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

/** Runs `fn` in a scope with a deadline; `late` says what the caller gets when that ended it, a TimeoutError by default. */
function guard<T>(
  fn: (t: Timeout) => PromiseLike<T> | T,
  when: number | null,
  ms: number | undefined,
  options: WaitOptions | undefined,
  late?: () => T,
): Promise<T> {
  return inTask('timeout', (outer) => runGuarded(outer, fn, when, ms, late), options);
}

function runGuarded<T>(
  outer: Scope,
  fn: (t: Timeout) => PromiseLike<T> | T,
  when: number | null,
  ms: number | undefined,
  late: (() => T) | undefined,
): Promise<T> {
  const scope = new DeadlineScope(outer);
  const deadline = new (Timeout as unknown as MakeTimeout)(scope, when, ms); // its constructor is private for users alone
  const call = new Promise<T>((resolve, reject) => {
    const succeed = (value: T): void => {
      deadline.finish(undefined);
      resolve(value);
    };
    const fail = (error: unknown): void => {
      if (!deadline.finish(error)) {
        if (error instanceof CancelledError) quiet(call);
        reject(error);
      } else if (late === undefined) reject(deadline.error(error));
      else resolve(late());
    };
    runInScope(scope, fn, deadline, succeed, fail);
  });
  return call;
}
