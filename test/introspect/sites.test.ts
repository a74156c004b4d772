import assert from 'node:assert/strict';
import { createTask, Event, sleep, type Task } from 'maitre';
import { addInstrument, waitsOf } from 'maitre/lowlevel';
import { SiteRecording } from '#src/introspect/sites.js';
import { nextTurn, test } from '../support/test.js';

/** How many of so many waits record their site. */
async function recorded(count: number): Promise<number> {
  const tasks = Array.from({ length: count }, () => createTask(() => sleep(Infinity), { eager: true }));
  const sites = tasks.filter((task) => waitsOf(task)[0]?.site !== undefined).length;
  for (const task of tasks) task.cancel();
  await nextTurn();
  return sites;
}

test('sites are recorded as often as the one that wants most of them wants, and not at all without one', async () => {
  assert.equal(await recorded(128), 0);
  {
    using few = new SiteRecording(1000);
    assert.equal(await recorded(128), 128, 'as long as the number of waits is not known');
    few.adapt(64_000, 1000);
    const some = await recorded(3200);
    assert.ok(some > 30 && some < 75, String(some));
    {
      using _every = new SiteRecording();
      assert.equal(await recorded(10), 10);
    }
    assert.ok((await recorded(100)) < 20);
  }
  assert.equal(await recorded(128), 0);
});

test('a part of the waits is drawn by lot: a program whose waits alternate shows all of them', async () => {
  using sites = new SiteRecording(1000);
  sites.adapt(8000, 1000); // one in eight
  assert.equal(sites.every, 8);
  const seen = new Set<string>();
  using _ = addInstrument({
    waitBegun({ kind, site }) {
      if (site !== undefined) seen.add(kind);
    },
  });
  const events = new Event();
  const tasks: Task<unknown>[] = [];
  for (let i = 0; i < 800; i++) {
    const [even, odd] = [
      createTask(() => sleep(Infinity), { eager: true }),
      createTask(() => events.wait(), { eager: true }),
    ];
    tasks.push(even, odd);
  }
  assert.deepEqual(seen, new Set(['sleep', 'event.wait']));
  for (const task of tasks) task.cancel();
  await nextTurn();
});

test('with many waits a second fewer sites are recorded, so that their cost is bounded', () => {
  using sites = new SiteRecording();
  using few = new SiteRecording(250);
  const every = (waits: number, ms: number): readonly number[] => {
    for (const each of [sites, few]) each.adapt(waits, ms);
    return [sites.every, few.every];
  };
  assert.deepEqual(every(1000, 1000), [1, 4]);
  assert.deepEqual(every(50_000, 1000), [50, 64]);
  assert.deepEqual(every(10_000_000, 1000), [64, 64]);
  assert.deepEqual(every(0, 0), [57, 57], 'back by a tenth at a time');
  for (let i = 0; i < 100; i++) every(0, 0);
  assert.deepEqual(every(0, 0), [1, 1]);
});
