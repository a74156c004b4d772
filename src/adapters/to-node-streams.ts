// Node streams over a StreamReader and a StreamWriter, for code that takes Node streams: pipeline,
// zlib, parsers.
//
// - One read at a time, when Node asks for one: nothing is held beyond Node's own buffer.
// - A write calls back when drain() resolves, so Node's back-pressure is that of the writer. The
//   end calls back when the system has taken everything. So 'finish' means that all was taken, and
//   a process may end then.
// - A stream that is destroyed first cancels its wait, then emits 'close'. From then on, the reader
//   is free.
import { Duplex as NodeDuplex, Readable, Writable } from 'node:stream';
import { ConnectionLostError } from '../core/index.ts';
import type { Duplex, StreamReader, StreamWriter } from '../streams/index.ts';
import { StreamTask } from './stream-task.ts';

type Callback = (error?: Error | null) => void;

/** The reading half of a Node stream. */
class ReadSide {
  readonly #reader: StreamReader;
  readonly #task = new StreamTask('Node stream reads');

  constructor(reader: StreamReader) {
    this.#reader = reader;
  }

  read(stream: Readable, size: number): void {
    this.#task.start(
      async () => {
        const chunk = await this.#reader.read(Math.max(1, size));
        stream.push(chunk.length === 0 ? null : chunk);
      },
      (error) => stream.destroy(error as Error | undefined), // Node passes on any value
    );
  }

  stop(): Promise<void> {
    return this.#task.stop();
  }
}

/** The writing half of a Node stream. */
class WriteSide {
  readonly #writer: StreamWriter;
  readonly #drain = new StreamTask('Node stream drains');
  readonly #watch = new StreamTask('Node stream watches its connection');
  /** True once end() was called: its callback then reports how the connection ends. */
  #ending = false;

  constructor(writer: StreamWriter) {
    this.#writer = writer;
  }

  /**
   * Destroys `stream` when the connection is gone. A source that sends nothing would not notice.
   */
  watch(stream: Writable): void {
    const destroy = (error: unknown): void => void stream.destroy(error as Error | undefined); // Node passes on any value
    this.#watch.start(async () => {
      await this.#writer.waitClosed();
      if (this.#ending) return;
      await this.#writer.drain(); // throws the reason, if bytes were lost
      stream.destroy();
    }, destroy);
  }

  write(chunks: readonly (string | Uint8Array)[], callback: Callback): void {
    try {
      this.#writer.writelines(chunks);
    } catch (error) {
      callback(error as Error); // the writer throws Errors
      return;
    }
    this.#wait(() => this.#writer.drain(), callback);
  }

  #wait(wait: () => Promise<void>, callback: Callback): void {
    this.#drain.start(
      async () => {
        await wait();
        callback();
      },
      (error) =>
        callback((error ?? new ConnectionLostError('Connection lost: the wait for it was cancelled')) as Error),
    );
  }

  /**
   * The stream has ended. Ends this direction, where that is possible. Otherwise it closes the
   * connection, unless `keep` says that its other direction is still read. Calls back when the
   * system has taken everything.
   */
  end(keep: boolean, callback: Callback): void {
    this.#ending = true;
    if (this.#writer.canWriteEof()) this.#writer.writeEof();
    else if (!keep) this.#writer.close();
    this.#wait(() => this.#writer.flushed(), callback);
  }

  /**
   * Stops watching, and aborts unless finished. The abort ends a waiting drain, so that its write
   * calls back.
   */
  stop(finished: boolean): Promise<void> {
    if (!finished) this.#writer.abort(); // so that the peer does not take a part for everything
    return this.#watch.stop();
  }
}

/**
 * Returns a Node Readable of a StreamReader. An error of the reader destroys it. Destroying it
 * cancels its read, which loses nothing but what the Readable itself holds. After its 'close', you
 * can read from the reader again.
 *
 * @example
 * ```ts
 * import { StreamReader, toNodeReadable } from 'maitre';
 * const reader = new StreamReader();
 * reader.feedData(Buffer.from('hello'));
 * reader.feedEof();
 * for await (const chunk of toNodeReadable(reader)) console.log(String(chunk));
 * ```
 */
