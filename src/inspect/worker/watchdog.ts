// The watchdog: sees from the worker that the main thread does not beat any more, and what it does.
// It never waits for the main thread.
//
// States: LIVE --(no beat for `blockAfter`)--> BLOCKED --(a beat)--> LIVE. In BLOCKED the main
// thread is looked into, three times at first, and then every 100 ms: one look may find it in a
// helper of the guilty function. The place is that of most looks.
//
// - `since` is the last beat, up to 25 ms before the block began. The end is the first beat after.
// - Stillness counts only while the worker itself runs: when the process was stopped, or the machine
//   sleeps, both stand still.
// - A look that is answered after the block says so by its beats, and tells nothing.
import { clearInterval, setInterval, setTimeout } from 'node:timers';
import { type BlockRow, guiltyFrame, placeOfFrame } from '../../introspect/index.ts';
import { type Answered, BEAT_EVERY, type Look, type Pulse } from '../crossing.ts';

/** How often it looks at the beats, in milliseconds. */
const POLL = BEAT_EVERY;
/** The first looks, and how long after the one before, in milliseconds. */
const FIRST_LOOKS = 3;
const SOON = 10;
/** After that. */
const LATER = 100;
/**
 * Of its time, the worker spends one part in this many on counting who waits. After COUNT_MOST
 * milliseconds it counts again in any case.
 */
const COUNT_SHARE = 10;
const COUNT_MOST = 400;
/** How many blocks are kept. */
const KEPT = 64;

/** What the watchdog needs. */
export interface Watched {
  readonly pulse: Pulse;
  /** In milliseconds; see startInspector. */
  readonly blockAfter: number;
  /** The loop's time. */
  now(): number;
  /** Looks into the blocked main thread. Undefined if that cannot be done; `obstacle` says why. */
  look(): Promise<string | undefined>;
  readonly obstacle: string | undefined;
  /** The name of a task, as far as known; for blocks that nobody can look into. */
  nameOf(task: number): { readonly name: string } | undefined;
  /** For how many milliseconds the main thread has waited for a processor; undefined: not known. */
  runDelay(): number | undefined;
  /** How many clients have unread bytes. */
  waiting(): number | null;
  /** Called when a look first finds where a block is. It is not reported yet: more looks may find better. */
  onFound(): void;
  /** Called when a block is first reported, and when it is over. */
  onBlock(row: BlockRow): void;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A block that lasts. */
interface Current {
  readonly row: Mutable<BlockRow>;
  readonly beats: number;
  /** What runDelay() was before it. */
  readonly delay: number | undefined;
  readonly looks: Map<string, { count: number; readonly look: Look }>;
  looked: number;
  /** When the next look is due and, while one is open, when it began. */
  lookAt: number;
  isLooking: boolean;
  /** When those who wait are counted again. */
  countAt: number;
  /** A debugger holds the process: nothing is reported. */
  held: boolean;
  told: boolean;
}

export class Watchdog implements Disposable {
  readonly #watched: Watched;
  readonly #timer: NodeJS.Timeout;
  readonly #ended: BlockRow[] = [];
  #current: Current | undefined;
  #beats: number;
  #still = 0;
  #polledAt: number;
  /** What runDelay() was at the last beat that was seen. */
  #delay: number | undefined;
  #lastId = 0;

  constructor(watched: Watched) {
    this.#watched = watched;
    this.#beats = watched.pulse.beats;
    this.#polledAt = watched.now();
    this.#delay = watched.runDelay();
    this.#timer = setInterval(() => this.#poll(), POLL);
  }

  /** True if the main thread has not beaten for two beats: it is not asked, but interrupted. */
  get isBlocked(): boolean {
    return this.#watched.pulse.beats === this.#beats && this.#still > 2 * BEAT_EVERY;
  }

  /** The last beat before the main thread stood still; undefined while it beats. No two blocks share one. */
  get stillSince(): number | undefined {
    return this.isBlocked ? this.#beats : undefined;
  }

  /** The block that lasts; undefined for none. */
  get block(): BlockRow | undefined {
    const current = this.#current;
    return current === undefined || current.held ? undefined : this.#rowOf(current);
  }

