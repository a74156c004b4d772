// Who waits: the scope and the task whose code makes a call. The host's carrier holds them. Where
// there is no carrier (browsers), the signal that was passed stands for them. This file also has
// what every waiting call does first.
//
// A signal made by a scope stands for it. Passed to a wait of that scope or of one inside it, it
// changes nothing: the cancel reaches the wait through its scope. Any other signal is *foreign*:
// its abort cancels that one wait.
//
// Every waiting call follows the same order:
// 1. `beginWait(options)`: if it returns a promise, return that. A cancel was due.
// 2. If what it waits for is there and `mayAnswer(options)` is true, return it at once.
// 3. Otherwise make a Wait, put it in its place, and return its promise.
import { wrongValue } from '../base/index.ts';
import { countAnswer } from './delivery.ts';
import { CancelledError } from './errors.ts';
import { host } from './host.ts';
import { areCancelsKept, areContests, type Carried, isContested, openScope, type Scope, takeKept } from './scope.ts';
import type { TaskRecord } from './records.ts';
import { makeCancelledError } from './tracing.ts';

/** The last argument of every waiting call. */
export interface WaitOptions {
  /**
   * An AbortSignal that cancels this wait with a CancelledError whose `cause` is the reason of the
   * signal. The signal of a task, timeout or group makes it a wait of that scope.
   */
  readonly signal?: AbortSignal | undefined;
}

/** The scope of each signal that a scope made. */
const scopesBySignal = new WeakMap<AbortSignal, Scope>();

/**
 * Returns the signal of a scope. It aborts with the cancel of the scope or of one around it, not
 * with that of one inside, and not after the scope was closed.
 */
export function signalOf(scope: Scope): AbortSignal {
  if (scope.controller === undefined) {
    scope.controller = new AbortController();
    scopesBySignal.set(scope.controller.signal, scope);
    if (scope.standing !== undefined) scope.controller.abort(scope.standing);
  }
  return scope.controller.signal;
}

/** Returns the scope in which a call with these options waits; undefined outside of tasks. */
export function scopeOf(options: WaitOptions | undefined): Scope | undefined {
  const scope = openScope(host.carrier.getStore() as Carried | undefined); // the carrier holds only scopes and runs
  if (scope !== undefined || options?.signal === undefined) return scope;
  return openScope(scopesBySignal.get(options.signal));
}

/**
 * Returns the task to which a call with these options belongs; undefined outside of tasks and when
 * the task is done. For primitives that record an owner.
 *
 * @example
 * ```ts
 * import { createTask } from 'maitre';
 * import { waiterOf } from 'maitre/lowlevel';
 * await createTask(() => console.log(waiterOf(undefined)?.name), { name: 'cook' });
 * ```
 */
export function waiterOf(options: WaitOptions | undefined): TaskRecord | undefined {
  const task = scopeOf(options)?.task;
  return task === undefined || task.done() ? undefined : task;
}

/** True if the signal is that of the scope or of one around it. */
export function isSignalOf(signal: AbortSignal, scope: Scope | undefined): boolean {
  const owner = scopesBySignal.get(signal);
  if (owner === undefined) return false;
  for (let at = scope; at !== undefined; at = at.outer) if (at === owner) return true;
  return false;
}

/**
 * Begins a waiting call. Returns a rejected promise if a cancel is due or `options.signal` is
 * aborted: return that promise at once. Otherwise returns undefined. It makes the call a
 * cancellation point, even if the call need not wait.
 * @param options the last argument of the waiting call
 * @returns a rejected promise, or undefined; for a `signal` that is not an AbortSignal, the promise
 *   rejects with TypeError
 *
 * @example
 * ```ts
 * import { beginWait, Line, QueuedWait, type WaitOptions } from 'maitre/lowlevel';
 * const line = new Line<void>();
 * function untilRung(options?: WaitOptions): Promise<void> {
 *   return beginWait(options) ?? line.join(new QueuedWait<void>('bell', line, options));
 * }
 * const rung = untilRung();
 * line.answerAll();
 * await rung;
 * ```
 */
export function beginWait(options?: WaitOptions): Promise<never> | undefined {
  if (options === undefined) {
    if (!areCancelsKept()) return undefined;
    const error = takeKept(scopeOf(undefined));
    return error === undefined ? undefined : rejected(error);
  }
  const signal = options.signal;
  if (signal !== undefined && !isSignal(signal)) return Promise.reject(signalTypeError(signal));
  const scope = scopeOf(options);
  const error = takeKept(scope);
  if (error !== undefined) return rejected(error);
  // The own signal of a scope stays aborted after its cancel. That cancel reaches its wait through
  // the scope.
  if (signal?.aborted === true && !isSignalOf(signal, scope)) return rejected(signalError(signal));
  return undefined;
}

