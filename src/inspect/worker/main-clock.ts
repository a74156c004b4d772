// The clock of the main thread, read in the worker. Threads have clocks of their own that begin when
// they start.
import { performance } from 'node:perf_hooks';

/** In milliseconds: further apart, two clocks do not mean the same. */
const SAME = 50;

/**
 * Returns the time of the main thread.
 * @param offset added to the main thread's `hrtime` in milliseconds, it gives that time
 * @param origin when that time was 0, in milliseconds since 1970
 */
export function mainClock(offset: number, origin: number): () => number {
  const byCounter = (): number => Number(process.hrtime.bigint()) / 1e6 + offset;
  const byOrigin = (): number => performance.timeOrigin - origin + performance.now();
  // Node has one counter for all threads, the more exact way. Bun and Deno have one for each.
  return Math.abs(byCounter() - byOrigin()) < SAME ? byCounter : byOrigin;
}
