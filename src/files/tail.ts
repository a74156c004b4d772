// Following a file that others write: its new lines, as they come.
//
// States: FOLLOWING(file, position) -(more bytes)-> FOLLOWING(file, further)
//   -(the file is shorter than that: it was truncated)-> FOLLOWING(file, 0)
//   -(another file has the name)-> LEAVING -(nothing new came for an interval)-> FOLLOWING(other file, 0).
// While no file has the name, the old one is followed. Who rotates a file usually goes on writing into the old one for a while, so
// it is not left at once. The beginning of a line is kept until its end comes; that of a file that is left is a line.
//
// It looks every `interval` milliseconds, with one call of the system while nothing happens. Notices of the system are the rejected
// option: they are lost on network file systems and in containers, tell of too much, and differ from system to system.
import { open, stat, type FileHandle } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { anything, type Checks, checkOptions, integer, oneOf, positiveMs } from '../base/index.ts';
import { LimitOverrunError, sleep, type WaitOptions } from '../core/index.ts';

export interface TailOptions extends WaitOptions {
  /** Where it begins: at the `end` (default), so that only new lines come, or at the `start`. */
  readonly from?: 'start' | 'end' | undefined;
  /** Milliseconds between two looks. Default 250. */
  readonly interval?: number | undefined;
  /** Characters that a line may have. Default 1,048,576. */
  readonly limit?: number | undefined;
}

/** All options of `tail`. */
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
 * Follows a file: yields each new line, without its end, once it is complete. It goes on when the file is rotated (another file gets
 * its name: the rest of the old one comes first), truncated, or not there for a while. Leaving the loop closes the file; each wait
 * is cancelled like any other.
 * @throws the system's error when the file cannot be opened at the beginning; LimitOverrunError for a longer line than `limit`;
 * RangeError for a wrong interval; CancelledError
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

class Followed {
  readonly #path: string;
  #file: FileHandle;
  #at = 0;
  /** The beginning of a line whose end has not come. */
  #rest = '';
  #decoder = new StringDecoder('utf8');
  /** Another file had the name at the last look. */
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

  /** The lines that are complete now. */
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

  /** Goes over to the file that has the name now, when the old one was quiet. Returns the old one's last line; undefined: it stays. */
  async leave(isQuiet: boolean): Promise<string | undefined> {
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

  #restart(): void {
    this.#at = 0;
    this.#rest = '';
    this.#decoder = new StringDecoder('utf8');
  }
}
