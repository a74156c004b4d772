import assert from 'node:assert/strict';
import { createTask, sleep, TaskGroup } from 'maitre';
import { allTasksBlocked, Sequencer } from 'maitre/testing';
import { fakeTest } from '../support/test.js';

fakeTest('steps are taken in order, however the tasks come', async () => {
  const sequencer = new Sequencer();
  const order: number[] = [];
  await TaskGroup.run((group) => {
    for (const n of [3, 0, 2, 1]) {
      group.createTask(async () => {
        using _ = await sequencer.step(n);
        order.push(n);
        await sleep(10);
      });
    }
  });
  assert.deepEqual(order, [0, 1, 2, 3]);
});

fakeTest('a step begins when the one before it is disposed, not when that begins', async () => {
  const sequencer = new Sequencer();
  const first = await sequencer.step(0);
  const second = createTask(() => sequencer.step(1));
  await allTasksBlocked();
  assert.equal(second.done(), false);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await second;
});

fakeTest('each step is taken once, and is an integer >= 0', async () => {
  const sequencer = new Sequencer();
  await sequencer.step(0);
  await assert.rejects(sequencer.step(0), {
    name: 'RangeError',
    message: 'Cannot take step 0: it was taken already',
  });
  for (const n of [-1, 0.5, NaN]) {
    await assert.rejects(sequencer.step(n), {
      name: 'RangeError',
      message: `Cannot take step: expected an integer >= 0, got ${n}`,
    });
  }
  await assert.rejects(sequencer.step('1' as never), TypeError);
});
