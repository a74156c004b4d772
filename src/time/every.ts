// every: ticks on a grid, without drift. Prior art: tokio::time::interval and its
// MissedTickBehavior.
//
// Tick k is due at start + k * ms on the loop's clock. That clock is monotonic: a wall clock that
// jumps changes nothing. A late tick does not delay the next one. `missed` decides about ticks that
// were missed, because the body was slow or the loop was blocked:
// - `skip`: yields the latest missed tick at once and leaves out the earlier ones, so numbers have
//   gaps.
// - `burst`: yields the missed ticks at once, one after the other, until it has caught up.
// - `delay`: moves the grid. The next tick comes a full period after the late one.
//
// Example, with ms 10 and a body that takes 25 ms at tick 1 (from 10 to 35): `skip` yields 3 at 35
// and 4 at 40, `burst` yields 2 and 3 at 35 and 4 at 40, `delay` yields 2 at 35 and 3 at 45.
import { anything, AsyncIteration, type Check, type Checks, flag, ofType, oneOf } from '../base/index.ts';
import { loopTime, sleep, waiting, type WaitOptions } from '../core/index.ts';

/** Options of `every`. */
export interface EveryOptions extends WaitOptions {
  /** What happens to missed ticks. Defaults to `skip`. */
  readonly missed?: 'skip' | 'burst' | 'delay' | undefined;
  /** Yields tick 0 at once. Defaults to false: the first is tick 1, after one period. */
  readonly immediate?: boolean | undefined;
}

/** The checks for every option of `every`. */
export const EVERY: Checks<EveryOptions> = {
  missed: oneOf('skip, burst or delay'),
  immediate: flag,
  signal: anything,
};

const period: Check = ofType('number', 'a number of milliseconds > 0', (ms) => ms > 0 && ms < Infinity);

class Ticks extends AsyncIteration<number> {
  readonly #ms: number;
  readonly #missed: 'skip' | 'burst' | 'delay';
  readonly #options: WaitOptions | undefined;
  /** The time at which tick 0 was due, on the loop's clock. Moves under `delay`. */
  #start: number = loopTime();
  #next: number;

  constructor(ms: number, { missed = 'skip', immediate = false, signal }: EveryOptions) {
    super();
    period('tick', '', ms);
    EVERY.missed('tick', 'missed', missed);
    EVERY.immediate('tick', 'immediate', immediate);
    this.#ms = ms;
    this.#missed = missed;
    this.#options = signal === undefined ? undefined : { signal };
    this.#next = immediate ? 0 : 1;
  }

  protected override step(): Promise<IteratorResult<number, undefined>> {
    return waiting(this.#tick());
  }

  async #tick(): Promise<IteratorResult<number, undefined>> {
    const late = loopTime() - this.#due(this.#next);
    if (late > 0) {
      if (this.#missed === 'skip') this.#next += Math.floor(late / this.#ms);
      else if (this.#missed === 'delay') this.#start += late;
    }
    let left = this.#due(this.#next) - loopTime();
    // The next tick is never more than a period away, except for rounding. If it is, the clock was
    // set back: move the grid with it.
    if (left > this.#ms + 1) {
      this.#start -= left - this.#ms;
      left = this.#ms;
    }
    // Waits a turn even for a tick that is due: a body that is always late cannot starve the loop.
    await sleep(Math.max(0, left), undefined, this.#options);
    return this.ended ? this.return() : { done: false, value: this.#next++ };
  }

  #due(tick: number): number {
    return this.#start + tick * this.#ms;
  }
}

/**
 * Ticks every `ms` milliseconds without drift. Yields the number of the tick, which is due that
 * many periods after the call. Cancellable at each tick. Ends when you leave the loop. Prior art:
 * `tokio::time::interval`.
 * @param ms the period in milliseconds
 * @throws RangeError unless ms > 0 and finite
 * @throws TypeError or RangeError for options that are wrong or unknown
 * @throws CancelledError, at a tick
 *
 * @example
 * ```ts
 * import { every } from 'maitre';
 * for await (const tick of every(10)) {
 *   console.log(tick);
 *   if (tick === 3) break;
 * }
 * ```
 */
export function every(ms: number, options: EveryOptions = {}): AsyncIterableIterator<number> & AsyncDisposable {
  return new Ticks(ms, options);
}
