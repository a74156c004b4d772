// Clients that came when maxConnections were served: accepted, unread, and unseen when they leave. Node cannot stop accepting
// without losing the kernel's backlog, so the wait goes on here, with the same bound.
//
// As nothing is read from them, nobody tells of one that resets. So they are looked at: all of them once a second, a quarter of
// them at a time, and all at once when a client comes and there is no room. One that has reset gives up its place. One that has
// sent its end has not left: what it sent is waiting to be served, as nc's is.
import { callLater, type Handle, loopTime } from '../core/index.ts';
import type { Wire } from './wire.ts';

/** Milliseconds between two looks at a quarter of them, and the fewest between two at all. */
const LOOK_EVERY = 250;
const QUARTERS = 4;

export class Parking {
  readonly #bound: number;
  /** In the order they came. */
  readonly #parked = new Set<Wire>();
  /** Where the next look goes on; a Set's iterator sees what was added and removed meanwhile. */
  #round: Iterator<Wire> | undefined = undefined;
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
  add(wire: Wire): boolean {
    if (this.#parked.size >= this.#bound) this.#lookAtAll();
    if (this.#parked.size >= this.#bound) return false;
    this.#parked.add(wire);
    this.#timer ??= callLater(LOOK_EVERY, this.#look);
    return true;
  }

  /** The one that has waited longest; undefined when none is left. */
  next(): Wire | undefined {
    for (const wire of this.#parked) {
      this.#parked.delete(wire);
      if (!this.#dropIfGone(wire)) return wire;
    }
    return undefined;
  }

  /** Drops all: never served, so nothing was promised. */
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
