// What Task, Future and Gathering have in common: an outcome that is set once, awaiters, and done
// callbacks.
//
// States: PENDING --settle--> DONE | FAILED | CANCELLED. The state changes once. Subscribers exist
// only in PENDING.
//
// - `settle` calls the subscribers in the same step. A subscriber only *decides* something: it
//   answers a wait or settles another Awaitable. User code runs in later microtasks.
// - `await awaitable` makes a wait record in the awaiting scope. A cancel of that record is a
//   cancel of the awaitable. So a cancel reaches the innermost wait through any chain of awaits
//   (cancel-pass.ts).
// - An exception is *handled* once some code will receive it: a wait that is not taken back, a
//   group, a gather, or a call of `result()` or `exception()`. `#takers` counts these receivers. An
//   exception that is not handled is reported once, at the end of the turn in which the last
//   receiver left, or in which it failed without one.
//
// Two kinds of wait stand for an outcome:
// - AwaitWait, behind `await task`: its cancel cancels the task, and the wait ends when the task
//   has ended.
// - OutcomeWait, behind `cancellable(task)`: its cancel ends the wait alone.
//
// Example: `await task` in a scope with a timeout of 10 ms, and `task` cleans up for 5 ms. After 10
// ms the scope's cancel reaches the AwaitWait, which passes it on to `task`. `task` catches the
// CancelledError, cleans up and rethrows. After 15 ms `task` settles as cancelled and answers the
// AwaitWait through its subscription. The `await` rejects, and the timeout turns that into a
// TimeoutError.
import { callback, disposable } from '../base/index.ts';
import { type CancelTarget, afterPassing, passCancel } from './cancel-pass.ts';
import { beginWait, mayAnswer, rejected, waiterOf, waiting, type WaitOptions } from './current-waiter.ts';
import { type CancelReason, type CancelledError, InvalidStateError } from './errors.ts';
import { type ExceptionContext, reportException } from './exception-handler.ts';
import type { TaskRecord } from './records.ts';
import { currentScope, takeKept } from './scope.ts';
import { makeCancelledError } from './tracing.ts';
import { addSoon } from './turn.ts';
import { Wait } from './wait.ts';

/** An object whose `settled` is called once, when an Awaitable is done. */
export interface Subscriber {
  settled(awaitable: Awaitable<unknown>): void;
  /** The task that waits through this subscriber, for the call graph. */
  readonly task?: TaskRecord | undefined;
  /** The awaitable that depends on this one, for the call graph: a gather or a shield. */
  readonly awaitable?: Awaitable<unknown> | undefined;
}

type State = 'pending' | 'done' | 'failed' | 'cancelled';

/**
 * A promise whose outcome can be inspected and whose work can be cancelled: the common base of
 * Task, Future, and what `gather` and `shield` return. Use it as a type. Awaiting one inside a task
 * is a cancellation point, and cancelling that task cancels the Awaitable. asyncio: `Future`.
 *
 * @example
 * ```ts
 * import { type Awaitable, Future } from 'maitre';
 * function stateOf(work: Awaitable<unknown>): string {
 *   return work.cancelled() ? 'cancelled' : work.done() ? 'done' : 'pending';
 * }
 * const order = new Future<string>();
 * console.log(stateOf(order)); // pending
 * order.cancel();
 * console.log(stateOf(order)); // cancelled
 * ```
 */
export abstract class Awaitable<T> implements Promise<T> {
  #state: State = 'pending';
  /** By state: the result, the exception, or the CancelledError. */
  #outcome: unknown;
  #subscribers: Subscriber | Set<Subscriber> | undefined; // a single one needs no Set
  /**
   * The number of waits for the outcome that were not taken back. Infinity once the outcome has a
   * receiver for certain.
   */
  #takers = 0;

  /** True once there is an outcome. */
  done(): boolean {
    return this.#state !== 'pending';
  }

  /** True once it ended by a cancellation. False while a cancel is only on its way. */
  cancelled(): boolean {
    return this.#state === 'cancelled';
  }

