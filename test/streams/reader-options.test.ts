import assert from 'node:assert/strict';
import { StreamReader } from 'maitre';
import { endOverrun, limitOf, overrun } from '#src/streams/reader-options.js';
import { test } from '../support/test.js';

test('a limit is a number of bytes above 0, or Infinity', () => {
  for (const limit of [1, 0.5, 65_536, Infinity]) assert.equal(limitOf({ limit }, 7), limit);
  for (const limit of [0, -1, NaN]) assert.throws(() => limitOf({ limit }, 7), RangeError);
  for (const limit of ['1', null, {}] as unknown[] as number[]) assert.throws(() => limitOf({ limit }, 7), TypeError);
  assert.throws(() => limitOf({ limit: 0 }, 7), /Cannot read: limit must be a number of bytes > 0, got 0/);
  for (const options of [undefined, {}, { limit: undefined }]) assert.equal(limitOf(options, 7), 7);
});

test('a reader is made with options that are known and numbers of bytes', () => {
  const make = (options: object) => () => new StreamReader(options);
  make({ limit: Infinity, readLimit: Infinity, pauseAbove: 0 })();
  for (const name of ['limit', 'readLimit', 'pauseAbove']) {
    make({ [name]: undefined })();
    const message = new RegExp(`^Cannot make a reader: ${name} must be a number of bytes >=? 0, got`);
    for (const value of [-1, NaN]) assert.throws(make({ [name]: value }), { name: 'RangeError', message });
    for (const value of ['1', null, 1n]) assert.throws(make({ [name]: value }), { name: 'TypeError', message });
  }
  assert.throws(make({ limits: 1 }), new TypeError('Cannot make a reader: unknown option "limits"'));
});

test('the errors say how much came, what the limit is, what became of it, and how to allow more', () => {
  assert.match(
    overrun(true, true, 9, 8).message,
    /line: .* after 9 bytes, the limit is 8; it was dropped.*\{ limit: BYTES \}/,
  );
  assert.match(overrun(false, false, 9, 8).message, /record: no separator .* 9 bytes.* 8; nothing was read/);
  assert.match(
    endOverrun(9, 8).message,
    /9 bytes came before it, readLimit is 8; nothing was read.*\{ readLimit: BYTES \}/,
  );
  for (const error of [overrun(true, true, 9, 8), endOverrun(9, 8)]) assert.equal(error.consumed, 9);
});
