import { type Check, ofType } from '../base/index.ts';

/** The check for the seed of random numbers. */
export const seedNumber: Check = ofType('number', 'a finite number', Number.isFinite);

/**
 * Returns a source of random numbers, 0 <= x < 1, that the seed repeats (mulberry32). For tests
 * that have to be replayed, not for secrets.
 * @param seed any finite number
 *
 * @example
 * ```ts
 * import { seededRandom } from 'maitre/testing';
 * const random = seededRandom(7);
 * console.log(random() === seededRandom(7)()); // true
 * ```
 */
export function seededRandom(seed: number): () => number {
  seedNumber('make random numbers', 'seed', seed);
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
