// The wait record: what a task waits for, on which resource, since when, and how to take it back. Cancelling a task
// calls its wait records; a console reads the very same ones. Every waiting call of maitre is one of these.
//
// States of a wait:
//
//   WAITING --answer/fail--> ANSWERED, FAILED ---------------(delivery)--> DELIVERED: the promise settles
//      |                        |         ^ the cancel was taken back
//      |                        +-cancel-> OVERRULED --------(delivery)--> DELIVERED: the promise rejects
//      +--------cancel-------------------> CANCELLED --------(delivery)--> DELIVERED: the promise rejects
//
// - Only these arrows exist; answer() in any state but WAITING does nothing, and so does a second cancel().
// - A cancel of a WAITING wait is final: withdraw(false) leaves the queue in that step, as asyncio cancels the future.
// - A cancel that comes between an answer and its delivery overrules it *at delivery*, if it still stands in the wait's scope
//   then: withdraw(true) hands on what was handed over (the permit to the next waiter). After `uncancel()` the answer stands.
// - Exactly one of withdraw() and take() is called in a wait's life.
// - take() runs at delivery: what it removes (bytes, items) is removed in the same step that settles the promise, so
//   nothing is lost in between.
// - A wait is linked to its scope from its construction to its delivery, whatever its state.
// - Whatever withdraw, take or an instrument throws, the wait is delivered.
import { type Linked, type LinkedSet } from '../base/index.ts';
import { loopTime } from './clock.ts';
import { isSignalOf, onAbort, quiet, scopeOf, type WaitOptions } from './current-waiter.ts';
import { deliverSoon } from './delivery.ts';
import { CancelledError } from './errors.ts';
import { reportException } from './exception-handler.ts';
import * as hooks from './instrument.ts';
import type { TaskRecord, WaitOutcome, WaitRecord, WaitState } from './records.ts';
import { isCancelled, linkWait, type Scope, type ScopedWait, unlinkWait } from './scope.ts';
import { tracing } from './tracing.ts';
import { turnTime } from './turn.ts';

const WAITING = 0;
const ANSWERED = 1;
const FAILED = 2;
const CANCELLED = 3;
const OVERRULED = 4;
const DELIVERED = 5;
type State = typeof WAITING | typeof ANSWERED | typeof FAILED | typeof CANCELLED | typeof OVERRULED | typeof DELIVERED;

const STATES: readonly WaitState[] = ['waiting', 'answered', 'failed', 'cancelled', 'cancelled', 'delivered'];

/** The outcome of an OVERRULED wait: the answer that was decided, and the cancellation that came after it. */
interface Overruled {
  readonly before: typeof ANSWERED | typeof FAILED;
  readonly outcome: unknown;
  readonly error: CancelledError;
  /** It came from the scope, and goes when no cancel stands there any more. One from a foreign signal stays. */
  final: boolean;
}

/** Where waits began, while tracing is on. */
const sites = new WeakMap<Wait<unknown>, { stack?: string }>();
/** When waits were decided, while there is an instrument. */
const decisions = new WeakMap<Wait<unknown>, number>();
/** Waits of which instruments have not been told. Empty while nobody listens. */
const unannounced = new Set<Wait<unknown>>();

// The executor of every wait's promise: it hands the two functions over without a closure per wait.
let resolveNew: (value: never) => void;
let rejectNew: (error: unknown) => void;
function executor(resolve: (value: never) => void, reject: (error: unknown) => void): void {
  resolveNew = resolve;
  rejectNew = reject;
}

/**
 * The building block of every primitive. A subclass says what is taken back on cancel (`withdraw`) and, if the value is
 * made at delivery, how (`take`). Make one only after `beginWait()` let the call pass, put it where it waits, and return its
 * `promise`.
 */
export class Wait<T> implements WaitRecord {
  /** What kind of wait it is, in words: `sleep`, `read`, `lock.acquire`. */
  readonly kind: string;
  /** What it waits for: a reader, a lock, another task; undefined for a sleep. */
  readonly resource: unknown;
  /** When it began, on the loop's clock, in whole milliseconds; waits of one turn may share the time of the first. */
  readonly since: number;

  // Written by scope.ts alone.
  /** The scope it belongs to; undefined outside of tasks. @internal */
  scope: Scope | undefined;
  /** @internal */
  nextOfScope: ScopedWait | undefined = undefined;
  /** @internal */
  previousOfScope: ScopedWait | undefined = undefined;

  #state: State = WAITING;
  /** The answer, the error, the cancellation, or what an overruled wait keeps, by state. */
  #outcome: unknown;
  readonly #promise: Promise<T>;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;
  /** Takes the abort listener of a foreign signal away. */
  #unlisten: (() => void) | undefined;

  constructor(kind: string, resource: unknown, options?: WaitOptions) {
    this.kind = kind;
    this.resource = resource;
    this.since = turnTime(); // a small integer takes no memory of its own
    this.#promise = new Promise<T>(executor);
    this.#resolve = resolveNew as (value: T) => void; // set by the executor, which ran just now
    this.#reject = rejectNew;
    const scope = scopeOf(options);
    this.scope = scope;
    if (scope !== undefined) linkWait(this, scope);
    if (options?.signal !== undefined) this.#listen(options.signal);
    if (tracing) sites.set(this as Wait<unknown>, new Error('wait'));
    if (hooks.waitBegun !== undefined) unannounced.add(this as Wait<unknown>);
  }

