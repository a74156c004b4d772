import assert from 'node:assert/strict';
import {
  callSoon,
  createTask,
  type ExceptionContext,
  Queue,
  setExceptionHandler,
  sleep,
  timeout,
  TimeoutError,
} from 'maitre';
import { addSoon } from 'maitre/lowlevel';
import { nextTurn, test } from '../support/test.js';

test('what is put into the next turn runs there, in order; what is added meanwhile runs in the turn after', async () => {
  const log: string[] = [];
  addSoon({
    due: () => {
      log.push('first');
      callSoon(() => log.push('later'));
    },
  });
  addSoon({ due: () => void log.push('second') });
  assert.deepEqual(log, []);
  await nextTurn();
  assert.deepEqual(log, ['first', 'second']);
  await nextTurn();
  assert.deepEqual(log, ['first', 'second', 'later']);
});

test('an entry that throws is reported and does not stop the others', async () => {
  const reports: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => reports.push(context));
  let others = 0;
  addSoon({
    due: () => {
      throw new Error('broken');
    },
  });
  addSoon({ due: () => void others++ });
  await nextTurn();
  assert.equal(others, 1);
  assert.deepEqual(
    reports.map(({ message }) => message),
    ['A step of the loop failed'],
  );
});

test('two tasks that hand items to each other let timers fire', async () => {
  const [there, back] = [new Queue<number>(), new Queue<number>()];
  const echo = createTask(async () => {
    for (;;) await back.put(await there.get());
  });
  await assert.rejects(
    timeout(20, async () => {
      for (;;) {
        await there.put(1);
        await back.get();
      }
    }),
    TimeoutError,
  );
  echo.cancel();
  await sleep(0);
});
