// The sentence above a picture, and what else a page shows that no sample has. It is the answer to
// the request `groups`, so that a page says the very words of `maitre ps`. It takes a snapshot, and
// so it is asked for less often than samples are.
import { callLater, type Handle, loopTime } from '../../core/index.ts';
import { type BlockRow, blockSentence, type RoomRow } from '../../introspect/index.ts';
import type { Methods, OutsideRow } from '../protocol/index.ts';
import type { Picture } from '../picture.ts';
import type { Surroundings } from './feed.ts';

/** The shortest time between two, in milliseconds, and the share of time that they may take. */
const SHORTEST = 1000;
const SHARE = 50;
/** How long frames have a block that is over, in milliseconds: viewers may take one a second. */
const SHOWN_AFTER_END = 1500;

type Groups = Pick<Methods['groups']['result'], 'sentence' | 'outside' | 'warnings'>;

/** What a summary is made from. */
export interface SummarySources {
  groups(): Promise<Groups>;
  /** The blocks, the latest last. */
  blocks(): readonly BlockRow[];
  /** The rooms; undefined without any. */
  rooms?(): readonly RoomRow[] | undefined;
  /** How many tasks live, and how many have ended lately. */
  numbers(): { readonly tasks: number; readonly ended: number };
  /** The time on the loop's clock of the process. */
  now(): number;
}

/** Keeps the latest summary while it runs. */
export class Summary implements Disposable {
  readonly #sources: SummarySources;
  #latest: Groups = { sentence: '', outside: [], warnings: [] };
  #timer: Handle | undefined;
  /** Counts starts: an answer for an earlier one is dropped. */
  #run = 0;

  constructor(sources: SummarySources) {
    this.#sources = sources;
  }

  /** Begins to ask. Undone by `stop`. Idempotent. */
  start(): void {
    if (this.#timer === undefined) this.#plan(0, this.#run);
  }

  stop(): void {
    this.#run++;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  /** What a frame says besides its picture. */
  around(picture: Picture): Surroundings {
    const now = this.#sources.now();
    const blocks = this.#sources.blocks();
    const last = blocks.at(-1);
    const isShown = last !== undefined && (!last.over || now - last.since - last.ms < SHOWN_AFTER_END);
    const lasts = last?.over === false;
    const { tasks, ended } = this.#sources.numbers();
    const rooms = this.#sources.rooms?.();
    // With rooms, a block is that of one of them, and the others go on.
    const stands = lasts && (last.room === undefined || rooms === undefined);
    return {
      fresh: {
        how: stands ? 'stale' : 'asked',
        age: picture.stream === 0 ? 0 : Math.max(0, Math.round(now - picture.now)),
        ...(lasts && { block: last }),
      },
      sentence: stands ? blockSentence(last) : this.#latest.sentence,
      ...(rooms !== undefined && { rooms }),
      block: isShown ? last : null,
      outside: picture.outside.map((row) => this.#outside(row)),
      numbers: { tasks, blocks: blocks.length, warnings: this.#latest.warnings.length, ended },
    };
  }

  /** A sample has the exact numbers of this moment; what the system and the options say comes with the groups. */
  #outside(row: OutsideRow): OutsideRow {
    const known = this.#latest.outside.find(({ server }) => server === row.server);
    return known === undefined ? row : { ...known, ...row, backlog: known.backlog, limit: known.limit };
  }

  #plan(ms: number, run: number): void {
    this.#timer = callLater(ms, () => void this.#ask(run));
  }

  async #ask(run: number): Promise<void> {
    const begin = loopTime();
    try {
      const { sentence, outside, warnings } = await this.#sources.groups();
      if (run === this.#run) this.#latest = { sentence, outside, warnings };
    } catch {
      // It cannot be asked now; the block says why.
    }
    if (run === this.#run) this.#plan(Math.max(SHORTEST, SHARE * (loopTime() - begin)), run);
  }
}
