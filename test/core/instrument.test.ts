import assert from 'node:assert/strict';
import { createTask, Event, Lock, loopTime, Queue, setExceptionHandler, sleep } from 'maitre';
import { addInstrument, type Instrument, Resource, type StepRecord, Wait } from 'maitre/lowlevel';
import { exploreCancellation } from 'maitre/testing';
import { deliverHeld, holdDeliveries } from '#src/core/index.js';
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

// ---- one that throws ------------------------------------------------------------------------------------------------

/** A resource with an end, opened and closed by hand. */
class Door extends Resource {
  get kind(): 'door' {
    return 'door';
  }
  protected override get hasEnd(): true {
    return true;
  }
  statistics(): object {
    return {};
  }
  open(): this {
    this.markOpened();
    return this;
  }
  close(): void {
    this.markClosed();
  }
}

for (const hook of [
  'taskStarted',
  'taskEnded',
  'waitBegun',
  'waitAnswered',
  'waitEnded',
  'stepEnded',
  'opened',
  'closed',
] as const) {
  test(`an instrument that throws in ${hook} is removed and reported, and stops neither the others nor the batch`, async () => {
    const reports: string[] = [];
    let [thrown, others] = [0, 0];
    using _handler = setExceptionHandler(({ message }) => reports.push(message));
    using _thrower = addInstrument({
      [hook]: () => {
        thrown++;
        throw new Error('broken');
      },
    });
    using _other = addInstrument({ [hook]: () => void others++ });
    const event = new Event();
    const tasks = [1, 2, 3].map((n) => createTask(() => event.wait().then(() => n)));
    await nextTurn();
    event.set();
    new Door().open().close();
    assert.deepEqual(await Promise.all(tasks), [1, 2, 3]);
    await nextTurn();
    assert.deepEqual([thrown, reports], [1, [`An instrument was removed: its ${hook} failed`]]);
    assert.ok(others >= 1);
    if (!['opened', 'closed'].includes(hook)) assert.ok(others >= 3, `${others}`);
  });
}

// ---- order ----------------------------------------------------------------------------------------------------------

test('a wait is announced when it stands in its queue; its answer, its end and the creator of a task are told', async () => {
  const log: unknown[] = [];
  const lock = new Lock();
  const hold = await lock.acquire();
  {
    using _ = addInstrument({
      taskStarted: (task, creator) => log.push([task.name, creator?.name]),
      waitBegun: (wait) => {
        if (wait.resource === lock) log.push([wait.kind, wait.state, lock.statistics().waiting]);
      },
      waitAnswered: (wait) => wait.resource === lock && log.push(['answered', wait.state]),
      waitEnded: (wait, outcome) => wait.resource === lock && log.push([outcome, wait.state]),
    });
    const outer = createTask(
      async () => {
        await createTask(async () => dispose(await lock.acquire()), { name: 'inner' });
      },
      { name: 'outer' },
    );
    await nextTurn();
    hold[Symbol.dispose]();
    await outer;
    await lock.acquire();
    const lost = createTask(() => lock.acquire(), { name: 'lost' });
    await nextTurn();
    lost.cancel();
    await nextTurn();
    lock.release();
  }
  assert.deepEqual(log, [
    ['outer', undefined],
    ['inner', 'outer'],
    ['lock.acquire', 'waiting', 1],
    ['answered', 'answered'],
    ['answered', 'delivered'],
    ['lost', undefined],
    ['lock.acquire', 'waiting', 1],
    ['cancelled', 'delivered'],
  ]);
});

function dispose(hold: Disposable): void {
  hold[Symbol.dispose]();
}

test('a wait has an id of its own from its announcement on, and 0 if nobody watched when it began', async () => {
  const before = createTask(() => sleep(Infinity));
  await nextTurn();
  const ids: number[] = [];
  const ended: number[] = [];
  using _ = addInstrument({
    waitBegun: (wait) => ids.push(wait.id),
    waitEnded: (wait) => ended.push(wait.id),
  });
  before.cancel();
  await Promise.all([createTask(() => sleep(0)), createTask(() => sleep(0))]);
  const [first = 0, second] = ids;
  assert.ok(first > 0);
  assert.equal(second, first + 1);
  assert.deepEqual(ended.slice(0, 3), [0, first, second]);
});

test('the time of an answer is known while an instrument has the flag, without a hook', async () => {
  const wait = new Wait<void>('test', undefined);
  const unwatched = new Wait<void>('test', undefined);
  const flagged = addInstrument({ answerTimes: true });
  const begin = loopTime();
  wait.answer();
  const [end, at = NaN] = [loopTime(), wait.answeredAt];
  assert.ok(begin <= at && at <= end, `${begin} <= ${at} <= ${end}`);
  flagged[Symbol.dispose]();
  unwatched.answer();
  assert.equal(unwatched.answeredAt, undefined);
  await wait.promise;
});

