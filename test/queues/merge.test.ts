import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import {
  CancelledError,
  channel,
  createTask,
  currentTask,
  every,
  type ExceptionContext,
  Future,
  merge,
  Queue,
  QueueShutDown,
  setExceptionHandler,
  sleep,
  type Task,
  timeout,
  TimeoutError,
} from 'maitre';
import { allTasksBlocked, exploreCancellation } from 'maitre/testing';
import { fakeTest, test } from '../support/test.js';

/** Gives items 10 ms apart, and notes its end. */
async function* source<T>(items: readonly T[], ended: string[] = [], name = ''): AsyncGenerator<T> {
  try {
    for (const item of items) {
      await sleep(10);
      yield item;
    }
  } finally {
    ended.push(name);
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function queueOf(...items: string[]): Queue<string> {
  const queue = new Queue<string>();
  for (const item of items) queue.putNowait(item);
  return queue;
}

fakeTest('merge gives the items of all sources as they come, until all have ended', async () => {
  const late = async function* (): AsyncGenerator<string> {
    await sleep(15);
    yield 'late';
  };
  assert.deepEqual(await collect(merge(source(['a1', 'a2']), late(), source(['b1', 'b2', 'b3']))), [
    'a1',
    'b1',
    'late',
    'a2',
    'b2',
    'b3',
  ]);
});

fakeTest('merge of nothing, and of empty sources, ends at once', async () => {
  assert.deepEqual(await collect(merge()), []);
  assert.deepEqual(await collect(merge(source([]), source([]))), []);
});

fakeTest('a slow consumer slows the sources: each is asked for one item ahead at most', async () => {
  let made = 0;
  const eager = async function* (): AsyncGenerator<number> {
    for (;;) yield ++made;
  };
  const merged = merge(eager(), eager());
  for (let taken = 1; taken <= 10; taken++) {
    await merged.next();
    await sleep(100);
    assert.ok(made <= taken + 1, `${made} made, ${taken} taken`);
  }
  await merged.return?.();
});

fakeTest('a busy source does not starve another', async () => {
  const busy = queueOf(...Array.from({ length: 100 }, (_, i) => `busy ${i}`));
  const items: string[] = [];
  for await (const item of merge(busy, queueOf('calm'))) {
    items.push(item);
    if (item === 'calm') break;
  }
  assert.ok(items.length <= 3, items.join());
});

fakeTest('an error of one source ends the others, then comes through, after the items before it', async () => {
  const ended: string[] = [];
  const failing = async function* (): AsyncGenerator<string> {
    await sleep(15);
    throw new Error('burnt');
  };
  const got: string[] = [];
  await assert.rejects(
    async () => {
      for await (const item of merge(source(['a', 'b'], ended, 'source'), failing())) got.push(item);
    },
    { message: 'burnt' },
  );
  assert.deepEqual([got, ended], [['a'], ['source']]);
});

fakeTest('a source that throws in its next() itself, and one that gives no promise, are sources', async () => {
  const iterable = (next: () => unknown): AsyncIterable<string> => ({
    [Symbol.asyncIterator]: () => ({ next: next as () => Promise<IteratorResult<string>> }),
  });
  let left = 2;
  const plain = iterable(() => (left-- > 0 ? { done: false, value: 'plain' } : { done: true, value: undefined }));
  assert.deepEqual(await collect(merge(plain)), ['plain', 'plain']);
  const throwing = iterable(() => {
    throw new Error('at once');
  });
  await assert.rejects(collect(merge(throwing)), { message: 'at once' });
});

fakeTest(
  'what a source throws while an error of another ends it is reported, the first error comes through',
  async () => {
    const reports: ExceptionContext[] = [];
    using _ = setExceptionHandler((context) => reports.push(context));
    const second = async function* (): AsyncGenerator<string> {
      try {
        yield 'x';
        await sleep(1000);
      } finally {
        throw new Error('second');
      }
    };
    const failing = async function* (): AsyncGenerator<string> {
      await sleep(10);
      throw new Error('first');
    };
    await assert.rejects(collect(merge(second(), failing())), { message: 'first' });
    assert.deepEqual(
      reports.map(({ message, error }) => [message, (error as Error).message]),
      [['A source of merge failed when it was ended', 'second']],
    );
  },
);

fakeTest('leaving the loop ends every source: generators run their finally, nothing is left running', async (clock) => {
  const ended: string[] = [];
  const forever = source([1, 2, 3], ended, 'a');
  const sleeper = async function* (): AsyncGenerator<number> {
    try {
      await sleep(1_000_000);
    } finally {
      ended.push('sleeper');
    }
  };
  for await (const item of merge(forever, sleeper())) if (item === 1) break;
  assert.deepEqual(ended.sort(), ['a', 'sleeper']);
  assert.equal(clock.now(), 10, 'it waited for the sleeper');
});

fakeTest('leaving the loop takes the waits at queues back: the next item is not stolen', async () => {
  const a = queueOf('a');
  const b = queueOf();
  for await (const item of merge(a, b)) {
    assert.equal(item, 'a');
    break;
  }
  assert.deepEqual([a.statistics().getting, b.statistics().getting], [0, 0]);
  b.putNowait('b');
  await allTasksBlocked();
  assert.equal(b.getNowait(), 'b');
});

fakeTest('after its end, next() gives the end', async () => {
  const merged = merge(queueOf('a'));
  await merged.return?.();
  assert.deepEqual(await merged.next(), { done: true, value: undefined });
  await merged.return?.();
});

fakeTest('a cancelled consumer takes back what it asked for, loses nothing, and may go on', async () => {
  const a = queueOf();
  const b = queueOf();
  const merged = merge(a, b);
  const task: Task<string> = createTask(async () => {
    for (;;) {
      try {
        const { value = 'end' } = await merged.next();
        return value;
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
        task.uncancel();
      }
    }
  });
  for (let i = 0; i < 3; i++) {
    await allTasksBlocked();
    task.cancel();
  }
  await allTasksBlocked();
  assert.equal(task.done(), false);
  b.putNowait('b');
  assert.equal(await task, 'b');
  a.putNowait('a');
  assert.deepEqual(await merged.next(), { done: false, value: 'a' });
  await merged.return?.();
});

fakeTest('a cancelled consumer that does not go on leaves no wait and no task behind', async () => {
  const a = queueOf();
  const b = queueOf();
  const task = createTask(() => collect(merge(a, b)));
  await allTasksBlocked();
  task.cancel();
  await assert.rejects(task.then(), CancelledError);
  await allTasksBlocked();
  assert.deepEqual([a.statistics().getting, b.statistics().getting], [0, 0]);
});

fakeTest('so does one whose cancel comes before its next()', async () => {
  const a = queueOf('a');
  const b = queueOf();
  const task: Task<unknown> = createTask(async () => {
    for await (const _ of merge(a, b)) task.cancel();
  });
  await assert.rejects(task.then(), CancelledError);
  await allTasksBlocked();
  assert.deepEqual([a.statistics().getting, b.statistics().getting], [0, 0]);
});

fakeTest("a timeout in the consumer's body does not disturb the sources", async () => {
  const got: string[] = [];
  const queue = queueOf('start');
  for await (const item of merge(queue, source(['g1', 'g2']))) {
    got.push(item);
    if (item === 'start') {
      await assert.rejects(
        timeout(5, () => sleep(50)),
        TimeoutError,
      );
      queue.shutdown();
    }
  }
  assert.deepEqual(got, ['start', 'g1', 'g2']);
});

fakeTest('a CancelledError of a source itself is an error like any', async () => {
  const future = new Future<string>();
  const dependent = async function* (): AsyncGenerator<string> {
    yield await future;
  };
  const task = createTask(() => collect(merge(dependent(), queueOf())));
  await allTasksBlocked();
  future.cancel('by somebody else');
  await assert.rejects(task.then(), { name: 'CancelledError', message: 'by somebody else' });
});

fakeTest('a foreign source that does not notice the cancel holds nothing up, and its item is not lost', async () => {
  let send: (item: string) => void = () => undefined;
  const foreign: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise((resolve) => (send = (value) => resolve({ done: false, value }))),
    }),
  };
  const merged = merge(foreign, queueOf());
  await assert.rejects(
    timeout(10, () => merged.next()),
    TimeoutError,
  );
  send('kept');
  assert.deepEqual(await merged.next(), { done: false, value: 'kept' });
  await merged.return?.();
});

