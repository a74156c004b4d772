// The signals of a worker. The terminal and systemd send theirs to all processes of a group, and
// threads get none. So in a worker the functions of `host.onSignal` for the signals that end programs
// are kept here, and called when the supervisor wants the worker to end.
import { disposable } from '../../base/index.ts';

const ENDING: ReadonlySet<string> = new Set(['SIGINT', 'SIGTERM', 'SIGHUP']);

/** What waits for SIGTERM. Undefined where nobody supervises it. */
let listeners: Set<() => void> | undefined;

/** From now on, signals that end programs are ignored: the supervisor decides. Idempotent. */
export function beSupervised(isProcess: boolean): void {
  if (listeners !== undefined) return;
  listeners = new Set();
  if (isProcess) for (const name of ENDING) process.on(name, () => undefined);
}

/** Takes a listener over, if the program is supervised and the signal would end it. */
export function takeSignalListener(name: string, fn: () => void): Disposable | undefined {
  if (listeners === undefined || !ENDING.has(name)) return undefined;
  if (name !== 'SIGTERM') return disposable(() => undefined); // one signal is enough
  const listener = (): void => fn();
  listeners.add(listener);
  return disposable(() => listeners?.delete(listener));
}

/** Ends the program as a signal would. Returns how many listeners there are. */
export function endSupervised(): number {
  for (const listener of [...(listeners ?? [])]) listener();
  return listeners?.size ?? 0;
}

/** How many programs still listen. */
export function supervisedListeners(): number {
  return listeners?.size ?? 0;
}