test('the time of an answer is known while an instrument is told of answers', async () => {
  const wait = new Wait<void>('test', undefined);
  const unwatched = new Wait<void>('test', undefined);
  using _other = addInstrument({ waitEnded() {} });
  unwatched.answer();
  using _ = addInstrument({ waitAnswered() {} });
  const begin = loopTime();
  wait.answer();
  const [end, at = NaN] = [loopTime(), wait.answeredAt];
  assert.ok(begin <= at && at <= end, `${begin} <= ${at} <= ${end}`);
  assert.equal(unwatched.answeredAt, undefined);
  await wait.promise;
});

// ---- steps ----------------------------------------------------------------------------------------------------------

/** Works for `ms` milliseconds. Returns how long that took: a busy machine may have stopped it meanwhile. */
function busy(ms: number): number {
  const start = performance.now();
  while (performance.now() < start + ms);
  return performance.now() - start;
}

test('a step is as long as the code between two waits, the first of a task and nested async returns included', async () => {
  const spare = [Infinity, Infinity, Infinity];
  // The least of several rounds: the system may stop this process anywhere.
  for (let round = 0; round < 6; round++) {
    const steps: StepRecord[] = [];
    const worked: number[] = [];
    using _ = addInstrument({ stepEnded: (step) => step.task?.name === 'measured' && steps.push(step) });
    const nested = async (): Promise<void> => {
      await Promise.resolve();
      await (async () => worked.push(busy(6)))();
    };
    const measured = async (): Promise<void> => {
      worked.push(busy(3));
      await sleep(1);
      await nested();
      await sleep(1);
      worked.push(busy(9));
    };
    const beside = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) await sleep(0);
    };
    await Promise.all([createTask(measured, { name: 'measured' }), createTask(beside)]);
    await nextTurn();
    assert.deepEqual(
      steps.map(({ wait, exact }) => [wait?.kind, exact]),
      [
        [undefined, true],
        ['sleep', true],
        ['sleep', true],
      ],
    );
    for (const [i, step] of steps.entries()) {
      const more = step.ms - (worked[i] as number); // one for each step
      assert.ok(more >= 0, `step ${i} is ${-more} ms too short`);
      spare[i] = Math.min(spare[i] as number, more);
    }
  }
  for (const more of spare) assert.ok(more < 1, `${more} ms too long`);
});

test('a step that begins in a callback of the host, at the end of a hold, lasts until its microtasks have run', async () => {
  const steps: StepRecord[] = [];
  const wait = new Wait<void>('test', undefined);
  let worked = 0;
  const after = wait.promise.then(async () => {
    await Promise.resolve();
    worked = busy(3);
  });
  using _ = addInstrument({ stepEnded: (step) => steps.push(step) });
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      holdDeliveries();
      wait.answer();
      deliverHeld();
      resolve();
    });
  });
  await after;
  await nextTurn();
  assert.equal(steps.length, 1);
  assert.ok((steps[0]?.ms ?? 0) >= worked, `${steps[0]?.ms} < ${worked}`);
});

test('while steps are measured, nothing is lost or reordered, beyond the answers of one turn too', async () => {
  for (const stepEvery of [1, 3, 100]) {
    let told = 0;
    const got: number[] = [];
    {
      using _ = addInstrument({ stepEvery, stepEnded: () => void told++ });
      const queue = new Queue<number>();
      const consumer = createTask(async () => {
        while (got.length < 3000) got.push(await queue.get());
      });
      const producer = createTask(async () => {
        for (let i = 0; i < 3000; i++) {
          await queue.put(i);
          if (i % 7 === 0) await sleep(0);
        }
      });
      await producer;
      await consumer;
    }
    assert.deepEqual(
      got,
      Array.from({ length: 3000 }, (_, i) => i),
    );
    assert.ok(told > 0);
  }
});

test('exploreCancellation and an instrument that measures steps run together', async () => {
  const explore = (): Promise<number> =>
    exploreCancellation(async (x) => {
      const lock = new Lock();
      for (const name of ['a', 'b', 'c']) {
        x.task(name, async () => {
          const hold = await lock.acquire();
          await sleep(10).finally(() => hold[Symbol.dispose]());
        });
      }
      await x.settled();
      if (lock.locked()) throw new Error('the lock was lost');
    });
  const alone = await explore();
  let steps = 0;
  using _ = addInstrument({ stepEnded: () => void steps++ });
  assert.ok((await explore()) >= alone);
  assert.ok(steps > alone);
});
