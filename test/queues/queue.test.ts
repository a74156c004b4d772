import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { CancelledError, createTask, LifoQueue, PriorityQueue, Queue, QueueShutDown, sleep, type Task } from 'maitre';
import { allTasksBlocked, type Exploration, exploreCancellation } from 'maitre/testing';
import { fakeTest, microtasks, test } from '../support/test.js';
import { checkPipe } from './queue-model.js';

const shutDown = { name: 'QueueShutDown', message: 'The queue is shut down' };

/** Takes everything that is inside. */
function drain<T>(queue: Queue<T>): T[] {
  const items: T[] = [];
  while (!queue.empty()) items.push(queue.getNowait());
  return items;
}

// ---- in and out -----------------------------------------------------------------------------------------------------

fakeTest('items come out in the order they went in', async () => {
  const queue = new Queue<number>();
  for (let i = 0; i < 100; i++) await queue.put(i);
  assert.equal(queue.qsize(), 100);
  for (let i = 0; i < 100; i++) assert.equal(await queue.get(), i);
  assert.ok(queue.empty());
});

fakeTest('maxsize 0 and less is no bound, and never full', async () => {
  for (const queue of [new Queue(), new Queue(0), new Queue(-1)]) {
    for (let i = 0; i < 50; i++) queue.putNowait(i);
    assert.equal(queue.full(), false);
  }
  assert.equal(new Queue(3).maxsize, 3);
  assert.equal(new Queue().maxsize, 0);
});

fakeTest('a full queue makes put wait until there is room', async () => {
  const queue = new Queue<number>(2);
  queue.putNowait(1);
  assert.equal(queue.full(), false);
  queue.putNowait(2);
  assert.equal(queue.full(), true);
  const order: number[] = [];
  const putters = [3, 4].map((item) => createTask(() => queue.put(item).then(() => order.push(item))));
  await allTasksBlocked();
  assert.deepEqual(queue.statistics(), { size: 2, maxsize: 2, getting: 0, putting: 2, unfinished: 2 });
  assert.equal(await queue.get(), 1);
  await allTasksBlocked();
  assert.deepEqual(order, [3]);
  assert.deepEqual([await queue.get(), await queue.get(), await queue.get()], [2, 3, 4]);
  for (const putter of putters) await putter;
  assert.equal(queue.qsize(), 0);
});

fakeTest('getters are served in the order in which they came', async () => {
  const queue = new Queue<string>();
  const got: string[] = [];
  for (const name of ['a', 'b', 'c']) createTask(async () => got.push(`${name}${await queue.get()}`));
  await allTasksBlocked();
  assert.equal(queue.statistics().getting, 3);
  for (const item of ['1', '2', '3']) queue.putNowait(item);
  await allTasksBlocked();
  assert.deepEqual(got, ['a1', 'b2', 'c3']);
});

fakeTest('a get of an item that is there and a put with room need no wait', async () => {
  const queue = new Queue<number>(1);
  let done = 0;
  void queue.put(1).then(() => done++);
  void queue.get().then(() => done++);
  await microtasks(1);
  assert.equal(done, 2);
});

fakeTest('putNowait and getNowait throw QueueFull and QueueEmpty in place of waiting', () => {
  const queue = new Queue<number>(1);
  assert.throws(() => queue.getNowait(), {
    name: 'QueueEmpty',
    message: 'Cannot get: the queue is empty, get() would wait',
  });
  queue.putNowait(1);
  assert.throws(() => queue.putNowait(2), {
    name: 'QueueFull',
    message: 'Cannot put: the queue holds 1 of 1 items, put() would wait',
  });
  assert.equal(queue.getNowait(), 1);
});

fakeTest('undefined is an item', async () => {
  const queue = new Queue<undefined>();
  queue.putNowait(undefined);
  assert.equal(queue.getNowait(), undefined);
  await queue.put(undefined);
  assert.equal(await queue.get(), undefined);
  assert.ok(queue.empty());
});

fakeTest('getNowait never takes an item that is promised to a waiting task', async () => {
  const queue = new Queue<number>();
  const getter = createTask(() => queue.get());
  await allTasksBlocked();
  queue.putNowait(1); // promised now, and not yet taken
  assert.equal(queue.qsize(), 1);
  assert.throws(() => queue.getNowait(), { name: 'QueueEmpty' });
  queue.putNowait(2);
  queue.getNowait(); // one of the two is free
  assert.throws(() => queue.getNowait(), { name: 'QueueEmpty' });
  assert.equal(typeof (await getter), 'number');
});

