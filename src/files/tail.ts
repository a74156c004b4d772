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
// It polls every `interval` milliseconds, with one system call while nothing happens. Rejected:
// notifications of the system. They are lost on network file systems and in containers, report too
// much, and differ from system to system.
//
// Example: `log` has inode 1. Its writer renames it to `log.1` and creates `log` as inode 2, but
// writes one more line to inode 1. The next poll sees inode 2 under the name: LEAVING. It also
// reads that last line from inode 1. The poll after finds nothing new there, and continues with
// inode 2 from its start.
import { open, stat, type FileHandle } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { anything, type Checks, checkOptions, integer, oneOf, positiveMs } from '../base/index.ts';
import { LimitOverrunError, sleep, type WaitOptions } from '../core/index.ts';

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

/**
 * Follows a file: yields each new line, without its ending, once it is complete. It continues when
 * the file is rotated (another file takes its name; the rest of the old one comes first),
 * truncated, or missing for a while. Leaving the loop closes the file. Cancellable at each line.
 * Prior art: `tail -F`.
 * @param path the file
 * @throws the error of the system if the file cannot be opened at the start
 * @throws LimitOverrunError for a line longer than `limit`
 * @throws RangeError for a wrong interval
 * @throws CancelledError
 *
 * @example
 * ```ts
 * import { tail } from 'maitre/files';
 * for await (const line of tail('/var/log/kitchen.log')) console.log(line);
 * ```
 */
export async function* tail(path: string, options: TailOptions = {}): AsyncGenerator<string, void, undefined> {
  checkOptions('tail', options, TAIL);
  const { from = 'end', interval = INTERVAL, limit = LIMIT } = options;
  const followed = new Followed(path, await open(path, 'r'), limit);
  try {
    if (from === 'end') await followed.skip();
    for (;;) {
      let isQuiet = true;
      for await (const line of followed.more()) {
        isQuiet = false;
        yield line;
      }
      const rest = await followed.leave(isQuiet);
      if (rest !== undefined && rest !== '') yield rest;
      if (rest === undefined) await sleep(interval, undefined, options);
    }
  } finally {
    await followed.close();
  }
}

/** The file that is followed, and the position in it. */
class Followed {
  readonly #path: string;
  #file: FileHandle;
  #at = 0;
  /** The start of a line whose end has not arrived. */
  #rest = '';
  #decoder = new StringDecoder('utf8');
  /** True if another file had the name at the last poll. */
  #isLeaving = false;
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

  /** Yields the lines that are complete now. */
  async *more(): AsyncGenerator<string, void, undefined> {
    const { size } = await this.#file.stat();
    if (size < this.#at) this.#restart();
    for (;;) {
      const { bytesRead } = await this.#file.read(this.#buffer, 0, CHUNK, this.#at);
      if (bytesRead === 0) return;
      this.#at += bytesRead;
      const lines = (this.#rest + this.#decoder.write(this.#buffer.subarray(0, bytesRead))).split('\n');
      this.#rest = lines.pop() ?? '';
      if (this.#rest.length > this.#limit) {
        const message = `Cannot tail ${this.#path}: a line has more than ${this.#limit} characters, allow more with { limit }`;
        throw new LimitOverrunError(message, this.#rest.length);
      }
      for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
    }
  }

  /**
   * Switches to the file that has the name now, if the old one was quiet. Returns the last line of
   * the old one, or undefined if it does not switch.
   */
  async leave(isQuiet: boolean): Promise<string | undefined> {
    // While the name is gone or cannot be read, the old file is followed, and the next turn looks again.
    const [own, named] = await Promise.all([this.#file.stat(), stat(this.#path).catch(() => undefined)]);
    const isOther = named !== undefined && (named.ino !== own.ino || named.dev !== own.dev);
    const mayLeave = isOther && this.#isLeaving && isQuiet && own.size <= this.#at;
    this.#isLeaving = isOther;
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
}
