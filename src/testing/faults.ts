// Faults: what a bad network does to a connection, as options. Also draws such options from random
// numbers.
//
// Amounts are drawn again each time they are needed. Positions of faults are counted in bytes, not
// in time or chunks: so a seed repeats them, however the system cuts the stream.
import { type Checks, checkOptions, describe, flag, objectOf, positive, wrongValue } from '../base/index.ts';

/**
 * An amount: fixed, drawn evenly from a range, or computed by a function from random numbers, 0 <=
 * x < 1.
 */
export type Draw = number | readonly [from: number, to: number] | ((random: () => number) => number);

/** What happens to the bytes of a direction. Defaults to nothing. */
export interface Faults {
  /**
   * Milliseconds for which a piece is held back, and with it everything behind it. Defaults to 0.
   */
  readonly delay?: Draw | undefined;
  /**
   * The maximum size of a piece, in bytes. Longer data is cut; data that comes during a delay is
   * joined. Defaults to 65,536.
   */
  readonly piece?: Draw | undefined;
  /** The maximum rate, in bytes per second. Defaults to Infinity. */
  readonly rate?: number | undefined;
  /** Bytes until the next stall, drawn again after each one. Defaults to Infinity. */
  readonly stallAfter?: Draw | undefined;
  /** The length of a stall, in milliseconds. Defaults to 1,000 to 10,000. */
  readonly stallFor?: Draw | undefined;
  /**
   * Bytes after which this direction ends: the receiver reads the end, and what follows is lost.
   * Defaults to Infinity.
   */
  readonly truncateAfter?: Draw | undefined;
  /**
   * Bytes after which both ends are reset. What has not arrived by then is lost, in both
   * directions. Defaults to Infinity.
   */
  readonly resetAfter?: Draw | undefined;
}

/** Faults for both directions, each with draws of its own, and overrides for one of them. */
export interface ConnectionFaults extends Faults {
  /** From the client to the target. What it leaves out is taken from above. */
  readonly up?: Faults | undefined;
  /** From the target to the client. What it leaves out is taken from above. */
  readonly down?: Faults | undefined;
}

/** The checks for the faults of one direction. */
const DIRECTION: Checks<Faults> = {
  delay: drawable,
  piece: drawable,
  stallAfter: drawable,
  stallFor: drawable,
  truncateAfter: drawable,
  resetAfter: drawable,
  rate: positive('a number of bytes per second'),
};

/** The checks for all faults: of both directions together and of each. */
export const FAULTS: Checks<ConnectionFaults> = {
  ...DIRECTION,
  up: objectOf(DIRECTION),
  down: objectOf(DIRECTION),
};

/** Returns the faults of one direction. */
export function faultsOf(faults: ConnectionFaults, direction: 'up' | 'down'): Faults {
  const { up, down, ...both } = faults;
  return { ...both, ...(direction === 'up' ? up : down) };
}

/** @throws TypeError or RangeError for the first fault that is wrong or unknown */
export function checkFaults(faults: unknown): void {
  checkOptions('plan faults', faults, FAULTS);
}

function drawable(action: string, name: string, value: unknown): void {
  if (typeof value === 'function') return;
  const range: readonly unknown[] = Array.isArray(value) ? value : [value, value];
  const [from, to] = range;
  if (typeof from === 'number' && from >= 0 && typeof to === 'number' && to >= from) return;
  const expected = 'a number >= 0 or a range of them';
  if (!Array.isArray(value)) throw wrongValue(action, name, expected, value, 'number');
  throw new RangeError(`Cannot ${action}: ${name} must be ${expected}, got [${range.map(describe).join(', ')}]`);
}

/** Draws one amount. */
export function draw(amount: Draw, random: () => number): number {
  if (typeof amount === 'number') return amount;
  if (typeof amount === 'function') return amount(random);
  const [from, to] = amount;
  return to === Infinity ? Infinity : from + (to - from) * random();
}

interface DrawOptions {
  readonly lossless?: boolean | undefined;
}

const DRAW: Checks<DrawOptions> = { lossless: flag };

/**
 * Draws random faults for one connection: mixtures of delays, pieces, rates and stalls, and in half
 * of all cases a truncation or a reset in the first 100,000 bytes. Apart from stalls of at most two
 * seconds, no result is slower than about 8,000 bytes per second.
 * @param random returns numbers 0 <= x < 1, for example from `seededRandom`
 * @param options `lossless`: no truncations and resets, so that every byte arrives
 *
 * @example
 * ```ts
 * import { drawFaults, seededRandom } from 'maitre/testing';
 * console.log(drawFaults(seededRandom(7), { lossless: true }));
 * ```
 */
export function drawFaults(random: () => number, options: DrawOptions = {}): ConnectionFaults {
  checkOptions('draw faults', options, DRAW);
  const { lossless = false } = options;
  const cut = random() < 0.6;
  const piece = cut ? some(random, 1, 65_536) : 65_536;
  // Short enough that pieces of any length keep the promised rate. A host's timers come some tenths
  // of a millisecond late.
  const delay = Math.min(some(random, 1, 200), piece / 32);
  const delays = random() < 0.5 && delay >= 1;
  const slow = random() < 0.2;
  const stalls = random() < 0.3;
  const harmless: Faults = {
    piece: cut ? [1, piece] : piece,
    delay: delays ? [0, delay] : 0,
    rate: slow ? some(random, 10_000, 1_000_000) : Infinity,
    stallAfter: stalls ? [1, some(random, 1000, 100_000)] : Infinity,
    stallFor: [10, some(random, 10, 2000)],
  };
  const fate = random();
  const at = some(random, 1, 100_000) - 1;
  if (lossless || fate < 0.5) return harmless;
  const fault: Faults = random() < 0.5 ? { truncateAfter: at } : { resetAfter: at };
  return fate < 0.75 ? { ...harmless, up: fault } : { ...harmless, down: fault };
}

/** Returns an integer from `from` to `to`, with equal chances for every order of magnitude. */
function some(random: () => number, from: number, to: number): number {
  return Math.round(from * (to / from) ** random());
}
