// First-in-first-out with removal from the middle in O(1): an intrusive doubly linked list.
//
// Always holds: an entry is in at most one list at a time, and entry.list says which (undefined: none). The links live in
// the entry, so that joining and leaving a queue of waiters allocates nothing. A Set is the rejected option: it takes a
// hash entry per waiter and an iterator to find the first.

/** What an entry carries. Written by the list alone. */
export interface Linked {
  previous: Linked | undefined;
  next: Linked | undefined;
  list: object | undefined;
}

// The casts below all say the same: a neighbour in this list is a T, because only add() and addFirst() link entries.
export class LinkedSet<T extends Linked> {
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#first;
  }

  add(entry: T): void {
    entry.previous = this.#last;
    entry.next = undefined;
    entry.list = this;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    this.#size++;
  }

  /** Puts an entry before all others: for a waiter that gave back its turn. */
  addFirst(entry: T): void {
    entry.previous = undefined;
    entry.next = this.#first;
    entry.list = this;
    if (this.#first === undefined) this.#last = entry;
    else this.#first.previous = entry;
    this.#first = entry;
    this.#size++;
  }

  /** Takes an entry out; false when it was not in this list. */
  delete(entry: T): boolean {
    if (entry.list !== this) return false;
    if (entry.previous === undefined) this.#first = entry.next as T | undefined;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.#last = entry.previous as T | undefined;
    else entry.next.previous = entry.previous;
    entry.previous = undefined;
    entry.next = undefined;
    entry.list = undefined;
    this.#size--;
    return true;
  }

  /** Takes out the first entry. */
  shift(): T | undefined {
    const first = this.#first;
    if (first !== undefined) this.delete(first);
    return first;
  }

  /** In order; the entry just given may be deleted meanwhile. */
  *[Symbol.iterator](): IterableIterator<T> {
    let entry: T | undefined = this.#first;
    while (entry !== undefined) {
      const next = entry.next as T | undefined;
      yield entry;
      entry = next;
    }
  }
}
