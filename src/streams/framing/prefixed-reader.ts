// PrefixedReader: records that start with their length. A decoder reads the length, this class the
// rest.
//
// States: PREFIX (`#length` is UNKNOWN; `#pieces` and the decoder hold the part of the length that
// was read) -> BODY (`#length` is known) -> PREFIX.
//
// Each read of the stream takes all that it needs or nothing, and its state change follows without
// a wait between them. So a cancel leaves one of the two states complete, and the next read
// continues from it. Example: the length of a frame was read, and the read of its body is
// cancelled. The state is BODY, with the length known. The next read waits for the body only.
import { type Check, ofType, wrongValue } from '../../base/index.ts';
import { IncompleteReadError, LimitOverrunError, type WaitOptions } from '../../core/index.ts';
import { Buffer } from '../buffer.ts';
import type { StreamReader } from '../reader.ts';
import { RecordReader } from './record-reader.ts';

/** The default maximum of a record: 16 MiB, in bytes. */
export const DEFAULT_MAX_LENGTH: number = 16 * 1024 * 1024;

/** Returned by a decoder that needs another piece. */
export const UNKNOWN = -1;

/** Decodes a length from one or more pieces. */
export interface LengthDecoder {
  /** The bytes of each piece. */
  readonly pieceLength: number;
  /**
   * Takes one piece. Returns the length if this piece was its last, and resets for the next length.
   * Otherwise returns UNKNOWN.
   * @throws SyntaxError for a piece that cannot be part of a length
   */
  decode(piece: Buffer): number;
}

/** A kind of record. */
export interface PrefixedFormat {
  /** `frame` or `netstring`, for messages. */
  readonly name: string;
  /** The longest record, in bytes. One that announces more is rejected. */
  readonly maxLength: number;
  readonly decoder: LengthDecoder;
  /** A byte that follows every record and is not part of it. Undefined if there is none. */
  readonly terminator?: number | undefined;
}

export class PrefixedReader extends RecordReader<Buffer> {
  readonly #format: PrefixedFormat;
  #length = UNKNOWN;
  /** The pieces of a length that is not complete. */
  #pieces: Buffer[] = [];

  constructor(reader: StreamReader, format: PrefixedFormat) {
    super(reader);
    this.#format = format;
  }

  protected override async readRecord(options: WaitOptions | undefined): Promise<Buffer | undefined> {
    const { terminator, name } = this.#format;
    while (this.#length === UNKNOWN) {
      const piece = await this.#readPiece(options);
      if (piece === undefined) return undefined;
      this.#take(piece);
    }
    const length = this.#length;
    const body = await this.reader.readExactly(terminator === undefined ? length : length + 1, options);
    this.#length = UNKNOWN;
    this.reader.isInRecord = false;
    if (terminator === undefined) return body;
    if (body[length] === terminator) return body.subarray(0, length);
    const expected = JSON.stringify(String.fromCharCode(terminator));
    throw new SyntaxError(`Cannot read ${name}: expected ${expected} after ${length} bytes, got byte ${body[length]}`);
  }

  protected override breaksStream(error: unknown): boolean {
    return error instanceof IncompleteReadError || error instanceof LimitOverrunError || error instanceof SyntaxError;
  }

  /** Resolves to undefined if the stream ends between records. */
  async #readPiece(options: WaitOptions | undefined): Promise<Buffer | undefined> {
    try {
      return await this.reader.readExactly(this.#format.decoder.pieceLength, options);
    } catch (error) {
      if (!(error instanceof IncompleteReadError)) throw error;
      if (this.#pieces.length === 0) {
        if (error.partial.length === 0) return undefined;
        throw error;
      }
      throw new IncompleteReadError(Buffer.concat([...this.#pieces, error.partial]));
    }
  }

  #take(piece: Buffer): void {
    const { decoder, maxLength, name } = this.#format;
    this.reader.isInRecord = true;
    const length = decoder.decode(piece);
    if (length === UNKNOWN) {
      this.#pieces.push(piece);
      return;
    }
    this.#pieces = [];
    if (length > maxLength) {
      throw new LimitOverrunError(
        `Cannot read ${name}: ${length} bytes or more are announced, the limit is ${maxLength}. ` +
          'A larger one is allowed by { maxLength: BYTES }',
        length,
      );
    }
    this.#length = length;
  }
}

/** The check for the limit of length-prefixed records. */
export const recordLimit: Check = ofType(
  'number',
  'an integer number of bytes >= 0',
  (bytes) => Number.isSafeInteger(bytes) && bytes >= 0,
);

/**
 * Returns the number of bytes of `data`. Throws, before anything is written, if it is neither text
 * nor bytes or exceeds the limit.
 */
export function checkedLength(data: string | Uint8Array, maxLength: number, what: string): number {
  if (typeof data !== 'string' && !(data instanceof Uint8Array)) {
    throw wrongValue(`write ${what}`, '', 'text or bytes', data);
  }
  const length = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
  if (length <= maxLength) return length;
  throw new RangeError(`Cannot write ${what}: it has ${length} bytes, the limit is ${maxLength}`);
}
