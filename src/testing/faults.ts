// Faults: what a bad network does to a connection, as options; and drawing such options from random numbers.
//
// Amounts are drawn anew each time they are needed. Where a fault strikes is counted in bytes, not in time or chunks: a seed
// repeats it, whatever way the system cuts the stream.
import { describe } from '../base/index.ts';

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

const AMOUNTS = ['delay', 'piece', 'stallAfter', 'stallFor', 'truncateAfter', 'resetAfter'] as const;

/** The faults of one direction. */
export function faultsOf(faults: ConnectionFaults, direction: 'up' | 'down'): Faults {
  const { up, down, ...both } = faults;
  return { ...both, ...(direction === 'up' ? up : down) };
}

/** @throws TypeError or RangeError for the first fault that is wrong or unknown */
export function checkFaults(faults: ConnectionFaults): void {
  checkDirection(faults, ['up', 'down']);
  for (const direction of [faults.up, faults.down]) if (direction !== undefined) checkDirection(direction, []);
}

function checkDirection(faults: Faults, more: readonly string[]): void {
  if (typeof faults !== 'object' || faults === null) {
    throw new TypeError(`Cannot plan faults: expected an object, got ${describe(faults)}`);
  }
  const known: readonly string[] = [...AMOUNTS, 'rate', ...more];
  for (const name of Object.keys(faults)) {
    if (!known.includes(name)) throw new TypeError(`Cannot plan faults: unknown fault ${describe(name)}`);
  }
  for (const name of AMOUNTS) checkDraw(name, faults[name]);
  const { rate } = faults;
  if (rate !== undefined && !(typeof rate === 'number' && rate > 0)) {
    throw new RangeError(`Cannot plan faults: rate must be a number of bytes per second > 0, got ${describe(rate)}`);
  }
}

function checkDraw(name: string, amount: Draw | undefined): void {
  if (amount === undefined || typeof amount === 'function') return;
  const [from, to] = typeof amount === 'number' ? [amount, amount] : amount;
  if (typeof from === 'number' && from >= 0 && typeof to === 'number' && to >= from) return;
  const got = typeof amount === 'number' ? String(amount) : `[${String(from)}, ${String(to)}]`;
  throw new RangeError(`Cannot plan faults: ${name} must be a number >= 0 or a range of them, got ${got}`);
}

/** One amount. */
export function draw(amount: Draw, random: () => number): number {
  if (typeof amount === 'number') return amount;
  if (typeof amount === 'function') return amount(random);
  const [from, to] = amount;
  return to === Infinity ? Infinity : from + (to - from) * random();
}

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
export function drawFaults(
  random: () => number,
  { lossless = false }: { readonly lossless?: boolean | undefined } = {},
): ConnectionFaults {
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
