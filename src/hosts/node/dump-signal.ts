// SIGUSR2 prints what the program waits for, while run() handles signals. A program that listens for
// SIGUSR2 itself gets the signal alone, and without run() it keeps its default effect.
import { constants } from 'node:os';
import { disposable } from '../../base/index.ts';

const SIGNAL = 'SIGUSR2';

/** Prints the dump; undefined while nobody has set it. */
let print: (() => void) | undefined;
/** How many runs there are: one listener serves all. */
let runs = 0;

/** Sets what prints the dump. */
export function setDump(fn: () => void): void {
  print = fn;
}

function onSignal(): void {
  if (process.listenerCount(SIGNAL) === 1) print?.();
}

/** Listens until disposed. */
export function dumpOnSignal(): Disposable {
  if (print === undefined || !Object.hasOwn(constants.signals, SIGNAL)) return disposable(() => undefined); // as on Windows
  if (runs++ === 0) process.on(SIGNAL, onSignal);
  return disposable(() => {
    if (--runs === 0) process.off(SIGNAL, onSignal);
  });
}
