// How long one connection may read in one turn of the loop. libuv reads a socket up to 32 times, 64 KiB each, before it looks at
// the next one, and the handler works on each: a peer that sends without end would make all others wait for as long as that
// takes. Bytes would be the wrong measure: 4 MiB that are passed on are less work than 64 KiB of two-byte lines.
import { addSoon, host } from '../core/index.ts';

/** Milliseconds of a turn after which a connection that has more to read waits for the next turn. */
const SHARE = 1;

/** Counts the turns in which somebody read much. */
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

  /** Called for a read after which there may be more. True when the connection has had its share of this turn. */
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
