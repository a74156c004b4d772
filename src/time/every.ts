// every: ticks on a grid, without drift. Prior art: tokio::time::interval and its MissedTickBehavior.
//
// Tick k is due at start + k * ms on the loop's clock, which is monotonic: a wall clock that jumps changes nothing, and a
// late tick does not delay the next. When ticks were missed (a slow body, a blocked loop):
// - `skip`: the missed ones are left out; the next one is the next on the grid. Numbers have gaps.
// - `burst`: the missed ones come at once, one after the other, until it has caught up.
// - `delay`: the grid moves: the next one is a full period after the late one.
import { anything, AsyncIteration, type Check, type Checks, flag, ofType, oneOf } from '../base/index.ts';
import { loopTime, sleep, waiting, type WaitOptions } from '../core/index.ts';

export interface EveryOptions extends WaitOptions {
  /** What becomes of missed ticks. Default `skip`. */
  readonly missed?: 'skip' | 'burst' | 'delay' | undefined;
  /** Gives tick 0 at once. Default false: the first is tick 1, after one period. */
  readonly immediate?: boolean | undefined;
}

/** All options of `every`. */
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
  /** When tick 0 was due; moves under `delay`. */
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
    // The next tick is never farther than a period, but for rounding: the clock went back, and the grid goes with it.
    if (left > this.#ms + 1) {
      this.#start -= left - this.#ms;
      left = this.#ms;
    }
    // A tick that is due already still is a turn: a body that is always late cannot starve the loop.
    await sleep(Math.max(0, left), undefined, this.#options);
    return this.ended ? this.return() : { done: false, value: this.#next++ };
  }

  #due(tick: number): number {
    return this.#start + tick * this.#ms;
  }
}

/**
 * Ticks every `ms` milliseconds without drift: yields the number of the tick, which is due at its number times `ms` after
 * the call. Cancellable at each tick; leaving the loop ends it.
 * @throws RangeError unless ms > 0 and finite; TypeError or RangeError for options that are wrong or unknown
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
