// JSON Lines (NDJSON): one JSON text per line, in UTF-8. https://jsonlines.org
//
// A line is one read of the stream, so a cancel has taken the whole line or nothing. The read is
// readUntil and not readLine: it leaves an overlong line in place, while readLine could drop its
// first half and make the rest look like a line.
import { type Checks, checkOptions, describe, quote } from '../../base/index.ts';
import { IncompleteReadError, type WaitOptions } from '../../core/index.ts';
import { byteLimit } from '../reader-options.ts';
import { Buffer } from '../buffer.ts';
import type { StreamReader } from '../reader.ts';
import type { StreamWriter } from '../writer.ts';
import { RecordReader } from './record-reader.ts';

/** The number of characters of a bad line that its error shows. */
const EXCERPT = 40;

/** Options of `jsonLines`. */
export interface JsonLinesOptions {
  /** The longest line without its newline, in bytes. Defaults to the limit of the reader. */
  readonly maxLength?: number | undefined;
}

/** The checks for every option of jsonLines. */
export const JSON_LINES: Checks<JsonLinesOptions> = { maxLength: byteLimit };

/**
 * Reads one JSON value per line, with `read()` or `for await`. Skips blank lines. Accepts a last
 * line without a newline, unless it is a number, which may have been cut off. A cancelled read
 * loses nothing.
 *
 * `read()` rejects in these cases:
 * - SyntaxError, with the number and the start of the line, for a line that is not JSON in UTF-8.
 *   The line is dropped, and the next read continues after it.
 * - LimitOverrunError, with nothing read, for a line that is too long. To continue, take the line
 *   from the reader.
 * - IncompleteReadError, if the stream ends within a line.
 *
 * @param reader the stream; use it only through the result while you read lines
 * @throws RangeError or TypeError for options that are wrong or unknown
 *
 * @example
 * ```ts
 * import { jsonLines, StreamReader } from 'maitre';
 * const reader = new StreamReader();
 * reader.feedData(Buffer.from('{"table":1}\n[2,3]\n'));
 * reader.feedEof();
 * for await (const value of jsonLines(reader)) console.log(value);
 * ```
 */
export function jsonLines(reader: StreamReader, options: JsonLinesOptions = {}): RecordReader<unknown> {
  checkOptions('use JSON lines', options, JSON_LINES);
  return new JsonLineReader(reader, options.maxLength ?? reader.limit);
}

/**
 * Writes a value as JSON and a newline. Does not wait; call `drain` afterwards.
 * @throws TypeError, with nothing written, for what JSON cannot express: undefined, a function, a
 * cycle, a bigint
 * @throws InvalidStateError after `writeEof`
 *
 * @example
 * ```ts
 * import { jsonLines, writeJsonLine } from 'maitre';
 * import { memoryStreamPair } from 'maitre/testing';
 * const [a, b] = memoryStreamPair();
 * writeJsonLine(a.writer, { table: 1, order: ['soup'] });
 * await a.writer.drain();
 * console.log(await jsonLines(b.reader).read());
 * ```
 */
export function writeJsonLine(writer: StreamWriter, value: unknown): void {
  const text = JSON.stringify(value) as string | undefined; // its type omits undefined
  if (text === undefined) throw new TypeError(`Cannot write JSON: it has no form for ${describe(value)}`);
  writer.write(`${text}\n`); // without indentation, JSON contains no newline
}

class JsonLineReader extends RecordReader<unknown> {
  readonly #maxLength: number;
  /** The number of lines read so far. */
  #line = 0;

  constructor(reader: StreamReader, maxLength: number) {
    super(reader);
    this.#maxLength = maxLength;
  }

  protected override async readRecord(options: WaitOptions | undefined): Promise<unknown> {
    for (;;) {
      let line: Buffer;
      try {
        line = await this.reader.readUntil('\n', { ...options, limit: this.#maxLength });
      } catch (error) {
        if (error instanceof IncompleteReadError) return lastValue(error);
        throw error;
      }
      this.#line++;
      if (!isBlank(line)) return parse(line, this.#line);
    }
  }

  protected override breaksStream(error: unknown): boolean {
    return error instanceof IncompleteReadError;
  }
}

/**
 * Returns the value of a line that ended with the stream. If it was cut off, only a number could
 * still look like a whole value.
 */
function lastValue(error: IncompleteReadError): unknown {
  const line = error.partial as Buffer; // a reader makes Buffers
  if (isBlank(line)) return undefined;
  try {
    const value = parse(line, 0);
    if (typeof value !== 'number') return value;
  } catch {
    // As incomplete as a number is.
  }
  throw error;
}

function parse(line: Buffer, number: number): unknown {
  let cause: unknown;
  try {
    const text = line.toString();
    if (isWhole(text, line)) return JSON.parse(text) as unknown;
  } catch (error) {
    cause = error;
  }
  const what = cause === undefined ? 'UTF-8' : 'JSON';
  const start = line.toString('utf8', 0, 4 * EXCERPT).trimEnd();
  const excerpt = start.length > EXCERPT ? `${quote(start.slice(0, EXCERPT))}...` : quote(start);
  throw new SyntaxError(`Cannot read JSON: line ${number} is not ${what}: ${excerpt}`, { cause });
}

/**
 * Returns true if `text` encodes to `line`. Bytes that are not UTF-8 were decoded to U+FFFD, which
 * encodes to other bytes.
 */
function isWhole(text: string, line: Buffer): boolean {
  return !text.includes('\ufffd') || Buffer.from(text).equals(line);
}

/** Returns true if the line has only spaces, tabs and its ending. */
function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 32 || byte === 9 || byte === 13 || byte === 10);
}
