import assert from 'node:assert/strict';
import { CancelledError, createTask, InvalidStateError, Lock, sleep, type Task } from 'maitre';
import { allTasksBlocked, exploreCancellation } from 'maitre/testing';
import { fakeTest, microtasks, test } from '../support/test.js';
import { checkHolders } from './holders-model.js';

/** Starts a task that takes the lock, notes its name, and holds on for 10 ms. */
function taker(lock: Lock, order: string[], name: string): Task<void> {
  return createTask(
    async () => {
      using _ = await lock.acquire();
      order.push(name);
      await sleep(10);
    },
    { name },
  );
}

fakeTest('Lock.acquire() of a free lock takes it at once, without a wait', async () => {
  const lock = new Lock();
  assert.equal(lock.locked(), false);
  let taken = false;
  void lock.acquire().then(() => (taken = true));
  assert.equal(lock.locked(), true);
  await microtasks(1);
  assert.ok(taken);
  lock.release();
  assert.equal(lock.locked(), false);
});

fakeTest('Lock.acquire() wakes waiters in FIFO order', async () => {
  const lock = new Lock();
  const order: string[] = [];
  const tasks = ['a', 'b', 'c', 'd'].map((name) => taker(lock, order, name));
  for (const task of tasks) await task;
  assert.deepEqual(order, ['a', 'b', 'c', 'd']);
  assert.equal(lock.locked(), false);
});

fakeTest('release hands the lock over: nobody who comes in between gets it first', async () => {
  const lock = new Lock();
  const order: string[] = [];
  const hold = await lock.acquire();
  const waiter = taker(lock, order, 'waiter');
  await allTasksBlocked();
  hold[Symbol.dispose]();
  assert.ok(lock.locked(), 'free for a moment');
  assert.equal(lock.statistics().owner, waiter);
  const late = taker(lock, order, 'late');
  await waiter;
  await late;
  assert.deepEqual(order, ['waiter', 'late']);
});

fakeTest('a cancelled waiter leaves, and the others stay in order', async () => {
  const lock = new Lock();
  const order: string[] = [];
  const hold = await lock.acquire();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => taker(lock, order, name)) as [Task<void>, Task<void>, Task<void>];
  await allTasksBlocked();
  assert.equal(lock.statistics().waiting, 3);
  b.cancel();
  assert.equal(lock.statistics().waiting, 2);
  hold[Symbol.dispose]();
  await a;
  await c;
  assert.ok(b.cancelled());
  assert.deepEqual(order, ['a', 'c']);
});

fakeTest('a waiter that is cancelled after it was given the lock passes it on', async () => {
  const lock = new Lock();
  const order: string[] = [];
  const hold = await lock.acquire();
  const first = taker(lock, order, 'first');
  const second = taker(lock, order, 'second');
  await allTasksBlocked();
  hold[Symbol.dispose]();
  first.cancel();
  await assert.rejects(async () => first, CancelledError); // the hold is passed on when the cancel is delivered
  assert.equal(lock.statistics().owner, second);
  await second;
  assert.ok(first.cancelled());
  assert.deepEqual(order, ['second']);

  const only = taker(lock, order, 'only');
  const last = await lock.acquire();
  await allTasksBlocked();
  last[Symbol.dispose]();
  only.cancel();
  await assert.rejects(async () => only, CancelledError);
  assert.equal(lock.locked(), false, 'nobody waits: it is free');
});

fakeTest('a hold releases once, and not what others hold by then', async () => {
  const lock = new Lock();
  const first = await lock.acquire();
  first[Symbol.dispose]();
  const second = await lock.acquire();
  first[Symbol.dispose]();
  assert.ok(lock.locked());
  lock.release();
  second[Symbol.dispose](); // release() has ended it
  assert.equal(lock.locked(), false);
});

fakeTest('release of a free lock throws InvalidStateError and names the lock', () => {
  assert.throws(() => new Lock().release(), {
    name: 'InvalidStateError',
    message: 'Cannot release lock: it is not held',
  });
  assert.throws(() => new Lock({ name: 'db' }).release(), {
    name: 'InvalidStateError',
    message: 'Cannot release lock "db": it is not held',
  });
});

fakeTest('any task may release: a lock has no owner that matters', async () => {
  const lock = new Lock();
  await createTask(() => lock.acquire());
  await createTask(() => lock.release());
  assert.equal(lock.locked(), false);
});

