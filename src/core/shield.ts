// shield: the waiter can be cancelled, the work not. Semantics: asyncio.shield.
import type { Awaitable, Observer } from './awaitable.ts';
import type { CancelledError } from './errors.ts';
import { reportException } from './exception-handler.ts';
import { Future } from './future.ts';
import { checkWork, toAwaitable, type Work } from './work.ts';

/**
 * An awaitable of the work's outcome whose cancel does not reach the work. Once it was cancelled, a later error of the
 * work goes to the exception handler, once. Cancelling the work itself cancels it. asyncio: `shield`.
 *
 * @example
 * ```ts
 * import { shield, sleep, timeout } from 'maitre';
 * const save = async () => { await sleep(20); console.log('saved'); };
 * await timeout(10, () => shield(save)).catch(() => console.log('no longer waiting'));
 * ```
 */
export function shield<T>(work: Work<T>): Awaitable<T> {
  checkWork(work, 'shield');
  const inner = toAwaitable(work);
  return inner.done() ? inner : new Shield(inner);
}

/** Observes the work until either is done; then it leaves nothing behind but `orphan`. */
class Shield<T> extends Future<T> implements Observer {
  readonly #inner: Awaitable<T>;

  constructor(inner: Awaitable<T>) {
    super();
    this.#inner = inner;
    inner.markObserved();
    inner.observe(this);
  }

  /** For the call graph. @internal */
  get awaitable(): Awaitable<unknown> {
    return this;
  }

  /** @internal */
  settled(): void {
    this.#inner.passOutcomeTo(this);
  }

  /** @internal */
  override cancelWith(error: CancelledError): boolean {
    if (!super.cancelWith(error)) return false;
    this.#inner.unobserve(this);
    this.#inner.observe(orphan);
    return true;
  }

  /** @internal */
  override get label(): string {
    return `shield of ${this.#inner.label}`;
  }

  /** @internal */
  override reportFields(): ReturnType<Future<T>['reportFields']> {
    return this.#inner.reportFields();
  }
}

/** Hears of the error of work whose shield was cancelled. One for all: observing twice is observing once. */
const orphan: Observer = {
  settled(inner) {
    if (!inner.failed()) return;
    reportException({
      message: `${inner.label} failed after the shield around it was cancelled`,
      error: inner.exception(),
      ...inner.reportFields(),
    });
  },
};
