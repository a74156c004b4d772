// Stock: the items of a pool, and the state of each. It knows nothing of callers that wait: pool.ts
// grants the items.
//
// States of an item, and where it stands:
//
//   CREATING --> IDLE <-------- (reset) RESETTING <--release-- LEASED
//      |          |  \                                            ^
//      |          |   `--stale--> CHECKING --> IDLE (fresh) ------'
//      |          |                  |
//      `----------+------------------+----> CLOSING --> gone
//
// - `members` has all but those CREATING and CLOSING; `idle` and `leased` those in these states.
//   The four sets of errands are the four states in which a callback runs.
// - A callback that does not end in time leaves its state all the same. An item that arrives after
//   that is destroyed.
// - `isOpen` turns false once. From then on nothing becomes idle: what comes back is destroyed.
// - `#changed` is called at the end of every change, when everything else holds. Callbacks of the
//   user run last too, because they may call the pool.
import { type Deadline, LinkedSet } from '../base/index.ts';
import {
  addDeadline,
  deleteDeadline,
  host,
  InvalidStateError,
  loopTime,
  random,
  reportException,
  type Resource,
  type TaskRecord,
} from '../core/index.ts';
import { Backoff } from './backoff.ts';
import { Errand, type ErrandHome } from './errand.ts';
import { Lease, type LeaseOwner } from './lease.ts';
import { Member, type MemberLease, type MemberTimes, type Return } from './member.ts';
import type { PoolOptions } from './pool-options.ts';

/** Milliseconds. */
const CREATE_TIMEOUT = 10_000;
const DESTROY_TIMEOUT = 5000;
const CHECK_TIMEOUT = 5000;

/** The pool, as its stock sees it. */
export interface StockOwner<T> {
  /** The resource, for messages. */
  readonly pool: Resource;
  /** Grants the item to the first caller in line. Returns false if nobody waits. */
  grant(member: Member<T>, now: number): boolean;
  /** Called after every change. */
  changed(): void;
  /** Called when `create` failed, before `changed`. `isFirst` is true for the first time in a row. */
  createFailed(error: unknown, isFirst: boolean): void;
}

export class Stock<T> implements LeaseOwner<T> {
  readonly #owner: StockOwner<T>;
  readonly #options: PoolOptions<T>;
  readonly #times: MemberTimes;
  readonly min: number;
  readonly max: number;
  /** False once the pool is being shut down. */
  isOpen = true;
  readonly #home: ErrandHome;
  /** Every item but those that are being created or destroyed. */
  readonly members: Map<T, Member<T>> = new Map();
  /** The idle ones, the latest used first. So the others become idle for long, and end. */
  readonly idle: LinkedSet<Member<T>> = new LinkedSet();
  /** Those with a lease, in the order of granting. */
  readonly leased: LinkedSet<Member<T>> = new LinkedSet();
  readonly creating: Set<Errand<T>> = new Set();
  readonly checking: Set<Errand<unknown>> = new Set();
  readonly resetting: Set<Errand<unknown>> = new Set();
  readonly closing: Set<Errand<unknown>> = new Set();
  readonly #backoff: Backoff;
  /** Ends items that have been idle for long. Its `when` is Infinity while it is not needed. */
  readonly #sweep: Deadline = { when: Infinity, slot: -1, order: 0, due: () => this.#endOld() };
  created = 0;
  destroyed = 0;
  failed = 0;
  unfit = 0;

  constructor(owner: StockOwner<T>, options: PoolOptions<T>) {
    this.#owner = owner;
    this.#options = options;
    this.#home = { pool: owner.pool, inContext: host.captureContext() };
    const { checkAfter = 1000, idleTimeout = 60_000, lifetime = 3_600_000, jitter = 0.1 } = options;
    this.min = options.min ?? 0;
    this.max = options.max ?? 10;
    this.#times = { checkAfter: options.check === undefined ? Infinity : checkAfter, idleTimeout, lifetime, jitter };
    const { backoff = 50, maxBackoff = 2000 } = options.retry ?? {};
    this.#backoff = new Backoff(backoff, maxBackoff, () => this.#owner.changed());
  }

