// What can be asked of a reader and of its reads: options, their checks, and the errors of reads that ran into a limit.
import { type Check, type Checks, notNegative, positive, wrongValue } from '../base/index.ts';
import { LimitOverrunError, type WaitOptions } from '../core/index.ts';

/** Bytes: the limit of a line or record, by default. */
export const DEFAULT_LIMIT = 65536;

/** Bytes that a read to the end may take, by default. */
export const DEFAULT_READ_LIMIT: number = 64 * 1024 * 1024;

export interface StreamReaderOptions {
  /** Bytes: the longest line or record, and half of what is held before the peer is made to wait. Default 65536. */
  readonly limit?: number | undefined;
  /** Bytes: above this many held ones the transport is paused. Default 2 x limit; 0 takes one chunk at a time. */
  readonly pauseAbove?: number | undefined;
  /** Bytes: the most that `read()` to the end may take. Default 64 MiB; Infinity: no limit. */
  readonly readLimit?: number | undefined;
}

/** Options of the reads that look for a separator. */
export interface ReadUntilOptions extends WaitOptions {
  /** Bytes, for this read alone: the longest line or record. Default: the reader's. */
  readonly limit?: number | undefined;
}

/** Options of `readTextLine`. */
export interface TextLineOptions extends ReadUntilOptions {
  /** One in which a newline is one byte: `utf8` (default), `latin1`, `ascii`. */
  readonly encoding?: BufferEncoding | undefined;
  /** What becomes of a last line without a newline. Default `return`; `throw`: it may have been cut. */
  readonly partial?: 'return' | 'throw' | undefined;
}

/** How much may be held, or be one line: a number of bytes. */
export const byteLimit: Check = positive('a number of bytes');

/** All options of a StreamReader. */
export const READER: Checks<StreamReaderOptions> = {
  limit: byteLimit,
  pauseAbove: notNegative('a number of bytes'),
  readLimit: byteLimit,
};

/** The error of a number of bytes that cannot be read. */
export function countError(n: unknown, action: string): Error {
  const expected = `${action === 'read' ? 'an integer' : 'an integer >= 0'} number of bytes`;
  return wrongValue(action, '', expected, n, 'number');
}

/** The limit of one read, checked. @throws TypeError or RangeError unless it is a number of bytes above 0 */
export function limitOf(options: ReadUntilOptions | undefined, byDefault: number): number {
  const limit = options?.limit;
  if (limit === undefined) return byDefault;
  byteLimit('read', 'limit', limit);
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
