import assert from 'node:assert/strict';
import type { Job } from '#src/executors/job.js';
import { JobQueue } from '#src/executors/job-queue.js';
import { test } from '../support/test.js';

test('jobs that were taken back from several workers come first, in the order of their calls', () => {
  const queue = new JobQueue();
  const job = (number: number): Job => ({ number }) as Job; // all that the queue looks at
  queue.add(job(6));
  for (const number of [3, 5, 4]) queue.putBack(job(number)); // of two workers
  assert.deepEqual(
    [...queue].map(({ number }) => number),
    [3, 4, 5, 6],
  );
  assert.equal(queue.first?.number, 3);
});
