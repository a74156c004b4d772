// StreamWriter: accepts bytes without waiting, sends them in order, and applies back-pressure.
// Semantics: asyncio.StreamWriter.
//
// States of `#state`:
// - `open`: the initial state.
// - `closing`: after close(), what is pending still leaves, then the transport closes. After
//   abort(), what is pending is dropped.
// - `gone`: the transport has ended, for whatever reason (onClose). This state is final.
//
// `#eof` is the half-close of writeEof(): nothing more may be written, but the connection stays.
//
// Bytes pass through two places. `#pending` holds what was written and not handed to the transport.
// `#inFlight` counts what the transport has and the system has not accepted. bufferedBytes is the
// sum.
//
// - Writes of one turn leave together: the flush runs at the end of the turn. While a write is in
//   flight, further writes collect and leave together once it was accepted. The first LOOSE writes
//   are kept as they came. Later ones are copied into blocks, so that memory follows the number of
//   bytes and not the number of writes.
// - At most SLICE bytes are in flight at a time. So bufferedBytes falls while a long write is sent,
//   and drain() resolves on the way instead of at the end.
// - maxBuffered limits memory: it is compared with heldBytes, which is bufferedBytes plus ENTRY for
//   each entry of the list.
// - `#paused` becomes true when bufferedBytes exceeds the high-water mark, and false when it falls
//   to the low-water mark or below. drain() waits only while it is true.
// - `#loss` is set once bytes that were written cannot arrive any more: the peer is gone, abort(),
//   maxBuffered, or a write after close(). From then on drain() rejects with it.
//
// Example, with high 64 KiB and low 16 KiB: write(100 KiB) sets #paused, and drain() waits. At the
// end of the turn the transport receives all 100 KiB as one write. When the system has accepted it,
// onWritten() sets #inFlight to 0, which is below the low-water mark, and drain() resolves.
import { callback, type Check, type Checks, checkOptions, notNegative, positive, wrongValue } from '../base/index.ts';
import {
  answeredWait,
  atEndOfTurn,
  beginWait,
  ConnectionLostError,
  InvalidStateError,
  Line,
  mayAnswer,
  reportException,
  type Resource,
  QueuedWait,
  waiting,
  type WaitOptions,
} from '../core/index.ts';
import { Buffer } from './buffer.ts';
import { toBuffer } from './byte-buffer.ts';
import type { WriteTransport } from './transport.ts';
import { WriteBlocks } from './write-blocks.ts';

const HIGH_WATER = 65536;
const LOW_WATER = 16384;
const SLICE = 262144;
const DEFAULT_MAX_BUFFERED = 64 * 1024 * 1024;
/**
 * The bytes of memory that one entry of the list of pending writes takes, in addition to its data.
 */
const ENTRY = 128;
/**
 * The number of entries of that list above which further writes are joined into blocks. Most
 * programs write less in one turn.
 */
const LOOSE = 256;

const DONE: Promise<void> = Promise.resolve();
/** The value of #pending when nothing is pending. Never mutated. */
const NONE: (string | Uint8Array)[] = [];

let flush: (writer: StreamWriter) => void; // set by the static block of the class
/** Flushes a writer at the end of this turn. All writers share one callback of the loop. */
const flushAtEndOfTurn: (writer: StreamWriter) => void = atEndOfTurn((writer) => flush(writer));

/** Options of a StreamWriter. */
export interface StreamWriterOptions {
  /**
   * Bytes of memory that unsent writes may take: their payload, and 128 bytes for each write that
   * is not joined with others yet. Above it, the connection is aborted and the overflow is
   * reported. Defaults to 64 MiB.
   */
  readonly maxBuffered?: number | undefined;
  /**
   * Receives the error when maxBuffered ends the connection. Replaces the report to the exception
   * handler.
   */
  readonly onOverflow?: ((error: ConnectionLostError) => void) | undefined;
}

/** Bytes. drain() waits once more than `high` are unsent, until `low` or fewer are left. */
interface WaterMarks {
  readonly high?: number | undefined;
  readonly low?: number | undefined;
}

const waterMark: Check = notNegative('a number of bytes');
const WATER_MARKS: Checks<WaterMarks> = { high: waterMark, low: waterMark };

/** The checks for every option of a StreamWriter. */
export const WRITER: Checks<StreamWriterOptions> = {
  maxBuffered: positive('a number of bytes'),
  onOverflow: callback,
};

