import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { CancelledError, CapacityLimiter, createTask, sleep, type Task } from 'maitre';
import { allTasksBlocked, exploreCancellation, runWithFakeClock } from 'maitre/testing';
import { fakeTest, test } from '../support/test.js';
import { checkHolders } from './holders-model.js';

function borrower(limiter: CapacityLimiter, order: string[], name: string, ms = 10): Task<void> {
  return createTask(
    async () => {
      using _ = await limiter.acquire();
      order.push(name);
      await sleep(ms);
    },
    { name },
  );
}

fakeTest('at most `total` borrow at a time, in the order of asking', async (clock) => {
  const limiter = new CapacityLimiter(2);
  const order: string[] = [];
  const tasks = ['a', 'b', 'c', 'd', 'e'].map((name) => borrower(limiter, order, name));
  await allTasksBlocked();
  assert.deepEqual([limiter.total, limiter.borrowed, limiter.statistics().waiting], [2, 2, 3]);
  for (const task of tasks) await task;
  assert.equal(clock.now(), 30);
  assert.deepEqual(order, ['a', 'b', 'c', 'd', 'e']);
  assert.equal(limiter.borrowed, 0);
});

fakeTest('it knows who borrowed, and for how long', async () => {
  const limiter = new CapacityLimiter(3);
  const task = borrower(limiter, [], 'cook', 50);
  const table = {};
  await sleep(20);
  using _ = await limiter.acquire({ borrower: table });
  await sleep(5);
  assert.deepEqual(limiter.statistics(), {
    total: 3,
    borrowed: 2,
    borrowings: [
      { borrower: task, heldFor: 25 },
      { borrower: table, heldFor: 5 },
    ],
    waiting: 0,
  });
  assert.equal(String(limiter), '<CapacityLimiter 3 total, 2 borrowed, 0 waiting>');
  await task;
});

fakeTest('a borrower borrows one permit at a time: a second is InvalidStateError and names it', async () => {
  const limiter = new CapacityLimiter(5);
  const task = createTask(
    async () => {
      using _ = await limiter.acquire();
      await sleep(12);
      await limiter.acquire();
    },
    { name: 'greedy' },
  );
  await assert.rejects(task.then(), {
    name: 'InvalidStateError',
    message: 'Cannot acquire from limiter: Task "greedy" has borrowed from it already, for 12 ms',
  });
  assert.equal(limiter.borrowed, 0);
  const owner = {};
  using _ = await limiter.acquire({ borrower: owner });
  await assert.rejects(limiter.acquire({ borrower: owner }), /Cannot acquire from limiter: the borrower has borrowed/);
  using _other = await limiter.acquire(); // on behalf of the task itself
});

fakeTest('a borrower that asks twice at once gets one permit and one error', async () => {
  const limiter = new CapacityLimiter(1);
  const hold = await limiter.acquire({ borrower: {} });
  const borrower = {};
  const twice = [limiter.acquire({ borrower }), limiter.acquire({ borrower })] as const;
  const third = limiter.acquire({ borrower: {} });
  limiter.total = 3;
  const first = await twice[0];
  await assert.rejects(twice[1], { name: 'InvalidStateError' });
  assert.equal(limiter.borrowed, 3);
  for (const permit of [hold, first, await third]) permit[Symbol.dispose]();
});

test('outside of tasks there is no borrower, and no limit to how many one has', async () => {
  const limiter = new CapacityLimiter(2);
  const a = await limiter.acquire();
  const b = await limiter.acquire();
  assert.deepEqual(
    limiter.statistics().borrowings.map(({ borrower }) => borrower),
    [undefined, undefined],
  );
  a[Symbol.dispose]();
  b[Symbol.dispose]();
});

test('the task whose signal is passed is the borrower', async () => {
  const limiter = new CapacityLimiter(2);
  const task = createTask(() => sleep(Infinity));
  using _ = await limiter.acquire({ signal: task.signal });
  assert.equal(limiter.statistics().borrowings[0]?.borrower, task);
  await assert.rejects(limiter.acquire({ signal: task.signal }), { name: 'InvalidStateError' });
  task.cancel();
});

fakeTest(
  'raising the total wakes waiters; lowering it takes nothing away, and lets nobody in until it fits',
  async () => {
    const limiter = new CapacityLimiter(1);
    const order: string[] = [];
    const tasks = ['a', 'b', 'c', 'd'].map((name) => borrower(limiter, order, name));
    await allTasksBlocked();
    limiter.total = 3;
    await allTasksBlocked();
    assert.deepEqual(order, ['a', 'b', 'c']);
    limiter.total = 1;
    assert.deepEqual([limiter.total, limiter.borrowed], [1, 3]);
    await sleep(10);
    for (const task of tasks) await task;
    assert.deepEqual(order, ['a', 'b', 'c', 'd']);

    limiter.total = 0;
    const stuck = borrower(limiter, order, 'stuck');
    await allTasksBlocked();
    assert.equal(stuck.done(), false);
    limiter.total = Infinity;
    await stuck;
  },
);