fakeTest('putNowait never takes a place that is promised to a waiting task', async () => {
  const queue = new Queue<number>(1);
  queue.putNowait(1);
  const putter = createTask(() => queue.put(2));
  await allTasksBlocked();
  assert.equal(queue.getNowait(), 1);
  assert.throws(() => queue.putNowait(3), { name: 'QueueFull' });
  await putter;
  assert.deepEqual(drain(queue), [2]);
});

fakeTest('a get that comes while an item is promised stands in line', async () => {
  const queue = new Queue<number>();
  const got: string[] = [];
  const first = createTask(async () => got.push(`first ${await queue.get()}`));
  await allTasksBlocked();
  queue.putNowait(1);
  queue.putNowait(2);
  const second = queue.get().then((item) => got.push(`second ${item}`));
  await first;
  await second;
  assert.deepEqual(got, ['first 1', 'second 2']);
});

fakeTest('a put that comes while a place is promised stands in line', async () => {
  const queue = new Queue<number>(2);
  queue.putNowait(1);
  queue.putNowait(2);
  const putter = createTask(() => queue.put(3));
  await allTasksBlocked();
  queue.getNowait();
  queue.getNowait();
  const late = queue.put(4);
  await putter;
  await late;
  assert.deepEqual(drain(queue), [3, 4]);
});

fakeTest('a queued Task comes out as its result, and in an object as it is', async () => {
  const queue = new Queue<unknown>();
  const task = createTask(() => 'soup');
  queue.putNowait(task);
  queue.putNowait({ task });
  assert.equal(await queue.get(), 'soup');
  assert.deepEqual(await queue.get(), { task });
});

// ---- cancellation ---------------------------------------------------------------------------------------------------

fakeTest('a cancelled get leaves the item to the next, a cancelled put does not put', async () => {
  const queue = new Queue<number>(1);
  const [a, b] = [1, 2].map(() => createTask(() => queue.get())) as [Task<number>, Task<number>];
  await allTasksBlocked();
  queue.putNowait(7);
  a.cancel(); // after it was promised the item
  assert.equal(await b, 7);
  queue.putNowait(8);
  const [c, d] = [9, 10].map((item) => createTask(() => queue.put(item))) as [Task<void>, Task<void>];
  await allTasksBlocked();
  assert.equal(queue.getNowait(), 8);
  c.cancel(); // after it was promised the place
  await d;
  assert.deepEqual(drain(queue), [10]);
  assert.ok(a.cancelled() && c.cancelled());
  assert.equal(queue.statistics().unfinished, 3);
});

fakeTest('an item whose getter was cancelled stays the first', async () => {
  const queue = new Queue<number>();
  const task = createTask(() => queue.get());
  await allTasksBlocked();
  queue.putNowait(1);
  queue.putNowait(2);
  task.cancel();
  await assert.rejects(async () => task, CancelledError); // what was promised is given back when the cancel is delivered
  assert.deepEqual(drain(queue), [1, 2]);
});

fakeTest('put, get and join are cancellation points also when they need not wait', async () => {
  const queue = new Queue<number>();
  const options = { signal: AbortSignal.abort() };
  queue.putNowait(1);
  await assert.rejects(queue.get(options), CancelledError);
  await assert.rejects(queue.put(2, options), CancelledError);
  queue.taskDone();
  await assert.rejects(queue.join(options), CancelledError);
  assert.deepEqual(drain(queue), [1]);
});

// ---- taskDone and join ----------------------------------------------------------------------------------------------

fakeTest('join waits until all that went in is done', async () => {
  const queue = new Queue<number>();
  await queue.join(); // nothing unfinished
  for (let i = 0; i < 3; i++) queue.putNowait(i);
  const joiners = [1, 2].map(() => createTask(() => queue.join()));
  for (let i = 0; i < 3; i++) {
    await queue.get();
    await allTasksBlocked();
    assert.equal(
      joiners.some((task) => task.done()),
      false,
    );
    assert.equal(queue.statistics().unfinished, 3 - i);
    queue.taskDone();
  }
  for (const joiner of joiners) await joiner;
});

fakeTest('taskDone once too often throws RangeError', () => {
  const queue = new Queue<number>();
  const error = { name: 'RangeError', message: 'Cannot mark a task done: all items are done already' };
  assert.throws(() => queue.taskDone(), error);
  queue.putNowait(1);
  queue.taskDone();
  assert.throws(() => queue.taskDone(), error);
});