export function toNodeReadable(reader: StreamReader): Readable {
  const side = new ReadSide(reader);
  return new Readable({
    read(size) {
      side.read(this, size);
    },
    destroy(error, callback) {
      void side.stop().then(() => callback(error));
    },
  });
}

/**
 * Returns a Node Writable into a StreamWriter. Its `end()` calls `writeEof`, or `close` where a
 * connection cannot be half-closed. It emits 'finish' when the system has taken everything.
 * Destroyed before its end, it aborts the connection. When the connection ends, the Writable is
 * destroyed, with ConnectionLostError if bytes were lost.
 *
 * @example
 * ```ts
 * import { Readable } from 'node:stream';
 * import { pipeline } from 'node:stream/promises';
 * import { toNodeWritable } from 'maitre';
 * import { memoryStreamPair } from 'maitre/testing';
 * const [a, b] = memoryStreamPair();
 * await pipeline(Readable.from(['one ', 'two']), toNodeWritable(a.writer));
 * console.log(String(await b.reader.read()));
 * ```
 */
export function toNodeWritable(writer: StreamWriter): Writable {
  const side = new WriteSide(writer);
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string | Uint8Array, encoding, callback) {
      side.write([toUtf8(chunk, encoding)], callback);
    },
    writev(chunks, callback) {
      side.write(
        chunks.map(({ chunk, encoding }) => toUtf8(chunk as string | Uint8Array, encoding)),
        callback,
      );
    },
    final(callback) {
      side.end(false, callback);
    },
    destroy(error, callback) {
      void side.stop(stream.writableFinished).then(() => callback(error));
    },
  });
  side.watch(stream);
  return stream;
}

/**
 * Returns a Node Duplex over a connection: `toNodeReadable` and `toNodeWritable` in one. When both
 * directions have ended, it closes the connection. Destroyed before, it aborts the connection. A
 * TLS connection cannot be half-closed: there, `end()` sends what was written, and the peer reads
 * the end when the connection closes.
 *
 * @example
 * ```ts
 * import { createGzip } from 'node:zlib';
 * import { startServer, toNodeDuplex } from 'maitre';
 * await using server = await startServer(async (_reader, _writer, connection) => {
 *   const stream = toNodeDuplex(connection);
 *   for await (const chunk of stream.pipe(createGzip())) console.log(chunk.length);
 * }, { port: 0 });
 * ```
 */
export function toNodeDuplex(connection: Duplex): NodeDuplex {
  const reads = new ReadSide(connection.reader);
  const writes = new WriteSide(connection.writer);
  const stream: NodeDuplex = new NodeDuplex({
    decodeStrings: false,
    read(size) {
      reads.read(this, size);
    },
    write(chunk: string | Uint8Array, encoding, callback) {
      writes.write([toUtf8(chunk, encoding)], callback);
    },
    writev(chunks, callback) {
      writes.write(
        chunks.map(({ chunk, encoding }) => toUtf8(chunk as string | Uint8Array, encoding)),
        callback,
      );
    },
    final(callback) {
      writes.end(true, callback);
    },
    destroy(error, callback) {
      const finished = stream.writableFinished && stream.readableEnded;
      void Promise.all([reads.stop(), writes.stop(finished)]).then(() => {
        connection.writer.close();
        callback(error);
      });
    },
  });
  writes.watch(stream);
  return stream;
}

/** Converts a chunk to what a StreamWriter takes: bytes, or text in UTF-8. */
function toUtf8(chunk: string | Uint8Array, encoding: BufferEncoding): string | Uint8Array {
  return typeof chunk === 'string' && encoding !== 'utf8' && encoding !== 'utf-8'
    ? Buffer.from(chunk, encoding)
    : chunk;
}
