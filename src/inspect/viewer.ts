// Viewer: what one viewer knows of a picture, and the frames that bring it up to date.
//
// A frame is the difference between the picture and what the viewer knows, so a viewer that skips
// frames misses none of their changes, and nothing is kept for it. What is sent is bounded:
// - up to MOST_CHANGES changed tables in a frame, all of them;
// - above that, only those in which the viewer is interested, and only HEAVY_EVERY milliseconds
//   after the last such frame. A viewer that named none is interested in all, MOST_ROWS a frame,
//   in turn.
// What a frame leaves out, it says (`omitted`). It stays different from what the viewer knows, so a
// later frame has it.
import type { SampledTables } from '../introspect/index.ts';
import type { Frame, ShownVisit, TableColumns, TableNews } from './protocol/index.ts';
import type { Picture } from './picture.ts';

/** Changed tables that are always sent. Also the most ids of visited tables in a frame. */
const MOST_CHANGES = 400;
/** Milliseconds between two frames with more than that. */
const HEAVY_EVERY = 250;
/** The most tables in a frame, and in the first one. */
const MOST_ROWS = 2000;
const MOST_FIRST = 20_000;
/** The most visits that a frame shows: a picture has time for two a second. */
const MOST_SHOWN = 4;

/** The numbers that are compared, in their order; `version` stands for the news of a table. */
const FIELDS = ['ball', 'since', 'place', 'resource', 'unsent', 'visits', 'ran', 'flags', 'version'] as const;
/** A row has one more number: the visits at the last frame, whether it was sent or not. */
const WIDTH = FIELDS.length + 1;
const VISITS = FIELDS.indexOf('visits');
const VERSION = FIELDS.indexOf('version');

/** The fields of a frame that are of tables. */
export type TableFrame = Pick<
  Frame,
  'full' | 'of' | 'total' | 'tables' | 'omitted' | 'seated' | 'left' | 'places' | 'resources' | 'counts' | 'visits'
>;

/** What one viewer knows. */
export class Viewer {
  /** The ids of the tables of interest. Undefined: all are. */
  interest: ReadonlySet<number> | undefined = undefined;
  readonly #random: () => number;
  #stream = 0;
  #sample = 0;
  #places = 0;
  #resources = 0;
  /** Where the known rows are in `#rows`, by id. */
  #slots = new Map<number, number>();
  #rows = new Float64Array(64 * WIDTH);
  /** Slots that are free below `#used`. */
  #free: number[] = [];
  #used = 0;
  /** When the last frame with many changes was made. */
  #heavyAt = -Infinity;
  /** The last id of a frame that could not take all changes: the next one begins after it. */
  #turn = 0;

