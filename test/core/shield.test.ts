import assert from 'node:assert/strict';
import {
  CancelledError,
  createTask,
  type ExceptionContext,
  Future,
  moveOnAfter,
  setExceptionHandler,
  shield,
  sleep,
  timeout,
} from 'maitre';
import { outlast } from '#src/core/index.js';
import { cancelAtEveryStep } from '../support/explore.js';
import { fakeTest, nextTurn, test } from '../support/test.js';

const never = (): Promise<void> => sleep(Infinity);

fakeTest('shield gives what the work gives, a function, a task or a promise', async () => {
  assert.equal(await shield(() => sleep(10, 'function')), 'function');
  assert.equal(await shield(createTask(() => sleep(10, 'task'))), 'task');
  assert.equal(await shield(Promise.resolve('promise')), 'promise');
  await assert.rejects(async () => shield(() => Promise.reject(new Error('no'))), /no/);
});

fakeTest('cancelling the waiter does not reach the work', async () => {
  const work = createTask(() => sleep(100, 'saved'));
  const waiter = createTask(async () => shield(work));
  await sleep(10);
  waiter.cancel('no longer waiting');
  await assert.rejects(async () => waiter, { name: 'CancelledError', message: 'no longer waiting' });
  assert.equal(work.cancelling(), 0);
  assert.equal(await work, 'saved');
});

fakeTest('a timeout around a shield ends the wait, not the work', async () => {
  const work = createTask(() => sleep(100, 'saved'));
  await assert.rejects(
    timeout(10, () => shield(work)),
    { name: 'TimeoutError' },
  );
  assert.equal(await shield(work), 'saved');
});

fakeTest('cancelling the work cancels the shield', async () => {
  const work = createTask(never);
  const waiter = createTask(async () => shield(work));
  await sleep(10);
  work.cancel('the work itself');
  await assert.rejects(async () => waiter, { message: 'the work itself' });
  assert.equal(waiter.cancelling(), 0);
});

test('shield of done work is the work', async () => {
  const work = createTask(() => 1, { eager: true });
  assert.equal(shield(work), work);
  await work;
});

test('a pending cancel of the waiter does not reach the work either', async () => {
  const work = createTask(() => sleep(0, 'saved'));
  const waiter = createTask(async (self) => {
    self.cancel();
    await shield(work);
  });
  await assert.rejects(async () => waiter, CancelledError);
  assert.equal(await work, 'saved');
});

fakeTest(
  'after the shield was cancelled an error of the work is reported once, however many shields there were',
  async () => {
    const reports: ExceptionContext[] = [];
    using _ = setExceptionHandler((context) => reports.push(context));
    const work = createTask(() => sleep(100).then(() => Promise.reject(new Error('save failed'))), { name: 'save' });
    for (let i = 0; i < 3; i++) await moveOnAfter(10, () => shield(work));
    await sleep(200);
    assert.deepEqual(
      reports.map(({ message, error, task }) => [message, String(error), task]),
      [['Task "save" failed after the shield around it was cancelled', 'Error: save failed', work]],
    );
    assert.match(reports[0]?.createdAt ?? '', /shield\.test/);
  },
);

fakeTest('after the shield was cancelled a result, or a cancellation, of the work is silent', async () => {
  const [good, cancelled] = [createTask(() => sleep(50)), createTask(never)];
  for (const work of [good, cancelled]) await moveOnAfter(10, () => shield(work));
  cancelled.cancel();
  await sleep(100);
  assert.deepEqual([good.done(), cancelled.cancelled()], [true, true]);
});

fakeTest('shields that were cancelled leave nothing that grows on long work', async () => {
  const work = createTask(() => sleep(10_000));
  for (let i = 0; i < 100; i++) await moveOnAfter(10, () => shield(work));
  assert.ok(work.subscribers().length <= 1, `${work.subscribers().length} observers`);
  await work;
});

test('a shield that fails and that nobody awaits is reported with the task it shields', async () => {
  const reports: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => reports.push(context));
  const work = createTask(() => Promise.reject(new Error('unheard')), { name: 'save' });
  shield(work);
  await nextTurn();
  await nextTurn();
  assert.deepEqual(
    reports.map(({ message, task }) => [message, task]),
    [['Shield of Task "save" failed and nobody awaited it', work]],
  );
});

test('shield throws for what is no work', () => {
  assert.throws(
    () => shield(42 as never),
    new TypeError('Cannot shield: expected functions, Tasks, Futures or promises, got 42'),
  );
});

test('explored: the shielded work always comes to its end', async () => {
  await cancelAtEveryStep(() => {
    let [begun, saved] = [false, false];
    return {
      body: async () => {
        begun = true;
        await shield(async () => {
          await sleep(0);
          await sleep(0);
          saved = true;
        });
      },
      check: ({ task, cancels }) => {
        assert.equal(saved, begun);
        assert.equal(task.cancelled(), cancels === 1);
      },
    };
  });
});

fakeTest(
  'outlast waits for the end, however often the waiter is cancelled, and reaches neither task nor future',
  async () => {
    const future = new Future<void>();
    for (const work of [createTask(() => sleep(100)), future]) {
      const waiter = createTask(() => outlast(work), { eager: true });
      for (let i = 0; i < 5; i++) {
        waiter.cancel();
        await sleep(5);
        assert.deepEqual([waiter.done(), work.done()], [false, false]);
      }
      if (work === future) future.setResult();
      await waiter;
      assert.deepEqual([work.done(), work.cancelled()], [true, false]);
    }
  },
);

fakeTest('outlast rejects with the error of the work, and ends with a cancel of the work', async () => {
  const failing = createTask(async () => {
    await sleep(10);
    throw new Error('burnt');
  });
  await assert.rejects(outlast(failing), { message: 'burnt' });
  const cancelled = createTask(never);
  const waiter = createTask(() => outlast(cancelled), { eager: true });
  cancelled.cancel();
  await waiter;
});
