// pipe: passes bytes from a reader to a writer, with back-pressure.
//
// - It reads only while the writer has room, so at most one chunk is between the two. It writes a
//   chunk in the same step in which it was read. A cancel therefore finds it in a read or in a
//   drain, and loses nothing in either.
// - While it waits in a read, it also watches the writer. Otherwise, with a source that sends
//   nothing, it would not notice that the writer is gone. It then takes the read back, so later
//   bytes are left to other reads.
import { anything, type Checks, checkOptions, flag } from '../base/index.ts';
import { beginWait, CancelledError, ConnectionLostError, host, waiting, type WaitOptions } from '../core/index.ts';
import type { StreamReader } from './reader.ts';
import type { StreamWriter } from './writer.ts';

/** The bytes of one step. */
const CHUNK = 65536;

/** Options of `pipe`. */
export interface PipeOptions extends WaitOptions {
  /**
   * Whether the end of the reader ends the writer: by `writeEof`, or by `close` if it cannot be
   * half-closed. Defaults to true.
   */
  readonly end?: boolean | undefined;
}

/** The checks for every option of `pipe`. */
export const PIPE: Checks<PipeOptions> = { end: flag, signal: anything };

/**
 * Passes what `reader` reads to `writer`, with back-pressure, until the end of the stream. Then
 * half-closes the writer, or closes it if it cannot be half-closed, and waits until everything has
 * left. Cancellable. After a cancel or an error, it leaves both as they are, and every byte that
 * was read is written.
 * @returns the number of bytes passed on
 * @throws ConnectionLostError if the writer is lost or closed, even while nothing comes to read
 * @throws what `read` throws
 * @throws CancelledError
 *
 * @example
 * ```ts
 * import { pipe, startServer } from 'maitre';
 * await using server = await startServer((reader, writer) => pipe(reader, writer), { host: '127.0.0.1', port: 0 });
 * console.log(`${server}`); // an echo server
 * ```
 */
export function pipe(reader: StreamReader, writer: StreamWriter, options: PipeOptions = {}): Promise<number> {
  return waiting(passOn(reader, writer, options));
}

async function passOn(reader: StreamReader, writer: StreamWriter, options: PipeOptions): Promise<number> {
  checkOptions('pipe', options, PIPE);
  const { end = true, signal } = options;
  const wait = signal === undefined ? undefined : { signal };
  const refused = beginWait(wait);
  if (refused !== undefined) return refused;
  const watch = new WriterWatch(reader, writer);
  let bytes = 0;
  try {
    for (;;) {
      await writer.drain(wait);
      const chunk = await watch.read(CHUNK, wait);
      if (chunk.length === 0) break;
      writer.write(chunk);
      bytes += chunk.length;
    }
  } finally {
    watch.stop();
  }
  if (!end) return bytes;
  if (writer.canWriteEof()) writer.writeEof();
  else writer.close();
  await writer.flushed(wait);
  return bytes;
}

/** Makes reads that end when the writer does. */
class WriterWatch {
  readonly #reader: StreamReader;
  readonly #writer: StreamWriter;
  readonly #stop = new AbortController();
  readonly #lost = new CancelledError('Cancelled: the writer of a pipe has ended');
  #read: Promise<Buffer> | undefined = undefined;

  constructor(reader: StreamReader, writer: StreamWriter) {
    this.#reader = reader;
    this.#writer = writer;
    const onGone = (): void => {
      if (this.#read !== undefined) reader.takeBack(this.#lost, this.#read);
    };
    // Runs outside of the caller's task: a cancel of the task is for the waits of the pipe, and
    // would be lost in this one.
    const watch = (): Promise<void> => writer.waitClosed({ signal: this.#stop.signal });
    host.carrier.run(undefined, watch, undefined).then(onGone, () => undefined); // cancelled: nothing left to watch
  }

  async read(count: number, wait: WaitOptions | undefined): Promise<Buffer> {
    if (this.#writer.isClosing()) throw await this.#reason();
    this.#read = this.#reader.read(count, wait);
    try {
      return await this.#read;
    } catch (error) {
      throw error === this.#lost ? await this.#reason() : error;
    } finally {
      this.#read = undefined;
    }
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Returns the error that says why nothing can be written. */
  async #reason(): Promise<unknown> {
    try {
      await this.#writer.drain(); // rejects with it, if bytes were lost
      return new ConnectionLostError('Cannot pipe: the writer has ended before the reader');
    } catch (error) {
      return error;
    }
  }
}
