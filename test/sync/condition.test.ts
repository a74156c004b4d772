import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { CancelledError, Condition, createTask, Lock, sleep, type Task, timeout, TimeoutError } from 'maitre';
import { allTasksBlocked, exploreCancellation, runWithFakeClock } from 'maitre/testing';
import { fakeTest, test } from '../support/test.js';

/** Starts a task that waits once, and notes its name while it holds the lock again. */
function waiter(condition: Condition, order: string[], name: string): Task<void> {
  return createTask(
    async () => {
      using _ = await condition.acquire();
      assert.equal(await condition.wait(), true);
      assert.ok(condition.locked());
      order.push(name);
    },
    { name },
  );
}

async function notify(condition: Condition, n?: number): Promise<void> {
  using _ = await condition.acquire();
  condition.notify(n);
}

fakeTest('wait gives the lock up, and has it again when it is notified', async () => {
  const condition = new Condition();
  const order: string[] = [];
  const task = waiter(condition, order, 'a');
  await allTasksBlocked();
  assert.deepEqual(condition.statistics(), { locked: false, waiting: 1 });
  {
    using _ = await condition.acquire();
    condition.notify();
    await sleep(5);
    assert.deepEqual(order, [], 'it went on without the lock');
  }
  await task;
  assert.deepEqual(order, ['a']);
  assert.equal(condition.locked(), false);
});

fakeTest('notify wakes the longest waiting, notify(n) that many, notifyAll all', async () => {
  const condition = new Condition();
  const order: string[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) waiter(condition, order, name);
  await allTasksBlocked();
  await notify(condition);
  await allTasksBlocked();
  assert.deepEqual(order, ['a']);
  await notify(condition, 2);
  await allTasksBlocked();
  assert.deepEqual(order, ['a', 'b', 'c']);
  await notify(condition, 0);
  await allTasksBlocked();
  assert.equal(order.length, 3);
  {
    using _ = await condition.acquire();
    condition.notifyAll();
  }
  await allTasksBlocked();
  assert.deepEqual(order, ['a', 'b', 'c', 'd', 'e', 'f']);
  await notify(condition, 5); // nobody waits: nothing happens
});

fakeTest(
  'waitFor goes on once the predicate is truthy, gives its value, and looks before it needs the lock',
  async () => {
    const condition = new Condition();
    assert.equal(await condition.waitFor(() => 'there already'), 'there already');
    let food = '';
    const task = createTask(async () => {
      using _ = await condition.acquire();
      return await condition.waitFor(() => food);
    });
    await allTasksBlocked();
    await notify(condition); // for nothing
    await allTasksBlocked();
    assert.equal(task.done(), false);
    food = 'soup';
    await notify(condition);
    assert.equal(await task, 'soup');
    assert.equal(condition.locked(), false);
    await assert.rejects(condition.waitFor(true as never), {
      name: 'TypeError',
      message: 'Cannot wait on condition: the predicate must be a function, got true',
    });
  },
);

fakeTest('without the lock, wait, waitFor, notify and notifyAll are InvalidStateErrors', async () => {
  const condition = new Condition();
  await assert.rejects(condition.wait(), {
    name: 'InvalidStateError',
    message: 'Cannot wait on condition: its lock is not held, acquire it first',
  });
  await assert.rejects(
    condition.waitFor(() => false),
    { name: 'InvalidStateError' },
  );
  const message = 'Cannot notify condition: its lock is not held, acquire it first';
  assert.throws(() => condition.notify(), { name: 'InvalidStateError', message });
  assert.throws(() => condition.notifyAll(), { name: 'InvalidStateError', message });
  assert.throws(() => condition.release(), {
    name: 'InvalidStateError',
    message: 'Cannot release lock: it is not held',
  });
});

fakeTest(
  "a hold spans any number of waits: it is the lock's hold again after each, and releases it at the end",
  async () => {
    const condition = new Condition();
    let rounds = 0;
    const task = createTask(async () => {
      using hold = await condition.acquire();
      for (; rounds < 3; rounds++) await condition.wait();
      assert.ok(hold);
    });
    for (let i = 1; i <= 3; i++) {
      await allTasksBlocked();
      assert.equal(condition.locked(), false);
      await notify(condition);
      await allTasksBlocked();
      assert.equal(rounds, i);
    }
    await task;
    assert.equal(condition.locked(), false);
  },
);