fakeTest('several tasks may share a merge: each item goes to one, and a cancel passes the wake-up on', async () => {
  const queue = queueOf();
  const merged = merge(queue);
  const [a, b] = [0, 1].map(() => createTask(() => merged.next())) as [
    Task<IteratorResult<string>>,
    Task<IteratorResult<string>>,
  ];
  await allTasksBlocked();
  queue.putNowait('x');
  await Promise.resolve();
  a.cancel();
  assert.equal((await b).value, 'x');
  const ends = [0, 1].map(() => createTask(() => merged.next()));
  await allTasksBlocked();
  queue.shutdown();
  for (const end of ends) assert.equal((await end).done, true);
});

fakeTest('the sources see a task of their own, and every() and channels can be sources', async () => {
  const [sender, receiver] = channel<string>();
  const consumer = currentTask();
  const names: (string | undefined)[] = [];
  const spy = async function* (): AsyncGenerator<string> {
    names.push(currentTask()?.name);
    assert.notEqual(currentTask(), consumer);
    yield 'spy';
  };
  createTask(async () => {
    using _ = sender;
    await sleep(15);
    await sender.send('sent');
  });
  const got: unknown[] = [];
  for await (const item of merge(every(10), receiver, spy())) {
    got.push(item);
    if (item === 3) break;
  }
  assert.deepEqual(got, ['spy', 1, 'sent', 2, 3]);
  assert.deepEqual(names, ['merge']);
});

