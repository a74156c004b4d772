// The wait record: what a task waits for, on which resource, since when, and how to take it back. Cancelling a task
// calls its wait records; a console reads the very same ones. Every waiting call of maitre is one of these.
//
// States of a wait:
//
//   WAITING --answer/fail--> ANSWERED --(a microtask later)--> DELIVERED: the promise settles, the task goes on
//      |                        |
//      +-------cancel-----------+--> CANCELLED --(a microtask later)--> DELIVERED: the promise rejects
//
// - Only these arrows exist; answer() in any other state does nothing, and cancel() of a CANCELLED wait merges with the
//   cancel that is on its way.
// - An answer reaches its task a microtask after it was decided. Until then a cancel wins, and withdraw(true) must hand
//   on what was handed over (the permit to the next waiter); withdraw(false) must leave the queue. Exactly one of
//   withdraw() and take() is called in a wait's life.
// - take() runs at delivery: what it removes (bytes, items) is removed in the same step that settles the promise, so
//   nothing is lost in between.
// - A wait is linked to its task from its construction to its delivery, whatever its state.
//
// Deliveries are batched: one microtask settles all that was decided before it ran, in order of the decisions.
import { host } from './host.ts';
import { CancelledError } from './errors.ts';
import { instrument } from './instrument.ts';
import { turnTime } from './schedule.ts';
import { makeCancelledError, tracing } from './tracing.ts';
import { describe, disposable, type Linked, type LinkedSet } from '../base/index.ts';
import type { Task } from './task.ts';

/** The last argument of every waiting call. */
export interface WaitOptions {
  /** Aborting it cancels this wait: with a CancelledError whose `cause` is the signal's reason. A `task.signal` makes it a wait of that task. */
  readonly signal?: AbortSignal | undefined;
}

/** What a wait needs of the task that waits. Task implements it. */
export interface Waiter {
  /** The first of its waits, linked through `nextOfTask`. Written by Wait alone. */
  waits: Wait<unknown> | undefined;
  /** A cancel that found no wait; the next waiting call takes it. Written through setPendingCancel alone. */
  pendingCancel: CancelledError | undefined;
  done(): boolean;
}

const WAITING = 0;
const ANSWERED = 1;
const FAILED = 2; // answered, with an error
const CANCELLED = 3;
const DELIVERED = 4;
type State = typeof WAITING | typeof ANSWERED | typeof FAILED | typeof CANCELLED | typeof DELIVERED;

// ---- whose wait is it ------------------------------------------------------------------------------------------

const tasksBySignal = new WeakMap<AbortSignal, Waiter>();

/** Makes `signal` stand for its task: passing it to a waiting call is then as good as an ambient task. */
export function bindSignal(signal: AbortSignal, task: Waiter): void {
  tasksBySignal.set(signal, task);
}

/** The task whose code is running, or the one whose signal is passed. Done tasks wait for nothing: they count as none. */
export function waiterOf(options: WaitOptions | undefined): Waiter | undefined {
  let waiter = host.carrier.getStore() as Waiter | undefined; // only Task.#run puts stores in
  if (waiter === undefined && options?.signal !== undefined) waiter = tasksBySignal.get(options.signal);
  return waiter === undefined || waiter.done() ? undefined : waiter;
}

// ---- cancels that found no wait --------------------------------------------------------------------------------

let pendingCancels = 0;

/** Sets or clears the cancel that `waiter`'s next waiting call will take. The count keeps the fast path to one test. */
export function setPendingCancel(waiter: Waiter, error: CancelledError | undefined): void {
  if (waiter.pendingCancel !== undefined) pendingCancels--;
  if (error !== undefined) pendingCancels++;
  waiter.pendingCancel = error;
}

/** Takes the cancel that found no wait off `waiter`, for a call that passes it on itself. Undefined when there is none. */
export function takePendingCancel(waiter: Waiter | undefined): CancelledError | undefined {
  const error = waiter?.pendingCancel;
  if (waiter !== undefined && error !== undefined) setPendingCancel(waiter, undefined);
  return error;
}

/**
 * Makes a call a cancellation point: gives the rejected promise to return when the current task has a cancel to take or
 * `options.signal` is aborted, undefined otherwise. Every waiting call starts with it, also when it need not wait.
 */
export function checkpoint(options?: WaitOptions): Promise<never> | undefined {
  if (pendingCancels === 0 && options === undefined) return undefined;
  const signal = options?.signal;
  if (signal !== undefined && !isSignal(signal)) return Promise.reject(signalTypeError(signal));
  const waiter = waiterOf(options);
  const error = takePendingCancel(waiter);
  if (error !== undefined) return rejected(error);
  // The waiting task's own signal stays aborted after its first cancel; that cancel was or will be delivered by itself.
  if (signal?.aborted === true && !isSignalOf(signal, waiter)) return rejected(signalError(signal));
  return undefined;
}

