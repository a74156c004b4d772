import assert from 'node:assert/strict';
import { BoundedSemaphore, CancelledError, createTask, Event, Semaphore, sleep, type Task } from 'maitre';
import { allTasksBlocked, exploreCancellation } from 'maitre/testing';
import { fakeTest, test } from '../support/test.js';
import { checkHolders } from './holders-model.js';

function taker(semaphore: Semaphore, order: number[], id: number): Task<void> {
  return createTask(async () => {
    using _ = await semaphore.acquire();
    order.push(id);
    await sleep(10);
  });
}

fakeTest('a semaphore has one permit by default', async () => {
  const semaphore = new Semaphore();
  assert.equal(semaphore.locked(), false);
  using _ = await semaphore.acquire();
  assert.equal(semaphore.locked(), true);
});

fakeTest('at most `value` tasks hold it at a time', async (clock) => {
  const semaphore = new Semaphore(2);
  const order: number[] = [];
  const tasks = [0, 1, 2, 3, 4, 5].map((id) => taker(semaphore, order, id));
  await allTasksBlocked();
  assert.deepEqual(semaphore.statistics(), { value: 0, waiting: 4 });
  for (const task of tasks) await task;
  assert.equal(clock.now(), 30);
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(semaphore.statistics(), { value: 2, waiting: 0 });
});

fakeTest('a permit is handed over: one that comes in between waits, and locked() stays true', async () => {
  const semaphore = new Semaphore(1);
  const order: number[] = [];
  const hold = await semaphore.acquire();
  const waiter = taker(semaphore, order, 1);
  await allTasksBlocked();
  hold[Symbol.dispose]();
  assert.ok(semaphore.locked());
  const late = taker(semaphore, order, 2);
  await waiter;
  await late;
  assert.deepEqual(order, [1, 2]);
});

fakeTest('a cancelled waiter leaves; one that was given a permit passes it on', async () => {
  const semaphore = new Semaphore(1);
  const order: number[] = [];
  const hold = await semaphore.acquire();
  const tasks = [0, 1, 2].map((id) => taker(semaphore, order, id));
  await allTasksBlocked();
  tasks[1]?.cancel();
  hold[Symbol.dispose]();
  tasks[0]?.cancel();
  await tasks[2];
  assert.deepEqual(order, [2]);
  assert.deepEqual(semaphore.statistics(), { value: 1, waiting: 0 });
});

fakeTest('a permit goes back once, however often it is disposed', async () => {
  const semaphore = new Semaphore(2);
  const permit = await semaphore.acquire();
  permit[Symbol.dispose]();
  permit[Symbol.dispose]();
  assert.equal(semaphore.statistics().value, 2);
});

fakeTest('release without acquire adds a permit; a bounded semaphore refuses it with RangeError', async () => {
  const semaphore = new Semaphore(0);
  semaphore.release();
  assert.equal(semaphore.statistics().value, 1);
  const bounded = new BoundedSemaphore(2);
  assert.throws(() => bounded.release(), {
    name: 'RangeError',
    message: 'Cannot release semaphore: all of its 2 permits are free already',
  });
  const permit = await bounded.acquire();
  bounded.release();
  assert.throws(() => permit[Symbol.dispose](), RangeError);
  assert.equal(new BoundedSemaphore().statistics().value, 1);
});

fakeTest('with 0 permits everybody waits until a release', async () => {
  const semaphore = new Semaphore(0);
  const order: number[] = [];
  const task = taker(semaphore, order, 7);
  await allTasksBlocked();
  assert.deepEqual(order, []);
  semaphore.release();
  await task;
  assert.deepEqual(order, [7]);
});

fakeTest('a value that is no integer >= 0 is refused', () => {
  for (const value of [-1, 1.5, NaN, Infinity]) {
    assert.throws(() => new Semaphore(value), {
      name: 'RangeError',
      message: `Cannot create semaphore: value must be an integer >= 0, got ${value}`,
    });
  }
  assert.throws(() => new Semaphore('2' as never), {
    name: 'TypeError',
    message: 'Cannot create semaphore: value must be an integer >= 0, got "2"',
  });
  assert.throws(() => new BoundedSemaphore(-1), RangeError);
});

