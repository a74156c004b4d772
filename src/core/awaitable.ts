// What Task, Future and gather have in common: an outcome that comes once, awaiters, and done callbacks.
//
// - The state goes from pending to one of result, exception, cancelled, once (`settle`).
// - An observer is told in the same step, and only *decides* something (answers a wait, settles another Awaitable): what
//   users wrote runs in later microtasks.
// - `await awaitable` makes a wait record on the awaiting task whose cancel is a cancel of the awaitable: that is how a
//   cancel reaches the innermost wait through any chain of awaits.
// - `observed` says whether anybody will hear of an exception. An unheard one is reported once, at the end of the turn.
import { describe, disposable } from '../base/index.ts';
import { type CancelReason, type CancelledError, InvalidStateError } from './errors.ts';
import { type ExceptionContext, reportException } from './exception-handler.ts';
import { addSoon } from './schedule.ts';
import { makeCancelledError } from './tracing.ts';
import { checkpoint, rejected, takePendingCancel, Wait, type Waiter, waiterOf } from './wait.ts';

/** Told once, when an Awaitable is done. */
export interface Observer {
  settled(awaitable: Awaitable<unknown>): void;
  /** Who waits through this observer: for the call graph. */
  readonly task?: Waiter | undefined;
  readonly awaitable?: Awaitable<unknown> | undefined;
}

type State = 'pending' | 'result' | 'exception' | 'cancelled';

export abstract class Awaitable<T> implements PromiseLike<T> {
  #state: State = 'pending';
  /** The result, the exception, or the CancelledError, by state. */
  #outcome: unknown;
  #observers: Observer | Set<Observer> | undefined; // one needs no Set
  /** Somebody will hear of an exception. Never goes back. */
  protected observed = false;

  /** True once there is an outcome. */
  done(): boolean {
    return this.#state !== 'pending';
  }

  /** True once it ended by a cancellation; false while one is only on its way. */
  cancelled(): boolean {
    return this.#state === 'cancelled';
  }

