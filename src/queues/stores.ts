// The containers behind the queues. Each one decides the order in which items come out.
import { Deque, Heap } from '../base/index.ts';
import type { Store } from './exchange.ts';

export class FifoStore<T> implements Store<T> {
  readonly #items = new Deque<T>();

  get length(): number {
    return this.#items.length;
  }

  push(item: T): void {
    this.#items.pushBack(item);
  }

  shift(): T {
    return this.#items.popFront() as T; // called only while length > 0
  }

  clear(): void {
    this.#items.clear();
  }
}

export class LifoStore<T> implements Store<T> {
  #items: T[] = [];

  get length(): number {
    return this.#items.length;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T {
    return this.#items.pop() as T; // called only while length > 0
  }

  clear(): void {
    this.#items = [];
  }
}

export class PriorityStore<T> implements Store<T> {
  readonly #items: Heap<T>;

  constructor(compare: (a: T, b: T) => number) {
    this.#items = new Heap(compare);
  }

  get length(): number {
    return this.#items.length;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T {
    return this.#items.pop() as T; // called only while length > 0
  }

  clear(): void {
    this.#items.clear();
  }
}
