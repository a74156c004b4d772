import assert from 'node:assert/strict';
import { allTasks, CancelledError, currentTask, Lock, sleep, type Task } from 'maitre';
import { waitsOf } from 'maitre/lowlevel';
import { allTasksBlocked } from 'maitre/testing';
import { Errand, type ErrandHome } from '#src/pool/errand.js';
import { fakeTest } from '../support/test.js';

interface Called {
  readonly log: unknown[];
  readonly among: Set<Errand<unknown>>;
  readonly errand: Errand<unknown>;
}

const home = (pool: Lock): ErrandHome => ({ pool, inContext: (fn) => fn() });

function call(fn: (task: Task<void>) => unknown, ms = 100): Called {
  const log: unknown[] = [];
  const among = new Set<Errand<unknown>>();
  const errand = new Errand<unknown>(home(new Lock({ name: 'x' })), {
    what: 'fetch',
    ms,
    call: fn,
    done: (value) => void log.push('done', value),
    failed: (error) => void log.push('failed', (error as Error).message),
    late: (value) => void log.push('late', value),
    among,
  });
  return { log, among, errand };
}

const named = (name: string): Task<unknown> | undefined => [...allTasks()].find((task) => task.name === name);

fakeTest('a callback that is over at once is over when the constructor returns', () => {
  assert.deepEqual(call(() => 7).log, ['done', 7]);
  assert.deepEqual(call(() => assert.fail('no')).log, ['failed', 'no']);
  assert.equal(call(() => 7).among.size, 0);
});

fakeTest('an async callback runs in a task of its own, which shows what the pool waits for', async () => {
  let inside: unknown;
  const { log, among } = call(async () => {
    inside = currentTask();
    await sleep(50, undefined);
    return 'value';
  });
  const task = named('lock "x" fetch');
  await allTasksBlocked();
  assert.equal(inside, task);
  assert.ok(task !== undefined && task !== currentTask());
  assert.ok(waitsOf(task).some(({ kind }) => kind === 'pool.fetch'));
  assert.equal(among.size, 1);
  await sleep(60);
  assert.deepEqual([log, among.size, task.done()], [['done', 'value'], 0, true]);
});

fakeTest('a thenable that is no promise is awaited, and one that throws is a failure', async () => {
  // oxlint-disable-next-line unicorn/no-thenable -- that is what is tested
  const thenable = (then: PropertyDescriptor): object => Object.defineProperty({}, 'then', then);
  const { log } = call(() => thenable({ value: (resolve: (value: number) => void) => resolve(3) }));
  const broken = call(() => thenable({ get: () => assert.fail('odd') }));
  await sleep(0);
  assert.deepEqual(log, ['done', 3]);
  assert.deepEqual(broken.log, ['failed', 'odd']);
});

fakeTest(
  'when its time is over it fails once, its task is cancelled and ends, and a value comes late',
  async (clock) => {
    let settle: ((value: unknown) => void) | undefined;
    let aborted: unknown;
    const { log, among } = call(({ signal }) => {
      signal.addEventListener('abort', () => (aborted = signal.reason));
      return new Promise((resolve) => (settle = resolve));
    });
    await sleep(100);
    assert.equal(clock.now(), 100);
    await sleep(0);
    assert.deepEqual([log, among.size], [['failed', 'lock "x" fetch did not end within 100 ms'], 0]);
    assert.ok(aborted instanceof CancelledError);
    assert.equal(aborted.message, 'Cancelled: lock "x" fetch did not end within 100 ms');
    assert.equal(named('lock "x" fetch'), undefined);
    settle?.('item');
    await sleep(0);
    assert.deepEqual(log.slice(2), ['late', 'item']);
  },
);

fakeTest('a callback that fails late is not reported', async () => {
  const { log } = call(async () => {
    await sleep(1000);
  }, 10);
  await sleep(20);
  assert.deepEqual(log, ['failed', 'lock "x" fetch did not end within 10 ms']);
});

fakeTest('a value counts although its task was cancelled meanwhile', async () => {
  const { log, errand } = call(async () => {
    await sleep(50).catch(() => undefined);
    return 'item';
  });
  errand.hurry(1000, 'Cancelled: the end');
  await sleep(0);
  assert.deepEqual(log, ['done', 'item']);
});

fakeTest('hurry() shortens its time and never makes it longer', async (clock) => {
  const never = (): Promise<void> => new Promise(() => undefined);
  for (const [ms, end] of [
    [20, 20],
    [500, 100],
  ] as const) {
    const from = clock.now();
    const { log, errand, among } = call(never);
    errand.hurry(ms, 'Cancelled: the end');
    await sleep(end - 1);
    assert.equal(among.size, 1);
    await sleep(2);
    assert.equal(log[0], 'failed', `after ${clock.now() - from}`);
    errand.hurry(5, 'again');
    errand.giveUp(new Error('again'));
    assert.equal(log.length, 2);
  }
});

fakeTest('hurry() and giveUp() inside of its first step are heeded', async () => {
  const log: unknown[] = [];
  for (const end of ['hurry', 'giveUp'] as const) {
    const among = new Set<Errand<unknown>>();
    void new Errand<unknown>(home(new Lock()), {
      what: end,
      ms: 1000,
      call: () => {
        for (const errand of among) {
          if (end === 'hurry') errand.hurry(10, 'soon');
          else errand.giveUp(new Error('now'));
        }
        return new Promise(() => undefined);
      },
      done: () => assert.fail(),
      failed: (error) => void log.push((error as Error).message),
      among,
    });
  }
  assert.deepEqual(log, ['now']);
  await sleep(20);
  assert.deepEqual(log, ['now', 'lock hurry did not end within 1000 ms']);
});