/** The signal passed, if it is anybody's but the waiting task's own. */
export function foreignSignal(options: WaitOptions | undefined): AbortSignal | undefined {
  const signal = options?.signal;
  if (signal !== undefined && !isSignal(signal)) throw signalTypeError(signal);
  return signal === undefined || isSignalOf(signal, waiterOf(options)) ? undefined : signal;
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

function isSignalOf(signal: AbortSignal, waiter: Waiter | undefined): boolean {
  return waiter !== undefined && tasksBySignal.get(signal) === waiter;
}

function isSignal(signal: unknown): signal is AbortSignal {
  return typeof (signal as AbortSignal | null)?.addEventListener === 'function';
}

function signalTypeError(signal: unknown): TypeError {
  return new TypeError(`Cannot wait: options.signal must be an AbortSignal, got ${describe(signal)}`);
}

/** The cancellation that an aborted signal asks for. */
export function signalError(signal: AbortSignal): CancelledError {
  const cause: unknown = signal.reason;
  if (cause instanceof CancelledError) return cause;
  return makeCancelledError('Cancelled: the signal passed was aborted', { kind: 'signal', by: signal }, cause);
}

/** A promise rejected with a cancellation. Marked as handled: a cancelled wait nobody looks at is nobody's error. */
export function rejected(error: CancelledError): Promise<never> {
  const promise = Promise.reject(error);
  promise.catch(ignore);
  return promise;
}

function ignore(): void {}

// ---- delivery --------------------------------------------------------------------------------------------------

const microtask = Promise.resolve();
let ready: Wait<unknown>[] = [];
let idle: Wait<unknown>[] = []; // the other of two arrays that take turns, so that a busy loop allocates none

/** Where waits began, while tracing is on. */
const sites = new WeakMap<Wait<unknown>, { stack?: string }>();

function deliverSoon(wait: Wait<unknown>): void {
  if (ready.length === 0) void microtask.then(deliverAll);
  ready.push(wait);
}

/** Stands first in `ready` while it is held: a list that is not empty needs no microtask. Never delivered. */
const HOLD = {} as Wait<unknown>;

/**
 * For a callback of the loop's, below which no code of a user is on the stack: a microtask would come right behind it, and
 * deliverHeld() at its end does the same without one. Call both, whatever happens between them, or nothing is delivered.
 */
export function holdDeliveries(): void {
  if (ready.length === 0) ready.push(HOLD);
}

/** The end of holdDeliveries(). */
export function deliverHeld(): void {
  if (ready[0] !== HOLD) return;
  ready.shift();
  if (ready.length > 0) deliverAll();
}

/** For tests: told of each batch before it is delivered; it may reorder it and cancel tasks. */
export type DeliveryHook = (batch: Wait<unknown>[]) => void;

let beforeDelivery: DeliveryHook | undefined;

/** Installs the delivery hook until disposed. */
export function setDeliveryHook(hook: DeliveryHook): Disposable {
  beforeDelivery = hook;
  return disposable(() => {
    beforeDelivery = undefined;
  });
}

function deliverAll(): void {
  beforeDelivery?.(ready);
  const batch = ready;
  ready = idle;
  for (const wait of batch) wait.deliver();
  batch.length = 0;
  idle = batch;
}

// ---- the wait --------------------------------------------------------------------------------------------------

// The executor of every wait's promise: it hands the two functions over without a closure per wait.
let resolveNew: (value: never) => void;
let rejectNew: (error: unknown) => void;
function executor(resolve: (value: never) => void, reject: (error: unknown) => void): void {
  resolveNew = resolve;
  rejectNew = reject;
}

/**
 * The building block of every primitive. A subclass says what is taken back on cancel (`withdraw`) and, if the value is
 * made at delivery, how (`take`). Make one only after `checkpoint()` let the call pass, and return its `promise`.
 */
export class Wait<T> {
  /** What the caller awaits. */
  readonly promise: Promise<T>;
  /** The task that waits; undefined outside of tasks. */
  readonly task: Waiter | undefined;
  /** What kind of wait it is, in words: `sleep`, `read`, `lock.acquire`. */
  readonly kind: string;
  /** What it waits for: a reader, a lock, another task; undefined for a sleep. */
  readonly resource: unknown;
  /** When it began, on the loop's clock, in whole milliseconds; waits of one turn may share the time of the first. */
  readonly since: number;

  // The links of the task's waits. Written by this class alone.
  nextOfTask: Wait<unknown> | undefined;
  #previousOfTask: Wait<unknown> | undefined;

  #state: State = WAITING;
  /** The answer, the error, or the cancellation, by state. */
  #outcome: unknown;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;
  /** Takes the abort listener of a foreign signal away. */
  #unlisten: (() => void) | undefined;

  constructor(kind: string, resource: unknown, options?: WaitOptions) {
    this.kind = kind;
    this.resource = resource;
    this.since = turnTime(); // a small integer takes no memory of its own
    this.nextOfTask = undefined;
    this.#previousOfTask = undefined;
    this.promise = new Promise<T>(executor);
    this.#resolve = resolveNew as (value: T) => void; // set by the executor, which ran just now
    this.#reject = rejectNew;
    const task = waiterOf(options);
    this.task = task;
    if (task !== undefined) {
      const first = task.waits;
      this.nextOfTask = first;
      if (first !== undefined) first.#previousOfTask = this as Wait<unknown>; // a list of mixed waits
      task.waits = this as Wait<unknown>;
    }
    if (options?.signal !== undefined) this.#listen(options.signal);
    if (tracing) sites.set(this as Wait<unknown>, new Error('wait'));
    instrument?.waitBegun?.(this as Wait<unknown>);
  }

  /** Where it began: an error made there. Undefined unless tracing was on. */
  get site(): { stack?: string } | undefined {
    return sites.get(this as Wait<unknown>);
  }

  /** True while neither answered nor cancelled. */
  get waiting(): boolean {
    return this.#state === WAITING;
  }

  /** True once answered and not yet delivered: a cancel would still take the answer away. */
  get answered(): boolean {
    return this.#state === ANSWERED || this.#state === FAILED;
  }

  /** Decides the wait: the task goes on with `value` (or with what `take` makes of it). False if it was decided before. */
  answer(value: T): boolean {
    if (this.#state !== WAITING) return false;
    this.#state = ANSWERED;
    this.#outcome = value;
    deliverSoon(this as Wait<unknown>);
    return true;
  }

  /** Decides the wait: the task goes on with an error. False if it was decided before. */
  fail(error: unknown): boolean {
    if (this.#state !== WAITING) return false;
    this.#state = FAILED;
    this.#outcome = error;
    deliverSoon(this as Wait<unknown>);
    return true;
  }

  /** Takes the wait back; the task goes on with `error`. True if the cancellation will be seen by the task. */
  cancel(error: CancelledError): boolean {
    const state = this.#state;
    if (state === DELIVERED) return false;
    if (state === CANCELLED) return true;
    this.#state = CANCELLED;
    const outcome = this.#outcome;
    this.#outcome = error;
    this.withdraw(state === ANSWERED, outcome as T); // an answer's outcome is a T
    if (state === WAITING) deliverSoon(this as Wait<unknown>);
    return true;
  }

  /**
   * Undoes the wait on cancel: leaves the queue it stands in; with `answered`, hands on what `answer(value)` handed over.
   * Must not throw.
   */
  protected withdraw(_answered: boolean, _value: T): void {}

  /** Makes the value at delivery, from what was answered. What it throws, the task gets. */
  protected take(answer: T): T {
    return answer;
  }

  /** The batch's own: settles the promise. @internal */
  deliver(): void {
    const state = this.#state;
    this.#state = DELIVERED;
    this.#unlink();
    this.#unlisten?.();
    instrument?.waitEnded?.(this as Wait<unknown>);
    if (state === ANSWERED) {
      try {
        this.#resolve(this.take(this.#outcome as T)); // an answer's outcome is a T
      } catch (error) {
        this.#reject(error);
      }
    } else {
      if (state === CANCELLED) this.promise.catch(ignore); // see rejected()
      this.#reject(this.#outcome);
    }
  }

  #unlink(): void {
    const task = this.task;
    if (task === undefined) return;
    const next = this.nextOfTask;
    const previous = this.#previousOfTask;
    if (previous === undefined) task.waits = next;
    else previous.nextOfTask = next;
    if (next !== undefined) next.#previousOfTask = previous;
  }

  #listen(signal: AbortSignal): void {
    if (isSignalOf(signal, this.task)) return; // the task's own cancel reaches us through the link
    this.#unlisten = onAbort(signal, (error) => this.cancel(error));
  }
}

/** A wait that stands in a primitive's line: a LinkedSet of QueuedWaits. A cancel takes it out. */
export class QueuedWait<T> extends Wait<T> implements Linked {
  // Written by LinkedSet alone.
  previous: Linked | undefined = undefined;
  next: Linked | undefined = undefined;
  list: object | undefined = undefined;

  protected override withdraw(_answered: boolean, _value: T): void {
    (this.list as LinkedSet<QueuedWait<T>> | undefined)?.delete(this); // only such a list takes it
  }
}

/** All waits of a task, the latest first. */
export function waitsOf(task: Task<unknown>): Wait<unknown>[] {
  const waits: Wait<unknown>[] = [];
  for (let wait = (task as Waiter).waits; wait !== undefined; wait = wait.nextOfTask) waits.push(wait);
  return waits;
}
