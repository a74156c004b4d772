// A binary min-heap of any items by a comparator; items that compare equal come out in the order they went in.
//
// A comparator may throw: each operation makes all its comparisons first, and changes nothing before the last one.

interface Entry<T> {
  readonly item: T;
  /** The order of insertion, for ties. */
  readonly order: number;
}

export class Heap<T> {
  readonly #compare: (a: T, b: T) => number;
  #entries: Entry<T>[] = [];
  #orders = 0;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get length(): number {
    return this.#entries.length;
  }

  push(item: T): void {
    const entries = this.#entries;
    const entry = { item, order: this.#orders++ };
    const end = entries.length;
    let top = end;
    while (top > 0) {
      const parentAt = (top - 1) >> 1;
      if (!this.#before(entry, entries[parentAt] as Entry<T>)) break; // parentAt < top <= length
      top = parentAt;
    }
    entries.push(entry);
    for (let at = end; at > top;) {
      const parentAt = (at - 1) >> 1;
      entries[at] = entries[parentAt] as Entry<T>;
      at = parentAt;
    }
    entries[top] = entry;
  }

  /** Takes out the smallest item; undefined when empty. */
  pop(): T | undefined {
    const entries = this.#entries;
    const first = entries[0];
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return undefined;
    const bottom = this.#bottomOf(last);
    entries.pop();
    if (first === last) return first.item;
    // From where it goes up to the top, everybody moves to the place of his parent.
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

  /** Where the last entry sinks to when it takes the place of the first. */
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

  #before(a: Entry<T>, b: Entry<T>): boolean {
    const order = this.#compare(a.item, b.item);
    return order < 0 || (order === 0 && a.order < b.order);
  }
}
