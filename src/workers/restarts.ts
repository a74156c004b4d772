// How often a place may have its worker replaced after a crash: at once, then after pauses that
// double, and not more than `limit` times within `within` milliseconds.
import { loopTime, random } from '../core/index.ts';

/** Options of restarts. */
export interface RestartOptions {
  /** How many replacements of one worker there are within `within`. Default 5. */
  readonly limit?: number | undefined;
  /** Milliseconds. Default 60,000. */
  readonly within?: number | undefined;
}

/** Milliseconds before the second replacement; the first comes at once. */
const BACKOFF = 250;
/** Milliseconds: the longest pause. */
const MAX_BACKOFF = 10_000;

export class Restarts {
  readonly #limit: number;
  readonly #within: number;
  /** When the replacements of the last `within` milliseconds were granted, oldest first. */
  #granted: number[] = [];

  constructor({ limit = 5, within = 60_000 }: RestartOptions = {}) {
    this.#limit = limit;
    this.#within = within;
  }

  /**
   * Asks for one more. Returns the milliseconds to wait before it, or undefined if there were too
   * many.
   */
  next(): number | undefined {
    const now = loopTime();
    this.#granted = this.#granted.filter((at) => now - at < this.#within);
    const before = this.#granted.length;
    if (before >= this.#limit) return undefined;
    const pause = before === 0 ? 0 : Math.min(BACKOFF * 2 ** (before - 1), MAX_BACKOFF) * (0.75 + random() / 2);
    this.#granted.push(now + pause);
    return pause;
  }

  /** Forgets the past: something has changed, such as the code. */
  reset(): void {
    this.#granted = [];
  }

  /** `5 times within 60,000 ms`, for messages. */
  toString(): string {
    return `${this.#limit} times within ${this.#within} ms`;
  }
}
