import assert from 'node:assert/strict';
import { createTask, Lock, Semaphore, sleep, type Task } from 'maitre';
import { cyclesOf, type Snapshot, takeSnapshot } from '#src/introspect/index.js';
import { fakeTest, nextTurn, test } from '../support/test.js';
import { NOW, resource, snapshot, task, wait } from './rows.js';

const acquire = (lock: number) => wait('lock.acquire', { resource: `lock:${lock}` });
const held = (id: number, name: string, by: number | null) =>
  resource('lock', id, { name, holders: [{ task: by, since: NOW }] });
const sentences = (of: Snapshot): string[] => cyclesOf(of).map(({ sentence }) => sentence);

test('three locks in a circle are named in one sentence', async () => {
  const locks = ['x', 'y', 'z'].map((name) => new Lock({ name }));
  const take = async (mine: number): Promise<void> => {
    using _ = await (locks[mine] as Lock).acquire();
    await sleep(0);
    using _other = await (locks[(mine + 1) % 3] as Lock).acquire();
  };
  const tasks = ['a', 'b', 'c'].map((name, i) => createTask(() => take(i), { name }));
  for (let i = 0; i < 6; i++) await nextTurn();
  const [cycle, ...others] = cyclesOf(takeSnapshot());
  assert.deepEqual(others, []);
  assert.equal(
    cycle?.sentence,
    'Deadlock: task "a" waits for lock "y", held by task "b", which waits for lock "z", held by task "c", ' +
      'which waits for lock "x", held by task "a".',
  );
  assert.deepEqual(
    cycle.tasks,
    tasks.map(({ id }) => id),
  );
  await endAll(tasks);
});

async function endAll(tasks: readonly Task<void>[]): Promise<void> {
  for (const each of tasks) each.cancel();
  for (let i = 0; i < 4; i++) await nextTurn();
}

fakeTest('locks that are waited for in a line are no circle', async () => {
  const lock = new Lock({ name: 'x' });
  const work = async (): Promise<void> => {
    using _ = await lock.acquire();
    await sleep(10);
  };
  const tasks = [createTask(work), createTask(work), createTask(work)];
  await sleep(5);
  assert.deepEqual(cyclesOf(takeSnapshot()), []);
  for (const each of tasks) await each;
});

test('a task that waits for a lock which it holds is a circle by itself', () => {
  const of = snapshot({ tasks: [task(1, 'a', [acquire(1)])], resources: [held(1, 'x', 1)] });
  assert.deepEqual(sentences(of), ['Deadlock: task "a" waits for lock "x", which it holds itself.']);
});

test('a circle goes through awaited tasks and groups too', () => {
  const of = snapshot({
    tasks: [
      task(1, 'parent', [wait('task group', { tasks: [2] })]),
      task(2, 'child', [acquire(1)], { awaitedBy: [1] }),
      task(3, 'outside', [acquire(1)]),
    ],
    resources: [held(1, 'x', 1)],
  });
  assert.deepEqual(sentences(of), [
    'Deadlock: task "parent" waits for task "child", which waits for lock "x", held by task "parent".',
  ]);
});

test('two circles are two sentences, and the tasks that only wait for them are in neither', () => {
  const of = snapshot({
    tasks: [
      task(1, 'a', [acquire(2)]),
      task(2, 'b', [acquire(1)]),
      task(3, 'c', [acquire(4)]),
      task(4, 'd', [acquire(3)]),
      task(5, 'e', [acquire(1)]),
    ],
    resources: [held(1, 'p', 1), held(2, 'q', 2), held(3, 'r', 3), held(4, 's', 4)],
  });
  assert.deepEqual(
    cyclesOf(of).map(({ tasks }) => tasks),
    [
      [1, 2],
      [3, 4],
    ],
  );
});

test('it is no deadlock while anybody may let go: a second holder, another wait, code outside of tasks', () => {
  const circle = [task(1, 'a', [acquire(2)]), task(2, 'b', [acquire(1)])];
  const locks = [held(1, 'p', 1), held(2, 'q', 2)];
  assert.equal(cyclesOf(snapshot({ tasks: circle, resources: locks })).length, 1);
  const alsoReads = [task(1, 'a', [acquire(2), wait('readLine', { ball: 'read' })]), circle[1] as (typeof circle)[1]];
  assert.deepEqual(sentences(snapshot({ tasks: alsoReads, resources: locks })), []);
  assert.deepEqual(sentences(snapshot({ tasks: circle, resources: [held(1, 'p', null), held(2, 'q', 2)] })), []);
  const answered = [task(1, 'a', [{ ...acquire(2), answered: true }]), circle[1] as (typeof circle)[1]];
  assert.deepEqual(sentences(snapshot({ tasks: answered, resources: locks })), []);
});

test('a semaphore is in a circle only if all of its holders are', async () => {
  const two = new Semaphore(2, { name: 'two' });
  const lock = new Lock({ name: 'x' });
  const free = createTask(
    async () => {
      using _ = await two.acquire();
      await sleep(Infinity);
    },
    { name: 'free' },
  );
  const waits = createTask(
    async () => {
      using _ = await two.acquire();
      await sleep(0);
      using _x = await lock.acquire();
    },
    { name: 'waits' },
  );
  const holds = createTask(
    async () => {
      using _ = await lock.acquire();
      await sleep(0);
      using _two = await two.acquire();
    },
    { name: 'holds' },
  );
  for (let i = 0; i < 6; i++) await nextTurn();
  assert.deepEqual(cyclesOf(takeSnapshot()), []);
  await endAll([free, waits, holds]);
});

test('ten thousand tasks in one line behind a deadlock take no longer than they should', () => {
  const tasks = [task(1, 'a', [acquire(2)]), task(2, 'b', [acquire(1)])];
  for (let id = 3; id <= 10_000; id++) tasks.push(task(id, `t${id}`, [wait('await', { tasks: [id - 1] })]));
  const begin = performance.now();
  assert.equal(cyclesOf(snapshot({ tasks, resources: [held(1, 'p', 1), held(2, 'q', 2)] })).length, 1);
  assert.ok(performance.now() - begin < 1000);
});
