// tail: follows a file that others write, and yields its new lines.
//
// States: FOLLOWING(file, position), LEAVING.
// - FOLLOWING -(more bytes)-> FOLLOWING(file, further).
// - FOLLOWING -(the file is shorter than the position: truncated)-> FOLLOWING(file, 0).
// - FOLLOWING -(another file has the name)-> LEAVING -(nothing new for an interval)->
//   FOLLOWING(other file, 0).
//
// While no file has the name, it follows the old one. A program that rotates its log usually writes
// to the old file a little longer, so the old file is not left at once. The start of a line is kept
// until its end arrives. In a file that is left, it counts as a line.
//
// It polls every `interval` milliseconds while a next() waits, with three system calls while nothing
// happens. A poll reads until it has complete lines, at most CHUNK bytes more than those need. The
// next poll comes when all of them were taken. So memory is bounded, however large the file is and
// however slow the loop. Rejected: notifications of the system. They are lost on network file systems
// and in containers, and a rotated file needs a look at its name anyway.
//
// Example: `log` has inode 1. Its writer renames it to `log.1` and creates `log` as inode 2, but
// writes one more line to inode 1. The next poll sees inode 2 under the name: LEAVING. It also
// reads that last line from inode 1. The poll after finds nothing new there, and continues with
// inode 2 from its start.
import { open, stat, type FileHandle } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { fileURLToPath } from 'node:url';
import { anything, type Checks, checkOptions, Deque, integer, oneOf, positiveMs } from '../base/index.ts';
import {
  callLater,
  type Handle,
  LimitOverrunError,
  loopTime,
  reportException,
  type WaitOptions,
} from '../core/index.ts';
import { Source, SourceIterator } from '../streams/index.ts';

/** Options of `tail`. */
export interface TailOptions extends WaitOptions {
  /**
   * Where it starts: at the `end` (the default), so that only new lines are yielded, or at the
   * `start`.
   */
  readonly from?: 'start' | 'end' | undefined;
  /** Milliseconds between two polls. Defaults to 250. */
  readonly interval?: number | undefined;
  /** The maximum length of a line, in characters. Defaults to 1,048,576. */
  readonly limit?: number | undefined;
}

/** The checks for every option of `tail`. */
export const TAIL: Checks<TailOptions> = {
  from: oneOf('start or end'),
  interval: positiveMs,
  limit: integer(1, Infinity),
  signal: anything,
};

const CHUNK = 65536;
const INTERVAL = 250;
const LIMIT = 2 ** 20;

/** The result of `tail`. Leave the loop, or dispose it, to close the file. */
export interface TailIterator extends AsyncIterableIterator<string, undefined>, AsyncDisposable {
  /**
   * Waits until the file is open: with `from: 'end'`, lines that are written later are yielded.
   * Cancellable.
   * @throws the error of the system if the file cannot be opened
   * @throws CancelledError
   */
  ready(): Promise<void>;
}

class Tail extends Source<string> {
  readonly #path: string;
  readonly #interval: number;
  /** Undefined until the file is open. */
  #followed: Followed | undefined = undefined;
  /** Complete lines that no next() has taken. */
  readonly #lines = new Deque<string>();
  /** When the next poll is due, on the loop's clock. */
  #due = 0;
  /** Undefined unless a poll is planned. */
  #timer: Handle | undefined = undefined;
  /** The poll in progress, or the opening of the file. Never rejects. */
  #polling: Promise<void> | undefined = undefined;
  /** An error that comes after `#lines`. */
  #error: { readonly error: unknown } | undefined = undefined;
  /** The closing of the file; undefined before the end. Never rejects. */
  #closing: Promise<void> | undefined = undefined;

  constructor(path: string, { from = 'end', interval = INTERVAL, limit = LIMIT }: TailOptions) {
    super();
    this.#path = path;
    this.#interval = interval;
    this.open();
    this.#begin(() => this.#openFile(from, limit));
  }

  get kind(): 'tail' {
    return 'tail';
  }

  override get label(): string {
    return `tail ${this.#path}`;
  }

