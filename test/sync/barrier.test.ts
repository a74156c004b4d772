import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Barrier, BrokenBarrierError, CancelledError, createTask, sleep, type Task } from 'maitre';
import { allTasksBlocked, exploreCancellation, runWithFakeClock } from 'maitre/testing';
import { fakeTest, test } from '../support/test.js';

fakeTest('wait ends when `parties` tasks wait, with their order of arrival', async () => {
  const barrier = new Barrier(3);
  assert.deepEqual([barrier.parties, barrier.nWaiting, barrier.broken], [3, 0, false]);
  const a = createTask(() => barrier.wait());
  const b = createTask(() => barrier.wait());
  await allTasksBlocked();
  assert.equal(barrier.nWaiting, 2);
  assert.deepEqual([await barrier.wait(), await a, await b], [2, 0, 1]);
  assert.equal(barrier.nWaiting, 0);
});

fakeTest('a barrier of one never waits', async () => {
  const barrier = new Barrier(1);
  assert.deepEqual([await barrier.wait(), await barrier.wait()], [0, 0]);
});

fakeTest('generations do not mix: who comes after the last one begins the next round', async () => {
  const barrier = new Barrier(2);
  const rounds: string[] = [];
  const tasks = ['a', 'b', 'c', 'd'].map((name) =>
    createTask(async () => {
      for (let round = 0; round < 3; round++) {
        const index = await barrier.wait();
        rounds.push(`${name}${index}`);
      }
    }),
  );
  for (const task of tasks) await task;
  assert.equal(rounds.length, 12);
  assert.equal(rounds.filter((each) => each.endsWith('0')).length, 6);
  assert.equal(barrier.nWaiting, 0);
});

fakeTest('a cancelled waiter leaves without breaking it, and indices stay unique', async () => {
  const barrier = new Barrier(3);
  const [a, b, c] = [0, 1, 2].map((id) => createTask(async () => (await sleep(id), await barrier.wait()))) as [
    Task<number>,
    Task<number>,
    Task<number>,
  ];
  await sleep(1.5);
  a.cancel();
  assert.equal(barrier.nWaiting, 1);
  await sleep(5);
  assert.ok(!b.done() && !c.done());
  assert.deepEqual([await barrier.wait(), await b, await c], [2, 0, 1]);
  assert.equal(barrier.broken, false);
});

fakeTest('one that is cancelled after the round was complete does not stop the others', async () => {
  const barrier = new Barrier(3);
  const a = createTask(() => barrier.wait());
  const b = createTask(() => barrier.wait());
  await allTasksBlocked();
  const last = barrier.wait();
  a.cancel();
  assert.deepEqual([await last, await b], [2, 1]);
  assert.ok(a.cancelled());
  assert.equal(barrier.nWaiting, 0);
});

fakeTest('reset sends those who wait away with BrokenBarrierError and begins anew', async () => {
  const barrier = new Barrier(2);
  const task = createTask(() => barrier.wait());
  await allTasksBlocked();
  barrier.reset();
  await assert.rejects(task.then(), {
    name: 'BrokenBarrierError',
    message: 'Waiting at the barrier ended: it was reset',
  });
  assert.equal(barrier.broken, false);
  const again = createTask(() => barrier.wait());
  await allTasksBlocked();
  assert.deepEqual([await barrier.wait(), await again], [1, 0]);
});

fakeTest('abort breaks it for those who wait and all who come, until reset', async () => {
  const barrier = new Barrier(2);
  const task = createTask(() => barrier.wait());
  await allTasksBlocked();
  barrier.abort();
  assert.equal(barrier.broken, true);
  await assert.rejects(task.then(), { message: 'Waiting at the barrier ended: it was aborted' });
  await assert.rejects(barrier.wait(), {
    name: 'BrokenBarrierError',
    message: 'Cannot wait: the barrier is broken, reset() mends it',
  });
  barrier.reset();
  const again = createTask(() => barrier.wait());
  await allTasksBlocked();
  await barrier.wait();
  assert.equal(await again, 0);
});

