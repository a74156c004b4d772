import assert from 'node:assert/strict';
import fc from 'fast-check';
import { rowWindow } from '#page/console/page/lists/window.js';
import { test } from '../../../support/test.js';

test('rowWindow has every row that is seen, and few more', () => {
  const size = { min: 0, max: 100_000 };
  fc.assert(
    fc.property(fc.integer(size), fc.integer({ min: -50, max: 4_000_000 }), (rows, scroll) => {
      const { from, to } = rowWindow(rows, scroll, 600, 30);
      assert.ok(from >= 0 && to <= rows && from <= to);
      assert.ok(to - from <= 34);
      const [first, last] = [Math.floor(Math.max(0, scroll) / 30), Math.floor((Math.max(0, scroll) + 599) / 30)];
      for (const row of [first, last]) if (row < rows) assert.ok(row >= from && row < to, `${row} of ${from} to ${to}`);
    }),
  );
});