  statistics(): object {
    const position = this.#followed?.position ?? 0;
    return { path: this.#path, position, lines: this.#lines.length, waiting: this.waiting };
  }

  override toString(): string {
    return `<Tail ${this.#path}>`;
  }

  protected override takeItem(): string | undefined {
    return this.#lines.popFront();
  }

  protected override putBack(line: string): void {
    this.#lines.pushFront(line);
  }

  protected override onWait(): void {
    if (this.#error !== undefined) {
      this.fail(this.#error.error);
      return;
    }
    if (this.#polling !== undefined || this.#timer !== undefined) return;
    const poll = (): void => {
      this.#timer = undefined;
      if (this.waiting > 0) this.#begin(() => this.#poll());
    };
    const left = this.#due - loopTime();
    if (left > 0) this.#timer = callLater(left, poll);
    else poll();
  }

  protected override onEnd(): void {
    this.#timer?.cancel();
    this.#closing = this.#close();
  }

  protected override get remainder(): Promise<void> | undefined {
    return this.#closing;
  }

  #begin(work: () => Promise<void>): void {
    this.#polling = work().then(
      () => {
        this.#polling = undefined;
        this.offer();
        if (this.isOpen && this.waiting > 0) this.onWait();
      },
      (error: unknown) => {
        this.#polling = undefined;
        if (this.#lines.length === 0) this.fail(error);
        else this.#error = { error };
        this.offer();
        if (this.isOpen && this.waiting > 0) this.onWait();
      },
    );
  }

  async #openFile(from: 'start' | 'end', limit: number): Promise<void> {
    this.#followed = new Followed(this.#path, await open(this.#path, 'r'), limit);
    if (from === 'end') await this.#followed.skip();
    this.markReady();
  }

  /** Reads until there are lines, or nothing more for now. */
  async #poll(): Promise<void> {
    const followed = this.#followed as Followed; // it polls only once the file is open
    while (this.isOpen && this.#lines.length === 0) {
      if (await followed.read(this.#lines)) continue;
      const rest = await followed.leave();
      if (rest === undefined) {
        this.#due = loopTime() + this.#interval;
        return;
      }
      if (rest !== '') this.#lines.pushBack(rest);
    }
  }

  async #close(): Promise<void> {
    await this.#polling;
    try {
      await this.#followed?.close();
    } catch (error) {
      reportException({ message: `Cannot close ${this.#path}`, error });
    }
  }
}

/**
 * Follows a file: yields each new line, without its ending, once it is complete. It continues when
 * the file is rotated (another file takes its name; the rest of the old one comes first),
 * truncated, or missing for a while. Prior art: `tail -F`.
 *
 * It ends when you leave the loop, dispose it, or when the scope of the caller ends (a task, or the
 * body of a timeout or group). `next()` is cancellable and loses no line.
 * @param path the file, as a path or a file URL
 * @throws TypeError or RangeError for wrong options
 * @throws the error of the system, from `next()`, if the file cannot be opened at the start
 * @throws LimitOverrunError, from `next()`, for a line longer than `limit`
 * @throws CancelledError, from `next()`
 *
 * @example
 * ```ts
 * import { tail } from 'maitre/files';
 * for await (const line of tail('/var/log/kitchen.log')) console.log(line);
 * ```
 */
export function tail(path: string | URL, options: TailOptions = {}): TailIterator {
  checkOptions('tail', options, TAIL);
  return new SourceIterator(new Tail(typeof path === 'string' ? path : fileURLToPath(path), options), options);
}

/** The file that is followed, and the position in it. */
class Followed {
  readonly #path: string;
  #file: FileHandle;
  #at = 0;
  /** The start of a line whose end has not arrived. */
  #rest = '';
  #decoder = new StringDecoder('utf8');
  /** True if another file had the name at the last `leave`. */
  #isLeaving = false;
  /** True if nothing was read since the last `leave`. */
  #isQuiet = false;
  readonly #buffer = Buffer.allocUnsafeSlow(CHUNK);
  readonly #limit: number;

  constructor(path: string, file: FileHandle, limit: number) {
    this.#path = path;
    this.#file = file;
    this.#limit = limit;
  }

  async skip(): Promise<void> {
    this.#at = (await this.#file.stat()).size;
  }

  get position(): number {
    return this.#at;
  }

  /**
   * Reads a piece, and adds the lines that are complete with it. Returns false if there is nothing
   * new.
   * @throws LimitOverrunError
   */
  async read(lines: Deque<string>): Promise<boolean> {
    const { size } = await this.#file.stat();
    if (size < this.#at) this.#restart();
    const { bytesRead } = await this.#file.read(this.#buffer, 0, CHUNK, this.#at);
    if (bytesRead === 0) return false;
    this.#at += bytesRead;
    const complete = (this.#rest + this.#decoder.write(this.#buffer.subarray(0, bytesRead))).split('\n');
    this.#rest = complete.pop() ?? '';
    for (const line of complete) {
      this.#check(line);
      lines.pushBack(line.endsWith('\r') ? line.slice(0, -1) : line);
    }
    this.#check(this.#rest);
    this.#isQuiet = false;
    return true;
  }

  /**
   * Call it when `read` found nothing new. Switches to the file that has the name now, if the old one
   * was quiet since the last call. Returns the last line of the old one, or undefined if it does not
   * switch.
   */
  async leave(): Promise<string | undefined> {
    // While the name is gone or cannot be read, the old file is followed, and the next turn looks again.
    const [own, named] = await Promise.all([this.#file.stat(), stat(this.#path).catch(() => undefined)]);
    const isOther = named !== undefined && (named.ino !== own.ino || named.dev !== own.dev);
    const mayLeave = isOther && this.#isLeaving && this.#isQuiet && own.size <= this.#at;
    this.#isLeaving = isOther;
    this.#isQuiet = true;
    if (!mayLeave) return undefined;
    const next = await open(this.#path, 'r').catch(() => undefined);
    if (next === undefined) return undefined;
    await this.#file.close();
    this.#file = next;
    this.#isLeaving = false;
    const rest = this.#rest;
    this.#restart();
    return rest;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** Continues at the start of the file: it was truncated, or it is another one. */
  #restart(): void {
    this.#at = 0;
    this.#rest = '';
    this.#decoder = new StringDecoder('utf8');
  }

  #check(line: string): void {
    if (line.length <= this.#limit) return;
    const message = `Cannot tail ${this.#path}: a line has more than ${this.#limit} characters, allow more with { limit }`;
    throw new LimitOverrunError(message, line.length);
  }
}
