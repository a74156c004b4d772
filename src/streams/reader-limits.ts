// How much one read may take: what the limits of a reader may be, and the errors of reads that ran into one.
import { describe } from '../base/index.ts';
import { LimitOverrunError } from '../core/index.ts';

/** Bytes that a read to the end may take, by default. */
export const DEFAULT_READ_LIMIT: number = 64 * 1024 * 1024;

/** @throws TypeError or RangeError unless it is a number of bytes above 0 */
export function checkLimit(limit: number, name = 'limit'): number {
  const message = `Cannot set the reader's ${name}: expected a number of bytes > 0, got ${describe(limit)}`;
  if (typeof limit !== 'number') throw new TypeError(message);
  if (!(limit > 0)) throw new RangeError(message);
  return limit;
}

/** The error of a read to the end of which more came than it may take. */
export function endOverrun(held: number, limit: number): LimitOverrunError {
  return new LimitOverrunError(
    `Cannot read to the end: ${held} bytes came before it, readLimit is ${limit}; nothing was read. ` +
      'Read in pieces with read(BYTES), or allow more with { readLimit: BYTES }',
    held,
  );
}

/** The error of a line or record that is too long, found or not. */
export function overrun(found: boolean, line: boolean, consumed: number, limit: number): LimitOverrunError {
  const what = line ? 'line' : 'record';
  const where = found ? `the separator comes after ${consumed} bytes` : `no separator in the first ${consumed} bytes`;
  const fate = line ? 'it was dropped' : 'nothing was read';
  return new LimitOverrunError(
    `Cannot read ${what}: ${where}, the limit is ${limit}; ${fate}. A larger one is allowed by { limit: BYTES }`,
    consumed,
  );
}
