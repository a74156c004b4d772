// Clients that came when maxConnections were served: accepted, unread, and unseen when they leave. Node cannot stop accepting
// without losing the kernel's backlog, so the wait goes on here, with the same bound.
//
// As nothing is read from them, nobody tells of one that resets. So they are looked at: all of them once a second, a quarter of
// them at a time, and all at once when a client comes and there is no room. One that has reset gives up its place. One that has
// sent its end has not left: what it sent is waiting to be served, as nc's is.
import { callLater, type Handle, loopTime } from '../core/index.ts';
import { type AnySocket, wireOf } from './any-socket.ts';
import { BareSocket } from './bare-socket.ts';
import { hasReset } from './raw/handle.ts';

/** Milliseconds between two looks at a quarter of them, and the fewest between two at all. */
const LOOK_EVERY = 250;
const QUARTERS = 4;

export class Parking {
  readonly #bound: number;
  /** In the order they came. */
  readonly #parked = new Set<AnySocket>();
  /** Where the next look goes on; a Set's iterator sees what was added and removed meanwhile. */
  #round: Iterator<AnySocket> | undefined = undefined;
  #lastFull = -Infinity;
  #timer: Handle | undefined = undefined;

  /** @param bound how many may wait */
  constructor(bound: number) {
    this.#bound = bound;
  }

  /** How many wait. */
  get size(): number {
    return this.#parked.size;
  }

  /** Takes one in; false when as many wait as may. */
  add(socket: AnySocket): boolean {
    if (this.#parked.size >= this.#bound) this.#lookAtAll();
    if (this.#parked.size >= this.#bound) return false;
    if (!(socket instanceof BareSocket)) socket.on('error', ignoreError);
    this.#parked.add(socket);
    this.#timer ??= callLater(LOOK_EVERY, this.#look);
    return true;
  }

  /** The one that has waited longest; undefined when none is left. */
  next(): AnySocket | undefined {
    for (const socket of this.#parked) {
      this.#parked.delete(socket);
      if (this.#dropIfGone(socket)) continue;
      if (!(socket instanceof BareSocket)) socket.off('error', ignoreError);
      return socket;
    }
    return undefined;
  }

  /** Drops all: never served, so nothing was promised. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const all = [...this.#parked];
    this.#parked.clear();
    for (const socket of all) socket.destroy();
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    for (let left = Math.ceil(this.#parked.size / QUARTERS); left > 0; left--) {
      this.#round ??= this.#parked.values();
      const { value, done } = this.#round.next();
      if (done === true) this.#round = undefined;
      else if (this.#dropIfGone(value)) this.#parked.delete(value);
    }
    if (this.#parked.size > 0) this.#timer = callLater(LOOK_EVERY, this.#look);
  };

  #lookAtAll(): void {
    const now = loopTime();
    if (now - this.#lastFull < LOOK_EVERY) return;
    this.#lastFull = now;
    for (const socket of this.#parked) if (this.#dropIfGone(socket)) this.#parked.delete(socket);
  }

  #dropIfGone(socket: AnySocket): boolean {
    if (socket.destroyed) return true;
    if (!(socket instanceof BareSocket ? socket.hasReset : hasReset(socket))) return false;
    socket.destroy();
    return true;
  }
}

/** Ends a client that is not let in with a reset, where there is such a thing: an end would look like an answer. */
export function turnAway(socket: AnySocket): void {
  if (!(socket instanceof BareSocket)) socket.on('error', ignoreError);
  wireOf(socket).reset();
}

// A socket that breaks before it is a connection: 'close' follows, and nobody has seen it yet to whom it would matter.
function ignoreError(): void {}