  /**
   * The result. Throws the exception of a failed one, CancelledError for a cancelled one, InvalidStateError while
   * pending.
   */
  result(): T {
    if (this.#state === 'result') return this.#outcome as T; // by state
    if (this.#state === 'pending')
      throw new InvalidStateError(`Cannot get the result of ${this.label}: it is not done`);
    this.observed = true;
    throw this.#outcome;
  }

  /** The exception; undefined for a success. Throws CancelledError for a cancelled one, InvalidStateError while pending. */
  exception(): unknown {
    if (this.#state === 'pending') {
      throw new InvalidStateError(`Cannot get the exception of ${this.label}: it is not done`);
    }
    this.observed = true;
    if (this.#state === 'cancelled') throw this.#outcome;
    return this.#state === 'exception' ? this.#outcome : undefined;
  }

  /**
   * Asks for the end: the outcome becomes a CancelledError unless whatever works on it decides otherwise.
   * @param message becomes `CancelledError.message`
   * @returns false when it is done already
   */
  cancel(message?: string): boolean {
    return this.cancelFor(message, { kind: 'task', by: waiterOf(undefined) });
  }

  /** `cancel` by somebody who is not the current task. @internal */
  cancelFor(message: string | undefined, reason: CancelReason): boolean {
    return this.done() ? false : this.cancelWith(makeCancelledError(message, reason));
  }

  /** Delivers a cancellation made elsewhere: a link of the chain of awaits. False when done. @internal */
  abstract cancelWith(error: CancelledError): boolean;

  /** `task "load"`, for messages. @internal */
  abstract get label(): string;

  /**
   * Calls `fn` once, a microtask after the outcome is there (or after this call, when it is already), in the context of
   * this call. What it throws goes to the exception handler. It does not count as hearing of an exception.
   */
  addDoneCallback(fn: (self: this) => void): Disposable {
    if (typeof fn !== 'function') {
      throw new TypeError(`Cannot add a done callback: expected a function, got ${describe(fn)}`);
    }
    let wanted = true;
    const call = (): void => {
      if (!wanted) return;
      try {
        fn(this);
      } catch (error) {
        reportException({ message: `Unhandled error in a done callback of ${this.label}`, error });
      }
    };
    // A promise reaction runs in the context it was registered in, on every host.
    let done: () => void = call;
    void new Promise<void>((resolve) => (done = resolve)).then(call);
    const observer: Observer = { settled: () => done() };
    if (this.done()) done();
    else this.observe(observer);
    return disposable(() => {
      wanted = false;
      this.unobserve(observer);
    });
  }

  /** Like a promise's; inside a task it is an await by that task, and so a cancellation point. */
  // oxlint-disable-next-line unicorn/no-thenable -- awaiting it is the point
  then<A = T, B = never>(
    onResult?: ((value: T) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#outcomePromise().then(onResult, onError);
  }

  /** Like a promise's; inside a task it is an await by that task. */
  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.#outcomePromise().catch(onError);
  }

  /** Like a promise's; inside a task it is an await by that task. */
  finally(onEnd?: (() => void) | null): Promise<T> {
    return this.#outcomePromise().finally(onEnd);
  }

  #outcomePromise(): Promise<T> {
    if (this.#state === 'pending') return this.#waitForOutcome();
    const refused = checkpoint();
    if (refused !== undefined) return refused;
    this.observed = true;
    switch (this.#state) {
      case 'result':
        return Promise.resolve(this.#outcome as T); // by state
      case 'cancelled':
        return rejected(this.#outcome as CancelledError); // by state
      default:
        return Promise.reject(this.#outcome);
    }
  }

  #waitForOutcome(): Promise<T> {
    const waiter = waiterOf(undefined);
    if (waiter === (this as unknown)) {
      return Promise.reject(new InvalidStateError(`Cannot await ${this.label}: it is the task that awaits`));
    }
    this.observed = true;
    const wait = new AwaitWait<T>(this);
    this.observe(wait);
    // A cancel that found no wait before goes the same way as one that comes now: to what is awaited, first.
    const error = takePendingCancel(waiter);
    if (error !== undefined) wait.cancel(error);
    return wait.promise;
  }

  /** Registers an observer while pending; `unobserve` is its inverse. @internal */
  observe(observer: Observer): void {
    const now = this.#observers;
    if (now === undefined) this.#observers = observer;
    else if (now instanceof Set) now.add(observer);
    else this.#observers = new Set([now, observer]);
  }

  /** @internal */
  unobserve(observer: Observer): void {
    const now = this.#observers;
    if (now === observer) this.#observers = undefined;
    else if (now instanceof Set) now.delete(observer);
  }

  /** Who waits for this one, directly: for the call graph. @internal */
  observers(): Observer[] {
    const now = this.#observers;
    return now === undefined ? [] : now instanceof Set ? [...now] : [now];
  }

  /** From now on an exception counts as heard. @internal */
  markObserved(): void {
    this.observed = true;
  }

  /** True once it ended by an exception that is not a cancellation. @internal */
  failed(): boolean {
    return this.#state === 'exception';
  }

  /** Gives a done one's outcome to an observing wait or future. @internal */
  passOutcomeTo(to: { answer(value: T): unknown; fail(error: unknown): unknown }): void {
    if (this.#state === 'result') to.answer(this.#outcome as T); // by state
    else to.fail(this.#outcome);
  }

  /** The one change of state. False when it was done before. */
  protected settle(state: Exclude<State, 'pending'>, outcome: unknown): boolean {
    if (this.#state !== 'pending') return false;
    this.#state = state;
    this.#outcome = outcome;
    if (state === 'exception' && !this.observed) addSoon({ due: () => this.#reportUnobserved() });
    const observers = this.#observers;
    this.#observers = undefined;
    if (observers instanceof Set) for (const observer of observers) observer.settled(this);
    else observers?.settled(this);
    return true;
  }

  // At the end of the turn in which it failed: whoever meant to await it has had the time to.
  #reportUnobserved(): void {
    if (this.observed) return;
    this.observed = true;
    reportException({
      message: `${this.label} failed and nobody awaited it`,
      error: this.#outcome,
      ...this.reportFields(),
    });
  }

  /** What a report of its unheard exception adds. @internal */
  reportFields(): Partial<ExceptionContext> {
    return {};
  }

  /** `<Task "load" pending>`, for logs. */
  toString(): string {
    return `<${this.label} ${this.#state === 'result' ? 'done' : this.#state}>`;
  }
}

/** The wait behind `await awaitable`. Its cancel is a cancel of what it awaits. */
class AwaitWait<T> extends Wait<T> implements Observer {
  readonly #target: Awaitable<T>;
  #passingOn = false;

  constructor(target: Awaitable<T>) {
    super('await', target);
    this.#target = target;
  }

  settled(): void {
    this.#target.passOutcomeTo(this);
  }

  override cancel(error: CancelledError): boolean {
    // A circle of tasks that await each other comes back here while passing on: then this link gives way.
    if (this.waiting && !this.#passingOn) {
      this.#passingOn = true;
      try {
        if (this.#target.cancelWith(error)) return true;
      } finally {
        this.#passingOn = false;
      }
    }
    return super.cancel(error);
  }

  protected override withdraw(): void {
    this.#target.unobserve(this);
  }
}
