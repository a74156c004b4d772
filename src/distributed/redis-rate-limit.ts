// redisRateLimit: rateLimit between processes, over Redis.
//
// Redis holds one number for each key: the time at which the bucket is full again, on its clock
// (GCRA, the generic cell rate algorithm of ATM networks). One script reads and writes it.
//
// - The callers of a process stand in `#line`, first come, first served. One question at a time asks
//   for as many tokens as callers wait.
// - Without enough tokens, Redis says when the next one comes, and the next question waits for that.
//   Other processes may be faster: among processes nobody keeps an order.
// - A token for a caller that was cancelled meanwhile is given back.
import { type Check, type Checks, type Deadline, anything, checkOptions, ofType } from '../base/index.ts';
import {
  addDeadline,
  beginWait,
  deleteDeadline,
  Line,
  loopTime,
  QueuedWait,
  random,
  type ResourceOptions,
  Wait,
  type WaitOptions,
} from '../core/index.ts';
import { ClosingResource } from './closing-resource.ts';
import { keyPart } from './broadcast-options.ts';
import { redisAddress, type RedisOption } from './connect.ts';
import { Script } from './link.ts';
import { SharedRedis } from './shared-redis.ts';

/** The most tokens of one question. */
const MOST = 1000;

/** Options of `redisRateLimit`. */
export interface RedisRateOptions extends ResourceOptions {
  /** Where Redis is. Defaults to `redis://localhost:6379`. */
  readonly redis?: RedisOption | undefined;
  /** The first part of every key in Redis. Defaults to `maitre`. */
  readonly prefix?: string | undefined;
}

/** The checks for every option of `redisRateLimit`. */
export const REDIS_RATE: Checks<RedisRateOptions> = { redis: redisAddress, prefix: keyPart, name: anything };

const rateCount: Check = ofType('number', 'a finite number >= 1', (count) => count >= 1 && count < Infinity);
const ratePeriod: Check = ofType('number', 'a finite number of milliseconds > 0', (ms) => ms > 0 && ms < Infinity);

// A clock that was set back must not make anybody wait for longer than a period.
const tokens = new Script(
  'acquire',
  `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local count, period, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000, tonumber(ARGV[3])
local each = period / count
local full = tonumber(redis.call('GET', KEYS[1]) or now)
full = math.max(now, math.min(full, now + period))
local granted = math.min(wanted, math.floor((now + period - full) / each + 0.000001))
if granted ~= 0 then
  full = math.max(now, full + granted * each)
  redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.ceil((full - now) / 1000) + 1)
end
local wait = 0
if granted < wanted then wait = math.max(1, math.ceil((full + each - period - now) / 1000)) end
return { granted, wait }
`,
);

/** Where tokens come from: Redis, or a model of it in tests. */
export interface TokenPort {
  /**
   * Takes up to `wanted` tokens; a negative number gives tokens back.
   * @returns how many were taken, and, if these are fewer, in how many milliseconds the next one comes
   */
  take(wanted: number): Promise<readonly [granted: number, wait: number]>;
}

class TokenWait extends QueuedWait<void> {
  protected override withdraw(answered: boolean, value: void): void {
    super.withdraw(answered, value);
    giveUp(this.resource as RedisRateLimiter, answered); // the constructor call below passes `this`, a limiter
  }
}

class TryWait extends Wait<boolean> {
  protected override withdraw(answered: boolean, hasToken: boolean): void {
    if (answered && hasToken) giveUp(this.resource as RedisRateLimiter, true); // as above
  }
}

let giveUp: (limiter: RedisRateLimiter, hadToken: boolean) => void; // set by the static block of the class

/** The figures of a rate limit, of this process. */
export interface RedisRateStatistics {
  readonly count: number;
  /** Milliseconds. */
  readonly ms: number;
  readonly waiting: number;
}

/**
 * A rate limit of all processes together, made by `redisRateLimit`.
 *
 * @example
 * ```ts no-run
 * import { redisRateLimit } from 'maitre/distributed';
 * await using limiter = redisRateLimit('letters', 1, 1000);
 * console.log(await limiter.tryAcquire(), await limiter.tryAcquire()); // true false
 * ```
 */
export class RedisRateLimiter extends ClosingResource {
  readonly #count: number;
  readonly #ms: number;
  readonly #port: TokenPort;
  readonly #closed: () => Promise<void>;
  readonly #line = new Line<void, TokenWait>();
  #isAsking = false;
  readonly #retry: Deadline = { when: 0, slot: -1, order: 0, due: () => this.#serve() };

  static {
    giveUp = (limiter, hadToken): void => {
      if (hadToken) limiter.#port.take(-1).catch(() => undefined); // then it is used up
      limiter.#serve();
    };
  }

