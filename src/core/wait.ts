// The wait record: what a task waits for, on which resource, since when, and how to take the wait
// back. Cancelling a task cancels its wait records, and a console reads the same records. Every
// waiting call of maitre makes one.
//
// States of a wait:
//
//   WAITING --answer/fail--> ANSWERED, FAILED --------(delivery)--> DELIVERED: the promise settles
//      |                        |         ^ the cancel was taken back
//      |                        +-cancel-> OVERRULED -(delivery)--> DELIVERED: the promise rejects
//      +--------cancel-------------------> CANCELLED -(delivery)--> DELIVERED: the promise rejects
//
// - There are no other transitions. `answer()` does nothing in any state but WAITING. A second
//   `cancel()` can only make an OVERRULED wait final.
// - A cancel of a WAITING wait is final: `withdraw(false)` leaves the queue in the same step, as
//   asyncio cancels the future.
// - A cancel between the answer and the delivery overrules the answer *at delivery*, if the cancel
//   still stands in the wait's scope then. `withdraw(true)` then hands on what the answer handed
//   over, such as a permit to the next waiter. After `uncancel()` the answer stands.
// - In the life of a wait, either `withdraw()` or `take()` is called, once.
// - `take()` runs at delivery. It removes bytes or items in the step that settles the promise, so
//   nothing is lost in between.
// - A wait is linked to its scope from its construction to its delivery, in every state.
// - The wait is delivered even if `withdraw`, `take` or an instrument throws.
//
// Example: task A waits in `lock.acquire()`, and the holder releases the lock. A's wait is
// ANSWERED: A owns the lock, but its code has not continued. In the same step, A's timeout expires:
// the wait is OVERRULED. At delivery the cancel still stands, so `withdraw(true)` releases the lock
// to the next waiter, and A's promise rejects. A never held the lock without knowing it.
import { type Linked, type LinkedSet } from '../base/index.ts';
import { loopTime } from './clock.ts';
import { isSignalOf, onAbort, quiet, scopeOf, type WaitOptions } from './current-waiter.ts';
import { deliverSoon } from './delivery.ts';
import { CancelledError } from './errors.ts';
import { reportException } from './exception-handler.ts';
import * as hooks from './instrument.ts';
import type { TaskRecord, WaitOutcome, WaitRecord, WaitState } from './records.ts';
import { isCancelled, linkWait, type Scope, type ScopedWait, unlinkWait } from './scope.ts';
import { type Site, siteEvery, waitSite } from './tracing.ts';
import { turnTime } from './turn.ts';

const WAITING = 0;
const ANSWERED = 1;
const FAILED = 2;
const CANCELLED = 3;
const OVERRULED = 4;
const DELIVERED = 5;
type State = typeof WAITING | typeof ANSWERED | typeof FAILED | typeof CANCELLED | typeof OVERRULED | typeof DELIVERED;

const STATES: readonly WaitState[] = ['waiting', 'answered', 'failed', 'cancelled', 'cancelled', 'delivered'];

/** The outcome of an OVERRULED wait: the answer, and the cancellation that came after it. */
interface Overruled {
  readonly before: typeof ANSWERED | typeof FAILED;
  readonly outcome: unknown;
  readonly error: CancelledError;
  /**
   * False if the cancel came from the scope: it lapses once no cancel stands there. True for a
   * foreign signal, whose cancel cannot be taken back.
   */
  final: boolean;
}

/** Where waits began. Filled only for those that record it: see tracing.ts. */
const sites = new WeakMap<Wait<unknown>, Site>();
/** What instruments are told of a wait. Made only while there is one. */
interface Watched {
  readonly id: number;
  answeredAt: number | undefined;
}

/** Stands for what is made when instruments first see the wait. */
const UNANNOUNCED: Watched = { id: 0, answeredAt: undefined };
/** The last id of an announced wait. */
let lastId = 0;

// The executor of every wait's promise. It hands the two functions over in variables, so that a
// wait allocates no closure.
let resolveNew: (value: never) => void;
let rejectNew: (error: unknown) => void;
function executor(resolve: (value: never) => void, reject: (error: unknown) => void): void {
  resolveNew = resolve;
  rejectNew = reject;
}

