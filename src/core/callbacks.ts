// callSoon, callLater, callAt: functions that the loop calls. Semantics: asyncio's
// `loop.call_soon`, `loop.call_later` and `loop.call_at`.
//
// - They run outside of any task and scope, as in asyncio, but with the other async context of the
//   caller (its AsyncLocalStorage values). They belong to the run() in which they were scheduled,
//   and the tasks that they create end with it.
// - Those of callSoon run in the next turn, in order. Those added meanwhile run in the turn after
//   that.
import { callback } from '../base/index.ts';
import { checkMs, loopTime } from './clock.ts';
import { addDeadline, deleteDeadline } from './deadlines.ts';
import { reportException } from './exception-handler.ts';
import { host } from './host.ts';
import { programOf } from './scope.ts';
import { addSoon } from './turn.ts';

/**
 * A scheduled callback, returned by `callSoon`, `callLater` and `callAt`. `cancel()` or `using`
 * takes it back. asyncio: `Handle` and `TimerHandle`.
 *
 * @example
 * ```ts
 * import { callLater } from 'maitre';
 * const handle = callLater(60_000, () => console.log('never'));
 * handle.cancel();
 * console.log(handle.done());
 * ```
 */
export class Handle implements Disposable {
  /** When it is due, in milliseconds on the loop's clock; for `callSoon`, the time of the call. */
  when: number;
  /** Written by the heap of deadlines. @internal */
  slot = -1;
  /** Written by the heap of deadlines. @internal */
  order = 0;
  /** Undefined once it ran or was cancelled. */
  #fn: (() => void) | undefined;
  readonly #inContext: <R>(fn: () => R) => R;

  /** Called by callSoon, callLater and callAt alone. @internal */
  constructor(when: number, fn: () => void) {
    this.when = when;
    this.#fn = fn;
    this.#inContext = host.captureContext();
  }

  /** True once the callback ran or `cancel()` was called. */
  done(): boolean {
    return this.#fn === undefined;
  }

  /** Takes the callback back. Does nothing if it ran already. asyncio: `Handle.cancel`. */
  cancel(): void {
    this.#fn = undefined;
    deleteDeadline(this);
  }

  /** `<Handle pending>`, for logs. */
  toString(): string {
    return `<Handle ${this.done() ? 'done' : 'pending'}>`;
  }

  [Symbol.dispose](): void {
    this.cancel();
  }

  /** Called by the loop. @internal */
  due(): void {
    const fn = this.#fn;
    if (fn === undefined) return;
    this.#fn = undefined;
    try {
      this.#inContext(() => host.carrier.run(programOf(host.carrier.getStore()), fn, undefined));
    } catch (error) {
      reportException({ message: 'Unhandled error in a scheduled callback', error });
    }
  }
}

/**
 * Runs `fn` in the next turn of the loop, in the order of the calls, outside of any task. What it
 * throws goes to the exception handler. asyncio: `loop.call_soon`.
 * @returns a handle that takes the callback back
 * @throws TypeError if `fn` is not a function
 *
 * @example
 * ```ts
 * import { callSoon } from 'maitre';
 * callSoon(() => console.log('second'));
 * console.log('first');
 * ```
 */
export function callSoon(fn: () => void): Handle {
  const handle = new Handle(loopTime(), checkFn(fn, 'call callSoon'));
  addSoon(handle);
  return handle;
}

/**
 * Runs `fn` after a time, outside of any task. What it throws goes to the exception handler.
 * asyncio: `loop.call_later`.
 * @param ms milliseconds; 0 or less runs it as soon as possible; Infinity never runs it
 * @returns a handle that takes the callback back
 * @throws TypeError or RangeError for a wrong `ms` or `fn`
 *
 * @example
 * ```ts
 * import { callLater, sleep } from 'maitre';
 * using _ = callLater(10, () => console.log('the bell rings'));
 * await sleep(20);
 * ```
 */
export function callLater(ms: number, fn: () => void): Handle {
  return callAt(loopTime() + checkMs(ms, 'schedule the callback'), fn);
}

/**
 * Runs `fn` when the loop's clock reaches a time, outside of any task. What it throws goes to the
 * exception handler. asyncio: `loop.call_at`.
 * @param when milliseconds on the loop's clock (`loopTime()`); Infinity never runs it
 * @returns a handle that takes the callback back
 * @throws TypeError or RangeError for a wrong `when` or `fn`
 *
 * @example
 * ```ts
 * import { callAt, loopTime, sleep } from 'maitre';
 * using _ = callAt(loopTime() + 10, () => console.log('the bell rings'));
 * await sleep(20);
 * ```
 */
export function callAt(when: number, fn: () => void): Handle {
  const handle = new Handle(checkMs(when, 'schedule the callback'), checkFn(fn, 'call callAt'));
  if (when !== Infinity) addDeadline(handle); // as sleep(Infinity), it keeps nothing alive
  return handle;
}

function checkFn(fn: () => void, action: string): () => void {
  callback(action, '', fn);
  return fn;
}
