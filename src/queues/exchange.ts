// What queues and channels share: items, room for them, and tasks that wait for either. Nothing is lost or doubled,
// however producers and consumers are cancelled.
//
// A waiting getter is answered with a *reservation*: `#reserved` items are promised to answered getters and are taken out
// of the store only when the getter's wait is delivered. A waiting putter is answered with a *slot*: `#slots` places are
// promised to answered putters, and the item goes in at delivery. Cancelled before delivery, either gives its promise back,
// and the next in line is answered; the item stays where it is, the first in the queue.
//
// Invariants, after every step:
// - getters wait only while nothing is free to reserve, putters only while there is no room: #settle() sees to it.
// - Nobody overtakes: a get or put that finds others waiting, or answered and not yet delivered, stands in line.
// - Once closed, putters are refused, and getters too once everything was taken: not before the last reserved item was,
//   because its getter may still be cancelled, and the item is the next one's.
import {
  beginWait,
  type CancelledError,
  Line,
  mayAnswer,
  QueuedWait,
  type Wait,
  type WaitOptions,
} from '../core/index.ts';

/** Where the items are: a deque, a stack, a heap. What throws, as a heap's comparator can, leaves it as it was. */
export interface Store<T> {
  readonly length: number;
  push(item: T): void;
  /** Takes out the next item; called only while length > 0. */
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
  /** A getNowait has taken the item: the put is done. */
  taken = false;

  constructor(exchange: Exchange<T>, item: T, kind: string, resource: object, options: WaitOptions | undefined) {
    super(kind, resource, options);
    this.exchange = exchange;
    this.item = item;
  }

  /** Its task's next wait is what a cancel reaches once the item is somebody else's. */
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
  /** How many items it holds; with `#rendezvous`, that many more than there are getters. */
  readonly #capacity: number;
  readonly #rendezvous: boolean;
  readonly #getters = new Line<T, GetWait<T>>();
  readonly #putters = new Line<void, PutWait<T>>();
  #reserved = 0;
  #slots = 0;
  /** How many items ever went in. */
  added = 0;
  /** Nothing promised is kept any more. */
  #dropped = false;
  /** Why nothing goes in any more; undefined while open. */
  #closed: (() => Error) | undefined = undefined;

  constructor(store: Store<T>, capacity: number, rendezvous: boolean) {
    this.#store = store;
    this.#capacity = capacity;
    this.#rendezvous = rendezvous;
  }

  /** Items inside, those promised to getters included. */
  get length(): number {
    return this.#store.length;
  }

  get getting(): number {
    return this.#getters.size;
  }

  get putting(): number {
    return this.#putters.size;
  }

  /** True when a put would wait. */
  get full(): boolean {
    return this.#putters.size > 0 || this.#slots > 0 || this.#room() <= 0;
  }

  /** True when the last item was taken and none can come. */
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
        return Promise.reject(error); // the comparator's
      }
    }
    const promise = this.#putters.join(new PutWait(this, item, kind, resource, options));
    this.#settle();
    return promise;
  }

  /** `begun` gets the wait, if it has to wait. */
  get(kind: string, resource: object, options: WaitOptions | undefined, begun?: (wait: Wait<T>) => void): Promise<T> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#getters.size === 0 && this.#reserved === 0 && this.#store.length > 0 && mayAnswer(options)) {
      try {
        const item = this.#store.shift();
        if (this.#putters.size > 0) this.#settle();
        return Promise.resolve(item);
      } catch (error) {
        return Promise.reject(error); // the comparator's
      }
    }
    if (this.ended) return Promise.reject(this.#refusal());
    const wait = new GetWait(this, kind, resource, options);
    begun?.(wait);
    const promise = this.#getters.join(wait);
    this.#settle();
    return promise;
  }

  /** put without waiting: false when there is no room. @throws once closed */
  putNowait(item: T): boolean {
    if (this.#closed !== undefined) throw this.#refusal();
    if (this.#room() <= 0) return false;
    this.#add(item);
    return true;
  }

  /** get without waiting: undefined, and nothing taken, when nothing is free. @throws once ended */
  getNowait(): { readonly item: T } | undefined {
    if (this.#store.length > this.#reserved) {
      const item = this.#store.shift();
      this.#settle();
      return { item };
    }
    if (this.ended) throw this.#refusal();
    // A rendezvous without room inside: the first who waits hands its item over, unless others were promised a place before.
    if (!this.#rendezvous || this.#slots > 0) return undefined;
    const putter = this.#putters.shift();
    if (putter === undefined) return undefined;
    putter.taken = true;
    putter.answer();
    this.added++;
    return { item: putter.item };
  }

  /** Drops the next item and adds this one in its stead, while not empty. A getter that was promised an item gets another. */
  replace(item: T): void {
    this.#store.shift();
    this.#store.push(item);
  }

  /** Lets nothing in any more; what is inside can still be taken. Idempotent. */
  close(reason: () => Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#putters.failAll(() => this.#refusal());
    this.#settle();
  }

  /** Drops all items and promises, after close(). @returns how many items */
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
    // Only a shutdown that dropped the items leaves a reservation without one.
    if (this.#store.length === 0) throw this.#refusal();
    try {
      return this.#store.shift();
    } finally {
      this.#settle(); // also when it threw: the item is the next getter's
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
      // Closed between answer and delivery: the putter was promised its place before that, and keeps it unless all is dropped.
      if (!this.#dropped) this.#add(item);
    } catch (error) {
      this.#settle(); // the place is the next putter's
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

  /** Answers whoever can be: putters while there is room, getters while there are items; refuses getters at the end. */
  #settle(): void {
    while (this.#putters.size > 0 && this.#room() > 0) {
      this.#slots++;
      (this.#putters.shift() as PutWait<T>).answer(); // size > 0
    }
    while (this.#getters.size > 0 && this.#store.length > this.#reserved) {
      this.#reserved++;
      (this.#getters.shift() as GetWait<T>).answer(undefined as T); // take() makes the value
    }
    if (this.#getters.size > 0 && this.ended) this.#getters.failAll(() => this.#refusal());
  }

  /** The error for whoever comes after close(). */
  #refusal(): Error {
    return (this.#closed as () => Error)(); // called only once closed
  }
}
