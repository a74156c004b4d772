import assert from 'node:assert/strict';
import {
  asCompleted,
  CancelledError,
  createTask,
  type ExceptionContext,
  Future,
  gather,
  setExceptionHandler,
  sleep,
  type Task,
  TimeoutError,
  wait,
} from 'maitre';
import { cancelAtEveryStep } from '../support/explore.js';
import { fakeTest, nextTurn, test } from '../support/test.js';

const never = (): Promise<void> => sleep(Infinity);
const sleeper = (ms: number): Task<number> => createTask(() => sleep(ms, ms));
const failing = (ms: number): Task<never> =>
  createTask(() => sleep(ms).then(() => Promise.reject(new Error(`failed at ${ms}`))));

function collect(): { readonly reports: ExceptionContext[] } & Disposable {
  const reports: ExceptionContext[] = [];
  const handler = setExceptionHandler((context) => reports.push(context));
  return { reports, [Symbol.dispose]: () => handler[Symbol.dispose]() };
}

// ---- wait ---------------------------------------------------------------------------------------------------------

fakeTest('wait waits for all, and throws for no failure', async (clock) => {
  const [good, bad, gone] = [sleeper(30), failing(10), createTask(never)];
  gone.cancel();
  const { done, pending } = await wait([good, bad, gone]);
  assert.deepEqual([...done], [good, bad, gone]);
  assert.equal(pending.size, 0);
  assert.equal(clock.now(), 30);
});

fakeTest('FIRST_COMPLETED ends with the first, and done holds all that are done by then', async (clock) => {
  const [a, b, c] = [sleeper(10), sleeper(10), sleeper(20)];
  const { done, pending } = await wait([c, a, b], { returnWhen: 'FIRST_COMPLETED' });
  assert.ok(done.has(a) && pending.has(c));
  assert.equal(done.size + pending.size, 3);
  assert.equal(clock.now(), 10);
  await b;
  await c;
});

fakeTest('FIRST_EXCEPTION ends with the first failure; a cancelled task is none', async (clock) => {
  const [gone, bad, slow] = [createTask(never), failing(20), sleeper(30)];
  const waiting = wait([gone, bad, slow], { returnWhen: 'FIRST_EXCEPTION' });
  await sleep(5);
  gone.cancel();
  const { done, pending } = await waiting;
  assert.deepEqual([[...done], [...pending]], [[gone, bad], [slow]]);
  assert.equal(clock.now(), 20);
  await slow;
});

fakeTest('FIRST_EXCEPTION without a failure waits for all', async (clock) => {
  await wait([sleeper(10), sleeper(20)], { returnWhen: 'FIRST_EXCEPTION' });
  assert.equal(clock.now(), 20);
});

fakeTest('what is done already decides at once', async (clock) => {
  const [done, bad, slow] = [sleeper(1), failing(1), sleeper(100)];
  await wait([done, bad]);
  assert.equal((await wait([done, slow], { returnWhen: 'FIRST_COMPLETED' })).pending.has(slow), true);
  assert.equal((await wait([bad, slow], { returnWhen: 'FIRST_EXCEPTION' })).pending.has(slow), true);
  assert.equal((await wait([done, bad])).done.size, 2);
  assert.equal(clock.now(), 1);
  await slow;
});

fakeTest('the timeout of wait is milliseconds and ends it without an error', async (clock) => {
  const tasks = [sleeper(10), sleeper(100)];
  const { done, pending } = await wait(tasks, { timeout: 50 });
  assert.deepEqual([[...done], [...pending]], [[tasks[0]], [tasks[1]]]);
  assert.equal(clock.now(), 50);
  assert.equal((await wait(tasks, { timeout: 0 })).pending.size, 1);
  assert.equal(clock.now(), 50);
  await tasks[1];
});

fakeTest('cancelling the waiter leaves the waited tasks alone', async () => {
  const task = sleeper(100);
  const waiter = createTask(() => wait([task]));
  await sleep(10);
  waiter.cancel('only me');
  await assert.rejects(async () => waiter, { message: 'only me' });
  assert.equal(task.cancelling(), 0);
  assert.equal(task.subscribers().length, 0);
  assert.equal(await task, 100);
});

test('wait refuses promises, functions and an empty set, by rejecting', async () => {
  await assert.rejects(wait([Promise.resolve() as never]), TypeError);
  await assert.rejects(wait([(() => 1) as never]), /wrap it: createTask/);
  await assert.rejects(wait([]), RangeError);
  const done = [createTask(() => 1, { eager: true })];
  await assert.rejects(wait(done, { returnWhen: 'ANY' as never }), RangeError);
  await assert.rejects(wait(done, { returnWhen: 1 as never }), /^TypeError: Cannot wait: returnWhen must be ALL_/);
  await assert.rejects(wait(done, { timeout: 'x' as never }), TypeError);
  await assert.rejects(wait(done, { timeout: Number.NaN }), RangeError);
  await assert.rejects(wait(done, { signal: 3 as never }), TypeError);
});

fakeTest('wait takes futures, any iterable, and a signal', async () => {
  const future = new Future<number>();
  const controller = new AbortController();
  const waiting = wait(new Set([future]), { signal: controller.signal });
  await sleep(1);
  controller.abort();
  await assert.rejects(waiting, CancelledError);
  assert.equal(future.done(), false);
  future.setResult(1);
  assert.equal((await wait(new Set([future]))).done.size, 1);
});

fakeTest('an error that comes while wait waits has a receiver', async () => {
  using heard = collect();
  await wait([failing(10), sleeper(50)]);
  await sleep(50);
  assert.deepEqual(heard.reports, []);
});

