// How long the main thread was ready to run while the system ran other threads. Linux counts that.
// A main thread that did not beat may only have been without a processor: then nobody blocks it.
import { readFileSync } from 'node:fs';

/** Returns the milliseconds since the process began; undefined where the system does not tell. */
export function runDelay(pid: number = process.pid): number | undefined {
  try {
    // Time on a processor, time of waiting for one, both in nanoseconds, and how often it got one.
    const [, waited = ''] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ');
    return waited === '' ? undefined : Number(waited) / 1e6;
  } catch {
    return undefined; // not Linux, or not allowed
  }
}