/**
 * Writes bytes to a connection or pipe. `write` never waits, and does not throw when the peer is
 * gone. `drain` waits while too much is unsent, and rejects once written bytes are lost. asyncio:
 * `StreamWriter`.
 *
 * @example
 * ```ts
 * import { memoryStreamPair } from 'maitre/testing';
 * const [a, b] = memoryStreamPair();
 * a.writer.write('hello\n');
 * await a.writer.drain();
 * console.log(String(await b.reader.readLine()));
 * await a.close();
 * await b.close();
 * ```
 */
export class StreamWriter implements AsyncDisposable {
  readonly #transport: WriteTransport;
  readonly #maxBuffered: number;
  readonly #onOverflow: ((error: ConnectionLostError) => void) | undefined;
  /** The connection whose writer it is; undefined for none. DuplexEnd writes it. @internal */
  partOf: Resource | undefined = undefined;
  /** See the head of this file. Only grows: open, closing, gone. */
  #state: 'open' | 'closing' | 'gone' = 'open';
  /** True once writeEof() was called: `write` throws from then on. Never reset. */
  #eof = false;
  /**
   * The last thing that the transport was told to do: nothing, to half-close, or to close. It only
   * grows.
   */
  #told: 'nothing' | 'eof' | 'end' = 'nothing';
  /** Written and not handed to the transport, in order. NONE when empty. */
  #pending: (string | Uint8Array)[] = NONE;
  /** The bytes of #pending, plus those of blocks that are not in the list yet. */
  #pendingBytes = 0;
  /** The blocks behind the entries of #pending. Undefined while the list is short. */
  #blocks: WriteBlocks | undefined = undefined;
  /**
   * The bytes that the transport has and the system has not accepted. Greater than 0 only while a
   * write is in progress.
   */
  #inFlight = 0;
  /** True from the call of startTls until it settles. */
  #startingTls = false;
  /** True during the handshake. Meanwhile nothing is handed to the transport. */
  #upgrading = false;
  /** True while this writer is in the list of writers to flush at the end of the turn. */
  #dirty = false;
  /** The total bytes accepted by write(). Never decreases. */
  #written = 0;
  #high = HIGH_WATER;
  #low = LOW_WATER;
  /** True from the high-water mark until the low-water mark: drain() waits meanwhile. */
  #paused = false;
  /** The error that drain() rejects with once bytes are lost. The first loss stays. */
  #loss: ConnectionLostError | undefined = undefined;
  // Made by the first call that waits: at any moment, most connections have no waiter of any kind.
  #drainers: Line<void> | undefined = undefined;
  #closers: Line<void> | undefined = undefined;
  #flushers: Line<void> | undefined = undefined;

  static {
    flush = (writer): void => {
      writer.#dirty = false;
      writer.#flush();
    };
  }

  /**
   * Makes a writer for `transport`.
   * @throws RangeError or TypeError for options that are wrong or unknown
   */
  constructor(transport: WriteTransport, options: StreamWriterOptions = {}) {
    this.#transport = transport;
    checkOptions('make a writer', options, WRITER);
    this.#maxBuffered = options.maxBuffered ?? DEFAULT_MAX_BUFFERED;
    this.#onOverflow = options.onOverflow;
  }

  // ---- for users -----------------------------------------------------------------------------------------------

  /** Bytes that were written and that the system has not accepted yet. */
  get bufferedBytes(): number {
    return this.#pendingBytes + this.#inFlight;
  }

  /** The part of them that was not handed to the transport yet. @internal */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /**
   * The bytes of memory that unsent data takes, including the cost of its list entries. @internal
   */
  get heldBytes(): number {
    return this.#pendingBytes + this.#inFlight + ENTRY * this.#pending.length;
  }

  /** Bytes accepted by `write` in total. */
  get bytesWritten(): number {
    return this.#written;
  }

