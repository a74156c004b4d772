// StreamWriter: bytes given without waiting, sent in order, with back-pressure. Semantics: asyncio.StreamWriter.
//
// States: OPEN -> CLOSING (close) -> GONE (lost: the transport has ended, however). `#eof` is writeEof's half of an end:
// nothing more may be written, the connection stays.
//
// Bytes go through two places: `#pending` (written in this turn, or waiting for the transport) and `#inFlight` (given to
// the transport, not yet taken by the system). bufferedBytes is the sum of both.
// - Writes of one turn leave as one: the flush runs at the end of the loop's turn. While a write is in flight,
//   further ones gather and leave together when it was taken. The first LOOSE are kept as they came, then blocks are made
//   of them, so that memory follows the bytes and not the number of writes.
// - At most SLICE bytes are in flight at a time, so bufferedBytes falls while a long write is being taken.
// - maxBuffered is about memory: heldBytes is bufferedBytes and ENTRY for each entry of the list.
// - `#paused` is set when bufferedBytes is above the high-water mark, cleared at or below the low one; drain waits only
//   while it is set.
// - `#loss` is set once bytes that were written cannot arrive any more: the peer is gone, abort(), maxBuffered, or a write
//   after close. From then on drain rejects with it.
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
/** Bytes of memory that an entry of the list of pending writes takes, beside what it holds. */
const ENTRY = 128;
/** Entries of that list; further writes are gathered in blocks. Above what a turn of most programs writes. */
const LOOSE = 256;

const DONE: Promise<void> = Promise.resolve();
/** What is pending when nothing is; never changed. */
const NONE: (string | Uint8Array)[] = [];

let flush: (writer: StreamWriter) => void; // set by the class
/** Flushes a writer at the end of this turn: one callback of the loop's for all. */
const flushAtEndOfTurn: (writer: StreamWriter) => void = atEndOfTurn((writer) => flush(writer));

export interface StreamWriterOptions {
  /**
   * Bytes of memory for what is unsent: its payload, and 128 bytes for each write that is not joined with others yet. Above it
   * the connection is aborted and reported. Default 64 MiB.
   */
  readonly maxBuffered?: number | undefined;
  /** Told instead of the exception handler when maxBuffered ends the connection. */
  readonly onOverflow?: ((error: ConnectionLostError) => void) | undefined;
}

/** Bytes: above `high` unsent ones drain waits, until `low` or fewer are left. */
interface WaterMarks {
  readonly high?: number | undefined;
  readonly low?: number | undefined;
}

const waterMark: Check = notNegative('a number of bytes');
const WATER_MARKS: Checks<WaterMarks> = { high: waterMark, low: waterMark };

/** All options of a StreamWriter. */
export const WRITER: Checks<StreamWriterOptions> = {
  maxBuffered: positive('a number of bytes'),
  onOverflow: callback,
};

