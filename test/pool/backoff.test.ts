import assert from 'node:assert/strict';
import { sleep } from 'maitre';
import { Backoff } from '#src/pool/backoff.js';
import { fakeTest } from '../support/test.js';
import { withSeed } from './numbered.js';

fakeTest('pauses double up to the longest, half of each at random', async (clock) => {
  using _ = withSeed(3);
  const woken: number[] = [];
  const backoff = new Backoff(100, 1000, () => woken.push(clock.now()));
  const pauses: number[] = [];
  for (const most of [100, 200, 400, 800, 1000, 1000]) {
    const from = clock.now();
    assert.ok(backoff.allows(0));
    assert.equal(backoff.failed(backoff.failures, new Error('no')), most === 100);
    assert.equal(backoff.allows(0), false);
    await sleep(most);
    const pause = (woken.at(-1) ?? NaN) - from;
    assert.ok(pause >= most / 2 && pause <= most, `${pause} of ${most}`);
    pauses.push(pause / most);
  }
  assert.equal(woken.length, 6);
  assert.equal(new Set(pauses).size, 6);
});

fakeTest('attempts that failed together count as one, and while they fail one is made at a time', async () => {
  const backoff = new Backoff(10, 10, () => undefined);
  assert.deepEqual([backoff.failed(0, 1), backoff.failed(0, 2), backoff.failures, backoff.error], [true, false, 1, 2]);
  await sleep(10);
  assert.deepEqual([backoff.allows(0), backoff.allows(1)], [true, false]);
  assert.equal(backoff.failed(0, 3), false); // a straggler of the first round
  assert.deepEqual([backoff.failures, backoff.allows(0)], [1, true]);
  backoff.succeeded();
  assert.deepEqual([backoff.failures, backoff.error, backoff.allows(7)], [0, undefined, true]);
});

fakeTest('a success during a pause ends it', async () => {
  const backoff = new Backoff(1000, 1000, () => assert.fail());
  backoff.failed(0, new Error('no'));
  backoff.succeeded();
  assert.ok(backoff.allows(3));
  await sleep(2000); // it would be reported that the pause ended
});

fakeTest('a pause stays finite after any number of failures', async (clock) => {
  const backoff = new Backoff(1, 50, () => undefined);
  for (let i = 0; i < 2000; i++) {
    backoff.failed(backoff.failures, i);
    await sleep(50);
  }
  assert.equal(clock.now(), 100_000);
});
