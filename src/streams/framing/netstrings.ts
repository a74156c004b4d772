// Netstrings, `5:hello,`: https://cr.yp.to/proto/netstrings.txt. Strict: no sign, no space, no
// leading zero.
import { type Checks, checkOptions } from '../../base/index.ts';
import type { StreamReader } from '../reader.ts';
import type { StreamWriter } from '../writer.ts';
import {
  checkedLength,
  DEFAULT_MAX_LENGTH,
  type LengthDecoder,
  PrefixedReader,
  recordLimit,
  UNKNOWN,
} from './prefixed-reader.ts';
import type { RecordReader } from './record-reader.ts';

const ZERO = 48;
const NINE = 57;
const COLON = 58;
const COMMA = 44;

/** Options of `netstrings` and `writeNetstring`. */
export interface NetstringOptions {
  /** The longest netstring without its length and punctuation, in bytes. Defaults to 16 MiB. */
  readonly maxLength?: number | undefined;
}

/** The checks for every option of netstrings. */
export const NETSTRINGS: Checks<NetstringOptions> = { maxLength: recordLimit };

/**
 * Reads netstrings (`5:hello,`), with `read()` or `for await`. Each is a Buffer of the content. A
 * cancelled read loses nothing.
 *
 * `read()` rejects in these cases, and every later read then rejects with the same error:
 * - LimitOverrunError, at the first digit that announces more than `maxLength`.
 * - IncompleteReadError, if the stream ends within a netstring.
 * - SyntaxError, at the first byte that cannot be part of a netstring, including a leading zero of
 *   the length.
 *
 * @param reader the stream; use it only through the result while you read netstrings
 * @throws RangeError or TypeError for options that are wrong or unknown
 *
 * @example
 * ```ts
 * import { netstrings, StreamReader } from 'maitre';
 * const reader = new StreamReader();
 * reader.feedData(Buffer.from('5:hello,0:,'));
 * reader.feedEof();
 * for await (const text of netstrings(reader)) console.log(text.length); // 5, 0
 * ```
 */
export function netstrings(reader: StreamReader, options: NetstringOptions = {}): RecordReader<Buffer> {
  checkOptions('use netstrings', options, NETSTRINGS);
  const { maxLength = DEFAULT_MAX_LENGTH } = options;
  return new PrefixedReader(reader, {
    name: 'netstring',
    maxLength,
    decoder: new DigitsDecoder(maxLength),
    terminator: COMMA,
  });
}

/**
 * Writes text (as UTF-8) or bytes as a netstring. Does not wait; call `drain` afterwards.
 * @throws RangeError, with nothing written, for more than `maxLength` bytes
 * @throws TypeError for anything but text and bytes
 * @throws InvalidStateError after `writeEof`
 *
 * @example
 * ```ts
 * import { netstrings, writeNetstring } from 'maitre';
 * import { memoryStreamPair } from 'maitre/testing';
 * const [a, b] = memoryStreamPair();
 * writeNetstring(a.writer, 'hello');
 * await a.writer.drain();
 * console.log(String(await netstrings(b.reader).read()));
 * ```
 */
export function writeNetstring(writer: StreamWriter, data: string | Uint8Array, options: NetstringOptions = {}): void {
  const { maxLength = DEFAULT_MAX_LENGTH } = options;
  recordLimit('use netstrings', 'maxLength', maxLength);
  const length = checkedLength(data, maxLength, 'netstring');
  writer.write(`${length}:`);
  writer.write(data);
  writer.write(',');
}

class DigitsDecoder implements LengthDecoder {
  readonly pieceLength = 1;
  readonly #maxLength: number;
  #value: number = UNKNOWN;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  decode(piece: Buffer): number {
    const byte = piece[0] as number; // defined: pieceLength is 1
    const value = this.#value;
    if (byte >= ZERO && byte <= NINE && value !== 0) {
      const longer = (value === UNKNOWN ? 0 : value * 10) + byte - ZERO;
      if (longer > this.#maxLength) return longer; // more digits only increase it: this bounds the number of digits
      this.#value = longer;
      return UNKNOWN;
    }
    if (byte === COLON && value !== UNKNOWN) {
      this.#value = UNKNOWN;
      return value;
    }
    const wanted = value === UNKNOWN ? 'a digit' : value === 0 ? '":" after the length 0' : 'a digit or ":"';
    throw new SyntaxError(`Cannot read netstring: expected ${wanted}, got byte ${byte}`);
  }
}