fakeTest('acquire is a cancellation point also with a free permit', async () => {
  const semaphore = new Semaphore(1);
  const task = createTask(async () => {
    task.cancel();
    await semaphore.acquire();
  });
  await assert.rejects(task.then(), CancelledError);
  assert.equal(semaphore.statistics().value, 1);
  await assert.rejects(semaphore.acquire({ signal: AbortSignal.abort() }), CancelledError);
});

fakeTest('holders() are the tasks whose permit is out, whichever of them releases', async () => {
  const semaphore = new Semaphore(3);
  const end = new Event();
  const permits: Disposable[] = [];
  const tasks: Task<void>[] = [];
  const start = (name: string): Event => {
    const release = new Event();
    const work = async (): Promise<void> => {
      permits.push(await semaphore.acquire());
      await release.wait();
      semaphore.release();
      await end.wait();
    };
    tasks.push(createTask(work, { name }));
    return release;
  };
  const holders = async (): Promise<(string | undefined)[]> => {
    await allTasksBlocked();
    return Array.from(semaphore.holders(), ({ task }) => task?.name);
  };
  start('a');
  const b = start('b');
  start('c');
  start('d'); // waits
  assert.deepEqual(await holders(), ['a', 'b', 'c']);
  b.set();
  assert.deepEqual(await holders(), ['a', 'c', 'd'], 'b has released, and d has its permit');
  permits[2]?.[Symbol.dispose]();
  assert.deepEqual(await holders(), ['a', 'd'], 'a permit that is disposed of elsewhere is that permit');
  semaphore.release();
  assert.deepEqual(await holders(), ['d'], 'a release of nobody in particular is that of the first');
  for (const task of tasks) task.cancel();
});

fakeTest('the text says how many are free and wait', async () => {
  const semaphore = new Semaphore(1);
  assert.equal(String(semaphore), '<Semaphore 1 value, 0 waiting>');
  using _ = await semaphore.acquire();
  const task = taker(semaphore, [], 0);
  await allTasksBlocked();
  assert.equal(String(semaphore), '<Semaphore 0 value, 1 waiting>');
  task.cancel();
});

for (const Kind of [Semaphore, BoundedSemaphore]) {
  test(`${Kind.name} passes exploreCancellation`, async () => {
    const points = await exploreCancellation(
      async (x) => {
        const semaphore = new Kind(2);
        let inside = 0;
        for (const name of ['a', 'b', 'c', 'd', 'e']) {
          x.task(name, async () => {
            using _ = await semaphore.acquire();
            assert.ok(++inside <= 2);
            try {
              await sleep(10);
            } finally {
              inside--;
            }
          });
        }
        await x.settled();
        assert.deepEqual(semaphore.statistics(), { value: 2, waiting: 0 });
      },
      { seeds: [4, 5] },
    );
    assert.ok(points > 50);
  });
}

test('Semaphore does what a model does, whoever comes, gives up and is cancelled', async () => {
  await checkHolders(3, () => {
    const semaphore = new BoundedSemaphore(3);
    return {
      acquire: () => semaphore.acquire(),
      held: () => 3 - semaphore.statistics().value,
      waiting: () => semaphore.statistics().waiting,
    };
  });
});

fakeTest('holders() names the task of every permit that is out, however permits are released', async (clock) => {
  const semaphore = new Semaphore(2);
  const names = (): (string | undefined)[] => Array.from(semaphore.holders(), ({ task }) => task?.name);
  const bare = createTask(
    async () => {
      await semaphore.acquire();
      await sleep(10);
      semaphore.release();
    },
    { name: 'bare' },
  );
  const hold = async (ms: number): Promise<void> => {
    using _ = await semaphore.acquire();
    await sleep(ms);
  };
  const tasks = [
    createTask(() => hold(20), { name: 'a' }),
    bare,
    createTask(() => hold(20), { name: 'b' }),
    createTask(() => hold(20), { name: 'c' }),
  ];
  await allTasksBlocked();
  assert.deepEqual(names(), ['bare', 'a']);
  assert.equal([...semaphore.holders()][0]?.since, clock.now());
  await sleep(15);
  assert.deepEqual(names(), ['a', 'b']);
  await sleep(10);
  assert.deepEqual(names(), ['b', 'c']);
  for (const task of tasks) await task;
  assert.deepEqual(names(), []);
  semaphore.release(); // without an acquire
  assert.deepEqual(names(), []);
  const permit = await semaphore.acquire();
  permit[Symbol.dispose]();
  permit[Symbol.dispose]();
  assert.equal(semaphore.statistics().value, 3);
});
