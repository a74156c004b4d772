// Writing a file as a stream.
//
// States: OPEN -(close)-> CLOSING (what was written is in the file; with `sync` it is on the disk) -> GONE. An error of writing ends
// it: `drain` rejects with ConnectionLostError, whose cause it is.
import { close as closeFile, fsync, open, writev } from 'node:fs';
import { promisify } from 'node:util';
import { anything, type Checks, checkOptions, flag, integerFrom } from '../base/index.ts';
import { waiting, type WaitOptions } from '../core/index.ts';
import { StreamWriter, type WriteTransport } from '../streams/index.ts';
import { opened } from './file-reader.ts';

const openAsync = promisify(open);

export interface OpenWriterOptions extends WaitOptions {
  /** Keeps what the file has and writes after it. Default false: the file begins empty. */
  readonly append?: boolean | undefined;
  /** Fails when the file is there already. Default false. */
  readonly exclusive?: boolean | undefined;
  /** Its end waits until everything is on the disk. Default false: the system writes it later. */
  readonly sync?: boolean | undefined;
  /** The permissions of a new file, as a number. Default 0o666, less the umask. */
  readonly mode?: number | undefined;
}

/** All options of openWriter. */
export const OPEN_WRITER: Checks<OpenWriterOptions> = {
  append: flag,
  exclusive: flag,
  sync: flag,
  mode: integerFrom(0, 0o7777),
  signal: anything,
};

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
          this.#writeAll(rest); // a full disk, or a signal: the error comes with the rest
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
    if (!this.#sync) this.#end(undefined);
    else fsync(this.#fd, (error) => this.#end(error ?? undefined));
  }

  abort(): void {
    this.#end(undefined);
  }

  getExtraInfo(): undefined {
    return undefined;
  }

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
 * Opens a file for writing, as a StreamWriter: `write` never waits, `drain` waits for the disk while too much is unwritten. Dispose of it
 * (`await using`), which waits until everything is written. An error of the disk rejects `drain` and is the writer's loss.
 * @throws the system's error when it cannot be opened; CancelledError
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
