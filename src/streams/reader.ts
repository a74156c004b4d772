// StreamReader: buffers the bytes that a transport feeds, and hands them out as bytes, lines or
// records. Semantics: asyncio.StreamReader.
//
// State. `#buffer` holds the bytes that were fed and not read yet; `#pile` those after them, while a
// read to the end waits. `#eof` and `#exception` say that the stream has ended, and how. `#wait` is
// the read in progress, at most one. `#need` and the fields below it say what that read needs, so
// that a read allocates no closure.
//
// Who changes it. The transport feeds (feedData, feedEof, setException). The user reads. Both run
// in the same thread, so each call sees a consistent state.
//
// Invariants:
// - A read that can complete with what is buffered does not wait: every public read tries
//   `#ready()` first, and resolves at once while this turn may deliver further answers (see core's
//   delivery.ts).
// - Bytes leave the buffer in one place, `#complete()`, in the step that settles the read's
//   promise. A read that is cancelled before that step has taken nothing.
// - A search for separators continues at `#scanned`. The bytes before it cannot be part of a match,
//   so the cost is linear in the bytes received, however small the chunks.
// - The reader pauses its transport while it holds more than `pauseAbove` bytes (2 x limit by
//   default) and no read needs more. It resumes the transport once it holds `limit` bytes or fewer,
//   or when a read has to wait. So a read of any length ends, and memory is bounded by `pauseAbove`
//   plus what was in transit.
// - After setException, every read rejects with that error, even if bytes are left.
//
// Example, with limit 4: the transport feeds 6 bytes, then 4. The reader holds 10 > 8 and pauses
// it. readExactly(8) takes 8; 2 <= 4 are left, so the transport resumes. readExactly(100) then
// waits, and while it waits, feeding never pauses the transport: the read would not end otherwise.
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
  type Resource,
  Wait,
  type WaitOptions,
} from '../core/index.ts';
import { Buffer } from './buffer.ts';
import { ByteBuffer, toBuffer } from './byte-buffer.ts';
import { ChunkIterator } from './chunks.ts';
import { LineIterator, readTextLine, TextLineIterator } from './lines.ts';
import { ALL, EXACTLY, LINE, NAMES, type Need, SOME, UNTIL } from './needs.ts';
import { Pile } from './pile.ts';
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
    return complete(this.resource as StreamReader); // the constructor call below passes `this`, a reader
  }

  protected override withdraw(): void {
    leave(this.resource as StreamReader);
  }
}

// The private steps of the reader that its wait calls. The static block of the class sets them.
let complete: (reader: StreamReader) => Buffer;
let leave: (reader: StreamReader) => void;

