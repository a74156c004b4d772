import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { callLater, CancelledError, createTask, rateLimit, sleep, type Task } from 'maitre';
import { allTasksBlocked, exploreCancellation, runWithFakeClock } from 'maitre/testing';
import { fakeTest, test } from '../support/test.js';

fakeTest('rateLimit lets the first `count` through at once, then `count` per period, evenly', async (clock) => {
  const limiter = rateLimit(2, 100);
  const times: number[] = [];
  for (let i = 0; i < 6; i++) {
    await limiter.acquire();
    times.push(clock.now());
  }
  assert.deepEqual(times, [0, 0, 50, 100, 150, 200]);
});

fakeTest('what is not used is saved, up to `count`', async (clock) => {
  const limiter = rateLimit(3, 30);
  for (let i = 0; i < 3; i++) await limiter.acquire();
  await sleep(1000);
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    await limiter.acquire();
    times.push(clock.now() - 1000);
  }
  assert.deepEqual(times, [0, 0, 0, 10, 20]);
});

fakeTest('it is first come, first served', async () => {
  const limiter = rateLimit(1, 10);
  const order: number[] = [];
  const tasks = [0, 1, 2, 3].map((id) => createTask(() => limiter.acquire().then(() => order.push(id))));
  for (const task of tasks) await task;
  assert.deepEqual(order, [0, 1, 2, 3]);
});

fakeTest('tryAcquire takes one if it is allowed now, and never waits', async () => {
  const limiter = rateLimit(2, 100);
  assert.deepEqual([limiter.tryAcquire(), limiter.tryAcquire(), limiter.tryAcquire()], [true, true, false]);
  await sleep(49);
  assert.equal(limiter.tryAcquire(), false);
  await sleep(2);
  assert.equal(limiter.tryAcquire(), true);
});

fakeTest('tryAcquire does not overtake those who wait', async () => {
  const limiter = rateLimit(1, 10);
  await limiter.acquire();
  const task = createTask(() => limiter.acquire());
  await sleep(9.5);
  assert.equal(limiter.tryAcquire(), false);
  await task;
  assert.equal(limiter.tryAcquire(), false);
});

fakeTest('one that is cancelled does not count: those behind it move up', async (clock) => {
  const limiter = rateLimit(1, 10);
  const times: number[] = [];
  const tasks = [0, 1, 2, 3].map((id) =>
    createTask(async () => {
      await limiter.acquire();
      times[id] = clock.now();
    }),
  );
  await sleep(5);
  tasks[1]?.cancel();
  await sleep(50);
  assert.deepEqual(
    [0, 2, 3].map((id) => times[id]),
    [0, 10, 20],
  );
  assert.equal(times[1], undefined);
});

fakeTest('acquire is a cancellation point also when it need not wait, and then takes nothing', async () => {
  const limiter = rateLimit(1, 1000);
  await assert.rejects(limiter.acquire({ signal: AbortSignal.abort() }), CancelledError);
  const task = createTask(async () => {
    task.cancel();
    await limiter.acquire();
  });
  await assert.rejects(task.then(), CancelledError);
  assert.ok(limiter.tryAcquire());
});

fakeTest('one that had its token and is cancelled before it goes on gives it to the next', async (clock) => {
  const limiter = rateLimit(1, 10);
  await limiter.acquire();
  const [a, b] = [0, 1].map(() => createTask(() => limiter.acquire())) as [Task<void>, Task<void>];
  await allTasksBlocked();
  callLater(10, () => a.cancel()); // due with the token, and after it
  await b;
  assert.ok(a.cancelled());
  assert.equal(clock.now(), 10);
});

test('who comes when the loop was blocked does not overtake those who wait', async () => {
  const limiter = rateLimit(1, 10);
  await limiter.acquire();
  const order: string[] = [];
  const waiting = limiter.acquire().then(() => order.push('first'));
  const until = performance.now() + 15;
  while (performance.now() < until); // its token is there by now
  assert.equal(limiter.tryAcquire(), false);
  await limiter.acquire().then(() => order.push('second'));
  await waiting;
  assert.deepEqual(order, ['first', 'second']);
});

