import { anything, type Checks, checkOptions, integer } from '../base/index.ts';
import { loopTime, type ResourceOptions, type TaskRecord, type WaitOptions } from '../core/index.ts';
import { keyPart } from './broadcast-options.ts';
import { redisAddress, type RedisOption } from './connect.ts';
import type { LeaseHold } from './lease-hold.ts';
import { redisPermits } from './lease-port.ts';
import { Leases } from './leases.ts';
import { SharedRedis } from './shared-redis.ts';

/** Options of a RedisLock and of `redisLimiter`. */
export interface LeaseOptions extends ResourceOptions {
  /** Where Redis is. Defaults to `redis://localhost:6379`. */
  readonly redis?: RedisOption | undefined;
  /**
   * How long a permit stays taken after its holder was last heard of, in milliseconds, an integer >=
   * 100. It is renewed all the time. Defaults to 10,000. All processes must pass the same.
   */
  readonly lease?: number | undefined;
  /** The first part of every key in Redis. Defaults to `maitre`. */
  readonly prefix?: string | undefined;
}

/** The checks for every option of a RedisLock and of `redisLimiter`. */
export const LEASE: Checks<LeaseOptions> = {
  redis: redisAddress,
  lease: integer(100),
  prefix: keyPart,
  name: anything,
};

/** The figures of a RedisLock. */
export interface RedisLockStatistics {
  /** Whether this process holds it. */
  readonly locked: boolean;
  /** The task that holds it, if one of this process does. */
  readonly owner: TaskRecord | undefined;
  /** How long this process has held it, in milliseconds; 0 while it does not. */
  readonly heldFor: number;
  /** The callers of this process that wait. */
  readonly waiting: number;
}

/**
 * A lock between processes and machines, over Redis, with a lease: a holder that dies loses it after
 * `lease` milliseconds.
 *
 * What it does not promise:
 * - That nobody else holds it. A holder that is stopped or blocked for longer than its lease goes on
 *   afterwards, for a moment, while somebody else has begun. Pass `hold.token` to what you write to,
 *   and let that refuse a smaller token than it has seen. Without that, use the lock to save work,
 *   not to keep data correct. See Martin Kleppmann, "How to do distributed locking" (2016).
 * - That it survives Redis. When a replica takes over, or Redis restarts without what it had, the
 *   lock can be held twice until the first holder's next renewal. It is a lock on one Redis, not
 *   Redlock.
 * - Equal clocks are not needed, but clocks that run at about the same speed. Tokens are taken from
 *   Redis' clock, so they also grow when Redis has lost the last one, unless its clock was set back.
 * - An order among processes. Callers of one process are served first come, first served.
 *
 * Ends with `await using`, `shutdown()`, or the run() in which it was made. All locks and limiters of
 * a process share two connections to one Redis. Needs the package ioredis.
 *
 * @example
 * ```ts no-run
 * import { RedisLock } from 'maitre/distributed';
 * await using lock = new RedisLock('stove', { redis: 'redis://localhost:6379' });
 * await lock.use(async (hold) => {
 *   await cook(hold.token); // is cancelled if the lease is lost
 * });
 * async function cook(token: number): Promise<void> {
 *   console.log('cooking', token);
 * }
 * ```
 */
export class RedisLock extends Leases {
  /**
   * Makes a lock. It connects when it is first used.
   * @param key what the processes agree on
   * @throws TypeError or RangeError for options that are wrong or unknown
   */
  constructor(key: string, options: LeaseOptions = {}) {
    keyPart('create lock', 'key', key);
    checkOptions('create lock', options, LEASE);
    const { redis = 'redis://localhost:6379', lease = 10_000, prefix = 'maitre', name = key } = options;
    const shared = SharedRedis.join(redis);
    const port = redisPermits(shared, `${prefix}:lock:{${key}}`, lease);
    super({ port, lease, total: 1, waitKind: 'lock.acquire', closed: () => shared.leave() }, { name });
  }

  get kind(): 'lock' {
    return 'lock';
  }

  /** Returns who of this process holds it, for how long, and how many callers wait. */
  statistics(): RedisLockStatistics {
    const [hold] = this.holds;
    return {
      locked: hold !== undefined,
      owner: hold?.task,
      heldFor: hold === undefined ? 0 : loopTime() - hold.since,
      waiting: this.waiting,
    };
  }

  /** Returns true while this process holds it. */
  locked(): boolean {
    return this.holds.size > 0;
  }

  /**
   * Waits until the lock is free and takes it. If its lease is lost, `hold.signal` aborts, and the
   * scope that called this is cancelled: the task, or the timeout or group inside it. Prefer `use`,
   * which cancels what it runs and no more. Cancellable.
   * @throws ConnectionLostError if there was no Redis at the first use
   * @throws InvalidStateError after `shutdown`
   * @throws CancelledError
   */
  acquire(options?: WaitOptions): Promise<LeaseHold> {
    return this.borrow(options);
  }

  /**
   * Calls `fn` while it holds the lock, and releases it afterwards. If the lease is lost, the waits
   * in `fn` are cancelled, and the call rejects with LeaseLostError. Cancellable.
   * @param fn called with the hold
   * @throws LeaseLostError also if `fn` has ended well, but after the end of its lease
   * @throws what `fn` throws, and what `acquire` throws
   */
  override use<R>(fn: (hold: LeaseHold) => R, options?: WaitOptions): Promise<Awaited<R>> {
    return super.use(fn, options);
  }
}
