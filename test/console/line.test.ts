// Lines as data: no control character of a client or a program passes.
import assert from 'node:assert/strict';
import { colouredLine, line, plainLine, plainText, span } from '#src/console/line.js';
import { test } from '../support/test.js';

const EVIL = '\x1b[31mred\x1b]0;title\x07\r\n\u202eback\x9b2J';

test('span() escapes what moves a cursor, retitles a window or turns text around', () => {
  assert.equal(span(EVIL).text, '\\x1b[31mred\\x1b]0;title\\x07\\r\\n\\u202eback\\x9b2J');
});

test('plainText() has no escape sequence, colouredLine() only its own', () => {
  const lines = [[span('a', 'strong'), span(EVIL, 'alarm')], line('b')];
  assert.doesNotMatch(plainText(lines), /[\0-\x09\x0b-\x1f\x7f-\x9f\u202e]/); // oxlint-disable-line no-control-regex -- the point
  const coloured = colouredLine(lines[0] ?? []);
  assert.deepEqual(coloured.match(/\x1b\[[0-9;]*m/g), ['\x1b[1m', '\x1b[0m', '\x1b[1;31m', '\x1b[0m']); // oxlint-disable-line no-control-regex -- the point
  assert.doesNotMatch(coloured.replace(/\x1b\[[0-9;]*m/g, ''), /[\0-\x1f\x7f-\x9f]/); // oxlint-disable-line no-control-regex -- the point
});

test('plainLine() has no blanks at its end', () => {
  assert.equal(plainLine([span('a  '), span('  ')]), 'a');
});
