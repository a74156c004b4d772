// One hop of a broadcast between workers: what was sent and is not settled yet, and what waits.
//
// States of an item: WAITING -(the one before is settled, or there is room)-> SENT -(settle)-> SETTLED.
// With `dropOldest` and `disconnect`, at most `capacity` are SENT, and as many WAITING: no loop that
// stands still makes another one's memory grow. With `wait` all are sent at once: each has a publisher
// that waits for it, so their number has a bound already.
//
// - Items are sent in the order in which they were added.
// - `settled` of an item is called once: when it is settled, lost, or the outbox ends.
// - After items were lost with `disconnect`, the next one that is sent says so (`gap`).
import { Deque } from '../base/index.ts';
import type { SlowPolicy } from '../queues/index.ts';

interface Waiting {
  readonly item: Uint8Array;
  gap: boolean;
  readonly settled: () => void;
}

export class Outbox {
  readonly #slow: SlowPolicy;
  readonly #capacity: number;
  readonly #send: (ref: number, item: Uint8Array, gap: boolean) => void;
  readonly #sent = new Map<number, () => void>();
  readonly #waiting = new Deque<Waiting>();
  #lastRef = 0;
  #ended = false;
  /** Items that were lost. */
  lost = 0;

  /** @param send sends an item. `settle(ref)` follows, some time */
  constructor(slow: SlowPolicy, capacity: number, send: (ref: number, item: Uint8Array, gap: boolean) => void) {
    this.#slow = slow;
    this.#capacity = capacity;
    this.#send = send;
  }

  /** Items that are not settled. */
  get size(): number {
    return this.#sent.size + this.#waiting.length;
  }

  /** @param gap items before this one were lost, at the hop before */
  add(item: Uint8Array, gap: boolean, settled: () => void): void {
    if (this.#ended) return settled();
    const entry = { item, gap, settled };
    if (this.#slow === 'wait' || (this.#waiting.length === 0 && this.#sent.size < this.#capacity)) {
      return this.#sendNow(entry);
    }
    if (this.#waiting.length >= this.#capacity) this.#lose(entry);
    this.#waiting.pushBack(entry);
  }

  /** An item has arrived where it was sent to. Others are ignored: it may come after the end. */
  settle(ref: number): void {
    const settled = this.#sent.get(ref);
    if (settled === undefined) return;
    this.#sent.delete(ref);
    settled();
    if (this.#waiting.length > 0) this.#sendNow(this.#waiting.popFront() as Waiting); // length > 0
  }

  /** Nobody is there to receive any more. Idempotent. */
  end(): void {
    this.#ended = true;
    const left = [...this.#sent.values()];
    this.#sent.clear();
    while (this.#waiting.length > 0) left.push((this.#waiting.popFront() as Waiting).settled); // length > 0
    for (const settled of left) settled();
  }

  #sendNow({ item, gap, settled }: Waiting): void {
    const ref = ++this.#lastRef;
    this.#sent.set(ref, settled);
    this.#send(ref, item, gap);
  }

  /** Makes room for `next`. */
  #lose(next: Waiting): void {
    do {
      const { settled, gap } = this.#waiting.popFront() as Waiting; // it is full, or the loop goes on
      this.lost++;
      if (gap) next.gap = true;
      settled();
    } while (this.#slow === 'disconnect' && this.#waiting.length > 0);
    if (this.#slow === 'disconnect') next.gap = true;
  }
}
