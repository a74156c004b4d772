import { type Check, checkOptions, integer } from '../base/index.ts';
import { beginWait, InvalidStateError, loopTime, type Resource, waiterOf } from '../core/index.ts';
import type { BorrowOptions, CapacityStatistics } from '../sync/index.ts';
import { keyPart } from './broadcast-options.ts';
import type { LeaseHold } from './lease-hold.ts';
import { redisPermits } from './lease-port.ts';
import { Leases } from './leases.ts';
import { LEASE, type LeaseOptions } from './redis-lock.ts';
import { SharedRedis } from './shared-redis.ts';

const capacity: Check = integer(0, Infinity);

/**
 * A CapacityLimiter between processes, made by `redisLimiter`.
 *
 * @example
 * ```ts no-run
 * import { redisLimiter } from 'maitre/distributed';
 * await using limiter = redisLimiter('ovens', 4);
 * await limiter.use(() => console.log(limiter.borrowed)); // 1
 * ```
 */
export class RedisCapacityLimiter extends Leases {
  /** @internal */
  constructor(key: string, total: number, options: LeaseOptions) {
    const { redis = 'redis://localhost:6379', lease = 10_000, prefix = 'maitre', name = key } = options;
    const shared = SharedRedis.join(redis);
    const port = redisPermits(shared, `${prefix}:limiter:{${key}}`, lease);
    super({ port, lease, total, waitKind: 'limiter.acquire', closed: () => shared.leave() }, { name });
  }

  get kind(): 'capacity limiter' {
    return 'capacity limiter';
  }

  /** The number of permits, for what this process asks for. All processes should have the same. */
  get total(): number {
    return this.permits;
  }

  /** Changes the number of permits. Lowering it takes nothing from those who have borrowed. */
  set total(total: number) {
    capacity("set the limiter's total", '', total);
    this.permits = total;
  }

  /** The number of permits that this process holds. */
  get borrowed(): number {
    return this.holds.size;
  }

  /** Returns the total, what this process has borrowed, and how many of its callers wait. */
  statistics(): CapacityStatistics {
    const now = loopTime();
    const borrowings = [...this.holds].map(({ borrower, since }) => ({ borrower, heldFor: now - since }));
    return { total: this.total, borrowed: this.borrowed, borrowings, waiting: this.waiting };
  }

  /**
   * Waits for a permit and borrows it. If its lease is lost, `hold.signal` aborts, and the scope that
   * called this is cancelled. Prefer `use`. Cancellable.
   * @param options `borrower`: who borrows, by default the current task; `signal`
   * @throws InvalidStateError if the borrower has one already, and after `shutdown`
   * @throws ConnectionLostError if there was no Redis at the first use
   * @throws CancelledError
   */
  acquire(options?: BorrowOptions): Promise<LeaseHold> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    const borrower = options?.borrower ?? waiterOf(options);
    const held = borrower === undefined ? undefined : [...this.holds].find((hold) => hold.borrower === borrower);
    if (held === undefined) return this.borrow(options);
    const who = (borrower as Partial<Resource>).label ?? 'the borrower';
    return Promise.reject(
      new InvalidStateError(
        `Cannot acquire from limiter: ${who} has borrowed from it already, for ${(loopTime() - held.since).toFixed(0)} ms`,
      ),
    );
  }

  /**
   * Calls `fn` while it holds a permit, and returns that afterwards. If the lease is lost, the waits
   * in `fn` are cancelled, and the call rejects with LeaseLostError. Cancellable.
   * @throws LeaseLostError also if `fn` has ended well, but after the end of its lease
   * @throws what `fn` throws, and what `acquire` throws
   */
  override use<R>(fn: (hold: LeaseHold) => R, options?: BorrowOptions): Promise<Awaited<R>> {
    return super.use(fn, options);
  }
}

/**
 * Limits the number of concurrent borrowers in all processes together to `total`: a CapacityLimiter
 * over Redis. The permits of a process that dies come free after their lease.
 *
 * What it does not promise: that there are never more. A holder that is stopped or blocked for longer
 * than its lease goes on afterwards, and a Redis that lost its data grants permits anew. There is no
 * order among processes. See RedisLock.
 * @param key what the processes agree on
 * @param total the number of permits, an integer >= 0, or Infinity
 * @throws RangeError or TypeError for a wrong `total`, and for options that are wrong or unknown
 *
 * @example
 * ```ts no-run
 * import { redisLimiter } from 'maitre/distributed';
 * await using ovens = redisLimiter('ovens', 4, { redis: 'redis://localhost:6379' });
 * {
 *   await using hold = await ovens.acquire();
 *   console.log(hold.held); // true
 * }
 * ```
 */
export function redisLimiter(key: string, total: number, options: LeaseOptions = {}): RedisCapacityLimiter {
  keyPart('create limiter', 'key', key);
  capacity('create limiter', 'total', total);
  checkOptions('create limiter', options, LEASE);
  return new RedisCapacityLimiter(key, total, options);
}
