// Callbacks for signals. Semantics: asyncio's `loop.add_signal_handler`.
import { describe } from '../base/index.ts';
import { atScopeEnd, callSoon, host, reportException } from '../core/index.ts';
import { checkSignal, listen } from './check-signal.ts';

/**
 * Calls `fn` in the loop each time the process receives the signal, until the result is disposed or the scope of the caller
 * ends (a task, or the body of a timeout or group), whichever comes first. `fn` runs outside of any task, with the caller's
 * other context. What it throws, or rejects with, is reported. It does not keep the process alive.
 *
 * While a handler exists the signal no longer ends the process. Inside `run()`, SIGINT and SIGTERM also end main, unless it
 * was called with `{ handleSignals: false }`. asyncio: `loop.add_signal_handler`.
 * @throws TypeError unless `name` is text and `fn` a function; RangeError for a signal that cannot be received
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
  const tie = atScopeEnd(() => listening[Symbol.dispose]());
  return {
    [Symbol.dispose](): void {
      tie[Symbol.dispose]();
      listening[Symbol.dispose]();
    },
  };
}
