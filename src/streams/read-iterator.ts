// Iteration over what a reader gives. Written out rather than as async generators: a step costs one promise less, and return()
// can take back the read that next() waits in. Somebody who ends an iteration at that moment (a Readable made of it that is
// destroyed) would otherwise leave a read behind that takes a line with it, and keeps the reader busy until one comes.
import type { Buffer } from 'node:buffer';
import { CancelledError, quiet } from '../core/index.ts';

/** What an iterator needs of its reader, beside the read. */
export interface IteratedReader {
  takeBack(error: CancelledError, read: Promise<Buffer>): void;
}

/** Ends at the first read that gives no byte. */
export abstract class ReadIterator<T> implements AsyncIterableIterator<T> {
  readonly #source: IteratedReader;
  /** The read that may wait; undefined between two. */
  #waiting: Promise<Buffer> | undefined = undefined;
  #isDone = false;
  /** Of return(): what a read that is taken back rejects with. A cancel of the task that waits in next() is another one. */
  #ended: CancelledError | undefined = undefined;

  constructor(source: IteratedReader) {
    this.#source = source;
  }

  /** Begins the read of one step. */
  protected abstract read(): Promise<Buffer>;

  /** Makes what the loop gets; `bytes` is not empty. */
  protected abstract toValue(bytes: Buffer): T;

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#isDone) return Promise.resolve({ done: true, value: undefined });
    const read = this.read();
    this.#waiting ??= read; // a second one beside it is refused by the reader
    const step = read.then(
      (bytes) => this.#came(read, bytes),
      (error: unknown) => {
        if (error instanceof CancelledError) quiet(step);
        return this.#failed(read, error);
      },
    );
    return step;
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#isDone = true;
    if (this.#waiting !== undefined) {
      this.#ended ??= new CancelledError('Cancelled: the iteration was ended');
      this.#source.takeBack(this.#ended, this.#waiting);
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #came(read: Promise<Buffer>, bytes: Buffer): IteratorResult<T, undefined> {
    if (this.#waiting === read) this.#waiting = undefined;
    if (bytes.length > 0) return { done: false, value: this.toValue(bytes) };
    this.#isDone = true;
    return { done: true, value: undefined };
  }

  #failed(read: Promise<Buffer>, error: unknown): IteratorResult<T, undefined> {
    if (this.#waiting === read) this.#waiting = undefined;
    if (error !== this.#ended) throw error;
    return { done: true, value: undefined };
  }
}
