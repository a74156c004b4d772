import assert from 'node:assert/strict';
import { countTables, Picture } from '#src/inspect/picture.js';
import { test } from '../support/test.js';
import { type Row, sampleOf, tablesOf } from './samples.js';

test('tables are counted by ball, age and place, and the longest come first', () => {
  const now = 1_000_000;
  const ages = [0, 99, 100, 5000, 59_999, 60_000, 700_000];
  const rows: Row[] = ages.map((age, i) => ({ id: i, ball: 1, since: now - age, place: i % 2 }));
  const counts = countTables(tablesOf([...rows, { id: 9, ball: 5 }]), now);
  assert.deepEqual(counts.balls, [0, 7, 0, 0, 0, 1]);
  assert.deepEqual(counts.ages[1], [2, 1, 1, 1, 1, 1]);
  assert.deepEqual(counts.ages[5], [0, 0, 0, 0, 0, 0], 'what has no wait has no age');
  assert.deepEqual(counts.longest, [6, 5, 4, 3, 2, 1, 0]);
  assert.deepEqual(counts.places, [
    [0, 4],
    [1, 3],
  ]);
});

test('the 12 longest are found among many', () => {
  const rows = Array.from({ length: 500 }, (_, i) => ({ id: i, since: 1 + ((i * 7919) % 500) }));
  const expected = rows.toSorted((a, b) => a.since - b.since).slice(0, 12);
  assert.deepEqual(
    countTables(tablesOf(rows), 1000).longest,
    expected.map(({ id }) => id),
  );
});

test('a picture forgets the news of tables that are gone', () => {
  const picture = new Picture();
  const sent = new Map<number, number>();
  for (let i = 0; i < 50; i++) {
    picture.apply(
      sampleOf(
        Array.from({ length: 100 }, (_, n) => ({ id: i * 100 + n })),
        sent,
        { fresh: i === 0 },
      ),
    );
  }
  assert.ok(picture.news.size <= 1300, `${picture.news.size}`);
  assert.ok([...picture.rows.keys()].every((id) => picture.news.has(id)));
});
