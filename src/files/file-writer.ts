// The transport of openWriter: writes a file as a stream.
//
// States: OPEN -(close)-> CLOSING (writes what is left; with `sync`, waits for the disk) -> GONE.
// An error of a write ends it: `drain` rejects with ConnectionLostError, with that error as its
// `cause`.
import { close as closeFile, fsync, open, writev } from 'node:fs';
import { promisify } from 'node:util';
import { anything, type Checks, checkOptions, flag, integerFrom } from '../base/index.ts';
import { waiting, type WaitOptions } from '../core/index.ts';
import { StreamWriter, type WriteTransport } from '../streams/index.ts';
import { opened } from './file-reader.ts';

const openAsync = promisify(open);

/** Options of `openWriter`. */
export interface OpenWriterOptions extends WaitOptions {
  /**
   * Keeps the content of the file and writes after it. Defaults to false: the file starts empty.
   */
  readonly append?: boolean | undefined;
  /** Fails if the file exists. Defaults to false. */
  readonly exclusive?: boolean | undefined;
  /**
   * Closing waits until everything is on the disk. Defaults to false: the system writes it later.
   */
  readonly sync?: boolean | undefined;
  /** The permissions of a new file, as a number. Defaults to 0o666, less the umask. */
  readonly mode?: number | undefined;
}

/** The checks for every option of openWriter. */
export const OPEN_WRITER: Checks<OpenWriterOptions> = {
  append: flag,
  exclusive: flag,
  sync: flag,
  mode: integerFrom(0, 0o7777),
  signal: anything,
};

/** Writes to a file descriptor. At most one write is in progress (`#busy`). */
class FileTarget implements WriteTransport {
  writer: StreamWriter | undefined = undefined;
  readonly #fd: number;
  readonly #sync: boolean;
  #busy = false;
  #isGone = false;

  constructor(fd: number, sync: boolean) {
    this.#fd = fd;
    this.#sync = sync;
  }

  write(chunks: readonly (string | Uint8Array)[]): boolean {
    this.#busy = true;
    this.#writeAll(chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk)));
    return false;
  }

  /** Writes all buffers. A short write continues with the rest. */
  #writeAll(buffers: Uint8Array[]): void {
    writev(this.#fd, buffers, (error, written) => {
      if (error === null) {
        let skip = written;
        const rest = buffers.flatMap((buffer) => {
          const left = buffer.subarray(Math.min(skip, buffer.length));
          skip -= buffer.length - left.length;
          return left.length > 0 ? [left] : [];
        });
        if (rest.length > 0 && !this.#isGone) {
          this.#writeAll(rest); // a full disk, or a signal: writing the rest shows the error
          return;
        }
      }
      this.#busy = false;
      if (this.#isGone) this.#closeFile();
      else if (error === null) this.writer?.onWritten();
      else this.#end(error);
    });
  }

  canWriteEof(): boolean {
    return false;
  }

  writeEof(): void {}

  close(): void {
    if (!this.#sync) {
      this.#end(undefined);
      return;
    }
    this.#busy = true; // an abort meanwhile closes the file afterwards
    fsync(this.#fd, (error) => {
      this.#busy = false;
      if (this.#isGone) this.#closeFile();
      else this.#end(error ?? undefined);
    });
  }

  abort(): void {
    this.#end(undefined);
  }

  getExtraInfo(): undefined {
    return undefined;
  }

  /** Enters GONE. A write in progress keeps the descriptor open until it has ended. */
  #end(error: Error | undefined): void {
    if (this.#isGone) return;
    this.#isGone = true;
    if (this.#busy) queueMicrotask(() => this.writer?.onClose(error));
    else this.#closeFile(error);
  }

  #closeFile(error?: Error): void {
    closeFile(this.#fd, (failure) => this.writer?.onClose(error ?? failure ?? undefined));
  }
}

/**
 * Opens a file for writing, as a StreamWriter: `write` never waits, `drain` waits for the disk
 * while too much is unwritten. Dispose it (`await using`); that waits until everything is written.
 * After an error of the disk, `drain` rejects. Cancellable; a file that was being opened is then
 * closed.
 * @param path the file, as a path or a file URL
 * @throws the error of the system if the file cannot be opened
 * @throws TypeError or RangeError for wrong options
 * @throws CancelledError
 *
 * @example
 * ```ts
 * import { openWriter } from 'maitre/files';
 * await using log = await openWriter('/tmp/kitchen.log', { append: true });
 * log.write('soup is ready\n');
 * await log.drain();
 * ```
 */
export function openWriter(path: string | URL, options: OpenWriterOptions = {}): Promise<StreamWriter> {
  checkOptions('open writer', options, OPEN_WRITER);
  const { append = false, exclusive = false, sync = false, mode } = options;
  const flags = `${append ? 'a' : 'w'}${exclusive ? 'x' : ''}`;
  return waiting(
    opened(openAsync(path, flags, mode), options, (fd) => {
      const target = new FileTarget(fd, sync);
      return (target.writer = new StreamWriter(target));
    }),
  );
}
