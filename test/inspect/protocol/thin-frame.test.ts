import assert from 'node:assert/strict';
import fc from 'fast-check';
import { completed, type Frame, type SentFrame, thinned } from '#src/inspect/protocol/index.js';
import { test } from '../../support/test.js';

const ids = fc.uniqueArray(fc.nat(500), { maxLength: 6 });
const row = fc.record({
  id: fc.nat(500),
  ball: fc.nat(2),
  since: fc.nat(3),
  place: fc.integer({ min: -1, max: 1 }),
  resource: fc.integer({ min: -1, max: 0 }),
  unsent: fc.nat(1),
  visits: fc.nat(2),
  ran: fc.nat(1),
  flags: fc.nat(1),
});
// Some with many rows, in which numbers are the same in a row.
const rowsOfTables = fc
  .array(fc.tuple(row, fc.constantFrom(1, 1, 1, 3, 4, 9)), { maxLength: 4 })
  .map((runs) =>
    runs.flatMap(([each, count]) => Array.from({ length: count }, (_, i) => ({ ...each, id: each.id + i }))),
  );
const columns = rowsOfTables.map((rows): Frame['tables'] => {
  const of = (key: keyof (typeof rows)[number]): number[] => rows.map((each) => each[key]);
  return {
    id: of('id'),
    ball: of('ball'),
    since: of('since'),
    place: of('place'),
    resource: of('resource'),
    unsent: of('unsent'),
    visits: of('visits'),
    ran: of('ran'),
    flags: of('flags'),
  };
});
const outside = fc.record({
  server: fc.constant('server 1'),
  parked: fc.nat(1),
  inLine: fc.nat(1),
  refused: fc.nat(1),
  backlog: fc.constantFrom(null, 3),
  limit: fc.constant(null),
});
const frame: fc.Arbitrary<Frame> = fc.record(
  {
    seq: fc.nat(99),
    now: fc.nat(9999),
    dropped: fc.nat(1),
    fresh: fc.record({ how: fc.constantFrom('asked' as const, 'stale' as const), age: fc.nat(1) }),
    sentence: fc.constantFrom('', 'The loop keeps up.'),
    full: fc.boolean(),
    of: fc.constantFrom('clients' as const, 'tasks' as const),
    total: fc.nat(3),
    tables: columns,
    omitted: fc.integer({ min: 1, max: 9 }),
    seated: fc.array(
      fc.record({
        id: fc.nat(9),
        task: fc.constantFrom(null, 1),
        name: fc.constant('a'),
        peer: fc.constant(''),
        openedAt: fc.constant(null),
      }),
      { maxLength: 2 },
    ),
    left: ids,
    places: fc.constantFrom([], [{ file: 'a.ts', line: 1, column: 1, text: 'a.ts:1' }]),
    resources: fc.constantFrom([], [{ key: 'lock:1', kind: 'lock', label: 'lock 1' }]),
    counts: fc.record({
      balls: fc.array(fc.nat(1), { maxLength: 2 }),
      ages: fc.array(fc.array(fc.nat(1), { maxLength: 2 }), { maxLength: 2 }),
      longest: ids,
      places: fc.array(fc.tuple(fc.nat(1), fc.nat(2)), { maxLength: 2 }),
    }),
    visits: fc.record({
      total: fc.nat(2),
      shown: fc.constantFrom([], [{ table: 1, begin: 5, us: null, from: -1, to: 0 }]),
      tables: ids,
    }),
    kitchens: fc.constantFrom([], [{ executor: 'pool', size: 1, queued: 0, next: [], workers: [], unfetched: null }]),
    outside: fc.array(outside, { maxLength: 1 }),
    block: fc.constant(null),
    strip: fc.constant([]),
    cost: fc.record({ ms: fc.nat(1), every: fc.constant(100) }),
    numbers: fc.record({ tasks: fc.nat(1), blocks: fc.nat(1), warnings: fc.nat(1), ended: fc.nat(1) }),
  },
  {
    requiredKeys: [
      'seq',
      'now',
      'dropped',
      'fresh',
      'sentence',
      'full',
      'of',
      'total',
      'tables',
      'seated',
      'left',
      'places',
      'resources',
      'counts',
      'visits',
      'kitchens',
      'outside',
      'block',
      'strip',
      'cost',
      'numbers',
    ],
  },
);

test('frames that were thinned and sent are completed to what they were, in any order of changes', () => {
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 6 }), (frames) => {
      let before: Frame | undefined;
      let last: Frame | undefined;
      for (const each of frames) {
        const sent = JSON.parse(JSON.stringify(thinned(each, before))) as SentFrame;
        last = completed(sent, last);
        assert.deepEqual(last, JSON.parse(JSON.stringify(each)));
        before = each;
      }
    }),
  );
});

test('the tables of a thousand clients that all wait for the same are a few numbers on the wire', () => {
  const [each] = fc.sample(frame, { numRuns: 1, seed: 1 });
  assert.ok(each !== undefined);
  const all = (number: number): number[] => Array.from({ length: 1000 }, () => number);
  const id = all(0).map((_, i) => i + 1);
  const tables = {
    ...each.tables,
    id,
    ball: all(1),
    since: all(5000),
    visits: all(33),
    unsent: [...all(0).slice(1), 7],
  };
  const visits = { total: 1000, shown: [], tables: id };
  const { place, resource, ran, flags } = { place: all(0), resource: all(-1), ran: all(0), flags: all(0) };
  const sent = thinned({ ...each, tables: { ...tables, place, resource, ran, flags }, visits }, each);
  assert.deepEqual(sent.tables, {
    id: [[1, 1000]],
    ball: [[1, 1000]],
    since: [5000, [0, 999]],
    unsent: [[0, 999], 7],
    visits: [33, [0, 999]],
  });
  assert.deepEqual(sent.visits?.tables, [[1, 1000]]);
});

test('a frame in which nothing changed has its number and its time', () => {
  const [each] = fc.sample(
    frame.filter(({ full, omitted }) => !full && omitted === undefined),
    { numRuns: 1, seed: 1 },
  );
  assert.ok(each !== undefined);
  const still: Frame = {
    ...each,
    tables: { id: [], ball: [], since: [], place: [], resource: [], unsent: [], visits: [], ran: [], flags: [] },
    seated: [],
    left: [],
    places: [],
    resources: [],
    visits: { total: 0, shown: [], tables: [] },
  };
  assert.deepEqual(thinned(still, still), { seq: each.seq, now: each.now });
});
