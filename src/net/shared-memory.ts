// The bound on what the readers and writers of one server's connections hold together
// (maxTotalBuffered).
//
// Each connection has bounds of its own (limit, readLimit, maxBuffered), but thousands of them may
// add up to more than the process has. A running sum would cost something at every read and write.
// Instead, a sweep takes the sum while something is held. Whatever came, or was not taken, starts
// the sweep; it stops when it finds nothing.
//
// States: WITHIN -(sum above the bound)-> OVER -(sum at or under three quarters)-> WITHIN.
//
// While OVER:
// - The largest holders are not read from (they are *held back*).
// - The largest holders are ended, until the rest is under three quarters: after PATIENCE, or as
//   soon as the sum grows above HARD times the bound while all who hold MUCH are held back.
// - A client that holds little is still read from. Otherwise nobody would be served, and there may
//   be thousands of such clients.
//
// Between two sweeps, one comes early once as many bytes have come as were left below the bound.
import type { Deadline } from '../base/index.ts';
import { addDeadline, ConnectionLostError, deleteDeadline, loopTime } from '../core/index.ts';
import type { Connection } from './connection.ts';
import { system } from './system.ts';

/** Bytes: the default bound, unless half of the memory that the process may use is less. */
const DEFAULT_BOUND = 2 ** 30;
/** Milliseconds between two sweeps; EVERY_IDLE applies while nothing changes. */
const EVERY = 100;
const EVERY_IDLE = 500;
/** Milliseconds for which the largest holders are held back before they are ended. */
const PATIENCE = 5000;
/**
 * Times the bound. If the sum grows above it in spite of holding back, clients are ended without
 * waiting for PATIENCE.
 */
const HARD = 1.25;
/**
 * Bytes: the most that a reader holds by default. Clients that hold more are held back before any
 * is ended.
 */
const MUCH = 2 ** 18;
/** Bytes that must come before an early sweep: per connection that it looks at, and in all. */
const WORTH_A_LOOK = 2 ** 10;
const WORTH_A_SWEEP = 2 ** 22;

export class SharedMemory implements Deadline {
  when = 0;
  slot = -1;
  order = 0;
  readonly #bound: number;
  readonly #connections: ReadonlySet<Connection>;
  /** The sum that the last sweep found. */
  #sum = 0;
  /** The next sweep is EVERY_IDLE away. */
  #isIdle = false;
  /** When it became OVER; undefined while it is WITHIN. */
  #overSince: number | undefined = undefined;
  /**
   * Bytes that came since the last sweep, whether still held or not; and how many of them cause an
   * early sweep.
   */
  #arrived = 0;
  #enough: number;
  readonly #heldBack = new Set<Connection>();

  constructor(bound: number | undefined, connections: ReadonlySet<Connection>) {
    this.#bound = bound ?? defaultBound();
    this.#connections = connections;
    this.#enough = this.#bytesUntil(this.#bound);
  }

  /** A connection may hold `bytes` more. Starts the sweep unless it runs. */
  watch(bytes: number): void {
    if (this.#bound === Infinity) return;
    const before = this.#arrived;
    this.#arrived += bytes;
    // A burst of thousands comes in one turn of the loop, in which no deadline is due: do not wait
    // for the timer.
    if (before < this.#enough && this.#arrived >= this.#enough) queueMicrotask(() => this.#sweep());
    if (this.slot >= 0 && !this.#isIdle) return;
    this.#isIdle = false;
    this.#next(EVERY);
  }

  /** A connection is gone. The sweep stops after the last. */
  gone(): void {
    if (this.#connections.size === 0) deleteDeadline(this);
  }

  due(): void {
    this.#sweep();
  }

  #sweep(): void {
    let sum = 0;
    for (const { heldBytes, failed } of this.#connections) if (!failed) sum += heldBytes; // a failed one frees its memory
    const before = this.#sum;
    this.#sum = sum;
    if (sum > this.#bound || this.#overSince !== undefined) this.#relieve(sum, sum > before);
    const isOver = this.#overSince !== undefined;
    this.#arrived = 0;
    this.#enough = this.#bytesUntil((isOver ? HARD : 1) * this.#bound - sum);
    this.#isIdle = sum === before && !isOver;
    if (sum > 0) this.#next(this.#isIdle ? EVERY_IDLE : EVERY);
  }

  /**
   * `bytes`, but at least as many as keep the cost of a sweep small beside the cost of receiving
   * them.
   */
  #bytesUntil(bytes: number): number {
    return Math.max(bytes, WORTH_A_SWEEP, this.#connections.size * WORTH_A_LOOK);
  }

  #relieve(sum: number, grows: boolean): void {
    const enough = this.#bound * 0.75;
    if (sum <= enough) {
      this.#overSince = undefined;
      for (const connection of this.#heldBack) connection.holdBack(false);
      this.#heldBack.clear();
      return;
    }
    const now = loopTime();
    const since = this.#overSince ?? now;
    const isLate = now - since >= PATIENCE;
    const isHard = this.#overSince !== undefined && grows && sum > this.#bound * HARD;
    this.#overSince = since;
    const holders = [...this.#connections]
      .filter((connection) => !connection.gone && !connection.failed)
      .map((connection) => ({ connection, bytes: connection.heldBytes }))
      .toSorted((a, b) => b.bytes - a.bytes);
    // Clients that hold much and were read from until now are held back first. If the sum grows in
    // spite of that, others cause it.
    if (isHard && !isLate && this.#holdBackMost(holders)) return;
    let rest = sum;
    for (const { connection, bytes } of holders) {
      if (rest <= enough) break;
      rest -= bytes;
      if (isLate || isHard) this.#end(connection, bytes, sum);
      else this.#holdBack(connection);
    }
  }

  /** Holds back all that hold MUCH. Returns false when they all were held back already. */
  #holdBackMost(holders: readonly { readonly connection: Connection; readonly bytes: number }[]): boolean {
    const before = this.#heldBack.size;
    for (const { connection, bytes } of holders) if (bytes > MUCH) this.#holdBack(connection);
    return this.#heldBack.size > before;
  }

  #holdBack(connection: Connection): void {
    if (this.#heldBack.has(connection)) return;
    this.#heldBack.add(connection);
    connection.holdBack(true);
  }

  #end(connection: Connection, bytes: number, sum: number): void {
    this.#heldBack.delete(connection);
    const error = new ConnectionLostError(
      `Connection aborted: it holds ${bytes} of ${sum} bytes of memory in all, maxTotalBuffered is ${this.#bound}`,
    );
    connection.fail(error);
    connection.overflowed(error);
  }

  #next(ms: number): void {
    deleteDeadline(this);
    this.when = loopTime() + ms;
    addDeadline(this);
  }
}

/** Half of the memory that the process may use, at most DEFAULT_BOUND. */
function defaultBound(): number {
  return Math.min(DEFAULT_BOUND, Math.floor((system?.memory() ?? Infinity) / 2));
}
