// The plan of one direction: what happens at which byte.
//
// `#at` counts the bytes passed on. Truncation and reset have their place from the start; the next stall gets one when the
// last is over. A piece never crosses such a place. Each kind draws from random numbers of its own, so that the number of
// pieces, which depends on how the system cuts the stream, moves none of these places.
import { draw, type Faults } from './faults.ts';
import { seededRandom } from './random.ts';

const PIECE = 65_536;
/** A direction with a rate passes on what it may in so many milliseconds, at most; so that bytes flow, and do not gush. */
const RATE_STEP = 100;

/** What comes next: a piece may be passed on, or something is to happen first. */
export type Step = 'piece' | 'stall' | 'truncate' | 'reset';

export class FaultPlan {
  readonly #faults: Faults;
  readonly #truncateAt: number;
  readonly #resetAt: number;
  #stallAt: number;
  #at = 0;
  readonly #delays: () => number;
  readonly #pieces: () => number;
  readonly #stalls: () => number;

  constructor(faults: Faults, seed: number) {
    const seeds = seededRandom(seed);
    const next = (): (() => number) => seededRandom(Math.floor(seeds() * 2 ** 32));
    this.#faults = faults;
    this.#delays = next();
    this.#pieces = next();
    this.#stalls = next();
    this.#truncateAt = place(draw(faults.truncateAfter ?? Infinity, next()));
    this.#resetAt = place(draw(faults.resetAfter ?? Infinity, next()));
    this.#stallAt = this.#nextStall();
  }

  /** What is to happen now. */
  next(): Step {
    if (this.#at >= this.#resetAt) return 'reset';
    if (this.#at >= this.#truncateAt) return 'truncate';
    return this.#at >= this.#stallAt ? 'stall' : 'piece';
  }

  /** Begins a stall, and gives its milliseconds. Only when it is next. */
  stall(): number {
    this.#stallAt = this.#at + this.#nextStall();
    return draw(this.#faults.stallFor ?? [1000, 10_000], this.#stalls);
  }

  /** Bytes of the next piece, at most. Only when a piece is next. */
  size(): number {
    const { piece = PIECE, rate = Infinity } = this.#faults;
    const size = Math.min(draw(piece, this.#pieces), (rate * RATE_STEP) / 1000);
    const left = Math.min(this.#resetAt, this.#truncateAt, this.#stallAt) - this.#at;
    return Math.min(Math.max(1, Math.floor(size)), left);
  }

  /** Whether pieces leave a turn after each other at least: else neither cuts nor delays are wanted. */
  get paced(): boolean {
    return this.#faults.piece !== undefined || this.#faults.delay !== undefined;
  }

  /** Milliseconds that the next piece, or the end, is held back. */
  delay(): number {
    return draw(this.#faults.delay ?? 0, this.#delays);
  }

  /** Counts a piece as passed on, and gives the milliseconds that its rate allows for it. */
  passed(bytes: number): number {
    this.#at += bytes;
    return (bytes * 1000) / (this.#faults.rate ?? Infinity);
  }

  #nextStall(): number {
    return Math.max(1, place(draw(this.#faults.stallAfter ?? Infinity, this.#stalls))); // or it would never pass one on
  }
}

/** A whole number of bytes. */
function place(bytes: number): number {
  return Math.max(0, Math.floor(bytes));
}
