// RecordReader: what all framings have in common. A subclass reads one record; this class sees to the rest:
//
// - One read at a time (BusyError): a read may take several steps, and a second one between them would take its bytes.
// - A record that broke the stream (`breaksStream`) makes every later read fail with the same error: what follows it cannot
//   be told from garbage, and the bytes that were consumed with it would make a later end look like a clean one.
import { AsyncIteration } from '../../base/index.ts';
import { BusyError, CancelledError, waiting, type WaitOptions } from '../../core/index.ts';
import type { StreamReader } from '../reader.ts';

/**
 * Reads records of one kind from a StreamReader: made by `frames`, `netstrings` and `jsonLines`. Keep it between reads: it
 * knows how far it has got. A cancelled read loses nothing, the next one goes on where it was.
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
  /** What ended the stream for good; undefined while it can be read. */
  #broken: { readonly error: unknown } | undefined = undefined;

  constructor(reader: StreamReader) {
    this.reader = reader;
  }

  /**
   * Waits for the next record; undefined at the end of the stream.
   * @throws IncompleteReadError when the stream ends within a record; LimitOverrunError and SyntaxError as the framing
   * says; BusyError when another read waits; the connection's error; CancelledError
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
        this.reader.isInRecord = false; // nobody waits for its rest
      }
      throw error;
    } finally {
      this.#reading = false;
    }
  }

  /** Takes the read under way back, for an iteration that is ended: what it has read so far is kept for the next one. @internal */
  takeBack(error: CancelledError): void {
    if (this.#reading) this.reader.takeBack(error);
  }

  /** The records until the end of the stream. After a loop was left, by whatever way, another one goes on. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return new RecordIterator(this);
  }

  /** Reads one record. Whatever it consumes before its last wait it must keep for the next call. */
  protected abstract readRecord(options: WaitOptions | undefined): Promise<T | undefined>;

  /** Whether nothing can be read after this error. */
  protected abstract breaksStream(error: unknown): boolean;
}

class RecordIterator<T> extends AsyncIteration<T> {
  readonly #records: RecordReader<T>;
  #isWaiting = false;
  /** Set at the end: what a read that is taken back rejects with. */
  #end: CancelledError | undefined = undefined;

  constructor(records: RecordReader<T>) {
    super();
    this.#records = records;
  }

  protected override step(): Promise<IteratorResult<T, undefined>> {
    return waiting(this.#read());
  }

  async #read(): Promise<IteratorResult<T, undefined>> {
    const isFirst = !this.#isWaiting; // a second one beside it is refused
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
