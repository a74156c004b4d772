// A StreamReader and a StreamWriter over Node streams: a child's pipes, a zlib stream, a socket of
// another library.
//
// - Readable: its 'data' is fed to the reader, and it is paused while the reader holds too much. A
//   close before its 'end' is an error, unless we closed it: a truncated stream must not look like
//   a complete one.
// - Writable: the callback of the last chunk means that the chunks were taken. Its 'error' or
//   'close' means that the connection is lost.
// - close() of a Duplex with unread input drops that input until the other side ends too, for at
//   most LINGER ms. A socket that is destroyed with input left answers with a reset, which can
//   destroy what was sent.
import { Buffer } from 'node:buffer';
import { type Duplex as NodeDuplex, finished, type Readable, type Writable } from 'node:stream';
import { describe } from '../base/index.ts';
import { callLater, ConnectionLostError } from '../core/index.ts';
import {
  type Duplex,
  DuplexEnd,
  type ReadTransport,
  StreamReader,
  type StreamReaderOptions,
  StreamWriter,
  type StreamWriterOptions,
  type WriteTransport,
} from '../streams/index.ts';

/** Milliseconds that a closed stream takes and drops unread input. */
const LINGER = 500;

class ReadableTransport implements ReadTransport {
  readonly reader: StreamReader;
  readonly #readable: Readable;
  /** True once we end it: the reader has its end, and what still comes is dropped. */
  #closing = false;