  /** The blocks, the latest last. */
  get blocks(): readonly BlockRow[] {
    const { block } = this;
    return block === undefined ? this.#ended : [...this.#ended, block];
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #poll(): void {
    const { pulse, blockAfter } = this.#watched;
    const now = this.#watched.now();
    const passed = now - this.#polledAt;
    this.#polledAt = now;
    const { beats } = pulse;
    if (beats !== this.#beats) {
      this.#beats = beats;
      this.#still = 0;
      if (this.#current !== undefined) this.#end(this.#current);
      this.#delay = this.#watched.runDelay();
      return;
    }
    this.#still += Math.min(passed, 2 * POLL);
    if (this.#current === undefined && this.#still >= blockAfter) this.#current = this.#begin(beats);
    if (this.#current !== undefined) this.#follow(this.#current, now);
  }

  #begin(beats: number): Current {
    const { pulse } = this.#watched;
    const { task } = pulse;
    const known = task === 0 ? undefined : this.#watched.nameOf(task);
    const row: Mutable<BlockRow> = {
      id: ++this.#lastId,
      since: pulse.lastBeat,
      ms: 0,
      over: false,
      thread: 0,
      task: task === 0 ? null : task,
      name: known?.name ?? null,
      peer: null,
      inferred: true,
      place: null,
      stack: [],
      waiting: null,
      ...(pulse.isAllowed ? { allowed: true } : {}),
    };
    return {
      row,
      beats,
      delay: this.#delay,
      looks: new Map(),
      looked: 0,
      lookAt: 0,
      isLooking: false,
      countAt: 0,
      held: false,
      told: false,
    };
  }

  /** Looks into the block, counts who waits, and reports it once there is something to say. */
  #follow(current: Current, now: number): void {
    if (current.isLooking && now > current.lookAt + LATER) this.#tell(current); // it is in native code
    if (current.isLooking || now < current.lookAt) return;
    current.isLooking = true;
    current.lookAt = now;
    void this.#look(current).finally(() => {
      current.isLooking = false;
      current.lookAt = this.#watched.now() + (current.looked < FIRST_LOOKS ? SOON : LATER);
      if (current.looked < FIRST_LOOKS && current === this.#current)
        setTimeout(() => {
          if (current === this.#current) this.#follow(current, this.#watched.now());
        }, SOON);
    });
  }

  async #look(current: Current): Promise<void> {
    current.looked++;
    const looking = this.#watched.look();
    if (current.told) this.#count(current); // before that, it would delay the report
    this.#starve(current);
    const text = await looking;
    if (current !== this.#current && current.told) return; // it was reported as it was
    const answered = text === undefined ? undefined : (JSON.parse(text) as Answered<'look'>); // what look() of the main thread made
    if (answered !== undefined && 'answer' in answered && answered.answer.beats === current.beats)
      this.#found(current, answered.answer);
    if (current !== this.#current || this.#watched.pulse.beats !== current.beats) return; // it is over, see #poll
    if (current.looked >= FIRST_LOOKS || this.#watched.obstacle !== undefined) this.#tell(current);
  }

  /** Notes for how long the system ran other programs, if that is most of the block. */
  #starve({ row, delay }: Current): void {
    const now = this.#watched.runDelay();
    if (now === undefined || delay === undefined) return;
    const ms = row.over ? row.ms : Math.max(0, this.#watched.now() - row.since);
    const starved = Math.min(ms, now - delay);
    if (starved > ms / 2) row.starved = starved;
    else delete row.starved;
  }

  /** Counts who waits. That takes tens of milliseconds with thousands of clients. */
  #count(current: Current): void {
    const now = this.#watched.now();
    if (now < current.countAt) return;
    current.row.waiting = this.#watched.waiting();
    const end = this.#watched.now();
    current.countAt = end + Math.min(COUNT_MOST, COUNT_SHARE * (end - now));
  }

  #found(current: Current, look: Look): void {
    const { row, looks } = current;
    if (look.debuggerUrl !== null) current.held = true;
    delete row.inferred;
    if (look.task !== null || row.name === null) {
      // Between two microtasks there is no task for a moment.
      row.task = look.task;
      row.name = look.name;
      row.peer = look.peer;
    }
    if (look.stack.length === 0) return;
    const key = guiltyFrame(look.stack) ?? '';
    const entry = looks.get(key) ?? { count: 0, look };
    entry.count++;
    looks.set(key, entry);
    if (key !== '' && looks.size === 1 && entry.count === 1 && row.allowed !== true && !current.held)
      this.#watched.onFound();
  }

  #tell(current: Current): void {
    if (current.told || current.held || current.row.allowed === true) return;
    current.told = true;
    this.#watched.onBlock(this.#rowOf(current));
    this.#count(current);
  }

  #end(current: Current): void {
    this.#current = undefined;
    const { row } = current;
    row.over = true;
    row.ms = Math.max(0, this.#watched.pulse.lastBeat - row.since);
    this.#starve(current);
    if (current.held) return;
    const ended = this.#rowOf(current);
    this.#ended.push(ended);
    if (this.#ended.length > KEPT) this.#ended.shift();
    if (row.allowed !== true) this.#watched.onBlock(ended);
  }

  /** The row as it is known by now. */
  #rowOf(current: Current): BlockRow {
    const { row, looks } = current;
    const best = [...looks.entries()].toSorted((a, b) => weight(b) - weight(a))[0];
    const [frame = '', found] = best ?? [];
    const why = found === undefined || frame === '' ? this.#whyUnknown(current, found !== undefined) : undefined;
    return {
      ...row,
      ms: row.over ? row.ms : Math.max(0, this.#watched.now() - row.since),
      stack: found?.look.stack ?? [],
      place: placeOfFrame(frame) ?? null,
      ...(why === undefined ? {} : { why }),
    };
  }

  #whyUnknown({ row, lookAt }: Current, hasStack: boolean): string {
    const { obstacle } = this.#watched;
    if (hasStack) return 'only code of the runtime and of maitre was found on the stack';
    if (obstacle !== undefined) return obstacle;
    if (row.over) return 'it ended before it could be looked at';
    if (this.#watched.now() < lookAt + LATER) return 'it is being looked at';
    return 'it is in native code, which is named when it returns';
  }
}

/** A look that found a guilty function counts before any number that did not. */
function weight([frame, { count }]: readonly [string, { readonly count: number }]): number {
  return frame === '' ? 0 : count;
}
