// Frames: each record follows its length, a binary integer of 1, 2, 4 or 8 bytes, or a varint as in
// Protocol Buffers.
import { type Checks, checkOptions, flag, wrongValue } from '../../base/index.ts';
import { Buffer } from '../buffer.ts';
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

/** The longest varint, in bytes: 56 bits, more than any accepted length. */
const LONGEST_VARINT = 8;

/** The format of the length of a frame. */
export type FrameHeader = 1 | 2 | 4 | 8 | 'varint';

/** Options of `frames` and `writeFrame`. Both sides have to use the same header. */
export interface FrameOptions {
  /**
   * The length before each frame: an unsigned integer of that many bytes, or a varint (unsigned
   * LEB128). Defaults to 4.
   */
  readonly header?: FrameHeader | undefined;
  /**
   * The byte order of the header. Does not affect a varint. Defaults to false: big-endian, the
   * usual network order.
   */
  readonly littleEndian?: boolean | undefined;
  /**
   * The longest frame without its header, in bytes. At most Number.MAX_SAFE_INTEGER. Defaults to 16
   * MiB.
   */
  readonly maxLength?: number | undefined;
}

/** The checks for every option of frames. */
export const FRAMES: Checks<FrameOptions> = {
  header: frameHeader,
  littleEndian: flag,
  maxLength: recordLimit,
};

const ACTION = 'use frames';

/**
 * Reads length-prefixed frames, with `read()` or `for await`. Each is a Buffer without its header.
 * A cancelled read loses nothing.
 *
 * `read()` rejects in these cases, and every later read then rejects with the same error:
 * - LimitOverrunError, if the header announces more than `maxLength`. It does not wait for any of
 *   the frame. `consumed` is the announced length.
 * - IncompleteReadError, if the stream ends within a frame or its header.
 * - SyntaxError, for a varint of more than 8 bytes. Shorter ones padded with zeros are accepted.
 *
 * @param reader the stream; use it only through the result while you read frames
 * @throws RangeError or TypeError for options that are wrong or unknown
 *
 * @example
 * ```ts
 * import { frames, writeFrame } from 'maitre';
 * import { memoryStreamPair } from 'maitre/testing';
 * const [a, b] = memoryStreamPair();
 * writeFrame(a.writer, 'one');
 * writeFrame(a.writer, 'two');
 * await a.close();
 * for await (const frame of frames(b.reader)) console.log(String(frame)); // one, two
 * await b.close();
 * ```
 */
export function frames(reader: StreamReader, options: FrameOptions = {}): RecordReader<Buffer> {
  checkOptions(ACTION, options, FRAMES);
  const { header = 4, littleEndian = false, maxLength = DEFAULT_MAX_LENGTH } = options;
  const decoder = header === 'varint' ? new VarintDecoder() : new IntegerDecoder(header, littleEndian);
  return new PrefixedReader(reader, { name: 'frame', maxLength, decoder });
}

/**
 * Writes one frame: its length, then text (as UTF-8) or bytes. Does not wait; call `drain`
 * afterwards. Pass the options that the other side reads with.
 * @throws RangeError, with nothing written, for more than `maxLength` bytes, or more than the
 * header can express
 * @throws TypeError for anything but text and bytes
 * @throws InvalidStateError after `writeEof`
 *
 * @example
 * ```ts
 * import { frames, writeFrame } from 'maitre';
 * import { memoryStreamPair } from 'maitre/testing';
 * const [a, b] = memoryStreamPair();
 * const format = { header: 'varint', maxLength: 1024 } as const;
 * writeFrame(a.writer, Buffer.from([1, 2, 3]), format);
 * await a.writer.drain();
 * console.log(await frames(b.reader, format).read());
 * ```
 */
export function writeFrame(writer: StreamWriter, data: string | Uint8Array, options: FrameOptions = {}): void {
  const { header = 4, littleEndian = false, maxLength = DEFAULT_MAX_LENGTH } = options;
  // Checks the options one by one: building an object for checkOptions costs as much as the frame.
  FRAMES.header(ACTION, 'header', header);
  FRAMES.littleEndian(ACTION, 'littleEndian', littleEndian);
  FRAMES.maxLength(ACTION, 'maxLength', maxLength);
  const most = header === 'varint' || header === 8 ? Number.MAX_SAFE_INTEGER : 2 ** (8 * header) - 1;
  const length = checkedLength(data, Math.min(most, maxLength), 'frame');
  writer.write(header === 'varint' ? encodeVarint(length) : encodeInteger(length, header, littleEndian));
  writer.write(data);
}

class IntegerDecoder implements LengthDecoder {
  readonly pieceLength: 1 | 2 | 4 | 8;
  readonly #littleEndian: boolean;

  constructor(pieceLength: 1 | 2 | 4 | 8, littleEndian: boolean) {
    this.pieceLength = pieceLength;
    this.#littleEndian = littleEndian;
  }

  decode(piece: Buffer): number {
    let value = 0;
    // Multiplies, because a shift would truncate to 32 bits. The result is rounded above
    // MAX_SAFE_INTEGER, which no limit reaches.
    for (let i = 0, last = this.pieceLength - 1; i <= last; i++) {
      value = value * 0x100 + (piece[this.#littleEndian ? last - i : i] as number); // defined: i <= last
    }
    return value;
  }
}

/** Seven bits per byte, the lowest first. The eighth bit says that another byte follows. */
class VarintDecoder implements LengthDecoder {
  readonly pieceLength = 1;
  #value = 0;
  #bytes = 0;

  decode(piece: Buffer): number {
    const byte = piece[0] as number; // defined: pieceLength is 1
    // Multiplies, as above.
    this.#value += (byte & 0x7f) * 2 ** (7 * this.#bytes);
    this.#bytes++;
    if (byte < 0x80) {
      const value = this.#value;
      this.#value = 0;
      this.#bytes = 0;
      return value;
    }
    if (this.#bytes < LONGEST_VARINT) return UNKNOWN;
    throw new SyntaxError(`Cannot read frame: its varint has more than ${LONGEST_VARINT} bytes`);
  }
}

function encodeInteger(length: number, size: 1 | 2 | 4 | 8, littleEndian: boolean): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let rest = length;
  for (let i = 0; i < size; i++, rest = Math.floor(rest / 0x100)) bytes[littleEndian ? i : size - 1 - i] = rest % 0x100;
  return bytes;
}

function encodeVarint(length: number): Buffer {
  const bytes: number[] = [];
  let rest = length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function frameHeader(action: string, name: string, value: unknown): void {
  if (value === 'varint' || value === 1 || value === 2 || value === 4 || value === 8) return;
  throw wrongValue(action, name, '1, 2, 4, 8 or varint', value, typeof value === 'string' ? 'string' : 'number');
}
