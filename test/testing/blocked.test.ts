import assert from 'node:assert/strict';
import { cancellable, CancelledError, createTask, Future, sleep } from 'maitre';
import { allTasksBlocked } from 'maitre/testing';
import { fakeTest, nextTurn, test } from '../support/test.js';

test('allTasksBlocked resolves when every other task waits', async () => {
  const steps: number[] = [];
  const release = new Future<void>();
  const task = createTask(async () => {
    for (let i = 0; i < 5; i++) {
      await sleep(0);
      steps.push(i);
    }
    await release;
  });
  await allTasksBlocked();
  assert.deepEqual(steps, [0, 1, 2, 3, 4]);
  release.setResult();
  await task;
});

test('without other tasks it resolves, inside a task and outside', async () => {
  await allTasksBlocked();
  await createTask(() => allTasksBlocked());
});

test('two tasks that both wait for it go on', async () => {
  await Promise.all([createTask(() => allTasksBlocked()), createTask(() => allTasksBlocked())]);
});

test('a task that awaits a foreign promise does not count as waiting, one that awaits a cancellable does', async () => {
  let resolve: () => void = () => undefined;
  const foreign = new Promise<void>((yes) => (resolve = yes));
  let blocked = false;
  const running = createTask(() => foreign);
  const watching = createTask(() => allTasksBlocked().then(() => (blocked = true)));
  for (let i = 0; i < 5; i++) await nextTurn();
  assert.equal(blocked, false);
  resolve();
  await watching;
  await running;
  const waiting = createTask(() => cancellable(new Promise<void>(() => undefined)));
  await allTasksBlocked();
  waiting.cancel();
});

test('it can be cancelled', async () => {
  const busy = createTask(() => nextTurn().then(nextTurn).then(nextTurn).then(nextTurn));
  const task = createTask(() => allTasksBlocked());
  await nextTurn();
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
  await busy;
});

fakeTest('on a fake clock it resolves before time jumps', async (clock) => {
  const task = createTask(() => sleep(1000));
  await allTasksBlocked();
  assert.equal(clock.now(), 0);
  assert.equal(task.done(), false);
  await task;
  assert.equal(clock.now(), 1000);
});
