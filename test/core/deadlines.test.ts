import assert from 'node:assert/strict';
import { callLater, createTask, loopTime, sleep } from 'maitre';
import { FakeClock } from 'maitre/testing';
import { nextDeadline, replaceTime } from '#src/core/index.js';
import { nextTurn, test } from '../support/test.js';

test('an earlier deadline is met although the host timer was armed for a later one', async () => {
  const late = callLater(60_000, () => undefined);
  const before = loopTime();
  await sleep(2);
  assert.ok(loopTime() - before < 5000);
  late.cancel();
});

// ---- the replaced clock ---------------------------------------------------------------------------------------------

test('deadlines of the host clock stand still while it is replaced and go on afterwards', async () => {
  let rang = false;
  callLater(1, () => (rang = true));
  {
    using clock = new FakeClock();
    await clock.advance(1000);
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(rang, false);
  }
  await sleep(1);
  assert.equal(rang, true);
});

test('a sleep on the host clock can be cancelled while the clock is replaced', async () => {
  const [one, other] = [createTask(() => sleep(50_000)), createTask(() => sleep(60_000))];
  await nextTurn();
  {
    using _ = new FakeClock();
    const faked = callLater(10, () => undefined);
    one.cancel();
    other.cancel();
    faked.cancel();
    await nextTurn();
  }
  assert.deepEqual([one.cancelled(), other.cancelled()], [true, true]);
  assert.equal(nextDeadline(), undefined);
});

test('a sleep on a fake clock that is gone can still be cancelled, and touches no other deadline', async () => {
  const clock = new FakeClock();
  const task = createTask(() => sleep(1000));
  await nextTurn();
  clock[Symbol.dispose]();
  const real = callLater(60_000, () => undefined);
  task.cancel();
  await nextTurn();
  assert.equal(task.cancelled(), true);
  assert.equal(nextDeadline(), real.when);
  real.cancel();
});

test('the clock is replaced by one at a time', () => {
  using _ = replaceTime({ now: () => 5 });
  assert.equal(loopTime(), 5);
  assert.throws(() => new FakeClock(), /it is replaced already/);
});
