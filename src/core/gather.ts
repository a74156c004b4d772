// gather: one awaitable made of many. Semantics: asyncio.gather.
//
// States: PENDING --(a child fails or is cancelled, or all end)--> DONE. `#missing` counts
// the children that have not ended. Children that outlive the Gathering go on.
//
// - Without `returnExceptions`, the first child that fails or ends cancelled decides the outcome.
// - With it, the outcome is decided when `#missing` reaches 0.
//
// Example, a cancel from outside (`cancelWith`, through applyCancel): a task awaits `gather([a,
// b])`, where `a` is a Future and `b` is a Task that cleans up for 10 ms, and the task is
// cancelled.
// 1. The task's wait passes the cancel on to the Gathering. It sets `#cancelAsked`, then requests
//    the cancel of both children.
// 2. `a` ends at once. Without `returnExceptions` the Gathering is now cancelled, and the task goes
//    on while `b` still cleans up. With `returnExceptions` it waits.
// 3. `b` ends 10 ms later. With `returnExceptions` the Gathering is cancelled now, because of
//    `#cancelAsked`, even if `b` returned a value. asyncio does the same.
import { flag, wrongValue } from '../base/index.ts';
import { Awaitable } from './awaitable.ts';
import type { CancelledError } from './errors.ts';
import { foreignSignal, onAbort, signalError, type WaitOptions } from './current-waiter.ts';
import { checkWork, toAwaitable, type Work, type WorkResult } from './work.ts';

/** Options of `gather`. */
export interface GatherOptions extends WaitOptions {
  /**
   * If true, an error stands in the results in the place of its item, and the call does not reject.
   * Default: false, the first error rejects the call.
   */
  readonly returnExceptions?: boolean | undefined;
}

/**
 * The awaitable that `gather` returns; see there for an example. Cancelling it cancels every child
 * that is not done.
 */
export class Gathering<T> extends Awaitable<T> {
  readonly #items: readonly Awaitable<unknown>[];
  readonly #children: ReadonlySet<Awaitable<unknown>>;
  readonly #returnExceptions: boolean;
  #missing: number;
  /**
   * A cancel that was passed on to the children. If they all end without deciding the outcome, it
   * does.
   */
  #cancelAsked: CancelledError | undefined;

  /** @internal */
  constructor(items: readonly Awaitable<unknown>[], returnExceptions: boolean) {
    super();
    this.#items = items;
    this.#children = new Set(items);
    this.#returnExceptions = returnExceptions;
    this.#missing = 0;
    for (const child of this.#children) {
      child.markHandled(); // as in asyncio, errors after the first go to gather and are dropped
      if (child.done()) continue;
      this.#missing++;
      child.subscribe(this);
    }
    for (const child of this.#children) if (child.done()) this.#ended(child);
    if (this.#missing === 0) this.#finish();
  }

  /** What depends on the children, for the call graph. @internal */
  get awaitable(): Awaitable<unknown> {
    return this;
  }

  /** What it waits for, ended or not. @internal */
  get children(): Iterable<Awaitable<unknown>> {
    return this.#children;
  }

  /** @internal */
  settled(child: Awaitable<unknown>): void {
    this.#missing--;
    this.#ended(child);
    if (this.#missing === 0) this.#finish();
  }

  /**
   * Cancels every child that is not done. The children decide the outcome. Without
   * `returnExceptions`, the first child that ends cancelled ends this one. With it, all children
   * end first, and then this one is cancelled, even if they returned values. @internal
   */
  override applyCancel(error: CancelledError): void {
    if (this.done()) return;
    // Set before the children are cancelled: Futures end at once, and can end this one while the
    // cancel is passed on.
    this.#cancelAsked = error;
    for (const child of this.#children) child.cancelWith(error);
  }

  override get label(): string {
    return `Gathering of ${this.#items.length}`;
  }

  #ended(child: Awaitable<unknown>): void {
    if (this.#returnExceptions || this.done()) return;
    // As in asyncio, a cancelled child counts as one that raised CancelledError.
    if (child.cancelled()) this.settle('cancelled', outcomeError(child));
    else if (child.failed()) this.settle('failed', outcomeError(child));
  }

  #finish(): void {
    if (this.done()) return;
    if (this.#cancelAsked !== undefined) this.settle('cancelled', this.#cancelAsked);
    else {
      this.settle(
        'done',
        this.#items.map((item) => (item.failed() || item.cancelled() ? outcomeError(item) : item.result())),
      );
    }
  }
}

function outcomeError(child: Awaitable<unknown>): unknown {
  try {
    return child.exception();
  } catch (error) {
    return error; // cancelled: exception() throws it
  }
}

/**
 * Runs the work concurrently and resolves to the results, in the order of the items. Functions
 * become tasks. The first error rejects the call at once and **leaves the others running**: prefer
 * TaskGroup, which owns its tasks. Cancelling the result, or the task that awaits it, cancels every
 * child. asyncio: `gather`.
 * @param items functions, Tasks, Futures or promises; a Task, Future or promise that is listed
 *   twice is awaited once, and its result appears twice
 * @param options `returnExceptions`, and `signal`: an AbortSignal that cancels the gathering
 * @throws TypeError, at once, for anything but an array of functions, Tasks, Futures and promises
 *
 * @example
 * ```ts
 * import { gather, sleep } from 'maitre';
 * const [a, b] = await gather([() => sleep(10, 'a'), () => sleep(5, 2)]);
 * console.log(a, b);
 * ```
 */
export function gather<const W extends readonly Work<unknown>[]>(
  items: W,
  options: GatherOptions & { readonly returnExceptions: true },
): Gathering<{ -readonly [K in keyof W]: WorkResult<W[K]> | Error }>;
export function gather<const W extends readonly Work<unknown>[]>(
  items: W,
  options?: GatherOptions,
): Gathering<{ -readonly [K in keyof W]: WorkResult<W[K]> }>;
export function gather(items: readonly Work<unknown>[], options: GatherOptions = {}): Gathering<unknown> {
  if (!Array.isArray(items)) throw wrongValue('gather', '', 'an array', items);
  const { returnExceptions = false } = options;
  flag('gather', 'returnExceptions', returnExceptions);
  const signal = foreignSignal(options);
  for (const item of items) checkWork(item, 'gather'); // before the first one is started
  const promises = new Map<Work<unknown>, Awaitable<unknown>>(); // a duplicate is awaited once and appears twice
  const children = items.map((item: Work<unknown>) => {
    if (typeof item === 'function') return toAwaitable(item);
    const child = promises.get(item) ?? toAwaitable(item);
    promises.set(item, child);
    return child;
  });
  const gathering = new Gathering<unknown>(children, returnExceptions);
  if (signal?.aborted === true) gathering.cancelWith(signalError(signal));
  else if (signal !== undefined && !gathering.done()) {
    gathering.subscribe({ settled: onAbort(signal, (error) => gathering.cancelWith(error)) });
  }
  return gathering;
}
