import assert from 'node:assert/strict';
import { CancelledError, createTask, currentTask, sleep, type WaitOptions } from 'maitre';
import { beginWait, type Linked, LinkedSet, makeCancelledError, Wait, waitsOf } from 'maitre/lowlevel';
import { cancelAtEveryStep } from '../support/explore.js';
import { microtasks, nextTurn, test } from '../support/test.js';

/** A wait that keeps a log of what was asked of it. */
class LoggedWait extends Wait<string> {
  readonly log: string[] = [];
  taken: ((answer: string) => string) | undefined;

  constructor(options?: WaitOptions) {
    super('logged', 'resource', options);
  }

  protected override withdraw(answered: boolean, value: string): void {
    this.log.push(`withdraw ${answered} ${value}`);
  }

  protected override take(answer: string): string {
    this.log.push(`take ${answer}`);
    return this.taken === undefined ? answer : this.taken(answer);
  }
}

const cancelled = (): CancelledError => makeCancelledError('back', { kind: 'task' });

test('an answer reaches the promise a microtask after it was decided, through take', async () => {
  const wait = new LoggedWait();
  assert.equal(wait.waiting, true);
  assert.equal(wait.answer('tea'), true);
  assert.deepEqual([wait.waiting, wait.answered, wait.log], [false, true, []]);
  await microtasks();
  assert.deepEqual([wait.answered, wait.log], [false, ['take tea']]);
  assert.equal(await wait.promise, 'tea');
});

test('a wait is decided once: what comes later is refused and changes nothing', async () => {
  const wait = new LoggedWait();
  assert.equal(wait.answer('first'), true);
  assert.equal(wait.answer('second'), false);
  assert.equal(wait.fail(new Error('third')), false);
  assert.equal(await wait.promise, 'first');
  assert.equal(wait.cancel(cancelled()), false);
});

test('fail rejects the promise without take', async () => {
  const wait = new LoggedWait();
  wait.fail(new Error('cold'));
  await assert.rejects(wait.promise, /cold/);
  assert.deepEqual(wait.log, []);
});

test('what take throws, the caller gets', async () => {
  const wait = new LoggedWait();
  wait.taken = () => {
    throw new Error('spilled');
  };
  wait.answer('tea');
  await assert.rejects(wait.promise, /spilled/);
});

test('a cancel of a waiting wait withdraws it and rejects', async () => {
  const wait = new LoggedWait();
  assert.equal(wait.cancel(cancelled()), true);
  await assert.rejects(wait.promise, { message: 'back' });
  assert.deepEqual(wait.log, ['withdraw false undefined']);
});

test('a cancel between answer and delivery wins, and withdraw gets the answer to hand on', async () => {
  const wait = new LoggedWait();
  wait.answer('tea');
  assert.equal(wait.cancel(cancelled()), true);
  await assert.rejects(wait.promise, CancelledError);
  assert.deepEqual(wait.log, ['withdraw true tea']);
});

test('a cancel between fail and delivery wins, and there is nothing to hand on', async () => {
  const wait = new LoggedWait();
  const error = new Error('cold');
  wait.fail(error);
  wait.cancel(cancelled());
  await assert.rejects(wait.promise, CancelledError);
  assert.equal(wait.log.length, 1);
  assert.match(wait.log[0] ?? '', /^withdraw false/);
});

test('a second cancel merges with the one that is on its way', async () => {
  const wait = new LoggedWait();
  const first = cancelled();
  wait.cancel(first);
  assert.equal(wait.cancel(cancelled()), true);
  assert.equal(wait.answer('too late'), false);
  await assert.rejects(wait.promise, first);
  assert.equal(wait.log.length, 1);
});

test('all that is decided in one step is delivered in the order of the decisions', async () => {
  const waits = [0, 1, 2].map(() => new LoggedWait());
  const order: number[] = [];
  for (const [i, wait] of waits.entries()) void wait.promise.then(() => order.push(i));
  for (const i of [2, 0, 1]) waits[i]?.answer('x');
  await microtasks(3);
  assert.deepEqual(order, [2, 0, 1]);
});

test('a wait is linked to its task, whatever its state, from its construction to its delivery', async () => {
  const task = createTask(async (self) => {
    const [one, other] = [new LoggedWait(), new LoggedWait()];
    assert.deepEqual(waitsOf(self), [other, one]);
    assert.equal(one.task, self);
    one.answer('a');
    assert.deepEqual(waitsOf(self), [other, one]);
    await one.promise;
    assert.deepEqual(waitsOf(self), [other]);
    other.answer('b');
    await other.promise;
    assert.deepEqual(waitsOf(self), []);
  });
  await task;
});

test('waits leave the middle of the list of their task', async () => {
  await createTask(async (self) => {
    const [a, b, c] = [new LoggedWait(), new LoggedWait(), new LoggedWait()];
    b.answer('b');
    await b.promise;
    assert.deepEqual(waitsOf(self), [c, a]);
    for (const wait of [a, c]) wait.answer('x');
    await Promise.all([a.promise, c.promise]);
    assert.deepEqual(waitsOf(self), []);
  });
});

test('a wait tells what it waits for, on what, and since when', async () => {
  const wait = new LoggedWait();
  assert.deepEqual(
    [wait.kind, wait.resource, typeof wait.since, wait.task],
    ['logged', 'resource', 'number', undefined],
  );
  assert.equal(wait.site, undefined);
  wait.answer('');
  await wait.promise;
});

