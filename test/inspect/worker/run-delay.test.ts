import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { runDelay } from '#src/inspect/worker/run-delay.js';
import { isDeno } from '../../net/sockets.js';
import { test } from '../../support/test.js';

const counted = existsSync('/proc/self/schedstat') ? false : 'this system does not count it';
const skip = isDeno ? 'on Deno a worker is online only when its script has ended' : counted;

test(
  'runDelay() grows while more threads want to run than there are processors',
  async () => {
    const count = 2 * availableParallelism() + 1;
    const heavy = 'const end = performance.now() + 400; while (performance.now() < end);';
    const workers = Array.from({ length: count }, () => new Worker(heavy, { eval: true }));
    await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('online', resolve))));
    const before = runDelay() ?? 0;
    const end = performance.now() + 300;
    while (performance.now() < end);
    const waited = (runDelay() ?? 0) - before;
    await Promise.all(workers.map((worker) => worker.terminate()));
    assert.ok(waited > 0, `${waited} ms`);
    assert.ok(waited < performance.now());
  },
  { skip },
);

test('runDelay() of a process that is not there is unknown', () => {
  assert.equal(runDelay(2 ** 30), undefined);
});
