// Lines of a reader: one by one and as iterations, as Buffers and as text.
import { type Check, oneOf, ofType } from '../base/index.ts';
import { IncompleteReadError, waiting, type WaitOptions } from '../core/index.ts';
import { type IteratedReader, ReadIterator } from './read-iterator.ts';
import type { ReadUntilOptions, TextLineOptions } from './reader-options.ts';

/** The part of a reader that lines need. */
interface LineSource {
  readLine(options?: ReadUntilOptions): Promise<Buffer>;
}

const lastLine: Check = oneOf('return or throw');
const NEWLINE = 10;
const RETURN = 13;
/** The encodings in which a newline is one byte that is part of no other character. */
const READABLE = ['utf8', 'utf-8', 'latin1', 'binary', 'ascii'];
/** The other encodings of a Buffer. */
const UNREADABLE = ['ucs2', 'ucs-2', 'utf16le', 'utf-16le', 'hex', 'base64', 'base64url'];

const knownEncoding: Check = ofType('string', 'a known encoding', (name) => UNREADABLE.includes(name));

/** Iterates over lines as Buffers with their newline. */
export class LineIterator extends ReadIterator<Buffer> {
  readonly #reader: LineSource;

  constructor(reader: LineSource & IteratedReader) {
    super(reader);
    this.#reader = reader;
  }

  protected override read(): Promise<Buffer> {
    return this.#reader.readLine();
  }

  protected override toValue(line: Buffer): Buffer {
    return line;
  }
}

/**
 * Iterates over lines as text without their newline. Lines are decoded when complete, so a
 * character that was split over chunks is whole.
 */
export class TextLineIterator extends ReadIterator<string> {
  readonly #reader: LineSource;
  readonly #encoding: BufferEncoding;
  readonly #options: WaitOptions | undefined;

  constructor(reader: LineSource & IteratedReader, encoding: BufferEncoding, options: WaitOptions | undefined) {
    super(reader);
    checkEncoding(encoding);
    this.#reader = reader;
    this.#encoding = encoding;
    this.#options = options;
  }

  protected override read(): Promise<Buffer> {
    return this.#reader.readLine(this.#options);
  }

  protected override toValue(line: Buffer): string {
    return toText(line, this.#encoding);
  }
}

/** Implements StreamReader.readTextLine. */
export function readTextLine(reader: LineSource, options: TextLineOptions = {}): Promise<string | undefined> {
  return waiting(readDecoded(reader, options));
}

async function readDecoded(reader: LineSource, options: TextLineOptions): Promise<string | undefined> {
  const { encoding = 'utf8', partial = 'return', limit, signal } = options;
  checkEncoding(encoding);
  lastLine('read line', 'partial', partial);
  const line = await reader.readLine(limit === undefined && signal === undefined ? undefined : options);
  if (line.length === 0) return undefined;
  if (partial === 'throw' && line[line.length - 1] !== NEWLINE) throw new IncompleteReadError(line);
  return toText(line, encoding);
}

/** Decodes a line without its ending. */
function toText(line: Buffer, encoding: BufferEncoding): string {
  let end = line.length;
  if (line[end - 1] === NEWLINE) {
    end--;
    if (end > 0 && line[end - 1] === RETURN) end--;
  }
  return line.toString(encoding, 0, end);
}

function checkEncoding(encoding: BufferEncoding): void {
  const name = typeof encoding === 'string' ? encoding.toLowerCase() : encoding;
  if (READABLE.includes(name)) return;
  knownEncoding('read lines', 'encoding', name);
  throw new RangeError(`Cannot read lines: in ${encoding} a newline is not one byte, use readUntil and decode`);
}
