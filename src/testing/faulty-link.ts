// FaultyLink: passes the bytes of two connections on to each other, with faults.
//
// States:
// - OPEN: the initial state.
// - ENDED: both directions are over, and everything that could arrive was passed on.
// - RESET: a fault, reset() or disposal has aborted both ends.
// - LOST: one end broke by itself; the link then resets the other. It leaves OPEN once. Both ends
//   are gone soon afterwards.
//
// - Each direction is a task that reads a piece, holds it back, writes it and drains. So flow
//   control passes through.
// - A direction is over when its sender ends, when it is truncated, or when its receiver takes no
//   more while the receiver's own bytes are still in transit. In the last two cases, further bytes
//   are read and dropped, so that the sender is not stuck.
// - A direction that holds bytes back or waits for the other end also notices an end that breaks:
//   see #watch.
import { type Checks, checkOptions, disposable } from '../base/index.ts';
import { ConnectionLostError, createTask, random, sleep, TaskGroup, type WaitOptions } from '../core/index.ts';
import type { Duplex } from '../streams/index.ts';
import { Event } from '../sync/index.ts';
import { FaultPlan } from './fault-plan.ts';
import { seedNumber } from './random.ts';
import { checkFaults, type ConnectionFaults, faultsOf } from './faults.ts';

/** The bytes read at a time when they are to be dropped. */
const DROP = 65_536;

/** Options of a FaultyLink. */
export interface FaultyLinkOptions {
  /** What happens to the bytes. Defaults to nothing. */
  readonly faults?: ConnectionFaults | undefined;
  /** The seed of everything that is drawn. Defaults to a random one, which is in `link.seed`. */
  readonly seed?: number | undefined;
}

/** The checks for every option of a FaultyLink. */
export const FAULTY_LINK: Checks<FaultyLinkOptions> = {
  faults: (_action, _name, value) => checkFaults(value),
  seed: seedNumber,
};

/** What a link did to one direction. */
export interface DirectionStatistics {
  /** Bytes passed on. */
  readonly bytes: number;
  /** Pieces in which they were passed on. */
  readonly pieces: number;
  /**
   * Bytes that came and were not passed on: after a truncation, or for a receiver that takes no
   * more.
   */
  readonly dropped: number;
  /** Total milliseconds for which pieces were held back on purpose, by delays, rates and stalls. */
  readonly held: number;
  /** How often `stallAfter` stopped it. */
  readonly stalls: number;
  /** True if `truncateAfter` ended it. */
  readonly truncated: boolean;
}

class Direction implements DirectionStatistics {
  readonly from: Duplex;
  readonly to: Duplex;
  readonly plan: FaultPlan;
  bytes = 0;
  pieces = 0;
  dropped = 0;
  held = 0;
  stalls = 0;
  truncated = false;
  over = false;
  /**
   * The part of `held` that was not slept yet, in milliseconds. Less than one, the shortest time of
   * a host's timers.
   */
  owed = 0;

  constructor(from: Duplex, to: Duplex, plan: FaultPlan) {
    this.from = from;
    this.to = to;
    this.plan = plan;
  }
}

/**
 * Joins two connections and treats their bytes as a bad network does. The link owns both from then
 * on. It is gone when both are: some time after their other ends have ended, or at once when
 * disposed. Works under a fake clock.
 *
 * @example
 * ```ts
 * import { FaultyLink, memoryStreamPair } from 'maitre/testing';
 * const [client, near] = memoryStreamPair();
 * const [far, server] = memoryStreamPair();
 * await using link = new FaultyLink(near, far, { seed: 1, faults: { piece: 1, delay: [0, 5], up: { truncateAfter: 7 } } });
 * client.writer.write('forget me');
 * console.log(String(await server.reader.read()), link.up.truncated); // forget  true
 * ```
 */
export class FaultyLink implements AsyncDisposable {
  /** Pass it again with the same faults to repeat everything that was drawn. */
  readonly seed: number;
  readonly faults: ConnectionFaults;
  readonly #up: Direction;
  readonly #down: Direction;
  readonly #ends: readonly [Duplex, Duplex];
  #state: 'open' | 'ended' | 'reset' | 'lost' = 'open';
  /** Set once both directions are over, or the link has left OPEN. */
  readonly #over = new Event();
  /** Set once both ends are gone. */
  readonly #closed = new Event();
  /** The number of calls of stall() that are not disposed. */
  #stalling = 0;
  /** Set while that number is 0. */
  readonly #moving = new Event();

