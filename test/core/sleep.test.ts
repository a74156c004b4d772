import assert from 'node:assert/strict';
import { createServer, connect } from 'node:net';
import { cancellable, CancelledError, createTask, gather, loopTime, sleep, timeout } from 'maitre';
import { host, soonCount } from '#src/core/index.js';
import { cancelAtEveryStep } from '../support/explore.js';
import { fakeTest, microtasks, nextTurn, test } from '../support/test.js';

fakeTest('sleep waits for its milliseconds and gives its value', async (clock) => {
  assert.equal(await sleep(3_600_000, 'rested'), 'rested');
  assert.equal(clock.now(), 3_600_000);
  assert.equal(await sleep(1), undefined);
});

fakeTest('sleepers wake in order of their deadlines, ties in order of their calls', async () => {
  const order: string[] = [];
  const sleeper = (name: string, ms: number) => () => sleep(ms).then(() => order.push(name));
  await gather([sleeper('c', 30), sleeper('a', 10), sleeper('b1', 20), sleeper('b2', 20)]);
  assert.deepEqual(order, ['a', 'b1', 'b2', 'c']);
});

test('sleep(0) and less is one full turn: timers, immediates and I/O get to run', async () => {
  const server = createServer((socket) => void socket.end()).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const seen = { closed: false, timed: false };
  const { port } = server.address() as { port: number };
  const socket = connect(port, '127.0.0.1').on('close', () => (seen.closed = true));
  socket.resume();
  setTimeout(() => (seen.timed = true), 1);
  const until = performance.now() + 5000;
  await createTask(async () => {
    for (let i = 0; !(seen.closed && seen.timed) && performance.now() < until; i++) await sleep(i % 2 === 0 ? 0 : -1);
  });
  await new Promise((resolve) => server.close(resolve));
  assert.deepEqual(seen, { closed: true, timed: true });
});

test('sleep(0) is not over before the next turn', async () => {
  let over = false;
  void sleep(0).then(() => (over = true));
  await microtasks(100);
  assert.equal(over, false);
  await nextTurn();
  await microtasks(3);
  assert.equal(over, true);
});

test('sleep(Infinity) ends by a cancel alone and sets no timer', async () => {
  using timers = countTimers();
  const task = createTask(() => sleep(Infinity));
  await nextTurn();
  assert.equal(timers.count, 0);
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
});

test('sleep refuses what is no number of milliseconds, by rejecting', async () => {
  await assert.rejects(sleep(Number.NaN), RangeError);
  await assert.rejects(sleep('5' as never), {
    name: 'TypeError',
    message: 'Cannot sleep: expected a number of milliseconds, got "5"',
  });
  await assert.rejects(sleep(undefined as never), TypeError);
});

test('100,000 sleeps share one host timer', async () => {
  using timers = countTimers();
  const tasks = Array.from({ length: 100_000 }, (_, i) => createTask(() => sleep(60_000 + (i % 1000))));
  await nextTurn();
  assert.ok(timers.held <= 1, `${timers.held} host timers`);
  assert.ok(timers.count < 1000, `${timers.count} timers armed`);
  for (const task of tasks) task.cancel();
  while (!tasks.every((task) => task.done())) await nextTurn(); // 1,024 hear of it in a turn
  assert.equal(timers.held, 0);
  assert.ok(tasks.every((task) => task.cancelled()));
});

test('one short thing after another, each with a time limit, arms one host timer and none holds the process afterwards', async () => {
  await sleep(1); // whatever was armed before
  using timers = countTimers();
  for (let i = 0; i < 1000; i++) await timeout(60_000 + i, () => Promise.resolve());
  assert.ok(timers.count <= 1, `${timers.count} timers armed`);
  assert.equal(timers.held, 0);
  // A shorter one is not late for it, and one that comes after is held again.
  const before = loopTime();
  const short = sleep(2);
  assert.equal(timers.held, 1);
  await short;
  assert.ok(loopTime() - before < 30_000);
  assert.equal(timers.held, 0);
});

test('a sleep is never short', async () => {
  for (const ms of [1, 2.5, 7]) {
    const before = loopTime();
    await sleep(ms);
    assert.ok(loopTime() - before >= ms, `${loopTime() - before} of ${ms} ms`);
  }
});

// ---- cancellable --------------------------------------------------------------------------------------------------

test('cancellable gives what the promise gives', async () => {
  assert.equal(await cancellable(Promise.resolve(42)), 42);
  await assert.rejects(cancellable(Promise.reject(new Error('no'))), /no/);
});

test('a cancel ends the wait for a foreign promise, not the promise', async () => {
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<never>((_, no) => (reject = no));
  const task = createTask(() => cancellable(promise));
  await nextTurn();
  task.cancel('enough');
  await assert.rejects(async () => task, { message: 'enough' });
  reject(new Error('later, and ignored'));
  await nextTurn();
});

test('cancellable in a cancelled task refuses, and the rejection of its promise is ignored', async () => {
  const task = createTask(async (self) => {
    self.cancel();
    await cancellable(Promise.reject(new Error('ignored')));
  });
  await assert.rejects(async () => task, CancelledError);
});

test('cancellable refuses what is no promise, by rejecting', async () => {
  await assert.rejects(cancellable(42 as never), /expected a promise, got 42/);
  await assert.rejects(cancellable(undefined as never), TypeError);
});

test('cancellable takes a signal', async () => {
  const controller = new AbortController();
  const wait = cancellable(new Promise(() => undefined), { signal: controller.signal });
  controller.abort();
  await assert.rejects(wait, CancelledError);
});

test('explored: sleep and cancellable end at every step and leave nothing in the next turn', async () => {
  const steps = await cancelAtEveryStep(() => ({
    body: async () => {
      await sleep(0);
      await cancellable(nextTurn());
      return await sleep(0, 'slept');
    },
    check: ({ task, cancels }) => {
      assert.equal(task.cancelled(), cancels === 1);
      assert.equal(soonCount(), 0);
    },
  }));
  assert.ok(steps > 20, `${steps} steps`);
});

/** Counts the host's timers from here on: how many were armed, and how many keep the process alive. */
function countTimers(): { readonly count: number; readonly held: number } & Disposable {
  const { setTimer, clearTimer, holdTimer } = host; // oxlint-disable-line typescript/unbound-method -- of a host without `this`
  const port = host as { -readonly [K in keyof typeof host]: (typeof host)[K] }; // a test's liberty
  const held = new Set<unknown>();
  let count = 0;
  port.setTimer = (ms, fn) => {
    count++;
    const timer = setTimer(ms, () => {
      held.delete(timer);
      fn();
    });
    held.add(timer);
    return timer;
  };
  port.clearTimer = (timer) => {
    held.delete(timer);
    clearTimer(timer);
  };
  port.holdTimer = (timer, on) => {
    if (on) held.add(timer);
    else held.delete(timer);
    holdTimer?.(timer, on);
  };
  return {
    get count() {
      return count;
    },
    get held() {
      return held.size;
    },
    [Symbol.dispose]() {
      Object.assign(port, { setTimer, clearTimer, holdTimer });
    },
  };
}
