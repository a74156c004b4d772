import assert from 'node:assert/strict';
import { createTask, sleep } from 'maitre';
import { type Instrument, addInstrument } from 'maitre/lowlevel';
import { nextTurn, test } from '../support/test.js';

function logging(log: string[]): Instrument {
  return {
    taskStarted: (task) => log.push(`+${task.name}`),
    taskEnded: (task) => log.push(`-${task.name} ${task.cancelled() ? 'cancelled' : 'done'}`),
    waitBegun: (wait) => log.push(`+${wait.kind}`),
    waitEnded: (wait) => log.push(`-${wait.kind}`),
  };
}

test('an instrument sees tasks and waits begin and end, each once', async () => {
  const log: string[] = [];
  {
    using _ = addInstrument(logging(log));
    createTask(() => sleep(0), { name: 'a' });
    await nextTurn();
    await nextTurn();
    createTask(() => 1, { name: 'unborn' }).cancel();
    await nextTurn();
  }
  await createTask(() => sleep(0));
  assert.deepEqual(log, ['+a', '+sleep', '-sleep', '-a done', '+unborn', '-unborn cancelled']);
});

test('a cancelled wait ends once', async () => {
  const log: string[] = [];
  using _ = addInstrument(logging(log));
  const task = createTask(() => sleep(Infinity), { name: 'b' });
  await nextTurn();
  task.cancel();
  await nextTurn();
  assert.deepEqual(log, ['+b', '+sleep', '-sleep', '-b cancelled']);
});

test('any number of instruments, told in the order in which they were added; methods are optional', async () => {
  const log: string[] = [];
  using _none = addInstrument({});
  const first = addInstrument({ taskEnded: () => log.push('first') });
  using _second = addInstrument({ taskEnded: () => log.push('second') });
  await createTask(() => sleep(0));
  first[Symbol.dispose]();
  await createTask(() => sleep(0));
  assert.deepEqual(log, ['first', 'second', 'second']);
});
