// retry: again after a pause, on the loop's clock.
import { describe } from '../base/index.ts';
import {
  beginWait,
  CancelledError,
  checkMs,
  checkTaskFunction,
  random,
  sleep,
  waiting,
  type WaitOptions,
} from '../core/index.ts';

export interface RetryOptions extends WaitOptions {
  /** How often `fn` is called at most, an integer >= 1 or Infinity. Default 3. */
  readonly attempts?: number | undefined;
  /** Milliseconds before the second attempt, doubled for each one after; or a function of the attempts made so far. Default 100. */
  readonly backoff?: number | ((attempt: number) => number) | undefined;
  /** Milliseconds: the longest pause. Default 30,000. */
  readonly maxBackoff?: number | undefined;
  /** Makes each pause a random one from half of it to all of it, so that many clients do not come back at once. Default true. */
  readonly jitter?: boolean | undefined;
  /** Whether an error is worth another attempt. Default: every one. A CancelledError never is. */
  readonly retryOn?: ((error: unknown, attempt: number) => boolean) | undefined;
}

/**
 * Calls `fn` until it succeeds, at most `attempts` times, with growing pauses. Cancellable in the pauses and in `fn`;
 * `signal` reaches the pauses.
 * @throws the last error
 *
 * @example
 * ```ts
 * import { retry } from 'maitre';
 * let calls = 0;
 * const value = await retry(async () => {
 *   if (++calls < 3) throw new Error('not yet');
 *   return 'third time';
 * }, { backoff: 1 });
 * console.log(value);
 * ```
 */
export function retry<T>(fn: (attempt: number) => PromiseLike<T> | T, options: RetryOptions = {}): Promise<T> {
  return waiting(attemptAll(fn, options));
}

async function attemptAll<T>(fn: (attempt: number) => PromiseLike<T> | T, options: RetryOptions): Promise<T> {
  checkTaskFunction(fn, 'retry', 'retry');
  const { attempts = 3, backoff = 100, maxBackoff = 30_000, jitter = true, retryOn = () => true, signal } = options;
  const message = `Cannot retry: attempts must be an integer >= 1 or Infinity, got ${describe(attempts)}`;
  if (typeof attempts !== 'number') throw new TypeError(message);
  if (attempts !== Infinity && (!Number.isInteger(attempts) || attempts < 1)) throw new RangeError(message);
  checkMs(maxBackoff, 'retry');
  if (typeof backoff !== 'function') checkMs(backoff, 'retry');
  const wait = signal === undefined ? undefined : { signal };
  const refused = beginWait(wait);
  if (refused !== undefined) return refused;
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn(attempt);
    } catch (error) {
      if (error instanceof CancelledError || attempt >= attempts || !retryOn(error, attempt)) throw error;
      const full = typeof backoff === 'function' ? backoff(attempt) : backoff * 2 ** (attempt - 1);
      const pause = Math.min(full, maxBackoff);
      // Half of it for certain, so that a pause stays one; the other half by chance.
      await sleep(jitter ? pause / 2 + (pause / 2) * random() : pause, undefined, wait);
    }
  }
}