test('beginWait lets a call pass when there is nothing to cancel', () => {
  assert.equal(beginWait(), undefined);
  assert.equal(beginWait({}), undefined);
  assert.equal(beginWait({ signal: new AbortController().signal }), undefined);
});

test('beginWait takes the pending cancel of the current task once', async () => {
  const task = createTask(async (self) => {
    self.cancel('pending');
    await assert.rejects(beginWait() ?? Promise.resolve(), { message: 'pending' });
    assert.equal(beginWait(), undefined);
    return 'done';
  });
  assert.equal(await task, 'done');
});

test('a pending cancel of one task is no affair of another', async () => {
  const other = createTask(async (self) => {
    self.cancel();
    await nextTurn();
    await sleep(0);
  });
  await createTask(async () => {
    await nextTurn();
    assert.equal(beginWait(), undefined);
  });
  await assert.rejects(async () => other, CancelledError);
});

// ---- signals ------------------------------------------------------------------------------------------------------

/** An AbortController that counts its listeners. */
function counted(): { readonly controller: AbortController; readonly listeners: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  let count = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => (count++, add(...args));
  signal.removeEventListener = (...args: Parameters<typeof remove>) => (count--, remove(...args));
  return { controller, listeners: () => count };
}

test('a foreign signal cancels the wait: the error says so and its cause is the reason', async () => {
  const { controller, listeners } = counted();
  const wait = sleep(Infinity, undefined, { signal: controller.signal });
  assert.equal(listeners(), 1);
  const reason = new Error('closing time');
  controller.abort(reason);
  await assert.rejects(wait, (error: CancelledError) => {
    assert.ok(error instanceof CancelledError);
    assert.deepEqual(error.reason, { kind: 'signal', by: controller.signal });
    assert.equal(error.cause, reason);
    return true;
  });
});

test('a foreign signal that is aborted already refuses the call', async () => {
  const { controller, listeners } = counted();
  controller.abort();
  await assert.rejects(sleep(0, undefined, { signal: controller.signal }), CancelledError);
  assert.equal(listeners(), 0);
});

test('the listener of a foreign signal is taken away however the wait ends', async () => {
  const { controller, listeners } = counted();
  const { signal } = controller;
  await sleep(0, undefined, { signal });
  assert.equal(listeners(), 0);
  const task = createTask(() => sleep(Infinity, undefined, { signal }));
  await nextTurn();
  assert.equal(listeners(), 1);
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
  assert.equal(listeners(), 0);
});

test('many waits on one signal make no warning', async () => {
  const controller = new AbortController();
  const waits = Array.from({ length: 50 }, () => sleep(Infinity, undefined, { signal: controller.signal }));
  controller.abort();
  assert.equal((await Promise.allSettled(waits)).filter(({ status }) => status === 'rejected').length, 50);
});

test('a foreign signal ends the wait, not the task: it is not counted', async () => {
  const controller = new AbortController();
  const task = createTask(async () => {
    await sleep(Infinity, undefined, { signal: controller.signal }).catch(() => undefined);
    return currentTask()?.cancelling();
  });
  await nextTurn();
  controller.abort();
  assert.equal(await task, 0);
});

test("another task's signal is a foreign signal, and passes that task's cancellation on", async () => {
  const other = createTask(() => sleep(Infinity));
  const task = createTask(() => sleep(Infinity, undefined, { signal: other.signal }));
  await nextTurn();
  other.cancel('both');
  await assert.rejects(async () => task, { message: 'both' });
  assert.equal(task.cancelling(), 0);
});

test('what is no AbortSignal rejects with TypeError, and does not throw', async () => {
  for (const signal of [1, null, {}, 'x']) {
    await assert.rejects(sleep(0, undefined, { signal: signal as never }), TypeError);
  }
});

// ---- a primitive built on it ---------------------------------------------------------------------------------------

test('explored: a permit handed to a waiter that is cancelled goes to the next, at every step', async () => {
  const steps = await cancelAtEveryStep(() => {
    const queue = new LinkedSet<PermitWait>();
    const handOn = (): void => void queue.shift()?.answer();
    class PermitWait extends Wait<void> implements Linked {
      previous: Linked | undefined;
      next: Linked | undefined;
      list: object | undefined;
      constructor() {
        super('permit', queue);
        queue.add(this);
      }
      override answer(): boolean {
        return super.answer(undefined);
      }
      protected override withdraw(answered: boolean): void {
        if (answered) handOn();
        else queue.delete(this);
      }
    }
    const acquire = (): Promise<void> => beginWait() ?? new PermitWait().promise;
    let got = 0;
    return {
      body: async () => {
        const second = createTask(() =>
          nextTurn()
            .then(acquire)
            .then(() => void got++),
        );
        setImmediate(() => setImmediate(() => setImmediate(handOn)));
        try {
          await acquire();
          got++;
        } finally {
          handOn();
          await second;
        }
      },
      check: ({ task, cancels }) => {
        assert.equal(queue.size, 0);
        if (cancels === 0) assert.equal(got, 2);
        else assert.ok(task.cancelled() || got >= 1);
      },
    };
  });
  assert.ok(steps > 10);
});
