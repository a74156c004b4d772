// A double-ended queue in a ring buffer whose size is a power of two.
//
// Invariant: the items are at (#head + i) & #mask for 0 <= i < length. Every other slot is
// undefined, so the deque keeps no removed item alive. It doubles when full, and halves when a
// quarter full, never below MIN slots. Array.shift() was rejected: it moves every item once the
// array has about 50,000.

const MIN = 16;

/**
 * A double-ended queue. Every operation at either end takes constant time on average.
 *
 * @example
 * ```ts
 * import { Deque } from 'maitre/lowlevel';
 * const orders = new Deque<string>();
 * orders.pushBack('soup');
 * orders.pushFront('water');
 * console.log(orders.popFront(), orders.length); // water 1
 * ```
 */
export class Deque<T> {
  /** The ring buffer. Unused slots are undefined. */
  #slots: (T | undefined)[] = Array.from({ length: MIN });
  /** The size of the buffer minus one. */
  #mask: number = MIN - 1;
  /** The index of the first item. */
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  pushBack(item: T): void {
    if (this.#length > this.#mask) this.#resize(this.#slots.length * 2);
    this.#slots[(this.#head + this.#length) & this.#mask] = item;
    this.#length++;
  }

  pushFront(item: T): void {
    if (this.#length > this.#mask) this.#resize(this.#slots.length * 2);
    this.#head = (this.#head - 1) & this.#mask;
    this.#slots[this.#head] = item;
    this.#length++;
  }

  popFront(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & this.#mask;
    this.#length--;
    this.#shrink();
    return item;
  }

  popBack(): T | undefined {
    if (this.#length === 0) return undefined;
    this.#length--;
    const at = (this.#head + this.#length) & this.#mask;
    const item = this.#slots[at];
    this.#slots[at] = undefined;
    this.#shrink();
    return item;
  }

  /** Returns the item at `index` from the front; undefined outside. */
  at(index: number): T | undefined {
    return index >= 0 && index < this.#length ? this.#slots[(this.#head + index) & this.#mask] : undefined;
  }

  clear(): void {
    this.#slots = Array.from({ length: MIN });
    this.#mask = MIN - 1;
    this.#head = 0;
    this.#length = 0;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = 0; i < this.#length; i++) yield this.#slots[(this.#head + i) & this.#mask] as T; // filled
  }

  /**
   * Halves the buffer when a quarter of it is in use, so that push and pop at the border do not
   * resize each time.
   */
  #shrink(): void {
    if (this.#slots.length > MIN && this.#length * 4 <= this.#slots.length) this.#resize(this.#slots.length / 2);
  }

  /** Moves the items to a buffer of another size, the first one to index 0. */
  #resize(size: number): void {
    const slots: (T | undefined)[] = Array.from({ length: size });
    for (let i = 0; i < this.#length; i++) slots[i] = this.#slots[(this.#head + i) & this.#mask];
    this.#slots = slots;
    this.#mask = size - 1;
    this.#head = 0;
  }
}
