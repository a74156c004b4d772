import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  asCompleted,
  cancellable,
  CancelledError,
  createTask,
  type ExceptionContext,
  Future,
  gather,
  Queue,
  race,
  setExceptionHandler,
  shield,
  sleep,
  type Task,
  wait,
  waitFor,
} from 'maitre';
import { microtasks, nextTurn, test } from '../support/test.js';

// ---- done callbacks -----------------------------------------------------------------------------------------------

test('done callbacks run once, a microtask after the end, in the order they were added', async () => {
  const future = new Future<number>();
  const order: unknown[] = [];
  for (const name of ['a', 'b', 'c']) future.addDoneCallback((done) => order.push(name, done === future));
  future.setResult(1);
  assert.deepEqual(order, []);
  await microtasks();
  assert.deepEqual(order, ['a', true, 'b', true, 'c', true]);
});

test('a done callback added after the end runs a microtask later', async () => {
  const future = new Future<number>();
  future.setResult(1);
  let called = 0;
  future.addDoneCallback(() => called++);
  assert.equal(called, 0);
  await microtasks();
  assert.equal(called, 1);
});

test('a disposed done callback does not run, not even when disposed between the end and its microtask', async () => {
  const future = new Future<number>();
  const calls: string[] = [];
  const early = future.addDoneCallback(() => calls.push('early'));
  const late = future.addDoneCallback(() => calls.push('late'));
  future.addDoneCallback(() => calls.push('kept'));
  early[Symbol.dispose]();
  future.setResult(1);
  late[Symbol.dispose]();
  await microtasks(3);
  assert.deepEqual(calls, ['kept']);
});

test('a disposed done callback leaves nothing on the task', () => {
  const future = new Future<number>();
  for (let i = 0; i < 100; i++) future.addDoneCallback(() => undefined)[Symbol.dispose]();
  assert.equal(future.subscribers().length, 0);
});

test('a done callback runs in the context it was added in', async () => {
  const storage = new AsyncLocalStorage<string>();
  const future = new Future<number>();
  const seen: unknown[] = [];
  storage.run('added', () => future.addDoneCallback(() => seen.push(storage.getStore())));
  storage.run('ended', () => future.setResult(1));
  storage.run('late', () => future.addDoneCallback(() => seen.push(storage.getStore())));
  await microtasks(3);
  assert.deepEqual(seen, ['added', 'late']);
});

test('a done callback that throws is reported and the others run', async () => {
  const reports: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => reports.push(context));
  const task = createTask(() => 1, { name: 'tea' });
  let called = false;
  task.addDoneCallback(() => {
    throw new Error('in the callback');
  });
  task.addDoneCallback(() => (called = true));
  await task;
  await nextTurn();
  assert.equal(called, true);
  assert.deepEqual(
    reports.map(({ message, error }) => [message, String(error)]),
    [['Unhandled error in a done callback of Task "tea"', 'Error: in the callback']],
  );
});

test('addDoneCallback refuses what is no function', () => {
  assert.throws(() => new Future().addDoneCallback(1 as never), TypeError);
});

// ---- like a promise -----------------------------------------------------------------------------------------------

test('then, catch and finally do what a promise does', async () => {
  const good = createTask(async () => 20);
  const bad = createTask(() => Promise.reject(new Error('bad')));
  let finals = 0;
  assert.equal(await good.then((value) => value + 1), 21);
  assert.equal(await good.finally(() => finals++), 20);
  assert.equal(await bad.catch((error) => String(error)), 'Error: bad');
  assert.equal(await bad.then(undefined, () => 'handled'), 'handled');
  await assert.rejects(
    bad.finally(() => finals++),
    /bad/,
  );
  assert.equal(finals, 2);
});

test('then inside a task is an await by that task: a cancel reaches it', async () => {
  const inner = createTask(() => sleep(Infinity));
  const outer = createTask(() => inner.then(() => 'never'));
  await nextTurn();
  outer.cancel();
  await assert.rejects(async () => outer, CancelledError);
  assert.equal(inner.cancelled(), true);
});

test('a cancelled wait that nobody looks at is no unhandled rejection', async () => {
  const task = createTask(() => {
    void sleep(Infinity);
    void cancellable(new Promise(() => undefined));
    return nextTurn();
  });
  await microtasks(2);
  task.cancel();
  await nextTurn();
  await nextTurn();
  assert.equal(task.done(), true);
});

// ---- unheard errors -------------------------------------------------------------------------------------------------

function collect(): { readonly reports: ExceptionContext[] } & Disposable {
  const reports: ExceptionContext[] = [];
  const handler = setExceptionHandler((context) => reports.push(context));
  return { reports, [Symbol.dispose]: () => handler[Symbol.dispose]() };
}

const fail = (): Promise<never> => Promise.reject(new Error('spilled'));

test('a task that fails with nobody awaiting it is reported once, at the end of the turn, with its name and creation site', async () => {
  using heard = collect();
  const task = createTask(fail, { name: 'waiter' });
  await microtasks(5);
  assert.equal(task.done(), true);
  assert.equal(heard.reports.length, 0, 'not before the end of the turn');
  await nextTurn();
  await nextTurn();
  assert.equal(heard.reports.length, 1);
  const [report] = heard.reports as [ExceptionContext];
  assert.equal(report.message, 'Task "waiter" failed and nobody awaited it');
  assert.equal(String(report.error), 'Error: spilled');
  assert.equal(report.task, task);
  assert.match(report.createdAt ?? '', /awaitable\.test\.[jt]s:\d+/);
});

