// Clients that came when maxConnections were served: accepted, unread, and unseen when they leave. Node cannot stop accepting
// without losing the kernel's backlog, so the wait goes on here, with the same bound.
import { Deque } from '../base/index.ts';
import { type AnySocket, wireOf } from './any-socket.ts';
import { RawSocket } from './raw/socket.ts';

export class Parking {
  readonly #bound: number;
  readonly #parked = new Deque<AnySocket>();

  /** @param bound how many may wait */
  constructor(bound: number) {
    this.#bound = bound;
  }

  /** How many wait. */
  get size(): number {
    return this.#parked.length;
  }

  /** Takes one in; false when as many wait as may. */
  add(socket: AnySocket): boolean {
    if (this.#parked.length >= this.#bound) return false;
    if (!(socket instanceof RawSocket)) socket.on('error', ignoreError);
    this.#parked.pushBack(socket);
    return true;
  }

  /** The one that has waited longest; undefined when none is left. */
  next(): AnySocket | undefined {
    for (let socket = this.#parked.popFront(); socket !== undefined; socket = this.#parked.popFront()) {
      if (!(socket instanceof RawSocket)) socket.off('error', ignoreError);
      if (!socket.destroyed) return socket;
    }
    return undefined;
  }

  /** Drops all: never served, so nothing was promised. */
  clear(): void {
    for (let socket = this.#parked.popFront(); socket !== undefined; socket = this.#parked.popFront()) socket.destroy();
  }
}

/** Ends a client that is not let in with a reset, where there is such a thing: an end would look like an answer. */
export function turnAway(socket: AnySocket): void {
  if (!(socket instanceof RawSocket)) socket.on('error', ignoreError);
  wireOf(socket).reset();
}

// A socket that breaks before it is a connection: 'close' follows, and nobody has seen it yet to whom it would matter.
function ignoreError(): void {}