  constructor(readable: Readable, options: StreamReaderOptions) {
    this.#readable = readable;
    this.reader = new StreamReader(options);
    this.reader.setTransport(this);
    readable.on('data', (chunk: unknown) => this.#onData(chunk));
    // The listeners of finished() stay, so that a late 'error' has one too.
    finished(readable, { writable: false }, (error) => {
      if (this.#closing) return;
      if (error === null || error === undefined) this.reader.feedEof();
      else this.reader.setException(lossOf(error));
    });
    readable.resume();
  }

  pauseReading(): void {
    this.#readable.pause();
  }

  resumeReading(): void {
    this.#readable.resume();
  }

  /** Ends the reader's stream now. Returns true when there may be unread input. */
  closing(): boolean {
    const { readableEnded, destroyed } = this.#readable;
    const mayHaveInput = !readableEnded && !destroyed && (this.#readable.isPaused() || this.reader.bufferedBytes > 0);
    if (!this.#closing && !readableEnded && this.reader.exception() === undefined) this.reader.feedEof();
    this.#closing = true;
    this.#readable.resume();
    return mayHaveInput;
  }

  #onData(chunk: unknown): void {
    if (this.#closing) return;
    if (typeof chunk === 'string') this.#feed(Buffer.from(chunk, this.#readable.readableEncoding ?? 'utf8'));
    else if (chunk instanceof Uint8Array) this.#feed(chunk);
    else {
      const error = new TypeError(`Cannot read from a Node stream: expected text or bytes, got ${describe(chunk)}`);
      this.reader.setException(error);
      this.#readable.destroy(error);
    }
  }

  /**
   * Feeds the reader. A reader whose user has ended it throws, and what still comes is then
   * dropped. Thrown on, the error would end the process.
   */
  #feed(chunk: Uint8Array): void {
    try {
      this.reader.feedData(chunk);
    } catch {
      this.#closing = true;
      this.#readable.resume();
    }
  }
}

class WritableTransport implements WriteTransport {
  readonly writer: StreamWriter;
  /** The error that broke the stream; undefined without one. */
  error: unknown = undefined;
  readonly #writable: Writable;
  readonly #onEnd: () => boolean;

  /** @param onEnd called before we end the stream. Returns whether there may be unread input */
  constructor(writable: Writable, options: StreamWriterOptions, onEnd: () => boolean) {
    this.#writable = writable;
    this.#onEnd = onEnd;
    this.writer = new StreamWriter(this, options);
    writable.on('error', (error) => {
      this.error ??= error;
      this.writer.onClose(error); // 'close' need not follow
    });
    writable.on('close', () => this.writer.onClose());
    if (writable.destroyed) this.writer.onClose(writable.errored ?? undefined);
  }

  write(chunks: readonly (string | Uint8Array)[], _bytes: number): boolean {
    const last = chunks.length - 1;
    this.#writable.cork();
    for (const [index, chunk] of chunks.entries())
      this.#writable.write(chunk, index === last ? this.#onTaken : undefined);
    this.#writable.uncork();
    return false;
  }

  canWriteEof(): boolean {
    return true;
  }

  writeEof(): void {
    this.#writable.end();
  }

  close(): void {
    const writable = this.#writable;
    if (this.#onEnd()) {
      const lingering = callLater(LINGER, () => writable.destroy());
      writable.once('end', () => writable.destroy());
      writable.once('close', () => lingering.cancel());
      writable.end();
    } else writable.end(() => writable.destroy());
  }

  abort(): void {
    this.#onEnd();
    // For a TCP socket, send a reset.
    const socket = this.#writable as Writable & { resetAndDestroy?: () => void; remoteAddress?: string }; // if it is one
    if (typeof socket.resetAndDestroy === 'function' && socket.remoteAddress !== undefined) socket.resetAndDestroy();
    else socket.destroy();
    queueMicrotask(() => this.writer.onClose()); // 'close' may wait for something that hangs
  }

  getExtraInfo(): undefined {
    return undefined;
  }

  readonly #onTaken = (error?: Error | null): void => {
    if (error === null || error === undefined) this.writer.onWritten(); // else 'error' or 'close' follows
  };
}

class NodeStreamEnd extends DuplexEnd {
  readonly #transport: WritableTransport;

  constructor(stream: NodeDuplex, options: StreamReaderOptions & StreamWriterOptions) {
    const { maxBuffered, onOverflow, ...reading } = options;
    const reads = new ReadableTransport(stream, reading);
    const transport = new WritableTransport(stream, { maxBuffered, onOverflow }, () => reads.closing());
    super(reads.reader, transport.writer);
    this.#transport = transport;
  }

  override get error(): unknown {
    return this.#transport.error;
  }
}

/**
 * Returns a StreamReader of a Node Readable. The Readable flows at once, and is paused while the
 * reader holds too much. Text is converted back into bytes.
 *
 * The Readable's error rejects every read. If it is destroyed before its end, reads reject with
 * ConnectionLostError. To stop early, destroy the Readable.
 * @param options `limit` and the other sizes are bytes
 * @throws TypeError or RangeError for wrong options
 *
 * @example
 * ```ts
 * import { createReadStream } from 'node:fs';
 * import { fromNodeReadable } from 'maitre';
 * const reader = fromNodeReadable(createReadStream('package.json'));
 * for await (const line of reader.lines()) console.log(line);
 * ```
 */
export function fromNodeReadable(readable: Readable, options: StreamReaderOptions = {}): StreamReader {
  return new ReadableTransport(readable, options).reader;
}

/**
 * Returns a StreamWriter into a Node Writable. `drain` waits for its callbacks. Once the Writable
 * broke, `drain` rejects with ConnectionLostError, which has the stream's error as `cause`.
 * `writeEof` and `close` end the Writable; `abort` destroys it.
 * @param options `maxBuffered` is bytes
 * @throws TypeError or RangeError for wrong options
 *
 * @example
 * ```ts
 * import { createWriteStream } from 'node:fs';
 * import { fromNodeWritable } from 'maitre';
 * await using writer = fromNodeWritable(createWriteStream('/tmp/menu.txt'));
 * writer.write('soup\n');
 * await writer.drain();
 * ```
 */
export function fromNodeWritable(writable: Writable, options: StreamWriterOptions = {}): StreamWriter {
  return new WritableTransport(writable, options, () => false).writer;
}

/**
 * Returns a reader and a writer over a Node Duplex: `fromNodeReadable` and `fromNodeWritable` of
 * the same stream.
 * @throws TypeError or RangeError for wrong options
 *
 * @example
 * ```ts
 * import { createGzip } from 'node:zlib';
 * import { fromNodeDuplex } from 'maitre';
 * await using gzip = fromNodeDuplex(createGzip());
 * gzip.writer.write('hello');
 * gzip.writer.writeEof();
 * console.log((await gzip.reader.read()).length);
 * ```
 */
export function fromNodeDuplex(stream: NodeDuplex, options: StreamReaderOptions & StreamWriterOptions = {}): Duplex {
  return new NodeStreamEnd(stream, options);
}

/**
 * The error that reads reject with: that of the stream, or a ConnectionLostError for a close
 * without a reason.
 */
function lossOf(error: NodeJS.ErrnoException): unknown {
  if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') return error;
  return new ConnectionLostError('Connection lost: the stream was closed before its end', { cause: error });
}
