// retry: again after a pause, on the loop's clock.
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

/** All options of `retry`. */
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
 * Calls `fn` until it succeeds, at most `attempts` times, with growing pauses. Cancellable in the pauses and in `fn`;
 * `signal` reaches the pauses.
 * @throws the last error; what `backoff` or `retryOn` throws, with that error as its cause
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
      // Half of it for certain, so that a pause stays one; the other half by chance.
      await sleep(jitter ? most * (0.5 + random() / 2) : most, undefined, wait);
    }
  }
}

/** Milliseconds >= 0. */
function pauseAfter(attempt: number, backoff: Exclude<RetryOptions['backoff'], undefined>): number {
  // The power stays finite: zero times an infinite one would be no number.
  if (typeof backoff === 'number') return backoff * 2 ** Math.min(attempt - 1, 1023);
  const pause = backoff(attempt);
  fromBackoff('retry', '', pause);
  return Math.max(0, pause);
}

/** Runs what the caller of retry gave it to decide with. Should that fail, the error it was about is the cause. */
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
