// A binary min-heap of any items, ordered by a comparator. Items that compare equal come out in the
// order in which they were pushed.
//
// A comparator can throw. So each operation makes all its comparisons first, and changes nothing
// before the last one.

interface Entry<T> {
  readonly item: T;
  /** Its number in the order of insertion, for equal items. */
  readonly order: number;
}

/**
 * A priority queue: `pop` removes the smallest item. Both operations take O(log n).
 *
 * @example
 * ```ts
 * import { Heap } from 'maitre/lowlevel';
 * const orders = new Heap<number>((a, b) => a - b);
 * for (const table of [3, 1, 2]) orders.push(table);
 * console.log(orders.pop(), orders.length); // 1 2
 * ```
 */
export class Heap<T> {
  /** Below 0 if `a` comes before `b`. */
  readonly #compare: (a: T, b: T) => number;
  /** The heap. The parent of index i is (i - 1) >> 1. */
  #entries: Entry<T>[] = [];
  #orders = 0;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Adds an item. If the comparator throws, the heap is unchanged. */
  push(item: T): void {
    const entries = this.#entries;
    const entry = { item, order: this.#orders++ };
    const end = entries.length;
    let top = end;
    // First all comparisons: they find the index at which the entry belongs.
    while (top > 0) {
      const parentAt = (top - 1) >> 1;
      if (!this.#before(entry, entries[parentAt] as Entry<T>)) break; // parentAt < top <= length
      top = parentAt;
    }
    // Then the moves: the entries on the way each move down by one level.
    entries.push(entry);
    for (let at = end; at > top;) {
      const parentAt = (at - 1) >> 1;
      entries[at] = entries[parentAt] as Entry<T>;
      at = parentAt;
    }
    entries[top] = entry;
  }

  /** Removes and returns the smallest item; undefined if there is none. */
  pop(): T | undefined {
    const entries = this.#entries;
    const first = entries[0];
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return undefined;
    const bottom = this.#bottomOf(last);
    entries.pop();
    if (first === last) return first.item;
    // From its place up to the top, each entry moves to the place of its parent.
    let moving = last;
    for (let at = bottom; ; at = (at - 1) >> 1) {
      const here = entries[at] as Entry<T>; // bottom < length
      entries[at] = moving;
      moving = here;
      if (at === 0) return moving.item;
    }
  }

  clear(): void {
    this.#entries = [];
  }

  /** Returns the index to which the last entry sinks when it takes the place of the first. */
  #bottomOf(last: Entry<T>): number {
    const entries = this.#entries;
    const size = entries.length - 1;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      if (childAt >= size) return at;
      const right = childAt + 1 < size ? entries[childAt + 1] : undefined;
      if (right !== undefined && this.#before(right, entries[childAt] as Entry<T>)) childAt++; // childAt < size
      if (!this.#before(entries[childAt] as Entry<T>, last)) return at;
      at = childAt;
    }
  }

  /** Whether `a` comes out before `b`. */
  #before(a: Entry<T>, b: Entry<T>): boolean {
    const order = this.#compare(a.item, b.item);
    return order < 0 || (order === 0 && a.order < b.order);
  }
}
