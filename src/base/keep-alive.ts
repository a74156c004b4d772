// KeepAlive: a timer that renews itself, so that a process does not end while something can still
// come that keeps no process alive by itself: a signal, a change of a file.

/** The host's timers. `core`'s host has them. */
interface Timers {
  setTimer(ms: number, fn: () => void): unknown;
  clearTimer(timer: unknown): void;
}

/** The longest time of a host's timer, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Keeps the process alive from `hold()` to `release()`. Both are idempotent. */
export class KeepAlive {
  /** Undefined while it does not hold. */
  #timer: unknown = undefined;

  /** Undone by `release`. */
  hold(timers: Timers): void {
    if (this.#timer !== undefined) return;
    const again = (): void => void (this.#timer = timers.setTimer(LONGEST_TIMER, again));
    again();
  }

  /** @param timers the same as in `hold` */
  release(timers: Timers): void {
    if (this.#timer === undefined) return;
    timers.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}
