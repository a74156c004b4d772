// FileReader: reads a file as a stream.
//
// States: READING <-> PAUSED (the reader holds enough) -> ENDED (the end was reached, a read
// failed, or it was disposed).
//
// At most one read of the system is in progress, so after a pause at most one more chunk arrives.
// The file descriptor is closed once the state is ENDED and no read is in progress: closing it
// earlier could give the descriptor to another file during the read.
import { close as closeFile, open, read } from 'node:fs';
import { promisify } from 'node:util';
import { anything, type Checks, checkOptions, integer } from '../base/index.ts';
import { cancellable, Future, shield, waiting, type WaitOptions } from '../core/index.ts';
import { type ReadTransport, StreamReader, type StreamReaderOptions } from '../streams/index.ts';

const openAsync = promisify(open);

/** The bytes of one read. */
const CHUNK = 65536;

/** Options of `openReader`: a range of bytes, and the limits of the reader. */
export interface OpenReaderOptions extends StreamReaderOptions, WaitOptions {
  /** The offset at which reading starts, in bytes. Defaults to 0. */
  readonly start?: number | undefined;
  /** The offset at which reading ends, in bytes, exclusive. Defaults to the end of the file. */
  readonly end?: number | undefined;
}

/** The checks for every option of openReader. */
export const OPEN_READER: Checks<OpenReaderOptions> = {
  start: integer(0),
  end: integer(0, Infinity),
  limit: anything,
  pauseAbove: anything,
  readLimit: anything,
  signal: anything,
};

/**
 * A StreamReader of a file. Disposing it closes the file.
 *
 * @example
 * ```ts
 * import { type FileReader, openReader } from 'maitre/files';
 * await using file: FileReader = await openReader('package.json', { end: 100 });
 * console.log(await file.readTextLine()); // {
 * ```
 */
export class FileReader extends StreamReader implements AsyncDisposable {
  readonly #source: FileSource;

  /** Called by openReader only. @internal */
  static make(fd: number, options: OpenReaderOptions): FileReader {
    return new FileReader(fd, options);
  }

  private constructor(fd: number, options: OpenReaderOptions) {
    const { limit, pauseAbove, readLimit } = options;
    super({ limit, pauseAbove, readLimit });
    this.#source = new FileSource(fd, this, options.start ?? 0, options.end ?? Infinity);
    this.setTransport(this.#source);
    this.#source.resumeReading();
  }

  /** Stops reading and closes the file. What was not read is lost. Idempotent. */
  close(): Promise<void> {
    return this.#source.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

class FileSource implements ReadTransport {
  readonly #fd: number;
  readonly #reader: StreamReader;
  readonly #end: number;
  #at: number;
  #paused = true;
  /** True while a read of the system is in progress. */
  #busy = false;
  #hasEnded = false;
  readonly #closed = new Future<void>();

  constructor(fd: number, reader: StreamReader, start: number, end: number) {
    this.#fd = fd;
    this.#reader = reader;
    this.#at = start;
    this.#end = end;
  }

  pauseReading(): void {
    this.#paused = true;
  }

  resumeReading(): void {
    this.#paused = false;
    this.#next();
  }

  close(): Promise<void> {
    if (!this.#hasEnded) this.#finish(() => this.#reader.feedEof());
    return shield(this.#closed).outcome();
  }

  #next(): void {
    if (this.#paused || this.#busy || this.#hasEnded) return;
    const length = Math.min(CHUNK, this.#end - this.#at);
    if (length <= 0) {
      this.#finish(() => this.#reader.feedEof());
      return;
    }
    this.#busy = true;
    const buffer = Buffer.allocUnsafeSlow(length);
    read(this.#fd, buffer, 0, length, this.#at, (error, bytes) => {
      this.#busy = false;
      if (this.#hasEnded) this.#closeFile();
      else if (error !== null) this.#finish(() => this.#reader.setException(error));
      else if (bytes === 0) this.#finish(() => this.#reader.feedEof());
      else {
        this.#at += bytes;
        this.#reader.feedData(buffer.subarray(0, bytes));
        this.#next();
      }
    });
  }

  #finish(tell: () => void): void {
    this.#hasEnded = true;
    tell();
    if (!this.#busy) this.#closeFile();
  }

  #closeFile(): void {
    closeFile(this.#fd, () => this.#closed.answer()); // its error is ignored: nothing that was read depends on it
  }
}

/**
 * Opens a file for reading, as a StreamReader: lines, records and chunks in bounded memory. Dispose
 * it (`await using`), or read it to its end: either closes the file. Cancellable; a file that was
 * being opened is then closed.
 * @param path the file, as a path or a file URL
 * @throws the error of the system if the file cannot be opened
 * @throws TypeError or RangeError for wrong options
 * @throws CancelledError
 *
 * @example
 * ```ts
 * import { openReader } from 'maitre/files';
 * await using file = await openReader('package.json');
 * for await (const line of file.lines()) console.log(line);
 * ```
 */
export function openReader(path: string | URL, options: OpenReaderOptions = {}): Promise<FileReader> {
  checkOptions('open reader', options, OPEN_READER);
  return waiting(opened(openAsync(path, 'r'), options, (fd) => FileReader.make(fd, options)));
}

/**
 * Waits for a file that is being opened. If it is cancelled, it closes the file once that is open.
 */
export async function opened<T>(opening: Promise<number>, options: WaitOptions, make: (fd: number) => T): Promise<T> {
  const done = new Future<number>();
  opening.then(
    (fd) => done.answer(fd) || closeFile(fd),
    (error: unknown) => void done.fail(error),
  );
  return make(await cancellable(done, options));
}
