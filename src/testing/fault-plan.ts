// FaultPlan: what happens at which byte of one direction.
//
// `#at` counts the bytes passed on. A truncation and a reset have their positions from the start. A
// stall receives its position when the previous one is over. A piece never crosses such a position.
// Each kind of fault draws from random numbers of its own. So the number of pieces, which depends
// on how the system cuts the stream, moves none of these positions.
import { draw, type Faults } from './faults.ts';
import { seededRandom } from './random.ts';

const PIECE = 65_536;
/**
 * The longest time, in milliseconds, whose bytes a direction with a rate passes on at once. So
 * bytes flow instead of coming in bursts.
 */
const RATE_STEP = 100;

/** What comes next: a piece may be passed on, or a fault comes first. */
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

  /** Returns what is to happen now. */
  next(): Step {
    if (this.#at >= this.#resetAt) return 'reset';
    if (this.#at >= this.#truncateAt) return 'truncate';
    return this.#at >= this.#stallAt ? 'stall' : 'piece';
  }

  /** Begins a stall and returns its length in milliseconds. Call it only if a stall is next. */
  stall(): number {
    this.#stallAt = this.#at + this.#nextStall();
    return draw(this.#faults.stallFor ?? [1000, 10_000], this.#stalls);
  }

  /** Returns the maximum size of the next piece, in bytes. Call it only if a piece is next. */
  size(): number {
    const { piece = PIECE, rate = Infinity } = this.#faults;
    const size = Math.min(draw(piece, this.#pieces), (rate * RATE_STEP) / 1000);
    const left = Math.min(this.#resetAt, this.#truncateAt, this.#stallAt) - this.#at;
    return Math.min(Math.max(1, Math.floor(size)), left);
  }

  /**
   * True if pieces have to leave in separate turns. False if neither cuts nor delays were
   * requested.
   */
  get paced(): boolean {
    return this.#faults.piece !== undefined || this.#faults.delay !== undefined;
  }

  /** Returns how long the next piece, or the end, is held back, in milliseconds. */
  delay(): number {
    return draw(this.#faults.delay ?? 0, this.#delays);
  }

  /** Counts a piece as passed on. Returns the milliseconds that its rate allows for it. */
  passed(bytes: number): number {
    this.#at += bytes;
    return (bytes * 1000) / (this.#faults.rate ?? Infinity);
  }

  /** Draws the number of bytes until the next stall, at least 1. */
  #nextStall(): number {
    return Math.max(1, place(draw(this.#faults.stallAfter ?? Infinity, this.#stalls))); // 0 would let no piece pass
  }
}

/** Rounds to a whole number of bytes. */
function place(bytes: number): number {
  return Math.max(0, Math.floor(bytes));
}
