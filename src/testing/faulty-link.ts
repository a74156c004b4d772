// A link between two connections that passes bytes on, with faults.
//
// States: OPEN -> ENDED (both directions are over, all that could arrive was passed on) | RESET (by a fault, by hand, by
// disposal) | LOST (an end broke by itself; the other is then reset). Both ends are gone soon after it leaves OPEN.
//
// - Each direction is a task that reads a piece, holds it back, writes it and drains: so flow control passes through.
// - A direction is over at its sender's end, at its truncation, or when its receiver takes no more while what that one sent
//   is still on its way back. In the last two what still comes is read and dropped, so that its sender is not stuck.
// - An end that breaks is noticed also by a direction that holds bytes back or waits for the other end: see #watch.
import { type Checks, checkOptions, disposable } from '../base/index.ts';
import { ConnectionLostError, createTask, random, sleep, TaskGroup, type WaitOptions } from '../core/index.ts';
import type { Duplex } from '../streams/index.ts';
import { Event } from '../sync/index.ts';
import { FaultPlan } from './fault-plan.ts';
import { seedNumber } from './random.ts';
import { checkFaults, type ConnectionFaults, faultsOf } from './faults.ts';

/** Bytes read at a time of what is dropped. */
const DROP = 65_536;

export interface FaultyLinkOptions {
  /** What happens to the bytes. Default: nothing. */
  readonly faults?: ConnectionFaults | undefined;
  /** Repeats all that is drawn. Default: a random one, see `link.seed`. */
  readonly seed?: number | undefined;
}

/** All options of a FaultyLink. */
export const FAULTY_LINK: Checks<FaultyLinkOptions> = {
  faults: (_action, _name, value) => checkFaults(value),
  seed: seedNumber,
};

/** What was done to one direction. */
export interface DirectionStatistics {
  /** Bytes passed on. */
  readonly bytes: number;
  /** Pieces they were passed on in. */
  readonly pieces: number;
  /** Bytes that came and were not passed on: after a truncation, or for a receiver that takes no more. */
  readonly dropped: number;
  /** Milliseconds for which pieces were held back on purpose, in all: by delays, rates and stalls. */
  readonly held: number;
  /** How often `stallAfter` stopped it. */
  readonly stalls: number;
  /** Whether `truncateAfter` ended it. */
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
  /** Milliseconds of `held` not slept yet, less than one: the least that hosts' timers know. */
  owed = 0;

  constructor(from: Duplex, to: Duplex, plan: FaultPlan) {
    this.from = from;
    this.to = to;
    this.plan = plan;
  }
}

