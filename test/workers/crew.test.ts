// The crew as a whole: what holds whatever happens to its workers, from seeds, and whoever is cancelled.
import assert from 'node:assert/strict';
import { callLater, createTask, InvalidStateError, loopTime, sleep } from 'maitre';
import { exploreCancellation, seededRandom } from 'maitre/testing';
import { fakeCrew, type FakeLeaf, ready } from '../support/fake-workers.js';
import { fakeTest, test } from '../support/test.js';

const SEEDS = Array.from({ length: 60 }, (_, i) => i + 1);
/** What one worker says of itself, in order. */
const LIFE = /^starting( failed)?( down)?( ready)?( draining| hung)?( down)? gone( down)?$/;

/** Runs a scenario for each seed, on a fake clock of its own, and names the seed of a failure. */
function forSeeds(name: string, body: (random: () => number) => Promise<void>): void {
  fakeTest(name, async () => {
    for (const seed of SEEDS) {
      try {
        await body(seededRandom(seed));
      } catch (error) {
        throw new Error(`with seed ${seed}`, { cause: error });
      }
    }
  });
}

forSeeds('while reloads and limits replace workers, there are never fewer than N that serve', async (random) => {
  const size = 1 + Math.floor(random() * 5);
  const crew = fakeCrew({ maxLifetime: 20_000, grace: 1000 }, (leaf) => {
    if (leaf.id <= size) return leaf.ready();
    const fate = random();
    callLater(random() * 400, () => {
      if (fate < 0.6) leaf.ready();
      else if (fate < 0.8) leaf.fail('broken');
      else leaf.gone(new Error('exit'));
    });
    leaf.drain = (order): void => {
      leaf.orders.push(order);
      if (random() < 0.8) callLater(random() * 1500, () => leaf.drained());
    };
  });
  const { supervisor, deck, leaves } = crew;
  await supervisor.start(size);
  let fewest = size;
  deck.onChange = (): void => {
    fewest = Math.min(fewest, deck.admitted.size);
    for (const id of deck.admitted)
      assert.equal(leaves.get(id).orders.length, 0, `worker ${id} drains, and is sent clients`);
  };
  for (let i = 0; i < 12; i++) {
    const reload = supervisor.reload();
    if (random() < 0.3) await sleep(random() * 300);
    else await reload;
    await sleep(random() * 4000);
  }
  assert.equal(fewest, size);
  deck.onChange = undefined;
  await crew.end();
});

forSeeds('whatever happens to workers, their number comes back, and every shutdown is bounded', async (random) => {
  const act = (leaf: FakeLeaf): void => {
    const fate = random();
    if (fate < 0.15) return; // it never says anything
    callLater(random() * 500, () => {
      if (fate < 0.3) leaf.fail('broken');
      else if (fate < 0.4) leaf.gone(new Error('exit'));
      else leaf.ready();
      if (fate > 0.85) callLater(random() * 3000, () => leaf.gone(new Error('crash')));
    });
    if (random() < 0.05) leaf.isUndead = true;
    leaf.drain = (order): void => {
      leaf.orders.push(order);
      if (random() < 0.7) callLater(random() * 1500, () => leaf.drained());
    };
  };
  const crew = fakeCrew({ readyTimeout: 1000, grace: 500, restarts: { limit: 3, within: 5000 } });
  const { supervisor, deck, leaves } = crew;
  await supervisor.start(3);
  leaves.onMake = act;
  deck.onChange = (): void => {
    for (const id of deck.admitted)
      assert.equal(leaves.get(id).orders.length, 0, `worker ${id} drains, and is sent clients`);
  };
  const calls: Promise<unknown>[] = [];
  for (let i = 0; i < 15; i++) {
    const what = random();
    if (what < 0.3) calls.push(supervisor.reload());
    else if (what < 0.5) calls.push(supervisor.scale(1 + Math.floor(random() * 5)).catch(() => undefined));
    else if (what < 0.8)
      [...leaves.made].filter((leaf) => !leaf.isGone)[Math.floor(random() * 6)]?.gone(new Error('killed'));
    else if (what < 0.9) createTask(() => supervisor.reload()).cancel();
    await sleep(random() * 1200);
  }
  if (random() < 0.5) {
    await Promise.all(calls);
    leaves.onMake = ready;
    await sleep(60_000);
    const { down } = supervisor.statistics();
    assert.equal(deck.admitted.size + down, supervisor.size, 'each place has a worker, or is down');
    assert.deepEqual(
      supervisor.workers
        .filter(({ state }) => state === 'ready')
        .map(({ id }) => id)
        .sort((a, b) => a - b),
      [...deck.admitted].sort((a, b) => a - b),
    );
    if (down > 0) {
      assert.equal((await supervisor.reload()).state, 'done');
      assert.equal(deck.admitted.size, supervisor.size);
    }
  }
  const began = loopTime();
  await supervisor.shutdown({ grace: 500 });
  assert.ok(loopTime() - began <= 500 + 5000 + 5000, `the shutdown took ${loopTime() - began} ms`);
  await Promise.all(calls.map((call) => call.catch(() => undefined)));
  assert.equal(supervisor.workers.length, 0);
  assert.equal(deck.admitted.size, 0);
  const lives = new Map<number, string[]>();
  for (const event of crew.events) {
    if (event.event !== 'worker') continue;
    lives.set(event.worker, [...(lives.get(event.worker) ?? []), event.state]);
  }
  for (const [id, states] of lives) assert.match(states.join(' '), LIFE, `worker ${id}`);
  assert.equal(lives.size, leaves.made.length);
});

test('whoever is cancelled, and whenever, a crew has its workers or has ended', async () => {
  await exploreCancellation(async (x) => {
    const crew = fakeCrew({ grace: 100 }, (leaf) => {
      leaf.drain = (order): void => {
        leaf.orders.push(order);
        callLater(10, () => leaf.drained());
      };
      callLater(5, () => leaf.ready());
    });
    const { supervisor, deck, leaves } = crew;
    const began = x.task('start', () => supervisor.start(2));
    await began.catch(() => undefined);
    if (began.cancelled()) {
      await x.settled();
      if (!supervisor.closed) await supervisor.shutdown(); // it had not begun
      assert.ok(leaves.made.every((leaf) => leaf.isGone));
      return;
    }
    // What comes after the end of `serve` or `end`, or is overtaken by it, finds a closed supervisor.
    const unlessClosed = (name: string, fn: () => Promise<unknown>): unknown =>
      x.task(name, async () => {
        try {
          await fn();
        } catch (error) {
          if (!(error instanceof InvalidStateError)) throw error;
        }
      });
    unlessClosed('reload', () => supervisor.reload());
    unlessClosed('reload again', () => supervisor.reload());
    unlessClosed('scale', () => supervisor.scale(3));
    unlessClosed('serve', () => supervisor.serveForever());
    unlessClosed('end', async () => {
      await sleep(30);
      await supervisor.shutdown();
    });
    await sleep(100);
    await supervisor.shutdown(); // `end` may have been cancelled
    await x.settled();
    assert.ok(leaves.made.every((leaf) => leaf.isGone));
    assert.equal(deck.admitted.size, 0);
  });
});
