import assert from 'node:assert/strict';
import type { BlockRow } from '#src/inspect/protocol/index.js';
import { Strip } from '#src/inspect/worker/strip.js';
import { test } from '../../support/test.js';

const figures = {
  busy: 0.25,
  lag: { p50: 0.5, p99: 2 },
  reads: null,
  visits: 0,
  tasks: 3,
  connections: 2,
  ended: 0,
  servers: [],
  executors: [],
};

test('a point has what happened in its second, and what is not counted is null', () => {
  const strip = new Strip();
  strip.add({ ...figures, now: 1000, bytesIn: 100, bytesOut: 0 }, []);
  assert.deepEqual(strip.after(0), [], 'one figure is no second');
  const blocks = [
    { since: 0, ms: 900 },
    { since: 2500, ms: 120.4 },
  ] as BlockRow[];
  strip.add({ ...figures, now: 3000, bytesIn: 300, bytesOut: 50, visits: 20 }, blocks);
  assert.deepEqual(strip.after(0), [
    {
      at: 3000,
      busy: 0.25,
      lag50: 0.5,
      lag99: 2,
      connections: 2,
      reads: null,
      bytesIn: 100,
      bytesOut: 25,
      visits: 10,
      longestBlock: 120,
    },
  ]);
});

test('300 points are kept, and a viewer receives each once', () => {
  const strip = new Strip();
  for (let i = 0; i <= 1000; i++) strip.add({ ...figures, now: i * 1000, bytesIn: 0, bytesOut: 0 }, []);
  assert.equal(strip.after(0).length, 300);
  assert.equal(strip.after(0).at(-1)?.at, 1_000_000);
  const seen = strip.count;
  assert.deepEqual(strip.after(seen), []);
  strip.add({ ...figures, now: 1_001_000, bytesIn: 0, bytesOut: 0 }, []);
  assert.deepEqual(
    strip.after(seen).map(({ at }) => at),
    [1_001_000],
  );
});
