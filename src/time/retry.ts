// retry: calls a function again after a pause, on the loop's clock.
import {
  anything,
  callback,
  type Check,
  type Checks,
  checkOptions,
  flag,
  integer,
  notNegativeMs,
  ofType,
} from '../base/index.ts';
import {
  beginWait,
  CancelledError,
  checkTaskFunction,
  random,
  sleep,
  waiting,
  type WaitOptions,
} from '../core/index.ts';

/** Options of `retry`. */
export interface RetryOptions extends WaitOptions {
  /** The maximum number of calls of `fn`, an integer >= 1 or Infinity. Defaults to 3. */
  readonly attempts?: number | undefined;
  /**
   * Milliseconds before the second attempt, doubled for each one after. Or a function of the number
   * of attempts made so far that returns milliseconds. Defaults to 100.
   */
  readonly backoff?: number | ((attempt: number) => number) | undefined;
  /** The longest pause, in milliseconds. Defaults to 30,000. */
  readonly maxBackoff?: number | undefined;
  /**
   * Makes each pause random, between half of it and all of it, so that many clients do not come
   * back at once. Defaults to true.
   */
  readonly jitter?: boolean | undefined;
  /**
   * Returns whether an error is worth another attempt. Defaults to yes for every error. A
   * CancelledError is never retried.
   */
  readonly retryOn?: ((error: unknown, attempt: number) => boolean) | undefined;
}

/** The checks for every option of `retry`. */
export const RETRY: Checks<RetryOptions> = {
  attempts: integer(1, Infinity),
  maxBackoff: notNegativeMs,
  backoff: (action, name, value) => {
    if (typeof value !== 'function') notNegativeMs(action, name, value);
  },
  jitter: flag,
  retryOn: callback,
  signal: anything,
};

const fromBackoff: Check = ofType('number', 'a number of milliseconds from backoff', (ms) => !Number.isNaN(ms));

/**
 * Calls `fn` until it succeeds, at most `attempts` times, with growing pauses. `fn` receives the
 * number of the attempt. Cancellable, in the pauses and in `fn`. A `signal` cancels the pauses, not
 * `fn`.
 * @throws the last error of `fn`
 * @throws what `backoff` or `retryOn` throws, with that error as its `cause`
 * @throws CancelledError
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
  checkOptions('retry', options, RETRY);
  const { attempts = 3, backoff = 100, maxBackoff = 30_000, jitter = true, retryOn = () => true, signal } = options;
  const wait = signal === undefined ? undefined : { signal };
  const refused = beginWait(wait);
  if (refused !== undefined) return refused;
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn(attempt);
    } catch (error) {
      if (error instanceof CancelledError || attempt >= attempts) throw error;
      const pause = keepCause(error, () => (retryOn(error, attempt) ? pauseAfter(attempt, backoff) : undefined));
      if (pause === undefined) throw error;
      const most = Math.min(pause, maxBackoff);
      // Half of the pause is certain, the other half random.
      await sleep(jitter ? most * (0.5 + random() / 2) : most, undefined, wait);
    }
  }
}

/** Returns the pause in milliseconds, >= 0. */
function pauseAfter(attempt: number, backoff: Exclude<RetryOptions['backoff'], undefined>): number {
  // The exponent is bounded so that the power stays finite: 0 * Infinity would be NaN.
  if (typeof backoff === 'number') return backoff * 2 ** Math.min(attempt - 1, 1023);
  const pause = backoff(attempt);
  fromBackoff('retry', '', pause);
  return Math.max(0, pause);
}

/**
 * Runs a callback of the caller. If it throws, the error that it was to judge becomes the cause.
 */
function keepCause<T>(error: unknown, decide: () => T): T {
  try {
    return decide();
  } catch (failure) {
    if (failure instanceof Error && failure.cause === undefined) {
      Object.defineProperty(failure, 'cause', { value: error, configurable: true, writable: true });
    }
    throw failure;
  }
}