  get label(): string {
    return this.#owner.pool.label;
  }

  /** The number of items, in every state. */
  get total(): number {
    return this.members.size + this.creating.size + this.closing.size;
  }

  /** Items that will be idle soon, unless their callback fails. */
  get onTheWay(): number {
    return this.creating.size + this.checking.size + this.resetting.size;
  }

  /** What the last call of `create` failed with; undefined if it succeeded. */
  get createError(): unknown {
    return this.#backoff.error;
  }

  /** How often in a row `create` has failed. */
  get failures(): number {
    return this.#backoff.failures;
  }

  /** The leases that are out, in the order of granting. */
  leases(): MemberLease[] {
    return Array.from(this.leased, ({ lease }) => lease as MemberLease); // those in there have one
  }

  /** Leases an idle item. */
  lease(member: Member<T>, holder: TaskRecord | undefined, now: number): Lease<T> {
    this.idle.delete(member);
    this.leased.add(member);
    return new Lease(this, member, holder, now);
  }

  /** Takes out an item that is known to be broken. */
  remove(item: T): void {
    const member = this.members.get(item);
    if (member === undefined) return;
    if (member.list === this.idle) {
      this.#close(member);
      this.#owner.changed();
    } else member.isDoomed = true;
  }

  /** Called by a lease when it ends. */
  giveBack(member: Member<T>, how: Return): void {
    this.leased.delete(member);
    const now = loopTime();
    if (how === 'discard' || !this.#keeps(member, now)) this.#close(member);
    else if (how === 'release' && this.#options.reset !== undefined) this.#reset(member, this.#options.reset);
    else {
      if (how !== 'unused') member.wasUsed(now);
      this.#offer(member, now);
    }
    this.#owner.changed();
  }

  /** Whether it may become idle. */
  #keeps(member: Member<T>, now: number): boolean {
    return this.isOpen && !member.isDoomed && now < member.expiresAt;
  }

  /**
   * An item that is known to work goes to the first in line, or becomes idle. Nobody checks it in
   * between, so that no item is checked for ever where `checkAfter` is 0.
   */
  #offer(member: Member<T>, now: number): void {
    if (!this.#keeps(member, now)) return this.#close(member);
    if (this.#owner.grant(member, now)) return;
    this.idle.addFirst(member);
    this.#sweepAt(member.leavesAt);
  }

  /** Whether another item may be created now. */
  get mayCreate(): boolean {
    return this.total < this.max && this.#backoff.allows(this.creating.size);
  }

  /** Begins to create an item, which becomes idle. */
  create(): void {
    const { create, createTimeout = CREATE_TIMEOUT } = this.#options;
    const { failures } = this.#backoff;
    void new Errand<T>(this.#home, {
      what: 'create',
      ms: createTimeout,
      among: this.creating,
      call: ({ signal }) => create({ signal }),
      done: (item) => this.#opened(item),
      failed: (error) => {
        this.#createFailed(error, failures);
        this.#owner.changed();
      },
      late: (item) => {
        this.created++;
        this.#destroy(item);
      },
    });
  }

  #opened(item: T): void {
    if (this.members.has(item)) {
      this.#createFailed(
        new InvalidStateError(`create of ${this.label} returned an item that it has already`),
        this.#backoff.failures,
      );
      return this.#owner.changed();
    }
    const now = loopTime();
    this.created++;
    this.#backoff.succeeded();
    const member = new Member(item, this.#times, now, random);
    this.members.set(item, member);
    member.wasUsed(now);
    this.#offer(member, now);
    this.#owner.changed();
  }

