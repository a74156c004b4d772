// sleep and cancellable: the two waits that need no primitive.
import { type Deadline, wrongValue } from '../base/index.ts';
import { Awaitable, OutcomeWait } from './awaitable.ts';
import { loopTime, msError } from './clock.ts';
import { beginWait, type WaitOptions } from './current-waiter.ts';
import { addDeadline, deleteDeadline } from './deadlines.ts';
import { addSoon, type Soon } from './turn.ts';
import { Wait } from './wait.ts';

/** Its own entry in the heap of deadlines, so that a sleep is one object and no host timer. */
class SleepWait<T> extends Wait<T> implements Deadline, Soon {
  when: number;
  slot = -1;
  order = 0;
  readonly #value: T;

  constructor(when: number, value: T, options: WaitOptions | undefined) {
    super('sleep', undefined, options);
    this.when = when;
    this.#value = value;
  }

  due(): void {
    this.answer(this.#value);
  }

  protected override withdraw(): void {
    deleteDeadline(this);
  }
}

/**
 * Waits for `ms` milliseconds, then resolves to `value`. `sleep(0)` (and less) is one turn of the loop: I/O and timers get
 * to run. `sleep(Infinity)` only ends by a cancel, and does not keep the process alive. asyncio: `sleep`.
 * @throws RangeError for NaN; CancelledError when its task or `options.signal` is cancelled
 *
 * @example
 * ```ts
 * import { sleep } from 'maitre';
 * console.log(await sleep(10, 'rested'));
 * ```
 */
export function sleep<T = void>(ms: number, value?: T, options?: WaitOptions): Promise<T> {
  if (typeof ms !== 'number' || Number.isNaN(ms)) return Promise.reject(msError(ms, 'sleep'));
  const refused = beginWait(options);
  if (refused !== undefined) return refused;
  const wait = new SleepWait(loopTime() + ms, value as T, options); // without a value, T is void
  if (ms <= 0) addSoon(wait);
  else if (ms !== Infinity) addDeadline(wait);
  return wait.promise;
}

/**
 * Makes waiting for a promise a cancellation point. A cancel ends the wait, not what the promise stands for, a Task included;
 * the later rejection of a foreign promise is ignored. For foreign APIs that take a signal, `currentTask().signal` reaches further.
 *
 * @example
 * ```ts
 * import { cancellable, timeout } from 'maitre';
 * const never = new Promise<void>(() => {});
 * await timeout(10, () => cancellable(never)).catch((error) => console.log(error.message));
 * ```
 */
export function cancellable<T>(promise: PromiseLike<T>, options?: WaitOptions): Promise<T> {
  if (typeof (promise as PromiseLike<T> | undefined)?.then !== 'function') {
    return Promise.reject(wrongValue('wait', '', 'a promise', promise));
  }
  const refused = beginWait(options);
  if (refused !== undefined) {
    if (!(promise instanceof Awaitable)) promise.then(undefined, () => undefined); // the caller got the cancellation instead
    return refused;
  }
  if (promise instanceof Awaitable) {
    return promise.done() ? promise.outcome() : new OutcomeWait<T>('promise', promise as Awaitable<T>, options).promise;
  }
  const wait = new Wait<T>('promise', promise, options);
  try {
    promise.then(
      (value) => wait.answer(value),
      (error: unknown) => wait.fail(error),
    );
  } catch (error) {
    wait.fail(error); // a wait that nobody ends would take the cancels of its scope
  }
  return wait.promise;
}