  /** What the caller awaits. Reading it says that the wait stands in its place: instruments are told then. */
  get promise(): Promise<T> {
    if (unannounced.size > 0) this.#announce();
    return this.#promise;
  }

  /** The task that waits; undefined outside of tasks. */
  get task(): TaskRecord | undefined {
    return this.scope?.task;
  }

  /** @internal */
  get record(): WaitRecord {
    return this;
  }

  get state(): WaitState {
    return STATES[this.#state] as WaitState; // by index
  }

  get answeredAt(): number | undefined {
    return decisions.get(this as Wait<unknown>);
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
    this.#decide(ANSWERED, value);
    return true;
  }

  /** Decides the wait: the task goes on with an error. False if it was decided before. */
  fail(error: unknown): boolean {
    if (this.#state !== WAITING) return false;
    this.#decide(FAILED, error);
    return true;
  }

  /**
   * Takes the wait back; the task goes on with `error`. True if the cancellation will be seen by the task.
   * @param final it is this wait's alone, and not that of its scope: `uncancel` does not take it back
   */
  cancel(error: CancelledError, final = false): boolean {
    const state = this.#state;
    if (state === DELIVERED) return false;
    if (state === OVERRULED) (this.#outcome as Overruled).final ||= final;
    if (state === ANSWERED || state === FAILED) {
      this.#state = OVERRULED;
      this.#outcome = { before: state, outcome: this.#outcome, error, final } satisfies Overruled;
    }
    if (state !== WAITING) return true;
    if (unannounced.size > 0) this.#announce();
    this.#state = CANCELLED;
    this.#outcome = error;
    this.#withdraw(false, undefined as T);
    deliverSoon(this);
    return true;
  }

  /**
   * Makes a cancel that overruled an answer final now: somebody else asks for what the wait was answered with. True if it did, and
   * so has withdrawn.
   */
  yieldAnswer(): boolean {
    return this.#state === OVERRULED && this.#settledState() === CANCELLED;
  }

  /**
   * Undoes the wait: leaves the queue it stands in; with `answered`, hands on what `answer(value)` handed over. Should not throw:
   * what it throws is reported.
   */
  protected withdraw(_answered: boolean, _value: T): void {}

  /** Makes the value at delivery, from what was answered. What it throws, the task gets. */
  protected take(answer: T): T {
    return answer;
  }

  /** Settles the promise. By delivery.ts alone. @internal */
  deliver(): void {
    const state = this.#settledState();
    const outcome = this.#outcome;
    this.#state = DELIVERED;
    unlinkWait(this);
    this.#unlisten?.();
    const ended = state === ANSWERED ? this.#resolveWith(outcome as T) : this.#rejectWith(outcome, state === CANCELLED);
    hooks.waitEnded?.(this, ended);
  }

  /** How it ends: an overruled one is cancelled, unless its cancel was taken back. `#outcome` is then what belongs to that. */
  #settledState(): State {
    if (this.#state !== OVERRULED) return this.#state;
    const { before, outcome, error, final } = this.#outcome as Overruled;
    const stands = final || this.scope === undefined || isCancelled(this.scope);
    this.#state = stands ? CANCELLED : before;
    this.#outcome = stands ? error : outcome;
    if (stands) this.#withdraw(before === ANSWERED, outcome as T); // an answer's outcome is a T
    return this.#state;
  }

  #resolveWith(answer: T): WaitOutcome {
    try {
      this.#resolve(this.take(answer));
      return 'answered';
    } catch (error) {
      return this.#rejectWith(error, false);
    }
  }

  #rejectWith(error: unknown, cancelled: boolean): WaitOutcome {
    // A cancellation nobody looks at is nobody's error, whether it is this wait's or that of what it waited for.
    if (error instanceof CancelledError) quiet(this.#promise);
    this.#reject(error);
    return cancelled ? 'cancelled' : 'failed';
  }

  #decide(state: typeof ANSWERED | typeof FAILED, outcome: unknown): void {
    if (unannounced.size > 0) this.#announce();
    this.#state = state;
    this.#outcome = outcome;
    deliverSoon(this);
    if (!hooks.instrumented) return;
    decisions.set(this as Wait<unknown>, loopTime());
    hooks.waitAnswered?.(this);
  }

  #withdraw(answered: boolean, value: T): void {
    try {
      this.withdraw(answered, value);
    } catch (error) {
      reportException({ message: `Taking back a wait (${this.kind}) failed`, error });
    }
  }

  #announce(): void {
    if (unannounced.delete(this as Wait<unknown>)) hooks.waitBegun?.(this);
  }

  #listen(signal: AbortSignal): void {
    if (isSignalOf(signal, this.scope)) return; // the scope's own cancel reaches us through the link
    this.#unlisten = onAbort(signal, (error) => this.cancel(error, true));
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

/** A wait answered at once: for a call whose turn has given all its answers, or whose race decides who is answered. */
export function answeredWait<T>(
  kind: string,
  resource: unknown,
  value: T,
  options: WaitOptions | undefined,
): Promise<T> {
  const wait = new Wait<T>(kind, resource, options);
  wait.answer(value);
  return wait.promise;
}
