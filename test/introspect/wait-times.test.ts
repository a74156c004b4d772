import assert from 'node:assert/strict';
import { createTask, Lock, sleep } from 'maitre';
import { countSteps, takeSnapshot } from '#src/introspect/index.js';
import { isUnusual, WaitTimes } from '#src/introspect/wait-times.js';
import { fakeTest, test } from '../support/test.js';
import { wait } from './rows.js';

fakeTest('a wait is unusual from a second on, if it is longer than 99 of 100 of its kind', async (clock) => {
  const lock = new Lock();
  using _ = countSteps();
  for (let i = 0; i < 200; i++) {
    const hold = await lock.acquire();
    const waiter = createTask(
      async () => {
        using _hold = await lock.acquire();
      },
      { eager: true },
    );
    await sleep(i === 0 ? 5000 : 10);
    hold[Symbol.dispose]();
    await waiter;
  }
  const { usual = {}, now } = takeSnapshot();
  const ms = usual['lock.acquire'] ?? 0;
  assert.ok(ms >= 10 && ms <= 12, String(usual['lock.acquire']));
  assert.equal(usual['sleep'], undefined);
  const waited = (age: number) => isUnusual(wait('lock.acquire', { since: now - age }), now, usual);
  assert.deepEqual([waited(900), waited(1100)], [false, true]);
  assert.ok(clock.now() > 0);
});

test('too few waits of a kind make none of them unusual, and old ones count less than new ones', () => {
  const times = new WaitTimes();
  const ended = (ms: number): void =>
    times.ended({
      id: 0,
      kind: 'drain',
      resource: undefined,
      task: undefined,
      state: 'delivered',
      since: performance.now() - ms,
      answeredAt: undefined,
      site: undefined,
    });
  for (let i = 0; i < 19; i++) ended(100);
  assert.deepEqual(times.usual(), {});
  for (let i = 0; i < 99_000; i++) ended(100);
  const before = times.usual()['drain'] ?? 0;
  for (let i = 0; i < 3000; i++) ended(10_000);
  assert.ok(before < 150 && (times.usual()['drain'] ?? 0) > 9000, JSON.stringify([before, times.usual()]));
});