test('a stream of Node is a source', async () => {
  const stream = new PassThrough({ encoding: 'utf8' });
  stream.write('a');
  const got: unknown[] = [];
  const queue = queueOf('b');
  for await (const item of merge(stream, queue)) {
    got.push(item);
    if (got.length < 2) continue;
    queue.shutdown();
    stream.end();
  }
  assert.deepEqual(got.sort(), ['a', 'b']);
  assert.ok(stream.destroyed);
});

fakeTest('a foreign source that does not end can be left by a cancel', async () => {
  let release: (() => void) | undefined;
  const stuck = async function* (): AsyncGenerator<string> {
    await new Promise<void>((resolve) => (release = resolve));
    yield 'late';
  };
  const leaving = createTask(async () => {
    for await (const _ of merge(queueOf('a'), stuck())) break;
  });
  await sleep(1000);
  assert.equal(leaving.done(), false);
  leaving.cancel();
  await assert.rejects(leaving.then(), CancelledError);
  release?.();
});

fakeTest(
  'what a source throws as the loop is left is thrown when it was idle, and reported when it was asked',
  async () => {
    const reports: unknown[] = [];
    using _ = setExceptionHandler(({ error }) => reports.push((error as Error).message));
    const rude = async function* (name: string): AsyncGenerator<string> {
      try {
        yield name;
        await sleep(1000);
      } finally {
        throw new Error(name);
      }
    };
    await assert.rejects(
      async () => {
        for await (const _item of merge(rude('idle'))) break;
      },
      { message: 'idle' },
    );
    const merged = merge(rude('asked'), queueOf('x', 'y'));
    for (let i = 0; i < 3; i++) await merged.next();
    await merged.return?.();
    assert.deepEqual(reports, ['asked']);
  },
);

fakeTest('anything but async iterables is a TypeError', () => {
  assert.throws(() => merge([1] as never), {
    name: 'TypeError',
    message: 'Cannot merge: expected async iterables, got an array',
  });
  assert.throws(() => merge(queueOf(), undefined as never), TypeError);
});

test('merge passes exploreCancellation: what it has not given is still in the queues', async () => {
  const points = await exploreCancellation(
    async (x) => {
      const queues = [new Queue<string>(), new Queue<string>(1)];
      const sent: string[] = [];
      const got: string[] = [];
      const merged = merge(...queues);
      for (const [who, queue] of queues.entries()) {
        x.task(`producer ${who}`, async () => {
          for (let i = 0; i < 2; i++) {
            await queue.put(`${who}${i}`);
            sent.push(`${who}${i}`);
            await sleep(who);
          }
        });
      }
      x.task('consumer', async () => {
        for (let i = 0; i < 3; i++) {
          const { done, value } = await merged.next();
          if (done === true) return;
          got.push(value);
        }
      });
      await sleep(20);
      for (const queue of queues) queue.shutdown();
      await x.settled().catch((error: unknown) => {
        if (!(error instanceof QueueShutDown)) throw error; // a put still waited
      });
      for (;;) {
        const { done, value } = await merged.next();
        if (done === true) break;
        got.push(value);
      }
      for (const item of sent) assert.ok(got.includes(item), `lost: ${item}`);
      assert.equal(new Set(got).size, got.length);
    },
    { seeds: [1, 2], cancels: 2 },
  );
  assert.ok(points > 100, String(points));
});

test("consumers that share a merge pass exploreCancellation: a wake-up of one that is cancelled is another one's", async () => {
  await exploreCancellation(
    async (x) => {
      const queue = queueOf();
      const merged = merge(queue);
      const got: string[] = [];
      for (const name of ['a', 'b', 'c']) {
        x.task(name, async () => {
          const { done, value } = await merged.next();
          if (done !== true) got.push(value);
        });
      }
      await sleep(1);
      queue.putNowait('x');
      await sleep(1);
      assert.deepEqual(got, ['x'], 'it lies there, and two wait for it');
      queue.shutdown();
      await x.settled();
    },
    { seeds: [1] },
  );
});
