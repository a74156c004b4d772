import assert from 'node:assert/strict';
import { FrozenRings } from '#src/introspect/index.js';
import { test } from '../support/test.js';
import { type Happening, process, simulate } from './simulated-ring.js';

const work = (count: number): Happening[] =>
  Array.from({ length: count }, (_, i) => ({ client: i, idle: 1000, ready: 0, work: 500, next: 0 }));

test('what came before a freeze stays, whatever the recorder writes after it', () => {
  const frozen = new FrozenRings();
  const { ring, notes, end } = simulate(2, work(10));
  const copy = frozen.freeze({ reason: 'block', at: end, what: '' }, ring.buffer, notes);
  for (let i = 0; i < ring.capacity; i++) ring.write(1, end + i, 0, 0, 0, 0, 0, 0, 0, 0);
  const recording = frozen.read(copy?.id ?? 0, { process });
  assert.deepEqual([recording?.reason, recording?.visits.length, recording?.to], ['block', 10, end]);
  assert.equal(frozen.read(7, { process }), undefined);
});

test('a second freeze for the same reason within ten seconds makes no copy, one for another reason does', () => {
  const frozen = new FrozenRings();
  const { ring, notes } = simulate(1, work(1));
  const freeze = (reason: 'block' | 'error', at: number): number | undefined =>
    frozen.freeze({ reason, at, what: '' }, ring.buffer, notes)?.id;
  assert.deepEqual(
    [freeze('block', 0), freeze('block', 9_999), freeze('error', 9_999), freeze('block', 10_000)],
    [1, undefined, 2, 3],
  );
  assert.equal(frozen.isDue('block', 10_001), false);
  assert.equal(frozen.isDue('request', 10_001), true);
});

test('at most four are kept, and the oldest of the reason that has most goes first', () => {
  const frozen = new FrozenRings();
  const { ring, notes } = simulate(1, work(1));
  frozen.freeze({ reason: 'block', at: 0, what: '' }, ring.buffer, notes);
  for (let i = 0; i < 6; i++) frozen.freeze({ reason: 'warning', at: i * 10_000, what: '' }, ring.buffer, notes);
  assert.deepEqual(
    frozen.all.map(({ reason, at }) => [reason, at]),
    [
      ['block', 0],
      ['warning', 30_000],
      ['warning', 40_000],
      ['warning', 50_000],
    ],
  );
});
