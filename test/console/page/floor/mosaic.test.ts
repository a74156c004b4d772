import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { firstAtLeast, Mosaic, type MosaicGroup } from '#page/console/page/floor/mosaic.js';
import { floorTable } from '../../../support/floor-table.js';
import { seeded } from '../../../support/seeded.js';
import { test } from '../../../support/test.js';

const NOW = 1_000_000;
const AREA = { x: 100, y: 20, w: 560, h: 500 };

/** Groups with so many tables each, the youngest first, some of them of the same age. */
function groupsOf(sizes: readonly number[], seed = 1): MosaicGroup[] {
  const random = seeded(seed);
  let id = 0;
  return sizes.map((size, ball) => ({
    key: ball,
    ball,
    tables: Array.from({ length: size }, () => floorTable({ id: id++, since: NOW - Math.exp(random() * 13) })).sort(
      (a, b) => b.since - a.since,
    ),
  }));
}

describe('Mosaic', () => {
  test('every table has a dot of its own, within the area', () => {
    const mosaic = new Mosaic();
    const groups = groupsOf([8159, 239, 15, 585, 982, 20]);
    mosaic.place(groups, AREA, NOW);
    assert.equal(mosaic.tables.length, 10_000);
    const seen = new Set<string>();
    for (const [slot, table] of mosaic.tables.entries()) {
      const [x, y] = [mosaic.spots[2 * slot] ?? 0, mosaic.spots[2 * slot + 1] ?? 0];
      assert.ok(x > AREA.x && x < AREA.x + AREA.w && y > AREA.y && y < AREA.y + AREA.h, `${x}, ${y}`);
      seen.add(`${x.toFixed(2)} ${y.toFixed(2)}`);
      assert.equal(mosaic.slotOf(table.id), slot);
    }
    assert.equal(seen.size, 10_000);
  });

  test('longer waits stand further right', () => {
    const mosaic = new Mosaic();
    for (const row of mosaic.place(groupsOf([300, 40]), AREA, NOW)) {
      let last = -Infinity;
      for (let i = 0; i < row.tables.length; i++) {
        const x = mosaic.spots[2 * (row.first + i)] ?? 0;
        assert.ok(x >= last);
        last = x;
      }
    }
  });

  test('the pitch is kept while it fits, and found anew where it does not', () => {
    const mosaic = new Mosaic();
    mosaic.place(groupsOf([8000, 2000]), AREA, NOW);
    const { pitch } = mosaic;
    mosaic.place(groupsOf([8050, 1950]), AREA, NOW);
    assert.equal(mosaic.pitch, pitch, 'fifty that moved change nothing');
    mosaic.place(groupsOf([8000, 12_000]), AREA, NOW);
    assert.ok(mosaic.pitch < pitch);
  });

  test('ticks stand where an age begins, far enough apart for their labels', () => {
    const mosaic = new Mosaic();
    const [row] = mosaic.place(groupsOf([5000]), AREA, NOW);
    const ticks = row?.ticks ?? [];
    assert.ok(ticks.length > 0);
    for (const [i, { x }] of ticks.entries()) assert.ok(i === 0 || x - (ticks[i - 1]?.x ?? 0) > 38);
  });

  test('rows without tables keep their head', () => {
    const mosaic = new Mosaic();
    const rows = mosaic.place(groupsOf([10, 0, 10]), AREA, NOW);
    assert.equal(rows.length, 3);
    assert.deepEqual(rows[1]?.ticks, []);
  });
});

test('firstAtLeast finds the first table that is old enough', () => {
  const tables = [5, 50, 500, 5000].map((age, id) => floorTable({ id, since: NOW - age }));
  for (const [age, index] of [
    [0, 0],
    [6, 1],
    [500, 2],
    [9999, 4],
  ] as const) {
    assert.equal(firstAtLeast(tables, NOW, age), index);
  }
});
