// A binary min-heap of any items by a comparator; items that compare equal come out in the order they went in.

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
    let at = entries.length;
    entries.push(entry);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = entries[parentAt] as Entry<T>; // parentAt < at
      if (!this.#before(entry, parent)) break;
      entries[at] = parent;
      at = parentAt;
    }
    entries[at] = entry;
  }

  /** Takes out the smallest item; undefined when empty. */
  pop(): T | undefined {
    const entries = this.#entries;
    const first = entries[0];
    const last = entries.pop();
    if (first === undefined || last === undefined) return undefined;
    if (first !== last) this.#sink(last);
    return first.item;
  }

  clear(): void {
    this.#entries = [];
  }

  /** Puts an entry in the place of the first and lets it sink to where it belongs. */
  #sink(entry: Entry<T>): void {
    const entries = this.#entries;
    const size = entries.length;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      if (childAt >= size) break;
      const right = entries[childAt + 1];
      if (right !== undefined && this.#before(right, entries[childAt] as Entry<T>)) childAt++; // childAt < size
      const child = entries[childAt] as Entry<T>;
      if (!this.#before(child, entry)) break;
      entries[at] = child;
      at = childAt;
    }
    entries[at] = entry;
  }

  #before(a: Entry<T>, b: Entry<T>): boolean {
    const order = this.#compare(a.item, b.item);
    return order < 0 || (order === 0 && a.order < b.order);
  }
}