/**
 * Writes bytes to a connection or pipe. `write` never waits and never throws for a lost peer; `drain` waits while too much
 * is unsent, and is where the loss of the peer shows.
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
  #state: 'open' | 'closing' | 'gone' = 'open';
  #eof = false;
  /** What was passed on to the transport: nothing, writeEof, or the end of the connection. */
  #told: 'nothing' | 'eof' | 'end' = 'nothing';
  #pending: (string | Uint8Array)[] = NONE;
  #pendingBytes = 0;
  /** What is behind the entries of #pending; undefined while the list is short. */
  #blocks: WriteBlocks | undefined = undefined;
  #inFlight = 0;
  /** startTls was called, and has not ended. */
  #startingTls = false;
  /** The handshake is under way: nothing is given to the transport. */
  #upgrading = false;
  /** In the list of writers to flush at the end of this turn. */
  #dirty = false;
  #written = 0;
  #high = HIGH_WATER;
  #low = LOW_WATER;
  #paused = false;
  #loss: ConnectionLostError | undefined = undefined;
  // Made by the first who waits: most connections see none of either at any moment.
  #drainers: Line<void> | undefined = undefined;
  #closers: Line<void> | undefined = undefined;
  #flushers: Line<void> | undefined = undefined;

  static {
    flush = (writer): void => {
      writer.#dirty = false;
      writer.#flush();
    };
  }

  /** @throws RangeError or TypeError for options that are wrong or unknown */
  constructor(transport: WriteTransport, options: StreamWriterOptions = {}) {
    this.#transport = transport;
    checkOptions('make a writer', options, WRITER);
    this.#maxBuffered = options.maxBuffered ?? DEFAULT_MAX_BUFFERED;
    this.#onOverflow = options.onOverflow;
  }

  // ---- for users -----------------------------------------------------------------------------------------------

  /** Bytes written and not yet taken by the system. */
  get bufferedBytes(): number {
    return this.#pendingBytes + this.#inFlight;
  }

  /** Those of them that the transport has not been given. @internal */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Bytes of memory that they take: with what keeping them in a list costs. @internal */
  get heldBytes(): number {
    return this.#pendingBytes + this.#inFlight + ENTRY * this.#pending.length;
  }

  /** Bytes accepted by `write` in all. */
  get bytesWritten(): number {
    return this.#written;
  }

  /**
   * Sends text (as UTF-8, each text by itself) or bytes, in order, without waiting. Bytes must not be changed until they are sent. After
   * close, or when the peer is gone, they are dropped, and the next drain() says so.
   * @throws TypeError for anything else; InvalidStateError after writeEof
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

  /** `write` for each of `chunks`. */
  writelines(chunks: Iterable<string | Uint8Array>): void {
    for (const chunk of chunks) this.write(chunk);
  }

  /**
   * Waits while more than the high-water mark (64 KiB) is unsent, until the low one (16 KiB) is reached. Any number of
   * tasks may wait. Call it after writing: it is what makes a fast writer wait for a slow reader.
   * @throws ConnectionLostError when written bytes are lost; its `cause` is the system's error, if any; CancelledError
   */
  drain(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#loss !== undefined) return Promise.reject(this.#loss);
    if (this.#paused) return (this.#drainers ??= new Line()).join(new QueuedWait('drain', this, options));
    return mayAnswer(options) ? DONE : answeredWait('drain', this, undefined, options);
  }

  /** Sends what is written, then ends the connection, without waiting for either. Idempotent. */
  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#flushSoon();
  }

  /** True once close or abort was called, or the connection is gone. */
  isClosing(): boolean {
    return this.#state !== 'open';
  }

  /** Resolves when the connection is gone, however it went. Does not close it. Never rejects but with CancelledError. */
  waitClosed(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#state !== 'gone') return (this.#closers ??= new Line()).join(new QueuedWait('waitClosed', this, options));
    return mayAnswer(options) ? DONE : answeredWait('waitClosed', this, undefined, options);
  }

  /** Whether `writeEof` works here: not over TLS. */
  canWriteEof(): boolean {
    return this.#transport.canWriteEof();
  }

  /**
   * Ends this direction after what is written: the peer reads the end, and may go on sending. Idempotent; does nothing on
   * a closing writer.
   * @throws InvalidStateError where `canWriteEof()` is false
   */
  writeEof(): void {
    if (this.#eof || this.#state !== 'open') return;
    if (!this.canWriteEof()) throw new InvalidStateError('Cannot write EOF: this connection cannot be half closed');
    this.#eof = true;
    this.#flushSoon();
  }

  /** Ends the connection at once: what is unsent is lost. */
  abort(): void {
    if (this.#state === 'gone') return;
    this.#state = 'closing';
    if (this.bufferedBytes > 0) this.#lose(new ConnectionLostError('Connection lost: abort() was called'));
    this.#drop();
    this.#told = 'end';
    this.#transport.abort();
  }

  /**
   * Goes on over TLS, with the same reader and writer: after what is written has left, and beginning with what the reader
   * holds. Accepted connections are the server's side, opened ones the client's; `isServer` overrides.
   * @param options node:tls names (`key`, `cert`, `ca`, `servername`, `ALPNProtocols`, ...), `isServer`, `handshakeTimeout` (ms)
   * @throws InvalidStateError where TLS cannot be started, BusyError while a read waits; the handshake's error, TimeoutError or CancelledError, and then
   * the connection is gone
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
      this.#checkOpen(); // somebody may have closed it meanwhile
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
   * What is known of the connection: `peername`, `sockname`, `socket`, and over TLS `peercert`, `cipher` and others;
   * undefined for what is not.
   */
  getExtraInfo(name: string): unknown {
    return this.#transport.getExtraInfo(name);
  }

  /**
   * Sets when drain waits. Given only `high`, low is a quarter of it; given only `low`, high is four times it. `high: 0`
   * waits for every byte.
   * @throws RangeError unless high >= low >= 0; TypeError for anything but numbers
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

  /** close, then waitClosed. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return this.waitClosed();
  }

  /** `<StreamWriter open, 12 bytes unsent>`, for logs. */
  toString(): string {
    return `<StreamWriter ${this.#state}, ${this.bufferedBytes} bytes unsent>`;
  }

  /** Waits until everything written was taken by the system. Rejects as drain does. @internal */
  flushed(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#loss !== undefined) return Promise.reject(this.#loss);
    if (this.bufferedBytes > 0) return (this.#flushers ??= new Line()).join(new QueuedWait('flush', this, options));
    return mayAnswer(options) ? DONE : answeredWait('flush', this, undefined, options);
  }

  // ---- for the transport ---------------------------------------------------------------------------------------

  /** The system has taken all that was given: for its transport. */
  onWritten(): void {
    if (this.#state === 'gone') return;
    this.#inFlight = 0;
    this.#flush();
    this.#resumeIfLow();
  }

  /** The transport has ended: with `error` when it broke. Idempotent. For its transport. */
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

  #keep(data: string | Uint8Array, bytes: number): void {
    // A list of one costs a tenth of an empty list with room for the usual growth.
    if (this.#pendingBytes === 0) this.#pending = [data];
    else if (this.#blocks === undefined && this.#pending.length < LOOSE) this.#pending.push(data);
    else (this.#blocks ??= new WriteBlocks(this.#pending)).add(data, bytes);
  }

  #flushSoon(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    flushAtEndOfTurn(this);
  }

  /** Gives what is pending to the transport, as far as it may; then passes on the end that was asked for. */
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

  #takeAll(): (string | Uint8Array)[] {
    const chunks = this.#pending;
    this.#blocks?.seal();
    this.#blocks = undefined;
    this.#pending = NONE;
    this.#inFlight = this.#pendingBytes;
    this.#pendingBytes = 0;
    return chunks;
  }

  /** The first SLICE bytes of what is pending; a chunk that does not fit is cut. */
  #takeSlice(): Uint8Array[] {
    this.#blocks?.seal();
    const slice: Uint8Array[] = [];
    let room = SLICE;
    let index = 0;
    for (; index < this.#pending.length && room > 0; index++) {
      const data = this.#pending[index] as string | Uint8Array; // index < length
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

  #resumeIfLow(): void {
    if (this.bufferedBytes === 0) this.#flushers?.answerAll();
    if (!this.#paused || this.bufferedBytes > this.#low) return;
    this.#paused = false;
    this.#drainers?.answerAll();
  }

  #lose(error: ConnectionLostError): void {
    this.#loss ??= error;
    const loss = this.#loss;
    this.#drainers?.failAll(() => loss);
    this.#flushers?.failAll(() => loss);
  }

  #drop(): void {
    this.#pending = NONE;
    this.#blocks = undefined;
    this.#pendingBytes = 0;
    this.#inFlight = 0;
  }

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

/** Whether text ends in the first half of a character of two: joined with the next write, that would become another one. */
function endsInHalfAPair(text: string): boolean {
  return (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800;
}

function lossOf(error: unknown): ConnectionLostError {
  if (error === undefined) return new ConnectionLostError('Connection lost: it ended before everything was sent');
  const reason = error instanceof Error ? error.message : String(error);
  return new ConnectionLostError(`Connection lost: ${reason}`, { cause: error });
}
