import assert from 'node:assert/strict';
import { loopTime } from 'maitre';
import { checkMs } from 'maitre/lowlevel';
import { FakeClock } from 'maitre/testing';
import { test } from '../support/test.js';

test('loopTime never goes back, and a FakeClock stands in for it until disposed', async () => {
  const before = loopTime();
  {
    using clock = new FakeClock();
    assert.equal(loopTime(), 0);
    await clock.advance(1234.5);
    assert.equal(loopTime(), 1234.5);
  }
  assert.ok(loopTime() >= before);
});

test('checkMs takes numbers of milliseconds, Infinity included, and tells a wrong type from a wrong value', () => {
  for (const ms of [0, -1, 0.5, Infinity]) assert.equal(checkMs(ms, 'wait'), ms);
  assert.throws(() => checkMs(NaN, 'wait'), {
    name: 'RangeError',
    message: /^Cannot wait: expected a number of milliseconds, got NaN/,
  });
  assert.throws(() => checkMs('5' as never, 'wait'), { name: 'TypeError', message: /got "5"/ });
});