fakeTest('lowered below what is borrowed, each one given back brings it nearer to the total', async () => {
  const limiter = new CapacityLimiter(3);
  const holds = await Promise.all([{}, {}, {}].map((borrower) => limiter.acquire({ borrower })));
  limiter.total = 1;
  const order: string[] = [];
  const waiter = borrower(limiter, order, 'late');
  for (const [index, hold] of holds.entries()) {
    await allTasksBlocked();
    assert.deepEqual(order, [], `let in with ${3 - index} out`);
    hold[Symbol.dispose]();
  }
  await waiter;
});

fakeTest('a cancelled waiter leaves; one that was given a permit passes it on', async () => {
  const limiter = new CapacityLimiter(1);
  const order: string[] = [];
  const hold = await limiter.acquire();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => borrower(limiter, order, name)) as [
    Task<void>,
    Task<void>,
    Task<void>,
  ];
  await allTasksBlocked();
  b.cancel();
  hold[Symbol.dispose]();
  hold[Symbol.dispose]();
  assert.equal(limiter.statistics().borrowings[0]?.borrower, a);
  a.cancel();
  await c;
  assert.deepEqual(order, ['c']);
  assert.equal(limiter.borrowed, 0);
});

fakeTest('acquire is a cancellation point also with free permits', async () => {
  const limiter = new CapacityLimiter(1);
  await assert.rejects(limiter.acquire({ signal: AbortSignal.abort() }), CancelledError);
  assert.equal(limiter.borrowed, 0);
});

fakeTest('a total that is no integer >= 0 and not Infinity is refused', () => {
  for (const total of [-1, 0.5, NaN]) {
    assert.throws(() => new CapacityLimiter(total), {
      name: 'RangeError',
      message: `Cannot set the limiter's total: expected an integer >= 0 or Infinity, got ${total}`,
    });
  }
  assert.throws(() => new CapacityLimiter('1' as never), TypeError);
  const limiter = new CapacityLimiter(1);
  assert.throws(() => (limiter.total = -1), RangeError);
  assert.equal(limiter.total, 1);
});

test('CapacityLimiter passes exploreCancellation, with its total going up and down', async () => {
  const points = await exploreCancellation(
    async (x) => {
      const limiter = new CapacityLimiter(1);
      let inside = 0;
      for (const name of ['a', 'b', 'c', 'd']) {
        x.task(name, async () => {
          using _ = await limiter.acquire();
          inside++;
          try {
            await sleep(10);
          } finally {
            inside--;
          }
        });
      }
      x.task('manager', async () => {
        await sleep(5);
        limiter.total = 3;
        await sleep(5);
        limiter.total = 1;
      });
      await x.settled();
      assert.deepEqual([inside, limiter.borrowed, limiter.statistics().waiting], [0, 0, 0]);
    },
    { seeds: [1, 2], cancels: 2 },
  );
  assert.ok(points > 300);
});

test('CapacityLimiter does what a model does, whoever comes, gives up and is cancelled', async () => {
  await checkHolders(2, () => {
    const limiter = new CapacityLimiter(2);
    return {
      acquire: () => limiter.acquire(),
      held: () => limiter.borrowed,
      waiting: () => limiter.statistics().waiting,
    };
  });
});

test('whatever the total is set to, permits out and waiters are what a count says', async () => {
  const step = fc.oneof(
    fc.record({ ask: fc.constant(true) }),
    fc.record({ end: fc.nat(9) }),
    fc.record({ total: fc.nat(4) }),
  );
  const property = fc.asyncProperty(fc.array(step, { maxLength: 30 }), (steps) =>
    runWithFakeClock(async () => {
      const limiter = new CapacityLimiter(1);
      const tasks: Task<void>[] = [];
      let holding: number[] = [];
      let waiting: number[] = [];
      let total = 1;
      for (const each of steps) {
        if ('ask' in each) {
          waiting.push(tasks.length);
          tasks.push(borrower(limiter, [], 'x', Infinity));
        } else if ('total' in each) limiter.total = total = each.total;
        else {
          tasks[each.end]?.cancel();
          holding = holding.filter((id) => id !== each.end);
          waiting = waiting.filter((id) => id !== each.end);
        }
        while (waiting.length > 0 && holding.length < total) holding.push(waiting.shift() as number); // length > 0
        await allTasksBlocked();
        assert.deepEqual([limiter.borrowed, limiter.statistics().waiting], [holding.length, waiting.length]);
      }
      for (const task of tasks) task.cancel();
      for (const task of tasks) await task.catch(() => undefined);
      assert.equal(limiter.borrowed, 0);
    }),
  );
  await fc.assert(property, { numRuns: 50 });
});

fakeTest('CapacityLimiter.holders() names the tasks that borrow, and since when', async (clock) => {
  const limiter = new CapacityLimiter(3);
  using _ = await limiter.acquire({ borrower: {} });
  const tasks = ['a', 'b'].map((name) => borrower(limiter, [], name));
  await allTasksBlocked();
  const holders = Array.from(limiter.holders(), ({ task, since }) => [task?.name, since]);
  assert.deepEqual(
    holders,
    [undefined, 'a', 'b'].map((name) => [name, clock.now()]),
  );
  for (const task of tasks) await task;
});
