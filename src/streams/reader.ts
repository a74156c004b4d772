// StreamReader: bytes that come in chunks, read as a program wants them. Semantics: asyncio.StreamReader.
//
// It holds the bytes fed and not yet read (ByteBuffer), the end (`#eof`, `#exception`), and at most one read that waits
// (`#wait`). What that read needs is in `#need` and its fields, so that no read makes a closure.
//
// Invariants:
// - A read never waits for what is there: every public read first tries `#ready()`, and answers at once, as long as this turn has
//   answers to give (core's delivery.ts).
// - Bytes leave the buffer in one place, `#complete()`, in the step that settles the read's promise; a read cancelled
//   before that step has taken nothing.
// - Scanning for separators goes on from `#scanned`: bytes before it cannot be part of a match. It is linear.
// - The transport is paused when more than 2 x limit bytes are held and no read needs more; it is resumed when limit or
//   fewer are held, or when a read must wait. So a read of any length ends, and memory is bounded by 2 x limit and what
//   was on its way.
// - After setException every read rejects with it, also when bytes are left.
import { checkOptions, wrongValue } from '../base/index.ts';
import {
  answeredWait,
  beginWait,
  BusyError,
  type CancelledError,
  currentTask,
  IncompleteReadError,
  InvalidStateError,
  mayAnswer,
  Wait,
  type WaitOptions,
} from '../core/index.ts';
import { Buffer } from './buffer.ts';
import { ByteBuffer, toBuffer } from './byte-buffer.ts';
import { ChunkIterator } from './chunks.ts';
import { LineIterator, readTextLine, TextLineIterator } from './lines.ts';
import { ALL, EXACTLY, LINE, NAMES, type Need, SOME, UNTIL } from './needs.ts';
import {
  countError,
  DEFAULT_LIMIT,
  DEFAULT_READ_LIMIT,
  endOverrun,
  limitOf,
  overrun,
  READER,
  type ReadUntilOptions,
  type StreamReaderOptions,
  type TextLineOptions,
} from './reader-options.ts';
import { findSeparator, type Match, NEWLINE, type Separator, type Separators, toSeparators } from './separators.ts';
import type { ReadTransport } from './transport.ts';

const EMPTY: Promise<Buffer> = Promise.resolve(Buffer.alloc(0));

class ReadWait extends Wait<Buffer> {
  protected override take(): Buffer {
    return complete(this.resource as StreamReader); // made with `this` of a reader below
  }

  protected override withdraw(): void {
    leave(this.resource as StreamReader);
  }
}

// The reader's private steps, for its wait. Set by the class.
let complete: (reader: StreamReader) => Buffer;
let leave: (reader: StreamReader) => void;

/**
 * Reads bytes that somebody feeds: a connection, a pipe, a test. One task reads at a time. Cancelling a read loses no byte.
 * The Buffers it gives may share memory with each other; nothing else writes to them.
 *
 * @example
 * ```ts
 * import { StreamReader } from 'maitre';
 * const reader = new StreamReader();
 * reader.feedData(Buffer.from('one\ntwo'));
 * reader.feedEof();
 * console.log(String(await reader.readLine()), String(await reader.read()));
 * ```
 */
export class StreamReader implements AsyncIterable<Buffer> {
  readonly #limit: number;
  readonly #pauseAbove: number;
  readonly #resumeAt: number;
  readonly #endLimit: number;
  readonly #buffer = new ByteBuffer();
  /** A record was read in part: its rest is owed, though nothing is held. Written by record readers. @internal */
  isInRecord = false;
  #eof = false;
  #exception: { readonly error: unknown } | undefined = undefined;
  #transport: ReadTransport | undefined = undefined;
  #paused = false;
  #wait: ReadWait | undefined = undefined;

  #need: Need = SOME;
  #count = 0;
  #separators: Separators = NEWLINE;
  #readLimit = 0;
  #scanned = 0;
  readonly #match: Match = { start: 0, end: -1 };

