// JSON Lines (NDJSON): one JSON text a line, in UTF-8. https://jsonlines.org
//
// A line is one read of the stream (readUntil, not readLine: it leaves an overlong line alone, where a dropped half would
// make the other half look like a line), so a cancel has taken the line or nothing of it.
import { type Checks, checkOptions, describe, quote } from '../../base/index.ts';
import { IncompleteReadError, type WaitOptions } from '../../core/index.ts';
import { byteLimit } from '../reader-options.ts';
import { Buffer } from '../buffer.ts';
import type { StreamReader } from '../reader.ts';
import type { StreamWriter } from '../writer.ts';
import { RecordReader } from './record-reader.ts';

/** Characters of a bad line that its error shows. */
const EXCERPT = 40;

export interface JsonLinesOptions {
  /** Bytes: the longest line, without its newline. Default: the reader's limit. */
  readonly maxLength?: number | undefined;
}

/** All options of jsonLines. */
export const JSON_LINES: Checks<JsonLinesOptions> = { maxLength: byteLimit };

/**
 * Reads one JSON value a line, with `read()` or `for await`. Blank lines are skipped; a last line without a newline is
 * given, unless it is a number, which may have been cut short.
 * `read()` rejects with SyntaxError, naming the line and its beginning, for a line that is not JSON in UTF-8: that line is
 * dropped, and the next read goes on after it. It rejects with LimitOverrunError, nothing read, for a line that is too
 * long: to go on, take the line from the reader. And with IncompleteReadError when the stream ends within a line. A
 * cancelled read loses nothing.
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
 * Writes a value as JSON and a newline. Does not wait: `drain` afterwards.
 * @throws TypeError, with nothing written, for what JSON cannot hold: undefined, a function, a cycle, a bigint;
 * InvalidStateError after `writeEof`
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
  const text = JSON.stringify(value) as string | undefined; // its type hides what it gives for undefined
  if (text === undefined) throw new TypeError(`Cannot write JSON: it has no form for ${describe(value)}`);
  writer.write(`${text}\n`); // without indentation there is no newline in it
}

class JsonLineReader extends RecordReader<unknown> {
  readonly #maxLength: number;
  /** Lines read so far. */
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

/** The value of a line that ended with the stream. Cut short, only a number could be taken for a whole value. */
function lastValue(error: IncompleteReadError): unknown {
  const line = error.partial as Buffer; // a reader gives Buffers
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

/** Whether `text` is what `line` says: bytes that are no UTF-8 were decoded to U+FFFD, which encodes to other bytes. */
function isWhole(text: string, line: Buffer): boolean {
  return !text.includes('\ufffd') || Buffer.from(text).equals(line);
}

/** Nothing but spaces, tabs and the line's end. */
function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 32 || byte === 9 || byte === 13 || byte === 10);
}
