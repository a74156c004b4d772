// When a request is made again, and after which pause. Prior art: urllib3's Retry (methods, status
// codes and Retry-After), and maitre's `retry` (pauses).
import {
  callback,
  type Check,
  type Checks,
  checkOptions,
  flag,
  integer,
  isObject,
  listOf,
  notNegativeMs,
  ofType,
  wrongValue,
} from '../base/index.ts';
import { CancelledError, ConnectionLostError, currentDeadline, loopTime, random, TimeoutError } from '../core/index.ts';

/** When and how often a request is made again. */
export interface FetchRetryOptions {
  /** The maximum number of attempts, an integer >= 1 or Infinity. Default 3. */
  readonly attempts?: number | undefined;
  /** Milliseconds before the second attempt, doubled for each one after. Default 100. */
  readonly backoff?: number | undefined;
  /**
   * The longest pause, in milliseconds. A server whose `Retry-After` wants a longer one is not asked
   * again. Default 30,000.
   */
  readonly maxBackoff?: number | undefined;
  /**
   * Makes each pause random, between half of it and all of it, so that many clients do not come back
   * at once. It never shortens a `Retry-After`. Default true.
   */
  readonly jitter?: boolean | undefined;
  /**
   * The methods that are tried again. Default: those that are idempotent, which are GET, HEAD,
   * OPTIONS, PUT, DELETE and TRACE.
   */
  readonly methods?: readonly string[] | undefined;
  /**
   * Returns whether another attempt is worth it, after an error or a response. Default: after a
   * ConnectionLostError, a TimeoutError of the attempt, and the statuses 429, 502, 503 and 504. A
   * CancelledError is never tried again.
   */
  readonly retryOn?: ((reason: unknown, attempt: number) => boolean) | undefined;
}

const text: Check = ofType('string', 'a method', () => true);

/** The checks for every option of a retry. */
export const FETCH_RETRY: Checks<FetchRetryOptions> = {
  attempts: integer(1, Infinity),
  backoff: notNegativeMs,
  maxBackoff: notNegativeMs,
  jitter: flag,
  methods: listOf('a list of methods', text),
  retryOn: callback,
};

/** Checks the option `retry`: a number of attempts, or options. */
export const retryOption: Check = (action, name, value) => {
  if (typeof value === 'number') integer(1, Infinity)(action, name, value);
  else if (isObject(value)) checkOptions(action, value, FETCH_RETRY, `${name}.`);
  else throw wrongValue(action, name, 'a number of attempts or options', value);
};

const IDEMPOTENT: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'];
/** Too many requests; bad gateway; unavailable; gateway timeout. */
const STATUSES: readonly number[] = [429, 502, 503, 504];

/** How one request is tried again. */
export class FetchRetry {
  readonly #attempts: number;
  readonly #backoff: number;
  readonly #maxBackoff: number;
  readonly #jitter: boolean;
  readonly #retryOn: (reason: unknown, attempt: number) => boolean;

  /** @param canRepeat whether the body can be sent twice */
  constructor(options: number | FetchRetryOptions, method: string, canRepeat: boolean) {
    const all: FetchRetryOptions = typeof options === 'number' ? { attempts: options } : options;
    const { attempts = 3, backoff = 100, maxBackoff = 30_000, jitter = true, methods = IDEMPOTENT } = all;
    const isAllowed = canRepeat && methods.some((each) => each.toUpperCase() === method);
    this.#attempts = isAllowed ? attempts : 1;
    this.#backoff = backoff;
    this.#maxBackoff = maxBackoff;
    this.#jitter = jitter;
    this.#retryOn = all.retryOn ?? isWorthIt;
  }

  /**
   * Returns the pause before the next attempt, in milliseconds; undefined if there is to be none.
   * There is none either when a deadline around the call would pass meanwhile: what the last attempt
   * came to says more than that deadline.
   * @param reason the response or the error of the attempt
   * @param attempt its number, from 1
   */
  pauseAfter(reason: unknown, attempt: number): number | undefined {
    if (attempt >= this.#attempts || reason instanceof CancelledError) return undefined;
    if (!this.#retryOn(reason, attempt)) return undefined;
    // The exponent is bounded so that the power stays finite.
    const most = Math.min(this.#backoff * 2 ** Math.min(attempt - 1, 1023), this.#maxBackoff);
    const own = this.#jitter ? most * (0.5 + random() / 2) : most;
    const wanted = reason instanceof Error ? 0 : retryAfter(reason as Response); // what is no error is a response
    const pause = Math.max(own, wanted);
    if (wanted > this.#maxBackoff || loopTime() + pause >= (currentDeadline() ?? Infinity)) return undefined;
    return pause;
  }
}

function isWorthIt(reason: unknown): boolean {
  if (reason instanceof Error) return reason instanceof ConnectionLostError || reason instanceof TimeoutError;
  return STATUSES.includes((reason as Response).status); // what is no error is a response
}

/**
 * How long a server wants not to be asked, in milliseconds: `Retry-After` has seconds or a date. A
 * date counts from the date of the response, so that clocks need not agree.
 */
function retryAfter({ headers }: Response): number {
  const value = headers.get('retry-after');
  if (value === null) return 0;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000;
  const until = Date.parse(value);
  const sent = Date.parse(headers.get('date') ?? '');
  if (Number.isNaN(until)) return 0;
  return Math.max(0, until - (Number.isNaN(sent) ? Date.now() : sent));
}
