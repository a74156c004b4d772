// Iterates over the bytes of a reader as they come.
import type { WaitOptions } from '../core/index.ts';
import { type IteratedReader, ReadIterator } from './read-iterator.ts';

interface ChunkSource extends IteratedReader {
  read(n: number, options?: WaitOptions): Promise<Buffer>;
}

export class ChunkIterator extends ReadIterator<Buffer> {
  readonly #reader: ChunkSource;
  readonly #options: WaitOptions | undefined;

  constructor(reader: ChunkSource, options: WaitOptions | undefined) {
    super(reader);
    this.#reader = reader;
    this.#options = options;
  }

  protected override read(): Promise<Buffer> {
    return this.#reader.read(Infinity, this.#options);
  }

  protected override toValue(bytes: Buffer): Buffer {
    return bytes;
  }
}
