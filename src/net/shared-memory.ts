// What the connections of one server may hold together, in their readers and writers.
//
// Each connection is bounded by itself (limit, readLimit, maxBuffered), and thousands of them may still be more than the process
// has. The sum is not kept, which would cost something for every read and write: it is taken by a sweep, which runs while
// something is held. It is started by whatever came or was not taken, and ends when it finds nothing.
//
// States: WITHIN -(sum above the bound)-> OVER -(sum at or under three quarters)-> WITHIN. While OVER, the largest holders are
// not read from; after PATIENCE the largest are ended, until the rest is under three quarters.
import { totalmem } from 'node:os';
import type { Deadline } from '../base/index.ts';
import { addDeadline, ConnectionLostError, deleteDeadline, loopTime } from '../core/index.ts';
import type { Connection } from './connection.ts';

/** Bytes: the default bound, unless half of the process's memory is less. */
const DEFAULT_BOUND = 2 ** 30;
/** Milliseconds between two sweeps, and while nothing changes. */
const EVERY = 100;
const EVERY_IDLE = 500;
/** Milliseconds for which the largest holders are held back before they are ended. */
const PATIENCE = 5000;

export class SharedMemory implements Deadline {
  when = 0;
  slot = -1;
  order = 0;
  readonly #bound: number;
  readonly #connections: ReadonlySet<Connection>;
  /** What the last sweep has found. */
  #sum = 0;
  /** The next sweep is EVERY_IDLE away. */
  #isIdle = false;
  /** Since when it has been OVER; undefined while it is WITHIN. */
  #overSince: number | undefined = undefined;
  readonly #heldBack = new Set<Connection>();

  constructor(bound: number | undefined, connections: ReadonlySet<Connection>) {
    this.#bound = bound ?? defaultBound();
    this.#connections = connections;
  }

  /** Somebody holds something. */
  watch(): void {
    if ((this.slot >= 0 && !this.#isIdle) || this.#bound === Infinity) return;
    deleteDeadline(this);
    this.#isIdle = false;
    this.#next(EVERY);
  }

  /** A connection is gone. */
  gone(): void {
    if (this.#connections.size === 0) deleteDeadline(this);
  }

  /** The sweep. */
  due(): void {
    let sum = 0;
    for (const { heldBytes } of this.#connections) sum += heldBytes;
    const before = this.#sum;
    this.#sum = sum;
    if (sum > this.#bound || this.#overSince !== undefined) this.#relieve(sum);
    this.#isIdle = sum === before && this.#overSince === undefined;
    if (sum > 0) this.#next(this.#isIdle ? EVERY_IDLE : EVERY);
  }

  #relieve(sum: number): void {
    const enough = this.#bound * 0.75;
    if (sum <= enough) {
      this.#overSince = undefined;
      for (const connection of this.#heldBack) connection.holdBack(false);
      this.#heldBack.clear();
      return;
    }
    const now = loopTime();
    this.#overSince ??= now;
    const isEnd = now - this.#overSince >= PATIENCE;
    const holders = [...this.#connections]
      .filter((connection) => !connection.gone)
      .map((connection) => ({ connection, bytes: connection.heldBytes }))
      .toSorted((a, b) => b.bytes - a.bytes);
    let rest = sum;
    for (const { connection, bytes } of holders) {
      if (rest <= enough) break;
      rest -= bytes;
      if (isEnd) this.#end(connection, bytes, sum);
      else if (!this.#heldBack.has(connection)) {
        this.#heldBack.add(connection);
        connection.holdBack(true);
      }
    }
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
    this.when = loopTime() + ms;
    addDeadline(this);
  }
}

/** Half of what the process may use, at most DEFAULT_BOUND. */
function defaultBound(): number {
  const allowed = process.constrainedMemory?.() ?? 0; // what a container allows; 0 or more than there is: nobody limits it
  const total = totalmem();
  return Math.min(DEFAULT_BOUND, Math.floor((allowed > 0 && allowed < total ? allowed : total) / 2));
}
