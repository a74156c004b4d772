// Picture: what the inspector's thread knows of all tables, put together from samples. All viewers
// are served from one picture; what each of them knows of it is in viewer.ts.
import type { Counters, Sample, SampledTables } from '../introspect/index.ts';
import {
  BALLS,
  type Frame,
  type KitchenRow,
  type OutsideRow,
  type Place,
  type ResourceRow,
  type ShownVisit,
  type TableNews,
} from './protocol/index.ts';

/** Ages that are counted apart, in milliseconds. */
const AGES = [100, 1000, 10_000, 60_000, 600_000];
/** Of each ball or of all together: the tables that wait longest. */
const LONGEST = 12;
/** Samples whose visits are kept for viewers that skip some. */
const KEPT_LOTS = 100;

/** Visits that were drawn from those between two samples. */
interface Lots {
  /** The number of the sample. */
  readonly sample: number;
  /** How many visits there were. */
  readonly total: number;
  readonly shown: readonly ShownVisit[];
}

/** The latest picture of all tables. */
export class Picture {
  /** Counts streams: what a viewer knows of an earlier one is void. 0 before the first sample. */
  stream = 0;
  /** Counts samples. */
  sample = 0;
  now = 0;
  of: 'clients' | 'tasks' = 'tasks';
  tables: SampledTables = NONE;
  /** The rows of the tables, by id. */
  rows: ReadonlyMap<number, number> = new Map();
  /** By id. Some may be of tables that are gone. */
  readonly news: Map<number, TableNews> = new Map();
  places: Place[] = [];
  resources: Pick<ResourceRow, 'key' | 'kind' | 'label'>[] = [];
  holders: NonNullable<Sample['holders']> = [];
  kitchens: readonly KitchenRow[] = [];
  outside: readonly OutsideRow[] = [];
  counts: Frame['counts'] = countTables(NONE, 0);
  counters: Counters = { reads: null, visits: null, bytesIn: 0, bytesOut: 0 };
  /** What the last sample cost the main thread, in milliseconds. */
  cost = 0;
  #lots: Lots[] = [];

  /** The number of tables. */
  get total(): number {
    return this.tables.id.length;
  }

  /** Adds what a sample says. */
  apply(sample: Sample): void {
    if (sample.fresh) {
      this.stream++;
      this.news.clear();
      this.places = [];
      this.resources = [];
      this.#lots = [];
    }
    const { tables } = sample;
    const rows = new Map<number, number>();
    let total = 0;
    for (let row = 0; row < tables.id.length; row++) {
      const id = tables.id[row] as number; // as in what follows: row < length
      rows.set(id, row);
      const before = sample.fresh ? undefined : this.rows.get(id);
      total += (tables.visits[row] as number) - (before === undefined ? 0 : (this.tables.visits[before] as number));
    }
    this.sample++;
    this.#lots.push({ sample: this.sample, total: sample.fresh ? 0 : total, shown: sample.fresh ? [] : sample.shown });
    if (this.#lots.length > KEPT_LOTS) this.#lots.shift();
    this.now = sample.now;
    this.of = sample.of;
    this.tables = tables;
    this.rows = rows;
    for (const each of sample.news) this.news.set(each.id, each);
    if (this.news.size > 2 * rows.size + 1000)
      for (const id of this.news.keys()) if (!rows.has(id)) this.news.delete(id);
    this.places.push(...sample.places);
    this.resources.push(...sample.resources);
    this.holders = sample.holders ?? [];
    this.kitchens = sample.kitchens;
    this.outside = sample.outside;
    this.counters = sample.counters;
    this.counts = countTables(tables, sample.now);
    this.cost = sample.cost;
  }

  /** The visits of the samples after the given one. */
  lotsAfter(sample: number): readonly Lots[] {
    return this.#lots.filter((each) => each.sample > sample);
  }
}

const NONE: SampledTables = {
  id: new Float64Array(),
  ball: new Uint8Array(),
  since: new Float64Array(),
  place: new Int32Array(),
  resource: new Int32Array(),
  unsent: new Float64Array(),
  visits: new Float64Array(),
  ran: new Float64Array(),
  flags: new Uint8Array(),
  version: new Uint32Array(),
};

/** Counts tables by what they wait for, how long, and where. */
export function countTables(tables: SampledTables, now: number): Frame['counts'] {
  const balls = BALLS.map(() => 0);
  const ages = BALLS.map(() => [0, ...AGES.map(() => 0)]);
  const places = new Map<number, number>();
  const longest: number[] = []; // rows, the longest first
  for (let row = 0; row < tables.id.length; row++) {
    const ball = tables.ball[row] as number; // as in what follows: row < length
    const since = tables.since[row] as number;
    const place = tables.place[row] as number;
    balls[ball] = (balls[ball] ?? 0) + 1;
    if (place >= 0) places.set(place, (places.get(place) ?? 0) + 1);
    if (since === 0) continue;
    const age = now - since;
    const of = ages[ball];
    let decade = 0;
    while (decade < AGES.length && age >= (AGES[decade] as number)) decade++; // decade < length
    if (of !== undefined) of[decade] = (of[decade] ?? 0) + 1;
    if (longest.length === LONGEST && since >= (tables.since[longest[LONGEST - 1] as number] as number)) continue;
    let at = longest.length;
    while (at > 0 && since < (tables.since[longest[at - 1] as number] as number)) at--; // at > 0
    longest.splice(at, 0, row);
    if (longest.length > LONGEST) longest.pop();
  }
  return {
    balls,
    ages,
    longest: longest.map((row) => tables.id[row] as number), // rows of tables
    places: [...places].sort((a, b) => b[1] - a[1]),
  };
}
