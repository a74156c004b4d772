// Columns of a terminal: how many a text takes, and texts cut to them.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fit, fitLine, fitMiddle, pad, widthOf, widthOfLine, wrap } from '#src/console/cell-width.js';
import { plainLine, span } from '#src/console/line.js';
import { test } from '../support/test.js';

test('widthOf() counts ideographs and emoji as two columns, marks and joiners as none', () => {
  for (const [text, width] of [
    ['chat.ts:14', 10],
    ['Zürich', 6],
    ['Zu\u0308rich', 6], // the same in two code points
    ['食堂', 4],
    ['한국', 4],
    ['👩‍👩‍👧‍👦', 2],
    ['🇩🇪', 2],
    ['\u200b', 0],
    ['…', 1],
  ] as const) {
    assert.equal(widthOf(text), width, text);
  }
});

test('fit() never takes more columns than it is given, and marks what it cut', () => {
  assert.equal(fit('chat.ts:14', 10), 'chat.ts:14');
  assert.equal(fit('chat.ts:14', 9), 'chat.ts:…');
  assert.equal(fit('食堂食堂', 7), '食堂食…');
  assert.equal(fit('食堂食堂', 6), '食堂…', 'half an ideograph does not fit');
  assert.equal(fit('abc', 0), '');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(30), (text, width) => {
      const shown = span(text).text;
      assert.ok(widthOf(fit(shown, width)) <= width);
      if (widthOf(shown) <= width && shown.length <= width) assert.equal(fit(shown, width), shown);
    }),
  );
});

test('fit() drops most of a thousand marks over one letter', () => {
  assert.ok(fit(`e${'\u0301'.repeat(1000)}x`, 10).length < 20);
});

test('fitMiddle() keeps both ends of an address', () => {
  assert.equal(fitMiddle('[2001:db8:85a3::8a2e:370:7334]:50412', 21), '[2001:db8…7334]:50412');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(30), (text, width) => {
      assert.ok(widthOf(fitMiddle(span(text).text, width)) <= width);
    }),
  );
});

test('fitLine() cuts a line of several pieces at the width', () => {
  const cut = fitLine([span('abc', 'strong'), span('def'), span('ghi')], 6);
  assert.equal(plainLine(cut), 'abcde…');
  assert.equal(widthOfLine(cut), 6);
  assert.equal(plainLine(fitLine([span('abc'), span('def')], 6)), 'abcdef');
});

test('pad() fills by columns, not by characters', () => {
  assert.equal(pad('食', 4), '食  ');
  assert.equal(pad('食', 4, 'right'), '  食');
});

test('wrap() breaks at blanks, cuts only words that fit nowhere, and loses nothing', () => {
  assert.deepEqual(wrap('the loop keeps up', 10), ['the loop', 'keeps up']);
  assert.deepEqual(wrap('abcdefghijkl mn', 5), ['abcde', 'fghij', 'kl mn']);
  assert.deepEqual(wrap('anything at all', undefined), ['anything at all']);
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 2, max: 30 }), (text, width) => {
      const shown = span(text).text;
      const lines = wrap(shown, width);
      for (const line of lines) assert.ok(widthOf(line) <= width, line);
      assert.equal(lines.join('').replaceAll(' ', ''), shown.replaceAll(' ', ''));
    }),
  );
});
