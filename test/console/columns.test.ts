// Tables that fit the terminal.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { widthOfLine } from '#src/console/cell-width.js';
import { type Column, table } from '#src/console/columns.js';
import { plainLine, plainText } from '#src/console/line.js';
import { test } from '../support/test.js';

const COLUMNS: readonly Column[] = [
  { head: 'ID', align: 'right' },
  { head: 'PEER', least: 6, wanted: 12, cut: 'middle' },
  { head: 'WHAT', least: 8, wanted: 28 },
  { head: 'BYTES', align: 'right', drop: 1 },
  { head: 'SERVER', drop: 2 },
];
const ROWS = [
  ['1', '127.0.0.1:50412', 'wait in readLine at chat.ts:14', '12 kB', 'a'],
  ['4246', 'a', '食堂のテーブル', '-', 'b'],
];

test('table() pads to columns where it has room, and cuts nothing for a pipe', () => {
  assert.equal(
    plainText(table(COLUMNS, ROWS, undefined)),
    `  ID  PEER             WHAT                            BYTES  SERVER
   1  127.0.0.1:50412  wait in readLine at chat.ts:14  12 kB  a
4246  a                食堂のテーブル                      -  b
`,
  );
});

test('table() leaves out columns by their number, then cuts the widest', () => {
  assert.deepEqual(table(COLUMNS, ROWS, 58).map(plainLine), [
    '  ID  PEER             WHAT                          BYTES',
    '   1  127.0.0.1:50412  wait in readLine at chat.ts…  12 kB',
    '4246  a                食堂のテーブル                    -',
  ]);
  assert.deepEqual(table(COLUMNS, ROWS, 22).map(plainLine), [
    '  ID  PEER    WHAT',
    '   1  12…412  wait in…',
    '4246  a       食堂の…',
  ]);
});

test('no line of a table is wider than the terminal, whatever is in it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.string({ unit: 'grapheme', maxLength: 40 }), { minLength: 5, maxLength: 5 }), {
        maxLength: 5,
      }),
      fc.integer({ min: 40, max: 120 }),
      (rows, width) => {
        // The number of a client is not cut: it has few digits.
        const own = rows.map(([, ...rest], index) => [String(index), ...rest]);
        for (const each of table(COLUMNS, own, width)) assert.ok(widthOfLine(each) <= width, plainLine(each));
      },
    ),
  );
});
