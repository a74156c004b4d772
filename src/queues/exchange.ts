// Exchange: the common part of queues and channels. It holds items, room for items, and the tasks
// that wait for either. However producers and consumers are cancelled, no item is lost and none is
// delivered twice.
//
// The difficulty: between the moment a wait is answered and the moment its promise settles, other
// code runs, and a cancel may still overrule the answer. So an answer only promises something; the
// item moves at delivery:
// - A waiting getter is answered with a *reservation*. `#reserved` items are promised to answered
//   getters. A getter takes its item out of the store when its wait is delivered, and not before.
// - A waiting putter is answered with a *slot*. `#slots` places are promised to answered putters. A
//   putter adds its item when its wait is delivered.
//
// A wait that is cancelled before delivery returns its promise, and #settle() answers the next in
// line. The item has never left its place as the first of the queue.
//
// Example: a queue with maxsize 1 holds x, and no task waits yet.
//
//   step                              store  #reserved  #slots  waiting
//   P calls put(y): no room, it waits x      0          0       P
//   A calls get(): x is free, so A    -      0          0       P
//     takes it at once
//   #settle(): there is room,         -      0          1       -
//     P is answered with a slot
//   B calls get(): nothing is free    -      0          1       B
//   P is delivered: y goes in, and    y      1          0       -
//     #settle() answers B with it
//   C calls get(): y is reserved,     y      1          0       C
//     so C stands behind B
//   B is cancelled, then delivered:   y      1          0       -
//     B returns its reservation,
//     #settle() answers C with it
//   C is delivered and takes y        -      0          0       -
//
// At no step could C or a getNowait() take y before B had given it up, and y was never outside the
// store.
//
// Invariants, after every step:
// - Getters wait only while no item is free to reserve, and putters only while there is no room.
//   #settle() restores this after every change.
// - Nobody overtakes: a get or put that finds others waiting, or answered and not delivered yet,
//   stands in line.
// - 0 <= #reserved <= length, and length + #slots <= capacity, except after drop(), or when the
//   capacity of a rendezvous falls with its number of getters.
// - After close(), putters are rejected. Getters are rejected once everything was taken. That is
//   not before the last reserved item was: its getter may still be cancelled, and then the item
//   belongs to the next getter.
import {
  beginWait,
  type CancelledError,
  Line,
  mayAnswer,
  QueuedWait,
  type Wait,
  type WaitOptions,
} from '../core/index.ts';

/**
 * The container of the items: a deque, a stack, a heap. If a method throws, as the comparator of a
 * heap can, the store has to stay as it was.
 */
export interface Store<T> {
  readonly length: number;
  push(item: T): void;
  /** Removes and returns the next item. Called only while length > 0. */
  shift(): T;
  clear(): void;
}

const DONE: Promise<void> = Promise.resolve();

class GetWait<T> extends QueuedWait<T> {
  readonly exchange: Exchange<T>;

  constructor(exchange: Exchange<T>, kind: string, resource: object, options: WaitOptions | undefined) {
    super(kind, resource, options);
    this.exchange = exchange;
  }

  protected override take(): T {
    return this.exchange.takeReserved();
  }

  protected override withdraw(answered: boolean): void {
    this.exchange.leaveGetters(this, answered);
  }
}

class PutWait<T> extends QueuedWait<void> {
  readonly exchange: Exchange<T>;
  readonly item: T;
  /** True once a getNowait has taken the item: the put is done, whatever happens to its task. */
  taken = false;

  constructor(exchange: Exchange<T>, item: T, kind: string, resource: object, options: WaitOptions | undefined) {
    super(kind, resource, options);
    this.exchange = exchange;
    this.item = item;
  }

  /**
   * Ignores the cancel once the item is taken. The cancel then reaches the next wait of the task.
   */
  override cancel(error: CancelledError, final = false): boolean {
    return !this.taken && super.cancel(error, final);
  }

  protected override take(): void {
    if (!this.taken) this.exchange.fillSlot(this.item);
  }

  protected override withdraw(answered: boolean): void {
    this.exchange.leavePutters(this, answered);
  }
}

export class Exchange<T> {
  readonly #store: Store<T>;
  /**
   * The number of items that the exchange holds. With `#rendezvous`, the getters that wait or have
   * a reservation count on top: each makes room for one.
   */
  readonly #capacity: number;
  readonly #rendezvous: boolean;
  readonly #getters = new Line<T, GetWait<T>>();
  readonly #putters = new Line<void, PutWait<T>>();
  #reserved = 0;
  #slots = 0;
  /** The number of items that ever went in. Read by the queue's count of unfinished work. */
  added = 0;
  /** True after drop(): promises that were made before are void. */
  #dropped = false;
  /** Makes the error for calls after close(). Undefined while open. */
  #closed: (() => Error) | undefined = undefined;

  constructor(store: Store<T>, capacity: number, rendezvous: boolean) {
    this.#store = store;
    this.#capacity = capacity;
    this.#rendezvous = rendezvous;
  }

  /** The number of items inside, including those promised to getters. */
  get length(): number {
    return this.#store.length;
  }

  get getting(): number {
    return this.#getters.size;
  }

  get putting(): number {
    return this.#putters.size;
  }

  /** True if a put would wait. */
  get full(): boolean {
    return this.#putters.size > 0 || this.#slots > 0 || this.#room() <= 0;
  }

