import { type Check, ofType } from '../base/index.ts';

/** The seed of random numbers. */
export const seedNumber: Check = ofType('number', 'a finite number', Number.isFinite);

/** Random numbers, 0 <= x < 1, that a seed repeats (mulberry32): for tests that must be replayed, not for secrets. */
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
