/* oxlint-disable typescript/no-misused-promises -- finally() waits for the promise it is given: a cleanup that waits */
import assert from 'node:assert/strict';
import {
  CancelledError,
  createTask,
  type ExceptionContext,
  Future,
  gather,
  setExceptionHandler,
  sleep,
  type Task,
} from 'maitre';
import { cancelAtEveryStep } from '../support/explore.js';
import { fakeTest, nextTurn, test } from '../support/test.js';

const never = (): Promise<void> => sleep(Infinity);
const fail = (message: string): Promise<never> => Promise.reject(new Error(message));

fakeTest(
  'gather gives the results in the order of its items: functions, tasks, futures and promises',
  async (clock) => {
    const future = new Future<string>();
    future.setResult('future');
    const results = await gather([
      () => sleep(30, 'function'),
      createTask(() => sleep(10, 2)),
      future,
      Promise.resolve(true),
      () => 'at once',
    ]);
    const typed: [string, number, string, boolean, string] = results;
    assert.deepEqual(typed, ['function', 2, 'future', true, 'at once']);
    assert.equal(clock.now(), 30);
  },
);

test('gather of nothing is done at once', async () => {
  const nothing = gather([]);
  assert.equal(nothing.done(), true);
  assert.deepEqual(await nothing, []);
});

test('gather of what is done already is done at once', async () => {
  const task = createTask(() => 1, { eager: true });
  assert.deepEqual(gather([task, task]).result(), [1, 1]);
});

test('a task given twice is awaited once and appears twice; a function given twice runs twice', async () => {
  let runs = 0;
  const task = createTask(() => sleep(0, ++runs));
  const fn = (): Promise<number> => sleep(0, ++runs);
  assert.deepEqual(
    await gather([task, task, fn, fn]),
    [1, 1, 2, 3].map((_, i) => [1, 1, 2, 3][i]),
  );
  assert.equal(runs, 3);
});

fakeTest('the first error is thrown at once and the others keep running, their later errors heard', async (clock) => {
  let ended = false;
  const all = gather([
    () => sleep(10).then(() => fail('first')),
    () => sleep(20).then(() => fail('second, heard by gather')),
    () => sleep(30).then(() => (ended = true)),
  ]);
  await assert.rejects(async () => all, /first/);
  assert.equal(clock.now(), 10);
  assert.equal(all.cancel(), false, 'it is done');
  await sleep(100);
  assert.equal(ended, true);
});

fakeTest('returnExceptions puts errors and cancellations in their places', async () => {
  const cancelled = createTask(never);
  cancelled.cancel('one');
  const results = await gather([() => fail('bad'), () => sleep(10, 'good'), cancelled], { returnExceptions: true });
  assert.deepEqual(results.map(String), ['Error: bad', 'good', 'CancelledError: one']);
});

fakeTest('a cancelled child counts as one that threw CancelledError: gather ends, the others go on', async () => {
  const [one, other] = [createTask(never), createTask(() => sleep(10, 'alive'))];
  const all = gather([one, other]);
  await sleep(1);
  one.cancel('a child');
  await assert.rejects(async () => all, { name: 'CancelledError', message: 'a child' });
  assert.equal(await other, 'alive');
});

fakeTest('cancel cancels every child, and gather ends with the first to end', async () => {
  const children = [1, 2, 3].map((n) => createTask(() => never().finally(() => sleep(n * 10))));
  const all = gather(children);
  await sleep(1);
  assert.equal(all.cancel('all'), true);
  await assert.rejects(async () => all, { message: 'all' });
  assert.deepEqual(
    children.map((child) => child.done()),
    [true, false, false],
  );
  await sleep(50);
  assert.ok(children.every((child) => child.cancelled()));
});

fakeTest('cancelling a task that awaits a gather cancels every child', async () => {
  const children = [createTask(never), createTask(never)];
  const waiter = createTask(async () => gather([...children, never]));
  await sleep(1);
  waiter.cancel();
  await assert.rejects(async () => waiter, CancelledError);
  await sleep(1);
  assert.ok(children.every((child) => child.cancelled()));
});

fakeTest('a cancelled gather with returnExceptions is cancelled, once all its children have ended', async (clock) => {
  const all = gather([() => never().finally(() => sleep(50)), never], { returnExceptions: true });
  await sleep(10);
  assert.equal(all.cancel('all'), true);
  assert.equal(all.done(), false);
  await assert.rejects(async () => all, { name: 'CancelledError', message: 'all' });
  assert.equal(clock.now(), 60);
});

test('a cancelled gather of futures with returnExceptions is cancelled, and gives no results', async () => {
  const all = gather([new Future(), new Future()], { returnExceptions: true });
  assert.equal(all.cancel(), true);
  assert.equal(all.cancelled(), true);
});

fakeTest('children that swallow the cancel: gather is cancelled all the same', async () => {
  const all = gather([() => never().catch(() => 'swallowed')]);
  await sleep(1);
  all.cancel();
  await assert.rejects(async () => all, CancelledError);
});

test('cancel of a done gather returns false', async () => {
  const all = gather([() => 1]);
  await all;
  assert.equal(all.cancel(), false);
});

test('a failed gather that nobody awaits is reported once, its tasks are not', async () => {
  const reports: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => reports.push(context));
  gather([() => fail('a'), () => fail('b')]);
  await nextTurn();
  await nextTurn();
  assert.deepEqual(
    reports.map(({ message, error }) => [message, String(error)]),
    [['Gathering of 2 failed and nobody awaited it', 'Error: a']],
  );
});

test('gather throws for what is no work before it starts any', async () => {
  let started = false;
  const start = (): void => void (started = true);
  assert.throws(() => gather([start, 42 as never]), /expected functions, Tasks, Futures or promises, got 42/);
  assert.throws(() => gather('ab' as never), TypeError);
  assert.throws(() => gather([start], { signal: 1 as never }), TypeError);
  await nextTurn();
  assert.equal(started, false);
});

fakeTest('gather takes a signal, aborted later or already', async () => {
  const controller = new AbortController();
  const child = createTask(never);
  const all = gather([child], { signal: controller.signal });
  await sleep(1);
  controller.abort();
  await assert.rejects(async () => all, CancelledError);
  let started = false;
  await assert.rejects(async () => gather([() => (started = true)], { signal: controller.signal }), CancelledError);
  assert.equal(started, false);
});

test('explored: a gather and all its children end, whenever the cancel comes', async () => {
  for (const returnExceptions of [true, false]) {
    const steps = await cancelAtEveryStep(() => {
      let children: Task<unknown>[] = [];
      return {
        body: async () => {
          children = [0, 1, 2].map((n) => createTask(() => sleep(0).then(() => sleep(0, n))));
          return await gather(children, { returnExceptions: returnExceptions as false });
        },
        check: ({ task, cancels }) => {
          assert.equal(task.cancelled(), cancels === 1);
          if (cancels === 0) assert.deepEqual(task.result(), [0, 1, 2]);
          for (const [n, child] of children.entries()) assert.ok(child.cancelled() || child.result() === n);
        },
      };
    });
    assert.ok(steps > 10, `${steps} steps`);
  }
});

test('gather checks returnExceptions before it starts anything', () => {
  let started = 0;
  const items = [async () => ++started];
  assert.throws(() => gather(items, { returnExceptions: 1 as never }), {
    name: 'TypeError',
    message: 'Cannot gather: returnExceptions must be true or false, got 1',
  });
  assert.equal(started, 0);
});
