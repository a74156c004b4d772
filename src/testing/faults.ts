// Faults: what a bad network does to a connection, as options; and drawing such options from random numbers.
//
// Amounts are drawn anew each time they are needed. Where a fault strikes is counted in bytes, not in time or chunks: a seed
// repeats it, whatever way the system cuts the stream.
import { type Checks, checkOptions, describe, flag, objectOf, positive, wrongValue } from '../base/index.ts';

/** An amount: fixed, drawn evenly from a range, or made by a function of random numbers, 0 <= x < 1. */
export type Draw = number | readonly [from: number, to: number] | ((random: () => number) => number);

/** What happens to the bytes of a direction. Nothing, by default. */
export interface Faults {
  /** Milliseconds a piece is held back, and with it all that comes after it. Default 0. */
  readonly delay?: Draw | undefined;
  /** Bytes of a piece, at most: what came together is cut, what comes during a delay is joined. Default 65,536. */
  readonly piece?: Draw | undefined;
  /** Bytes per second, at most. Default Infinity. */
  readonly rate?: number | undefined;
  /** Bytes until it stalls, drawn again after each stall. Default Infinity. */
  readonly stallAfter?: Draw | undefined;
  /** Milliseconds of a stall. Default 1,000 to 10,000. */
  readonly stallFor?: Draw | undefined;
  /** Bytes after which this direction ends: the receiver reads the end, what follows is lost. Default Infinity. */
  readonly truncateAfter?: Draw | undefined;
  /** Bytes after which both ends are reset. What has not arrived by then, in either direction, is lost. Default Infinity. */
  readonly resetAfter?: Draw | undefined;
}

/** Faults of both directions, each with draws of its own, and what is different in one of them. */
export interface ConnectionFaults extends Faults {
  /** From the client to the target; what it leaves out is as above. */
  readonly up?: Faults | undefined;
  /** From the target to the client; what it leaves out is as above. */
  readonly down?: Faults | undefined;
}

/** The checks of one direction's faults. */
const DIRECTION: Checks<Faults> = {
  delay: drawable,
  piece: drawable,
  stallAfter: drawable,
  stallFor: drawable,
  truncateAfter: drawable,
  resetAfter: drawable,
  rate: positive('a number of bytes per second'),
};

/** All faults, of both directions and of each. */
export const FAULTS: Checks<ConnectionFaults> = {
  ...DIRECTION,
  up: objectOf(DIRECTION),
  down: objectOf(DIRECTION),
};

/** The faults of one direction. */
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

/** One amount. */
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
 * Faults of any kind for one connection: mixtures of delays, pieces, rates and stalls, and in half of all cases a truncation
 * or a reset somewhere in the first 100,000 bytes. None of them is slower than some 8,000 bytes per second, its stalls of at
 * most two seconds left aside.
 * @param options `lossless`: without truncations and resets, so that every byte arrives
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
  // So long at most that pieces of any length keep up the rate promised; a host's timers come some tenths late.
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

/** An integer from `from` to `to`, of any order of magnitude with equal chances. */
function some(random: () => number, from: number, to: number): number {
  return Math.round(from * (to / from) ** random());
}
