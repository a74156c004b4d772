// pipe: bytes from a reader to a writer, with back-pressure.
//
// - It reads only when the writer has room, so no more than a chunk is between the two; a chunk that was read is written in
//   the same step. A cancel finds it in one of two waits, and loses nothing in either.
// - While it waits in a read it watches the writer as well: a source that stands still would not notice that nobody takes
//   its bytes any more. The read is taken back then, so what comes later is left to others.
import { anything, type Checks, checkOptions, flag } from '../base/index.ts';
import { beginWait, CancelledError, ConnectionLostError, host, waiting, type WaitOptions } from '../core/index.ts';
import type { StreamReader } from './reader.ts';
import type { StreamWriter } from './writer.ts';

/** Bytes of one step. */
const CHUNK = 65536;

export interface PipeOptions extends WaitOptions {
  /** Whether the reader's end ends the writer: by `writeEof`, or `close` where it cannot be half closed. Default true. */
  readonly end?: boolean | undefined;
}

/** All options of `pipe`. */
export const PIPE: Checks<PipeOptions> = { end: flag, signal: anything };

/**
 * Passes on what `reader` reads to `writer`, with back-pressure, until the end; then half-closes the writer, or closes it where
 * that cannot be, and waits until everything has left. Cancelled, or failed, it leaves both as they are, and every byte that was
 * read is written.
 * @returns how many bytes it passed on
 * @throws ConnectionLostError when the writer is lost or closed, also while nothing comes to read; as `read`; CancelledError
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

/** Reads that end when the writer does. */
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
    // Outside of the caller's task: a cancel of that is for the waits of the pipe, and this one would take it unseen.
    const watch = (): Promise<void> => writer.waitClosed({ signal: this.#stop.signal });
    host.carrier.run(undefined, watch, undefined).then(onGone, () => undefined); // cancelled: nothing to watch for
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

  /** Why nothing can be written. */
  async #reason(): Promise<unknown> {
    try {
      await this.#writer.drain(); // rejects with it, if bytes were lost
      return new ConnectionLostError('Cannot pipe: the writer has ended before the reader');
    } catch (error) {
      return error;
    }
  }
}
