// Iteration over a reader. A step is one promise on top of the read's own, fewer than an async function needs. The end takes
// back the read that next() waits in: a Readable made of the iteration and destroyed at that moment would otherwise leave a
// read behind that takes a line with it and keeps the reader busy until one comes.
import { AsyncIteration } from '../base/index.ts';
import { CancelledError, quiet } from '../core/index.ts';

/** What an iterator needs of its reader, beside the read. */
export interface IteratedReader {
  takeBack(error: CancelledError, read: Promise<Buffer>): void;
}

/** Ends at the first read that returns no byte. */
export abstract class ReadIterator<T> extends AsyncIteration<T> {
  readonly #source: IteratedReader;
  /** The read that may wait; undefined between two. */
  #waiting: Promise<Buffer> | undefined = undefined;
  /** What takes the read back at the end. A cancel of the task that waits in next() is another error. */
  #end: CancelledError | undefined = undefined;

  constructor(source: IteratedReader) {
    super();
    this.#source = source;
  }

  /** Begins the read of one step. */
  protected abstract read(): Promise<Buffer>;

  /** Makes what the loop gets; `bytes` is not empty. */
  protected abstract toValue(bytes: Buffer): T;

  protected override step(): Promise<IteratorResult<T, undefined>> {
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

  protected override end(): void {
    if (this.#waiting === undefined) return;
    this.#end = new CancelledError('Cancelled: the iteration was ended');
    this.#source.takeBack(this.#end, this.#waiting);
  }

  #came(read: Promise<Buffer>, bytes: Buffer): IteratorResult<T, undefined> | Promise<IteratorReturnResult<undefined>> {
    if (this.#waiting === read) this.#waiting = undefined;
    return bytes.length > 0 ? { done: false, value: this.toValue(bytes) } : this.return();
  }

  #failed(read: Promise<Buffer>, error: unknown): Promise<IteratorReturnResult<undefined>> {
    if (this.#waiting === read) this.#waiting = undefined;
    if (error !== this.#end) throw error;
    return this.return();
  }
}
