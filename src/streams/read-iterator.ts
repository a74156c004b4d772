// ReadIterator: iterates over a reader. A step costs one promise besides the read's own, fewer than
// an async function.
//
// The end takes back the read in which next() waits. Otherwise, a Readable made of the iteration
// and destroyed at that moment would leave a read behind, which keeps the reader busy until a line
// comes and then loses that line.
import { AsyncIteration } from '../base/index.ts';
import { CancelledError, quiet } from '../core/index.ts';

/** The part of a reader that an iterator needs, besides the read. */
export interface IteratedReader {
  takeBack(error: CancelledError, read: Promise<Buffer>): void;
}

/** Ends at the first read that resolves to no bytes. */
export abstract class ReadIterator<T> extends AsyncIteration<T> {
  readonly #source: IteratedReader;
  /** The read that may wait. Undefined between two reads. */
  #waiting: Promise<Buffer> | undefined = undefined;
  /**
   * The error that takes the read back at the end. A cancel of the task that waits in next() is
   * another one.
   */
  #end: CancelledError | undefined = undefined;

  constructor(source: IteratedReader) {
    super();
    this.#source = source;
  }

  /** Begins the read of one step. */
  protected abstract read(): Promise<Buffer>;

  /** Makes the value that the loop receives. `bytes` is not empty. */
  protected abstract toValue(bytes: Buffer): T;

  protected override step(): Promise<IteratorResult<T, undefined>> {
    const read = this.read();
    this.#waiting ??= read; // the reader rejects a second read beside it
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
