// Samples for tests: those of fast-check, and a viewer that applies frames.
import fc from 'fast-check';
import { PARKED, type Frame, type TableNews } from '#src/inspect/protocol/index.js';
import type { Sample, SampledTables } from '#src/introspect/index.js';
import type { TableFrame } from '#src/inspect/viewer.js';

/** A table, as tests write it. */
export interface Row {
  readonly id: number;
  readonly ball?: number;
  readonly since?: number;
  readonly place?: number;
  readonly resource?: number;
  readonly unsent?: number;
  readonly visits?: number;
  readonly ran?: number;
  readonly flags?: number;
  readonly version?: number;
}

const FIELDS = ['id', 'ball', 'since', 'place', 'resource', 'unsent', 'visits', 'ran', 'flags'] as const;

export function tablesOf(rows: readonly Row[]): SampledTables {
  const pick = (field: keyof Row, otherwise = 0): number[] => rows.map((row) => row[field] ?? otherwise);
  return {
    id: Float64Array.from(pick('id')),
    ball: Uint8Array.from(pick('ball')),
    since: Float64Array.from(pick('since')),
    place: Int32Array.from(pick('place', -1)),
    resource: Int32Array.from(pick('resource', -1)),
    unsent: Float64Array.from(pick('unsent')),
    visits: Float64Array.from(pick('visits')),
    ran: Float64Array.from(pick('ran')),
    flags: Uint8Array.from(pick('flags')),
    version: Uint32Array.from(pick('version', 1)),
  };
}

export function newsOf(row: Row): TableNews {
  return { id: row.id, task: row.id, name: `client ${row.id}, version ${row.version ?? 1}`, peer: '', openedAt: 0 };
}

/** A sample of these tables, as a sampler makes it that has sent the ones in `known`: versions by id. */
export function sampleOf(rows: readonly Row[], known: Map<number, number>, more: Partial<Sample> = {}): Sample {
  if (more.fresh === true) known.clear();
  const news = rows.filter(({ id, version = 1 }) => known.get(id) !== version).map(newsOf);
  for (const { id, version = 1 } of rows) known.set(id, version);
  return {
    fresh: false,
    now: 1000,
    of: 'clients',
    tables: tablesOf(rows),
    news,
    places: [],
    resources: [],
    shown: [],
    kitchens: [],
    outside: [],
    counters: { reads: 0, visits: 0, bytesIn: 0, bytesOut: 0 },
    cost: 1,
    ...more,
  };
}

/** A page that knows only what frames brought. */
export class Known {
  rows = new Map<number, Row>();
  news = new Map<number, TableNews>();
  places: unknown[] = [];
  resources: unknown[] = [];

  apply(frame: TableFrame | Frame): void {
    if (frame.full) {
      this.rows.clear();
      this.news.clear();
      this.places = [];
      this.resources = [];
    }
    for (const id of frame.left) {
      this.rows.delete(id);
      this.news.delete(id);
    }
    for (const news of frame.seated) this.news.set(news.id, news);
    frame.tables.id.forEach((id, i) => {
      this.rows.set(id, Object.fromEntries(FIELDS.map((field) => [field, frame.tables[field][i]])) as unknown as Row);
    });
    this.places.push(...frame.places);
    this.resources.push(...frame.resources);
  }
}

/** The rows of tables, as `Known` has them. */
export function rowsOf(tables: SampledTables): Map<number, Row> {
  return new Map(
    [...tables.id].map((id, i) => [
      id,
      Object.fromEntries(FIELDS.map((field) => [field, tables[field][i]])) as unknown as Row, // all of its fields
    ]),
  );
}

const row = fc.record({
  ball: fc.nat(5),
  since: fc.nat(1000),
  place: fc.integer({ min: -1, max: 3 }),
  visits: fc.nat(3),
  flags: fc.constantFrom(0, PARKED),
  version: fc.integer({ min: 1, max: 2 }),
});

/** Pictures of tables that come, change and go. Most ids are there most of the time. */
export const pictures = fc.array(
  fc.record({
    rows: fc.uniqueArray(fc.tuple(fc.nat(12), row), { selector: ([id]) => id, maxLength: 12 }),
    fresh: fc.boolean(),
    places: fc.nat(2),
  }),
  { minLength: 1, maxLength: 12 },
);