  #createFailed(error: unknown, before: number): void {
    if (!this.isOpen) return; // it was cancelled
    this.failed++;
    this.#owner.createFailed(error, this.#backoff.failed(before, error));
  }

  /**
   * Makes the first idle item fresh, or takes it out: it is checked, or destroyed if it is too old.
   * Returns false, and does nothing, if it has to be checked and `mayCheck` is false.
   */
  refresh(member: Member<T>, mayCheck: boolean): boolean {
    const { check } = this.#options;
    if (check === undefined || loopTime() >= member.expiresAt) this.#close(member);
    else if (mayCheck) this.#check(member, check);
    else return false;
    return true;
  }

  #check(member: Member<T>, check: (item: T) => unknown): void {
    this.idle.delete(member);
    const begun = loopTime();
    const failed = (): void => {
      if (this.isOpen) this.unfit++; // otherwise it was cancelled
      this.#close(member);
      // What broke one has probably broken those that are as old: they are checked all at once.
      for (const other of [...this.idle]) {
        if (other.list === this.idle && other.freshUntil <= begun) this.#check(other, check);
      }
      this.#owner.changed();
    };
    void new Errand<unknown>(this.#home, {
      what: 'check',
      ms: this.#options.checkTimeout ?? CHECK_TIMEOUT,
      among: this.checking,
      call: () => check(member.item),
      done: (result) => {
        if (result === false) return failed();
        const now = loopTime();
        member.isAlive(now);
        this.#offer(member, now);
        this.#owner.changed();
      },
      failed,
    });
  }

  #reset(member: Member<T>, reset: (item: T) => unknown): void {
    void new Errand<unknown>(this.#home, {
      what: 'reset',
      ms: this.#options.checkTimeout ?? CHECK_TIMEOUT,
      among: this.resetting,
      call: () => reset(member.item),
      done: () => {
        const now = loopTime();
        member.wasUsed(now);
        this.#offer(member, now);
        this.#owner.changed();
      },
      failed: () => {
        if (this.isOpen) this.unfit++; // otherwise it was cancelled
        this.#close(member);
        this.#owner.changed();
      },
    });
  }

  #close(member: Member<T>): void {
    this.idle.delete(member);
    this.members.delete(member.item);
    this.#destroy(member.item);
  }

  #destroy(item: T): void {
    const { destroy, destroyTimeout = DESTROY_TIMEOUT } = this.#options;
    const done = (): void => {
      this.destroyed++;
      this.#owner.changed();
    };
    if (destroy === undefined) return done();
    void new Errand<unknown>(this.#home, {
      what: 'destroy',
      ms: destroyTimeout,
      among: this.closing,
      call: () => destroy(item),
      done,
      failed: (error) => {
        reportException({ message: `destroy of ${this.label} failed`, error });
        done();
      },
    });
  }

  #sweepAt(when: number): void {
    if (when >= this.#sweep.when) return;
    deleteDeadline(this.#sweep);
    this.#sweep.when = when;
    addDeadline(this.#sweep);
  }

  /** Ends what has been idle for too long, the longest first, and what is too old. */
  #endOld(): void {
    this.#sweep.when = Infinity;
    const now = loopTime();
    for (const member of [...this.idle].toReversed()) {
      if (member.list !== this.idle) continue; // a callback took it meanwhile
      const isSpare = this.members.size > this.min;
      if (now >= member.expiresAt || (isSpare && now >= member.idleUntil)) this.#close(member);
      else this.#sweepAt(isSpare ? member.leavesAt : member.expiresAt);
    }
    this.#owner.changed();
  }

  /** Ends everything that nobody holds. Idempotent. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#backoff.stop();
    deleteDeadline(this.#sweep);
    const { destroyTimeout = DESTROY_TIMEOUT } = this.#options;
    const message = `Cancelled: ${this.label} is shutting down`;
    for (const errand of this.#unfinished()) errand.hurry(destroyTimeout, message);
    for (let member = this.idle.first; member !== undefined; member = this.idle.first) this.#close(member);
  }

  /** Destroys what is leased. Returns how many that were. */
  takeLeases(): number {
    const leases = this.leases();
    for (const lease of leases) lease.end('discard');
    return leases.length;
  }

  /** Leaves every callback that still runs. */
  giveUp(error: Error): void {
    for (const errand of this.#unfinished()) errand.giveUp(error);
    for (const errand of this.closing) errand.giveUp(error); // those that gave up before are among them
  }

  #unfinished(): Pick<Errand<unknown>, 'hurry' | 'giveUp'>[] {
    return [...this.creating, ...this.checking, ...this.resetting];
  }
}
