// Who waits: the scope and the task whose code makes a call, told by the host's carrier, or, where there is none (browsers),
// by the signal that was passed. And what every waiting call does first.
//
// A signal made by a scope stands for it. Passed to a wait of that scope or of one inside it, it says nothing new: the cancel
// reaches the wait through its scope. Any other signal is *foreign*: its abort cancels that one wait.
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
   * Aborting it cancels this wait, with a CancelledError whose `cause` is the signal's reason. A signal of a task, timeout or
   * group makes it a wait of that scope.
   */
  readonly signal?: AbortSignal | undefined;
}

const scopesBySignal = new WeakMap<AbortSignal, Scope>();

/** The signal of a scope: aborted by its own cancel or one around it, never by one inside it, never after it was closed. */
export function signalOf(scope: Scope): AbortSignal {
  if (scope.controller === undefined) {
    scope.controller = new AbortController();
    scopesBySignal.set(scope.controller.signal, scope);
    if (scope.standing !== undefined) scope.controller.abort(scope.standing);
  }
  return scope.controller.signal;
}

/** The scope that a call with these options waits in; undefined outside of tasks. */
export function scopeOf(options: WaitOptions | undefined): Scope | undefined {
  const scope = openScope(host.carrier.getStore() as Carried | undefined); // only scopes and runs are carried
  if (scope !== undefined || options?.signal === undefined) return scope;
  return openScope(scopesBySignal.get(options.signal));
}

/** The task that a call with these options belongs to; undefined outside of tasks, and when it is done. */
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
 * Begins a waiting call: returns the rejected promise to return at once when a cancel is due or `options.signal` is aborted,
 * undefined otherwise. It makes the call a cancellation point, also when it need not wait.
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
  // A scope's own signal stays aborted after its cancel; that cancel was or will be delivered by itself.
  if (signal?.aborted === true && !isSignalOf(signal, scope)) return rejected(signalError(signal));
  return undefined;
}

/**
 * Whether a call that finds what it waits for may return it at once. If not, it makes a wait and answers that: in a member of a
 * race, where one member's wait is answered at a time, and when this turn of the loop has given all its answers.
 */
export function mayAnswer(options?: WaitOptions): boolean {
  return !(areContests() && isContested(scopeOf(options))) && countAnswer();
}

/** The signal passed, if it is foreign. */
export function foreignSignal(options: WaitOptions | undefined): AbortSignal | undefined {
  const signal = options?.signal;
  if (signal !== undefined && !isSignal(signal)) throw signalTypeError(signal);
  return signal === undefined || isSignalOf(signal, scopeOf(options)) ? undefined : signal;
}

/** What hangs on a foreign signal: one listener for all its waits, because hosts warn of many listeners. */
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

/** Calls `fn` with a cancellation when `signal` aborts, until the result is called. `fn` is a function of this call's own. */
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

/** The cancellation that an aborted signal asks for. */
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

/** A promise rejected with a cancellation. Marked as handled: a cancelled wait nobody looks at is nobody's error. */
export function rejected(error: CancelledError): Promise<never> {
  const promise = Promise.reject(error);
  quiet(promise);
  return promise;
}

/**
 * Makes the promise of an async function that of a waiting call: like every wait, it does not count as unhandled when it rejects
 * with a cancellation. Other errors do.
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