fakeTest('a hold that is disposed during the wait releases nothing of what others hold', async () => {
  const condition = new Condition();
  let early: Disposable | undefined;
  const task = createTask(async () => {
    early = await condition.acquire();
    await condition.wait();
    condition.release();
  });
  await allTasksBlocked();
  const hold = await condition.acquire();
  early?.[Symbol.dispose]();
  assert.ok(condition.locked());
  condition.notify();
  hold[Symbol.dispose]();
  await task;
  assert.equal(condition.locked(), false);
});

fakeTest('the time of a hold counts from when the lock was taken again', async () => {
  const lock = new Lock();
  const condition = new Condition(lock);
  const task: Task<void> = createTask(async () => {
    using _ = await condition.acquire();
    await condition.wait();
    await sleep(7);
    assert.equal(lock.statistics().owner, task);
    assert.equal(lock.statistics().heldFor, 7);
  });
  await sleep(100);
  await notify(condition);
  await task;
});

fakeTest('a cancelled wait ends holding the lock, and throws the cancellation', async () => {
  const condition = new Condition();
  let heldAtCancel = false;
  const task = createTask(async () => {
    using _ = await condition.acquire();
    try {
      await condition.wait();
    } finally {
      heldAtCancel = condition.locked();
    }
  });
  await allTasksBlocked();
  task.cancel('enough');
  await assert.rejects(task.then(), { name: 'CancelledError', message: 'enough' });
  assert.ok(heldAtCancel);
  assert.deepEqual(condition.statistics(), { locked: false, waiting: 0 });
});

fakeTest('it takes the lock again however often it is cancelled, and throws the last cancellation', async () => {
  const condition = new Condition();
  let heldAtEnd = false;
  const task = createTask(async () => {
    using _ = await condition.acquire();
    try {
      await condition.wait();
    } finally {
      heldAtEnd = condition.locked();
    }
  });
  await allTasksBlocked();
  {
    using _ = await condition.acquire();
    for (let i = 1; i <= 4; i++) {
      task.cancel(`cancel ${i}`);
      await allTasksBlocked();
      assert.equal(task.done(), false, 'it ended without the lock');
    }
  }
  await assert.rejects(task.then(), { name: 'CancelledError', message: 'cancel 4' });
  assert.ok(heldAtEnd);
  assert.equal(task.cancelling(), 4);
  assert.equal(condition.locked(), false);
});

fakeTest('one that was notified and cancelled before it went on notifies another', async () => {
  const condition = new Condition();
  const order: string[] = [];
  const a = waiter(condition, order, 'a');
  waiter(condition, order, 'b');
  await allTasksBlocked();
  {
    using _ = await condition.acquire();
    condition.notify();
    a.cancel();
  }
  await allTasksBlocked();
  assert.ok(a.cancelled());
  assert.deepEqual(order, ['b']);
});

fakeTest('one that was notified and cancelled while it takes the lock again notifies another', async () => {
  const condition = new Condition();
  const order: string[] = [];
  const a = waiter(condition, order, 'a');
  waiter(condition, order, 'b');
  await allTasksBlocked();
  {
    using _ = await condition.acquire();
    condition.notify();
    await allTasksBlocked(); // `a` stands at the lock now
    a.cancel();
    await allTasksBlocked();
  }
  await allTasksBlocked();
  assert.ok(a.cancelled());
  assert.deepEqual(order, ['b']);
});

fakeTest('a cancel that is pending when wait is called is thrown, with the lock held', async () => {
  const condition = new Condition();
  const task: Task<void> = createTask(async () => {
    using _ = await condition.acquire();
    task.cancel();
    try {
      await condition.wait();
    } finally {
      assert.ok(condition.locked());
    }
  });
  await assert.rejects(task.then(), CancelledError);
  assert.equal(condition.locked(), false);
});

fakeTest('a timeout around wait ends with the lock held, and with TimeoutError', async () => {
  const condition = new Condition();
  using _ = await condition.acquire();
  await assert.rejects(
    timeout(10, () => condition.wait()),
    TimeoutError,
  );
  assert.ok(condition.locked());
});

