import assert from 'node:assert/strict';
import { packSample, unpackSample } from '#src/inspect/worker/rooms/packed-sample.js';
import { test } from '../../../support/test.js';
import { sampleOf } from '../../samples.js';

test('a sample is the same after it has passed as JSON', () => {
  const sample = sampleOf(
    [
      { id: 7, since: 1.5 },
      { id: 8, since: 0, ball: 3 },
    ],
    new Map(),
    { fresh: true },
  );
  const passed = unpackSample(JSON.parse(JSON.stringify(packSample(sample))) as ReturnType<typeof packSample>);
  assert.deepEqual(passed, sample);
});