  static {
    complete = (reader): Buffer => {
      reader.#wait = undefined;
      return reader.#complete();
    };
    leave = (reader): void => {
      reader.#wait = undefined;
      if (reader.#buffer.length > reader.#pauseAbove) reader.#pause(); // the read may have let in more than that
    };
  }

  /** @throws RangeError or TypeError for options that are wrong or unknown */
  constructor(options: StreamReaderOptions = {}) {
    checkOptions('make a reader', options, READER);
    const { limit = DEFAULT_LIMIT, readLimit = DEFAULT_READ_LIMIT, pauseAbove = 2 * limit } = options;
    this.#limit = limit;
    this.#endLimit = readLimit;
    this.#pauseAbove = pauseAbove;
    this.#resumeAt = Math.min(limit, this.#pauseAbove);
  }

  /** The reader's limit, bytes. */
  get limit(): number {
    return this.#limit;
  }

  /** How many bytes are held. */
  get bufferedBytes(): number {
    return this.#buffer.length;
  }

  /** Bytes of memory that they take. @internal */
  get heldBytes(): number {
    return this.#buffer.memory;
  }

  /** True while a read waits. */
  get waiting(): boolean {
    return this.#wait !== undefined;
  }

  // ---- reading -------------------------------------------------------------------------------------------------

  /**
   * Waits for at least one byte and gives at most `n`; an empty Buffer at the end of the stream. With `n` < 0 or absent,
   * everything until the end.
   * @param n bytes; 0 gives an empty Buffer at once
   * @throws LimitOverrunError, with nothing read, when more than `readLimit` (64 MiB) comes before the end; BusyError when another read waits; the connection's error; CancelledError
   *
   * @example
   * ```ts
   * import { openConnection } from 'maitre';
   * const { reader, writer } = await openConnection({ host: '127.0.0.1', port: 8002 });
   * writer.write('hi');
   * console.log(String(await reader.read(1024)));
   * ```
   */
  read(n = -1, options?: WaitOptions): Promise<Buffer> {
    if (!Number.isInteger(n) && n !== Infinity && n !== -Infinity) return Promise.reject(countError(n, 'read'));
    if (n === 0 && this.#exception === undefined) return beginWait(options) ?? this.#nothing(options);
    return this.#read(n < 0 ? ALL : SOME, n, NEWLINE, 0, options);
  }

  /**
   * Reads `n` bytes, however many chunks they come in. The limit does not apply.
   * @throws IncompleteReadError with the bytes that came, when the stream ends before; RangeError for n < 0; as `read`
   */
  readExactly(n: number, options?: WaitOptions): Promise<Buffer> {
    if (!Number.isInteger(n) || n < 0) return Promise.reject(countError(n, 'read exactly'));
    if (n === 0 && this.#exception === undefined) return beginWait(options) ?? this.#nothing(options);
    return this.#read(EXACTLY, n, NEWLINE, 0, options);
  }

  /**
   * Reads up to a separator and gives it too. Of several separators, the one that ends first.
   * @param separator text (UTF-8), bytes, or a list of them; default a newline
   * @throws LimitOverrunError, with nothing read, when more than the limit stands before the separator;
   * IncompleteReadError with everything left, when the stream ends before; as `read`
   */
  readUntil(separator: Separator = '\n', options?: ReadUntilOptions): Promise<Buffer> {
    try {
      const limit = limitOf(options, this.#limit);
      return this.#read(UNTIL, 0, toSeparators(separator), limit, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Reads a line with its newline; the last one may lack it, and an empty Buffer is the end of the stream.
   * @throws LimitOverrunError when the line is longer than the limit, which is then dropped: up to its newline, or, when
   * that has not come yet, everything held; as `read`
   */
  readLine(options?: ReadUntilOptions): Promise<Buffer> {
    if (options === undefined) {
      const line = beginWait() ?? this.tryReadLine();
      if (line !== undefined) return Promise.resolve(line);
    }
    if (options?.limit === undefined) return this.#read(LINE, 0, NEWLINE, this.#limit, options);
    try {
      return this.#read(LINE, 0, NEWLINE, limitOf(options, this.#limit), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * A line with its newline, if one of at most the limit is held already; undefined otherwise, when another read waits, and
   * after 1,024 reads that were answered at once: what happened then is for `readLine` to say, which may wait for the next turn.
   * For servers to which many lines come at once: it costs no promise a line. It does not wait, so it is no cancellation point.
   *
   * @example
   * ```ts
   * import { StreamReader } from 'maitre';
   * const reader = new StreamReader();
   * reader.feedData(Buffer.from('one\ntwo\n'));
   * reader.feedEof();
   * for (;;) {
   *   const line = reader.tryReadLine() ?? (await reader.readLine());
   *   if (line.length === 0) break;
   *   console.log(String(line));
   * }
   * ```
   */
  tryReadLine(): Buffer | undefined {
    const end = this.#endOfLine();
    return end === 0 || !mayAnswer() ? undefined : this.#take(end);
  }

  /** Where the line ends that is held and not too long; 0 without one, and while another read waits. */
  #endOfLine(): number {
    if (this.#exception !== undefined || this.#isBusy()) return 0;
    const at = this.#buffer.indexOfByte(NEWLINE.byte, 0);
    return at < 0 || at > this.#limit ? 0 : at + 1;
  }

  /**
   * The lines as text, without their newline (`\n` or `\r\n`), until the end of the stream.
   * @param encoding one in which a newline is one byte: `utf8` (default), `latin1`, `ascii`
   *
   * @example
   * ```ts
   * import { StreamReader } from 'maitre';
   * const reader = new StreamReader();
   * reader.feedData(Buffer.from('one\r\ntwo\n'));
   * reader.feedEof();
   * for await (const line of reader.lines()) console.log(line); // one, two
   * ```
   */
  lines(
    encoding: BufferEncoding = 'utf8',
    options?: ReadUntilOptions,
  ): AsyncIterableIterator<string> & AsyncDisposable {
    return new TextLineIterator(this, encoding, options);
  }

  /**
   * A line as text without its ending (`\n` or `\r\n`); undefined at the end of the stream.
   * @throws IncompleteReadError for a last line without a newline, with `partial: 'throw'`; as `readLine`
   *
   * @example
   * ```ts
   * import { StreamReader } from 'maitre';
   * const reader = new StreamReader();
   * reader.feedData(Buffer.from('one\r\n'));
   * console.log(await reader.readTextLine()); // one
   * ```
   */
  readTextLine(options?: TextLineOptions): Promise<string | undefined> {
    return readTextLine(this, options);
  }

  /**
   * The bytes as they come, in chunks that are never empty, until the end of the stream.
   *
   * @example
   * ```ts
   * import { StreamReader } from 'maitre';
   * const reader = new StreamReader();
   * reader.feedData(Buffer.from('hello'));
   * reader.feedEof();
   * for await (const chunk of reader.chunks()) console.log(chunk.length); // 5
   * ```
   */
  chunks(options?: WaitOptions): AsyncIterableIterator<Buffer> & AsyncDisposable {
    return new ChunkIterator(this, options);
  }

  /** The lines as Buffers, each with its newline, as in asyncio. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    return new LineIterator(this);
  }

  /** True when the end was fed and everything before it was read. */
  atEof(): boolean {
    return this.#eof && this.#buffer.length === 0;
  }

  /** What `setException` was given; undefined without one. */
  exception(): unknown {
    return this.#exception?.error;
  }

  // ---- feeding -------------------------------------------------------------------------------------------------

  /**
   * Adds bytes at the end. The reader keeps them as they are: do not change them afterwards.
   * @throws InvalidStateError after `feedEof`
   */
  feedData(data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) throw wrongValue('feed data', '', 'bytes', data);
    if (data.length > 0 || this.#eof) this.feed(toBuffer(data));
  }

  /** feedData for transports: a Buffer that is not empty. @internal */
  feed(data: Buffer): void {
    if (this.#eof) throw new InvalidStateError('Cannot feed data: the end was fed already');
    const wait = this.#wait;
    const waiting = wait !== undefined && wait.waiting;
    this.#buffer.push(data, waiting && this.#need === EXACTLY ? this.#count : 0);
    if (waiting && this.#ready()) wait.answer(NOTHING);
    else if (waiting) return; // it needs more, so nothing is held back
    if (this.#buffer.length > this.#pauseAbove) this.#pause();
  }

  /** Ends the stream: what is held can still be read. */
  feedEof(): void {
    this.#eof = true;
    this.#wait?.answer(NOTHING);
  }

  /** Makes every read from now on reject with `error`, the waiting one included. */
  setException(error: unknown): void {
    this.#exception = { error };
    this.#wait?.answer(NOTHING);
  }

  /** Sets who is paused when too much is held. */
  setTransport(transport: ReadTransport): void {
    this.#transport = transport;
  }

  /** `<StreamReader 12 bytes, eof, waits for readLine>`, for logs. */
  toString(): string {
    const parts = [`${this.#buffer.length} bytes`];
    if (this.#limit !== DEFAULT_LIMIT) parts.push(`limit ${this.#limit}`);
    if (this.#eof) parts.push('eof');
    if (this.#exception !== undefined) parts.push(`exception ${String(this.#exception.error)}`);
    if (this.#paused) parts.push('paused');
    if (this.#wait !== undefined) parts.push(`waits for ${this.#wait.kind}`);
    return `<StreamReader ${parts.join(', ')}>`;
  }

  /** Takes the read that waits back: `read`, if it is given, and no other. It rejects with `error`. @internal */
  takeBack(error: CancelledError, read?: Promise<Buffer>): void {
    const wait = this.#wait;
    if (wait !== undefined && (read === undefined || wait.promise === read)) wait.cancel(error, true);
  }

  /** Takes out all that is held, for a transport that changes over to another protocol. @internal */
  takeHeld(): Buffer {
    if (this.#isBusy()) throw this.#busy(SOME);
    return this.#take(this.#buffer.length);
  }

  /** Drops what is held, for a transport that has set an exception: nobody can read it any more. @internal */
  drop(): void {
    this.#buffer.clear();
  }

  // ---- the one read --------------------------------------------------------------------------------------------

  #read(
    need: Need,
    count: number,
    separators: Separators,
    limit: number,
    options: WaitOptions | undefined,
  ): Promise<Buffer> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#isBusy()) return Promise.reject(this.#busy(need));
    this.#need = need;
    this.#count = count;
    this.#separators = separators;
    this.#readLimit = limit;
    this.#scanned = 0;
    this.#match.end = -1;
    const isReady = this.#ready();
    if (isReady && mayAnswer(options)) {
      try {
        return Promise.resolve(this.#complete());
      } catch (error) {
        return Promise.reject(error);
      }
    }
    const wait = new ReadWait(NAMES[need], this, options);
    this.#wait = wait;
    if (isReady) wait.answer(NOTHING);
    else this.#resume(); // last: a transport may feed in this call, which must find the read waiting
    return wait.promise;
  }

  /** What a read of 0 bytes is answered with. */
  #nothing(options: WaitOptions | undefined): Promise<Buffer> {
    return mayAnswer(options) ? EMPTY : answeredWait('read', this, NOTHING, options);
  }

  /** True when the current read can be completed, well or badly, with what is held. */
  #ready(): boolean {
    if (this.#eof || this.#exception !== undefined) return true;
    switch (this.#need) {
      case SOME:
        return this.#buffer.length > 0;
      case ALL:
        return this.#buffer.length > this.#endLimit;
      case EXACTLY:
        return this.#buffer.length >= this.#count;
      default:
        return this.#scan() || this.#scanned > this.#readLimit;
    }
  }

  /** Looks for the separator in what was not looked at yet. True when found: #match says where. */
  #scan(): boolean {
    if (findSeparator(this.#buffer, this.#separators, this.#scanned, this.#match)) return true;
    // A separator may have begun in the last longest-1 bytes.
    this.#scanned = Math.max(0, this.#buffer.length + 1 - this.#separators.longest);
    return false;
  }

  /** Takes what the current read asked for out of the buffer, or throws. Only when #ready(). */
  #complete(): Buffer {
    if (this.#exception !== undefined) throw this.#exception.error;
    switch (this.#need) {
      case SOME:
        return this.#take(Math.min(this.#count, this.#buffer.length));
      case ALL:
        if (this.#buffer.length > this.#endLimit) throw endOverrun(this.#buffer.length, this.#endLimit);
        return this.#take(this.#buffer.length);
      case EXACTLY:
        if (this.#buffer.length >= this.#count) return this.#take(this.#count);
        throw new IncompleteReadError(this.#take(this.#buffer.length), this.#count);
      default:
        return this.#takeUntil();
    }
  }

  #takeUntil(): Buffer {
    const match = this.#match;
    // More may have come since the read was answered, so a match found then still stands, and one not found may be there.
    const found = match.end >= 0 || this.#scan();
    const limit = this.#readLimit;
    if (found && match.start <= limit) return this.#take(match.end);
    const consumed = found ? match.start : this.#scanned;
    if (found || consumed > limit) {
      if (this.#need === LINE) this.#take(found ? match.end : this.#buffer.length);
      throw overrun(found, this.#need === LINE, consumed, limit);
    }
    // The stream ended without a separator.
    const rest = this.#take(this.#buffer.length);
    if (this.#need === LINE) return rest;
    throw new IncompleteReadError(rest);
  }

  #take(count: number): Buffer {
    const bytes = this.#buffer.take(count);
    if (this.#paused && this.#buffer.length <= this.#resumeAt) this.#resume();
    return bytes;
  }

  #pause(): void {
    if (this.#paused || this.#eof || this.#transport === undefined) return;
    this.#paused = true;
    this.#transport.pauseReading();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#transport?.resumeReading();
  }

  /** True while a read waits. One that was answered and then cancelled makes way. */
  #isBusy(): boolean {
    return this.#wait !== undefined && !this.#wait.yieldAnswer();
  }

  #busy(need: Need): BusyError {
    const kind = this.#wait?.kind ?? 'read';
    const task = this.#wait?.task;
    const same = task !== undefined && task === currentTask();
    const who = same
      ? `this task waits in ${kind} on this reader already (a read that Promise.race abandoned goes on: use race())`
      : `another task waits in ${kind} on this reader`;
    return new BusyError(`Cannot ${NAMES[need]}: ${who}, only one read may wait at a time`);
  }
}

const NOTHING: Buffer = Buffer.alloc(0); // what a read is answered with; take() makes the value at delivery
