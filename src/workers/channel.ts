// What parts of the room say to each other between a worker and its supervisor, by a name for each
// part. In a worker, worker-main.ts connects it before FILE is loaded. In every other program it
// stays unconnected, and nothing is ever received.
import { disposable } from '../base/index.ts';

/** Receives what the supervisor sends under a name. It must not throw. */
export type ChannelListener = (body: unknown) => void;

const listeners = new Map<string, Set<ChannelListener>>();
let send: ((name: string, body: unknown) => void) | undefined;

/** Called once, in a worker. `send` passes a message to the supervisor. */
export function connectChannel(to: (name: string, body: unknown) => void): void {
  send = to;
}

/** The supervisor has sent a message. */
export function receiveFromSupervisor(name: string, body: unknown): void {
  for (const listener of listeners.get(name) ?? []) listener(body);
}

/** Whether this program is a worker, and `tellSupervisor` reaches somebody. */
export function hasSupervisor(): boolean {
  return send !== undefined;
}

/** Sends a message to the supervisor. `body` must be cloneable. Does nothing outside of workers. */
export function tellSupervisor(name: string, body: unknown): void {
  send?.(name, body);
}

/** Calls `listener` for each message of that name, until it is disposed. */
export function onSupervisor(name: string, listener: ChannelListener): Disposable {
  const all = listeners.get(name) ?? new Set();
  listeners.set(name, all);
  const own: ChannelListener = (body) => listener(body); // one function may be passed twice
  all.add(own);
  return disposable(() => void all.delete(own));
}
