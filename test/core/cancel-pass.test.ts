import assert from 'node:assert/strict';
import { CancelledError, createTask, Future, gather, setExceptionHandler, shield, sleep, type Task } from 'maitre';
import { beginWait, makeCancelledError, Wait } from 'maitre/lowlevel';
import { type CancelTarget, passCancel } from '#src/core/cancel-pass.js';
import { nextTurn, test } from '../support/test.js';

const never = (): Promise<void> => sleep(Infinity);

async function settled(...tasks: Task<unknown>[]): Promise<void> {
  while (tasks.some((task) => !task.done())) await nextTurn();
}

// ---- chains of any length -----------------------------------------------------------------------------------------

const links: Record<string, (inner: Task<unknown>) => () => PromiseLike<unknown>> = {
  await: (inner) => () => inner,
  gather: (inner) => () => gather([inner]),
  'gather and await in turns': (inner) => () => gather([() => inner, new Future<void>()]),
};

for (const [name, link] of Object.entries(links)) {
  const length = { await: 100_000, gather: 20_000 }[name] ?? 5000;
  test(
    `a chain of ${length} tasks by ${name} is cancelled, from its end to its beginning`,
    async () => {
      const first: Task<unknown> = createTask(never);
      let last = first;
      for (let i = 1; i < length; i++) last = createTask(link(last));
      await nextTurn();
      await nextTurn();
      await nextTurn();
      assert.equal(last.cancel('all'), true);
      await settled(last);
      assert.ok(first.cancelled() && last.cancelled());
      assert.equal(first.cancelling(), 1);
      await assert.rejects(last, { name: 'CancelledError', message: 'all' });
    },
    { timeout: 60_000 },
  );
}

test('a shield ends the chain where it stands, however long that is', async () => {
  const first: Task<unknown> = createTask(never);
  let last = first;
  for (let i = 1; i < 20_000; i++) {
    const inner = last;
    last = createTask(() => (i === 10_000 ? shield(inner) : inner));
  }
  await nextTurn();
  await nextTurn();
  last.cancel();
  await settled(last);
  assert.ok(last.cancelled() && !first.done());
  first.cancel();
  await settled(first);
  while (!first.done()) await nextTurn();
  for (let turn = 0; turn < 30; turn++) await nextTurn();
});

test('a chain ends where its innermost wait swallows the cancel: the others get the value', async () => {
  let last: Task<unknown> = createTask(() => never().catch(() => 'kept'));
  for (let i = 0; i < 1000; i++) {
    const inner = last;
    last = createTask(() => inner);
  }
  await nextTurn();
  await nextTurn();
  last.cancel();
  assert.equal(await last, 'kept');
});

test('circles of tasks that await each other end by one cancel, whatever their length', async () => {
  for (const length of [2, 3, 1000]) {
    const ring: Task<unknown>[] = [];
    for (let i = 0; i < length; i++) ring.push(createTask(async (): Promise<unknown> => await ring[(i + 1) % length]));
    await nextTurn();
    ring[0]?.cancel();
    await settled(...ring);
    assert.ok(ring.every((task) => task.cancelled()));
  }
});

// ---- the order, and what users see of it ----------------------------------------------------------------------------

test('requests made while one is applied come next, in the order in which recursion would come to them', () => {
  const log: string[] = [];
  const error = makeCancelledError('all', { kind: 'task' });
  const target = (name: string, ...inner: CancelTarget[]): CancelTarget => ({
    applyCancel(given) {
      assert.equal(given, error);
      log.push(name);
      for (const each of inner) passCancel(each, given);
    },
  });
  passCancel(target('a', target('b', target('c'), target('d')), target('e', target('f'))), error);
  assert.deepEqual(log, ['a', 'b', 'c', 'd', 'e', 'f']);
});

test('abort listeners run when all is decided: none meets a tree half told', async () => {
  const inner: Task<unknown> = createTask(never);
  const outer = createTask(() => inner);
  await nextTurn();
  const seen: number[][] = [];
  for (const task of [inner, outer]) {
    task.signal.addEventListener('abort', () => seen.push([inner.cancelling(), outer.cancelling()]));
  }
  outer.cancel();
  assert.deepEqual(seen, [
    [1, 1],
    [1, 1],
  ]);
  await settled(inner, outer);
});

test('a listener that cancels others starts a pass of its own', async () => {
  const other = createTask(never);
  const task = createTask(never);
  await nextTurn();
  task.signal.addEventListener('abort', () => {
    assert.equal(other.cancel(), true);
    assert.equal(other.cancelling(), 1);
  });
  task.cancel();
  await settled(task, other);
  assert.ok(task.cancelled() && other.cancelled());
});

// ---- what throws ------------------------------------------------------------------------------------------------------

class BadWait extends Wait<void> {
  constructor() {
    super('bad', undefined);
  }

  protected override withdraw(): void {
    throw new Error('stuck in the line');
  }
}

test('a withdraw that throws is reported, its task is cancelled all the same, and so are the others', async () => {
  const reports: unknown[] = [];
  using _ = setExceptionHandler(({ message, error }) => reports.push(message, (error as Error).message));
  const bad = (): Promise<void> => beginWait() ?? new BadWait().promise;
  const tasks: Task<unknown>[] = [createTask(never), createTask(bad), createTask(never)];
  const all = createTask(() => gather(tasks, { returnExceptions: true }));
  await nextTurn();
  all.cancel();
  await settled(all, ...tasks);
  assert.ok(tasks.every((task) => task.cancelled()));
  assert.deepEqual(reports, ['Taking back a wait (bad) failed', 'stuck in the line']);
  const answered = new BadWait();
  answered.answer();
  answered.cancel(makeCancelledError('back', { kind: 'task' }));
  await assert.rejects(answered.promise, CancelledError);
  assert.equal(reports.length, 4);
});

test('a request that throws is reported and stops no other', () => {
  const reports: unknown[] = [];
  using _ = setExceptionHandler(({ message }) => reports.push(message));
  const log: string[] = [];
  const bad: CancelTarget = {
    applyCancel() {
      throw new Error('not now');
    },
  };
  const good: CancelTarget = { applyCancel: () => log.push('good') };
  const both: CancelTarget = {
    applyCancel(error) {
      passCancel(bad, error);
      passCancel(good, error);
    },
  };
  passCancel(both, makeCancelledError('all', { kind: 'task' }));
  passCancel(good, makeCancelledError('again', { kind: 'task' }));
  assert.deepEqual([log, reports], [['good', 'good'], ['A cancel failed']]);
});