  /**
   * Returns the result. Never waits.
   * @throws its exception if it failed; CancelledError if it was cancelled; InvalidStateError while
   *   it is pending
   */
  result(): T {
    if (this.#state === 'done') return this.#outcome as T; // by state
    if (this.#state === 'pending')
      throw new InvalidStateError(`Cannot get the result of ${this.label}: it is not done`);
    this.#takers = Infinity;
    throw this.#outcome;
  }

  /**
   * Returns the exception; undefined after a success. Never waits.
   * @throws CancelledError if it was cancelled; InvalidStateError while it is pending
   */
  exception(): unknown {
    if (this.#state === 'pending') {
      throw new InvalidStateError(`Cannot get the exception of ${this.label}: it is not done`);
    }
    this.#takers = Infinity;
    if (this.#state === 'cancelled') throw this.#outcome;
    return this.#state === 'failed' ? this.#outcome : undefined;
  }

  /**
   * Requests its end. The outcome becomes a CancelledError, unless the code that works on it
   * decides otherwise. Returns before it has ended: await it to wait for the end.
   * @param message the `message` of the CancelledError
   * @returns false if it was done already
   */
  cancel(message?: string): boolean {
    return this.cancelFor(message, { kind: 'task', by: waiterOf(undefined) });
  }

  /** `cancel` on behalf of something other than the current task. @internal */
  cancelFor(message: string | undefined, reason: CancelReason): boolean {
    return this.done() ? false : this.cancelWith(makeCancelledError(message, reason));
  }

  /**
   * Passes on an existing cancellation along a chain of awaits. Returns false if it was done
   * already. @internal
   */
  cancelWith(error: CancelledError): boolean {
    if (this.done()) return false;
    passCancel(this, error);
    return true;
  }

  /** Carries a cancel out. Only cancel-pass.ts calls it. @internal */
  abstract applyCancel(error: CancelledError): void;

  /** `Task "load"`, for messages. */
  abstract get label(): string;

  /**
   * Calls `fn` once, a microtask after the outcome was set, or after this call if it was set
   * already. `fn` runs in the async context of this call. What it throws goes to the exception
   * handler. The callback does not count as handling an exception. Disposing the result takes the
   * callback back. asyncio: `add_done_callback`.
   * @throws TypeError if `fn` is not a function
   */
  addDoneCallback(fn: (self: this) => void): Disposable {
    callback('add a done callback', '', fn);
    let wanted = true;
    const call = (): void => {
      if (!wanted) return;
      try {
        fn(this);
      } catch (error) {
        reportException({ message: `Unhandled error in a done callback of ${this.label}`, error });
      }
    };
    // On every host, a promise reaction runs in the context in which it was registered.
    let done: () => void = call;
    void new Promise<void>((resolve) => (done = resolve)).then(call);
    const subscriber: Subscriber = { settled: () => done() };
    if (this.done()) done();
    else this.subscribe(subscriber);
    return disposable(() => {
      wanted = false;
      this.unsubscribe(subscriber);
    });
  }

  /**
   * Like `then` of a promise. Inside a task it is an await by that task, so it is a cancellation
   * point.
   */
  // oxlint-disable-next-line unicorn/no-thenable -- awaiting it is the point
  then<A = T, B = never>(
    onResult?: ((value: T) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const promise = this.outcome().then(onResult, onError);
    return typeof onError === 'function' ? promise : waiting(promise); // an `await` passes both
  }

  /** Like `catch` of a promise. Inside a task it is an await by that task. */
  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    const promise = this.outcome().catch(onError);
    return typeof onError === 'function' ? promise : waiting(promise);
  }

  /** Like `finally` of a promise. Inside a task it is an await by that task. */
  finally(onEnd?: (() => void) | null): Promise<T> {
    return waiting(this.outcome().finally(onEnd));
  }

  /** `Promise`, as for every promise: an Awaitable can stand wherever a promise is expected. */
  get [Symbol.toStringTag](): string {
    return 'Promise';
  }

  /**
   * The promise behind `await`, as a waiting call: a cancellation that nobody awaits is not an
   * unhandled rejection. @internal
   */
  outcome(): Promise<T> {
    if (this.#state === 'pending') return this.#waitForOutcome();
    const refused = beginWait();
    if (refused !== undefined) return refused;
    // Inside a race, and when the turn has no answers left, even a known outcome passes through a
    // delivery.
    if (!mayAnswer()) return new OutcomeWait<T>('await', this).promise;
    this.#takers = Infinity;
    switch (this.#state) {
      case 'done':
        return Promise.resolve(this.#outcome as T); // by state
      case 'cancelled':
        return rejected(this.#outcome as CancelledError); // by state
      default:
        return Promise.reject(this.#outcome);
    }
  }

  #waitForOutcome(): Promise<T> {
    const scope = currentScope();
    if (scope?.task === (this as unknown)) {
      // A task that awaits itself could never end.
      return Promise.reject(new InvalidStateError(`Cannot await ${this.label}: it is the task that awaits`));
    }
    const wait = new AwaitWait<T>('await', this);
    // A kept cancel goes the same way as one that comes now: first to what is awaited.
    const error = takeKept(scope);
    if (error !== undefined) wait.cancel(error);
    return wait.promise;
  }

  /** Registers a subscriber while pending. Undone by `unsubscribe`. @internal */
  subscribe(subscriber: Subscriber): void {
    const now = this.#subscribers;
    if (now === undefined) this.#subscribers = subscriber;
    else if (now instanceof Set) now.add(subscriber);
    else this.#subscribers = new Set([now, subscriber]);
  }

  /** @internal */
  unsubscribe(subscriber: Subscriber): void {
    const now = this.#subscribers;
    if (now === subscriber) this.#subscribers = undefined;
    else if (now instanceof Set) now.delete(subscriber);
  }

  /** The direct subscribers, for the call graph. @internal */
  subscribers(): Subscriber[] {
    const now = this.#subscribers;
    return now === undefined ? [] : now instanceof Set ? [...now] : [now];
  }

  /** Marks an exception as handled, now or later. @internal */
  markHandled(): void {
    this.#takers = Infinity;
  }

  /**
   * Counts a wait for the outcome: +1 when it begins, -1 when it is taken back without the outcome.
   * @internal
   */
  countTaker(change: 1 | -1): void {
    this.#takers += change;
    if (this.#takers === 0 && this.#state === 'failed') this.#reportSoon();
  }

  /** True once it ended by an exception that is not a cancellation. @internal */
  failed(): boolean {
    return this.#state === 'failed';
  }

  /** Passes the outcome to a subscribed wait or future. Call it only when done. @internal */
  passOutcomeTo(to: { answer(value: T): unknown; fail(error: unknown): unknown }): void {
    if (this.#state === 'done') to.answer(this.#outcome as T); // by state
    else to.fail(this.#outcome);
  }

  /** The only change of state. Returns false if it was done before. */
  protected settle(state: Exclude<State, 'pending'>, outcome: unknown): boolean {
    if (this.#state !== 'pending') return false;
    this.#state = state;
    this.#outcome = outcome;
    if (state === 'failed' && this.#takers === 0) this.#reportSoon();
    const subscribers = this.#subscribers;
    // Cleared before the calls: a subscriber that unsubscribes meanwhile changes no Set that this
    // loop walks.
    this.#subscribers = undefined;
    if (subscribers instanceof Set) for (const subscriber of subscribers) this.#tell(subscriber);
    else if (subscribers !== undefined) this.#tell(subscribers);
    return true;
  }

  #tell(subscriber: Subscriber): void {
    try {
      subscriber.settled(this);
    } catch (error) {
      reportException({ message: `Telling of the end of ${this.label} failed`, error });
    }
  }

  // At the end of the turn in which it failed. By then, code that meant to await it has had the
  // time.
  #reportSoon(): void {
    addSoon({ due: () => this.#reportUnhandled() });
  }

  #reportUnhandled(): void {
    // A receiver may have come since the report was scheduled.
    if (this.#takers > 0) return;
    this.#takers = Infinity;
    reportException({
      message: `${this.label} failed and nobody awaited it`,
      error: this.#outcome,
      ...this.reportFields(),
    });
  }

  /** The fields that a report of its unhandled exception adds. @internal */
  reportFields(): Partial<ExceptionContext> {
    return {};
  }

  /** `<Task "load" pending>`, for logs. */
  toString(): string {
    return `<${this.label} ${this.#state}>`;
  }
}

/**
 * A wait for the outcome of an Awaitable. Its cancel does not cancel the Awaitable.
 * `cancellable(task)` makes one.
 */
export class OutcomeWait<T> extends Wait<T> implements Subscriber {
  readonly #target: Awaitable<T>;

  /** @param shown what instruments see as its resource */
  constructor(kind: string, target: Awaitable<T>, options?: WaitOptions, shown: unknown = target) {
    super(kind, shown, options);
    this.#target = target;
    target.countTaker(1);
    if (target.done()) this.settled();
    else target.subscribe(this);
  }

  settled(): void {
    this.#target.passOutcomeTo(this);
  }

  protected override withdraw(): void {
    this.#target.unsubscribe(this);
    this.#target.countTaker(-1);
  }
}

/** The wait behind `await awaitable`. Its cancel cancels what it awaits. */
class AwaitWait<T> extends OutcomeWait<T> implements CancelTarget {
  /** True while this wait passes a cancel on. It breaks circles of tasks that await each other. */
  #passingOn = false;

  override cancel(error: CancelledError, final = false): boolean {
    // A circle of tasks that await each other comes back here while the cancel is passed on. Then
    // this wait itself is cancelled, which breaks the circle.
    if (!this.waiting || this.#passingOn || (this.resource as Awaitable<T>).done()) return super.cancel(error, final);
    passCancel(this, error);
    return true;
  }

  applyCancel(error: CancelledError): void {
    // The awaitable may have ended before the pass came here.
    if (!(this.resource as Awaitable<T>).cancelWith(error)) super.cancel(error);
    else {
      this.#passingOn = true;
      afterPassing(() => {
        this.#passingOn = false;
      });
    }
  }
}