fakeTest('a cancelled join leaves', async () => {
  const queue = new Queue<number>();
  queue.putNowait(1);
  const task = createTask(() => queue.join());
  await allTasksBlocked();
  task.cancel();
  await assert.rejects(task.then(), CancelledError);
  queue.taskDone();
});

// ---- shutdown -------------------------------------------------------------------------------------------------------

fakeTest('after shutdown put is refused at once, and get once it is empty', async () => {
  const queue = new Queue<number>();
  queue.putNowait(1);
  queue.putNowait(2);
  queue.shutdown();
  queue.shutdown();
  await assert.rejects(queue.put(3), shutDown);
  assert.throws(() => queue.putNowait(3), shutDown);
  assert.equal(await queue.get(), 1);
  assert.equal(queue.getNowait(), 2);
  await assert.rejects(queue.get(), shutDown);
  assert.throws(() => queue.getNowait(), shutDown);
});

fakeTest('shutdown refuses waiting putters and getters', async () => {
  const full = new Queue<number>(1);
  full.putNowait(1);
  const putters = [2, 3].map((item) => createTask(() => full.put(item)));
  const empty = new Queue<number>();
  const getters = [1, 2].map(() => createTask(() => empty.get()));
  await allTasksBlocked();
  full.shutdown();
  empty.shutdown();
  for (const task of [...putters, ...getters]) await assert.rejects(task.then(), QueueShutDown);
  assert.deepEqual(drain(full), [1]);
});

fakeTest('shutdown with immediate drops the items and counts them as done', async () => {
  const queue = new Queue<number>(3);
  for (let i = 0; i < 3; i++) queue.putNowait(i);
  queue.getNowait();
  const joiner = createTask(() => queue.join());
  await allTasksBlocked();
  queue.shutdown({ immediate: true });
  assert.deepEqual(queue.statistics(), { size: 0, maxsize: 3, getting: 0, putting: 0, unfinished: 1 });
  await assert.rejects(queue.get(), shutDown);
  await allTasksBlocked();
  assert.equal(joiner.done(), false, 'one item was taken and is not done');
  queue.taskDone();
  await joiner;
  queue.shutdown({ immediate: true });
});

fakeTest('a graceful shutdown can be followed by an immediate one', async () => {
  const queue = new Queue<number>();
  queue.putNowait(1);
  queue.shutdown();
  queue.shutdown({ immediate: true });
  assert.equal(queue.qsize(), 0);
  await queue.join();
});

fakeTest('an immediate shutdown also takes back what was promised', async () => {
  const queue = new Queue<number>(1);
  const getter = createTask(() => queue.get());
  await allTasksBlocked();
  queue.putNowait(1);
  queue.shutdown({ immediate: true });
  await assert.rejects(getter.then(), shutDown);
  const full = new Queue<number>(1);
  full.putNowait(1);
  const putter = createTask(() => full.put(2));
  await allTasksBlocked();
  full.getNowait();
  full.taskDone();
  full.shutdown({ immediate: true });
  await assert.rejects(putter.then(), shutDown);
  assert.equal(full.statistics().unfinished, 0);
});

fakeTest('a put that was promised its place before a graceful shutdown keeps it', async () => {
  const queue = new Queue<number>(1);
  queue.putNowait(1);
  const putter = createTask(() => queue.put(2));
  await allTasksBlocked();
  queue.getNowait();
  queue.shutdown();
  const getter = createTask(() => queue.get());
  await putter;
  assert.equal(await getter, 2);
  await assert.rejects(queue.get(), shutDown);
});

fakeTest("the last item of a shut down queue is not lost with its getter: it is the next one's", async () => {
  const queue = new Queue<string>();
  const a = createTask(() => queue.get());
  const b = createTask(() => queue.get());
  const c = createTask(() => queue.get());
  await allTasksBlocked();
  queue.putNowait('last');
  queue.shutdown();
  a.cancel();
  assert.equal(await b, 'last');
  await assert.rejects(c.then(), shutDown);
});

// ---- iteration ------------------------------------------------------------------------------------------------------

