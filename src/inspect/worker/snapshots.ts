// The snapshots of the main thread, shared by all viewers, at a bounded price: the next one is not
// taken before PAUSE milliseconds, or SHARE times what the last one cost, whichever is longer. Who
// asks before that gets the last one, with its age. So the main thread spends at most 3 % of its time
// on them, however many viewers ask however often.
import { sleep } from '../../core/index.ts';
import type { Snapshot } from '../../introspect/index.ts';
import type { Answered } from '../crossing.ts';
import type { Freshness } from '../protocol/index.ts';
import { answerOf, type MainThread } from './main-thread.ts';
import { RequestError } from './request-error.ts';
import type { Watchdog } from './watchdog.ts';

/** In milliseconds. */
const PAUSE = 100;
const SHARE = 33;

/** A snapshot, and how fresh it is. */
export interface Taken {
  readonly snapshot: Snapshot;
  readonly fresh: Freshness;
}

/** A snapshot that was taken. */
interface Last {
  readonly rows: number | undefined;
  readonly at: number;
  /**
   * The block in which it was taken, as `stillSince` of the watchdog has it; undefined outside of
   * blocks. One from before a block tells nothing of it, nor does one of another block.
   */
  readonly block: number | undefined;
  readonly how: 'asked' | 'interrupted';
  readonly cost: number;
  readonly snapshot: Snapshot;
}

export class Snapshots {
  readonly #main: Pick<MainThread, 'ask' | 'silence'>;
  readonly #watchdog: Pick<Watchdog, 'block' | 'stillSince'>;
  readonly #now: () => number;
  #last: Last | undefined;
  /** The question that is on its way, by the rows that it asks for. */
  readonly #open = new Map<number | undefined, Promise<Last | undefined>>();
  /** The latest one that the main thread has put aside. */
  #kept: { readonly at: number; readonly snapshot: Snapshot } | undefined;

  constructor(
    main: Pick<MainThread, 'ask' | 'silence'>,
    watchdog: Pick<Watchdog, 'block' | 'stillSince'>,
    now: () => number,
  ) {
    this.#main = main;
    this.#watchdog = watchdog;
    this.#now = now;
  }

  /**
   * Takes a snapshot, or returns the last one.
   * @param rows the most rows of tasks, and of resources
   * @throws RequestError if there is none, and none can be taken
   */
  async take(rows?: number): Promise<Taken> {
    if (rows !== undefined && !(Number.isInteger(rows) && rows >= 0))
      throw new RequestError('BAD_REQUEST', 'rows must be an integer that is not negative');
    // Another number of rows is no reason to be asked more often.
    for (let wait = this.#pause(rows); wait > 0; wait = this.#pause(rows)) await sleep(wait);
    const last = this.#reusable(rows) ?? (await this.#ask(rows));
    const now = this.#now();
    if (last !== undefined)
      return { snapshot: last.snapshot, fresh: { ...this.fresh(last.how), age: now - last.at, cost: last.cost } };
    if (this.#kept === undefined)
      throw new RequestError('NOT_AVAILABLE', 'the process is blocked, and nothing is known from before');
    const fresh = { ...this.fresh('stale'), age: now - this.#kept.at, why: this.#main.silence };
    return { snapshot: this.#kept.snapshot, fresh };
  }

  /** Forgets the last one: something was changed. */
  forget(): void {
    this.#last = undefined;
  }

  /** Keeps a snapshot for a time without answers, and returns it; undefined if it could not be taken. */
  keep(at: number, text: string): Snapshot | undefined {
    const answered = JSON.parse(text) as Answered<'snapshot'>; // the main thread follows the protocol
    if (!('answer' in answered)) return undefined;
    this.#kept = { at, snapshot: answered.answer };
    return answered.answer;
  }

  /** The one that was kept. */
  get kept(): Snapshot | undefined {
    return this.#kept?.snapshot;
  }

  /** How fresh an answer is that came just now. */
  fresh(how: Freshness['how']): Freshness {
    const { block } = this.#watchdog;
    return block === undefined ? { how, age: 0 } : { how, age: 0, block };
  }

  /** How long another number of rows than that of the last snapshot has to wait. */
  #pause(rows: number | undefined): number {
    const last = this.#last;
    if (last === undefined || last.rows === rows || last.block !== this.#watchdog.stillSince) return 0;
    return last.at + pauseAfter(last) - this.#now();
  }

  #reusable(rows: number | undefined): Last | undefined {
    const last = this.#last;
    if (last === undefined || last.rows !== rows || last.block !== this.#watchdog.stillSince) return undefined;
    return this.#now() - last.at < pauseAfter(last) ? last : undefined;
  }

  #ask(rows: number | undefined): Promise<Last | undefined> {
    let asked = this.#open.get(rows);
    if (asked === undefined) {
      asked = this.#askMain(rows).finally(() => this.#open.delete(rows));
      this.#open.set(rows, asked);
    }
    return asked;
  }

  async #askMain(rows: number | undefined): Promise<Last | undefined> {
    const block = this.#watchdog.stillSince;
    const isBlocked = block !== undefined;
    const params = rows === undefined ? {} : { rows };
    let reply = await this.#main.ask('snapshot', params, isBlocked);
    // Between two microtasks of a loop of them there is no current task for a moment.
    for (let i = 0; i < 2 && reply?.how === 'interrupted' && 'answer' in reply && reply.answer.current === null; i++)
      reply = await this.#main.ask('snapshot', params, isBlocked);
    if (reply === undefined) return undefined;
    const { how, cost } = reply;
    this.#last = { rows, at: this.#now(), block, how, cost, snapshot: answerOf<'snapshot'>(reply) };
    return this.#last;
  }
}

function pauseAfter({ cost }: Last): number {
  return Math.max(PAUSE, SHARE * cost);
}
