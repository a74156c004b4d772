// Leases: what RedisLock and redisLimiter share. The waiting callers of this process, and the permits
// that it holds.
//
// - The callers of a process stand in `#line`, first come, first served. One question at a time asks
//   Redis for a permit for the first of them. Among processes nobody keeps an order.
// - Without a free permit, the next question comes when somebody gives one back, when the first
//   lease ends, or after POLL: what is said over pub/sub may be lost.
// - A permit for which nobody waits any more is given back at once.
import { randomBytes } from 'node:crypto';
import type { Deadline } from '../base/index.ts';
import {
  addDeadline,
  beginWait,
  CancelledError,
  deleteDeadline,
  type Holder,
  LeaseLostError,
  Line,
  loopTime,
  QueuedWait,
  random,
  type Resource,
  type ResourceOptions,
  timeout,
  waiting,
  type WaitOptions,
  waiterOf,
} from '../core/index.ts';
import { ClosingResource } from './closing-resource.ts';
import { LeaseHold, type LeaseOwner } from './lease-hold.ts';
import type { LeasePort } from './lease-port.ts';

/** Milliseconds between two questions, at most. */
const POLL = 1000;

class LeaseWait extends QueuedWait<LeaseHold> {
  readonly borrower: object | undefined;
  readonly #left: () => void;

  constructor(kind: string, resource: Resource, options: BorrowOptions | undefined, left: () => void) {
    super(kind, resource, options);
    this.borrower = options?.borrower ?? waiterOf(options);
    this.#left = left;
  }

  protected override withdraw(answered: boolean, hold: LeaseHold): void {
    if (answered) void hold.release();
    else {
      super.withdraw(answered, hold);
      this.#left();
    }
  }
}

interface BorrowOptions extends WaitOptions {
  readonly borrower?: object | undefined;
}

/** What a lock or limiter needs. */
export interface LeasePlan {
  readonly port: LeasePort;
  /** Milliseconds. */
  readonly lease: number;
  readonly total: number;
  /** `lock.acquire`, for the console. */
  readonly waitKind: string;
  /** Called once when everything was given back. */
  readonly closed: () => Promise<void>;
}

/** The base of RedisLock and RedisCapacityLimiter. */
export abstract class Leases extends ClosingResource {
  readonly #plan: LeasePlan;
  readonly #owner: LeaseOwner;
  /** The permits that are allowed. */
  #total: number;
  readonly #line = new Line<LeaseHold, LeaseWait>();
  readonly #holds = new Set<LeaseHold>();
  #isAsking = false;
  /** Undefined while nobody waits for others. */
  #watching: Disposable | undefined = undefined;
  /** The next question, if it has to wait. */
  readonly #retry: Deadline = { when: 0, slot: -1, order: 0, due: () => this.#serve() };

  protected constructor(plan: LeasePlan, options: ResourceOptions) {
    super(options);
    this.#plan = plan;
    this.#total = plan.total;
    this.#owner = { resource: this, port: plan.port, lease: plan.lease, ended: (hold) => this.#ended(hold) };
    this.markOpened();
  }

  /** How many callers of this process wait. */
  protected get waiting(): number {
    return this.#line.size;
  }

  /** The permits that this process holds. */
  protected get holds(): ReadonlySet<LeaseHold> {
    return this.#holds;
  }

  protected get permits(): number {
    return this.#total;
  }

  protected set permits(total: number) {
    this.#total = total;
    this.#wake();
  }

  override *holders(): Iterable<Holder> {
    for (const { task, since } of this.#holds) yield { task, since };
    // A caller that waits may wait for another process.
    if (this.#line.size > 0 && this.#holds.size < this.#total) yield { task: undefined, since: loopTime() };
  }

  protected borrow(options: BorrowOptions | undefined): Promise<LeaseHold> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.ending) return Promise.reject(this.closedError());
    const wait = new LeaseWait(this.#plan.waitKind, this, options, () => this.#serve());
    const promise = this.#line.join(wait);
    this.#serve();
    return promise;
  }

  protected use<R>(fn: (hold: LeaseHold) => R, options: BorrowOptions | undefined): Promise<Awaited<R>> {
    return waiting(this.#use(fn, options));
  }

  async #use<R>(fn: (hold: LeaseHold) => R, options: BorrowOptions | undefined): Promise<Awaited<R>> {
    const hold = await this.borrow(options);
    try {
      const value = await timeout(null, async (scope) => {
        hold.onLost = () => scope.reschedule(loopTime());
        if (hold.lost) void hold.lose();
        return await fn(hold);
      });
      if (hold.lost) throw hold.error();
      return value;
    } catch (error) {
      // A cancel from outside goes on; what the loss of the lease has ended is told as that.
      if (!hold.lost || error instanceof CancelledError || error instanceof LeaseLostError) throw error;
      throw hold.error(error);
    } finally {
      hold.onLost = () => undefined; // its scope is over
      await hold.release();
    }
  }

  /** Asks for a permit for the first in line, if that makes sense now. */
  #serve(): void {
    if (this.#line.size === 0) this.#rest();
    else if (!this.#isAsking && this.#retry.slot === -1 && this.#holds.size < this.#total) void this.#ask();
  }

  /** A permit may have come free. */
  #wake(): void {
    deleteDeadline(this.#retry);
    this.#serve();
  }

  /** Nobody waits. */
  #rest(): void {
    deleteDeadline(this.#retry);
    this.#watching?.[Symbol.dispose]();
    this.#watching = undefined;
  }

  async #ask(): Promise<void> {
    const { port, lease } = this.#plan;
    const owner = randomBytes(9).toString('base64url');
    const askedAt = loopTime();
    this.#isAsking = true;
    try {
      const { token, freeIn } = await port.take(owner, this.#total);
      if (token > 0) this.#grant(owner, token, askedAt);
      else if (this.#line.size > 0 && !this.ending) {
        this.#watching ??= port.watch(() => this.#wake());
        // With jitter: many processes learn of one end.
        this.#retry.when = loopTime() + Math.min(freeIn, POLL) + random() * Math.min(lease / 20, 50) + 1;
        addDeadline(this.#retry);
      }
    } catch (error) {
      this.#line.failAll(() => error);
    }
    this.#isAsking = false;
    this.#serve();
  }

  #grant(owner: string, token: number, askedAt: number): void {
    const { port, lease } = this.#plan;
    // An answer that took longer than the lease grants nothing.
    const wait = loopTime() < askedAt + lease / 2 ? this.#line.shift() : undefined;
    if (wait === undefined || this.ending) {
      port.giveBack(owner).catch(() => undefined); // then its lease ends
      return;
    }
    const { scope, task, borrower } = wait;
    const hold = new LeaseHold(this.#owner, { owner, token, askedAt, task, scope, borrower });
    this.#holds.add(hold);
    wait.answer(hold);
  }

  #ended(hold: LeaseHold): void {
    this.#holds.delete(hold);
    if (this.#holds.size + 1 >= this.#total) this.#wake();
  }

  protected override async close(): Promise<void> {
    this.#line.failAll(() => this.closedError());
    this.#rest();
    const returned = [...this.#holds].map((hold) => hold.lose('it was shut down'));
    await Promise.all(returned);
    await this.#plan.closed();
    this.markClosed();
  }
}