/**
 * Returns whether a call that finds what it waits for may return it at once. If not, the call must
 * make a wait and answer that (`answeredWait`). That is so inside a member of a race, where one
 * wait is delivered at a time, and when this turn of the loop has made all its answers. Call it
 * last: true counts as an answer.
 *
 * @example
 * ```ts
 * import { answeredWait, beginWait, mayAnswer } from 'maitre/lowlevel';
 * const bell = { hasRung: true };
 * function untilRung(): Promise<void> {
 *   const refused = beginWait();
 *   if (refused !== undefined) return refused;
 *   if (mayAnswer()) return Promise.resolve();
 *   return answeredWait<void>('bell', bell, undefined, undefined);
 * }
 * await untilRung();
 * ```
 */
export function mayAnswer(options?: WaitOptions): boolean {
  return !(areContests() && isContested(scopeOf(options))) && countAnswer();
}

/**
 * Returns the signal that was passed, if it is foreign. Throws TypeError for anything but an
 * AbortSignal.
 */
export function foreignSignal(options: WaitOptions | undefined): AbortSignal | undefined {
  const signal = options?.signal;
  if (signal !== undefined && !isSignal(signal)) throw signalTypeError(signal);
  return signal === undefined || isSignalOf(signal, scopeOf(options)) ? undefined : signal;
}

/**
 * The one listener on a foreign signal for all waits that depend on it, because hosts warn of many
 * listeners.
 */
class AbortListener {
  readonly fns = new Set<(error: CancelledError) => void>();
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this);
    abortListeners.set(signal, this);
  }

  delete(fn: (error: CancelledError) => void): void {
    if (!this.fns.delete(fn) || this.fns.size > 0) return;
    this.#signal.removeEventListener('abort', this);
    abortListeners.delete(this.#signal);
  }

  handleEvent(): void {
    const error = signalError(this.#signal);
    for (const fn of this.fns) fn(error);
  }
}

const abortListeners = new WeakMap<AbortSignal, AbortListener>();

/**
 * Calls `fn` with a cancellation when `signal` aborts. Returns the undo. Pass a new function with
 * each call.
 */
export function onAbort(signal: AbortSignal, fn: (error: CancelledError) => void): () => void {
  const listener = abortListeners.get(signal) ?? new AbortListener(signal);
  listener.fns.add(fn);
  return () => listener.delete(fn);
}

function isSignal(signal: unknown): signal is AbortSignal {
  return typeof (signal as AbortSignal | null)?.addEventListener === 'function';
}

function signalTypeError(signal: unknown): Error {
  return wrongValue('wait', 'options.signal', 'an AbortSignal', signal);
}

/** Returns the cancellation for an aborted signal. */
export function signalError(signal: AbortSignal): CancelledError {
  const cause: unknown = signal.reason;
  if (cause instanceof CancelledError) return cause;
  return makeCancelledError('Cancelled: the signal passed was aborted', { kind: 'signal', by: signal }, cause);
}

/** Marks a promise that was or will be rejected as handled. */
export function quiet(promise: Promise<unknown>): void {
  promise.catch(ignore);
}

function ignore(): void {}

/**
 * Returns a promise rejected with a cancellation. It is marked as handled: a cancelled wait that
 * nobody awaits is not an error.
 */
export function rejected(error: CancelledError): Promise<never> {
  const promise = Promise.reject(error);
  quiet(promise);
  return promise;
}

/**
 * Makes the promise of an async function that of a waiting call: if it rejects with a cancellation
 * and nobody awaits it, that is not an unhandled rejection. Other errors are.
 *
 * @example
 * ```ts
 * import { sleep, type WaitOptions } from 'maitre';
 * import { waiting } from 'maitre/lowlevel';
 * async function twice(options?: WaitOptions): Promise<void> {
 *   await sleep(5, undefined, options);
 *   await sleep(5, undefined, options);
 * }
 * const sleepTwice = (options?: WaitOptions): Promise<void> => waiting(twice(options));
 * await sleepTwice();
 * ```
 */
export function waiting<T>(promise: PromiseLike<T>): Promise<T> {
  const call = new Promise<T>((resolve, reject) => {
    promise.then(resolve, (error: unknown) => {
      if (error instanceof CancelledError) quiet(call);
      reject(error);
    });
  });
  return call;
}