/**
 * Joins two connections to one, and treats their bytes badly. It owns both from then on, and is gone when both are: some time
 * after their other ends have ended, at once when disposed. Works under a fake clock.
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
  /** Repeats what is drawn, given again with the same faults. */
  readonly seed: number;
  readonly faults: ConnectionFaults;
  readonly #up: Direction;
  readonly #down: Direction;
  readonly #ends: readonly [Duplex, Duplex];
  #state: 'open' | 'ended' | 'reset' | 'lost' = 'open';
  /** Both directions are over, or it has left OPEN. */
  readonly #over = new Event();
  /** Both ends are gone. */
  readonly #closed = new Event();
  /** Stalls by hand that last. */
  #stalling = 0;
  /** Set while there are none. */
  readonly #moving = new Event();

  /** @throws TypeError or RangeError for options and faults that are wrong or unknown */
  constructor(client: Duplex, target: Duplex, options: FaultyLinkOptions = {}) {
    checkOptions('make a faulty link', options, FAULTY_LINK);
    const { faults = {}, seed = Math.floor(random() * 2 ** 32) } = options;
    this.seed = seed;
    this.faults = faults;
    this.#ends = [client, target];
    this.#up = new Direction(client, target, new FaultPlan(faultsOf(faults, 'up'), seed));
    this.#down = new Direction(target, client, new FaultPlan(faultsOf(faults, 'down'), ~seed));
    this.#moving.set();
    // Eager, so that it also cleans up when it is cancelled at once.
    createTask(() => this.#run(), { name: 'faulty link', eager: true });
  }

  /** From the client to the target. */
  get up(): DirectionStatistics {
    return this.#up;
  }

  /** From the target to the client. */
  get down(): DirectionStatistics {
    return this.#down;
  }

  /**
   * `ended`: both directions came to an end. `reset`: by a fault, `reset()` or disposal. `lost`: one end broke by itself, and
   * the other was reset.
   */
  get state(): 'open' | 'ended' | 'reset' | 'lost' {
    return this.#state;
  }

  /** Whether the link itself has taken bytes away, or may have: it truncated a direction or reset both ends. */
  get harmed(): boolean {
    return this.#state === 'reset' || this.#up.truncated || this.#down.truncated;
  }

  /** Passes on nothing, in both directions, until all such stalls are disposed. */
  stall(): Disposable {
    this.#stalling++;
    this.#moving.clear();
    return disposable(() => {
      if (--this.#stalling === 0) this.#moving.set();
    });
  }

  /** Aborts both ends. Does nothing once it has ended. */
  reset(): void {
    this.#break('reset');
  }

  /** Resolves when both ends are gone, however they went. */
  async waitClosed(options?: WaitOptions): Promise<void> {
    await this.#closed.wait(options);
  }

  /** reset, then waitClosed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.reset();
    await this.waitClosed();
  }

  /** `<FaultyLink open, 12 bytes up, 30 down, seed 7>`, for messages. */
  toString(): string {
    // A subclass has a name of its own.
    return `<${this.constructor.name} ${this.#state}, ${this.#up.bytes} bytes up, ${this.#down.bytes} down, seed ${this.seed}>`;
  }

  async #run(): Promise<void> {
    try {
      await TaskGroup.run(async (group) => {
        for (const end of this.#ends) group.createTask(() => this.#watch(end));
        for (const direction of [this.#up, this.#down]) group.createTask(() => this.#pump(direction));
        await this.#over.wait();
        group.cancel();
      });
      for (const end of this.#ends) end.writer.close();
      await this.#gone();
      if (this.#state === 'open') this.#state = 'ended';
    } finally {
      this.#break('reset'); // does nothing if it has ended
      try {
        await this.#gone();
      } finally {
        this.#closed.set(); // also when it was cancelled twice
      }
    }
  }

  async #gone(): Promise<void> {
    for (const end of this.#ends) await end.writer.waitClosed();
  }

  async #watch(end: Duplex): Promise<void> {
    await end.writer.waitClosed();
    if (end.reader.exception() !== undefined) this.#break('lost');
  }

  async #pump(direction: Direction): Promise<void> {
    const { from, to } = direction;
    try {
      if ((await this.#pass(direction)) === 'reset') {
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
    await this.#drop(direction);
  }

  /** Passes bytes on, with faults, until the direction ends. */
  async #pass(direction: Direction): Promise<'end' | 'reset'> {
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
        await hold(direction, plan.stall());
        continue;
      }
      const size = plan.size();
      let data: Uint8Array = await from.reader.read(size);
      if (plan.paced) {
        await hold(direction, plan.delay());
        // What came meanwhile joins it; the end of the stream has its own turn.
        if (data.length < size && data.length > 0 && from.reader.bufferedBytes > 0) {
          data = join(data, await from.reader.read(size - data.length));
        }
      }
      while (this.#stalling > 0) await this.#moving.wait();
      if (data.length === 0) return 'end';
      to.writer.write(data);
      direction.bytes += data.length;
      direction.pieces++;
      const allowed = plan.passed(data.length);
      await to.writer.drain();
      if (allowed > 0) await hold(direction, allowed);
    }
  }

  /** Reads what nobody is to get, until the sender's end or loss, which #watch tells. */
  async #drop(direction: Direction): Promise<void> {
    const { reader } = direction.from;
    try {
      for (;;) {
        const data = await reader.read(DROP);
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

/** Holds the direction up, for a turn at least. */
async function hold(direction: Direction, ms: number): Promise<void> {
  direction.held += ms;
  direction.owed += ms;
  const due = direction.owed < 1 ? 0 : direction.owed; // NaN is for sleep to refuse
  direction.owed -= due;
  await sleep(due);
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
