// Watches whether the process has file descriptors left. Without one, the system's accept fails,
// and libuv silently drops the clients that wait: it closes a spare descriptor, accepts, and closes
// the client. So servers probe for themselves, by opening and closing a descriptor: once a second,
// and when clients come, at most ten times a second.
//
// States: FREE -(a probe fails, which is reported once)-> OUT -(probes have succeeded for
// AGAIN_AFTER ms)-> FREE.
//
// The timer is the host's own, and does not keep the process alive. It watches the system, so it
// ignores a fake clock.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { devNull } from 'node:os';
import { clearInterval, setInterval } from 'node:timers';
import { disposable } from '../base/index.ts';

/** Milliseconds between two probes, and at least between two probes that clients cause. */
const EVERY = 1000;
const AT_MOST_EVERY = 100;
/**
 * Milliseconds of free descriptors after which running out is reported again: a full process
 * crosses its limit again and again.
 */
const AGAIN_AFTER = 10_000;

/** Called when the process ran out, with one sentence and the system's error. */
export type OnOut = (message: string, error: NodeJS.ErrnoException) => void;

/** A watch of descriptors: see the head of this file. */
export class DescriptorWatch {
  readonly #probe: () => NodeJS.ErrnoException | undefined;
  readonly #now: () => number;
  readonly #told = new Set<{ readonly fn: OnOut }>();
  #timer: ReturnType<typeof setInterval> | undefined = undefined;
  #lastLook = -Infinity;
  /** When a probe last failed; undefined in FREE. */
  #outAt: number | undefined = undefined;
  /**
   * ` (the limit is 1024)`, where the system says so. It is read while there are descriptors to
   * read it with.
   */
  #limit = '';

  /**
   * @param probe returns the error of opening a descriptor; undefined when one is left
   * @param now returns the time in milliseconds
   */
  constructor(probe: () => NodeJS.ErrnoException | undefined, now: () => number) {
    this.#probe = probe;
    this.#now = now;
  }

  /** Calls `fn` each time the process runs out, until the result is disposed. */
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

  /** A client came: probes, unless a probe was made within AT_MOST_EVERY ms. */
  clientCame(): void {
    if (this.#now() - this.#lastLook >= AT_MOST_EVERY) this.look();
  }

  /** Probes now. */
  look(): void {
    const now = this.#now();
    this.#lastLook = now;
    const error = this.#probe();
    if (error !== undefined) this.ranOut(error);
    else if (this.#outAt !== undefined && now - this.#outAt >= AGAIN_AFTER) this.#outAt = undefined;
  }

  /** The process ran out: a probe failed, or an accept failed and libuv reported it. */
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

/** Whether an error says that descriptors ran out. */
export function isOutOfDescriptors(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EMFILE' || error.code === 'ENFILE';
}

function openOne(): NodeJS.ErrnoException | undefined {
  try {
    closeSync(openSync(devNull, 'r'));
    return undefined;
  } catch (error) {
    // Any other error (no permission to open files, no such file) says nothing about descriptors.
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

/** The watch of this thread. */
export const descriptorWatch: DescriptorWatch = new DescriptorWatch(openOne, () => performance.now());