fakeTest('iteration takes items until the queue is shut down and empty, also in several tasks at once', async () => {
  const queue = new Queue<number>(2);
  const seen: number[][] = [[], []];
  const consumers = seen.map((items) =>
    createTask(async () => {
      for await (const item of queue) {
        items.push(item);
        await sleep(1);
      }
    }),
  );
  for (let i = 0; i < 10; i++) await queue.put(i);
  queue.shutdown();
  for (const consumer of consumers) await consumer;
  assert.deepEqual(
    seen.flat().sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  assert.ok(seen.every((items) => items.length > 2));
});

fakeTest('leaving the loop leaves the queue alone', async () => {
  const queue = new Queue<number>();
  for (let i = 0; i < 3; i++) queue.putNowait(i);
  for await (const item of queue) if (item === 1) break;
  assert.deepEqual(drain(queue), [2]);
  queue.putNowait(3);
});

// ---- kinds ----------------------------------------------------------------------------------------------------------

fakeTest('LifoQueue gives the latest item first', async () => {
  const queue = new LifoQueue<number>(3);
  for (const item of [1, 2, 3]) await queue.put(item);
  assert.ok(queue.full());
  assert.deepEqual(drain(queue), [3, 2, 1]);
});

fakeTest('PriorityQueue gives the smallest item first, numbers and strings alike', () => {
  const numbers = new PriorityQueue<number>();
  for (const item of [5, -1, 30, 5, 2]) numbers.putNowait(item);
  assert.deepEqual(drain(numbers), [-1, 2, 5, 5, 30]);
  const words = new PriorityQueue<string>();
  for (const item of ['b', 'a', 'c']) words.putNowait(item);
  assert.deepEqual(drain(words), ['a', 'b', 'c']);
});

fakeTest('PriorityQueue takes a comparator, and keeps the order of what compares equal', () => {
  const queue = new PriorityQueue<{ dish: string; course: number }>(0, { comparator: (a, b) => b.course - a.course });
  for (const [dish, course] of [
    ['soup', 1],
    ['cake', 3],
    ['bread', 1],
    ['tea', 3],
    ['fish', 2],
  ] as const) {
    queue.putNowait({ dish, course });
  }
  assert.deepEqual(
    drain(queue).map(({ dish }) => dish),
    ['cake', 'tea', 'fish', 'soup', 'bread'],
  );
  assert.throws(() => new PriorityQueue(0, { comparator: 'asc' as never }), {
    name: 'TypeError',
    message: 'Cannot create queue: comparator must be a function, got "asc"',
  });
  assert.throws(() => new PriorityQueue(0, { compare: () => 0 } as object), /unknown option "compare"/);
});

fakeTest('a getter that was promised an item gets the smallest of when it goes on', async () => {
  const queue = new PriorityQueue<number>();
  const task = createTask(() => queue.get());
  await allTasksBlocked();
  queue.putNowait(5);
  queue.putNowait(1);
  assert.equal(await task, 1);
});

test('PriorityQueue sorts stably, whatever goes in', () => {
  const property = fc.property(fc.array(fc.record({ key: fc.integer({ min: 0, max: 5 }) })), (items) => {
    const queue = new PriorityQueue<{ key: number }>(0, { comparator: (a, b) => a.key - b.key });
    for (const item of items) queue.putNowait(item);
    const sorted = items.toSorted((a, b) => a.key - b.key);
    for (const [index, item] of drain(queue).entries()) assert.equal(item, sorted[index]);
  });
  fc.assert(property);
});

fakeTest('a maxsize that is no number is refused', () => {
  assert.throws(() => new Queue('10' as never), {
    name: 'TypeError',
    message: 'Cannot create queue: maxsize must be a number, got "10"',
  });
  assert.throws(() => new Queue(NaN), { name: 'RangeError' });
});

fakeTest('the text says what is inside and who waits', async () => {
  const queue = new Queue<number>(5);
  const task = createTask(() => queue.get());
  await allTasksBlocked();
  assert.equal(String(queue), '<Queue 0 size, 5 maxsize, 1 getting, 0 putting, 0 unfinished>');
  queue.shutdown();
  assert.equal(String(queue), '<Queue 0 size, 5 maxsize, 0 getting, 0 putting, 0 unfinished>');
  assert.equal(String(new Queue()), '<Queue 0 size, 0 maxsize, 0 getting, 0 putting, 0 unfinished>');
  await assert.rejects(task.then(), QueueShutDown);
});

// ---- explored and modelled ------------------------------------------------------------------------------------------

const kinds: Readonly<Record<string, (maxsize: number) => Queue<string>>> = {
  Queue: (maxsize) => new Queue(maxsize),
  LifoQueue: (maxsize) => new LifoQueue(maxsize),
  PriorityQueue: (maxsize) => new PriorityQueue(maxsize),
};

for (const [name, make] of Object.entries(kinds)) {
  for (const maxsize of [0, 1, 2]) {
    const explore = async (x: Exploration, immediate: boolean): Promise<void> => {
      const queue = make(maxsize);
      const sent: string[] = [];
      const got: string[] = [];
      for (const producer of ['p', 'q']) {
        x.task(producer, async () => {
          for (let i = 0; i < 2; i++) {
            await queue.put(`${producer}${i}`);
            sent.push(`${producer}${i}`);
          }
        });
      }
      for (const consumer of ['a', 'b']) {
        x.task(consumer, async () => {
          for (let i = 0; i < 2; i++) {
            got.push(await queue.get());
            queue.taskDone();
          }
        });
      }
      await sleep(1);
      queue.shutdown({ immediate });
      await x.settled().catch((error: unknown) => {
        if (!(error instanceof QueueShutDown)) throw error;
      });
      const rest = drain(queue);
      const out = [...got, ...rest];
      assert.equal(new Set(out).size, out.length, `doubled: ${out.join(' ')}`);
      if (!immediate) for (const item of sent) assert.ok(out.includes(item), `lost: ${item}`);
      const { getting, putting, unfinished } = queue.statistics();
      assert.deepEqual({ getting, putting, unfinished }, { getting: 0, putting: 0, unfinished: rest.length });
    };
    test(`${name} of maxsize ${maxsize} passes exploreCancellation`, async () => {
      const points = await exploreCancellation((x) => explore(x, false), { seeds: [1, 2], cancels: 1 });
      assert.ok(points >= 12, String(points));
      await exploreCancellation((x) => explore(x, true), { cancels: 2 });
    });
  }
  test(`${name} does what a model does, whoever gives up, is cancelled, or finds it shut down`, async () => {
    let maxsize = 0;
    await checkPipe(() => {
      const queue = make(maxsize++ % 3);
      return {
        put: (item) => queue.put(item),
        get: () => queue.get(),
        end: () => queue.shutdown(),
        left: () => {
          const { size, getting, putting } = queue.statistics();
          return { items: size, waiting: getting + putting };
        },
        fifo: name === 'Queue',
      };
    });
  });
}

fakeTest(
  'a PriorityQueue whose comparator throws loses and keeps nothing: the call fails, the queue is as before',
  async () => {
    const bad = new Error('not comparable');
    const queue = new PriorityQueue<number>(0, {
      comparator: (a, b) => {
        if (a < 0 || b < 0) throw bad;
        return a - b;
      },
    });
    for (const item of [3, 1, 2]) await queue.put(item);
    await assert.rejects(queue.put(-1), bad);
    assert.throws(() => queue.putNowait(-1), bad);
    assert.deepEqual([queue.qsize(), queue.statistics().unfinished], [3, 3]);
    assert.deepEqual([await queue.get(), queue.getNowait(), await queue.get()], [1, 2, 3]);
    for (let i = 0; i < 3; i++) queue.taskDone();
    await queue.join();
  },
);

fakeTest('a get whose comparator throws leaves the item to the next get, also one that waited', async () => {
  let broken = 0;
  const queue = new PriorityQueue<number>(0, {
    comparator: (a, b) => {
      if (broken-- > 0) throw new Error('broken');
      return a - b;
    },
  });
  const [first, second] = [createTask(() => queue.get()), createTask(() => queue.get())];
  await allTasksBlocked();
  for (const item of [1, 2, 3]) queue.putNowait(item);
  broken = 1;
  await assert.rejects(async () => first, { message: 'broken' });
  assert.equal(await second, 1);
  queue.putNowait(4);
  broken = 1;
  await assert.rejects(queue.get(), { message: 'broken' });
  broken = 1;
  assert.throws(() => queue.getNowait(), { message: 'broken' });
  assert.deepEqual([queue.getNowait(), queue.getNowait(), queue.getNowait(), queue.qsize()], [2, 3, 4, 0]);
});

fakeTest('a waiting put whose comparator throws fails, and the next one gets its place', async () => {
  const queue = new PriorityQueue<number>(2, {
    comparator: (a, b) => {
      if (a < 0 || b < 0) throw new Error('broken');
      return a - b;
    },
  });
  for (const item of [1, 2]) queue.putNowait(item);
  const failing = createTask(() => queue.put(-1));
  const next = createTask(() => queue.put(3));
  await allTasksBlocked();
  queue.getNowait();
  await assert.rejects(async () => failing, { message: 'broken' });
  await next;
  assert.deepEqual([queue.getNowait(), queue.getNowait(), queue.qsize()], [2, 3, 0]);
});
