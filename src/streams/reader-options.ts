// The options of a reader and of its reads, their checks, and the errors of reads that exceed a
// limit.
import { type Check, type Checks, notNegative, positive, wrongValue } from '../base/index.ts';
import { LimitOverrunError, type WaitOptions } from '../core/index.ts';

/** The default limit of a line or record, in bytes. */
export const DEFAULT_LIMIT = 65536;

/** The default maximum of a read to the end, in bytes. */
export const DEFAULT_READ_LIMIT: number = 64 * 1024 * 1024;

/** Options of a StreamReader: limits, in bytes. */
export interface StreamReaderOptions {
  /**
   * The longest line or record, in bytes. Also half of what the reader holds before it makes the
   * peer wait. Defaults to 65536.
   */
  readonly limit?: number | undefined;
  /**
   * The number of bytes held above which the transport is paused. Defaults to 2 x limit. 0 takes
   * one chunk at a time.
   */
  readonly pauseAbove?: number | undefined;
  /**
   * The most that `read()` to the end may take, in bytes. Defaults to 64 MiB; Infinity means no
   * limit.
   */
  readonly readLimit?: number | undefined;
}

/** Options of the reads that look for a separator. */
export interface ReadUntilOptions extends WaitOptions {
  /** The longest line or record for this read, in bytes. Defaults to the limit of the reader. */
  readonly limit?: number | undefined;
}

/** Options of `readTextLine`. */
export interface TextLineOptions extends ReadUntilOptions {
  /** An encoding in which a newline is one byte: `utf8` (the default), `latin1`, `ascii`. */
  readonly encoding?: BufferEncoding | undefined;
  /**
   * What happens to a last line without a newline, which may have been cut off. Defaults to
   * `return`; `throw` rejects with IncompleteReadError.
   */
  readonly partial?: 'return' | 'throw' | undefined;
}

/** The check for limits: a number of bytes. */
export const byteLimit: Check = positive('a number of bytes');

/** The checks for every option of a StreamReader. */
export const READER: Checks<StreamReaderOptions> = {
  limit: byteLimit,
  pauseAbove: notNegative('a number of bytes'),
  readLimit: byteLimit,
};

/** Makes the error for a number of bytes that cannot be read. */
export function countError(n: unknown, action: string): Error {
  const expected = `${action === 'read' ? 'an integer' : 'an integer >= 0'} number of bytes`;
  return wrongValue(action, '', expected, n, 'number');
}

/**
 * Returns the limit of one read. @throws TypeError or RangeError unless it is a number of bytes
 * above 0
 */
export function limitOf(options: ReadUntilOptions | undefined, byDefault: number): number {
  const limit = options?.limit;
  if (limit === undefined) return byDefault;
  byteLimit('read', 'limit', limit);
  return limit;
}

/** Makes the error of a read to the end that exceeds its maximum. */
export function endOverrun(held: number, limit: number): LimitOverrunError {
  return new LimitOverrunError(
    `Cannot read to the end: ${held} bytes came before it, readLimit is ${limit}; nothing was read. ` +
      'Read in pieces with read(BYTES), or allow more with { readLimit: BYTES }',
    held,
  );
}

/** Makes the error of a line or record that is too long, whether its separator was found or not. */
export function overrun(found: boolean, line: boolean, consumed: number, limit: number): LimitOverrunError {
  const what = line ? 'line' : 'record';
  const where = found ? `the separator comes after ${consumed} bytes` : `no separator in the first ${consumed} bytes`;
  const fate = line ? 'it was dropped' : 'nothing was read';
  return new LimitOverrunError(
    `Cannot read ${what}: ${where}, the limit is ${limit}; ${fate}. A larger one is allowed by { limit: BYTES }`,
    consumed,
  );
}
