// Lease: the right of one caller to use an item, from `acquire` to `release`; and the wait for one.
import type { Deadline } from '../base/index.ts';
import {
  addDeadline,
  deleteDeadline,
  InvalidStateError,
  loopTime,
  QueuedWait,
  type Resource,
  type TaskRecord,
  type WaitOptions,
} from '../core/index.ts';
import type { Member, Return } from './member.ts';

/** The pool, as a lease sees it. */
export interface LeaseOwner<T> {
  readonly label: string;
  giveBack(member: Member<T>, how: Return): void;
}

const done = Promise.resolve();

/**
 * An item of a pool, and the right to use it alone. Write `await using lease = await
 * pool.acquire()`, and it is released when the block is left, also by a cancel.
 *
 * @example
 * ```ts
 * import { Pool } from 'maitre/pool';
 * await using pool = new Pool({ create: () => ({ pages: 0 }) });
 * {
 *   await using lease = await pool.acquire();
 *   lease.item.pages++;
 * }
 * console.log(pool.statistics().idle); // 1
 * ```
 */
export class Lease<T> implements AsyncDisposable {
  readonly #owner: LeaseOwner<T>;
  /** Undefined once it is over. */
  #member: Member<T> | undefined;
  /** The task that acquired it; undefined if that was outside of tasks. @internal */
  readonly holder: TaskRecord | undefined;
  /** When it was granted, in milliseconds on the loop's clock. @internal */
  readonly since: number;

  /** Called by the pool alone. @internal */
  constructor(owner: LeaseOwner<T>, member: Member<T>, holder: TaskRecord | undefined, since: number) {
    this.#owner = owner;
    this.#member = member;
    this.holder = holder;
    this.since = since;
    member.lease = this;
  }

  /**
   * The item. Do not keep it beyond the lease.
   * @throws InvalidStateError once the lease was released, or the pool has taken it back at its
   * shutdown
   */
  get item(): T {
    const member = this.#member;
    if (member === undefined) {
      throw new InvalidStateError(`Cannot use the item of ${this.#owner.label}: its lease is over`);
    }
    return member.item;
  }

  /** True once it was released, discarded, or taken back by the pool. */
  get released(): boolean {
    return this.#member === undefined;
  }

  /**
   * Returns the item to the pool. Resolves at once: `reset` runs in a task of the pool. Later calls
   * do nothing. No cancellation point.
   */
  release(): Promise<void> {
    this.end('release');
    return done;
  }

  /**
   * Destroys the item instead of returning it, because it is broken or in an unknown state.
   * Resolves at once: `destroy` runs in a task of the pool. Does nothing after `release`. No
   * cancellation point.
   */
  discard(): Promise<void> {
    this.end('discard');
    return done;
  }

  /** Calls `release`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** `<Lease held>`, for logs. */
  toString(): string {
    return `<Lease ${this.released ? 'released' : 'held'}>`;
  }

  /** Ends it. Does nothing if it is over. @internal */
  end(how: Return): void {
    const member = this.#member;
    if (member === undefined) return;
    this.#member = undefined;
    member.lease = undefined;
    this.#owner.giveBack(member, how);
  }
}

/** The wait of a caller for a lease. It is its own entry in the heap of deadlines. */
export class LeaseWait<T> extends QueuedWait<Lease<T>> implements Deadline {
  when: number;
  slot = -1;
  order = 0;
  /** Milliseconds. */
  readonly ms: number;
  readonly #late: (wait: LeaseWait<T>) => Error;

  constructor(pool: Resource, ms: number, late: (wait: LeaseWait<T>) => Error, options: WaitOptions | undefined) {
    super('pool.acquire', pool, options);
    this.ms = ms;
    this.when = loopTime() + ms;
    this.#late = late;
    if (ms !== Infinity) addDeadline(this);
  }

  /** Its time is over. Called by the loop. */
  due(): void {
    super.withdraw(false, undefined as never); // leaves the line
    this.fail(this.#late(this));
  }

  /** Answers it, once it has left the line. */
  grant(lease: Lease<T>): void {
    deleteDeadline(this);
    this.answer(lease);
  }

  /** Fails it, once it has left the line. */
  refuse(error: unknown): void {
    deleteDeadline(this);
    this.fail(error);
  }

  protected override withdraw(answered: boolean, lease: Lease<T>): void {
    if (answered) {
      lease.end('unused'); // it goes to the next in line
      return;
    }
    deleteDeadline(this);
    super.withdraw(answered, lease);
  }
}
