// First in, first out, with removal from the middle in O(1): an intrusive doubly linked list.
//
// Invariant: an entry is in at most one list at a time, and `entry.list` is that list (undefined:
// none). The links are in the entry, so joining and leaving a line of waits allocates nothing. A
// Set was rejected: it takes a hash entry per wait, and an iterator to find the first.

/** The fields of an entry. Only the list writes them. */
export interface Linked {
  previous: Linked | undefined;
  next: Linked | undefined;
  list: object | undefined;
}

// The casts below have one reason: a neighbour in this list is a T, because only add() and
// addFirst() link entries.
/**
 * A queue with O(1) removal of any entry. The entries carry the links: implement `Linked`.
 *
 * @example
 * ```ts
 * import { type Linked, LinkedSet } from 'maitre/lowlevel';
 * class Guest implements Linked {
 *   previous: Linked | undefined = undefined;
 *   next: Linked | undefined = undefined;
 *   list: object | undefined = undefined;
 * }
 * const line = new LinkedSet<Guest>();
 * const [first, second] = [new Guest(), new Guest()];
 * line.add(first);
 * line.add(second);
 * line.delete(first);
 * console.log(line.shift() === second, line.size); // true 0
 * ```
 */
export class LinkedSet<T extends Linked> {
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The first entry; undefined if the list is empty. */
  get first(): T | undefined {
    return this.#first;
  }

  /** Adds an entry at the end. It must be in no list. */
  add(entry: T): void {
    entry.previous = this.#last;
    entry.next = undefined;
    entry.list = this;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    this.#size++;
  }

  /** Puts an entry before all others: for a wait that returned its place. */
  addFirst(entry: T): void {
    entry.previous = undefined;
    entry.next = this.#first;
    entry.list = this;
    if (this.#first === undefined) this.#last = entry;
    else this.#first.previous = entry;
    this.#first = entry;
    this.#size++;
  }

  /** Removes an entry. Returns false if it is not in this list. */
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

  /** Removes and returns the first entry; undefined if there is none. */
  shift(): T | undefined {
    const first = this.#first;
    if (first !== undefined) this.delete(first);
    return first;
  }

  /** Iterates in order. You may delete the entry that was just yielded. */
  *[Symbol.iterator](): IterableIterator<T> {
    let entry: T | undefined = this.#first;
    while (entry !== undefined) {
      // Read before the yield, because the loop may delete the entry.
      const next = entry.next as T | undefined;
      yield entry;
      entry = next;
    }
  }
}