/**
 * The building block of every primitive. A subclass overrides `withdraw`, which takes the wait
 * back, and, if the value is made at delivery, `take`. Construct one only after `beginWait()` let
 * the call pass. Put it where it waits, then return its `promise`.
 *
 * @example
 * ```ts
 * import { sleep, timeout } from 'maitre';
 * import { beginWait, Wait } from 'maitre/lowlevel';
 * const bells = new Set<BellWait>();
 * class BellWait extends Wait<string> {
 *   protected override withdraw(): void {
 *     bells.delete(this);
 *   }
 * }
 * function nextBell(): Promise<string> {
 *   const refused = beginWait();
 *   if (refused !== undefined) return refused;
 *   const wait = new BellWait('bell', undefined);
 *   bells.add(wait);
 *   return wait.promise;
 * }
 * await timeout(10, nextBell).catch(() => console.log('no bell', bells.size));
 * ```
 */
export class Wait<T> implements WaitRecord {
  /** The kind of wait, in words: `sleep`, `read`, `lock.acquire`. */
  readonly kind: string;
  /** What it waits for: a reader, a lock, another task; undefined for a sleep. */
  readonly resource: unknown;
  /**
   * When it began, on the loop's clock, in whole milliseconds. Waits of one turn can share the time
   * of the first.
   */
  readonly since: number;

  // Only scope.ts writes these.
  /** The scope to which it belongs; undefined outside of tasks. @internal */
  scope: Scope | undefined;
  /** @internal */
  nextOfScope: ScopedWait | undefined = undefined;
  /** @internal */
  previousOfScope: ScopedWait | undefined = undefined;

  #state: State = WAITING;
  /** By state: the answer, the error, the cancellation, or an Overruled. */
  #outcome: unknown;
  readonly #promise: Promise<T>;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;
  /** Undefined while no instrument has seen it. One field, because every wait has it. */
  #watched: Watched | undefined;
  /** Removes the abort listener from a foreign signal; undefined without one. */
  #unlisten: (() => void) | undefined;

  constructor(kind: string, resource: unknown, options?: WaitOptions) {
    this.kind = kind;
    this.resource = resource;
    this.since = turnTime(); // a small integer needs no memory of its own
    this.#promise = new Promise<T>(executor);
    this.#resolve = resolveNew as (value: T) => void; // the executor ran just now and set it
    this.#reject = rejectNew;
    const scope = scopeOf(options);
    this.scope = scope;
    if (scope !== undefined) linkWait(this, scope);
    if (options?.signal !== undefined) this.#listen(options.signal);
    if (siteEvery > 0) this.#recordSite();
    this.#watched = hooks.waitBegun === undefined ? undefined : UNANNOUNCED;
  }

