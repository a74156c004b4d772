// Web Streams to and from a StreamReader and a StreamWriter, for fetch bodies and libraries written
// for browsers.
//
// - Nothing is read ahead: a pull reads once. A write resolves when drain() does.
// - A Web Stream waits until its source or sink answers, so a cancel first cancels the wait inside.
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

/** Bytes: the most that one read returns. */
const CHUNK = 65536;

/**
 * Returns a ReadableStream of a StreamReader. Its chunks are copies, which their receiver may
 * transfer. It is a default stream, not one of `type: 'bytes'`: `getReader({ mode: 'byob' })`
 * throws TypeError.
 *
 * An error of the reader errors the stream. Cancelling the stream cancels its read, which loses
 * nothing. Once `cancel()` has resolved, you can read from the reader again.
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
 * Returns a WritableStream into a StreamWriter. It takes text, which is sent as UTF-8, and bytes.
 *
 * Closing it calls `writeEof`, or `close` where a connection cannot be half-closed, and resolves
 * when the system has taken everything. Aborting it aborts the connection. It errors with
 * ConnectionLostError when the connection is lost, and with TypeError for other chunks, which abort
 * the connection too.
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
      // The abort() of the sink is called only after the write in progress has ended. This ends
      // that write.
      controller.signal.addEventListener('abort', () => writer.abort(), { once: true });
      const fail = (error: unknown): void => controller.error(error ?? new ConnectionLostError('Connection lost'));
      watch.start(async () => {
        await writer.waitClosed();
        await writer.drain(); // throws the reason, if bytes were lost
        throw new ConnectionLostError('Connection lost: it ended before the stream');
      }, fail);
    },
    write: (chunk) =>
      new Promise<void>((resolve, reject) => {
        try {
          writer.write(chunk);
        } catch (error) {
          void watch.stop();
          writer.abort(); // so that the peer does not take a part for everything
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

/** Options of `fromWebReadable`. */
export interface FromWebReadableOptions extends StreamReaderOptions {
  /**
   * Aborting it cancels the stream with the reason of the signal. Reads then reject with that
   * reason.
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Returns a StreamReader of a ReadableStream of bytes. It reads from the stream at once, and stops
 * while it holds too much. It locks the stream. The stream's error rejects every read. To stop
 * early, abort `options.signal`.
 * @param options `limit` and the other sizes are bytes
 * @throws TypeError when the stream is locked already; TypeError or RangeError for wrong options
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
 * Returns a StreamWriter into a WritableStream, which receives bytes. It locks the stream. `drain`
 * waits for the stream's writes. Once the stream broke, `drain` rejects with ConnectionLostError,
 * which has the stream's error as `cause`. `writeEof` and `close` close the stream; `abort` aborts
 * it.
 * @param options `maxBuffered` is bytes
 * @throws TypeError when the stream is locked already; TypeError or RangeError for wrong options
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
  /** True while a read of the source is in progress. */
  #pulling = false;
  #ended = false;
  /** Removes the listener from the signal. */
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
    this.#sink.ready.catch(ignore); // `closed` reports it
    this.#sink.closed.then(
      () => this.writer.onClose(),
      (error: unknown) => this.writer.onClose(error),
    );
  }

  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean {
    const joined = joinChunks(chunks, bytes);
    this.#sink.write(typeof joined === 'string' ? Buffer.from(joined) : joined).then(
      () => this.writer.onWritten(),
      ignore, // `closed` reports it
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
    this.#sink.close().catch(ignore); // `closed` reports it
  }

  abort(): void {
    this.#sink.abort(new ConnectionLostError('Connection lost: abort() was called')).catch(ignore); // `closed` reports it
    queueMicrotask(() => this.writer.onClose()); // `closed` waits for the write in progress
  }

  getExtraInfo(): undefined {
    return undefined;
  }
}

function ignore(): void {}
