import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { escapeControl, escapeJson, escapeLines, quote } from '#src/base/index.js';
import { test } from '../support/test.js';

/**
 * What a terminal or a reader of logs acts on, by its category in Unicode, and what nobody sees: Cc,
 * Zl, Zp, and of Cf and Mn what has no shape. Arabic number signs have one, and two joiners are needed.
 */
const active =
  /[\p{Cc}\p{Zl}\p{Zp}\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}]/u;

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
  assert.equal(escapeControl('a\u200bb\ufeff\u061c\u{e0041}'), 'a\\u200bb\\ufeff\\u061c\\u{e0041}');
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

test('escapeJson shows everything, and changes no value', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const json = escapeJson(JSON.stringify({ text }));
      assert.doesNotMatch(json, active);
      assert.deepEqual(JSON.parse(json), { text });
    }),
  );
  assert.equal(escapeJson('"\u{e0041}\x9b"'), String.raw`"\udb40\udc41\u009b"`);
});