  /**
   * The promise to return to the caller. Read it once the wait stands in its place: the first read
   * announces the wait to instruments.
   */
  get promise(): Promise<T> {
    if (this.#watched === UNANNOUNCED) this.#announce();
    return this.#promise;
  }

  get id(): number {
    return this.#watched?.id ?? 0;
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
    return STATES[this.#state] as WaitState; // STATES has an entry for each state
  }

  get answeredAt(): number | undefined {
    return this.#watched?.answeredAt;
  }

  /** Where the wait began. Undefined unless it was recorded: see tracing.ts. */
  get site(): WaitRecord['site'] {
    return sites.get(this as Wait<unknown>);
  }

  /** True while neither answered nor cancelled. */
  get waiting(): boolean {
    return this.#state === WAITING;
  }

  /** True once answered and not yet delivered. A cancel can still overrule the answer. */
  get answered(): boolean {
    return this.#state === ANSWERED || this.#state === FAILED;
  }

  /**
   * Decides the wait: its promise will resolve to `value`, or to what `take` makes of it. Returns
   * false if the wait was decided before.
   */
  answer(value: T): boolean {
    if (this.#state !== WAITING) return false;
    this.#decide(ANSWERED, value);
    return true;
  }

  /**
   * Decides the wait: its promise will reject with `error`. Returns false if the wait was decided
   * before.
   */
  fail(error: unknown): boolean {
    if (this.#state !== WAITING) return false;
    this.#decide(FAILED, error);
    return true;
  }

  /**
   * Takes the wait back: its promise will reject with `error`. Returns true if the task will see
   * the cancellation.
   * @param final true if the cancel concerns this wait alone and not its scope: `uncancel` does not
   *   take it back
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
    if (this.#watched === UNANNOUNCED) this.#announce();
    this.#state = CANCELLED;
    this.#outcome = error;
    this.#withdraw(false, undefined as T);
    deliverSoon(this);
    return true;
  }

  /**
   * Makes final a cancel that overruled an answer, because another caller needs what the wait was
   * answered with. Returns true if it did: the wait has then withdrawn.
   */
  yieldAnswer(): boolean {
    return this.#state === OVERRULED && this.#settledState() === CANCELLED;
  }

  /**
   * Override this to undo the wait: leave the queue and, if `answered` is true, hand on what
   * `answer(value)` handed over. It must not throw; what it throws is reported.
   */
  protected withdraw(_answered: boolean, _value: T): void {}

  /**
   * Override this to make the value at delivery from what was answered. If it throws, the promise
   * rejects with that error.
   */
  protected take(answer: T): T {
    return answer;
  }

  /** Settles the promise. Only delivery.ts calls it. @internal */
  deliver(): void {
    const state = this.#settledState();
    const outcome = this.#outcome;
    this.#state = DELIVERED;
    unlinkWait(this);
    this.#unlisten?.();
    const ended = state === ANSWERED ? this.#resolveWith(outcome as T) : this.#rejectWith(outcome, state === CANCELLED);
    hooks.waitEnded?.(this, ended);
  }

  /**
   * Returns how it ends. An OVERRULED wait becomes CANCELLED, or returns to its answer if the
   * cancel was taken back. `#outcome` then holds what belongs to the returned state.
   */
  #settledState(): State {
    if (this.#state !== OVERRULED) return this.#state;
    const { before, outcome, error, final } = this.#outcome as Overruled;
    const stands = final || this.scope === undefined || isCancelled(this.scope);
    this.#state = stands ? CANCELLED : before;
    this.#outcome = stands ? error : outcome;
    if (stands) this.#withdraw(before === ANSWERED, outcome as T); // the outcome of an answer is a T
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
    // A cancellation that nobody awaits is not an error, whether it is of this wait or of what it
    // waited for.
    if (error instanceof CancelledError) quiet(this.#promise);
    this.#reject(error);
    return cancelled ? 'cancelled' : 'failed';
  }

  #decide(state: typeof ANSWERED | typeof FAILED, outcome: unknown): void {
    if (this.#watched === UNANNOUNCED) this.#announce();
    this.#state = state;
    this.#outcome = outcome;
    deliverSoon(this);
    if (!hooks.answerTimes) return;
    (this.#watched ??= { id: 0, answeredAt: undefined }).answeredAt = loopTime();
    hooks.waitAnswered?.(this);
  }

  #withdraw(answered: boolean, value: T): void {
    try {
      this.withdraw(answered, value);
    } catch (error) {
      reportException({ message: `Taking back a wait (${this.kind}) failed`, error });
    }
  }

  #recordSite(): void {
    const site = waitSite(Wait);
    if (site !== undefined) sites.set(this as Wait<unknown>, site);
  }

  #announce(): void {
    this.#watched = { id: ++lastId, answeredAt: undefined };
    hooks.waitBegun?.(this);
  }

  #listen(signal: AbortSignal): void {
    if (isSignalOf(signal, this.scope)) return; // the link to the scope brings the scope's own cancel
    this.#unlisten = onAbort(signal, (error) => this.cancel(error, true));
  }
}

/**
 * A wait in the line of a primitive, which is a LinkedSet of QueuedWaits. A cancel removes it from
 * the line. Construct it after `beginWait()`, and join it to a Line, which returns its promise.
 * `Line` and `beginWait` have examples.
 */
export class QueuedWait<T> extends Wait<T> implements Linked {
  // Only LinkedSet writes these.
  previous: Linked | undefined = undefined;
  next: Linked | undefined = undefined;
  list: object | undefined = undefined;

  protected override withdraw(_answered: boolean, _value: T): void {
    (this.list as LinkedSet<QueuedWait<T>> | undefined)?.delete(this); // only such a list adds it
  }
}

/**
 * Returns the promise of a wait that is answered at once. Use it when `mayAnswer()` is false and
 * the call need not wait: the turn has no answers left, or a race decides which member is answered.
 * Such a promise can still be cancelled until its delivery.
 *
 * @example
 * ```ts
 * import { answeredWait, beginWait, mayAnswer } from 'maitre/lowlevel';
 * const door = { isOpen: true };
 * function untilOpen(): Promise<void> {
 *   const refused = beginWait();
 *   if (refused !== undefined) return refused;
 *   if (mayAnswer()) return Promise.resolve();
 *   return answeredWait<void>('door', door, undefined, undefined);
 * }
 * await untilOpen();
 * ```
 */
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
