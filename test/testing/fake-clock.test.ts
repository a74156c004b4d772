import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import {
  callLater,
  CancelledError,
  createTask,
  Future,
  gather,
  loopTime,
  setExceptionHandler,
  sleep,
  timeout,
} from 'maitre';
import { FakeClock, runWithFakeClock } from 'maitre/testing';
import { nextTurn, test } from '../support/test.js';

// ---- FakeClock ----------------------------------------------------------------------------------------------------

test('a FakeClock stands still until it is moved, and loopTime is its time', async () => {
  using clock = new FakeClock();
  let rang = false;
  callLater(10, () => (rang = true));
  await new Promise((resolve) => setTimeout(resolve, 15));
  assert.deepEqual([clock.now(), loopTime(), rang], [0, 0, false]);
  await clock.advance(10);
  assert.deepEqual([clock.now(), loopTime(), rang], [10, 10, true]);
});

test('advance fires what is due by then and nothing later', async () => {
  using clock = new FakeClock();
  const fired: number[] = [];
  for (const ms of [30, 10, 20, 21]) callLater(ms, () => fired.push(ms));
  await clock.advance(20);
  assert.deepEqual(fired, [10, 20]);
  await clock.advance(100);
  assert.deepEqual(fired, [10, 20, 21, 30]);
});

test('elapse takes the time of code that keeps the loop: what is due meanwhile fires afterwards', async () => {
  const rang: number[] = [];
  await runWithFakeClock(async (clock) => {
    for (const ms of [5, 10, 40]) callLater(ms, () => void rang.push(clock.now()));
    clock.elapse(30);
    assert.deepEqual([loopTime(), rang], [30, []]);
    await sleep(20);
    assert.deepEqual([loopTime(), rang], [50, [30, 30, 40]]);
  });
});

test('advance stops at every deadline on the way: what follows a sleep of 10 happens at 10', async () => {
  using clock = new FakeClock();
  const times: number[] = [];
  const task = createTask(async () => {
    for (let i = 0; i < 3; i++) {
      await sleep(10);
      times.push(clock.now());
    }
  });
  await clock.advance(100);
  assert.deepEqual(times, [10, 20, 30]);
  assert.equal(clock.now(), 100);
  await task;
});

test('advance(0) lets happen what can happen now', async () => {
  using clock = new FakeClock();
  const task = createTask(() => sleep(0, 'done'));
  await clock.advance(0);
  assert.equal(task.result(), 'done');
});

test('time never goes back, not even when advances overlap', async () => {
  using clock = new FakeClock();
  await Promise.all([clock.advance(5), clock.advance(50)]);
  assert.equal(clock.now(), 50);
  await Promise.all([clock.advance(50), clock.advance(5)]);
  assert.ok(clock.now() >= 100);
});

test('advance refuses what is no duration, by rejecting', async () => {
  using clock = new FakeClock();
  await assert.rejects(clock.advance(-1), RangeError);
  await assert.rejects(clock.advance(Number.NaN), RangeError);
  await assert.rejects(clock.advance('1' as never), TypeError);
});

test('disposing gives the host clock back', () => {
  const before = loopTime();
  {
    using _ = new FakeClock();
    assert.equal(loopTime(), 0);
  }
  assert.ok(loopTime() >= before);
});

// ---- runWithFakeClock ----------------------------------------------------------------------------------------------

test('runWithFakeClock jumps to the next deadline whenever every task waits: hours take no time', async () => {
  const before = performance.now();
  const value = await runWithFakeClock(async (clock) => {
    await gather([() => sleep(3_600_000), () => sleep(7_200_000)]);
    assert.equal(clock.now(), 7_200_000);
    return 'rested';
  });
  assert.equal(value, 'rested');
  assert.ok(performance.now() - before < 2000);
});

test('it rejects with what the body throws, and gives the clock back', async () => {
  await assert.rejects(
    runWithFakeClock(() => Promise.reject(new Error('in the body'))),
    /in the body/,
  );
  assert.ok(loopTime() > 0);
});

test('it does not jump while real I/O is on its way to a task that runs', async () => {
  const server = createServer((socket) => void socket.end('hello')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await runWithFakeClock(async (clock) => {
    const text = await timeout(
      1000,
      () =>
        new Promise<string>((resolve) => {
          connect(port, '127.0.0.1').on('data', (data) => resolve(String(data)));
        }),
    );
    assert.equal(text, 'hello');
    assert.equal(clock.now(), 0);
  });
  await new Promise((resolve) => server.close(resolve));
});

test('an advance by hand is not overtaken by jumps', async () => {
  await runWithFakeClock(async (clock) => {
    const task = createTask(() => sleep(1000));
    await clock.advance(400);
    assert.equal(clock.now(), 400);
    assert.equal(task.done(), false);
    await task;
    assert.equal(clock.now(), 1000);
  });
});

test('callLater(Infinity) is no deadline to jump to', async () => {
  await runWithFakeClock(async (clock) => {
    callLater(Infinity, () => undefined);
    await sleep(10);
    await nextTurn();
    assert.equal(clock.now(), 10);
  });
});

test('when all tasks wait and no deadline is left, it rejects with a list of the waits', async () => {
  const future = new Future<void>();
  const stuck = runWithFakeClock(async () => {
    createTask(() => sleep(Infinity), { name: 'stuck' });
    await future;
  });
  await assert.rejects(stuck, (error: Error) => {
    assert.match(error.message, /every task waits and no deadline is set/);
    assert.match(error.message, /<Task "main" pending, waits for await>/);
    assert.match(error.message, /<Task "stuck" pending, waits for sleep>/);
    return true;
  });
});

test('tasks left at the end of the body are cancelled and awaited, their errors reported', async () => {
  const errors: string[] = [];
  using _ = setExceptionHandler(({ error }) => errors.push(String(error)));
  let ended: unknown;
  await runWithFakeClock(async () => {
    createTask(() => sleep(1e6).catch((error: unknown) => (ended = error)));
    createTask(() => sleep(1e6).catch(() => Promise.reject(new Error('left'))));
    await sleep(1);
  });
  assert.ok(ended instanceof CancelledError);
  assert.deepEqual(errors, ['Error: left']);
});