  /**
   * Sends text or bytes, in order, without waiting. Each text is encoded as UTF-8 by itself. Do not
   * change bytes until they are sent. After `close`, or when the peer is gone, data is dropped, and
   * the next `drain` rejects. Call `drain` after writing, or memory fills while the peer is slow.
   * asyncio: `StreamWriter.write`.
   * @throws TypeError if `data` is neither text nor bytes
   * @throws InvalidStateError after `writeEof`
   */
  write(data: string | Uint8Array): void {
    const isText = typeof data === 'string';
    if (!isText && !(data instanceof Uint8Array)) {
      throw wrongValue('write', '', 'text or bytes', data);
    }
    if (this.#eof) throw new InvalidStateError('Cannot write: writeEof() was called already');
    const bytes = isText ? Buffer.byteLength(data) : data.length;
    if (bytes === 0) return;
    if (this.#state !== 'open') {
      this.#loss ??= new ConnectionLostError(
        this.#state === 'gone' ? 'Cannot write: the connection is gone' : 'Cannot write: close() was called already',
      );
      return;
    }
    this.#written += bytes;
    this.#keep(isText && endsInHalfAPair(data) ? Buffer.from(data) : data, bytes);
    this.#pendingBytes += bytes;
    if (this.#pendingBytes + this.#inFlight > this.#high) this.#paused = true;
    if (this.heldBytes > this.#maxBuffered) {
      this.#overflow();
      return;
    }
    if (this.#inFlight === 0) this.#flushSoon();
  }

  /** Calls `write` for each of `chunks`. asyncio: `StreamWriter.writelines`. */
  writelines(chunks: Iterable<string | Uint8Array>): void {
    for (const chunk of chunks) this.write(chunk);
  }

  /**
   * Waits while too much is unsent: once more than the high-water mark (64 KiB by default) is
   * unsent, until no more than the low-water mark (16 KiB) is. Resolves at once otherwise. Call it
   * after writing: it is what makes a fast writer wait for a slow reader. Any number of tasks may
   * wait. Cancellable; what was written is still sent. asyncio: `StreamWriter.drain`.
   * @throws ConnectionLostError if written bytes are lost; its `cause` is the error of the system,
   * if any
   * @throws CancelledError
   *
   * @example
   * ```ts
   * import { memoryStreamPair } from 'maitre/testing';
   * const [a, b] = memoryStreamPair();
   * for (let i = 0; i < 3; i++) {
   *   a.writer.write(`line ${i}\n`);
   *   await a.writer.drain();
   * }
   * a.writer.close();
   * for await (const line of b.reader.lines()) console.log(line);
   * await a.close();
   * await b.close();
   * ```
   */
  drain(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#loss !== undefined) return Promise.reject(this.#loss);
    if (this.#paused) return (this.#drainers ??= new Line()).join(new QueuedWait('drain', this, options));
    return mayAnswer(options) ? DONE : answeredWait('drain', this, undefined, options);
  }

  /**
   * Starts to close: what was written is sent, then the connection ends. Does not wait for either;
   * use `waitClosed` for that. Idempotent. asyncio: `StreamWriter.close`.
   */
  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#flushSoon();
  }

  /**
   * Returns true once `close` or `abort` was called, or the connection is gone. asyncio:
   * `StreamWriter.is_closing`.
   */
  isClosing(): boolean {
    return this.#state !== 'open';
  }

  /**
   * Waits until the connection is gone, for whatever reason. Does not close it. Rejects only with
   * CancelledError. asyncio: `StreamWriter.wait_closed`.
   */
  waitClosed(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#state !== 'gone') return (this.#closers ??= new Line()).join(new QueuedWait('waitClosed', this, options));
    return mayAnswer(options) ? DONE : answeredWait('waitClosed', this, undefined, options);
  }

  /** Returns true if `writeEof` works on this connection. Over TLS it does not. */
  canWriteEof(): boolean {
    return this.#transport.canWriteEof();
  }

  /**
   * Ends this direction after what was written: the peer reads the end of the stream, and may go on
   * sending. Idempotent. Does nothing on a closing writer. asyncio: `StreamWriter.write_eof`.
   * @throws InvalidStateError if `canWriteEof()` is false
   *
   * @example
   * ```ts
   * import { memoryStreamPair } from 'maitre/testing';
   * const [a, b] = memoryStreamPair();
   * a.writer.write('all of it');
   * a.writer.writeEof();
   * console.log(String(await b.reader.read())); // all of it
   * await a.close();
   * await b.close();
   * ```
   */
  writeEof(): void {
    if (this.#eof || this.#state !== 'open') return;
    if (!this.canWriteEof()) throw new InvalidStateError('Cannot write EOF: this connection cannot be half closed');
    this.#eof = true;
    this.#flushSoon();
  }

  /** Ends the connection at once. Unsent data is lost, and `drain` rejects if there was any. */
  abort(): void {
    if (this.#state === 'gone') return;
    this.#state = 'closing';
    if (this.bufferedBytes > 0) this.#lose(new ConnectionLostError('Connection lost: abort() was called'));
    this.#drop();
    this.#told = 'end';
    this.#transport.abort();
  }

  /**
   * Switches to TLS, with the same reader and writer. First waits until everything written has
   * left. What the reader holds already counts as the start of the handshake. Accepted connections
   * take the server's side, opened ones the client's; `isServer` overrides this. Cancellable, but
   * then the connection is gone. asyncio: `StreamWriter.start_tls`.
   * @param options names of node:tls (`key`, `cert`, `ca`, `servername`, `ALPNProtocols`, ...),
   * `isServer`, `handshakeTimeout` in milliseconds
   * @throws InvalidStateError if TLS cannot start here
   * @throws BusyError while a read waits
   * @throws the error of the handshake, TimeoutError or CancelledError; the connection is gone then
   */
  startTls(options: object): Promise<void> {
    return waiting(this.#startTls(options));
  }

  async #startTls(options: object): Promise<void> {
    this.#checkOpen();
    if (this.#transport.startTls === undefined) throw new InvalidStateError('Cannot start TLS: this is not a socket');
    if (this.#startingTls) throw new InvalidStateError('Cannot start TLS: it is being started already');
    this.#startingTls = true;
    try {
      while (this.bufferedBytes > 0) await this.flushed();
      this.#checkOpen(); // the writer may have been closed while this waited
      this.#upgrading = true;
      await this.#transport.startTls(options);
    } finally {
      this.#startingTls = false;
      this.#upgrading = false;
      this.#flush();
    }
  }

  #checkOpen(): void {
    if (this.#state !== 'open' || this.#eof) throw new InvalidStateError('Cannot start TLS: the writer is closing');
  }

  /**
   * Returns a fact about the connection: `peername`, `sockname`, `socket`, and over TLS `peercert`,
   * `cipher` and others. Returns undefined for what is not known. asyncio:
   * `StreamWriter.get_extra_info`.
   */
  getExtraInfo(name: string): unknown {
    return this.#transport.getExtraInfo(name);
  }

  /**
   * Sets the water marks of `drain`, in bytes. If you pass only `high`, low is a quarter of it. If
   * you pass only `low`, high is four times it. With `high: 0`, `drain` waits until every byte is
   * accepted. asyncio: `WriteTransport.set_write_buffer_limits`.
   * @throws RangeError unless high >= low >= 0
   * @throws TypeError if a mark is not a number
   */
  setWriteBufferLimits(limits: WaterMarks): void {
    checkOptions('set write buffer limits', limits, WATER_MARKS);
    const high = limits.high ?? (limits.low === undefined ? HIGH_WATER : 4 * limits.low);
    const low = limits.low ?? Math.floor(high / 4);
    if (high < low) {
      throw new RangeError(
        `Cannot set write buffer limits: expected high >= low >= 0, got high ${high} and low ${low}`,
      );
    }
    this.#high = high;
    this.#low = low;
    if (this.bufferedBytes > high) this.#paused = true;
    else this.#resumeIfLow();
  }

  /** Calls `close`, then waits for `waitClosed`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return this.waitClosed();
  }

  /** `<StreamWriter open, 12 bytes unsent>`, for logs. */
  toString(): string {
    return `<StreamWriter ${this.#state}, ${this.bufferedBytes} bytes unsent>`;
  }

  /** Waits until the system has accepted everything written. Rejects as `drain` does. @internal */
  flushed(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#loss !== undefined) return Promise.reject(this.#loss);
    if (this.bufferedBytes > 0) return (this.#flushers ??= new Line()).join(new QueuedWait('flush', this, options));
    return mayAnswer(options) ? DONE : answeredWait('flush', this, undefined, options);
  }

  // ---- for the transport ---------------------------------------------------------------------------------------

  /** Reports that the system has accepted everything handed over. The transport calls it. */
  onWritten(): void {
    if (this.#state === 'gone') return;
    this.#inFlight = 0;
    this.#flush();
    this.#resumeIfLow();
  }

  /**
   * Reports that the transport has ended, with `error` if it failed. The transport calls it.
   * Idempotent.
   */
  onClose(error?: unknown): void {
    if (this.#state === 'gone') return;
    if (error !== undefined || this.bufferedBytes > 0) {
      this.#lose(lossOf(error));
    }
    this.#drop();
    this.#state = 'gone';
    this.#told = 'end';
    this.#paused = false;
    this.#drainers?.answerAll();
    this.#flushers?.answerAll();
    this.#closers?.answerAll();
  }

  /** Appends one write to #pending: as it is, or into a block once the list is long. */
  #keep(data: string | Uint8Array, bytes: number): void {
    // An array made with one element takes a tenth of the memory of an empty array that grows by
    // push.
    if (this.#pendingBytes === 0) this.#pending = [data];
    else if (this.#blocks === undefined && this.#pending.length < LOOSE) this.#pending.push(data);
    else (this.#blocks ??= new WriteBlocks(this.#pending)).add(data, bytes);
  }

  /** Schedules one flush at the end of the turn, however many writes the turn has. */
  #flushSoon(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    flushAtEndOfTurn(this);
  }

  /**
   * Hands pending data to the transport as far as it accepts it. Then passes on a half-close or
   * close, if one was requested: always after the data.
   */
  #flush(): void {
    if (this.#upgrading) return;
    while (this.#inFlight === 0 && this.#pendingBytes > 0 && this.#state !== 'gone') {
      const chunks = this.#pendingBytes <= SLICE ? this.#takeAll() : this.#takeSlice();
      const bytes = this.#inFlight;
      if (!this.#transport.write(chunks, bytes)) return;
      this.#inFlight = 0;
      this.#resumeIfLow();
    }
    if (this.#inFlight > 0) return;
    if (this.#state === 'closing' && this.#told !== 'end') {
      this.#told = 'end';
      this.#transport.close();
    } else if (this.#eof && this.#told === 'nothing') {
      this.#told = 'eof';
      this.#transport.writeEof();
    }
  }

  /** Moves everything pending to the transport's side of the account, and returns it. */
  #takeAll(): (string | Uint8Array)[] {
    const chunks = this.#pending;
    this.#blocks?.seal();
    this.#blocks = undefined;
    this.#pending = NONE;
    this.#inFlight = this.#pendingBytes;
    this.#pendingBytes = 0;
    return chunks;
  }

  /** Takes the first SLICE bytes of what is pending. Cuts a chunk that does not fit. */
  #takeSlice(): Uint8Array[] {
    this.#blocks?.seal();
    const slice: Uint8Array[] = [];
    let room = SLICE;
    let index = 0;
    for (; index < this.#pending.length && room > 0; index++) {
      const data = this.#pending[index] as string | Uint8Array; // defined: index < length
      const chunk = typeof data === 'string' ? Buffer.from(data) : toBuffer(data);
      if (chunk.length > room) {
        slice.push(chunk.subarray(0, room));
        this.#pending[index] = chunk.subarray(room);
        room = 0;
        break;
      }
      slice.push(chunk);
      room -= chunk.length;
    }
    this.#pending.splice(0, index);
    this.#inFlight = SLICE - room;
    this.#pendingBytes -= this.#inFlight;
    return slice;
  }

  /** Answers flushed() once nothing is unsent, and drain() at the low-water mark. */
  #resumeIfLow(): void {
    if (this.bufferedBytes === 0) this.#flushers?.answerAll();
    if (!this.#paused || this.bufferedBytes > this.#low) return;
    this.#paused = false;
    this.#drainers?.answerAll();
  }

  /** Records the loss and rejects the calls that wait. Later losses keep the first error. */
  #lose(error: ConnectionLostError): void {
    this.#loss ??= error;
    const loss = this.#loss;
    this.#drainers?.failAll(() => loss);
    this.#flushers?.failAll(() => loss);
  }

  /** Drops what is unsent. Its loss was recorded before, if there was any. */
  #drop(): void {
    this.#pending = NONE;
    this.#blocks = undefined;
    this.#pendingBytes = 0;
    this.#inFlight = 0;
  }

  /** Aborts the connection because unsent data takes too much memory, and reports why. */
  #overflow(): void {
    const error = new ConnectionLostError(
      `Connection aborted: ${this.bufferedBytes} bytes unsent take ${this.heldBytes} bytes of memory, ` +
        `maxBuffered is ${this.#maxBuffered}; await drain() after writing`,
    );
    this.#lose(error);
    this.abort();
    if (this.#onOverflow !== undefined) this.#onOverflow(error);
    else if (this.#transport.overflowed !== undefined) this.#transport.overflowed(error);
    else reportException({ message: 'A connection was aborted', error });
  }
}

/**
 * Returns true if the text ends in the first half of a surrogate pair. Joined with the next write,
 * that half would become another character.
 */
function endsInHalfAPair(text: string): boolean {
  return (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800;
}

/** Makes the error of a loss from the error of the transport, or from none. */
function lossOf(error: unknown): ConnectionLostError {
  if (error === undefined) return new ConnectionLostError('Connection lost: it ended before everything was sent');
  const reason = error instanceof Error ? error.message : String(error);
  return new ConnectionLostError(`Connection lost: ${reason}`, { cause: error });
}
