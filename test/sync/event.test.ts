import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { CancelledError, createTask, Event, sleep, timeout, TimeoutError } from 'maitre';
import { allTasksBlocked, exploreCancellation, runWithFakeClock } from 'maitre/testing';
import { fakeTest, test } from '../support/test.js';

fakeTest('an event is not set at first; set and clear change that', () => {
  const event = new Event();
  assert.equal(event.isSet(), false);
  event.set();
  event.set();
  assert.equal(event.isSet(), true);
  event.clear();
  event.clear();
  assert.equal(event.isSet(), false);
});

fakeTest('set wakes all who wait, in order, with true', async () => {
  const event = new Event();
  const order: number[] = [];
  const tasks = [0, 1, 2].map((id) =>
    createTask(async () => {
      assert.equal(await event.wait(), true);
      order.push(id);
    }),
  );
  await allTasksBlocked();
  assert.deepEqual(event.statistics(), { set: false, waiting: 3 });
  event.set();
  for (const task of tasks) await task;
  assert.deepEqual(order, [0, 1, 2]);
});

fakeTest('wait of a set event is over at once', async () => {
  const event = new Event();
  event.set();
  assert.equal(await event.wait(), true);
  assert.deepEqual(event.statistics(), { set: true, waiting: 0 });
});

fakeTest('who was woken goes on even if clear follows at once, who comes then waits', async () => {
  const event = new Event();
  const first = createTask(() => event.wait());
  await allTasksBlocked();
  event.set();
  event.clear();
  const second = createTask(() => event.wait());
  assert.equal(await first, true);
  await allTasksBlocked();
  assert.equal(second.done(), false);
  second.cancel();
});

fakeTest('a cancelled waiter leaves; wait is a cancellation point also of a set event', async () => {
  const event = new Event();
  const task = createTask(() => event.wait());
  await allTasksBlocked();
  task.cancel();
  assert.equal(event.statistics().waiting, 0);
  await assert.rejects(task.then(), CancelledError);
  event.set();
  await assert.rejects(event.wait({ signal: AbortSignal.abort() }), CancelledError);
});

fakeTest('the text says whether it is set and how many wait', async () => {
  const event = new Event();
  const task = createTask(() => event.wait());
  await allTasksBlocked();
  assert.equal(String(event), '<Event not set, 1 waiting>');
  event.set();
  assert.equal(String(event), '<Event set, 0 waiting>');
  await task;
});

test('Event passes exploreCancellation', async () => {
  const points = await exploreCancellation(
    async (x) => {
      const event = new Event();
      for (const name of ['a', 'b', 'c']) x.task(name, () => event.wait());
      x.task('setter', async () => {
        await sleep(5);
        event.set();
        event.clear();
      });
      x.task('late', async () => {
        await sleep(10);
        event.set();
      });
      await sleep(20);
      event.set();
      await x.settled();
      assert.equal(event.statistics().waiting, 0);
    },
    { seeds: [1, 2], cancels: 2 },
  );
  assert.ok(points > 100);
});

test('Event does what a model does: a wait ends with the first set after it began', async () => {
  const ms = fc.integer({ min: 0, max: 20 });
  const property = fc.asyncProperty(
    fc.array(fc.record({ from: ms, patience: ms }), { maxLength: 8 }),
    fc.array(fc.record({ at: ms, set: fc.boolean() }), { maxLength: 8 }),
    async (waiters, changes) => {
      await runWithFakeClock(async (clock) => {
        const event = new Event();
        // Odd and even times, so that a change and a wait never fall together.
        const history = changes.map(({ at, set }) => ({ at: 4 * at, set })).sort((a, b) => a.at - b.at);
        const changer = createTask(async () => {
          for (const { at, set } of history) {
            await sleep(at - clock.now());
            if (set) event.set();
            else event.clear();
          }
        });
        const tasks = waiters.map(({ from, patience }) =>
          createTask(async () => {
            await sleep(4 * from + 1);
            const until = clock.now() + 4 * patience + 2;
            const before = history.filter(({ at }) => at < clock.now()).at(-1)?.set === true;
            const next = history.find(({ at, set }) => set && at > clock.now() && at < until)?.at;
            const expected = before ? clock.now() : (next ?? 'too late');
            const actual = await timeout(until - clock.now(), async () => {
              await event.wait();
              return clock.now();
            }).catch((error: unknown) => (error instanceof TimeoutError ? 'too late' : error));
            assert.equal(actual, expected);
          }),
        );
        for (const task of [changer, ...tasks]) await task;
        assert.equal(event.statistics().waiting, 0);
      });
    },
  );
  await fc.assert(property, { numRuns: 50 });
});
