// gather: one awaitable made of many. Semantics: asyncio.gather.
import { wrongValue } from '../base/index.ts';
import { Awaitable } from './awaitable.ts';
import type { CancelledError } from './errors.ts';
import { foreignSignal, onAbort, signalError, type WaitOptions } from './current-waiter.ts';
import { checkWork, toAwaitable, type Work, type WorkResult } from './work.ts';

export interface GatherOptions extends WaitOptions {
  /** Puts errors in the places of their results instead of failing with the first one. */
  readonly returnExceptions?: boolean | undefined;
}

/** The awaitable that `gather` returns. */
export class Gathering<T> extends Awaitable<T> {
  readonly #items: readonly Awaitable<unknown>[];
  readonly #children: ReadonlySet<Awaitable<unknown>>;
  readonly #returnExceptions: boolean;
  #missing: number;
  /** A cancel that children took: with returnExceptions it decides the outcome once all have ended. */
  #cancelAsked: CancelledError | undefined;

  /** @internal */
  constructor(items: readonly Awaitable<unknown>[], returnExceptions: boolean) {
    super();
    this.#items = items;
    this.#children = new Set(items);
    this.#returnExceptions = returnExceptions;
    this.#missing = 0;
    for (const child of this.#children) {
      child.markHandled(); // the others' errors, after the first, are gather's to know, as in asyncio
      if (child.done()) continue;
      this.#missing++;
      child.subscribe(this);
    }
    for (const child of this.#children) if (child.done()) this.#ended(child);
    if (this.#missing === 0) this.#finish();
  }

  /** For the call graph. @internal */
  get awaitable(): Awaitable<unknown> {
    return this;
  }

  /** @internal */
  settled(child: Awaitable<unknown>): void {
    this.#missing--;
    this.#ended(child);
    if (this.#missing === 0) this.#finish();
  }

  /**
   * Cancels every child that is not done. What comes of it decides: without `returnExceptions` the first child that ends
   * cancelled ends this; with it, all end first, and then this is cancelled, even if they ended well. @internal
   */
  override applyCancel(error: CancelledError): void {
    if (this.done()) return;
    // Set before the children know: those that end at once (Futures) may end this while the cancel is passed on.
    this.#cancelAsked = error;
    for (const child of this.#children) child.cancelWith(error);
  }

  override get label(): string {
    return `Gathering of ${this.#items.length}`;
  }

  #ended(child: Awaitable<unknown>): void {
    if (this.#returnExceptions || this.done()) return;
    // A child that was cancelled counts as one that raised CancelledError.
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
 * Runs the work concurrently and resolves to the results, in the order of the items; functions become tasks. The first error
 * rejects the whole at once and **leaves the others running**: prefer TaskGroup, which owns them. Cancelling it, or the
 * task that awaits it, cancels every child. asyncio: `gather`.
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
  const signal = foreignSignal(options);
  for (const item of items) checkWork(item, 'gather'); // before the first one is started
  const promises = new Map<Work<unknown>, Awaitable<unknown>>(); // a duplicate is awaited once and appears twice
  const children = items.map((item: Work<unknown>) => {
    if (typeof item === 'function') return toAwaitable(item);
    const child = promises.get(item) ?? toAwaitable(item);
    promises.set(item, child);
    return child;
  });
  const gathering = new Gathering<unknown>(children, options.returnExceptions === true);
  if (signal?.aborted === true) gathering.cancelWith(signalError(signal));
  else if (signal !== undefined && !gathering.done()) {
    gathering.subscribe({ settled: onAbort(signal, (error) => gathering.cancelWith(error)) });
  }
  return gathering;
}
