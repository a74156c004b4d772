// Web Streams to and from a StreamReader and a StreamWriter, for fetch bodies and libraries written for browsers.
//
// - Nothing is read ahead: a pull reads once. A write resolves when drain lets it go on.
// - A Web Stream holds its wait until the sink or source answers, so a cancel takes that wait back first.
import { Buffer } from 'node:buffer';
import { describe } from '../base/index.ts';
import { ConnectionLostError } from '../core/index.ts';
import {
  joinChunks,
  type ReadTransport,
  StreamReader,
  type StreamReaderOptions,
  StreamWriter,
  type StreamWriterOptions,
  type WriteTransport,
} from '../streams/index.ts';
import { StreamTask } from './stream-task.ts';

/** Bytes of one read. */
const CHUNK = 65536;

/**
 * A ReadableStream of what `reader` reads. Its chunks are copies, which their receiver may transfer. It is a default stream, not
 * one of `type: 'bytes'`: `getReader({ mode: 'byob' })` throws TypeError. The reader's error
 * is its error. Cancelling it cancels its read, which loses nothing; the reader can be read again when `cancel()` has
 * resolved.
 *
 * @example
 * ```ts
 * import { StreamReader, toWebReadable } from 'maitre';
 * const reader = new StreamReader();
 * reader.feedData(Buffer.from('hello'));
 * reader.feedEof();
 * console.log(await new Response(toWebReadable(reader)).text());
 * ```
 */
export function toWebReadable(reader: StreamReader): ReadableStream<Uint8Array<ArrayBuffer>> {
  const task = new StreamTask('web stream reads');
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull: (controller) =>
        new Promise<void>((resolve, reject) => {
          task.start(
            async () => {
              const chunk = await reader.read(CHUNK);
              if (chunk.length === 0) controller.close();
              else controller.enqueue(new Uint8Array(chunk)); // a copy: reads share memory, and a receiver may detach it
              resolve();
            },
            (error) => reject(error ?? new ConnectionLostError('Connection lost: the read was cancelled')),
          );
        }),
      cancel: () => task.stop(),
    },
    { highWaterMark: 0 },
  );
}

/**
 * A WritableStream of text (as UTF-8) and bytes into `writer`. Closing it is the writer's `writeEof`, or `close` where a
 * connection cannot be half closed, and resolves when the system has taken everything; aborting it aborts the connection. It errors with ConnectionLostError when the
 * connection is lost, and with TypeError for other chunks, which abort the connection too.
 *
 * @example
 * ```ts
 * import { toWebWritable } from 'maitre';
 * import { memoryStreamPair } from 'maitre/testing';
 * const [a, b] = memoryStreamPair();
 * await new Blob(['hello']).stream().pipeTo(toWebWritable(a.writer));
 * console.log(String(await b.reader.read()));
 * ```
 */
export function toWebWritable(writer: StreamWriter): WritableStream<string | Uint8Array> {
  const drain = new StreamTask('web stream drains');
  const watch = new StreamTask('web stream watches its connection');
  return new WritableStream<string | Uint8Array>({
    start(controller) {
      // abort() below comes only when the write under way has ended: this ends it.
      controller.signal.addEventListener('abort', () => writer.abort(), { once: true });
      const fail = (error: unknown): void => controller.error(error ?? new ConnectionLostError('Connection lost'));
      watch.start(async () => {
        await writer.waitClosed();
        await writer.drain(); // knows the reason, if bytes were lost
        throw new ConnectionLostError('Connection lost: it ended before the stream');
      }, fail);
    },
    write: (chunk) =>
      new Promise<void>((resolve, reject) => {
        try {
          writer.write(chunk);
        } catch (error) {
          void watch.stop();
          writer.abort(); // the peer shall not take what it got for all there was
          throw error;
        }
        drain.start(
          async () => {
            await writer.drain();
            resolve();
          },
          (error) => reject(error ?? new ConnectionLostError('Connection lost: the wait for it was cancelled')),
        );
      }),
    async close() {
      await watch.stop();
      if (writer.canWriteEof()) writer.writeEof();
      else writer.close();
      await new Promise<void>((resolve, reject) => {
        drain.start(
          async () => {
            await writer.flushed();
            resolve();
          },
          (error) => reject(error ?? new ConnectionLostError('Connection lost: the wait for it was cancelled')),
        );
      });
    },
    async abort() {
      writer.abort();
      await watch.stop();
    },
  });
}

