// rateLimit: at most `count` acquisitions per period, from a token bucket that fills continuously.
//
// State: `#tokens` is the level of the bucket at the time `#at`. It rises by count / ms per
// millisecond, up to count. Waiters stand in line while it is below one. One deadline, the limiter
// itself, wakes the first waiter when the level reaches one. A waiter that is cancelled leaves, and
// those behind it move up. One that was answered before its cancel returns its token.
//
// Rejected: to reserve future times at once and sleep until then. The time of a waiter that is
// cancelled would be lost to those behind it.
import { type Check, ofType } from '../base/index.ts';
import {
  addDeadline,
  beginWait,
  deleteDeadline,
  Line,
  loopTime,
  mayAnswer,
  QueuedWait,
  Resource,
  type ResourceOptions,
  type WaitOptions,
} from '../core/index.ts';

const DONE: Promise<void> = Promise.resolve();

/** One token, less what rounding loses when the level is computed from times. */
const ONE = 1 - 1e-9;

const rateCount: Check = ofType('number', 'a finite number >= 1', (count) => count >= 1 && count < Infinity);
const ratePeriod: Check = ofType('number', 'a finite number of milliseconds > 0', (ms) => ms > 0 && ms < Infinity);

class TokenWait extends QueuedWait<void> {
  protected override withdraw(answered: boolean, value: void): void {
    super.withdraw(answered, value);
    giveUp(this.resource as RateLimiter, answered); // the constructor call below passes `this`, a limiter
  }
}

let giveUp: (limiter: RateLimiter, hadToken: boolean) => void; // set by the static block of the class

/**
 * A rate limit, made by `rateLimit`. Waiters are served first come, first served.
 *
 * @example
 * ```ts
 * import { rateLimit } from 'maitre';
 * const limiter = rateLimit(1, 1000);
 * console.log(limiter.tryAcquire(), limiter.tryAcquire()); // true false
 * ```
 */
export class RateLimiter extends Resource {
  /** The time at which the first waiter receives its token. @internal */
  when = 0;
  /** Written by the heap of deadlines. @internal */
  slot = -1;
  /** Written by the heap of deadlines. @internal */
  order = 0;
  readonly #count: number;
  readonly #ms: number;
  /** The level of the bucket at `#at`. A fraction between 0 and `#count`. */
  #tokens: number;
  /** The time at which `#tokens` was computed, in milliseconds on the loop's clock. */
  #at: number = loopTime();
  readonly #line = new Line<void, TokenWait>();

  static {
    giveUp = (limiter, hadToken): void => {
      if (hadToken) limiter.#tokens++;
      limiter.#grant();
    };
  }

  /** @internal */
  constructor(count: number, ms: number, options?: ResourceOptions) {
    super(options);
    this.#count = count;
    this.#ms = ms;
    this.#tokens = count;
  }

  get kind(): 'rate limiter' {
    return 'rate limiter';
  }

  statistics(): { readonly count: number; readonly ms: number; readonly tokens: number; readonly waiting: number } {
    this.#fill();
    return { count: this.#count, ms: this.#ms, tokens: this.#tokens, waiting: this.#line.size };
  }

  /**
   * Waits until one more acquisition is allowed. Cancellable; a cancelled one does not count.
   * @throws CancelledError
   */
  acquire(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (mayAnswer(options) && this.tryAcquire()) return DONE;
    const promise = this.#line.join(new TokenWait('rate.acquire', this, options));
    this.#grant();
    return promise;
  }

  /** Acquires without waiting. Returns false if none is allowed now, or if others wait. */
  tryAcquire(): boolean {
    if (this.#line.size > 0 && loopTime() < this.#at) this.#grant(); // the clock was set back
    this.#fill();
    if (this.#line.size > 0 || this.#tokens < ONE) return false;
    this.#tokens--;
    return true;
  }

  protected override describeState(): string {
    return `${this.#count} per ${this.#ms} ms, ${this.#line.size} waiting`;
  }

  /** Called at the deadline of the first waiter. @internal */
  due(): void {
    this.#fill();
    this.#tokens = Math.max(this.#tokens, 1); // against rounding: else this deadline repeats for ever
    this.#grant();
  }

  /** Answers the waiters for whom there are tokens, and sets the deadline for the next one. */
  #grant(): void {
    deleteDeadline(this);
    this.#fill();
    for (; this.#line.size > 0 && this.#tokens >= ONE; this.#tokens--) this.#line.answerFirst();
    if (this.#line.size === 0) return;
    this.when = this.#at + ((1 - this.#tokens) * this.#ms) / this.#count;
    addDeadline(this);
  }

  /** Raises the level to that of now. */
  #fill(): void {
    const now = loopTime();
    // A clock can be set back, for example when a fake one ends. Then no time has passed, and no
    // token is taken away.
    const passed = Math.max(0, now - this.#at);
    this.#tokens = Math.min(this.#count, this.#tokens + (passed * this.#count) / this.#ms);
    this.#at = now;
  }
}

/**
 * Limits how often something happens: at most `count` acquisitions per `ms` milliseconds on
 * average, the first `count` at once. Call `acquire()` before each.
 * @param count acquisitions per period, and the most that can come at once
 * @param ms the period in milliseconds
 * @throws RangeError unless count >= 1 and ms > 0, both finite
 * @throws TypeError unless both are numbers
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
export function rateLimit(count: number, ms: number, options?: ResourceOptions): RateLimiter {
  rateCount('limit the rate', 'count', count);
  ratePeriod('limit the rate', 'ms', ms);
  return new RateLimiter(count, ms, options);
}
