import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Place } from '#src/inspect/protocol/index.js';
import { Picture } from '#src/inspect/picture.js';
import { Viewer } from '#src/inspect/viewer.js';
import { test } from '../support/test.js';
import { Known, newsOf, pictures, type Row, rowsOf, sampleOf } from './samples.js';

const lots = (random = 0.5) => new Viewer(() => random);

/** `count` tables from id 1, each as `like` says. */
function many(count: number, like: Omit<Row, 'id'> = {}): Row[] {
  return Array.from({ length: count }, (_, i) => ({ id: i + 1, ...like }));
}

test('frames, applied in order, reconstruct each picture, whichever of them a viewer skips', () => {
  fc.assert(
    fc.property(pictures, fc.array(fc.boolean()), (series, skips) => {
      const picture = new Picture();
      const viewer = lots();
      const page = new Known();
      const sent = new Map<number, number>();
      let places = 0;
      series.forEach(({ rows, fresh, places: more }, i) => {
        const tables = rows.map(([id, row]) => ({ id, ...row }));
        const begins = fresh || i === 0;
        if (begins) places = 0;
        const added = Array.from({ length: more }, () => ({ text: `${places++}` }) as Place);
        picture.apply(sampleOf(tables, sent, { fresh: begins, places: added }));
        if (skips[i] === true && i < series.length - 1) return;
        const frame = viewer.next(picture, i * 100);
        assert.equal(frame.omitted, undefined);
        page.apply(frame);
        assert.deepEqual(page.rows, rowsOf(picture.tables));
        assert.deepEqual(
          [...page.news.values()].sort((a, b) => a.id - b.id),
          tables.map(newsOf).sort((a, b) => a.id - b.id),
        );
        assert.equal(page.places.length, places);
        assert.deepEqual(viewer.next(picture, i * 100).tables.id, [], 'and then nothing is news');
      });
    }),
  );
});

test('up to 400 changes are sent in any frame, more only to who is interested, and 4 times a second', () => {
  const picture = new Picture();
  const sent = new Map<number, number>();
  picture.apply(sampleOf(many(1000), sent, { fresh: true }));
  const viewer = lots();
  viewer.interest = new Set([5, 7]);
  assert.equal(viewer.next(picture, 0).tables.id.length, 1000, 'the first frame has all');
  picture.apply(sampleOf([...many(400, { since: 5 }), ...many(1000).slice(400)], sent));
  assert.equal(viewer.next(picture, 100).tables.id.length, 400);
  picture.apply(sampleOf(many(1000, { since: 9 }), sent));
  const heavy = viewer.next(picture, 200);
  assert.deepEqual(heavy.tables.id, [5, 7]);
  assert.equal(heavy.omitted, 998);
  picture.apply(sampleOf(many(1000, { since: 10 }), sent));
  const tooSoon = viewer.next(picture, 300);
  assert.deepEqual([tooSoon.tables.id, tooSoon.omitted], [[], 1000]);
  assert.deepEqual(viewer.next(picture, 450).tables.id, [5, 7]);
});

test('what a frame left out, a later one has, once fewer tables change', () => {
  const picture = new Picture();
  const sent = new Map<number, number>();
  const viewer = lots();
  const page = new Known();
  picture.apply(sampleOf(many(5000), sent, { fresh: true }));
  page.apply(viewer.next(picture, 0));
  picture.apply(sampleOf(many(5000, { since: 9 }), sent));
  const sizes = [250, 500, 750].map((now) => {
    const frame = viewer.next(picture, now);
    page.apply(frame);
    return frame.tables.id.length;
  });
  assert.deepEqual(sizes, [2000, 2000, 1000], 'without an interest, all in turn');
  assert.deepEqual(page.rows, rowsOf(picture.tables));
});

test('more tables than a first frame takes follow in later frames, and the frame says so', () => {
  const picture = new Picture();
  picture.apply(sampleOf(many(21_000), new Map(), { fresh: true }));
  const viewer = lots();
  const first = viewer.next(picture, 0);
  assert.deepEqual([first.tables.id.length, first.omitted, first.total], [20_000, 1000, 21_000]);
  assert.equal(viewer.next(picture, 1000).tables.id.length, 1000);
});

test('visits are counted since the last frame of the viewer, and those shown are among them', () => {
  const picture = new Picture();
  const sent = new Map<number, number>();
  const viewer = lots();
  const at = (begin: number) => ({ table: 1, begin, us: null, from: -1, to: -1 });
  picture.apply(sampleOf(many(3, { visits: 5 }), sent, { fresh: true, shown: [at(1)] }));
  assert.deepEqual(viewer.next(picture, 0).visits, { total: 0, shown: [], tables: [] });
  picture.apply(
    sampleOf(
      [
        { id: 1, visits: 7 },
        { id: 2, visits: 5 },
      ],
      sent,
      { shown: [at(2), at(3)] },
    ),
  );
  picture.apply(
    sampleOf(
      [
        { id: 1, visits: 8 },
        { id: 2, visits: 5 },
      ],
      sent,
      { shown: [at(4)] },
    ),
  );
  assert.deepEqual(viewer.next(picture, 100).visits, { total: 3, shown: [at(2), at(3), at(4)], tables: [1] });
  picture.apply(sampleOf(many(1000, { visits: 9 }), sent));
  viewer.next(picture, 200);
  picture.apply(sampleOf(many(1000, { visits: 10 }), sent, { shown: Array.from({ length: 40 }, (_, i) => at(i)) }));
  const { total, shown, tables } = viewer.next(picture, 500).visits;
  assert.deepEqual([total, shown.length, tables.length], [1000, 4, 400]);
  assert.ok((tables.at(-1) ?? 0) > 900, 'spread over all');
});

test('a table whose task begins later is seated again, with its task', () => {
  const picture = new Picture();
  const sent = new Map<number, number>();
  const viewer = lots();
  picture.apply(sampleOf([{ id: 1 }], sent, { fresh: true }));
  viewer.next(picture, 0);
  picture.apply(sampleOf([{ id: 1, version: 2 }], sent));
  assert.deepEqual(viewer.next(picture, 100).seated, [newsOf({ id: 1, version: 2 })]);
});

test('a change of any one field is a change', () => {
  const before: Row = { id: 1, ball: 0, since: 1, place: 0, resource: 0, unsent: 0, visits: 0, ran: 0, flags: 0 };
  for (const field of ['ball', 'since', 'place', 'resource', 'unsent', 'visits', 'ran', 'flags'] as const) {
    const picture = new Picture();
    const sent = new Map<number, number>();
    const viewer = lots();
    picture.apply(sampleOf([before], sent, { fresh: true }));
    viewer.next(picture, 0);
    picture.apply(sampleOf([{ ...before, [field]: 2 }], sent));
    assert.deepEqual(viewer.next(picture, 100).tables[field], [2], field);
  }
});