  /** @internal */
  constructor(count: number, ms: number, port: TokenPort, closed: () => Promise<void>, options: ResourceOptions) {
    super(options);
    this.#count = count;
    this.#ms = ms;
    this.#port = port;
    this.#closed = closed;
    this.markOpened();
  }

  get kind(): 'rate limiter' {
    return 'rate limiter';
  }

  /** Returns the limit, and how many callers of this process wait. */
  statistics(): RedisRateStatistics {
    return { count: this.#count, ms: this.#ms, waiting: this.#line.size };
  }

  protected override describeState(): string {
    return `${this.#count} per ${this.#ms} ms, ${this.#line.size} waiting`;
  }

  /**
   * Waits until one more acquisition is allowed. Cancellable; a cancelled one does not count, if Redis
   * can be told.
   * @throws ConnectionLostError if there was no Redis at the first use
   * @throws InvalidStateError after `shutdown`
   * @throws CancelledError
   */
  acquire(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.ending) return Promise.reject(this.closedError());
    const promise = this.#line.join(new TokenWait('rate.acquire', this, options));
    this.#serve();
    return promise;
  }

  /**
   * Acquires if that is allowed now. Resolves to false if it is not, or if callers of this process
   * wait. Cancellable: it waits for the answer of Redis.
   * @throws what `acquire` throws
   */
  tryAcquire(options?: WaitOptions): Promise<boolean> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.ending) return Promise.reject(this.closedError());
    const wait = new TryWait('rate.acquire', this, options);
    if (this.#line.size > 0) wait.answer(false);
    else {
      this.#port.take(1).then(
        ([granted]) => {
          if (!wait.answer(granted > 0) && granted > 0) giveUp(this, true);
        },
        (error: unknown) => wait.fail(error),
      );
    }
    return wait.promise;
  }

  #serve(): void {
    if (this.#line.size === 0) deleteDeadline(this.#retry);
    else if (!this.#isAsking && this.#retry.slot === -1) void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    try {
      const [granted, wait] = await this.#port.take(Math.min(this.#line.size, MOST));
      let left = granted;
      while (left > 0 && this.#line.answerFirst()) left--;
      if (left > 0) this.#port.take(-left).catch(() => undefined); // then they are used up
      if (wait > 0 && this.#line.size > 0) {
        this.#retry.when = loopTime() + wait + random(); // with jitter: many processes wait for one token
        addDeadline(this.#retry);
      }
    } catch (error) {
      this.#line.failAll(() => error);
    }
    this.#isAsking = false;
    this.#serve();
  }

  protected override async close(): Promise<void> {
    this.#line.failAll(() => this.closedError());
    deleteDeadline(this.#retry);
    await this.#closed();
    this.markClosed();
  }
}

/**
 * Limits how often something happens in all processes together: at most `count` acquisitions per `ms`
 * milliseconds on average, the first `count` at once. The interface of `rateLimit`, except that
 * `tryAcquire` has to wait for Redis.
 *
 * What it does not promise: a Redis that lost its data begins with a full bucket. A question that was
 * on its way when the connection was lost is asked again, and may use up tokens for nobody. There is
 * no order among processes. The clock is that of Redis; if it is set back, nobody waits for longer
 * than `ms` for it.
 * @param key what the processes agree on
 * @param count acquisitions per period, and the most that can come at once
 * @param ms the period in milliseconds
 * @throws RangeError unless count >= 1 and ms > 0, both finite
 * @throws TypeError or RangeError for options that are wrong or unknown
 *
 * @example
 * ```ts no-run
 * import { redisRateLimit } from 'maitre/distributed';
 * await using letters = redisRateLimit('letters', 100, 60_000, { redis: 'redis://localhost:6379' });
 * await letters.acquire(); // the 101st within a minute waits, in whichever process
 * ```
 */
export function redisRateLimit(
  key: string,
  count: number,
  ms: number,
  options: RedisRateOptions = {},
): RedisRateLimiter {
  keyPart('limit the rate', 'key', key);
  rateCount('limit the rate', 'count', count);
  ratePeriod('limit the rate', 'ms', ms);
  checkOptions('limit the rate', options, REDIS_RATE);
  const { redis = 'redis://localhost:6379', prefix = 'maitre', name = key } = options;
  const shared = SharedRedis.join(redis);
  const port: TokenPort = {
    async take(wanted) {
      const client = await shared.commands.use();
      return (await tokens.run(client, [`${prefix}:rate:{${key}}`], [count, ms, wanted])) as [number, number];
    },
  };
  return new RedisRateLimiter(count, ms, port, () => shared.leave(), { name });
}
