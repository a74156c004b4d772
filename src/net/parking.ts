// Clients that came when maxConnections were served: accepted, unread, and unseen when they leave. Node cannot stop accepting
// without losing the kernel's backlog, so the wait goes on here, with the same bound.
import type { Socket } from 'node:net';
import { Deque } from '../base/index.ts';

/** An accepted socket that waits for its turn to be a connection. */
export interface Parked {
  readonly socket: Socket;
  /** The Unix socket it came by; undefined over TCP. */
  readonly path: string | undefined;
}

export class Parking {
  readonly #bound: number;
  readonly #parked = new Deque<Parked>();

  /** @param bound how many may wait */
  constructor(bound: number) {
    this.#bound = bound;
  }

  /** Takes one in; false when as many wait as may. */
  add(parked: Parked): boolean {
    if (this.#parked.length >= this.#bound) return false;
    parked.socket.on('error', ignoreError);
    this.#parked.pushBack(parked);
    return true;
  }

  /** The one that has waited longest; undefined when none is left. */
  next(): Parked | undefined {
    for (let parked = this.#parked.popFront(); parked !== undefined; parked = this.#parked.popFront()) {
      parked.socket.off('error', ignoreError);
      if (!parked.socket.destroyed) return parked;
    }
    return undefined;
  }

  /** Drops all: never served, so nothing was promised. */
  clear(): void {
    for (let parked = this.#parked.popFront(); parked !== undefined; parked = this.#parked.popFront()) {
      parked.socket.destroy();
    }
  }
}

/** Ends a client that is not let in with a reset, where there is such a thing: an end would look like an answer. */
export function turnAway(socket: Socket): void {
  const { resetAndDestroy } = socket as Partial<Socket>; // missing on some hosts
  socket.on('error', ignoreError);
  if (resetAndDestroy !== undefined && socket.remoteAddress !== undefined) resetAndDestroy.call(socket);
  else socket.destroy();
}

// A socket that breaks before it is a connection: 'close' follows, and nobody has seen it yet to whom it would matter.
function ignoreError(): void {}
