import assert from 'node:assert/strict';
import { CancelledError, createTask, every, sleep, type Task } from 'maitre';
import { exploreCancellation, type FakeClock, runWithFakeClock } from 'maitre/testing';
import { fakeTest, test } from '../support/test.js';

/** Runs a loop of ticks, with bodies of these lengths, and notes `tick@time`. */
async function ticks(
  clock: FakeClock,
  options: Parameters<typeof every>[1],
  bodies: readonly number[],
  ms = 10,
): Promise<string[]> {
  const seen: string[] = [];
  for await (const tick of every(ms, options)) {
    seen.push(`${tick}@${clock.now()}`);
    if (seen.length > bodies.length) break;
    await sleep(bodies[seen.length - 1] as number); // shorter than bodies, just tested
  }
  return seen;
}

fakeTest('every gives the number of the tick, from 1, one period after the other', async (clock) => {
  assert.deepEqual(await ticks(clock, undefined, [0, 0, 0]), ['1@10', '2@20', '3@30', '4@40']);
});

fakeTest('the time of the body does not add up: there is no drift', async (clock) => {
  const seen = await ticks(
    clock,
    {},
    Array.from({ length: 100 }, (_, i) => i % 9),
  );
  assert.equal(seen.at(-1), '101@1010');
});

fakeTest('immediate gives tick 0 at once', async (clock) => {
  assert.deepEqual(await ticks(clock, { immediate: true }, [3, 3]), ['0@0', '1@10', '2@20']);
  assert.equal((await every(10, { immediate: false }).next()).value, 1);
});

fakeTest('skip, the default: missed ticks are left out but for the latest, which comes at once', async (clock) => {
  assert.deepEqual(await ticks(clock, undefined, [35, 0, 0, 5]), ['1@10', '4@45', '5@50', '6@60', '7@70']);
});

fakeTest('skip: a late tick within its period is not left out', async (clock) => {
  assert.deepEqual(await ticks(clock, { missed: 'skip' }, [15, 0]), ['1@10', '2@25', '3@30']);
});

fakeTest('burst: all missed ticks come, one after the other, until it has caught up', async (clock) => {
  assert.deepEqual(await ticks(clock, { missed: 'burst' }, [35, 0, 0, 0, 0]), [
    '1@10',
    '2@45',
    '3@45',
    '4@45',
    '5@50',
    '6@60',
  ]);
});

fakeTest('delay: the next tick is a full period after a late one', async (clock) => {
  assert.deepEqual(await ticks(clock, { missed: 'delay' }, [35, 0, 13, 0]), ['1@10', '2@45', '3@55', '4@68', '5@78']);
});

test('a body that is always late cannot starve the loop', async () => {
  const iterator = every(1, { missed: 'burst' });
  const until = performance.now() + 20;
  while (performance.now() < until); // twenty ticks are late
  let turns = 0;
  const other = createTask(async () => {
    for (; turns < 10; turns++) await sleep(0);
  });
  for (let i = 0; i < 12; i++) await iterator.next();
  assert.equal(turns, 10);
  await other;
});

fakeTest('the grid begins at the call, not at the first next()', async (clock) => {
  const iterator = every(10);
  await sleep(25);
  assert.equal((await iterator.next()).value, 2);
  assert.equal(clock.now(), 25);
  assert.equal((await iterator.next()).value, 3);
  assert.equal(clock.now(), 30);
});

test('a loop that was blocked goes on on the grid', async () => {
  const start = performance.now();
  const iterator = every(20);
  await iterator.next();
  while (performance.now() - start < 110); // nobody else gets to run
  const { value: late } = await iterator.next();
  const { value: next } = await iterator.next();
  assert.ok(late >= 5, `tick ${late} after 110 ms`);
  assert.ok(next > late); // late + 1, unless the machine itself was busy: the fake clock below is exact
  assert.ok(performance.now() - start >= next * 20 - 1);
});

fakeTest('after a body that took some periods the next ticks are those of the grid', async (clock) => {
  const iterator = every(20);
  assert.equal((await iterator.next()).value, 1);
  await sleep(90);
  assert.equal((await iterator.next()).value, 5);
  assert.equal(clock.now(), 110);
  assert.equal((await iterator.next()).value, 6);
  assert.equal(clock.now(), 120);
});

test('a wall clock that jumps changes nothing', async () => {
  const { now } = Date;
  try {
    const start = performance.now();
    const iterator = every(10);
    Date.now = () => now() + 3_600_000;
    assert.equal((await iterator.next()).value, 1);
    Date.now = () => now() - 3_600_000;
    const { value } = await iterator.next();
    assert.ok(value >= 2 && value < 50, `tick ${value}`);
    assert.ok(performance.now() - start >= 19);
  } finally {
    Date.now = now;
  }
});

fakeTest('it is cancellable at each tick, and a cancelled one is not lost', async (clock) => {
  const iterator = every(10);
  const task: Task<unknown> = createTask(() => iterator.next());
  await sleep(5);
  task.cancel();
  await assert.rejects(task.then(), CancelledError);
  assert.deepEqual(await iterator.next(), { done: false, value: 1 });
  assert.equal(clock.now(), 10);
});

fakeTest('a signal cancels it', async () => {
  const controller = new AbortController();
  const iterator = every(10, { signal: controller.signal });
  const waiting = iterator.next();
  controller.abort();
  await assert.rejects(waiting, CancelledError);
  await assert.rejects(iterator.next(), CancelledError);
});

fakeTest('after return it has ended', async () => {
  const iterator = every(10);
  assert.deepEqual(await iterator.return?.(), { done: true, value: undefined });
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  assert.equal(iterator[Symbol.asyncIterator](), iterator);
});

fakeTest('options are checked at the call', () => {
  for (const ms of [0, -1, Infinity]) {
    assert.throws(() => every(ms), {
      name: 'RangeError',
      message: `Cannot tick: expected a number of milliseconds > 0, got ${ms}`,
    });
  }
  assert.throws(() => every(NaN), RangeError);
  assert.throws(() => every('10' as never), { name: 'TypeError' });
  assert.throws(() => every(10, { missed: 'never' as never }), {
    name: 'RangeError',
    message: 'Cannot tick: missed must be skip, burst or delay, got "never"',
  });
  for (const options of [{ missed: 1 }, { missed: null }, { immediate: 'yes' }] as object[]) {
    assert.throws(() => every(10, options), TypeError);
  }
});

test('every passes exploreCancellation', async () => {
  const points = await exploreCancellation(async (x) => {
    const seen: number[] = [];
    x.task('ticker', async () => {
      for await (const tick of every(10, { missed: 'burst' })) {
        seen.push(tick);
        if (tick === 4) break;
      }
    });
    await x.settled();
    assert.deepEqual(seen, [1, 2, 3, 4].slice(0, seen.length));
  });
  assert.equal(points, 13);
});

test('a clock that goes back delays the next tick by no more than a period', async () => {
  const ticks = await runWithFakeClock(async () => {
    await sleep(1e6);
    const made = every(100);
    await made.next();
    return made;
  });
  await runWithFakeClock(async (clock) => {
    assert.deepEqual([(await ticks.next()).value, (await ticks.next()).value], [2, 3]);
    assert.equal(clock.now(), 200);
  });
});

fakeTest('ticks that are ended while next() waits give no tick any more', async () => {
  const ticks = every(100);
  const next = ticks.next();
  await ticks.return?.();
  assert.deepEqual(await next, { done: true, value: undefined });
});
