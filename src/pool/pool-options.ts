// Options of a pool and their checks, and what a pool says of itself.
import {
  callback,
  type Check,
  type Checks,
  integer,
  notNegativeMs,
  objectOf,
  ofType,
  positiveMs,
} from '../base/index.ts';
import type { ResourceOptions, TaskRecord, WaitOptions } from '../core/index.ts';

/** The argument of `create`. */
export interface CreateContext {
  /** Aborts when the pool no longer wants the item: after `createTimeout`, and at shutdown. */
  readonly signal: AbortSignal;
}

/** How a pool tries again when `create` fails. */
export interface PoolRetry {
  /** Milliseconds before the second attempt, doubled for each one after. Defaults to 50. */
  readonly backoff?: number | undefined;
  /** The longest pause, in milliseconds. Defaults to 2,000. */
  readonly maxBackoff?: number | undefined;
  /**
   * Returns whether an error of `create` is worth another attempt. If it returns false, all callers
   * that wait receive the error at once. Defaults to yes for every error: callers wait until their
   * deadline, for a server that restarts.
   */
  readonly retryOn?: ((error: unknown) => boolean) | undefined;
}

/** Options of a pool. All callbacks run in tasks of the pool, not in that of a caller. */
export interface PoolOptions<T> extends ResourceOptions {
  /**
   * Opens an item. A caller that leaves does not stop it: an item that arrives late is kept for the
   * next.
   */
  readonly create: (context: CreateContext) => PromiseLike<T> | T;
  /**
   * Ends an item. Also called for items that are broken. What it throws is reported, never thrown
   * at a caller.
   */
  readonly destroy?: ((item: T) => unknown) | undefined;
  /**
   * Tests an item that was idle for `checkAfter`, before it is used again. If it returns false or
   * throws, the item is destroyed and another one takes its place.
   */
  readonly check?: ((item: T) => unknown) | undefined;
  /**
   * Makes an item as good as new after its release, before anyone else receives it. If it throws,
   * the item is destroyed.
   */
  readonly reset?: ((item: T) => unknown) | undefined;
  /** The number of items to keep open, also when they are idle. Defaults to 0. */
  readonly min?: number | undefined;
  /** The maximum number of items, those that open or close included. Defaults to 10. */
  readonly max?: number | undefined;
  /**
   * The maximum number of callers that wait while `max` items are leased. Defaults to no limit. A
   * call above it rejects with QueueFull.
   */
  readonly maxWaiting?: number | undefined;
  /**
   * Milliseconds that `acquire` may take in all: waiting, opening, checking and every retry.
   * Defaults to 30,000.
   */
  readonly acquireTimeout?: number | undefined;
  /** Milliseconds for one call of `create`. Defaults to 10,000. */
  readonly createTimeout?: number | undefined;
  /** Milliseconds for one call of `destroy`. Defaults to 5,000. */
  readonly destroyTimeout?: number | undefined;
  /** Milliseconds of idleness after which an item is checked before it is used. Defaults to 1,000. */
  readonly checkAfter?: number | undefined;
  /** Milliseconds for one call of `check` or `reset`. Defaults to 5,000. */
  readonly checkTimeout?: number | undefined;
  /** Milliseconds of idleness after which an item above `min` is destroyed. Defaults to 60,000. */
  readonly idleTimeout?: number | undefined;
  /**
   * Milliseconds after which an item is replaced, once it is not in use. Defaults to 3,600,000, an
   * hour.
   */
  readonly lifetime?: number | undefined;
  /**
   * How much shorter both of these can be for an item, at random, so that not all end at once: 0 to
   * 1. Defaults to 0.1.
   */
  readonly jitter?: number | undefined;
  /** How it tries again when `create` fails. */
  readonly retry?: PoolRetry | undefined;
}

/** Options of `Pool.acquire` and `Pool.use`. */
export interface AcquireOptions extends WaitOptions {
  /** Milliseconds for this call in all. Defaults to `acquireTimeout` of the pool. */
  readonly timeout?: number | undefined;
}

/** One lease that is out. */
export interface PoolLease {
  /** The task that acquired it; undefined if that was outside of tasks. */
  readonly holder: TaskRecord | undefined;
  /** How long it has been out, in milliseconds. */
  readonly heldFor: number;
}

/** The figures of a pool. */
export interface PoolStatistics {
  /** All items: the sum of the six states below. */
  readonly total: number;
  /** Items that are free. */
  readonly idle: number;
  /** Items that callers hold. */
  readonly leased: number;
  /** Items in `create`. */
  readonly creating: number;
  /** Items in `check`. */
  readonly checking: number;
  /** Items in `reset`. */
  readonly resetting: number;
  /** Items in `destroy`. */
  readonly closing: number;
  /** Callers that wait for an item. */
  readonly waiting: number;
  readonly min: number;
  readonly max: number;
  /** Items that were opened since the pool was made. */
  readonly created: number;
  /** Items that were destroyed. */
  readonly destroyed: number;
  /** Calls of `create` that failed. */
  readonly failed: number;
  /** Attempts in a row that failed; 0 after one that succeeded. Those made together count as one. */
  readonly failing: number;
  /** Items that `check` or `reset` found broken. They count as destroyed too. */
  readonly unfit: number;
  /** The leases that are out, in the order of acquiring. */
  readonly leases: readonly PoolLease[];
}

/** How a pool was shut down. */
export interface PoolReport {
  /** Leases that their holders returned within the grace. */
  readonly returned: number;
  /** Leases whose items were destroyed although their holders had not returned them. */
  readonly taken: number;
  /** Items that were destroyed, those of both kinds of leases included. */
  readonly destroyed: number;
}

const share: Check = ofType('number', 'a number from 0 to 1', (value) => value >= 0 && value <= 1);

/** The checks for every option of `retry`. */
export const POOL_RETRY: Checks<PoolRetry> = { backoff: notNegativeMs, maxBackoff: notNegativeMs, retryOn: callback };

/** The checks for every option of a pool. */
export const POOL: Checks<PoolOptions<never>> = {
  create: callback,
  destroy: callback,
  check: callback,
  reset: callback,
  min: integer(0),
  max: integer(1, Infinity),
  maxWaiting: integer(0, Infinity),
  acquireTimeout: notNegativeMs,
  createTimeout: positiveMs,
  destroyTimeout: positiveMs,
  checkAfter: notNegativeMs,
  checkTimeout: positiveMs,
  idleTimeout: notNegativeMs,
  lifetime: positiveMs,
  jitter: share,
  retry: objectOf(POOL_RETRY),
  name: ofType('string', 'text', () => true),
};
