// shield: a cancel ends the wait and not the work. Semantics: asyncio.shield.
// outlast: a cancel ends neither.
import type { Awaitable, Subscriber } from './awaitable.ts';
import { CancelledError } from './errors.ts';
import { reportException } from './exception-handler.ts';
import { Future } from './future.ts';
import { cancellable } from './sleep.ts';
import { checkWork, toAwaitable, type Work } from './work.ts';

/**
 * Returns an Awaitable of the work's outcome whose cancel does not reach the work. If the work
 * fails after that cancel, its error goes to the exception handler, once. Cancelling the work
 * itself cancels the Awaitable. Awaiting it is a cancellation point. asyncio: `shield`.
 * @param work a function, which becomes a task, or a Task, a Future or a promise
 * @throws TypeError for anything else
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

/**
 * Waits until an awaitable is done, however often the caller is cancelled meanwhile. For ends that
 * take bounded time: the caller rethrows its cancel afterwards. Rejects if the awaitable fails.
 */
export async function outlast(awaitable: Awaitable<unknown>): Promise<void> {
  while (!awaitable.done()) {
    try {
      await cancellable(awaitable); // not `await awaitable`: a cancel of that would reach it
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
    }
  }
}

/**
 * Subscribes to the work until either is done. After a cancel it leaves `orphan` subscribed in its
 * place.
 */
class Shield<T> extends Future<T> implements Subscriber {
  readonly #inner: Awaitable<T>;

  constructor(inner: Awaitable<T>) {
    super();
    this.#inner = inner;
    inner.markHandled();
    inner.subscribe(this);
  }

  /** What depends on the work, for the call graph. @internal */
  get awaitable(): Awaitable<unknown> {
    return this;
  }

  /** @internal */
  settled(): void {
    this.#inner.passOutcomeTo(this);
  }

  /** @internal */
  override applyCancel(error: CancelledError): void {
    if (!this.settle('cancelled', error)) return;
    this.#inner.unsubscribe(this);
    this.#inner.subscribe(orphan);
  }

  override get label(): string {
    return `Shield of ${this.#inner.label}`;
  }

  /** @internal */
  override reportFields(): ReturnType<Future<T>['reportFields']> {
    return this.#inner.reportFields();
  }
}

/**
 * Reports the error of work whose shield was cancelled. One object serves all, so that subscribing
 * twice has the effect of once.
 */
const orphan: Subscriber = {
  settled(inner) {
    if (!inner.failed()) return;
    reportException({
      message: `${inner.label} failed after the shield around it was cancelled`,
      error: inner.exception(),
      ...inner.reportFields(),
    });
  },
};