fakeTest('a foreign signal cancels the wait, and not the taking of the lock', async () => {
  const condition = new Condition();
  using _ = await condition.acquire();
  const controller = new AbortController();
  const waiting = condition.wait({ signal: controller.signal });
  await allTasksBlocked();
  const other = createTask(async () => {
    using _held = await condition.acquire();
    await sleep(10);
  });
  await allTasksBlocked();
  controller.abort();
  await assert.rejects(waiting, CancelledError);
  assert.ok(other.done() && condition.locked());
  await assert.rejects(condition.wait({ signal: controller.signal }), CancelledError);
});

fakeTest('conditions can share a lock; anything else is a TypeError', async () => {
  const lock = new Lock({ name: 'table' });
  const full = new Condition(lock);
  const empty = new Condition(lock);
  using _ = await full.acquire();
  assert.ok(empty.locked());
  empty.notify();
  assert.equal(String(empty), '<Condition locked, 0 waiting>');
  assert.throws(() => new Condition({} as never), {
    name: 'TypeError',
    message: 'Cannot create condition: expected a Lock, got an object of type Object',
  });
});

test('Condition passes exploreCancellation: every notify wakes somebody who stays, and the lock is free in the end', async () => {
  const scenario = async (x: Parameters<Parameters<typeof exploreCancellation>[0]>[0]): Promise<void> => {
    const condition = new Condition();
    let food = 0;
    let eaten = 0;
    for (const name of ['a', 'b', 'c']) {
      x.task(name, async () => {
        using _ = await condition.acquire();
        try {
          await condition.waitFor(() => food > 0);
        } finally {
          assert.ok(condition.locked());
        }
        food--;
        eaten++;
      });
    }
    for (let i = 0; i < 2; i++) {
      await sleep(5);
      using _ = await condition.acquire();
      food++;
      condition.notify();
      await sleep(1);
    }
    await sleep(10);
    assert.equal(food + eaten, 2);
    if (food > 0) assert.equal(condition.statistics().waiting, 0, 'food stands there while somebody waits for it');
    {
      using _ = await condition.acquire();
      food += 3;
      condition.notifyAll();
    }
    await x.settled();
    assert.deepEqual(condition.statistics(), { locked: false, waiting: 0 });
  };
  assert.ok((await exploreCancellation(scenario, { seeds: [1, 2] })) > 60);
  assert.ok((await exploreCancellation(scenario, { cancels: 2 })) > 150);
});

test('Condition as a queue does what a queue does, whoever is cancelled', async () => {
  const ms = fc.integer({ min: 0, max: 10 });
  const property = fc.asyncProperty(
    fc.array(fc.record({ at: ms, cancelledAt: fc.option(ms, { nil: undefined }) }), { maxLength: 6 }),
    fc.array(ms, { maxLength: 6 }),
    async (consumers, puts) => {
      await runWithFakeClock(async () => {
        const condition = new Condition();
        const items: number[] = [];
        const got: number[] = [];
        const tasks = consumers.map(({ at }) =>
          createTask(async () => {
            await sleep(at);
            using _ = await condition.acquire();
            await condition.waitFor(() => items.length > 0);
            got.push(items.shift() as number); // the predicate says so
          }),
        );
        const others = [
          ...consumers.map(({ cancelledAt }, who) =>
            createTask(async () => {
              if (cancelledAt === undefined) return;
              await sleep(cancelledAt);
              tasks[who]?.cancel();
            }),
          ),
          ...puts.map((at, item) =>
            createTask(async () => {
              await sleep(at);
              using _ = await condition.acquire();
              items.push(item);
              condition.notify();
            }),
          ),
        ];
        for (const task of others) await task;
        await sleep(20);
        const waiting = tasks.filter((task) => !task.done());
        assert.ok(items.length === 0 || waiting.length === 0, `${items.length} items and ${waiting.length} waiting`);
        assert.equal(items.length + got.length, puts.length);
        for (const task of waiting) task.cancel();
        for (const task of tasks) await task.catch(() => undefined);
        assert.deepEqual(condition.statistics(), { locked: false, waiting: 0 });
      });
    },
  );
  await fc.assert(property, { numRuns: 60 });
});
