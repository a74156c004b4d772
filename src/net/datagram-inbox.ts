// What an endpoint has received and nobody has taken yet: datagrams in a bounded queue, at most one fault, and the tasks
// that wait for either. Nothing is lost, however the waiting tasks are cancelled.
//
// A waiting receive is answered with a *reservation*: `#reserved` of the things inside are promised to answered waits. What
// it gets is taken out only at delivery: the fault if there is one, else the first datagram. Cancelled before that, it
// gives the promise back and the next in line is answered; so order is kept and nothing has to be put back.
//
// Invariants, after every step:
// - waits stand in line only while nothing is free: #free = datagrams + fault - reserved. #settle() sees to it.
// - Nobody overtakes: a receive that finds others waiting, or answered and not yet delivered, stands in line.
// - Once closed, what is inside is promised: the rest was dropped.
//
// The fault stands before the datagrams, as the kernel has it (SO_ERROR is reported before what is queued), and a second
// one takes the place of the first.
import { Deque } from '../base/index.ts';
import { beginWait, Line, mayAnswer, QueuedWait, type WaitOptions } from '../core/index.ts';

class ReceiveWait<T> extends QueuedWait<T> {
  readonly inbox: DatagramInbox<T>;

  constructor(inbox: DatagramInbox<T>, resource: object, options: WaitOptions | undefined) {
    super('datagram.receive', resource, options);
    this.inbox = inbox;
  }

  protected override take(): T {
    return this.inbox.takeReserved();
  }

  protected override withdraw(answered: boolean, value: T): void {
    if (answered) this.inbox.giveBack();
    else super.withdraw(answered, value);
  }
}

export class DatagramInbox<T> {
  readonly #capacity: number;
  readonly #dropOldest: boolean;
  readonly #datagrams = new Deque<T>();
  readonly #waits = new Line<T, ReceiveWait<T>>();
  #reserved = 0;
  /** An error of the peer that nobody has heard of yet. */
  #fault: Error | undefined = undefined;
  /** Makes the error for whoever receives after close(); undefined while open. */
  #closed: (() => Error) | undefined = undefined;
  /** How many datagrams ever came, the dropped ones included. */
  received = 0;
  /** How many of them found the queue full, or made room for one that did. */
  dropped = 0;

  /** @param capacity how many datagrams wait in the queue, those promised to answered receives not counted */
  constructor(capacity: number, overflow: 'dropOldest' | 'dropNewest') {
    this.#capacity = capacity;
    this.#dropOldest = overflow === 'dropOldest';
  }

  /** How many datagrams are inside, promised ones included. */
  get length(): number {
    return this.#datagrams.length;
  }

  /** A datagram came. */
  push(datagram: T): void {
    if (this.#closed !== undefined) return;
    this.received++;
    if (this.#datagrams.length - this.#reserved >= this.#capacity) {
      this.dropped++;
      if (!this.#dropOldest) return;
      this.#datagrams.popFront();
    }
    this.#datagrams.pushBack(datagram);
    this.#settle();
  }

  /** The system reported an error of the peer. */
  fail(error: Error): void {
    if (this.#closed !== undefined) return;
    this.#fault = error;
    this.#settle();
  }

  /** Takes the fault for a send, unless it is promised to a receive. */
  takeFault(): Error | undefined {
    const fault = this.#fault;
    if (fault === undefined || this.#free <= 0) return undefined;
    this.#fault = undefined;
    return fault;
  }

  receive(resource: object, options: WaitOptions | undefined): Promise<T> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#closed !== undefined) return Promise.reject(this.#closed());
    if (this.#waits.size === 0 && this.#reserved === 0 && this.#free > 0 && mayAnswer(options)) {
      const fault = this.takeFault();
      if (fault !== undefined) return Promise.reject(fault);
      return Promise.resolve(this.#datagrams.popFront() as T); // free, and no fault
    }
    const promise = this.#waits.join(new ReceiveWait<T>(this, resource, options));
    this.#settle();
    return promise;
  }

  /** Takes nothing in any more, drops what nobody was promised, and refuses those who wait. Idempotent. */
  close(reason: () => Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#trim();
    this.#waits.failAll(reason);
  }

  // ---- called by the waits at delivery or cancel ---------------------------------------------------------------

  takeReserved(): T {
    this.#reserved--;
    const fault = this.#fault;
    if (fault !== undefined) {
      this.#fault = undefined;
      throw fault;
    }
    return this.#datagrams.popFront() as T; // it was promised, so it is there
  }

  giveBack(): void {
    this.#reserved--;
    if (this.#closed === undefined) this.#settle();
    else this.#trim();
  }

  // ---- the steps -----------------------------------------------------------------------------------------------

  get #free(): number {
    return this.#datagrams.length + (this.#fault === undefined ? 0 : 1) - this.#reserved;
  }

  #settle(): void {
    while (this.#waits.size > 0 && this.#free > 0) {
      this.#reserved++;
      (this.#waits.shift() as ReceiveWait<T>).answer(undefined as T); // size > 0; take() makes the value
    }
  }

  #trim(): void {
    while (this.#free > 0) {
      if (this.#fault === undefined) this.#datagrams.popBack();
      else this.#fault = undefined; // first, so that whoever was promised something gets a datagram
    }
  }
}
