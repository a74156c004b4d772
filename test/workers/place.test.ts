// Workers that crash, hang or reach a limit, and those that come after them: on workers that are not real, on a fake clock.
import assert from 'node:assert/strict';
import { loopTime, sleep } from 'maitre';
import { fakeCrew, type FakeLeaf } from '../support/fake-workers.js';
import { fakeTest } from '../support/test.js';

const crash = new Error('crash');

fakeTest('a worker that crashes is replaced at once, with its clients counted', async () => {
  const { supervisor, leaves, deck, events, log, end } = fakeCrew();
  await supervisor.start(2);
  log();
  deck.clients.set(1, 4);
  leaves.get(1).gone(crash);
  await sleep(1);
  assert.deepEqual(log(), ['1 gone crashed', '3 starting', '3 ready']);
  const gone = events.find((event) => event.event === 'worker' && event.state === 'gone');
  assert.equal(gone?.event === 'worker' && gone.clients, 4);
  assert.deepEqual([...deck.admitted], [2, 3]);
  assert.equal(supervisor.workers[0]?.place, 1);
  await end();
});

fakeTest('a worker that crashes again and again is replaced after growing pauses, 5 times, and then not', async () => {
  const { supervisor, leaves, log, end } = fakeCrew();
  await supervisor.start(1);
  const times: number[] = [];
  leaves.onMake = (leaf: FakeLeaf): void => {
    times.push(loopTime());
    leaf.ready();
    leaf.gone(crash);
  };
  const began = loopTime();
  leaves.get(1).gone(crash);
  await sleep(59_000);
  const pauses = times.map((time, i) => time - (times[i - 1] ?? began));
  assert.equal(pauses.length, 5);
  assert.equal(pauses[0], 0);
  for (const [i, base] of [250, 500, 1000, 2000].entries()) {
    const pause = pauses[i + 1] ?? 0;
    assert.ok(pause >= base * 0.75 && pause <= base * 1.25, `pause ${i + 1} is ${pause}`);
  }
  assert.equal(log().at(-1), '6 down');
  assert.equal(supervisor.statistics().down, 1);
  await sleep(1_000_000);
  assert.equal(leaves.made.length, 6);
  await end();
});

for (const what of ['reload', 'scale'] as const) {
  fakeTest(`a place that is down is tried again by a ${what}`, async () => {
    const { supervisor, leaves, deck, end } = fakeCrew({ restarts: { limit: 0 } });
    await supervisor.start(2);
    leaves.get(1).gone(crash);
    await sleep(1000);
    assert.equal(supervisor.statistics().down, 1);
    if (what === 'reload') await supervisor.reload();
    else await supervisor.scale(2);
    assert.equal(supervisor.statistics().down, 0);
    assert.equal(deck.admitted.size, 2);
    await end();
  });
}

fakeTest('a place that is down stays so when a scale fails there', async () => {
  const { supervisor, leaves, end } = fakeCrew({ restarts: { limit: 0 } });
  await supervisor.start(2);
  leaves.get(1).gone(crash);
  leaves.onMake = (leaf: FakeLeaf): void => leaf.fail('still broken');
  await sleep(1000);
  await assert.rejects(supervisor.scale(2), { message: /still broken/ });
  await sleep(100_000);
  assert.deepEqual([leaves.made.length, supervisor.statistics().down, supervisor.size], [3, 1, 2]);
  await end();
});

fakeTest('a replacement that fails to start counts, and the next comes later', async () => {
  const { supervisor, leaves, log, end } = fakeCrew({ restarts: { limit: 3 } });
  await supervisor.start(1);
  log();
  leaves.onMake = (leaf: FakeLeaf): void => leaf.fail('broken');
  leaves.get(1).gone(crash);
  await sleep(50_000);
  assert.deepEqual(
    log().filter((line) => !line.includes('starting')),
    ['1 gone crashed', '2 failed', '2 gone failed', '3 failed', '3 gone failed', '4 failed', '4 down', '4 gone failed'],
  );
  await end();
});

fakeTest('crashes that are long ago do not count', async () => {
  const { supervisor, leaves, end, deck } = fakeCrew({ restarts: { limit: 2, within: 1000 } });
  await supervisor.start(1);
  for (let i = 1; i <= 10; i++) {
    leaves.get(i).gone(crash);
    await sleep(700);
    assert.deepEqual([...deck.admitted], [i + 1], `after crash ${i}`);
  }
  await end();
});