fakeTest('statistics and the text say who holds it, for how long, and how many wait', async () => {
  const lock = new Lock({ name: 'db' });
  assert.deepEqual(lock.statistics(), { locked: false, owner: undefined, heldFor: 0, waiting: 0 });
  assert.equal(String(lock), '<Lock "db" unlocked>');
  const owner = createTask(
    async () => {
      using _ = await lock.acquire();
      await sleep(30);
    },
    { name: 'cook' },
  );
  await sleep(12);
  const waiter = createTask(() => lock.acquire());
  await allTasksBlocked();
  assert.deepEqual(lock.statistics(), { locked: true, owner, heldFor: 12, waiting: 1 });
  assert.equal(String(lock), '<Lock "db" locked by Task "cook", 1 waiting>');
  (await waiter)[Symbol.dispose]();
  assert.equal(String(new Lock()), '<Lock unlocked>');
});

test('outside of tasks a lock is held by somebody', async () => {
  const lock = new Lock();
  using _ = await lock.acquire();
  assert.equal(lock.statistics().owner, undefined);
  assert.match(String(lock), /^<Lock locked by somebody, 0 waiting>$/);
});

test('a task.signal that is passed makes its task the owner, outside of its context too', async () => {
  const lock = new Lock();
  const task = createTask(() => sleep(Infinity));
  using first = await lock.acquire({ signal: task.signal });
  assert.equal(lock.statistics().owner, task);
  const second = lock.acquire({ signal: task.signal });
  task.cancel();
  await assert.rejects(second, CancelledError);
  assert.ok(first);
});

test('an aborted signal refuses, one that aborts later cancels the wait', async () => {
  const lock = new Lock();
  await assert.rejects(lock.acquire({ signal: AbortSignal.abort() }), CancelledError);
  assert.equal(lock.locked(), false);
  using _ = await lock.acquire();
  const controller = new AbortController();
  const waiting = lock.acquire({ signal: controller.signal });
  controller.abort();
  await assert.rejects(waiting, CancelledError);
  assert.equal(lock.statistics().waiting, 0);
});

fakeTest('acquire is a cancellation point also when the lock is free', async () => {
  const lock = new Lock();
  const task = createTask(async () => {
    task.cancel();
    await lock.acquire();
  });
  await assert.rejects(task.then(), CancelledError);
  assert.equal(lock.locked(), false);
});

fakeTest('it is not re-entrant: a task that asks twice waits for itself', async () => {
  const lock = new Lock();
  const task = createTask(async () => {
    using _ = await lock.acquire();
    await lock.acquire();
  });
  await allTasksBlocked();
  assert.equal(task.done(), false);
  task.cancel();
  await assert.rejects(task.then(), CancelledError);
  assert.equal(lock.locked(), false);
  assert.throws(() => lock.release(), InvalidStateError);
});

test('Lock passes exploreCancellation, with one cancel in any order of wake-ups and with two', async () => {
  const scenario = async (x: Parameters<Parameters<typeof exploreCancellation>[0]>[0]): Promise<void> => {
    const lock = new Lock();
    let inside = 0;
    for (const name of ['a', 'b', 'c', 'd']) {
      x.task(name, async () => {
        using _ = await lock.acquire();
        assert.equal(++inside, 1);
        try {
          await sleep(name === 'b' ? 0 : 10);
        } finally {
          inside--;
        }
      });
    }
    await x.settled();
    assert.deepEqual(lock.statistics(), { locked: false, owner: undefined, heldFor: 0, waiting: 0 });
  };
  assert.ok((await exploreCancellation(scenario, { seeds: [1, 2, 3] })) > 60);
  assert.ok((await exploreCancellation(scenario, { cancels: 2 })) > 150);
});

test('Lock does what a model does, whoever comes, gives up and is cancelled', async () => {
  await checkHolders(1, () => {
    const lock = new Lock();
    return {
      acquire: () => lock.acquire(),
      held: () => Number(lock.locked()),
      waiting: () => lock.statistics().waiting,
    };
  });
});

fakeTest('Lock.holders() names who holds it and since when', async (clock) => {
  const lock = new Lock();
  assert.deepEqual([...lock.holders()], []);
  const tasks = ['a', 'b'].map((name) => taker(lock, [], name));
  await allTasksBlocked();
  const holders = (): unknown[] => Array.from(lock.holders(), ({ task, since }) => [task?.name, since]);
  const start = clock.now();
  assert.deepEqual(holders(), [['a', start]]);
  await sleep(15);
  assert.deepEqual(holders(), [['b', start + 10]]);
  for (const task of tasks) await task;
});