fakeTest('an error that comes after wait gave up, or was cancelled, is reported', async () => {
  using heard = collect();
  await wait([failing(50)], { timeout: 10 });
  const task = failing(60);
  const waiter = createTask(() => wait([task]));
  await sleep(10);
  waiter.cancel();
  await sleep(100);
  assert.deepEqual(
    heard.reports.map(({ error }) => (error as Error).message),
    ['failed at 50', 'failed at 60'],
  );
});

// ---- asCompleted --------------------------------------------------------------------------------------------------

fakeTest('asCompleted gives the tasks themselves, in the order in which they end', async (clock) => {
  const tasks = [30, 10, 20].map(sleeper);
  const seen: [number, number][] = [];
  for await (const task of asCompleted(tasks)) {
    assert.ok(tasks.includes(task));
    seen.push([task.result(), clock.now()]);
  }
  assert.deepEqual(seen, [
    [10, 10],
    [20, 20],
    [30, 30],
  ]);
});

fakeTest('asCompleted gives failed and cancelled tasks without throwing', async () => {
  const [bad, gone] = [failing(10), createTask(never)];
  gone.cancel();
  const seen: unknown[] = [];
  for await (const task of asCompleted<Task<unknown>>([bad, gone])) seen.push(task);
  assert.deepEqual(seen, [gone, bad]);
});

fakeTest('tasks that end in one turn come in the order in which they ended', async () => {
  const futures = [0, 1, 2].map(() => new Future<number>());
  const ends = (async () => {
    const order: number[] = [];
    for await (const future of asCompleted(futures)) order.push(futures.indexOf(future));
    return order;
  })();
  await sleep(1);
  for (const i of [2, 0, 1]) futures[i]?.setResult(i);
  assert.deepEqual(await ends, [2, 0, 1]);
});

fakeTest('the timeout of asCompleted is for the whole iteration, throws, and cancels nothing', async (clock) => {
  const tasks = [10, 20, 100].map(sleeper);
  const seen: number[] = [];
  await assert.rejects(
    async () => {
      for await (const task of asCompleted(tasks, { timeout: 50 })) seen.push(task.result());
    },
    (error: TimeoutError) =>
      error instanceof TimeoutError && /50 ms passed with 1 of 3 tasks pending/.test(error.message),
  );
  assert.deepEqual(seen, [10, 20]);
  assert.equal(clock.now(), 50);
  assert.equal(await tasks[2], 100);
});

fakeTest('an iteration that timed out is over', async () => {
  const task = sleeper(100);
  const iterator = asCompleted([task], { timeout: 0 });
  await assert.rejects(iterator.next(), TimeoutError);
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  await task;
});

fakeTest('several next() at once each get a task, or the end', async () => {
  const iterator = asCompleted([20, 10].map(sleeper));
  const results = await gather([() => iterator.next(), () => iterator.next(), () => iterator.next()]);
  assert.deepEqual(
    results.map(({ done, value }) => (done === true ? 'end' : value?.result())),
    [10, 20, 'end'],
  );
});

fakeTest('cancelling the loop leaves the tasks alone', async () => {
  const task = sleeper(100);
  const loop = createTask(async () => {
    for await (const _ of asCompleted([task])) assert.fail('not reached');
  });
  await sleep(10);
  loop.cancel();
  await assert.rejects(async () => loop, CancelledError);
  assert.equal(task.cancelling(), 0);
  assert.equal(await task, 100);
});

fakeTest('every step of the iteration is a cancellation point, and a cancelled one loses no task', async () => {
  const tasks = [1, 2].map((n) => createTask(() => n, { eager: true }));
  const iterator = asCompleted(tasks);
  const task = createTask(async (self) => {
    self.cancel();
    await iterator.next();
  });
  await assert.rejects(async () => task, CancelledError);
  assert.equal((await iterator.next()).value, tasks[0]);
  assert.equal((await iterator.next()).value, tasks[1]);
});

fakeTest('leaving the loop leaves nothing on the tasks, and a later error is reported', async () => {
  using heard = collect();
  const tasks = [sleeper(10), failing(50)];
  for await (const _ of asCompleted<Task<number>>(tasks)) break;
  assert.equal(tasks[1]?.subscribers().length, 0);
  await sleep(100);
  assert.equal(heard.reports.length, 1);
});

test('asCompleted of nothing ends at once, and refuses what it cannot observe', async () => {
  for await (const _ of asCompleted([])) assert.fail('not reached');
  assert.throws(() => asCompleted([Promise.resolve() as never]), TypeError);
  assert.throws(() => asCompleted([], { timeout: Number.NaN }), RangeError);
});

// ---- explored -----------------------------------------------------------------------------------------------------

test('explored: wait and asCompleted touch no task, whenever the cancel comes', async () => {
  const waits: ((tasks: Task<number>[]) => Promise<unknown>)[] = [
    (tasks) => wait(tasks),
    (tasks) => wait(tasks, { returnWhen: 'FIRST_COMPLETED', timeout: 1000 }),
    (tasks) => wait(tasks, { timeout: 0 }),
    async (tasks) => {
      for await (const _ of asCompleted(tasks)) await nextTurn();
      await sleep(0);
    },
  ];
  for (const combinator of waits) {
    const steps = await cancelAtEveryStep(() => {
      let tasks: Task<number>[] = [];
      return {
        body: () => {
          tasks = [0, 1, 2].map((n) => createTask(() => (n === 0 ? n : sleep(0, n))));
          return combinator(tasks);
        },
        check: ({ task, cancels }) => {
          assert.equal(task.cancelled(), cancels === 1);
          assert.deepEqual(
            tasks.map((each) => each.result()),
            tasks.map((_, n) => n),
          );
          assert.ok(tasks.every((each) => each.cancelling() === 0 && each.subscribers().length === 0));
        },
      };
    });
    assert.ok(steps >= 5, `${steps} steps`);
  }
});
