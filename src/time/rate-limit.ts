// rateLimit: so many per period, evenly from a bucket of tokens that fills with time.
//
// `#tokens` is the level at `#at`; it grows by count / per each millisecond up to count. Waiters stand in line while it is
// below one, and one deadline, the limiter itself, wakes the first when it gets there. A waiter that is cancelled leaves, and
// those behind it move up; one that had its token already gives it back. Reserving the times to come at once, and sleeping
// until then, is the rejected option: the time of one that is cancelled can be given to nobody.
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

/** A token, but for what is lost by rounding when the level is computed from times. */
const ONE = 1 - 1e-9;

const rateCount: Check = ofType('number', 'a finite number >= 1', (count) => count >= 1 && count < Infinity);
const ratePeriod: Check = ofType('number', 'a finite number of milliseconds > 0', (ms) => ms > 0 && ms < Infinity);

class TokenWait extends QueuedWait<void> {
  protected override withdraw(answered: boolean, value: void): void {
    super.withdraw(answered, value);
    giveUp(this.resource as RateLimiter, answered); // made with `this` of a limiter below
  }
}

let giveUp: (limiter: RateLimiter, hadToken: boolean) => void; // set by the class

/** Made by `rateLimit`. */
export class RateLimiter extends Resource {
  /** When the first waiter gets its token. @internal */
  when = 0;
  /** The heap's own. @internal */
  slot = -1;
  /** The heap's own. @internal */
  order = 0;
  readonly #count: number;
  readonly #ms: number;
  #tokens: number;
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

  /** Waits until one more is allowed, in the order of the calls. Cancellable: then it does not count. */
  acquire(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (mayAnswer(options) && this.tryAcquire()) return DONE;
    const promise = this.#line.join(new TokenWait('rate.acquire', this, options));
    this.#grant();
    return promise;
  }

  /** Takes one if it is allowed now, and nobody waits for it. */
  tryAcquire(): boolean {
    if (this.#line.size > 0 && loopTime() < this.#at) this.#grant(); // the clock went back: the deadline is too far
    this.#fill();
    if (this.#line.size > 0 || this.#tokens < ONE) return false;
    this.#tokens--;
    return true;
  }

  protected override describeState(): string {
    return `${this.#count} per ${this.#ms} ms, ${this.#line.size} waiting`;
  }

  /** The first waiter's time has come. @internal */
  due(): void {
    this.#fill();
    this.#tokens = Math.max(this.#tokens, 1); // whatever the rounding says: else the same deadline could come for ever
    this.#grant();
  }

  /** Gives tokens to those who wait, and sets the deadline for the next one. */
  #grant(): void {
    deleteDeadline(this);
    this.#fill();
    for (; this.#line.size > 0 && this.#tokens >= ONE; this.#tokens--) this.#line.answerFirst();
    if (this.#line.size === 0) return;
    this.when = this.#at + ((1 - this.#tokens) * this.#ms) / this.#count;
    addDeadline(this);
  }

  #fill(): void {
    const now = loopTime();
    // A clock may go back, when a fake one ends for example: no time has passed then, and none is taken back.
    const passed = Math.max(0, now - this.#at);
    this.#tokens = Math.min(this.#count, this.#tokens + (passed * this.#count) / this.#ms);
    this.#at = now;
  }
}

/**
 * Allows `count` acquisitions per `ms` milliseconds, the first `count` at once.
 * @throws RangeError unless count >= 1 and ms > 0, both finite; TypeError unless both are numbers
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
