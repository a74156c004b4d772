// shield: the waiter can be cancelled, the work not. Semantics: asyncio.shield.
import { Awaitable } from './awaitable.ts';
import { reportException } from './exception-handler.ts';
import { Future } from './future.ts';
import { checkWork, toAwaitable, type Work } from './work.ts';

const reported = new WeakSet<Awaitable<unknown>>(); // work shielded many times is reported once

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
  if (inner.done()) return inner;
  const outer = new Future<T>();
  inner.markObserved();
  inner.observe({ awaitable: outer as Awaitable<unknown>, settled: () => passOn(inner, outer) });
  return outer;
}

function passOn<T>(inner: Awaitable<T>, outer: Future<T>): void {
  if (!outer.done()) inner.passOutcomeTo(outer);
  else if (inner.failed() && !reported.has(inner as Awaitable<unknown>)) {
    reported.add(inner as Awaitable<unknown>);
    reportException({
      message: `${inner.label} failed after the shield around it was cancelled`,
      error: inner.exception(),
      ...inner.reportFields(),
    });
  }
}
