import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { createTask, currentTask, setExceptionHandler, sleep, timeout } from 'maitre';
import { addSignalHandler } from 'maitre/signals';
import { nextTurn, test } from '../support/test.js';

const listeners = (): number => process.listenerCount('SIGHUP');

async function hangUp(): Promise<void> {
  process.emit('SIGHUP', 'SIGHUP');
  await nextTurn();
  await nextTurn();
}

test('a handler is called in the loop, outside of any task, with the context of its caller', async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const handler = storage.run('mine', () =>
    addSignalHandler('SIGHUP', () => seen.push([currentTask(), storage.getStore()])),
  );
  await hangUp();
  await hangUp();
  assert.deepEqual(seen, [
    [undefined, 'mine'],
    [undefined, 'mine'],
  ]);
  handler[Symbol.dispose]();
  handler[Symbol.dispose]();
  assert.equal(listeners(), 0);
});

test('it ends with the scope it was added in', async () => {
  await timeout(60_000, async () => {
    addSignalHandler('SIGHUP', () => undefined);
    assert.equal(listeners(), 1);
    await sleep(0);
  });
  assert.equal(listeners(), 0);
  await createTask(() => {
    addSignalHandler('SIGHUP', () => undefined);
    assert.equal(listeners(), 1);
  });
  assert.equal(listeners(), 0);
});

test('what a handler throws or rejects with is reported, and the next signal calls it again', async () => {
  const got: string[] = [];
  using _ = setExceptionHandler(({ message, error }) => void got.push(`${message}: ${String(error)}`));
  let calls = 0;
  const handler = addSignalHandler('SIGHUP', () => {
    if (++calls === 1) throw new Error('first');
    return Promise.reject(new Error('second'));
  });
  await hangUp();
  await hangUp();
  handler[Symbol.dispose]();
  assert.deepEqual(got, ['A handler of SIGHUP failed: Error: first', 'A handler of SIGHUP failed: Error: second']);
});

test('addSignalHandler refuses what is no signal and what is no function', () => {
  assert.throws(() => addSignalHandler('SIGSTOP', () => undefined), { name: 'RangeError' });
  assert.throws(() => addSignalHandler('SIGHUP', 5 as never), {
    name: 'TypeError',
    message: 'Cannot add signal handler: expected a function, got 5',
  });
  assert.equal(listeners(), 0);
});
