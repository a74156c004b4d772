// time: periodic ticks, retries and rate limits on the loop's clock.
// May import: base, core.
// Does not belong here: the clock itself (core).
export { every, type EveryOptions } from './every.ts';
export { type RateLimiter, rateLimit } from './rate-limit.ts';
export { retry, type RetryOptions } from './retry.ts';
