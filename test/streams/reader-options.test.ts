import assert from 'node:assert/strict';
import { checkLimit, endOverrun, overrun } from '#src/streams/reader-options.js';
import { test } from '../support/test.js';

test('a limit is a number of bytes above 0, or Infinity', () => {
  for (const limit of [1, 0.5, 65_536, Infinity]) assert.equal(checkLimit(limit), limit);
  for (const limit of [0, -1, NaN]) assert.throws(() => checkLimit(limit), RangeError);
  for (const limit of ['1', null, {}] as unknown[] as number[]) assert.throws(() => checkLimit(limit), TypeError);
  assert.throws(() => checkLimit(0, 'readLimit'), /the reader's readLimit: expected a number of bytes > 0, got 0/);
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