export interface FromWebReadableOptions extends StreamReaderOptions {
  /** Aborting it cancels the stream with the signal's reason, with which reads then reject. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A StreamReader of what a ReadableStream of bytes gives; it is read from at once, and not while too much is held. The
 * stream is locked. Its error rejects every read. To stop early, abort `options.signal`.
 * @throws TypeError when the stream is locked already
 *
 * @example
 * ```ts
 * import { fromWebReadable } from 'maitre';
 * const reader = fromWebReadable(new Blob(['one\ntwo\n']).stream());
 * for await (const line of reader.lines()) console.log(line);
 * ```
 */
export function fromWebReadable(
  stream: ReadableStream<Uint8Array>,
  options: FromWebReadableOptions = {},
): StreamReader {
  return new WebReadTransport(stream, options).reader;
}

/**
 * A StreamWriter into a WritableStream, which gets bytes. `drain` waits for its writes; once it broke, it rejects with
 * ConnectionLostError, the stream's error its `cause`. `writeEof` and `close` close it, `abort` aborts it. The stream is
 * locked.
 * @throws TypeError when the stream is locked already
 *
 * @example
 * ```ts
 * import { fromWebWritable } from 'maitre';
 * const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
 * const text = new Response(readable).text();
 * await using writer = fromWebWritable(writable);
 * writer.write('hello');
 * writer.close();
 * console.log(await text);
 * ```
 */
export function fromWebWritable(stream: WritableStream<Uint8Array>, options: StreamWriterOptions = {}): StreamWriter {
  return new WebWriteTransport(stream, options).writer;
}

class WebReadTransport implements ReadTransport {
  readonly reader: StreamReader;
  readonly #source: ReadableStreamDefaultReader<Uint8Array>;
  #paused = false;
  /** A read of the source is under way. */
  #pulling = false;
  #ended = false;
  /** Takes the listener off the signal. */
  readonly #unlisten: () => void;

  constructor(stream: ReadableStream<Uint8Array>, options: FromWebReadableOptions) {
    const { signal, ...reading } = options;
    this.reader = new StreamReader(reading);
    this.reader.setTransport(this);
    this.#source = stream.getReader();
    const onAbort = (): void => this.#fail(signal?.reason, true);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#unlisten = () => signal?.removeEventListener('abort', onAbort);
    if (signal?.aborted === true) onAbort();
    else this.#pull();
  }

  pauseReading(): void {
    this.#paused = true;
  }

  resumeReading(): void {
    this.#paused = false;
    this.#pull();
  }

  #pull(): void {
    if (this.#paused || this.#pulling || this.#ended) return;
    this.#pulling = true;
    this.#source.read().then(
      (result) => {
        this.#pulling = false;
        if (this.#ended) return;
        if (result.done) this.#end(() => this.reader.feedEof());
        else this.#take(result.value);
      },
      (error: unknown) => this.#fail(error, false),
    );
  }

  #take(chunk: unknown): void {
    if (chunk instanceof Uint8Array) {
      this.reader.feedData(chunk);
      this.#pull();
    } else this.#fail(new TypeError(`Cannot read from a web stream: expected bytes, got ${describe(chunk)}`), true);
  }

  #fail(error: unknown, cancel: boolean): void {
    if (this.#ended) return;
    this.#end(() => this.reader.setException(error));
    if (cancel) this.#source.cancel(error).catch(ignore); // the reader has the error
  }

  #end(tell: () => void): void {
    this.#ended = true;
    this.#unlisten();
    tell();
  }
}

class WebWriteTransport implements WriteTransport {
  readonly writer: StreamWriter;
  readonly #sink: WritableStreamDefaultWriter<Uint8Array>;
  #ending = false;

  constructor(stream: WritableStream<Uint8Array>, options: StreamWriterOptions) {
    this.#sink = stream.getWriter();
    this.writer = new StreamWriter(this, options);
    this.#sink.ready.catch(ignore); // `closed` tells
    this.#sink.closed.then(
      () => this.writer.onClose(),
      (error: unknown) => this.writer.onClose(error),
    );
  }

  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean {
    const joined = joinChunks(chunks, bytes);
    this.#sink.write(typeof joined === 'string' ? Buffer.from(joined) : joined).then(
      () => this.writer.onWritten(),
      ignore, // `closed` tells
    );
    return false;
  }

  canWriteEof(): boolean {
    return true;
  }

  writeEof(): void {
    this.close();
  }

  close(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#sink.close().catch(ignore); // `closed` tells
  }

  abort(): void {
    this.#sink.abort(new ConnectionLostError('Connection lost: abort() was called')).catch(ignore); // `closed` tells
    queueMicrotask(() => this.writer.onClose()); // `closed` waits for the write under way
  }

  getExtraInfo(): undefined {
    return undefined;
  }
}

function ignore(): void {}
