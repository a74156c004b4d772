// callSoon, callLater, callAt: functions that the loop calls. Semantics: asyncio's `loop.call_soon` and its family.
//
// - They run outside of any task and scope, as asyncio's do, but with the caller's other context (its AsyncLocalStorage
//   values), and belong to the run() in which they were scheduled: a task that they create is ended with it.
// - callSoon's run in the next turn, in order; those added meanwhile wait for the turn after.
import { callback } from '../base/index.ts';
import { checkMs, loopTime } from './clock.ts';
import { addDeadline, deleteDeadline } from './deadlines.ts';
import { reportException } from './exception-handler.ts';
import { host } from './host.ts';
import { programOf } from './scope.ts';
import { addSoon } from './turn.ts';

/** A scheduled callback. `cancel()` takes it back. asyncio: `Handle` and `TimerHandle`. */
export class Handle implements Disposable {
  /** When it is due on the loop's clock, milliseconds; for `callSoon` the time of the call. */
  when: number;
  /** The heap's own. @internal */
  slot = -1;
  /** The heap's own. @internal */
  order = 0;
  /** Undefined once it ran or was cancelled. */
  #fn: (() => void) | undefined;
  readonly #inContext: <R>(fn: () => R) => R;

  /** Made by callSoon, callLater and callAt. @internal */
  constructor(when: number, fn: () => void) {
    this.when = when;
    this.#fn = fn;
    this.#inContext = host.captureContext();
  }

  /** True once `cancel()` was called or the callback ran. */
  done(): boolean {
    return this.#fn === undefined;
  }

  /** Takes the callback back; nothing happens when it ran already. */
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

  /** The loop's own. @internal */
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
 * Runs `fn` in the next turn of the loop, in order of the calls, outside of any task. Errors go to the exception handler.
 * asyncio: `loop.call_soon`.
 */
export function callSoon(fn: () => void): Handle {
  const handle = new Handle(loopTime(), checkFn(fn, 'call callSoon'));
  addSoon(handle);
  return handle;
}

/** Runs `fn` after `ms` milliseconds, outside of any task. asyncio: `loop.call_later`. */
export function callLater(ms: number, fn: () => void): Handle {
  return callAt(loopTime() + checkMs(ms, 'schedule the callback'), fn);
}

/** Runs `fn` when `loopTime()` reaches `when`, outside of any task. asyncio: `loop.call_at`. */
export function callAt(when: number, fn: () => void): Handle {
  const handle = new Handle(checkMs(when, 'schedule the callback'), checkFn(fn, 'call callAt'));
  if (when !== Infinity) addDeadline(handle); // like sleep(Infinity): it keeps nothing alive
  return handle;
}

function checkFn(fn: () => void, action: string): () => void {
  callback(action, '', fn);
  return fn;
}
