// The work: counts primes by trial division, which is slow on purpose. (A sieve counts those below
// 20 million in 0.15 s, and nobody would see a page freeze.)
//
// The page calls these functions in its own thread, and the worker in its own. Outside of a job,
// checkpoint() and report() do nothing.
import { sleep } from 'maitre/core';
import { checkpoint, report } from 'maitre/executors';

/** How many numbers are tested between two looks at the clock, or at the cancel. */
const STEP = 2000;

/** What both ways of the page's own thread take. */
interface Options {
  readonly signal: AbortSignal;
  /** Receives the part that is done, from 0 to 1. */
  readonly onProgress: (part: number) => void;
}

/** Counts the primes below a limit, in one go. */
export function countPrimes(limit: number): number {
  let count = 0;
  for (let from = 2; from < limit; from += STEP) {
    checkpoint(); // throws once the caller was cancelled
    count += countBetween(from, Math.min(from + STEP, limit));
    report(from / limit);
  }
  return count;
}

/** Counts the primes below a limit, and lets the page have a turn after every `slice` milliseconds. */
export async function countInSlices(limit: number, slice: number, { signal, onProgress }: Options): Promise<number> {
  let count = 0;
  let until = performance.now() + slice;
  for (let from = 2; from < limit; from += STEP) {
    if (performance.now() >= until) {
      onProgress(from / limit);
      await sleep(0, undefined, { signal }); // a turn of the loop: frames, clicks, scrolling
      until = performance.now() + slice;
    }
    count += countBetween(from, Math.min(from + STEP, limit));
  }
  return count;
}

function countBetween(from: number, to: number): number {
  let count = 0;
  for (let n = from; n < to; n++) if (isPrime(n)) count++;
  return count;
}

function isPrime(n: number): boolean {
  for (let i = 2; i * i <= n; i++) if (n % i === 0) return false;
  return true;
}