/**
 * Reads the bytes that a transport feeds: a connection, a pipe, a file, a test. One task reads at a
 * time; a second read rejects with BusyError. Every read is a cancellation point, and a cancelled
 * read loses no byte. The Buffers that reads resolve to may share memory with each other; nothing
 * else writes to them. asyncio: `StreamReader`.
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
  /** The transport is paused above this number of bytes held. */
  readonly #pauseAbove: number;
  /**
   * The transport is resumed at this number of bytes held: the limit, or pauseAbove if that is
   * smaller.
   */
  readonly #resumeAt: number;
  /** The most that a read to the end may take, in bytes. */
  readonly #endLimit: number;
  /** The bytes that were fed and not read. */
  readonly #buffer = new ByteBuffer();
  /** Those that were fed after them while a read to the end waits. Undefined for none. */
  #pile: Pile | undefined = undefined;
  /**
   * True when a record was read in part: its rest is still to come, even if the buffer is empty.
   * Record readers write it. @internal
   */
  isInRecord = false;
  /** The connection whose reader it is; undefined for none. DuplexEnd writes it. @internal */
  partOf: Resource | undefined = undefined;
  /** True once the end was fed. Never reset. */
  #eof = false;
  /** The error of setException, wrapped so that `undefined` can be one. Never reset. */
  #exception: { readonly error: unknown } | undefined = undefined;
  /** The transport to pause. Undefined for a reader that is fed by hand. */
  #transport: ReadTransport | undefined = undefined;
  /** True from pauseReading to resumeReading. Written by #pause and #resume only. */
  #paused = false;
  /** The read that waits. Undefined if none does. Set by #read, cleared at delivery or cancel. */
  #wait: ReadWait | undefined = undefined;

  /**
   * The kind of the current read. The fields below belong to it, and mean nothing between reads.
   */
  #need: Need = SOME;
  /** The bytes that SOME takes at most and EXACTLY takes. */
  #count = 0;
  #separators: Separators = NEWLINE;
  /** The limit of ALL, in bytes, and that of UNTIL and LINE, in bytes before the separator. */
  #readLimit = 0;
  /** The bytes before this offset contain no start of a match. Reset by each read. */
  #scanned = 0;
  /** The separator found. `end` is -1 as long as none is. */
  readonly #match: Match = { start: 0, end: -1 };

  static {
    complete = (reader): Buffer => {
      reader.#wait = undefined;
      return reader.#complete();
    };
    leave = (reader): void => {
      reader.#wait = undefined;
      reader.#unpile();
      if (reader.bufferedBytes > reader.#pauseAbove) reader.#pause(); // the read raised the bound while it waited
    };
  }

  /**
   * Makes a reader that holds nothing yet.
   * @param options limits, in bytes
   * @throws RangeError or TypeError for options that are wrong or unknown
   */
  constructor(options: StreamReaderOptions = {}) {
    checkOptions('make a reader', options, READER);
    const { limit = DEFAULT_LIMIT, readLimit = DEFAULT_READ_LIMIT, pauseAbove = 2 * limit } = options;
    this.#limit = limit;
    this.#endLimit = readLimit;
    this.#pauseAbove = pauseAbove;
    this.#resumeAt = Math.min(limit, this.#pauseAbove);
  }

  /** The `limit` option, in bytes. */
  get limit(): number {
    return this.#limit;
  }

  /** The number of bytes that were fed and not read yet. */
  get bufferedBytes(): number {
    return this.#buffer.length + (this.#pile?.length ?? 0);
  }

  /** The bytes of memory that the buffered bytes occupy. @internal */
  get heldBytes(): number {
    return this.#buffer.memory + (this.#pile?.memory ?? 0);
  }

  /** True while a read waits. */
  get waiting(): boolean {
    return this.#wait !== undefined;
  }

  // ---- reading -------------------------------------------------------------------------------------------------

  /**
   * Waits for at least one byte and resolves to at most `n` of them. Resolves to an empty Buffer at
   * the end of the stream. If `n` is negative or absent, reads everything until the end. asyncio:
   * `StreamReader.read`.
   * @param n bytes; with 0, resolves to an empty Buffer without waiting for data
   * @throws RangeError or TypeError if `n` is not an integer
   * @throws LimitOverrunError, with nothing read, if more than `readLimit` bytes (64 MiB by
   * default) come before the end
   * @throws BusyError if another read waits on this reader
   * @throws the error of the connection
   * @throws CancelledError; the bytes stay for the next read
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
    return n < 0 ? this.readAll(this.#endLimit, options) : this.#read(SOME, n, NEWLINE, 0, options);
  }

  /** `read()` to the end, with a limit of its own in bytes. @internal */
  readAll(limit: number, options?: WaitOptions): Promise<Buffer> {
    return this.#read(ALL, 0, NEWLINE, limit, options);
  }

  /**
   * Reads exactly `n` bytes, whatever chunks they come in. The limit does not apply. Cancellable
   * without loss. asyncio: `StreamReader.readexactly`.
   * @param n bytes, an integer >= 0
   * @throws IncompleteReadError, with the bytes that came as `partial`, if the stream ends before
   * `n` bytes
   * @throws RangeError or TypeError if `n` is not an integer >= 0
   * @throws what `read` throws
   *
   * @example
   * ```ts
   * import { StreamReader } from 'maitre';
   * const reader = new StreamReader();
   * reader.feedData(Buffer.from([0, 2]));
   * reader.feedData(Buffer.from('hi'));
   * const length = (await reader.readExactly(2)).readUInt16BE();
   * console.log(String(await reader.readExactly(length))); // hi
   * ```
   */
  readExactly(n: number, options?: WaitOptions): Promise<Buffer> {
    if (!Number.isInteger(n) || n < 0) return Promise.reject(countError(n, 'read exactly'));
    if (n === 0 && this.#exception === undefined) return beginWait(options) ?? this.#nothing(options);
    return this.#read(EXACTLY, n, NEWLINE, 0, options);
  }

  /**
   * Reads up to and including a separator. If you pass several, the one that ends first counts.
   * Cancellable without loss. asyncio: `StreamReader.readuntil`.
   * @param separator text (as UTF-8), bytes, or a list of them; defaults to a newline
   * @throws LimitOverrunError, with nothing read, if more than the limit comes before the separator
   * @throws IncompleteReadError, with all remaining bytes as `partial`, if the stream ends without
   * a separator
   * @throws what `read` throws
   *
   * @example
   * ```ts
   * import { StreamReader } from 'maitre';
   * const reader = new StreamReader();
   * reader.feedData(Buffer.from('name=ann;age=7;'));
   * console.log(String(await reader.readUntil(';'))); // name=ann;
   * console.log(String(await reader.readUntil(['=', ';']))); // age=
   * ```
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
   * Reads one line with its newline. The last line may lack the newline. Resolves to an empty
   * Buffer at the end of the stream. Cancellable without loss. asyncio: `StreamReader.readline`.
   * @throws LimitOverrunError if the line is longer than the limit. The line is then dropped up to
   * its newline; if its newline has not come yet, everything buffered is dropped.
   * @throws what `read` throws
   *
   * @example
   * ```ts
   * import { StreamReader } from 'maitre';
   * const reader = new StreamReader();
   * reader.feedData(Buffer.from('one\ntwo'));
   * reader.feedEof();
   * console.log(JSON.stringify(String(await reader.readLine()))); // "one\n"
   * console.log(JSON.stringify(String(await reader.readLine()))); // "two"
   * console.log((await reader.readLine()).length); // 0
   * ```
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
   * Returns a line with its newline if one within the limit is buffered already, and undefined
   * otherwise. Also returns undefined while another read waits, and after 1,024 reads that were
   * answered at once. `readLine` then tells the cases apart, and may wait for the next turn.
   *
   * Use it in servers that receive many lines at once: it allocates no promise per line. It does
   * not wait, so it is not a cancellation point.
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

  /**
   * The offset after the newline of a buffered line within the limit. Returns 0 if there is none,
   * and while another read waits.
   */
  #endOfLine(): number {
    if (this.#exception !== undefined || this.#isBusy()) return 0;
    const at = this.#buffer.indexOfByte(NEWLINE.byte, 0);
    return at < 0 || at > this.#limit ? 0 : at + 1;
  }

  /**
   * Iterates over the lines as text, without their newline (`\n` or `\r\n`), until the end of the
   * stream. Each step is a cancellation point and throws what `readLine` throws.
   * @param encoding one in which a newline is one byte: `utf8` (the default), `latin1`, `ascii`
   * @param options `limit` in bytes, `signal`
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
   * Reads one line as text, without its ending (`\n` or `\r\n`). Resolves to undefined at the end
   * of the stream. Cancellable without loss.
   * @param options `encoding`, `limit` in bytes, `partial`, `signal`
   * @throws IncompleteReadError for a last line without a newline if `partial` is `'throw'`
   * @throws what `readLine` throws
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
   * Iterates over the bytes as they come, in chunks that are never empty, until the end of the
   * stream. Each step is a cancellation point and throws what `read` throws.
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

  /**
   * Iterates over the lines as Buffers, each with its newline. asyncio: `StreamReader.__aiter__`.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    return new LineIterator(this);
  }

  /**
   * Returns true once the end was fed and everything before it was read. asyncio:
   * `StreamReader.at_eof`.
   */
  atEof(): boolean {
    return this.#eof && this.bufferedBytes === 0;
  }

  /**
   * Returns the error that `setException` received, or undefined. asyncio:
   * `StreamReader.exception`.
   */
  exception(): unknown {
    return this.#exception?.error;
  }

  // ---- feeding -------------------------------------------------------------------------------------------------

  /**
   * Appends bytes. The reader keeps a reference to them: do not change them afterwards. asyncio:
   * `StreamReader.feed_data`.
   * @throws InvalidStateError after `feedEof`
   * @throws TypeError if `data` is not a Uint8Array
   */
  feedData(data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) throw wrongValue('feed data', '', 'bytes', data);
    if (data.length > 0 || this.#eof) this.feed(toBuffer(data));
  }

  /** The feedData of transports: takes a Buffer that is not empty. @internal */
  feed(data: Buffer): void {
    if (this.#eof) throw new InvalidStateError('Cannot feed data: the end was fed already');
    const wait = this.#wait;
    const waiting = wait !== undefined && wait.waiting;
    // Also after its answer: what comes before the delivery belongs behind the pile.
    if (wait !== undefined && this.#need === ALL) (this.#pile ??= new Pile()).add(data);
    else this.#buffer.push(data, waiting && this.#need === EXACTLY ? this.#count : 0);
    if (waiting && this.#ready()) wait.answer(NOTHING);
    else if (waiting) return; // the read needs more than this, so do not pause
    if (this.bufferedBytes > this.#pauseAbove) this.#pause();
  }

  /** Ends the stream. What is buffered can still be read. asyncio: `StreamReader.feed_eof`. */
  feedEof(): void {
    this.#eof = true;
    this.#wait?.answer(NOTHING);
  }

  /**
   * Makes every read from now on reject with `error`, including the one that waits. asyncio:
   * `StreamReader.set_exception`.
   */
  setException(error: unknown): void {
    this.#exception = { error };
    this.#wait?.answer(NOTHING);
  }

  /** Sets the transport that the reader pauses while it holds too much. */
  setTransport(transport: ReadTransport): void {
    this.#transport = transport;
  }

  /** `<StreamReader 12 bytes, eof, waits for readLine>`, for logs. */
  toString(): string {
    const parts = [`${this.bufferedBytes} bytes`];
    if (this.#limit !== DEFAULT_LIMIT) parts.push(`limit ${this.#limit}`);
    if (this.#eof) parts.push('eof');
    if (this.#exception !== undefined) parts.push(`exception ${String(this.#exception.error)}`);
    if (this.#paused) parts.push('paused');
    if (this.#wait !== undefined) parts.push(`waits for ${this.#wait.kind}`);
    return `<StreamReader ${parts.join(', ')}>`;
  }

  /**
   * Cancels the read that waits, with `error`. If `read` is passed, cancels only if that is the
   * read.
   * @internal
   */
  takeBack(error: CancelledError, read?: Promise<Buffer>): void {
    const wait = this.#wait;
    if (wait !== undefined && (read === undefined || wait.promise === read)) wait.cancel(error, true);
  }

  /**
   * Takes everything out of the buffer, for a transport that switches to another protocol.
   * @internal
   */
  takeHeld(): Buffer {
    if (this.#isBusy()) throw this.#busy(SOME);
    return this.#take(this.#buffer.length);
  }

  /**
   * Drops what is buffered, for a transport that has set an exception: no read can return it any
   * more.
   * @internal
   */
  drop(): void {
    this.#buffer.clear();
    this.#pile = undefined;
  }

  // ---- the one read --------------------------------------------------------------------------------------------

  /**
   * Starts a read. The order matters: check for a cancel, then for another read, then set the need,
   * then complete or wait.
   */
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
    else this.#resume(); // last: the transport may feed within this call, and has to find the read waiting
    return wait.promise;
  }

  /** Answers a read of 0 bytes. */
  #nothing(options: WaitOptions | undefined): Promise<Buffer> {
    return mayAnswer(options) ? EMPTY : answeredWait('read', this, NOTHING, options);
  }

  /**
   * Returns true if the current read can complete, with a result or an error, with what is
   * buffered.
   */
  #ready(): boolean {
    if (this.#eof || this.#exception !== undefined) return true;
    switch (this.#need) {
      case SOME:
        return this.#buffer.length > 0;
      case ALL:
        return this.bufferedBytes > this.#readLimit;
      case EXACTLY:
        return this.#buffer.length >= this.#count;
      default:
        return this.#scan() || this.#scanned > this.#readLimit;
    }
  }

  /**
   * Searches the bytes that were not searched yet. Returns true on a match, and writes it to
   * #match.
   */
  #scan(): boolean {
    if (findSeparator(this.#buffer, this.#separators, this.#scanned, this.#match)) return true;
    // A separator may start in the last `longest - 1` bytes: search those again next time.
    this.#scanned = Math.max(0, this.#buffer.length + 1 - this.#separators.longest);
    return false;
  }

  /**
   * Takes the result of the current read out of the buffer, or throws. Call it only if #ready().
   */
  #complete(): Buffer {
    if (this.#exception !== undefined) throw this.#exception.error;
    switch (this.#need) {
      case SOME:
        return this.#take(Math.min(this.#count, this.#buffer.length));
      case ALL:
        this.#unpile();
        if (this.#buffer.length > this.#readLimit) throw endOverrun(this.#buffer.length, this.#readLimit);
        return this.#take(this.#buffer.length);
      case EXACTLY:
        if (this.#buffer.length >= this.#count) return this.#take(this.#count);
        throw new IncompleteReadError(this.#take(this.#buffer.length), this.#count);
      default:
        return this.#takeUntil();
    }
  }

  /**
   * Completes UNTIL and LINE: returns the record, or throws because it is too long or incomplete.
   */
  #takeUntil(): Buffer {
    const match = this.#match;
    // More bytes may have come since the read was answered. A match found then is still valid;
    // where none was found then, there may be one now.
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

  /** Moves the bytes of the pile into the buffer. */
  #unpile(): void {
    const pile = this.#pile;
    if (pile === undefined) return;
    this.#pile = undefined;
    this.#buffer.push(pile.join(this.#buffer.take(this.#buffer.length)), 0);
  }

  /** Takes bytes out of the buffer, and resumes the transport if few enough are left. */
  #take(count: number): Buffer {
    const bytes = this.#buffer.take(count);
    if (this.#paused && this.#buffer.length <= this.#resumeAt) this.#resume();
    return bytes;
  }

  /** Pauses the transport. The inverse is #resume. */
  #pause(): void {
    if (this.#paused || this.#eof || this.#transport === undefined) return;
    this.#paused = true;
    this.#transport.pauseReading();
  }

  /** Resumes the transport. The inverse is #pause. */
  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#transport?.resumeReading();
  }

  /** Returns true while a read waits. A read that was answered and then cancelled gives way. */
  #isBusy(): boolean {
    return this.#wait !== undefined && !this.#wait.yieldAnswer();
  }

  /** Makes the error for a second read. Names the classic mistake if the same task made both. */
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

const NOTHING: Buffer = Buffer.alloc(0); // a placeholder answer: take() makes the real value at delivery
