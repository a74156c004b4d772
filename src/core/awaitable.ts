// What Task, Future and gather have in common: an outcome that comes once, awaiters, and done callbacks.
//
// - The state goes from pending to one of result, exception, cancelled, once (`settle`).
// - A subscriber is told in the same step, and only *decides* something (answers a wait, settles another Awaitable): what
//   users wrote runs in later microtasks.
// - `await awaitable` makes a wait record on the awaiting scope whose cancel is a cancel of the awaitable: that is how a
//   cancel reaches the innermost wait through any chain of awaits (cancel-pass.ts).
// - An exception is *handled* once somebody will get it: a wait for it that is not taken back, a group, a gather, a call of
//   result() or exception(). One that is not is reported once, at the end of the turn.
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

/** Told once, when an Awaitable is done. */
export interface Subscriber {
  settled(awaitable: Awaitable<unknown>): void;
  /** Who waits through this subscriber: for the call graph. */
  readonly task?: TaskRecord | undefined;
  readonly awaitable?: Awaitable<unknown> | undefined;
}

type State = 'pending' | 'done' | 'failed' | 'cancelled';

export abstract class Awaitable<T> implements Promise<T> {
  #state: State = 'pending';
  /** The result, the exception, or the CancelledError, by state. */
  #outcome: unknown;
  #subscribers: Subscriber | Set<Subscriber> | undefined; // one needs no Set
  /** How many waits for the outcome were not taken back; Infinity once somebody has it for certain. */
  #takers = 0;

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
    if (this.#state === 'done') return this.#outcome as T; // by state
    if (this.#state === 'pending')
      throw new InvalidStateError(`Cannot get the result of ${this.label}: it is not done`);
    this.#takers = Infinity;
    throw this.#outcome;
  }

  /** The exception; undefined for a success. Throws CancelledError for a cancelled one, InvalidStateError while pending. */
  exception(): unknown {
    if (this.#state === 'pending') {
      throw new InvalidStateError(`Cannot get the exception of ${this.label}: it is not done`);
    }
    this.#takers = Infinity;
    if (this.#state === 'cancelled') throw this.#outcome;
    return this.#state === 'failed' ? this.#outcome : undefined;
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

  /** Passes on a cancellation made elsewhere: a link of the chain of awaits. False when done. @internal */
  cancelWith(error: CancelledError): boolean {
    if (this.done()) return false;
    passCancel(this, error);
    return true;
  }

  /** Makes a cancel come true. By cancel-pass.ts alone. @internal */
  abstract applyCancel(error: CancelledError): void;

  /** `Task "load"`, for messages. */
  abstract get label(): string;

  /**
   * Calls `fn` once, a microtask after the outcome is there (or after this call, when it is already), in the context of
   * this call. What it throws goes to the exception handler. It does not count as handling an exception.
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
    // A promise reaction runs in the context it was registered in, on every host.
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

  /** Like a promise's; inside a task it is an await by that task, and so a cancellation point. */
  // oxlint-disable-next-line unicorn/no-thenable -- awaiting it is the point
  then<A = T, B = never>(
    onResult?: ((value: T) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const promise = this.outcome().then(onResult, onError);
    return typeof onError === 'function' ? promise : waiting(promise); // an `await` passes both
  }

  /** Like a promise's; inside a task it is an await by that task. */
  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    const promise = this.outcome().catch(onError);
    return typeof onError === 'function' ? promise : waiting(promise);
  }

  /** Like a promise's; inside a task it is an await by that task. */
  finally(onEnd?: (() => void) | null): Promise<T> {
    return waiting(this.outcome().finally(onEnd));
  }

  /** `Promise`, as every promise has it: an Awaitable may stand wherever one is expected. */
  get [Symbol.toStringTag](): string {
    return 'Promise';
  }

  /** What `await` waits for, as a waiting call: quiet when it ends by a cancellation and nobody looks. @internal */
  outcome(): Promise<T> {
    if (this.#state === 'pending') return this.#waitForOutcome();
    const refused = beginWait();
    if (refused !== undefined) return refused;
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
      return Promise.reject(new InvalidStateError(`Cannot await ${this.label}: it is the task that awaits`));
    }
    const wait = new AwaitWait<T>('await', this);
    // A cancel that found no wait before goes the same way as one that comes now: to what is awaited, first.
    const error = takeKept(scope);
    if (error !== undefined) wait.cancel(error);
    return wait.promise;
  }

  /** Registers a subscriber while pending; `unsubscribe` is its inverse. @internal */
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

  /** Who waits for this one, directly: for the call graph. @internal */
  subscribers(): Subscriber[] {
    const now = this.#subscribers;
    return now === undefined ? [] : now instanceof Set ? [...now] : [now];
  }

  /** From now on an exception counts as handled. @internal */
  markHandled(): void {
    this.#takers = Infinity;
  }

  /** A wait for the outcome begins (+1), or was taken back without it (-1). @internal */
  countTaker(change: 1 | -1): void {
    this.#takers += change;
    if (this.#takers === 0 && this.#state === 'failed') this.#reportSoon();
  }

  /** True once it ended by an exception that is not a cancellation. @internal */
  failed(): boolean {
    return this.#state === 'failed';
  }

  /** Gives a done one's outcome to a subscribed wait or future. @internal */
  passOutcomeTo(to: { answer(value: T): unknown; fail(error: unknown): unknown }): void {
    if (this.#state === 'done') to.answer(this.#outcome as T); // by state
    else to.fail(this.#outcome);
  }

  /** The one change of state. False when it was done before. */
  protected settle(state: Exclude<State, 'pending'>, outcome: unknown): boolean {
    if (this.#state !== 'pending') return false;
    this.#state = state;
    this.#outcome = outcome;
    if (state === 'failed' && this.#takers === 0) this.#reportSoon();
    const subscribers = this.#subscribers;
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

  // At the end of the turn in which it failed: whoever meant to await it has had the time to.
  #reportSoon(): void {
    addSoon({ due: () => this.#reportUnhandled() });
  }

  #reportUnhandled(): void {
    if (this.#takers > 0) return;
    this.#takers = Infinity;
    reportException({
      message: `${this.label} failed and nobody awaited it`,
      error: this.#outcome,
      ...this.reportFields(),
    });
  }

  /** What a report of its unhandled exception adds. @internal */
  reportFields(): Partial<ExceptionContext> {
    return {};
  }

  /** `<Task "load" pending>`, for logs. */
  toString(): string {
    return `<${this.label} ${this.#state}>`;
  }
}

/** A wait for the outcome of an Awaitable. Its cancel leaves that alone: the wait behind `cancellable(task)`. */
export class OutcomeWait<T> extends Wait<T> implements Subscriber {
  readonly #target: Awaitable<T>;

  constructor(kind: string, target: Awaitable<T>, options?: WaitOptions) {
    super(kind, target, options);
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

/** The wait behind `await awaitable`. Its cancel is a cancel of what it awaits. */
class AwaitWait<T> extends OutcomeWait<T> implements CancelTarget {
  #passingOn = false;

  override cancel(error: CancelledError, final = false): boolean {
    // A circle of tasks that await each other comes back here while passing on: then this link gives way.
    if (!this.waiting || this.#passingOn || (this.resource as Awaitable<T>).done()) return super.cancel(error, final);
    passCancel(this, error);
    return true;
  }

  applyCancel(error: CancelledError): void {
    // It may have ended while the pass came here.
    if (!(this.resource as Awaitable<T>).cancelWith(error)) super.cancel(error);
    else {
      this.#passingOn = true;
      afterPassing(() => {
        this.#passingOn = false;
      });
    }
  }
}
