// Pool: items that are costly to open, each used by one caller at a time.
//
// stock.ts has the items and their states. This file has the callers.
//
// - A caller waits in `#line` only while no item is idle and fresh. Items are granted in the order
//   of the line, and nobody overtakes it.
// - What is on its way (CREATING, CHECKING, RESETTING) belongs to nobody: it goes to the first in
//   the line when it is there. So a caller that leaves stops nothing, and wastes nothing.
// - `#serve()` is the only place that grants, checks and creates. It runs after every change.
// - The latest used item is leased first. So the others become idle for long, and end.
//
// Example, max 1: A has the item, B and C wait. A is cancelled and releases: the item is reset, and
// B is granted it. Before B's code continues, B is cancelled: the item returns unused, without a
// reset, and C is granted it.
import { callback, checkOptions, notNegativeMs } from '../base/index.ts';
import {
  beginWait,
  cancellable,
  checkTaskFunction,
  defaultGrace,
  Future,
  type Holder,
  InvalidStateError,
  Line,
  loopTime,
  mayAnswer,
  moveOnAfter,
  QueuedWait,
  QueueFull,
  reportException,
  Resource,
  type TaskRecord,
  TimeoutError,
  waiterOf,
  waiting,
} from '../core/index.ts';
import { type Lease, LeaseWait } from './lease.ts';
import { type AcquireOptions, POOL, type PoolOptions, type PoolReport, type PoolStatistics } from './pool-options.ts';
import type { Member } from './member.ts';
import { Stock } from './stock.ts';

/** Milliseconds. */
const ACQUIRE_TIMEOUT = 30_000;

/**
 * Keeps items that are costly to open, such as connections of a database, and leases each to one
 * caller at a time: first come, first served. Callers can be cancelled at any point, and nothing is
 * lost. Ends with `await using`, `shutdown()`, or the run() in which it was made. Prior art: Go's
 * `database/sql`, HikariCP.
 *
 * @example
 * ```ts
 * import { Pool } from 'maitre/pool';
 * let opened = 0;
 * await using pool = new Pool({ create: () => ({ number: ++opened }), max: 2, name: 'desks' });
 * {
 *   await using lease = await pool.acquire();
 *   console.log(lease.item.number); // 1
 * }
 * console.log(await pool.use((desk) => desk.number)); // 1
 * ```
 */
export class Pool<T> extends Resource {
  readonly #options: PoolOptions<T>;
  readonly #stock: Stock<T>;
  /** The callers that wait, in order. */
  readonly #line = new Line<Lease<T>, LeaseWait<T>>();
  /** Done when everything has ended. */
  readonly #ended = new Future<void>();
  /** Those that wait in shutdown() for the last lease. */
  readonly #untilReturned = new Line<void>();
  #isServing = false;

  /**
   * Makes a pool. It opens `min` items at once, and others when they are needed.
   * @throws TypeError or RangeError for options that are wrong or unknown
   */
  constructor(options: PoolOptions<T>) {
    super({ name: options?.name });
    checkOptions('create pool', options, POOL);
    callback('create pool', 'create', options.create);
    const { min = 0, max = 10 } = options;
    if (min > max) throw new RangeError(`Cannot create pool: min must be at most max, got ${min} and ${max}`);
    this.#options = options;
    this.#stock = new Stock(
      {
        pool: this,
        grant: (member, now) => this.#grant(member, now),
        changed: () => this.#changed(),
        createFailed: (error, isFirst) => this.#createFailed(error, isFirst),
      },
      options,
    );
    this.markOpened();
    // In a later microtask: `create` may use the variable to which this pool is assigned.
    if (min > 0) void Promise.resolve().then(() => this.#changed());
  }

  get kind(): 'pool' {
    return 'pool';
  }

  protected override get hasEnd(): true {
    return true;
  }

  override get ending(): boolean {
    return !this.#stock.isOpen;
  }

