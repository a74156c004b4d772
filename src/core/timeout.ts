// Deadlines for a part of a task. Semantics: asyncio.timeout (3.12), in the same task, with a scope
// of its own (scope.ts).
//
// States of a Timeout:
//
//   ACTIVE --deadline--> EXPIRING --body ends--> EXPIRED
//      \-------------body ends-----------------> FINISHED
//
// - When the deadline passes, the scope of the body is cancelled once: the waits that began inside
//   the body, and nothing beside it.
// - When the body ends, the scope is closed. If nothing around it was cancelled (`outside` is 0), a
//   CancelledError becomes a TimeoutError. Otherwise the CancelledError goes on outwards. So nested
//   timeouts and outside cancels end the right scope; see the example in scope.ts.
// - `reschedule()` is possible in ACTIVE only.
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

/** The scope of a timeout's body and its entry among the deadlines: one object for both. */
class DeadlineScope extends InnerScope implements Deadline {
  slot = -1;
  order = 0;
  /** Undefined while there is no deadline to fire. */
  timeout: Timeout | undefined = undefined;

  get when(): number {
    return this.deadline;
  }

  due(): void {
    // The deadline may have been moved since the entry was put into the next turn.
    if (this.timeout !== undefined && this.deadline <= loopTime()) expire(this.timeout);
  }
}

let expire: (timeout: Timeout) => void; // set by the class
type MakeTimeout = new (scope: DeadlineScope, when: number | null, ms: number | undefined) => Timeout;

/**
 * A running deadline, passed to the body of `timeout`, `timeoutAt` and `moveOnAfter`. asyncio:
 * `Timeout`.
 *
 * @example
 * ```ts
 * import { loopTime, sleep, timeout } from 'maitre';
 * await timeout(10, async (t) => {
 *   t.reschedule(loopTime() + 1000); // there is more to do than expected
 *   await sleep(20);
 *   console.log(t.expired()); // false
 * });
 * ```
 */
export class Timeout {
  #state: 0 | 1 | 2 | 3 = ACTIVE;
  readonly #scope: DeadlineScope;
  /** Its duration in milliseconds, for messages; undefined if it was given as a point in time. */
  readonly #ms: number | undefined;

  static {
    expire = (running): void => running.#expire();
  }

  private constructor(scope: DeadlineScope, when: number | null, ms: number | undefined) {
    this.#scope = scope;
    this.#ms = ms;
    this.#arm(when);
  }

  /**
   * Returns when it is due, in milliseconds on the loop's clock (`loopTime()`); null for never.
   * asyncio: `Timeout.when`.
   */
  when(): number | null {
    const { deadline } = this.#scope;
    return deadline === Infinity ? null : deadline;
  }

  /** True once the deadline has passed, even if the body ended well. asyncio: `Timeout.expired`. */
  expired(): boolean {
    return this.#state === EXPIRING || this.#state === EXPIRED;
  }

  /**
   * An AbortSignal for foreign APIs, and to pass on where there is no ambient task (browsers). It
   * aborts when this deadline passes or something around it is cancelled. It does not abort for a
   * timeout inside it, and not after the body has ended.
   */
  get signal(): AbortSignal {
    return signalOf(this.#scope);
  }

  /**
   * Moves the deadline. asyncio: `Timeout.reschedule`.
   * @param when milliseconds on the loop's clock (`loopTime()`); null removes the deadline
   * @throws InvalidStateError once the deadline passed or the body ended; TypeError or RangeError
   *   for a wrong `when`
   */
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

  /**
   * Called when the body has ended. Returns true if `error`, which the body threw, is the cancel of
   * this deadline. @internal
   */
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

  /** The error with which the call rejects when the deadline ended the body. @internal */
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
    // A deadline that has passed already fires in the next turn, before any sleep(0) that begins
    // later.
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
 * Runs `fn` with a deadline. When the deadline passes, the waits inside `fn` are cancelled, and the
 * call rejects once `fn` has cleaned up. The call can be cancelled: a cancel from outside rejects
 * it with CancelledError. Outside of a task, `fn` runs in a task of its own. asyncio: `timeout`.
 * @param ms milliseconds from now; null for no deadline; 0 or less passes in the next turn of the
 *   loop, so it cancels the next wait that is not over by then
 * @param fn the body, called at once with the Timeout
 * @param options `signal`: an AbortSignal that cancels the call
 * @returns what `fn` returned
 * @throws TimeoutError when the deadline ended `fn`; its cause is the CancelledError; TypeError or
 *   RangeError for a wrong `ms` or `fn`
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

/**
 * Like `timeout`, with a point in time in place of a duration. Several calls can share one
 * deadline. asyncio: `timeout_at`.
 * @param when milliseconds on the loop's clock (`loopTime()`); null for no deadline
 * @param fn the body, called at once with the Timeout
 * @param options `signal`: an AbortSignal that cancels the call
 * @throws TimeoutError, as `timeout`
 *
 * @example
 * ```ts
 * import { loopTime, sleep, timeoutAt } from 'maitre';
 * const deadline = loopTime() + 1000;
 * for (const dish of ['soup', 'fish']) {
 *   console.log(await timeoutAt(deadline, () => sleep(10, dish)));
 * }
 * ```
 */
export function timeoutAt<T>(
  when: number | null,
  fn: (t: Timeout) => PromiseLike<T> | T,
  options?: WaitOptions,
): Promise<T> {
  return refuse(when, fn, 'timeoutAt') ?? guard(fn, when, undefined, options);
}

/**
 * Like `timeout`, but resolves to undefined when the deadline ended `fn`, instead of rejecting.
 * trio: `move_on_after`.
 * @param ms milliseconds from now; null for no deadline
 * @param fn the body, called at once with the Timeout
 * @param options `signal`: an AbortSignal that cancels the call
 * @throws CancelledError after a cancel from outside; what `fn` throws
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
 * Waits for `work` for a limited time. asyncio: `wait_for`. The call can be cancelled, which
 * cancels the work as the deadline does:
 * - A function runs in the calling task. When the time is over, its waits are cancelled.
 * - A Task or Future is cancelled when the time is over, and the call waits for its end.
 * - A foreign promise goes on. Only the wait for it ends.
 * @param work a function, a Task, a Future or a foreign promise
 * @param ms milliseconds; null for no limit; with 0 or less, a function is not started, and a Task
 *   or Future that is not done is cancelled
 * @param options `signal`: an AbortSignal that cancels the call
 * @throws TimeoutError when the time is over, after the work has ended; what the work throws;
 *   TypeError or RangeError for a wrong `work` or `ms`
 *
 * @example
 * ```ts
 * import { sleep, waitFor } from 'maitre';
 * console.log(await waitFor(() => sleep(10, 'soup'), 1000));
 * await waitFor(() => sleep(1000), 10).catch((error) => console.log(error.message));
 * ```
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

/**
 * Runs `fn` in a scope with a deadline. `late` returns the value of the call when the deadline
 * ended `fn`. Without it, the call rejects with a TimeoutError.
 */
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
  const deadline = new (Timeout as unknown as MakeTimeout)(scope, when, ms); // private for users alone
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
