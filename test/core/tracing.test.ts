import assert from 'node:assert/strict';
import { type CancelledError, createTask, sleep } from 'maitre';
import { makeCancelledError, traceStacks } from '#src/core/index.js';
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
