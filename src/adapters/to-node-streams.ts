// Node streams over a StreamReader and a StreamWriter, for code that wants those: pipeline, zlib, parsers.
//
// - One read at a time, when Node asks for one: no more is held than Node's own buffer.
// - A write calls back when drain lets it go on, so Node's back-pressure is the writer's; the end calls back when the system has
//   taken everything, so that 'finish' is the truth, and a process may end then.
// - A stream that is destroyed takes its wait back first, then says 'close': the reader is free from then on.
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
  /** end() was called: how the connection ends is for its callback to say. */
  #ending = false;

  constructor(writer: StreamWriter) {
    this.#writer = writer;
  }

  /** Destroys `stream` when the connection is gone: a source that stands still would not notice. */
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
   * The stream has ended: so does this direction, where it can; else the connection, unless `keep` says that somebody reads
   * from it. Calls back when all that was written has left.
   */
  end(keep: boolean, callback: Callback): void {
    this.#ending = true;
    if (this.#writer.canWriteEof()) this.#writer.writeEof();
    else if (!keep) this.#writer.close();
    this.#wait(() => this.#writer.flushed(), callback);
  }

  /** A drain that waits is ended by the abort, so that its write calls back. */
  stop(finished: boolean): Promise<void> {
    if (!finished) this.#writer.abort(); // the peer shall not take what it got for all there was
    return this.#watch.stop();
  }
}

/**
 * A Node Readable of what `reader` reads. Errors of the reader destroy it. Destroying it cancels its read, which loses
 * nothing but what the Readable itself holds; the reader can be read again from its 'close' on.
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
 * A Node Writable into `writer`. Its `end()` is the writer's `writeEof`, or `close` where a connection cannot be half
 * closed; it has finished when the system has taken everything. Destroyed before its end, it aborts the connection.
 * It is destroyed when the connection ends, with ConnectionLostError when bytes were lost.
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
 * A Node Duplex over a connection: `toNodeReadable` and `toNodeWritable` in one. When both directions have ended, the
 * connection is closed; destroyed before, it is aborted. Over TLS a connection cannot be half closed: there `end()` sends what was
 * written, and the peer reads the end when the connection is closed.
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

/** What a StreamWriter writes: its text is UTF-8. */
function toUtf8(chunk: string | Uint8Array, encoding: BufferEncoding): string | Uint8Array {
  return typeof chunk === 'string' && encoding !== 'utf8' && encoding !== 'utf-8'
    ? Buffer.from(chunk, encoding)
    : chunk;
}
