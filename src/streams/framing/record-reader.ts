// RecordReader: the common part of all framings. A subclass reads one record. This class ensures
// the rest:
//
// - One read at a time (BusyError): a read may take several steps, and a second one between them
//   would take its bytes.
// - After a record that broke the stream (`breaksStream`), every later read rejects with the same
//   error. What follows cannot be told from garbage, and a later end of the stream could look clean
//   although bytes were consumed with the broken record.
import { AsyncIteration } from '../../base/index.ts';
import { BusyError, CancelledError, waiting, type WaitOptions } from '../../core/index.ts';
import type { StreamReader } from '../reader.ts';

/**
 * Reads records of one kind from a StreamReader. Made by `frames`, `netstrings` and `jsonLines`.
 * Keep it between reads: it may hold part of a record. A cancelled read loses nothing, and the next
 * one continues there.
 *
 * @example
 * ```ts
 * import { frames, type RecordReader, StreamReader } from 'maitre';
 * const reader = new StreamReader();
 * reader.feedData(Buffer.from([0, 0, 0, 2, 104, 105]));
 * reader.feedEof();
 * const messages: RecordReader<Buffer> = frames(reader);
 * console.log(String(await messages.read()), await messages.read()); // hi undefined
 * ```
 */
export abstract class RecordReader<T> implements AsyncIterable<T> {
  protected readonly reader: StreamReader;
  #reading = false;
  /** The error that ended the stream for good. Undefined while it can be read. */
  #broken: { readonly error: unknown } | undefined = undefined;

  constructor(reader: StreamReader) {
    this.reader = reader;
  }

  /**
   * Waits for the next record. Resolves to undefined at the end of the stream. Cancellable without
   * loss.
   * @throws IncompleteReadError if the stream ends within a record
   * @throws LimitOverrunError or SyntaxError, as the framing documents
   * @throws BusyError if another read waits
   * @throws the error of the connection
   * @throws CancelledError
   */
  read(options?: WaitOptions): Promise<T | undefined> {
    return waiting(this.#read(options));
  }

  async #read(options: WaitOptions | undefined): Promise<T | undefined> {
    if (this.#broken !== undefined) throw this.#broken.error;
    if (this.#reading) {
      throw new BusyError('Cannot read record: another task waits for one from this reader, only one may at a time');
    }
    this.#reading = true;
    try {
      return await this.readRecord(options);
    } catch (error) {
      if (this.breaksStream(error)) {
        this.#broken = { error };
        this.reader.isInRecord = false; // no read will return its rest
      }
      throw error;
    } finally {
      this.#reading = false;
    }
  }

  /**
   * Takes back the read in progress, for an iteration that has ended. What it has read so far is
   * kept for the next read. @internal
   */
  takeBack(error: CancelledError): void {
    if (this.#reading) this.reader.takeBack(error);
  }

  /**
   * Iterates over the records until the end of the stream. After a loop was left, for whatever
   * reason, another loop continues.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return new RecordIterator(this);
  }

  /** Reads one record. It must keep whatever it consumes before its last wait for the next call. */
  protected abstract readRecord(options: WaitOptions | undefined): Promise<T | undefined>;

  /** Returns true if nothing can be read after this error. */
  protected abstract breaksStream(error: unknown): boolean;
}

class RecordIterator<T> extends AsyncIteration<T> {
  readonly #records: RecordReader<T>;
  #isWaiting = false;
  /** Set at the end: the error that a read which is taken back rejects with. */
  #end: CancelledError | undefined = undefined;

  constructor(records: RecordReader<T>) {
    super();
    this.#records = records;
  }

  protected override step(): Promise<IteratorResult<T, undefined>> {
    return waiting(this.#read());
  }

  async #read(): Promise<IteratorResult<T, undefined>> {
    const isFirst = !this.#isWaiting; // the record reader rejects a second read beside it
    this.#isWaiting = true;
    try {
      const value = await this.#records.read();
      return value === undefined ? this.return() : { done: false, value };
    } catch (error) {
      if (error !== this.#end) throw error;
      return this.return();
    } finally {
      if (isFirst) this.#isWaiting = false;
    }
  }

  protected override end(): void {
    this.#end = new CancelledError('Cancelled: the iteration was ended');
    if (this.#isWaiting) this.#records.takeBack(this.#end);
  }
}
