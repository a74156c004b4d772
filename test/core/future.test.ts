import assert from 'node:assert/strict';
import { CancelledError, createTask, Future, gather, InvalidStateError, setExceptionHandler, sleep } from 'maitre';
import { microtasks, nextTurn, test } from '../support/test.js';

test('setResult ends the wait of everybody who awaits, in order, with the same value', async () => {
  const future = new Future<number>();
  const order: string[] = [];
  const wait = async (name: string): Promise<number> => {
    const value = await future;
    order.push(name);
    return value;
  };
  const all = gather([() => wait('a'), () => wait('b'), () => wait('c')]);
  await nextTurn();
  future.setResult(42);
  assert.deepEqual(order, [], 'awaiters run in later microtasks');
  assert.deepEqual(await all, [42, 42, 42]);
  assert.deepEqual(order, ['a', 'b', 'c']);
});

test('setException is thrown at the await', async () => {
  const future = new Future<never>();
  const task = createTask(async () => future);
  await nextTurn();
  future.setException(new Error('bad news'));
  await assert.rejects(async () => task, /bad news/);
  assert.match(String(future.exception()), /bad news/);
});

test('a future is set once: the second time throws InvalidStateError, after a cancel too', () => {
  const set = new Future<number>();
  set.setResult(1);
  assert.throws(() => set.setResult(2), InvalidStateError);
  assert.throws(() => set.setException(new Error('late')), InvalidStateError);
  assert.equal(set.result(), 1);
  const cancelled = new Future<number>();
  assert.equal(cancelled.cancel(), true);
  assert.throws(() => cancelled.setResult(2), /it is cancelled already/);
  assert.equal(set.cancel(), false);
});

test('setException with a CancelledError makes the future cancelled', async () => {
  const future = new Future<number>();
  future.setException(new CancelledError('from elsewhere'));
  assert.equal(future.cancelled(), true);
  await assert.rejects(async () => future, { message: 'from elsewhere' });
});

test('cancelling a task that awaits a future cancels the future', async () => {
  const future = new Future<number>();
  const task = createTask(async () => future);
  await nextTurn();
  task.cancel('with its task');
  assert.equal(future.cancelled(), true);
  await assert.rejects(async () => task, { message: 'with its task' });
});

test('cancelling a future cancels whoever awaits it', async () => {
  const future = new Future<number>();
  const task = createTask(async () => future);
  await nextTurn();
  future.cancel('alone');
  await assert.rejects(async () => task, { message: 'alone' });
  assert.equal(task.cancelled(), true);
  assert.equal(task.cancelling(), 0);
});

test('awaiting works outside of tasks, before and after the outcome', async () => {
  const future = new Future<string>();
  const before = (async () => future)();
  future.setResult('here');
  assert.equal(await before, 'here');
  assert.equal(await future, 'here');
});

test('the exception of a future that nobody awaits is reported once', async () => {
  const reports: string[] = [];
  using _ = setExceptionHandler(({ message, error }) => reports.push(`${message}: ${String(error)}`));
  const future = new Future<number>();
  future.setException(new Error('unheard'));
  await nextTurn();
  await nextTurn();
  assert.deepEqual(reports, ['Future failed and nobody awaited it: Error: unheard']);
});

test('a cancelled future that nobody awaits is nobody`s error', async () => {
  new Future<number>().cancel();
  await nextTurn();
});

test('a future resolved with a promise gives its awaiter what the promise gives', async () => {
  const future = new Future<unknown>();
  future.setResult(sleep(0, 'inner'));
  assert.equal(await future, 'inner');
});

test('result and exception throw InvalidStateError while pending', () => {
  const future = new Future<number>();
  assert.throws(() => future.result(), InvalidStateError);
  assert.throws(() => future.exception(), InvalidStateError);
});

test('a waiter that goes on finds the future done in the same microtask', async () => {
  const future = new Future<number>();
  let seen: boolean | undefined;
  const task = createTask(async () => {
    await future;
    seen = future.done();
  });
  await microtasks();
  future.setResult(1);
  await task;
  assert.equal(seen, true);
});
