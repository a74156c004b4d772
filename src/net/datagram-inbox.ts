// What an endpoint has received and nobody has taken yet: datagrams in a bounded queue, at most one
// fault (an error of the peer), and the tasks that wait for either. Nothing is lost, however the
// waiting tasks are cancelled.
//
// A waiting receive is answered with a *reservation*: `#reserved` of the things inside are promised
// to answered waits. The value is taken out only at delivery: the fault if there is one, else the
// first datagram. A wait that is cancelled between answer and delivery returns its reservation, and
// the next wait in line is answered. So order is kept, and nothing has to be put back.
//
// Example: tasks A and B wait. One datagram comes: A is answered, #reserved = 1, and the datagram
// stays in the queue. A is cancelled before delivery: giveBack() makes #reserved 0, #settle()
// answers B and makes it 1 again. B takes the datagram.
//
// Invariants, after every step:
// - A wait is in line only while nothing is free: #free = datagrams + fault - reserved. #settle()
//   keeps it so.
// - Nobody overtakes. A receive that finds others in line, or answered and not yet delivered, joins
//   the line.
// - Once closed, everything inside is promised: the rest was dropped.
//
// The fault comes before the datagrams, as in the kernel, which reports SO_ERROR before what is
// queued. A second fault replaces the first.
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

/** The inbox of one endpoint: see the head of this file. */
export class DatagramInbox<T> {
  readonly #capacity: number;
  readonly #dropOldest: boolean;
  readonly #datagrams = new Deque<T>();
  readonly #waits = new Line<T, ReceiveWait<T>>();
  #reserved = 0;
  /** An error of the peer that no call has received yet. */
  #fault: Error | undefined = undefined;
  /** Makes the error for receives after close(); undefined while open. */
  #closed: (() => Error) | undefined = undefined;
  /** How many datagrams came, including the dropped ones. */
  received = 0;
  /** How many of them found the queue full, or were removed to make room. */
  dropped = 0;

  /**
   * @param capacity how many datagrams may wait, not counting those promised to answered receives
   */
  constructor(capacity: number, overflow: 'dropOldest' | 'dropNewest') {
    this.#capacity = capacity;
    this.#dropOldest = overflow === 'dropOldest';
  }

  /** How many datagrams are inside, including promised ones. */
  get length(): number {
    return this.#datagrams.length;
  }

  /** Adds a datagram that came, or drops one by the overflow policy. */
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

  /** Records an error of the peer that the system reported. */
  fail(error: Error): void {
    if (this.#closed !== undefined) return;
    this.#fault = error;
    this.#settle();
  }

  /** Takes the fault for a send, unless a receive has it reserved. */
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

  /**
   * Closes the inbox: it accepts nothing more, drops what is not promised, and rejects the waits in
   * line. Idempotent.
   */
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
      else this.#fault = undefined; // first, so that a promised wait gets a datagram
    }
  }
}
