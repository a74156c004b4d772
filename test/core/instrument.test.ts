import assert from 'node:assert/strict';
import { createTask, sleep } from 'maitre';
import { type Instrument, setInstrument } from 'maitre/lowlevel';
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
    using _ = setInstrument(logging(log));
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
  using _ = setInstrument(logging(log));
  const task = createTask(() => sleep(Infinity), { name: 'b' });
  await nextTurn();
  task.cancel();
  await nextTurn();
  assert.deepEqual(log, ['+b', '+sleep', '-sleep', '-b cancelled']);
});

test('one instrument at a time; methods are optional', async () => {
  using _ = setInstrument({});
  await createTask(() => sleep(0));
  assert.throws(() => setInstrument({}), /one is installed already/);
});