  /** @internal */
  override endWithin(grace: number): Promise<unknown> {
    // The tasks of the run() have ended. Leases that these left behind are never returned.
    for (const lease of this.#stock.leases()) if (isOver(lease.holder)) lease.end('discard');
    return this.shutdown({ grace });
  }

  /** @internal */
  override endNow(): void {
    this.#beginEnd();
    this.#stock.takeLeases();
    this.#stock.giveUp(new InvalidStateError(`${this.label} has ended`));
    this.#changed();
  }

  /** Returns the figures. See `PoolStatistics`. */
  statistics(): PoolStatistics {
    const now = loopTime();
    const stock = this.#stock;
    return {
      total: stock.total,
      idle: stock.idle.size,
      leased: stock.leased.size,
      creating: stock.creating.size,
      checking: stock.checking.size,
      resetting: stock.resetting.size,
      closing: stock.closing.size,
      waiting: this.#line.size,
      min: stock.min,
      max: stock.max,
      created: stock.created,
      destroyed: stock.destroyed,
      failed: stock.failed,
      failing: stock.failures,
      unfit: stock.unfit,
      leases: stock.leases().map(({ holder, since }) => ({ holder, heldFor: now - since })),
    };
  }

  protected override describeState(): string {
    const { isOpen, total, max, leased } = this.#stock;
    const state = isOpen ? 'open' : this.#ended.done() ? 'ended' : 'ending';
    return `${state}, ${total} of ${max} items, ${leased.size} leased, ${this.#line.size} waiting`;
  }

  override *holders(): Iterable<Holder> {
    for (const { holder, since } of this.#stock.leases()) yield { task: holder, since };
    // A caller that waits does not depend on the holders alone: an item may come from elsewhere.
    const mayCreate = this.#stock.leased.size < this.#stock.max;
    if (mayCreate && this.#line.size > 0) yield { task: undefined, since: loopTime() };
  }

  // ---- callers -------------------------------------------------------------------------------------------------

  /**
   * Leases an item: one that is idle, or else the next that is returned or opened. Waiters are
   * served in the order of their calls. Cancellable: an item that was on its way is for the next.
   * @param options `timeout`: milliseconds in all, instead of `acquireTimeout`; `signal`
   * @throws TimeoutError when the time is over; its cause is what `create` failed with, if it did
   * @throws QueueFull when `maxWaiting` callers wait
   * @throws InvalidStateError once the pool is shut down
   * @throws what `create` throws, if `retryOn` returns false for it
   * @throws CancelledError
   *
   * @example
   * ```ts
   * import { Pool } from 'maitre/pool';
   * await using pool = new Pool({ create: () => new Map<string, number>() });
   * await using lease = await pool.acquire({ timeout: 1000 });
   * lease.item.set('soup', 1);
   * ```
   */
  acquire(options?: AcquireOptions): Promise<Lease<T>> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    const member = this.#stock.idle.first;
    if (member !== undefined && this.#line.size === 0 /* nobody is overtaken */) {
      const now = loopTime();
      if (now < member.freshUntil) {
        const lease = this.#stock.lease(member, waiterOf(options), now);
        if (mayAnswer(options)) return Promise.resolve(lease);
        const wait = new LeaseWait<T>(this, Infinity, (late) => this.#tooLate(late), options);
        wait.grant(lease);
        return wait.promise;
      }
    }
    return this.#waitInLine(options);
  }

  #waitInLine(options: AcquireOptions | undefined): Promise<Lease<T>> {
    if (!this.#stock.isOpen) return Promise.reject(this.#closedError());
    const timeout = options?.timeout ?? this.#options.acquireTimeout ?? ACQUIRE_TIMEOUT;
    try {
      notNegativeMs('acquire', 'timeout', timeout);
    } catch (error) {
      return Promise.reject(error);
    }
    const { maxWaiting = Infinity } = this.#options;
    if (this.#line.size >= maxWaiting + this.#stock.max - this.#stock.leased.size) {
      const message = `Cannot acquire from ${this.label}: ${maxWaiting} callers wait already, ${this.#describeLeases()}`;
      return Promise.reject(new QueueFull(message));
    }
    const wait = new LeaseWait<T>(this, timeout, (late) => this.#tooLate(late), options);
    const promise = this.#line.join(wait);
    this.#serve();
    return promise;
  }

  /**
   * Calls `fn` with an item, and releases it when `fn` has ended. If `fn` throws, or is cancelled,
   * and the pool has no `reset`, the item is destroyed: nobody knows its state. Cancellable, in the
   * wait for the item and in `fn`.
   * @throws what `fn` throws, and what `acquire` throws
   *
   * @example
   * ```ts
   * import { Pool } from 'maitre/pool';
   * await using pool = new Pool({ create: () => ({ add: (a: number, b: number) => a + b }) });
   * console.log(await pool.use((calculator) => calculator.add(1, 2))); // 3
   * ```
   */
  use<R>(fn: (item: T) => R, options?: AcquireOptions): Promise<Awaited<R>> {
    return waiting(this.#use(fn, options));
  }

  async #use<R>(fn: (item: T) => R, options: AcquireOptions | undefined): Promise<Awaited<R>> {
    checkTaskFunction(fn, 'use an item', 'pool.use');
    const lease = await this.acquire(options);
    try {
      return await fn(lease.item);
    } catch (error) {
      if (this.#options.reset === undefined) lease.end('discard');
      throw error;
    } finally {
      lease.end('release');
    }
  }

  /**
   * Takes out an item that is known to be broken, for example because its socket was closed. An idle
   * one is destroyed at once, a leased one at its release. Ignores what is not an item of this pool.
   */
  remove(item: T): void {
    this.#stock.remove(item);
  }

  // ---- what happens by itself ----------------------------------------------------------------------------------

  /** Called after every change. */
  #changed(): void {
    const stock = this.#stock;
    if (stock.isOpen) {
      if (this.#line.size > 0 || stock.members.size < stock.min) this.#serve();
      return;
    }
    if (stock.leased.size === 0) this.#untilReturned.answerAll();
    if (stock.total > 0 || this.#ended.done()) return;
    this.markClosed();
    this.#ended.answer();
  }

  /** Grants what is idle, and checks and creates what is missing. */
  #serve(): void {
    if (this.#isServing) return; // a callback was over at once, and changed something: the loop below sees it
    this.#isServing = true;
    try {
      while (this.#stock.isOpen && (this.#serveFirst() || this.#createNext()));
    } finally {
      this.#isServing = false;
    }
  }

  /** Does one thing with what is idle for the first in line. Returns false if there is nothing to do. */
  #serveFirst(): boolean {
    const stock = this.#stock;
    const member = stock.idle.first;
    if (member === undefined || this.#line.size === 0) return false;
    const now = loopTime();
    // The latest used is the freshest: if it is not fresh, none is.
    if (now >= member.freshUntil) return stock.refresh(member, this.#line.size > stock.onTheWay);
    return this.#grant(member, now);
  }

  #grant(member: Member<T>, now: number): boolean {
    const wait = this.#line.shift();
    wait?.grant(this.#stock.lease(member, wait.task, now));
    return wait !== undefined;
  }

  /** Begins to create an item if one is needed. Returns false if none is, or if it may not. */
  #createNext(): boolean {
    const stock = this.#stock;
    const missing = Math.max(this.#line.size - stock.onTheWay, stock.min - stock.total);
    if (missing <= 0 || !stock.mayCreate) return false;
    stock.create();
    return true;
  }

  #createFailed(error: unknown, isFirst: boolean): void {
    const { total, min } = this.#stock;
    if (isFirst && this.#line.size === 0 && total < min) {
      reportException({ message: `${this.label} cannot open the ${min} items of its min, and goes on trying`, error });
    }
    if (!this.#isWorthRetrying(error)) this.#refuseAll(() => error);
  }

  #isWorthRetrying(error: unknown): boolean {
    try {
      return this.#options.retry?.retryOn?.(error) !== false;
    } catch (failure) {
      reportException({ message: `retryOn of ${this.label} failed`, error: failure });
      return true;
    }
  }

  /** Rejects every caller that waits now. */
  #refuseAll(makeError: () => unknown): void {
    for (let wait = this.#line.shift(); wait !== undefined; wait = this.#line.shift()) wait.refuse(makeError());
  }

  // ---- the end -------------------------------------------------------------------------------------------------

  /**
   * Shuts the pool down. Callers that wait are rejected, and idle items destroyed. Leases may be
   * returned for `grace` milliseconds (defaults to what is left of the grace of `run()`, or to
   * 10,000); then their items are destroyed all the same. Resolves when the last `destroy` has
   * ended, or its time is over. A cancel of the caller skips the grace, but not the rest, which
   * takes at most twice `destroyTimeout`.
   * @throws CancelledError, after the end
   */
  shutdown(options: { readonly grace?: number | undefined } = {}): Promise<PoolReport> {
    return waiting(this.#shutdown(options.grace ?? defaultGrace(10_000)));
  }

  async #shutdown(grace: number): Promise<PoolReport> {
    notNegativeMs('shut down pool', 'grace', grace);
    const refused = beginWait();
    const stock = this.#stock;
    const { destroyed } = stock;
    const leased = stock.leased.size;
    let taken = 0;
    this.#beginEnd();
    try {
      if (refused !== undefined) await refused;
      if (stock.leased.size > 0) await moveOnAfter(grace, () => this.#whenReturned());
    } finally {
      taken = stock.takeLeases();
      await untilEnded(this.#ended);
    }
    return { returned: leased - taken, taken, destroyed: stock.destroyed - destroyed };
  }

  /** Calls `shutdown`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  async #whenReturned(): Promise<void> {
    while (this.#stock.leased.size > 0) await this.#untilReturned.join(new QueuedWait('pool.shutdown', this));
  }

  /** Closes the pool to callers, and ends everything that nobody holds. Idempotent. */
  #beginEnd(): void {
    if (!this.#stock.isOpen) return;
    this.#refuseAll(() => this.#closedError());
    this.#stock.close();
    this.#changed();
  }

  #closedError(): InvalidStateError {
    return new InvalidStateError(`Cannot acquire from ${this.label}: it is shut down`);
  }

  #tooLate({ ms }: LeaseWait<T>): TimeoutError {
    const error = this.#stock.createError;
    const message = `Cannot acquire from ${this.label}: no item was free within ${ms} ms, ${this.#describeLeases()}`;
    return new TimeoutError(message, error === undefined ? undefined : { cause: error });
  }

  /** `10 of 10 are leased, the first by Task "report" for 12,000 ms`. */
  #describeLeases(): string {
    const text = `${this.#stock.leased.size} of ${this.#stock.max} are leased`;
    const lease = this.#stock.leased.first?.lease;
    if (lease === undefined) return text;
    const who = lease.holder === undefined ? '' : ` by ${lease.holder.label}`;
    return `${text}, the first${who} for ${(loopTime() - lease.since).toFixed(0)} ms`;
  }
}

/** Waits for the end, however often the caller is cancelled. Then it rejects with the first of the cancels. */
async function untilEnded(ended: Future<void>): Promise<void> {
  let cancel: unknown;
  while (!ended.done()) {
    try {
      await cancellable(ended); // not `await ended`: a cancel of that would reach it
    } catch (error) {
      cancel ??= error;
    }
  }
  if (cancel !== undefined) throw cancel;
}

/** Whether a lease has no holder that could still return it. */
function isOver(holder: TaskRecord | undefined): boolean {
  return holder === undefined || holder.done();
}
