// Iteration over a reader's lines. Written out rather than as async generators: a step costs one promise less, and none but its
// own when the line is there.
import { Buffer } from 'node:buffer';
import { describe } from '../base/index.ts';
import { beginWait, CancelledError, mayAnswer, type WaitOptions } from '../core/index.ts';

/** What the iterators need of a reader. */
interface LineSource {
  readLine(options?: WaitOptions): Promise<Buffer>;
  tryReadLine(): Buffer | undefined;
}

/** A waiting call that makes a result of the next line. */
function nextLine<T>(
  reader: LineSource,
  options: WaitOptions | undefined,
  toResult: (line: Buffer) => IteratorResult<T, undefined>,
): Promise<IteratorResult<T, undefined>> {
  if (options === undefined) {
    const refused = beginWait();
    if (refused !== undefined) return refused;
    const line = mayAnswer() ? reader.tryReadLine() : undefined;
    if (line !== undefined) return Promise.resolve(toResult(line));
  }
  const call = new Promise<IteratorResult<T, undefined>>((resolve, reject) => {
    reader.readLine(options).then(
      (line) => resolve(toResult(line)),
      (error: unknown) => {
        if (error instanceof CancelledError) call.catch(ignore); // as of every waiting call
        reject(error);
      },
    );
  });
  return call;
}

function ignore(): void {}

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

const NEWLINE = 10;
const RETURN = 13;

/** Lines as Buffers with their newline. */
export class LineIterator implements AsyncIterableIterator<Buffer> {
  readonly #reader: LineSource;
  #done = false;

  constructor(reader: LineSource) {
    this.#reader = reader;
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#done) return Promise.resolve(END);
    return nextLine(this.#reader, undefined, this.#toResult);
  }

  readonly #toResult = (line: Buffer): IteratorResult<Buffer, undefined> => {
    if (line.length > 0) return { done: false, value: line };
    this.#done = true;
    return END;
  };

  return(): Promise<IteratorResult<Buffer, undefined>> {
    this.#done = true;
    return Promise.resolve(END);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Lines as text without their newline. A character split over chunks is whole again: lines are decoded when complete. */
export class TextLineIterator implements AsyncIterableIterator<string> {
  readonly #reader: LineSource;
  readonly #encoding: BufferEncoding;
  readonly #options: WaitOptions | undefined;
  #done = false;

  constructor(reader: LineSource, encoding: BufferEncoding, options: WaitOptions | undefined) {
    if (!Buffer.isEncoding(encoding)) throw new RangeError(`Cannot read lines: unknown encoding ${describe(encoding)}`);
    if (!['utf8', 'utf-8', 'latin1', 'binary', 'ascii'].includes(encoding.toLowerCase())) {
      throw new RangeError(`Cannot read lines: in ${encoding} a newline is not one byte, use readUntil and decode`);
    }
    this.#reader = reader;
    this.#encoding = encoding;
    this.#options = options;
  }

  next(): Promise<IteratorResult<string, undefined>> {
    if (this.#done) return Promise.resolve(END);
    return nextLine(this.#reader, this.#options, this.#toResult);
  }

  readonly #toResult = (line: Buffer): IteratorResult<string, undefined> => {
    let end = line.length;
    if (end === 0) {
      this.#done = true;
      return END;
    }
    if (line[end - 1] === NEWLINE) {
      end--;
      if (end > 0 && line[end - 1] === RETURN) end--;
    }
    return { done: false, value: line.toString(this.#encoding, 0, end) };
  };

  return(): Promise<IteratorResult<string, undefined>> {
    this.#done = true;
    return Promise.resolve(END);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