  /**
   * Joins `client` and `target`, and starts to pass bytes on.
   * @throws TypeError or RangeError for options and faults that are wrong or unknown
   */
  constructor(client: Duplex, target: Duplex, options: FaultyLinkOptions = {}) {
    checkOptions('make a faulty link', options, FAULTY_LINK);
    const { faults = {}, seed = Math.floor(random() * 2 ** 32) } = options;
    this.seed = seed;
    this.faults = faults;
    this.#ends = [client, target];
    this.#up = new Direction(client, target, new FaultPlan(faultsOf(faults, 'up'), seed));
    this.#down = new Direction(target, client, new FaultPlan(faultsOf(faults, 'down'), ~seed));
    this.#moving.set();
    // Eager, so that it cleans up even if it is cancelled at once.
    createTask(({ signal }) => this.#run({ signal }), { name: 'faulty link', eager: true });
  }

  /** The direction from the client to the target. */
  get up(): DirectionStatistics {
    return this.#up;
  }

  /** The direction from the target to the client. */
  get down(): DirectionStatistics {
    return this.#down;
  }

  /**
   * `open` while it passes bytes on. `ended` once both directions have come to an end. `reset`
   * after a fault, `reset()` or disposal. `lost` if one end broke by itself, and the other was
   * reset.
   */
  get state(): 'open' | 'ended' | 'reset' | 'lost' {
    return this.#state;
  }

  /**
   * True if the link itself has lost bytes, or may have: it truncated a direction or reset both
   * ends.
   */
  get harmed(): boolean {
    return this.#state === 'reset' || this.#up.truncated || this.#down.truncated;
  }

  /** Stops both directions until the result is disposed. Several stalls can overlap. */
  stall(): Disposable {
    this.#stalling++;
    this.#moving.clear();
    return disposable(() => {
      if (--this.#stalling === 0) this.#moving.set();
    });
  }

  /** Aborts both ends. Does nothing once the link has left `open`. */
  reset(): void {
    this.#break('reset');
  }

  /**
   * Waits until both ends are gone, for whatever reason. Cancellable.
   * @throws CancelledError
   */
  async waitClosed(options?: WaitOptions): Promise<void> {
    await this.#closed.wait(options);
  }

  /** Calls `reset`, then waits for `waitClosed`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.reset();
    await this.waitClosed();
  }

  /** `<FaultyLink open, 12 bytes up, 30 down, seed 7>`, for messages. */
  toString(): string {
    // A subclass has a name of its own.
    return `<${this.constructor.name} ${this.#state}, ${this.#up.bytes} bytes up, ${this.#down.bytes} down, seed ${this.seed}>`;
  }

  // Every wait has the signal of its task: in browsers, nothing else ties it to that.
  async #run(outer: WaitOptions): Promise<void> {
    try {
      await TaskGroup.run(async (group) => {
        for (const end of this.#ends) group.createTask(({ signal }) => this.#watch(end, { signal }));
        for (const direction of [this.#up, this.#down])
          group.createTask(({ signal }) => this.#pump(direction, { signal }));
        await this.#over.wait({ signal: group.signal });
        group.cancel();
      }, outer);
      for (const end of this.#ends) end.writer.close();
      await this.#gone(outer);
      if (this.#state === 'open') this.#state = 'ended';
    } finally {
      this.#break('reset'); // does nothing if it has ended
      try {
        await this.#gone(outer);
      } finally {
        this.#closed.set(); // also if it was cancelled twice
      }
    }
  }

  async #gone(wait: WaitOptions): Promise<void> {
    for (const end of this.#ends) await end.writer.waitClosed(wait);
  }

  async #watch(end: Duplex, wait: WaitOptions): Promise<void> {
    await end.writer.waitClosed(wait);
    if (end.reader.exception() !== undefined) this.#break('lost');
  }

  async #pump(direction: Direction, wait: WaitOptions): Promise<void> {
    const { from, to } = direction;
    try {
      if ((await this.#pass(direction, wait)) === 'reset') {
        this.#break('reset');
        return;
      }
      if (to.writer.canWriteEof()) to.writer.writeEof();
      else to.writer.close();
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) throw error;
      if (from.reader.exception() !== undefined || to.reader.exception() !== undefined) {
        this.#break('lost');
        return;
      }
    }
    direction.over = true;
    if (this.#up.over && this.#down.over) this.#over.set();
    await this.#drop(direction, wait);
  }

  /** Passes bytes on, with faults, until the direction ends. */
  async #pass(direction: Direction, wait: WaitOptions): Promise<'end' | 'reset'> {
    const { from, to, plan } = direction;
    for (;;) {
      const step = plan.next();
      if (step === 'reset') return 'reset';
      if (step === 'truncate') {
        direction.truncated = true;
        return 'end';
      }
      if (step === 'stall') {
        direction.stalls++;
        await hold(direction, plan.stall(), wait);
        continue;
      }
      const size = plan.size();
      let data: Uint8Array = await from.reader.read(size, wait);
      if (plan.paced) {
        await hold(direction, plan.delay(), wait);
        // What came meanwhile joins this piece. The end of the stream takes a turn of its own.
        if (data.length < size && data.length > 0 && from.reader.bufferedBytes > 0) {
          data = join(data, await from.reader.read(size - data.length, wait));
        }
      }
      while (this.#stalling > 0) await this.#moving.wait(wait);
      if (data.length === 0) return 'end';
      to.writer.write(data);
      direction.bytes += data.length;
      direction.pieces++;
      const allowed = plan.passed(data.length);
      await to.writer.drain(wait);
      if (allowed > 0) await hold(direction, allowed, wait);
    }
  }

  /**
   * Reads and drops what nobody is to receive, until the sender ends or is lost, which #watch
   * reports.
   */
  async #drop(direction: Direction, wait: WaitOptions): Promise<void> {
    const { reader } = direction.from;
    try {
      for (;;) {
        const data = await reader.read(DROP, wait);
        if (data.length === 0) return;
        direction.dropped += data.length;
      }
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) throw error;
    }
  }

  #break(state: 'reset' | 'lost'): void {
    if (this.#state !== 'open') return;
    this.#state = state;
    for (const end of this.#ends) end.abort();
    this.#over.set();
  }
}

/** Holds the direction up, for at least a turn. */
async function hold(direction: Direction, ms: number, wait: WaitOptions): Promise<void> {
  direction.held += ms;
  direction.owed += ms;
  const due = direction.owed < 1 ? 0 : direction.owed; // sleep rejects NaN
  direction.owed -= due;
  await sleep(due, undefined, wait);
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
