// The snapshots that viewers share. The main thread and the watchdog are made up: the tests say when a block begins.
import assert from 'node:assert/strict';
import { sleep } from 'maitre';
import { loopTime } from 'maitre/lowlevel';
import type { MainThread } from '#src/inspect/worker/main-thread.js';
import { Snapshots } from '#src/inspect/worker/snapshots.js';
import { snapshot } from '../../support/fake-inspector.js';
import { fakeTest } from '../../support/test.js';

interface Process {
  /** The block in which it is; undefined outside of blocks. */
  stillSince: number | undefined;
  /** What a snapshot costs it, in milliseconds. */
  cost: number;
  /** How each question was put. */
  readonly asked: ('asked' | 'interrupted')[];
  readonly snapshots: Snapshots;
}

/** A process whose n-th snapshot has `now: n`. */
function start(): Process {
  const asked: Process['asked'] = [];
  const ask = async (_question: string, _params: object, isBlocked: boolean): Promise<object> => {
    const how = isBlocked ? 'interrupted' : 'asked';
    asked.push(how);
    const answer = snapshot([], { now: asked.length, current: 1 });
    return { answer, cost: it.cost, how };
  };
  const main = { silence: 'silent', ask: ask as MainThread['ask'] }; // it is asked for snapshots alone
  const watchdog = {
    block: undefined,
    get stillSince() {
      return it.stillSince;
    },
  };
  const snapshots = new Snapshots(main, watchdog, () => loopTime());
  const it: Process = { stillSince: undefined, cost: 1, asked, snapshots };
  return it;
}

/** Which snapshot it returns, and how that came. */
async function take({ snapshots }: Process, rows?: number): Promise<readonly [number, string, number]> {
  const { snapshot: taken, fresh } = await snapshots.take(rows);
  return [taken.now, fresh.how, fresh.age];
}

fakeTest('those who ask within the pause share a snapshot, and it says its age', async () => {
  const it = start();
  assert.deepEqual(await Promise.all([take(it), take(it)]), [
    [1, 'asked', 0],
    [1, 'asked', 0],
  ]);
  await sleep(99);
  assert.deepEqual(await take(it), [1, 'asked', 99]);
  await sleep(1);
  assert.deepEqual(await take(it), [2, 'asked', 0]);
});

fakeTest('the pause is 33 times what the snapshot has cost, also for another number of rows', async () => {
  const it = start();
  it.cost = 10;
  await take(it);
  await sleep(329);
  assert.deepEqual(await take(it), [1, 'asked', 329]);
  const begin = loopTime();
  assert.deepEqual(await take(it, 5), [2, 'asked', 0]);
  assert.equal(loopTime() - begin, 1);
});

fakeTest('a snapshot is not reused across the begin or the end of a block, nor in the next block', async () => {
  const it = start();
  it.cost = 1000; // the pause is 33 s
  assert.deepEqual(await take(it), [1, 'asked', 0]);
  it.stillSince = 7;
  assert.deepEqual(await take(it), [2, 'interrupted', 0], 'one from before the block');
  await sleep(5);
  assert.deepEqual(await take(it), [2, 'interrupted', 5], 'the block lasts');
  it.stillSince = undefined;
  assert.deepEqual(await take(it), [3, 'asked', 0], 'one of the block, which is over');
  it.stillSince = 9;
  assert.deepEqual(await take(it), [4, 'interrupted', 0]);
  it.stillSince = 11;
  assert.deepEqual(await take(it), [5, 'interrupted', 0], 'one of the block before');
  assert.deepEqual(it.asked, ['asked', 'interrupted', 'asked', 'interrupted', 'interrupted']);
});

fakeTest('a question that began before a block answers for the time before it', async () => {
  const it = start();
  it.cost = 1000;
  const before = take(it);
  it.stillSince = 7;
  assert.deepEqual(await before, [1, 'asked', 0]);
  assert.deepEqual(await take(it), [2, 'interrupted', 0]);
});
