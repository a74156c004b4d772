import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { niceTop, percent, shortDuration } from '#page/console/page/format.js';
import { test } from '../../support/test.js';

describe('format', () => {
  test('a short duration has one number and one unit', () => {
    for (const [ms, text] of [
      [0, '0 s'],
      [8800, '8.8 s'],
      [59_990, '1 min'],
      [252_000, '4 min'],
      [5_400_000, '1 h'],
    ] as const) {
      assert.equal(shortDuration(ms), text);
    }
  });

  test('a percentage never rounds to 0 or 100 what is neither', () => {
    for (const [share, text] of [
      [0, '0'],
      [0.004, '0.4'],
      [0.5, '50'],
      [0.996, '99.6'],
      [0.99999, '99.9'],
      [1, '100'],
    ] as const) {
      assert.equal(percent(share), text);
    }
  });

  test('the top of a chart is 1, 2 or 5 times a power of ten, and never below the value', () => {
    for (const value of [0, 0.3, 1, 1.01, 4, 7, 99, 120, 5001]) {
      const top = niceTop(value);
      assert.ok(top >= value, `${top} for ${value}`);
      assert.match(top.toExponential(), /^[125]e/);
    }
  });
});
