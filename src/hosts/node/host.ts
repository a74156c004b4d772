// The host port on Node, Bun and Deno: their own loop, clocks, signals and AsyncLocalStorage.
import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';
import { disposable, escapeLines } from '../../base/index.ts';
import { type Host, installHost } from '../../core/index.ts';
import { endProcess } from './end-process.ts';

const SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const;

const nodeHost: Host = {
  name: 'node',
  now: () => performance.now(),
  setTimer: (ms, fn) => setTimeout(fn, ms),
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout), // setTimer made it
  nextTurn: (fn) => void setImmediate(fn),
  // Not a tick: a tick comes after each socket's callback, this after those of all that were ready. uvloop flushes there, too.
  endOfTurn: (fn) => void setImmediate(fn),
  random: () => Math.random(),
  carrier: new AsyncLocalStorage<unknown>(),
  captureContext: () => AsyncLocalStorage.snapshot(),
  report: (text, error) => void process.stderr.write(`maitre: ${escapeLines(text)}\n${escapeLines(inspect(error))}\n`),
  onSignal(fn) {
    const onSigint = (): void => fn('SIGINT', SIGNALS.SIGINT);
    const onSigterm = (): void => fn('SIGTERM', SIGNALS.SIGTERM);
    process.on('SIGINT', onSigint);
    process.on('SIGTERM', onSigterm);
    return disposable(() => {
      process.off('SIGINT', onSigint);
      process.off('SIGTERM', onSigterm);
    });
  },
  ...(typeof process.getActiveResourcesInfo === 'function'
    ? { activeResources: () => process.getActiveResourcesInfo() }
    : undefined),
  exit: (code) => process.exit(code),
  end: endProcess,
};

/** Installs this host; called by the entry modules. */
export function installNodeHost(): void {
  installHost(nodeHost);
}