fakeTest('a barrier needs an integer >= 1', () => {
  for (const parties of [0, -1, 1.5, NaN]) {
    assert.throws(() => new Barrier(parties), {
      name: 'RangeError',
      message: `Cannot create barrier: parties must be an integer >= 1, got ${parties}`,
    });
  }
  assert.throws(() => new Barrier('3' as never), TypeError);
});

fakeTest('wait is a cancellation point also for the last one', async () => {
  const barrier = new Barrier(1);
  await assert.rejects(barrier.wait({ signal: AbortSignal.abort() }), CancelledError);
});

fakeTest('statistics and the text tell how many wait', async () => {
  const barrier = new Barrier(3);
  const task = createTask(() => barrier.wait());
  await allTasksBlocked();
  assert.deepEqual(barrier.statistics(), { parties: 3, waiting: 1, broken: false });
  assert.equal(String(barrier), '<Barrier 3 parties, 1 waiting, not broken>');
  barrier.abort();
  assert.equal(String(barrier), '<Barrier 3 parties, 0 waiting, broken>');
  await assert.rejects(task.then(), BrokenBarrierError);
});

test('Barrier passes exploreCancellation: nobody is stuck once as many as needed come', async () => {
  const points = await exploreCancellation(
    async (x) => {
      const barrier = new Barrier(3);
      const indices: number[] = [];
      for (const name of ['a', 'b', 'c']) {
        x.task(name, async () => {
          indices.push(await barrier.wait());
          await sleep(1);
        });
      }
      await sleep(5);
      // Whoever was cancelled before the round was complete is replaced.
      while (barrier.nWaiting > 0) indices.push(await barrier.wait());
      await x.settled();
      assert.equal(barrier.nWaiting, 0);
      assert.equal(new Set(indices).size, indices.length);
    },
    { seeds: [1, 2] },
  );
  assert.ok(points >= 25);
});

test('Barrier does what a model does: rounds of `parties`, in the order of those who stayed', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant('come' as const) },
    { weight: 2, arbitrary: fc.nat(9) },
    { weight: 1, arbitrary: fc.constantFrom('reset' as const, 'abort' as const) },
  );
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 4 }),
    fc.array(step, { maxLength: 30 }),
    (parties, steps) =>
      runWithFakeClock(async () => {
        const barrier = new Barrier(parties);
        const tasks: Task<number | 'broken'>[] = [];
        const expected: (number | 'cancelled' | 'broken')[] = [];
        let waiting: number[] = [];
        let broken = false;
        const end = (what: 'broken'): void => {
          for (const id of waiting) expected[id] = what;
          waiting = [];
        };
        for (const each of steps) {
          if (each === 'come') {
            const id = tasks.length;
            tasks.push(createTask(() => barrier.wait().catch(brokenOrThrow)));
            if (broken) expected[id] = 'broken';
            else waiting.push(id);
            if (waiting.length === parties) {
              for (const [index, who] of waiting.entries()) expected[who] = index;
              waiting = [];
            }
          } else if (each === 'reset') {
            barrier.reset();
            end('broken');
            broken = false;
          } else if (each === 'abort') {
            barrier.abort();
            end('broken');
            broken = true;
          } else if (waiting.includes(each)) {
            tasks[each]?.cancel();
            waiting = waiting.filter((id) => id !== each);
            expected[each] = 'cancelled';
          }
          await allTasksBlocked();
          assert.equal(barrier.nWaiting, waiting.length);
        }
        barrier.abort();
        end('broken');
        for (const [id, task] of tasks.entries()) {
          await task.catch(() => undefined);
          assert.equal(task.cancelled() ? 'cancelled' : task.result(), expected[id]);
        }
      }),
  );
  await fc.assert(property, { numRuns: 50 });
});

function brokenOrThrow(error: unknown): 'broken' {
  if (error instanceof BrokenBarrierError) return 'broken';
  throw error;
}
