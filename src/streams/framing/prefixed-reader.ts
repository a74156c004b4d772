// PrefixedReader: records that say their length first. A decoder reads the length, this class the rest.
//
// States: PREFIX (`#length` is UNKNOWN; `#pieces` and the decoder hold what was read of it) -> BODY (`#length` is known)
// -> PREFIX. Each read of the stream takes all it asked for or nothing, and each is followed by its step without a wait in
// between: so a cancel finds either state whole, and the next read goes on from it.
import { type Check, ofType, wrongValue } from '../../base/index.ts';
import { IncompleteReadError, LimitOverrunError, type WaitOptions } from '../../core/index.ts';
import { Buffer } from '../buffer.ts';
import type { StreamReader } from '../reader.ts';
import { RecordReader } from './record-reader.ts';

/** Bytes that a record may have, by default: 16 MiB. */
export const DEFAULT_MAX_LENGTH: number = 16 * 1024 * 1024;

/** Returned by a decoder that needs another piece. */
export const UNKNOWN = -1;

/** Makes a length out of one piece or several. */
export interface LengthDecoder {
  /** Bytes of each piece. */
  readonly pieceLength: number;
  /** The length, when this piece was its last: the decoder is then ready for the next one. Else UNKNOWN.
   * @throws SyntaxError for a piece that cannot be part of a length */
  decode(piece: Buffer): number;
}

/** A kind of records. */
export interface PrefixedFormat {
  /** `frame`, `netstring`: for messages. */
  readonly name: string;
  /** Bytes: a record that announces more is refused. */
  readonly maxLength: number;
  readonly decoder: LengthDecoder;
  /** A byte that follows every record and is not part of it; undefined without one. */
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

  /** Undefined at an end between records. */
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

/** The limit of records that say their length. */
export const recordLimit: Check = ofType(
  'number',
  'an integer number of bytes >= 0',
  (bytes) => Number.isSafeInteger(bytes) && bytes >= 0,
);

/** How many bytes `data` has; refuses what is neither text nor bytes, and what is above the limit, before it is written. */
export function checkedLength(data: string | Uint8Array, maxLength: number, what: string): number {
  if (typeof data !== 'string' && !(data instanceof Uint8Array)) {
    throw wrongValue(`write ${what}`, '', 'text or bytes', data);
  }
  const length = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
  if (length <= maxLength) return length;
  throw new RangeError(`Cannot write ${what}: it has ${length} bytes, the limit is ${maxLength}`);
}
