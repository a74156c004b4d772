// addSignalHandler: callbacks for signals. Semantics: asyncio's `loop.add_signal_handler`.
import { describe } from '../base/index.ts';
import { atScopeEnd, callSoon, host, reportException } from '../core/index.ts';
import { checkSignal, listen } from './check-signal.ts';

/**
 * Calls `fn` in the loop each time the process receives the signal. Ends when you dispose the
 * result or when the scope of the caller ends (a task, or the body of a timeout or group),
 * whichever comes first. `fn` runs outside of any task, with the other context of the caller. What
 * it throws or rejects with is reported to the exception handler. A handler does not keep the
 * process alive.
 *
 * While a handler exists, the signal no longer ends the process. Inside `run()`, SIGINT and SIGTERM
 * also cancel main, unless `run` was called with `{ handleSignals: false }`. asyncio:
 * `loop.add_signal_handler`.
 * @param name the signal, such as `SIGHUP`
 * @returns disposing it removes the handler
 * @throws TypeError unless `name` is text and `fn` a function
 * @throws RangeError for a signal that cannot be received
 *
 * @example
 * ```ts
 * import { run, sleep } from 'maitre';
 * import { addSignalHandler } from 'maitre/signals';
 * await run(async () => {
 *   using handler = addSignalHandler('SIGHUP', () => console.log('reading the settings again'));
 *   process.kill(process.pid, 'SIGHUP');
 *   await sleep(50);
 * });
 * ```
 */
export function addSignalHandler(name: NodeJS.Signals, fn: () => unknown): Disposable {
  checkSignal(name, 'add signal handler');
  if (typeof fn !== 'function') {
    throw new TypeError(`Cannot add signal handler: expected a function, got ${describe(fn)}`);
  }
  const inContext = host.captureContext();
  const call = async (): Promise<unknown> => fn();
  const report = (error: unknown): void => reportException({ message: `A handler of ${name} failed`, error });
  const listening = listen([name], () => {
    inContext(() => callSoon(() => void call().catch(report)));
  });
  return atScopeEnd(() => listening[Symbol.dispose]());
}
