// rateLimit: so many per period, evenly from a bucket of tokens that fills with time.
//
// `#tokens` is the level at `#at`; it grows by count / per each millisecond up to count. A waiter reserves its token when
// it comes, which may take the level below zero: whoever comes later waits longer, so it is first come, first served. A
// waiter that is cancelled gives its token back; those behind it do not move up, and are only ever too late, not too early.
import { describe } from '../base/index.ts';
import { checkMs, checkpoint, loopTime, sleep, type WaitOptions } from '../core/index.ts';

/** Made by `rateLimit`. */
export class RateLimiter {
  readonly #count: number;
  readonly #perMs: number;
  #tokens: number;
  #at: number = loopTime();

  /** @internal */
  constructor(count: number, ms: number) {
    this.#count = count;
    this.#perMs = count / ms;
    this.#tokens = count;
  }

  /** Waits until one more is allowed, in the order of the calls. Cancellable: then it does not count. */
  async acquire(options?: WaitOptions): Promise<void> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    this.#fill();
    this.#tokens--;
    if (this.#tokens >= 0) return;
    try {
      await sleep(-this.#tokens / this.#perMs, undefined, options);
    } catch (error) {
      this.#tokens++;
      throw error;
    }
  }

  /** Takes one if it is allowed now. */
  tryAcquire(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  #fill(): void {
    const now = loopTime();
    this.#tokens = Math.min(this.#count, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
  }
}

/**
 * Allows `count` acquisitions per `ms` milliseconds, the first `count` at once.
 * @throws RangeError unless count >= 1 and ms > 0, both finite
 *
 * @example
 * ```ts
 * import { rateLimit } from 'maitre';
 * const limiter = rateLimit(2, 10);
 * for (let i = 0; i < 4; i++) {
 *   await limiter.acquire();
 *   console.log(i);
 * }
 * ```
 */
export function rateLimit(count: number, ms: number): RateLimiter {
  checkMs(ms, 'limit the rate');
  if (typeof count !== 'number') throw new TypeError(`Cannot limit the rate: expected a count, got ${describe(count)}`);
  if (!(count >= 1 && count < Infinity && ms > 0 && ms < Infinity)) {
    throw new RangeError(`Cannot limit the rate: expected a count >= 1 per milliseconds > 0, got ${count} per ${ms}`);
  }
  return new RateLimiter(count, ms);
}
