// A binary min-heap of deadlines, ordered by time and, for equal times, by the order of insertion.
//
// Invariant: heap[i].slot === i for every entry inside, and slot === -1 for every entry that is in
// no heap. So removing any entry is O(log n) without a search, and the owner of an entry needs no
// second object to take it back.

/** An entry. It is usually the waiting object itself, so that a sleep costs one object. */
export interface Deadline {
  /** When it is due, in milliseconds on the loop's clock. It must not change while inside. */
  when: number;
  /** Its index in the heap; -1 outside. The heap writes it. */
  slot: number;
  /** Its number in the order of insertion, for equal times. The heap writes it. */
  order: number;
  /** Called when it is due, after it was removed from the heap. Must not throw. */
  due(): void;
}

/** A priority queue of deadlines. See the header. */
export class DeadlineHeap {
  /** The parent of index i is (i - 1) >> 1. */
  readonly #heap: Deadline[] = [];
  /** The number of entries that were ever added. */
  #orders = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** The earliest entry; undefined when empty. */
  first(): Deadline | undefined {
    return this.#heap[0];
  }

  /** Adds an entry that is in no heap. O(log n). */
  add(entry: Deadline): void {
    entry.order = this.#orders++;
    this.#heap.push(entry);
    this.#up(entry, this.#heap.length - 1);
  }

  /** Removes an entry. Returns false if it is not in this heap. */
  delete(entry: Deadline): boolean {
    const at = entry.slot;
    if (at < 0 || this.#heap[at] !== entry) return false; // it is in no heap, or in another one
    entry.slot = -1;
    const last = this.#heap.pop() as Deadline; // entry is inside, so the heap is not empty
    if (last === entry) return true;
    // The last entry fills the hole. It can belong further up or further down.
    if (this.#up(last, at) === at) this.#down(last, at);
    return true;
  }

  /** Moves an entry up from a hole at `from` to its place, and returns that. */
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

  /** Moves an entry down from a hole at `from` to its place. */
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

/** Whether `a` is due before `b`. */
function before(a: Deadline, b: Deadline): boolean {
  return a.when < b.when || (a.when === b.when && a.order < b.order);
}
