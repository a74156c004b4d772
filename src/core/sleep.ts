// sleep and cancellable: the two waits that need no primitive.
import { type Deadline, wrongValue } from '../base/index.ts';
import { Awaitable, OutcomeWait } from './awaitable.ts';
import { loopTime, msError } from './clock.ts';
import { beginWait, type WaitOptions } from './current-waiter.ts';
import { addDeadline, deleteDeadline } from './deadlines.ts';
import { addSoon, type Soon } from './turn.ts';
import { Wait } from './wait.ts';

/**
 * A sleep. It is its own entry in the heap of deadlines, so a sleep is one object and needs no host
 * timer.
 */
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
 * Waits, then resolves to `value`. The wait can be cancelled. asyncio: `sleep`.
 * @param ms milliseconds; 0 or less waits for the next turn of the loop, so that I/O and timers can
 *   run; Infinity waits until a cancel, and does not keep the process alive
 * @param value what the call resolves to
 * @param options `signal`: an AbortSignal that cancels the wait
 * @throws CancelledError when its task or the signal is cancelled; RangeError for NaN; TypeError
 *   for anything but a number
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
  const wait = new SleepWait(loopTime() + ms, value as T, options); // T is void without a value
  if (ms <= 0) addSoon(wait);
  else if (ms !== Infinity) addDeadline(wait);
  return wait.promise;
}

/**
 * Waits for a promise, as a cancellation point. A cancel ends the wait and not the work behind the
 * promise, even if it is a Task. A later rejection of a foreign promise is then ignored. Where an
 * API takes a signal, prefer to pass it `currentTask().signal`: that ends the work too.
 * @param promise a promise, a Task or a Future
 * @param options `signal`: an AbortSignal that cancels the wait
 * @returns what the promise resolves to
 * @throws what the promise rejects with; CancelledError; TypeError for anything but a promise
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
    // The caller receives the cancellation instead.
    if (!(promise instanceof Awaitable)) promise.then(undefined, () => undefined);
    return refused;
  }
  if (promise instanceof Awaitable) {
    return promise.done() ? promise.outcome() : new OutcomeWait<T>('await', promise as Awaitable<T>, options).promise;
  }
  const wait = new Wait<T>('promise', promise, options);
  try {
    promise.then(
      (value) => wait.answer(value),
      (error: unknown) => wait.fail(error),
    );
  } catch (error) {
    wait.fail(error); // a wait that nothing decides would take the cancels of its scope
  }
  return wait.promise;
}
