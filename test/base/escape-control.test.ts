import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { escapeControl, escapeLines, quote } from '#src/base/index.js';
import { test } from '../support/test.js';

/** What a terminal or a reader of logs acts on, by its category in Unicode: Cc, Zl, Zp and the overrides of direction. */
const active = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;

const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.constantFrom('\n', '\r', '\t', '\0', '\x1b[2J', '\x7f', '\x9b31m', '\u2028', '\u202e', 'a', ' ', '\\'))
    .map((parts) => parts.join('')),
);

test('escapeControl leaves no control character, on one line, and touches nothing else', () => {
  fc.assert(fc.property(texts, (text) => assert.doesNotMatch(escapeControl(text), active)));
  fc.assert(
    fc.property(texts, (text) => {
      const plain = [...text].filter((character) => !active.test(character)).join('');
      assert.equal(escapeControl(plain), plain);
    }),
  );
});

test('escapeControl names what it escapes', () => {
  assert.equal(
    escapeControl('a\nb\r\tc\0\x1b[31m\x7f\x9b\u2028\u202e'),
    'a\\nb\\r\\tc\\x00\\x1b[31m\\x7f\\x9b\\u2028\\u202e',
  );
  assert.equal(escapeControl('Grüße, 山, 👩‍👩‍👧, \\n'), 'Grüße, 山, 👩‍👩‍👧, \\n');
});

test('escapeLines keeps lines, and lets none but the first begin where a line of its own would', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const [, ...rest] = escapeLines(text).split('\n');
      assert.equal(rest.length, text.split('\n').length - 1);
      for (const line of rest) assert.match(line, /^(?: |$)/);
      assert.doesNotMatch(escapeLines(text).replaceAll('\n', ''), active);
    }),
  );
  const stack = 'Error: soup\r\nmaitre: all is well\n    at cook (kitchen.js:1:1)\n}';
  assert.equal(escapeLines(stack), 'Error: soup\\r\n  maitre: all is well\n    at cook (kitchen.js:1:1)\n  }');
});

test('quote is JSON without control characters', () => {
  fc.assert(fc.property(texts, (text) => assert.doesNotMatch(quote(text), active)));
  assert.equal(quote('a"\n\x9b'), '"a\\"\\n\\x9b"');
});
