import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { callAt, callLater, callSoon, type ExceptionContext, loopTime, setExceptionHandler, sleep } from 'maitre';
import { nextDeadline } from '#src/core/index.js';
import { fakeTest, microtasks, nextTurn, test } from '../support/test.js';

test('callSoon runs in the next turn, in order; what is added meanwhile waits for the turn after', async () => {
  const order: string[] = [];
  callSoon(() => {
    order.push('a');
    callSoon(() => order.push('c'));
  });
  callSoon(() => order.push('b'));
  await microtasks(10);
  assert.deepEqual(order, []);
  await nextTurn();
  assert.deepEqual(order, ['a', 'b']);
  await nextTurn();
  assert.deepEqual(order, ['a', 'b', 'c']);
});

test('a cancelled handle does not run', async () => {
  const calls: string[] = [];
  const soon = callSoon(() => calls.push('soon'));
  const later = callLater(1, () => calls.push('later'));
  {
    using _ = callLater(1, () => calls.push('disposed'));
  }
  const kept = callLater(1, () => calls.push('kept'));
  soon.cancel();
  later.cancel();
  assert.deepEqual([soon.done(), later.done(), kept.done()], [true, true, false]);
  await sleep(3);
  assert.deepEqual(calls, ['kept']);
  assert.equal(kept.done(), true);
  kept.cancel();
});

fakeTest('callLater and callAt run when their time has come, in its order', async () => {
  const order: [string, number][] = [];
  const note = (name: string) => () => void order.push([name, loopTime()]);
  callLater(20, note('later'));
  callAt(loopTime() + 10, note('at'));
  callLater(-5, note('past'));
  await sleep(30);
  assert.deepEqual(order, [
    ['past', 0],
    ['at', 10],
    ['later', 20],
  ]);
});

fakeTest('a callback that is due together with another can still cancel it', async () => {
  let ran = false;
  callLater(10, () => second.cancel());
  const second = callLater(10, () => (ran = true));
  await sleep(20);
  assert.equal(ran, false);
});

fakeTest('a callback that throws is reported and the next one runs', async () => {
  const reports: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => reports.push(context));
  let ran = false;
  callLater(10, () => {
    throw new Error('broken callback');
  });
  callLater(10, () => (ran = true));
  await sleep(20);
  assert.equal(ran, true);
  assert.deepEqual(
    reports.map(({ message, error }) => [message, String(error)]),
    [['Unhandled error in a scheduled callback', 'Error: broken callback']],
  );
});

fakeTest('callbacks run in the context they were scheduled in', async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  storage.run('soon', () => callSoon(() => seen.push(storage.getStore())));
  storage.run('later', () => callLater(1, () => seen.push(storage.getStore())));
  await sleep(2);
  assert.deepEqual(seen, ['soon', 'later']);
});

test('scheduling refuses what is no function or no time', () => {
  assert.throws(() => callSoon(1 as never), /expected a function, got 1/);
  assert.throws(() => callLater(1, undefined as never), TypeError);
  assert.throws(() => callLater(Number.NaN, () => undefined), RangeError);
  assert.throws(() => callAt('1' as never, () => undefined), TypeError);
});

test('callLater(Infinity) never runs and keeps nothing alive', () => {
  const handle = callLater(Infinity, () => undefined);
  assert.equal(nextDeadline(), undefined);
  assert.equal(handle.done(), false);
  handle.cancel();
});