fakeTest('many who wait get theirs evenly', async (clock) => {
  const limiter = rateLimit(2, 20);
  const times: number[] = [];
  const tasks = Array.from({ length: 8 }, () =>
    createTask(async () => {
      await limiter.acquire();
      times.push(clock.now());
    }),
  );
  for (const task of tasks) await task;
  assert.deepEqual(times, [0, 0, 10, 20, 30, 40, 50, 60]);
});

fakeTest('count and ms are checked', () => {
  for (const [count, ms] of [
    [0, 1],
    [0.5, 1],
    [1, 0],
    [1, -1],
    [Infinity, 1],
    [1, Infinity],
    [NaN, 1],
  ] as const) {
    assert.throws(() => rateLimit(count, ms), {
      name: 'RangeError',
      message: /^Cannot limit the rate: (count must be a finite number >= 1|ms must be a .*milliseconds > 0), got /,
    });
  }
  assert.throws(() => rateLimit(1, NaN), RangeError);
  assert.throws(() => rateLimit('1' as never, 1), {
    name: 'TypeError',
    message: 'Cannot limit the rate: count must be a finite number >= 1, got "1"',
  });
  assert.throws(() => rateLimit(1, '1' as never), TypeError);
});

test('never are there more than `count` and what its time allows, and nobody waits for nothing', async () => {
  const ms = fc.integer({ min: 0, max: 60 });
  const life = fc.record({ at: ms, cancelledAt: fc.option(ms, { nil: undefined }) });
  const property = fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(life, { maxLength: 15 }), (count, lives) =>
    runWithFakeClock(async (clock) => {
      const limiter = rateLimit(count, 20);
      const times: number[] = [];
      const tasks = lives.map(({ at }) =>
        createTask(async () => {
          await sleep(at);
          await limiter.acquire();
          times.push(clock.now());
        }),
      );
      for (const [who, { cancelledAt }] of lives.entries()) {
        if (cancelledAt !== undefined) createTask(async () => (await sleep(cancelledAt), tasks[who]?.cancel()));
      }
      for (const task of tasks) await task.catch(() => undefined);
      for (const [index, from] of times.entries()) {
        for (const [more, to] of times.slice(index).entries()) {
          const allowed = count + ((to - from) * count) / 20;
          assert.ok(more + 1 <= allowed + 0.001, `${more + 1} from ${from} to ${to}, ${count} per 20`);
        }
      }
      const last = Math.max(0, ...lives.map(({ at }) => at));
      assert.ok((times.at(-1) ?? 0) <= last + (20 / count) * lives.length);
      assert.equal(String(limiter), `<RateLimiter ${count} per 20 ms, 0 waiting>`);
    }),
  );
  await fc.assert(property, { numRuns: 60 });
});

test('rateLimit passes exploreCancellation: a cancelled one does not count', async () => {
  const points = await exploreCancellation(
    async (x) => {
      const limiter = rateLimit(1, 10);
      for (const name of ['a', 'b', 'c']) x.task(name, () => limiter.acquire());
      await x.settled();
      await sleep(31);
      assert.ok(limiter.tryAcquire());
      assert.ok(!limiter.tryAcquire());
    },
    { cancels: 2 },
  );
  assert.ok(points > 20);
});

test('a clock that goes back takes no tokens away, and delays nobody for longer than a period', async () => {
  const limiter = await runWithFakeClock(async () => {
    await sleep(1e6);
    const made = rateLimit(2, 100);
    await made.acquire();
    return made;
  });
  await runWithFakeClock(async (clock) => {
    assert.equal(clock.now(), 0); // a million milliseconds back
    assert.equal(limiter.tryAcquire(), true);
    assert.equal(limiter.tryAcquire(), false);
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      await limiter.acquire();
      times.push(clock.now());
    }
    assert.deepEqual(times, [50, 100, 150]);
  });
});
