// LeaseHold: the right to a permit until its lease ends, and what keeps the lease alive.
//
// States: HELD -(release)-> RELEASED
//          |---(the lease ends, or Redis says that it has ended)---> LOST
//
// - On our clock the lease begins when it is asked for, before Redis grants it, and it counts as over
//   a twentieth earlier than in Redis. So we stop before anybody else can begin, unless the process
//   is stopped, the loop is blocked, or the clocks run at different speeds.
// - While HELD it has one deadline: the next renewal or the end of the lease, whichever is first. A
//   renewal that does not come back is not repeated: ioredis sends it again when it can.
import type { Deadline } from '../base/index.ts';
import {
  addDeadline,
  deleteDeadline,
  LeaseLostError,
  loopTime,
  makeCancelledError,
  passCancel,
  type Resource,
  type Scope,
  type TaskRecord,
} from '../core/index.ts';
import type { LeasePort } from './lease-port.ts';

/** The lock or limiter, as a hold sees it. */
export interface LeaseOwner {
  readonly resource: Resource;
  readonly port: LeasePort;
  /** Milliseconds. */
  readonly lease: number;
  /** The hold is over. */
  ended(hold: LeaseHold): void;
}

/** What belongs to one acquisition. */
export interface LeaseGrant {
  readonly owner: string;
  readonly token: number;
  /** When it was asked for, on the loop's clock. */
  readonly askedAt: number;
  readonly task: TaskRecord | undefined;
  /** What is cancelled when the lease is lost; undefined outside of tasks. */
  readonly scope: Scope | undefined;
  readonly borrower: object | undefined;
}

/**
 * The right to a permit of a RedisLock or of `redisLimiter`, until `release`. Write `await using
 * hold = await lock.acquire()`, and it is released when the block is left, also by a cancel.
 *
 * @example
 * ```ts no-run
 * import { RedisLock } from 'maitre/distributed';
 * await using lock = new RedisLock('stove', { redis: 'redis://localhost:6379' });
 * {
 *   await using hold = await lock.acquire();
 *   console.log(hold.token, hold.lost); // 1700000000000000 false
 * }
 * ```
 */
export class LeaseHold implements AsyncDisposable {
  /** Written by the heap of deadlines. @internal */
  when = 0;
  /** Written by the heap of deadlines. @internal */
  slot = -1;
  /** Written by the heap of deadlines. @internal */
  order = 0;
  readonly #leases: LeaseOwner;
  readonly #grant: LeaseGrant;
  /** When it began, on the loop's clock, milliseconds. @internal */
  readonly since: number = loopTime();
  /** When the lease ends on our clock. */
  #until: number;
  #isRenewing = false;
  #state: 'held' | 'released' | 'lost' = 'held';
  #why = 'its lease ended';
  #controller: AbortController | undefined = undefined;
  /** Called in place of cancelling the scope. @internal */
  onLost: (() => void) | undefined = undefined;

  /** Called by the lock or limiter alone. @internal */
  constructor(leases: LeaseOwner, grant: LeaseGrant) {
    this.#leases = leases;
    this.#grant = grant;
    this.#until = endOf(leases, grant.askedAt);
    this.#watch();
  }

  /**
   * The fencing token: a whole number that is larger for every later holder. Send it along with every
   * write, and let the store refuse a smaller one than it has seen. That alone protects from a
   * holder that goes on after it lost its lease.
   */
  get token(): number {
    return this.#grant.token;
  }

  /** True once the lease has ended before `release`. It looks at the clock. */
  get lost(): boolean {
    return this.#state === 'lost' || (this.#state === 'held' && loopTime() >= this.#until);
  }

  /** True while it is neither released nor lost. */
  get held(): boolean {
    return this.#state === 'held' && !this.lost;
  }

  /** Aborts with a LeaseLostError when the lease is lost. For foreign APIs. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#state === 'lost' && !this.#controller.signal.aborted) this.#controller.abort(this.error());
    return this.#controller.signal;
  }

  /** The task that acquired it. @internal */
  get task(): TaskRecord | undefined {
    return this.#grant.task;
  }

  /** Who borrowed it. @internal */
  get borrower(): object | undefined {
    return this.#grant.borrower;
  }

  /**
   * Gives the permit back. Resolves when Redis has it, or when the lease has ended by itself: it
   * takes no longer than that. Later calls, and calls on a lost hold, do nothing. No cancellation
   * point; never rejects.
   */
  release(): Promise<void> {
    if (this.#state !== 'held') return Promise.resolve();
    this.#end('released');
    return this.#giveBack();
  }

  /** Calls `release`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** `<LeaseHold held>`, for logs. */
  toString(): string {
    return `<LeaseHold ${this.lost ? 'lost' : this.#state}>`;
  }

  /** The lease ends, or is to be renewed. Called by the loop. @internal */
  due(): void {
    if (loopTime() >= this.#until) void this.lose();
    else {
      void this.#renew();
      this.#watch();
    }
  }

  /** It is lost. @internal */
  lose(why: string = this.#why): Promise<void> {
    if (this.#state !== 'held') return Promise.resolve();
    this.#why = why;
    this.#end('lost');
    const returned = this.#giveBack(); // if Redis thinks otherwise
    this.#controller?.abort(this.error());
    const error = this.error();
    if (this.onLost !== undefined) this.onLost();
    else if (this.#grant.scope !== undefined) {
      const reason = { kind: 'timeout', by: this.#leases.resource } as const;
      passCancel(this.#grant.scope, makeCancelledError(`Cancelled: ${error.message}`, reason, error));
    }
    return returned;
  }

  /** What is thrown for its loss. @internal */
  error(cause?: unknown): LeaseLostError {
    const { label } = this.#leases.resource;
    const message = `Lost ${label}: ${this.#why}; somebody else may have it now`;
    return new LeaseLostError(message, cause === undefined ? undefined : { cause });
  }

  async #renew(): Promise<void> {
    this.#isRenewing = true;
    const askedAt = loopTime();
    try {
      const isHeld = await this.#leases.port.renew(this.#grant.owner);
      if (this.#state !== 'held') return;
      if (!isHeld) {
        void this.lose('Redis no longer has its lease');
        return;
      }
      this.#until = endOf(this.#leases, askedAt);
    } catch {
      // The lease runs on until its end. The next renewal may succeed.
      if (this.#state !== 'held') return;
    }
    this.#isRenewing = false;
    this.#watch();
  }

  /** Sets the deadline. */
  #watch(): void {
    deleteDeadline(this);
    const next = this.#isRenewing ? Infinity : Math.max(this.#until - this.#leases.lease * 0.6, loopTime() + 1);
    this.when = Math.min(next, this.#until);
    addDeadline(this);
  }

  #end(state: 'released' | 'lost'): void {
    this.#state = state;
    deleteDeadline(this);
    this.#leases.ended(this);
  }

  #giveBack(): Promise<void> {
    return new Promise((resolve) => {
      const late: Deadline = { when: Math.max(this.#until, loopTime()), slot: -1, order: 0, due: resolve };
      const done = (): void => {
        deleteDeadline(late);
        resolve();
      };
      addDeadline(late);
      this.#leases.port.giveBack(this.#grant.owner).then(done, done);
    });
  }
}

function endOf({ lease }: LeaseOwner, askedAt: number): number {
  return askedAt + lease * 0.95;
}
