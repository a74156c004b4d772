// Whether the process has file descriptors left. Without one, the system's accept fails, and libuv drops the clients that wait,
// silently: it gives up a descriptor it keeps for that, accepts, and closes. So servers watch for it themselves, with a
// descriptor that is opened and closed again: once a second, and with clients that come, at most ten times a second.
//
// States: FREE -(a probe fails)-> OUT, which is told once -(probes have succeeded for AGAIN_AFTER ms)-> FREE.
//
// The timer is the host's own and keeps no process alive: this is about the system, whatever a test has made of the loop's clock.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { devNull } from 'node:os';
import { clearInterval, setInterval } from 'node:timers';
import { disposable } from '../base/index.ts';

/** Milliseconds between two looks, and the fewest between two that clients cause. */
const EVERY = 1000;
const AT_MOST_EVERY = 100;
/** Milliseconds of free descriptors after which running out is news again: a full process comes and goes about the limit. */
const AGAIN_AFTER = 10_000;

/** Told that the process has run out, in a sentence, with the system's error. */
export type OnOut = (message: string, error: NodeJS.ErrnoException) => void;

export class DescriptorWatch {
  readonly #probe: () => NodeJS.ErrnoException | undefined;
  readonly #now: () => number;
  readonly #told = new Set<{ readonly fn: OnOut }>();
  #timer: ReturnType<typeof setInterval> | undefined = undefined;
  #lastLook = -Infinity;
  /** When a probe last failed; undefined in FREE. */
  #outAt: number | undefined = undefined;
  /** ` (the limit is 1024)`, where the system says; read while there are descriptors to read it with. */
  #limit = '';

  /** @param probe gives the error of opening a descriptor, undefined when one is left. `now`: milliseconds */
  constructor(probe: () => NodeJS.ErrnoException | undefined, now: () => number) {
    this.#probe = probe;
    this.#now = now;
  }

  /** Has `fn` called each time the process runs out, until disposed. */
  watch(fn: OnOut): Disposable {
    const entry = { fn };
    this.#told.add(entry);
    if (this.#timer === undefined) {
      this.#limit = readLimit();
      this.#timer = setInterval(() => this.look(), EVERY);
      this.#timer.unref();
    }
    return disposable(() => {
      this.#told.delete(entry);
      if (this.#told.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
  }

  /** A client came: looks, unless that was done a moment ago. */
  clientCame(): void {
    if (this.#now() - this.#lastLook >= AT_MOST_EVERY) this.look();
  }

  /** Looks now. */
  look(): void {
    const now = this.#now();
    this.#lastLook = now;
    const error = this.#probe();
    if (error !== undefined) this.ranOut(error);
    else if (this.#outAt !== undefined && now - this.#outAt >= AGAIN_AFTER) this.#outAt = undefined;
  }

  /** Somebody has seen it: a failed accept that libuv did tell of. */
  ranOut(error: NodeJS.ErrnoException): void {
    const isNews = this.#outAt === undefined;
    this.#outAt = this.#now();
    if (!isNews) return;
    const whose =
      error.code === 'ENFILE' ? 'the system has no file descriptor left' : 'the process has no file descriptor left';
    const message = `${whose}${this.#limit}: the system drops clients that connect now`;
    for (const { fn } of this.#told) fn(message, error);
  }
}

/** True of the errors that say so. */
export function isOutOfDescriptors(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EMFILE' || error.code === 'ENFILE';
}

function openOne(): NodeJS.ErrnoException | undefined {
  try {
    closeSync(openSync(devNull, 'r'));
    return undefined;
  } catch (error) {
    // Anything else (no permission to open files, no such file) says nothing of descriptors.
    return isOutOfDescriptors(error as NodeJS.ErrnoException) ? (error as NodeJS.ErrnoException) : undefined;
  }
}

function readLimit(): string {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === undefined ? '' : ` (the limit is ${limit})`;
  } catch {
    return ''; // not Linux
  }
}

/** The one of this thread. */
export const descriptorWatch: DescriptorWatch = new DescriptorWatch(openOne, () => performance.now());
