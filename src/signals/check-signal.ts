// Checks which signals a program can receive.
import { constants } from 'node:os';
import { describe } from '../base/index.ts';
import { host } from '../core/index.ts';

/** The system delivers these to no program. */
const UNCATCHABLE = ['SIGKILL', 'SIGSTOP'];

/** @throws TypeError or RangeError for what is not the name of a signal that can be received here */
export function checkSignal(name: unknown, action: string): asserts name is NodeJS.Signals {
  if (typeof name !== 'string')
    throw new TypeError(`Cannot ${action}: expected the name of a signal, got ${describe(name)}`);
  if (!Object.hasOwn(constants.signals, name)) {
    throw new RangeError(
      `Cannot ${action}: this system has no signal ${JSON.stringify(name)}, expected one like SIGHUP`,
    );
  }
  if (UNCATCHABLE.includes(name)) throw new RangeError(`Cannot ${action}: no program can receive ${name}`);
}

/** Calls `fn` for each of the signals, until the result is disposed. */
export function listen(names: readonly NodeJS.Signals[], fn: (name: NodeJS.Signals) => void): Disposable {
  // The names came from us.
  return host.onSignal?.(names, (name) => fn(name as NodeJS.Signals)) ?? { [Symbol.dispose]: () => undefined };
}
