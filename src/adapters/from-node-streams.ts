// A StreamReader and a StreamWriter over Node streams: a child's pipes, a zlib stream, a socket of another library.
//
// - Readable: its 'data' is fed; it is paused while the reader holds too much. An end before its 'end' is an error, unless
//   we made it: bytes cut off shall not look like all there were.
// - Writable: the last chunk's callback is "taken". Its 'error' or 'close' is the loss of the connection.
// - close() of a Duplex with input that nobody read drops that input until the other side ends too, for at most LINGER ms:
//   a socket destroyed with input left answers with a reset, which can destroy what was sent.
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

/** Milliseconds for which a closed stream takes and drops input that nobody read. */
const LINGER = 500;

class ReadableTransport implements ReadTransport {
  readonly reader: StreamReader;
  readonly #readable: Readable;
  /** We end it: the reader was told, and what still comes is dropped. */
  #closing = false;

  constructor(readable: Readable, options: StreamReaderOptions) {
    this.#readable = readable;
    this.reader = new StreamReader(options);
    this.reader.setTransport(this);
    readable.on('data', (chunk: unknown) => this.#onData(chunk));
    // Its listeners stay, so that a late 'error' has one, too.
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

  /** Ends the reader's stream now. True when there may be input that nobody read. */
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

  /** A reader whose user has ended it takes no more: what still comes is dropped. Thrown on, the error would end the process. */
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
  /** Why the stream broke. */
  error: unknown = undefined;
  readonly #writable: Writable;
  readonly #onEnd: () => boolean;

  /** `onEnd` is called before we end the stream, and says whether there may be input that nobody read. */
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
    // A TCP socket's peer sees a reset.
    const socket = this.#writable as Writable & { resetAndDestroy?: () => void; remoteAddress?: string }; // if it is one
    if (typeof socket.resetAndDestroy === 'function' && socket.remoteAddress !== undefined) socket.resetAndDestroy();
    else socket.destroy();
    queueMicrotask(() => this.writer.onClose()); // 'close' may wait for something that hangs
  }

  getExtraInfo(): undefined {
    return undefined;
  }

  readonly #onTaken = (error?: Error | null): void => {
    if (error === null || error === undefined) this.writer.onWritten(); // else 'error' or 'close' tells
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
 * A StreamReader of what a Node Readable gives; it begins to flow at once and is paused while too much is held. Text is
 * turned back into bytes. The Readable's error rejects every read; destroyed before its end, they reject with
 * ConnectionLostError. To stop early, destroy the Readable.
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
 * A StreamWriter into a Node Writable. `drain` waits for its callbacks; once it broke, it rejects with
 * ConnectionLostError, the stream's error its `cause`. `writeEof` and `close` end it, `abort` destroys it.
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
 * Reader and writer over a Node Duplex: `fromNodeReadable` and `fromNodeWritable` of the same stream.
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

/** The error that reads reject with: the stream's own, but a clear one for an end without a reason. */
function lossOf(error: NodeJS.ErrnoException): unknown {
  if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') return error;
  return new ConnectionLostError('Connection lost: the stream was closed before its end', { cause: error });
}