  /** True if every item was taken and none can come any more. */
  get ended(): boolean {
    return this.#closed !== undefined && this.#store.length === 0 && this.#slots === 0;
  }

  put(item: T, kind: string, resource: object, options: WaitOptions | undefined): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#closed !== undefined) return Promise.reject(this.#refusal());
    if (!this.full && mayAnswer(options)) {
      try {
        this.#add(item);
        return DONE;
      } catch (error) {
        return Promise.reject(error); // thrown by the comparator
      }
    }
    const promise = this.#putters.join(new PutWait(this, item, kind, resource, options));
    this.#settle();
    return promise;
  }

  /** `begun` receives the wait, if the call has to wait. */
  get(kind: string, resource: object, options: WaitOptions | undefined, begun?: (wait: Wait<T>) => void): Promise<T> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#getters.size === 0 && this.#reserved === 0 && this.#store.length > 0 && mayAnswer(options)) {
      try {
        const item = this.#store.shift();
        if (this.#putters.size > 0) this.#settle();
        return Promise.resolve(item);
      } catch (error) {
        return Promise.reject(error); // thrown by the comparator
      }
    }
    if (this.ended) return Promise.reject(this.#refusal());
    const wait = new GetWait(this, kind, resource, options);
    begun?.(wait);
    const promise = this.#getters.join(wait);
    this.#settle();
    return promise;
  }

  /**
   * The put that does not wait. Returns false if there is no room.
   * @throws the error of close() once closed
   */
  putNowait(item: T): boolean {
    if (this.#closed !== undefined) throw this.#refusal();
    if (this.#room() <= 0) return false;
    this.#add(item);
    return true;
  }

  /**
   * The get that does not wait. Returns undefined, and takes nothing, if no item is free.
   * @throws the error of close() once ended
   */
  getNowait(): { readonly item: T } | undefined {
    if (this.#store.length > this.#reserved) {
      const item = this.#store.shift();
      this.#settle();
      return { item };
    }
    if (this.ended) throw this.#refusal();
    // A rendezvous holds nothing: the first waiting putter hands its item over. But if a slot is
    // promised, an earlier putter comes first.
    if (!this.#rendezvous || this.#slots > 0) return undefined;
    const putter = this.#putters.shift();
    if (putter === undefined) return undefined;
    putter.taken = true;
    putter.answer();
    this.added++;
    return { item: putter.item };
  }

  /**
   * Drops the next item and adds this one. Call it only while not empty. The number of items stays
   * the same, so every reservation stays valid: its getter receives a later item.
   */
  replace(item: T): void {
    this.#store.shift();
    this.#store.push(item);
  }

  /** Accepts no further items. What is inside can still be taken. Idempotent. */
  close(reason: () => Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#putters.failAll(() => this.#refusal());
    this.#settle();
  }

  /**
   * Drops all items and promises. Call it only after close().
   * @returns the number of items dropped
   */
  drop(): number {
    this.#dropped = true;
    const dropped = this.#store.length;
    this.#store.clear();
    this.#settle();
    return dropped;
  }

  // ---- called by the waits at delivery or cancel ---------------------------------------------------------------

  takeReserved(): T {
    this.#reserved--;
    // Only drop() leaves a reservation without an item.
    if (this.#store.length === 0) throw this.#refusal();
    try {
      return this.#store.shift();
    } finally {
      this.#settle(); // also after a throw: the item belongs to the next getter
    }
  }

  leaveGetters(wait: GetWait<T>, answered: boolean): void {
    if (answered) {
      this.#reserved--;
      this.#settle();
    } else this.#getters.delete(wait);
  }

  fillSlot(item: T): void {
    this.#slots--;
    try {
      // Closed between answer and delivery: the slot was promised before, so the item goes in,
      // unless drop() voided it.
      if (!this.#dropped) this.#add(item);
    } catch (error) {
      this.#settle(); // the slot belongs to the next putter
      throw error;
    }
    if (this.#closed === undefined) return;
    this.#settle();
    if (this.#dropped) throw this.#refusal();
  }

  leavePutters(wait: PutWait<T>, answered: boolean): void {
    if (answered) {
      this.#slots--;
      this.#settle();
    } else this.#putters.delete(wait);
  }

  // ---- the steps -----------------------------------------------------------------------------------------------

  #room(): number {
    const expected = this.#rendezvous ? this.#getters.size + this.#reserved : 0;
    return this.#capacity + expected - this.#store.length - this.#slots;
  }

  #add(item: T): void {
    this.#store.push(item);
    this.added++;
    if (this.#getters.size > 0) this.#settle();
  }

  /**
   * Answers whoever can be answered: putters while there is room, getters while items are free.
   * Rejects getters at the end. Putters come first: in a rendezvous, their slots are what getters
   * make room for.
   */
  #settle(): void {
    while (this.#putters.size > 0 && this.#room() > 0) {
      this.#slots++;
      (this.#putters.shift() as PutWait<T>).answer(); // defined: size > 0
    }
    while (this.#getters.size > 0 && this.#store.length > this.#reserved) {
      this.#reserved++;
      (this.#getters.shift() as GetWait<T>).answer(undefined as T); // a placeholder: take() makes the real value
    }
    if (this.#getters.size > 0 && this.ended) this.#getters.failAll(() => this.#refusal());
  }

  /** The error for every call after close(). */
  #refusal(): Error {
    return (this.#closed as () => Error)(); // called only once closed
  }
}
