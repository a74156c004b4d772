// A binary min-heap of deadlines, ordered by time and, at the same time, by the order of insertion.
//
// Always holds: heap[i].slot === i for every entry inside, and slot === -1 for every entry in no heap; so removing any
// entry is O(log n) without a search, and whoever owns an entry needs no second object to take it back.

/** An entry: usually the waiting thing itself, so that a sleep costs one object. */
export interface Deadline {
  /** When it is due, milliseconds on the loop's clock. Fixed while inside. */
  when: number;
  /** Written by the heap: its place inside, -1 outside. */
  slot: number;
  /** Written by the heap: the order of insertion, for ties. */
  order: number;
  /** Called once it is due, after it was taken out. Must not throw. */
  due(): void;
}

export class DeadlineHeap {
  readonly #heap: Deadline[] = [];
  #orders = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** The earliest entry; undefined when empty. */
  first(): Deadline | undefined {
    return this.#heap[0];
  }

  add(entry: Deadline): void {
    entry.order = this.#orders++;
    this.#heap.push(entry);
    this.#up(entry, this.#heap.length - 1);
  }

  /** Takes an entry out; false when it is not inside this heap. */
  delete(entry: Deadline): boolean {
    const at = entry.slot;
    if (at < 0 || this.#heap[at] !== entry) return false; // in none, or in another heap
    entry.slot = -1;
    const last = this.#heap.pop() as Deadline; // entry is inside, so the heap is not empty
    if (last === entry) return true;
    // The last entry fills the hole: it may belong further up or further down.
    if (this.#up(last, at) === at) this.#down(last, at);
    return true;
  }

  #up(entry: Deadline, from: number): number {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] as Deadline;
      if (!before(entry, parent)) break;
      heap[at] = parent;
      parent.slot = at;
      at = parentAt;
    }
    heap[at] = entry;
    entry.slot = at;
    return at;
  }

  #down(entry: Deadline, from: number): void {
    const heap = this.#heap;
    const size = heap.length;
    let at = from;
    for (;;) {
      let childAt = 2 * at + 1;
      if (childAt >= size) break;
      let child = heap[childAt] as Deadline;
      const right = heap[childAt + 1];
      if (right !== undefined && before(right, child)) {
        child = right;
        childAt++;
      }
      if (!before(child, entry)) break;
      heap[at] = child;
      child.slot = at;
      at = childAt;
    }
    heap[at] = entry;
    entry.slot = at;
  }
}

function before(a: Deadline, b: Deadline): boolean {
  return a.when < b.when || (a.when === b.when && a.order < b.order);
}