  /** @param random draws the visits that are shown, 0 <= x < 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /**
   * Returns what brings the viewer up to date.
   * @param picture the picture now
   * @param now the time, in milliseconds on the clock of the caller
   */
  next(picture: Picture, now: number): TableFrame {
    const full = picture.stream !== this.#stream;
    if (full) this.#begin(picture);
    const { changed, visited } = this.#compare(picture.tables);
    const rows = full ? changed.slice(0, MOST_FIRST) : this.#choose(changed, picture.tables, now);
    const lots = picture.lotsAfter(this.#sample);
    const frame: TableFrame = {
      full,
      of: picture.of,
      total: picture.total,
      left: this.#left(picture),
      seated: this.#seated(picture, rows),
      tables: columnsOf(picture.tables, rows),
      ...(changed.length > rows.length && { omitted: changed.length - rows.length }),
      places: picture.places.slice(this.#places),
      resources: picture.resources.slice(this.#resources),
      counts: picture.counts,
      visits: {
        total: lots.reduce((sum, { total }) => sum + total, 0),
        shown: drawLots(lots, this.#random),
        tables: spread(visited, MOST_CHANGES),
      },
    };
    for (const row of rows) this.#learn(picture.tables, row);
    this.#places = picture.places.length;
    this.#resources = picture.resources.length;
    this.#sample = picture.sample;
    return frame;
  }

  #begin(picture: Picture): void {
    this.#stream = picture.stream;
    this.#sample = picture.sample; // what was before is not of this stream
    this.#places = this.#resources = this.#used = this.#turn = 0;
    this.#slots = new Map();
    this.#free = [];
  }

  /** Returns the rows that differ from what is known, and the ids that were visited since the last frame. */
  #compare(tables: SampledTables): { changed: number[]; visited: number[] } {
    const changed: number[] = [];
    const visited: number[] = [];
    const columns = FIELDS.map((field) => tables[field]);
    for (let row = 0; row < tables.id.length; row++) {
      const id = tables.id[row] as number; // row < length
      const slot = this.#slots.get(id);
      if (slot === undefined) {
        changed.push(row);
        continue;
      }
      const at = slot * WIDTH;
      let field = 0;
      while (field < columns.length && columns[field]?.[row] === this.#rows[at + field]) field++;
      if (field < columns.length) changed.push(row);
      const visits = tables.visits[row] as number; // row < length
      if (this.#rows[at + FIELDS.length] !== visits) visited.push(id);
      this.#rows[at + FIELDS.length] = visits;
    }
    return { changed, visited };
  }

  /** Returns those of the changed rows that are sent. */
  #choose(changed: number[], tables: SampledTables, now: number): number[] {
    if (changed.length <= MOST_CHANGES) return changed;
    if (now - this.#heavyAt < HEAVY_EVERY) return [];
    this.#heavyAt = now;
    const { interest } = this;
    const idOf = (row: number): number => tables.id[row] as number; // a row of these tables
    const wanted =
      interest === undefined
        ? changed
        : changed.filter((row) => interest.has(idOf(row)) || !this.#slots.has(idOf(row)));
    if (wanted.length <= MOST_ROWS) return wanted;
    const first = Math.max(
      0,
      wanted.findIndex((row) => idOf(row) > this.#turn),
    );
    const chosen = [...wanted.slice(first), ...wanted.slice(0, first)].slice(0, MOST_ROWS);
    this.#turn = idOf(chosen.at(-1) as number); // MOST_ROWS > 0
    return chosen;
  }

  /** The news of the rows that are new, or that have others than the viewer knows. */
  #seated(picture: Picture, rows: readonly number[]): TableNews[] {
    const seated: TableNews[] = [];
    for (const row of rows) {
      const id = picture.tables.id[row] as number; // a row of the picture
      const slot = this.#slots.get(id);
      if (slot !== undefined && this.#rows[slot * WIDTH + VERSION] === picture.tables.version[row]) continue;
      const news = picture.news.get(id);
      if (news !== undefined) seated.push(news);
    }
    return seated;
  }

  /** Returns the ids of the tables that are gone, and forgets these. */
  #left(picture: Picture): number[] {
    const left: number[] = [];
    for (const [id, slot] of this.#slots) {
      if (picture.rows.has(id)) continue;
      left.push(id);
      this.#slots.delete(id);
      this.#free.push(slot);
    }
    return left;
  }

  #learn(tables: SampledTables, row: number): void {
    const id = tables.id[row] as number; // a row of these tables
    let slot = this.#slots.get(id);
    if (slot === undefined) {
      slot = this.#free.pop() ?? this.#used++;
      this.#slots.set(id, slot);
      if ((slot + 1) * WIDTH > this.#rows.length) {
        const rows = new Float64Array(this.#rows.length * 2);
        rows.set(this.#rows);
        this.#rows = rows;
      }
    }
    const at = slot * WIDTH;
    FIELDS.forEach((field, i) => (this.#rows[at + i] = tables[field][row] as number)); // as above
    this.#rows[at + FIELDS.length] = this.#rows[at + VISITS] as number; // set just now
  }
}

function columnsOf(tables: SampledTables, rows: readonly number[]): TableColumns {
  const pick = (column: ArrayLike<number>): number[] => rows.map((row) => column[row] as number); // rows of these tables
  return {
    id: pick(tables.id),
    ball: pick(tables.ball),
    since: pick(tables.since).map(Math.floor), // in whole milliseconds a frame is half as long
    place: pick(tables.place),
    resource: pick(tables.resource),
    unsent: pick(tables.unsent),
    visits: pick(tables.visits),
    ran: pick(tables.ran).map(Math.round),
    flags: pick(tables.flags),
  };
}

/** At most `most` of the ids, evenly spread. */
function spread(ids: number[], most: number): number[] {
  if (ids.length <= most) return ids;
  return Array.from({ length: most }, (_, i) => ids[Math.floor((i * ids.length) / most)] as number); // i < most
}

/**
 * Draws visits from those of several samples. Each sample has drawn its own, so one stands for as
 * many visits as the sample had for each that it kept.
 */
function drawLots(
  samples: readonly { readonly total: number; readonly shown: readonly ShownVisit[] }[],
  random: () => number,
): ShownVisit[] {
  const all = samples.flatMap(({ total, shown }) => shown.map((visit) => ({ visit, weight: total / shown.length })));
  // Efraimidis and Spirakis: the largest of random^(1 / weight) are a weighted draw without repetition.
  const drawn = all
    .map(({ visit, weight }) => ({ visit, key: random() ** (1 / Math.max(weight, 1)) }))
    .sort((a, b) => b.key - a.key)
    .slice(0, MOST_SHOWN);
  return drawn
    .map(({ visit: { begin, us, ...rest } }) => ({
      ...rest,
      begin: Math.round(begin * 100) / 100,
      us: us === null ? null : Math.round(us),
    }))
    .sort((a, b) => a.begin - b.begin);
}
