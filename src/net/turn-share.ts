// How long one connection may read in one turn of the loop. libuv reads a socket up to 32 times, 64
// KiB each, before it turns to the next, and the handler works on each chunk. A peer that sends
// without end would make all others wait that long. The share is measured in time, not bytes: to
// pass on 4 MiB is less work than to read 64 KiB of two-byte lines.
import { addSoon, host } from '../core/index.ts';

/**
 * Milliseconds that a connection may read in one turn. If it has more to read, it waits for the
 * next turn.
 */
const SHARE = 1;

/** Counts the turns in which some connection read much. */
let turn = 0;
let isCounted = false;
const nextTurn = {
  due(): void {
    turn++;
    isCounted = false;
  },
};

/** The share of one connection. */
export class TurnShare {
  #turn = -1;
  #began = 0;

  /**
   * Call it for a read after which there may be more. Returns true when the connection has used its
   * share of this turn.
   */
  isOver(): boolean {
    if (!isCounted) {
      isCounted = true;
      addSoon(nextTurn);
    }
    const now = host.now();
    if (this.#turn === turn) return now - this.#began >= SHARE;
    this.#turn = turn;
    this.#began = now;
    return false;
  }
}
