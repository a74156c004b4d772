import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type CancelledError, createTask, sleep } from 'maitre';
import { makeCancelledError, sampleSites, traceStacks, waitsOf } from '#src/core/index.js';
import { isDeno } from '../net/sockets.js';
import { nextTurn, test } from '../support/test.js';

const here = /tracing\.test\.[jt]s/;

test('without tracing a waiting task has no stack and a cancellation neither', async () => {
  const task = createTask(() => sleep(Infinity));
  await nextTurn();
  assert.deepEqual(task.stack(), []);
  task.cancel();
  await assert.rejects(
    async () => task,
    (error: CancelledError) => !here.test(error.stack ?? ''),
  );
});

test('with tracing a waiting task tells where it waits', async () => {
  using _ = traceStacks();
  const task = createTask(async function pourTea() {
    await sleep(Infinity);
  });
  await nextTurn();
  assert.ok(
    task.stack().some((frame) => here.test(frame) && frame.includes('pourTea')),
    task.stack().join('\n'),
  );
  task.cancel();
  await assert.rejects(
    async () => task,
    (error: CancelledError) => here.test(error.stack ?? ''),
  );
  assert.deepEqual(task.stack(), []);
});

test('tracing goes off with its last user', () => {
  const withStack = (): boolean => here.test(makeCancelledError('x', { kind: 'task' }).stack ?? '');
  const [one, other] = [traceStacks(), traceStacks()];
  one[Symbol.dispose]();
  assert.equal(withStack(), true);
  other[Symbol.dispose]();
  assert.equal(withStack(), false);
});

test('making a cancellation leaves Error.stackTraceLimit as it was', () => {
  const limit = Error.stackTraceLimit;
  makeCancelledError('x', { kind: 'task' });
  assert.equal(Error.stackTraceLimit, limit);
  assert.match(new Error('x').stack ?? '', here);
});

test('makeCancelledError has message, reason and, if given, cause', () => {
  const cause = new Error('cause');
  const error = makeCancelledError('why', { kind: 'signal', by: 1 }, cause);
  assert.deepEqual([error.message, error.reason, error.cause], ['why', { kind: 'signal', by: 1 }, cause]);
  assert.equal('cause' in makeCancelledError(undefined, { kind: 'task' }), false);
});

test('one wait in the number that sampleSites() was called with records its site, at any time', async () => {
  const sites = async (waits: number): Promise<boolean[]> => {
    const tasks = Array.from({ length: waits }, () => createTask(() => sleep(Infinity), { eager: true }));
    const recorded = tasks.map((task) => here.test(waitsOf(task)[0]?.site?.stack ?? ''));
    for (const task of tasks) task.cancel();
    await nextTurn();
    return recorded;
  };
  try {
    sampleSites(3);
    const some = await sites(600);
    assert.ok(Math.abs(some.filter(Boolean).length - 200) < 40);
    for (const rest of [0, 1]) assert.ok(some.some((isRecorded, i) => isRecorded && i % 2 === rest)); // not only every other
    sampleSites(1);
    assert.deepEqual(await sites(3), [true, true, true]);
    sampleSites(0);
    assert.deepEqual(await sites(2), [false, false]);
    sampleSites(64);
    using _ = traceStacks();
    assert.deepEqual(await sites(2), [true, true]);
  } finally {
    sampleSites(0);
  }
});

test('a sampled site begins with the caller of maitre, and the functions that await it follow', async () => {
  sampleSites(1);
  async function deep(): Promise<void> {
    await sleep(Infinity);
  }
  const task = createTask(async function outer() {
    await nextTurn();
    await deep();
  });
  await nextTurn();
  await nextTurn();
  sampleSites(0);
  const frames = task.stack().filter((frame) => here.test(frame));
  assert.match(frames[0] ?? '', /deep/);
  assert.match(frames[1] ?? '', /outer/);
  task.cancel();
  await nextTurn();
});

test(
  'where Error is frozen, stacks have as many frames as it says, and nothing throws',
  () => {
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        `Object.freeze(Error);
       const { createTask, sleep } = await import('maitre');
       const task = createTask(() => sleep(1000));
       await sleep(1);
       task.cancel();
       console.log(await task.catch((error) => error.name));`,
      ],
      { cwd: new URL('../../..', import.meta.url), encoding: 'utf8' },
    );
    assert.deepEqual([stdout, stderr], ['CancelledError\n', '']);
  },
  { skip: isDeno && 'Deno has another way to run a text' },
);
