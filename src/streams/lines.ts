// Iteration over a reader's lines. Written out rather than as async generators: a step costs one promise less.
import { Buffer } from 'node:buffer';
import { describe } from '../base/index.ts';
import type { WaitOptions } from '../core/index.ts';

/** What the iterators need of a reader. */
interface LineSource {
  readLine(options?: WaitOptions): Promise<Buffer>;
}

const NEWLINE = 10;
const RETURN = 13;

/** Lines as Buffers with their newline. */
export class LineIterator implements AsyncIterableIterator<Buffer> {
  readonly #reader: LineSource;
  #done = false;

  constructor(reader: LineSource) {
    this.#reader = reader;
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#done) return { done: true, value: undefined };
    const line = await this.#reader.readLine();
    if (line.length > 0) return { done: false, value: line };
    return this.return();
  }

  return(): Promise<IteratorResult<Buffer, undefined>> {
    this.#done = true;
    return Promise.resolve({ done: true, value: undefined });
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

  async next(): Promise<IteratorResult<string, undefined>> {
    if (this.#done) return { done: true, value: undefined };
    const line = await this.#reader.readLine(this.#options);
    let end = line.length;
    if (end === 0) return this.return();
    if (line[end - 1] === NEWLINE) {
      end--;
      if (end > 0 && line[end - 1] === RETURN) end--;
    }
    return { done: false, value: line.toString(this.#encoding, 0, end) };
  }

  return(): Promise<IteratorResult<string, undefined>> {
    this.#done = true;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
