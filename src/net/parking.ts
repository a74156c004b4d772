// Clients that came while maxConnections were served: accepted, unread, and without a handler. Node
// cannot stop accepting without losing the kernel's backlog, so clients wait here, with the same
// bound.
//
// Nothing is read from a parked client, so its reset is not reported. Parking looks instead: at a
// quarter of the clients every LOOK_EVERY ms, so at all of them once a second, and at all at once
// when a client comes and there is no room. A client that has reset loses its place. A client that
// has sent its end keeps it: what it sent waits to be served, as with nc.
import { callLater, type Handle, loopTime } from '../core/index.ts';
import type { Wire } from './wire.ts';

/**
 * Milliseconds between two looks at a quarter of the clients, and at least between two looks at
 * all.
 */
const LOOK_EVERY = 250;
const QUARTERS = 4;

export class Parking {
  readonly #bound: number;
  /** The parked clients, in the order in which they came. */
  readonly #parked = new Set<Wire>();
  /**
   * Where the next look continues. The iterator of a Set sees what was added and removed meanwhile.
   */
  #round: Iterator<Wire> | undefined = undefined;
  #lastFull = -Infinity;
  #timer: Handle | undefined = undefined;

  /** @param bound how many clients may wait */
  constructor(bound: number) {
    this.#bound = bound;
  }

  /** How many clients wait. */
  get size(): number {
    return this.#parked.size;
  }

  /** Parks a client. Returns false when `bound` clients wait already. */
  add(wire: Wire): boolean {
    if (this.#parked.size >= this.#bound) this.#lookAtAll();
    if (this.#parked.size >= this.#bound) return false;
    this.#parked.add(wire);
    this.#timer ??= callLater(LOOK_EVERY, this.#look);
    return true;
  }

  /** Removes and returns the client that has waited longest; undefined when none is left. */
  next(): Wire | undefined {
    for (const wire of this.#parked) {
      this.#parked.delete(wire);
      if (!this.#dropIfGone(wire)) return wire;
    }
    return undefined;
  }

  /** Closes all parked clients. None was promised anything. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const all = [...this.#parked];
    this.#parked.clear();
    for (const wire of all) wire.destroy();
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
    for (const wire of this.#parked) if (this.#dropIfGone(wire)) this.#parked.delete(wire);
  }

  #dropIfGone(wire: Wire): boolean {
    if (wire.destroyed) return true;
    if (!wire.hasReset) return false;
    wire.destroy();
    return true;
  }
}