fakeTest('a worker whose pulse stops for killTimeout is killed and replaced', async () => {
  const { supervisor, leaves, deck, log, end } = fakeCrew({ killTimeout: 5000 });
  await supervisor.start(2);
  log();
  deck.clients.set(1, 2);
  for (let i = 0; i < 5; i++) {
    await sleep(1000);
    leaves.get(2).pulse();
  }
  await sleep(500);
  assert.deepEqual(log(), ['1 hung', '3 starting', '1 gone hung', '3 ready']);
  assert.deepEqual(leaves.get(1).told, ['kill']);
  assert.deepEqual([...deck.admitted], [2, 3]);
  await end();
});

fakeTest('a worker whose pulse is late receives no clients until it comes', async () => {
  const { supervisor, leaves, deck, end } = fakeCrew({ killTimeout: 10_000 });
  await supervisor.start(2);
  for (let i = 0; i < 3; i++) {
    leaves.get(2).pulse();
    await sleep(1001);
  }
  assert.deepEqual([...deck.admitted], [2]);
  leaves.get(1).pulse();
  assert.deepEqual([...deck.admitted], [2, 1]);
  await end();
});

fakeTest('a worker whose pulse is late, and that drains, receives no clients when it comes', async () => {
  const { supervisor, leaves, deck, end } = fakeCrew({ killTimeout: 10_000 });
  await supervisor.start(1);
  await sleep(3500);
  await supervisor.reload();
  leaves.get(1).pulse();
  assert.deepEqual([...deck.admitted], [2]);
  await end();
});

fakeTest('a worker that hangs while it drains is killed at its bound', async () => {
  const { supervisor, leaves, log, end } = fakeCrew({ grace: 1000 });
  await supervisor.start(1);
  await supervisor.reload();
  log();
  await sleep(5999);
  assert.deepEqual(log(), []);
  await sleep(2);
  assert.deepEqual(log(), ['1 gone killed']);
  assert.deepEqual(leaves.get(1).told, ['drain', 'kill']);
  await end();
});

fakeTest('a worker is replaced after maxLifetime, before it drains, and not all at the same time', async () => {
  const { supervisor, leaves, log, end } = fakeCrew({ maxLifetime: 100_000 });
  await supervisor.start(3);
  log();
  await sleep(89_000);
  assert.deepEqual(log(), []);
  await sleep(12_000);
  const lines = log();
  assert.equal(lines.length, 9);
  for (let i = 0; i < 3; i++) {
    const [first, second, third] = lines.slice(i * 3, i * 3 + 3);
    assert.match(`${first}, ${second}, ${third}`, /^(\d) starting, \1 ready, \d draining$/);
  }
  assert.deepEqual(leaves.made.length, 6);
  await end();
});

fakeTest(
  'a worker above maxMemory is replaced; one whose replacement fails serves on, and is tried later',
  async () => {
    const { supervisor, leaves, deck, end } = fakeCrew({ maxMemory: 1000 });
    await supervisor.start(2);
    leaves.onMake = (leaf: FakeLeaf): void => leaf.fail('broken');
    leaves.get(1).pulse(899);
    leaves.get(2).pulse(1000);
    await sleep(3000);
    assert.equal(leaves.made.length, 3);
    assert.deepEqual([...deck.admitted], [1, 2]);
    leaves.onMake = (leaf: FakeLeaf): void => leaf.ready();
    await sleep(5000);
    assert.deepEqual([...deck.admitted], [1, 4]);
    await end();
  },
);

fakeTest('workers that are above maxMemory from their start are replaced less and less often', async () => {
  const { supervisor, leaves, events, end } = fakeCrew({ maxMemory: 1000 }, (leaf) => {
    leaf.ready();
    leaf.pulse(5_000_000);
  });
  await supervisor.start(1);
  await sleep(1000);
  assert.equal(leaves.made.length, 2);
  assert.deepEqual(
    events.flatMap((event) => (event.event === 'worker' && event.state === 'starting' ? [event.reason] : [])),
    ['start', 'the one before it had 5 MiB of memory less than a minute after its start: the limit may be too low'],
  );
  await sleep(5000 + 10_000 + 20_000 + 10_000);
  assert.equal(leaves.made.length, 5);
  await end();
});

fakeTest('while the supervisor itself stood still, no worker counts as silent', async (clock) => {
  const { supervisor, leaves, deck, end } = fakeCrew({ killTimeout: 5000 });
  await supervisor.start(2);
  await sleep(500);
  clock.elapse(60_000); // what blocks its loop
  await sleep(1500); // and the pulses that were on their way come late
  assert.deepEqual([...deck.admitted], [1, 2]);
  for (const leaf of leaves.made) leaf.pulse();
  await sleep(4900);
  assert.equal(leaves.made.length, 2);
  await end();
});
