import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { functionLines, type PlaceCount } from '#page/console/page/panel/function-lines.js';
import { test } from '../../../support/test.js';

let index = 0;
const at = (line: number, tables: number, name = 'serve', file = 'a.ts'): PlaceCount => ({
  place: { file, line, column: 1, function: name, text: `${file}:${line}` },
  index: index++,
  tables,
});

describe('functionLines', () => {
  test('shows the function with most awaits, from before the first to after the last', () => {
    const shown = functionLines([at(10, 90), at(16, 11), at(40, 95, 'other')]);
    assert.equal(shown?.tables, 101);
    assert.deepEqual(shown?.lines, [9, 10, 11, 12, 13, 14, 15, 16, 17, 18]);
  });

  test('leaves out a function that few tables wait in, however many awaits it has', () => {
    const shown = functionLines([at(10, 90), at(40, 1, 'other'), at(41, 1, 'other'), at(42, 0, 'other')]);
    assert.equal(shown?.tables, 90);
  });

  test('stays with a function until another has more awaits', () => {
    const now = functionLines([at(10, 60), at(40, 40, 'other')]);
    const later = functionLines([at(10, 30), at(40, 70, 'other')], now?.key);
    assert.equal(later?.key, now?.key);
    const more = functionLines([at(10, 30), at(40, 70, 'other'), at(41, 0, 'other')], now?.key);
    assert.notEqual(more?.key, now?.key);
  });

  test('counts two awaits on one line together', () => {
    assert.equal(functionLines([at(10, 3), at(10, 4)])?.places.get(10)?.tables, 7);
  });

  test('of a long function it shows at most 14 lines: those that most wait at, and around them', () => {
    const shown = functionLines([at(10, 5), at(50, 90), at(90, 7), at(130, 8), at(170, 9), at(210, 1)]);
    assert.ok((shown?.lines.length ?? 99) <= 14);
    assert.ok([49, 50, 51].every((line) => shown?.lines.includes(line)));
    assert.equal(shown?.lines.includes(210), false);
  });

  test('there is nothing to show where no place is known', () => {
    assert.equal(functionLines([]), undefined);
  });
});
