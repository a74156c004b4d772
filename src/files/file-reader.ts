// Reading a file as a stream.
//
// States: READING <-> PAUSED (the reader holds enough) -> ENDED (the end was reached, a read failed, or it was disposed of).
// One read of the system is under way at most, so at most one chunk more than the reader wanted comes after a pause. The file is
// closed when it has ended and no read is under way.
import { close as closeFile, open, read } from 'node:fs';
import { promisify } from 'node:util';
import { anything, type Checks, checkOptions, integer } from '../base/index.ts';
import { cancellable, Future, shield, waiting, type WaitOptions } from '../core/index.ts';
import { type ReadTransport, StreamReader, type StreamReaderOptions } from '../streams/index.ts';

const openAsync = promisify(open);

/** Bytes of one read. */
const CHUNK = 65536;

export interface OpenReaderOptions extends StreamReaderOptions, WaitOptions {
  /** Bytes from the beginning of the file: where reading begins. Default 0. */
  readonly start?: number | undefined;
  /** Bytes from the beginning of the file: where reading ends, this one not read. Default: the end of the file. */
  readonly end?: number | undefined;
}

/** All options of openReader. */
export const OPEN_READER: Checks<OpenReaderOptions> = {
  start: integer(0),
  end: integer(0, Infinity),
  limit: anything,
  pauseAbove: anything,
  readLimit: anything,
  signal: anything,
};

/** A StreamReader of a file. Disposing of it closes the file. */
export class FileReader extends StreamReader implements AsyncDisposable {
  readonly #source: FileSource;

  /** For openReader. @internal */
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

  /** Stops reading and closes the file; what was not read is lost. */
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
  /** A read of the system is under way. */
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
    closeFile(this.#fd, () => this.#closed.answer()); // nothing that was read depends on it
  }
}

/**
 * Opens a file for reading, as a StreamReader: lines, records and chunks with bounded memory. Dispose of it (`await using`), or read
 * it to its end: either closes the file.
 * @throws the system's error when it cannot be opened; TypeError or RangeError for wrong options; CancelledError
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

/** Waits for a file that is being opened. Cancelled, it closes the file when it is open. */
export async function opened<T>(opening: Promise<number>, options: WaitOptions, make: (fd: number) => T): Promise<T> {
  const done = new Future<number>();
  opening.then(
    (fd) => done.answer(fd) || closeFile(fd),
    (error: unknown) => void done.fail(error),
  );
  const { signal } = options;
  return make(await cancellable(done, signal === undefined ? undefined : { signal }));
}