test('a task awaited later in the turn of its failure is not reported', async () => {
  using heard = collect();
  const task = createTask(fail);
  await microtasks(5);
  assert.equal(task.done(), true);
  await assert.rejects(async () => task, /spilled/);
  await nextTurn();
  assert.deepEqual(heard.reports, []);
});

test('exception() and result() of a failed task count as hearing of it', async () => {
  using heard = collect();
  const [one, other] = [createTask(fail), createTask(fail)];
  await microtasks(5);
  one.exception();
  assert.throws(() => other.result());
  await nextTurn();
  assert.deepEqual(heard.reports, []);
});

test('asking a pending task for its result does not silence its later failure', async () => {
  using heard = collect();
  const task = createTask(fail);
  assert.throws(() => task.result());
  assert.throws(() => task.exception());
  await nextTurn();
  await nextTurn();
  assert.equal(heard.reports.length, 1);
});

test('a done callback alone does not count as hearing of a failure', async () => {
  using heard = collect();
  createTask(fail).addDoneCallback(() => undefined);
  await nextTurn();
  await nextTurn();
  assert.equal(heard.reports.length, 1);
});

test('a cancelled task that nobody awaits is not reported', async () => {
  using heard = collect();
  createTask(() => sleep(Infinity)).cancel();
  await nextTurn();
  await nextTurn();
  assert.deepEqual(heard.reports, []);
});

test('a reported task still rejects for a late awaiter', async () => {
  using heard = collect();
  const task = createTask(fail);
  await nextTurn();
  await nextTurn();
  assert.equal(heard.reports.length, 1);
  await assert.rejects(async () => task, /spilled/);
});

test('a task whose wait() ended by its timeout is reported when it fails later', async () => {
  using heard = collect();
  const release = new Future<void>();
  const task = createTask(async () => {
    await release;
    throw new Error('after the wait');
  });
  const { pending } = await wait([task], { timeout: 0 });
  assert.equal(pending.has(task), true);
  release.setResult();
  await nextTurn();
  await nextTurn();
  assert.deepEqual(
    heard.reports.map(({ error }) => String(error)),
    ['Error: after the wait'],
  );
});

// ---- an awaiter that is cancelled in the turn of the failure --------------------------------------------------------

const awaiters: Record<string, (task: Task<never>) => PromiseLike<unknown>> = {
  await: (task) => task,
  cancellable: (task) => cancellable(task),
  gather: (task) => gather([task]),
  shield: (task) => shield(task),
  wait: (task) => wait([task]),
  'wait for the first of two': (task) => wait([task, new Future<void>()], { returnWhen: 'FIRST_COMPLETED' }),
  asCompleted: async (task) => {
    for await (const _ of asCompleted([task]));
  },
  waitFor: (task) => waitFor(task, 1000),
};

for (const [name, awaiter] of Object.entries(awaiters)) {
  for (const when of ['before', 'with', 'after']) {
    test(`a failure whose awaiter (${name}) is cancelled ${when} it is reported once, or thrown`, async () => {
      using heard = collect();
      const release = new Future<void>();
      const task = createTask(async (): Promise<never> => {
        await shield(release);
        throw new Error('spilled');
      });
      const awaiting = createTask(() => awaiter(task));
      void awaiting.then(undefined, () => undefined); // what it throws has a receiver
      await nextTurn();
      // `with`: decided, and not delivered.
      task.subscribe({ settled: () => when === 'with' && awaiting.cancel() });
      if (when === 'before') awaiting.cancel();
      release.setResult();
      await nextTurn();
      if (when === 'after') awaiting.cancel();
      for (let turn = 0; turn < 4; turn++) await nextTurn();
      const thrown = awaiting.cancelled() ? undefined : awaiting.exception();
      const reported = heard.reports.filter(({ error }) => String(error) === 'Error: spilled').length;
      if (task.cancelled()) assert.equal(reported, 0);
      else if (thrown !== undefined) assert.deepEqual([String(thrown), reported], ['Error: spilled', 0]);
      else assert.equal(reported, awaiting.cancelled() ? 1 : 0, String(awaiting));
    });
  }
}

test('a failure that is there already, and whose awaiter is cancelled before it is delivered, is reported once', async () => {
  using heard = collect();
  const task = createTask(fail);
  await microtasks(3);
  assert.equal(task.done(), true);
  const queue = new Queue<string>();
  queue.putNowait('item');
  assert.equal(await race([() => queue.get(), () => task]), 'item'); // the other member was answered, too
  await nextTurn();
  await nextTurn();
  assert.equal(heard.reports.length, 1);
});

test('the tasks that a loop of asCompleted has left behind are reported when they fail', async () => {
  using heard = collect();
  const first = createTask(() => sleep(0));
  const release = new Future<void>();
  const second = createTask(() => release.then(fail));
  for await (const _ of asCompleted([first, second])) break;
  release.setResult();
  for (let turn = 0; turn < 3; turn++) await nextTurn();
  assert.equal(heard.reports.length, 1);
});

test('those that fail while the body of the loop works are not', async () => {
  using heard = collect();
  const tasks = [createTask(() => sleep(0)), createTask(fail)];
  let seen = 0;
  for await (const _ of asCompleted(tasks)) {
    seen++;
    await sleep(5);
  }
  assert.deepEqual([seen, heard.reports.length], [2, 0]);
});
