import assert from 'node:assert/strict';
import { seededRandom } from 'maitre/testing';
import { test } from '../support/test.js';

function take(seed: number, count: number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => random());
}

test('a seed repeats its numbers, another one gives others', () => {
  assert.deepEqual(take(42, 10), take(42, 10));
  assert.notDeepEqual(take(42, 10), take(43, 10));
});

test('the numbers are from 0 to below 1, and evenly spread', () => {
  const buckets = Array.from({ length: 10 }, () => 0);
  for (const x of take(7, 10_000)) {
    assert.ok(x >= 0 && x < 1);
    const bucket = Math.floor(x * 10);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  for (const count of buckets) assert.ok(count > 850 && count < 1150, buckets.join());
});

test('a seed is a finite number', () => {
  for (const seed of [NaN, Infinity]) assert.throws(() => seededRandom(seed), RangeError);
  assert.throws(() => seededRandom('7' as never), {
    name: 'TypeError',
    message: 'Cannot make random numbers: seed must be a finite number, got "7"',
  });
});
