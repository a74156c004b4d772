/* oxlint-disable typescript/no-misused-promises -- finally() waits for the promise it is given: a cleanup that waits */
import assert from 'node:assert/strict';
import {
  callAt,
  CancelledError,
  createTask,
  currentTask,
  Future,
  InvalidStateError,
  loopTime,
  moveOnAfter,
  sleep,
  type Task,
  TaskGroup,
  type Timeout,
  timeout,
  timeoutAt,
  TimeoutError,
  waitFor,
} from 'maitre';
import { cancelAtEveryStep, cancelTwiceAtEveryStep } from '../support/explore.js';
import { fakeTest, microtasks, nextTurn, test } from '../support/test.js';

const never = (): Promise<void> => sleep(Infinity);

// ---- timeout ------------------------------------------------------------------------------------------------------

fakeTest('a body that ends in time gives its value, and the deadline is gone', async (clock) => {
  assert.equal(await timeout(100, () => sleep(50, 'in time')), 'in time');
  assert.equal(await timeout(100, () => 'at once'), 'at once');
  await sleep(1000);
  assert.equal(clock.now(), 1050);
  assert.equal(currentTask()?.cancelling(), 0);
});

fakeTest(
  'a body that is late is cancelled and the call rejects with TimeoutError, its cause the cancellation',
  async (clock) => {
    let inner: unknown;
    await assert.rejects(
      timeout(100, async () => {
        try {
          await never();
        } catch (error) {
          inner = error;
          throw error;
        }
      }),
      (error: TimeoutError) => {
        assert.ok(error instanceof TimeoutError);
        assert.equal(error.message, 'Timed out: 100 ms passed in Task "main"');
        assert.equal(error.cause, inner);
        return true;
      },
    );
    assert.ok(inner instanceof CancelledError);
    assert.equal(inner.message, 'Cancelled: timeout of 100 ms in Task "main" passed');
    assert.equal(inner.reason.kind, 'timeout');
    assert.equal(clock.now(), 100);
    assert.equal(currentTask()?.cancelling(), 0);
  },
);

fakeTest('a TimeoutError comes once the body has cleaned up', async (clock) => {
  await assert.rejects(
    timeout(100, () => never().finally(() => sleep(30))),
    TimeoutError,
  );
  assert.equal(clock.now(), 130);
});

fakeTest('a body that swallows the deadline gives its value, and expired() is true', async () => {
  let deadline: Timeout | undefined;
  const value = await timeout(100, async (t) => {
    deadline = t;
    await never().catch(() => undefined);
    return 'late, but here';
  });
  assert.equal(value, 'late, but here');
  assert.equal(deadline?.expired(), true);
  assert.equal(currentTask()?.cancelling(), 0);
});

fakeTest('an error of the body is thrown, deadline or not', async () => {
  await assert.rejects(
    timeout(100, () => Promise.reject(new Error('early'))),
    /early/,
  );
  await assert.rejects(
    timeout(100, () =>
      never().catch(() => {
        throw new Error('late');
      }),
    ),
    /late/,
  );
  assert.equal(currentTask()?.cancelling(), 0);
});

fakeTest('a CancelledError of somebody else inside the body is no timeout', async () => {
  const other = createTask(never);
  other.cancel('other');
  await assert.rejects(
    timeout(100, () => other),
    { name: 'CancelledError', message: 'other' },
  );
});

fakeTest('timeout(0) fires at the next wait, not at once', async () => {
  assert.equal(await timeout(0, () => 'no wait'), 'no wait');
  assert.equal(await timeout(0, async () => 'no wait of ours'), 'no wait of ours');
  await assert.rejects(
    timeout(0, () => sleep(0)),
    TimeoutError,
  );
  await assert.rejects(
    timeout(-5, () => sleep(0)),
    TimeoutError,
  );
  await assert.rejects(
    timeoutAt(loopTime() - 1, () => sleep(0)),
    TimeoutError,
  );
});

fakeTest('timeout(null) and timeout(Infinity) never fire', async () => {
  for (const ms of [null, Infinity]) {
    const seen = await timeout(ms, async (t) => {
      await sleep(1e9);
      return t.expired();
    });
    assert.equal(seen, false);
  }
  assert.equal(await timeoutAt(null, (t) => t.when()), null);
});

fakeTest('timeoutAt takes a point in time on the clock of the loop', async (clock) => {
  await sleep(50);
  await assert.rejects(timeoutAt(80, never), /Timed out: the deadline passed/);
  assert.equal(clock.now(), 80);
});

fakeTest('when() tells the deadline and reschedule moves it, both ways and to never', async (clock) => {
  await assert.rejects(
    timeout(100, async (t) => {
      assert.equal(t.when(), 100);
      t.reschedule(200);
      await sleep(150);
      assert.equal(t.expired(), false);
      t.reschedule(null);
      assert.equal(t.when(), null);
      await sleep(500);
      t.reschedule(loopTime() + 10);
      await never();
    }),
    TimeoutError,
  );
  assert.equal(clock.now(), 660);
});

fakeTest('reschedule into the past fires at the next wait', async () => {
  await assert.rejects(
    timeout(100, async (t) => {
      t.reschedule(loopTime() - 1);
      assert.equal(t.expired(), false);
      await sleep(0);
    }),
    TimeoutError,
  );
});

fakeTest('reschedule throws InvalidStateError once the deadline passed or the body ended', async () => {
  let ended: Timeout | undefined;
  await timeout(100, (t) => void (ended = t));
  assert.throws(() => ended?.reschedule(1), /it is finished, not active/);
  await moveOnAfter(10, async (t) => {
    await never().catch(() => undefined);
    assert.throws(() => t.reschedule(1), InvalidStateError);
    assert.throws(() => t.reschedule(1), /it is expired, not active/);
  });
  await timeout(10, (t) => assert.throws(() => t.reschedule(Number.NaN), RangeError));
});

test('arguments that are wrong reject, and do not throw', async () => {
  await assert.rejects(
    timeout('1' as never, () => 1),
    TypeError,
  );
  await assert.rejects(
    timeout(Number.NaN, () => 1),
    RangeError,
  );
  await assert.rejects(timeout(1, Promise.resolve() as never), /got a promise/);
  await assert.rejects(
    timeoutAt(undefined as never, () => 1),
    TypeError,
  );
  await assert.rejects(
    moveOnAfter(Number.NaN, () => 1),
    RangeError,
  );
  await assert.rejects(
    moveOnAfter(null as never, () => 1),
    TypeError,
  );
  await assert.rejects(waitFor(42 as never, 1), TypeError);
  await assert.rejects(
    waitFor(() => 1, 'soon' as never),
    TypeError,
  );
  await assert.rejects(
    timeout(1, () => 1, { signal: {} as never }),
    TypeError,
  );
});

test('outside of tasks the body becomes one', async () => {
  assert.equal(currentTask(), undefined);
  const name = await timeout(1000, () => currentTask()?.name);
  assert.equal(name, 'timeout');
  await assert.rejects(timeout(1, never), TimeoutError);
  assert.equal(await moveOnAfter(1, never), undefined);
});

// ---- nested, and with outside cancels ---------------------------------------------------------------------------------

fakeTest('nested: the inner deadline ends the inner body alone', async (clock) => {
  const value = await timeout(100, async () => {
    await assert.rejects(timeout(10, never), TimeoutError);
    await sleep(20);
    return 'outer went on';
  });
  assert.equal(value, 'outer went on');
  assert.equal(clock.now(), 30);
});

fakeTest('nested: the outer deadline goes through the inner one as a cancellation', async () => {
  let inner: unknown;
  await assert.rejects(
    timeout(10, () => timeout(100, never).catch((error: unknown) => Promise.reject((inner = error)))),
    /10 ms passed/,
  );
  assert.ok(inner instanceof CancelledError);
  assert.equal(currentTask()?.cancelling(), 0);
});

for (const [depth, ms] of [
  [2, 10],
  [4, 10],
  [3, 0],
] as const) {
  fakeTest(
    `${depth} nested timeouts of ${ms} ms: only the outermost rejects with TimeoutError, all are expired`,
    async () => {
      const errors: unknown[] = [];
      const deadlines: Timeout[] = [];
      const nest = (left: number): Promise<void> =>
        timeout(ms, async (t) => {
          deadlines.push(t);
          await (left === 1 ? sleep(ms) : nest(left - 1));
        }).catch((error: unknown) => Promise.reject((errors.push(error), error)));
      await assert.rejects(nest(depth), TimeoutError);
      assert.deepEqual(
        errors.map((error) => (error as Error).name),
        [...Array.from({ length: depth - 1 }, () => 'CancelledError'), 'TimeoutError'],
      );
      assert.ok(deadlines.every((t) => t.expired()));
      assert.equal(currentTask()?.cancelling(), 0);
    },
  );
}

fakeTest('an outside cancel comes through as CancelledError and stays counted', async () => {
  const task = createTask(() => timeout(100, never));
  await sleep(50);
  task.cancel('outside');
  await assert.rejects(async () => task, { name: 'CancelledError', message: 'outside' });
  assert.equal(task.cancelling(), 1);
});

fakeTest('an outside cancel in the turn of the deadline wins over the TimeoutError, in either order', async () => {
  for (const cancelFirst of [true, false]) {
    const later = (): void => void callAt(at, () => task.cancel('outside'));
    const at = loopTime() + 100;
    if (cancelFirst) later();
    const task: Task<void> = createTask(() => timeoutAt(at, never));
    await sleep(0);
    if (!cancelFirst) later();
    await assert.rejects(async () => task, CancelledError);
    assert.equal(task.cancelling(), 1);
  }
});

fakeTest('an outside cancel during the cleanup after the deadline is no TimeoutError', async () => {
  const task = createTask(() => timeout(100, () => never().finally(() => sleep(50))));
  await sleep(120);
  task.cancel('meanwhile');
  await assert.rejects(async () => task, { name: 'CancelledError', message: 'meanwhile' });
  assert.equal(task.cancelling(), 1);
});

fakeTest('a timeout in the cleanup of a cancelled task is a TimeoutError of its own', async () => {
  let inner: unknown;
  const task = createTask(async () => {
    try {
      await never();
    } finally {
      await timeout(10, never).catch((error: unknown) => (inner = error));
    }
  });
  await sleep(5);
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
  assert.ok(inner instanceof TimeoutError);
  assert.equal(task.cancelling(), 1);
});

fakeTest('a deadline that passes while no wait of ours stands is dropped with its body', async () => {
  const value = await timeout(0, async () => {
    await nextTurn();
    await nextTurn();
    return 'done anyway';
  });
  assert.equal(value, 'done anyway');
  await sleep(0); // would take a cancel that is left over
});

fakeTest('such a deadline is dropped in the cleanup of a cancelled task too', async () => {
  const steps: string[] = [];
  const task = createTask(async () => {
    try {
      await never();
    } finally {
      await moveOnAfter(0, () => nextTurn().then(nextTurn));
      steps.push('first');
      await sleep(0);
      steps.push('second');
    }
  });
  await sleep(5);
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
  assert.deepEqual(steps, ['first', 'second']);
});

fakeTest(
  'a timeout around a group and a group around a timeout end with a TimeoutError, alone or grouped',
  async () => {
    await assert.rejects(
      timeout(10, () => TaskGroup.run((group) => void group.createTask(never))),
      TimeoutError,
    );
    await assert.rejects(
      TaskGroup.run((group) => void group.createTask(() => timeout(10, never))),
      (error: AggregateError) => error.errors.length === 1 && error.errors[0] instanceof TimeoutError,
    );
    assert.equal(currentTask()?.cancelling(), 0);
  },
);

// ---- moveOnAfter --------------------------------------------------------------------------------------------------

fakeTest('moveOnAfter gives the value in time and undefined when late', async (clock) => {
  assert.equal(await moveOnAfter(100, () => sleep(10, 'tea')), 'tea');
  assert.equal(await moveOnAfter(100, () => sleep(1000, 'tea')), undefined);
  assert.equal(clock.now(), 110);
  assert.equal(currentTask()?.cancelling(), 0);
});

fakeTest('moveOnAfter lets errors and outside cancels through', async () => {
  await assert.rejects(
    moveOnAfter(100, () => Promise.reject(new Error('spilled'))),
    /spilled/,
  );
  const task = createTask(() => moveOnAfter(100, never));
  await sleep(10);
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
});

// ---- waitFor ------------------------------------------------------------------------------------------------------

fakeTest('waitFor gives what a function, a task, a future or a promise gives in time', async () => {
  const future = new Future<string>();
  future.setResult('future');
  assert.equal(await waitFor(() => sleep(10, 'function'), 100), 'function');
  assert.equal(
    await waitFor(
      createTask(() => sleep(10, 'task')),
      100,
    ),
    'task',
  );
  assert.equal(await waitFor(future, 100), 'future');
  assert.equal(await waitFor(Promise.resolve('promise'), 100), 'promise');
  assert.equal(await waitFor(() => sleep(1e6, 'no limit'), null), 'no limit');
});

fakeTest('waitFor runs a function in the calling task', async () => {
  const self = currentTask();
  const name = await waitFor(() => (assert.equal(currentTask(), self), 'same'), 100);
  assert.equal(name, 'same');
});

fakeTest('waitFor(fn, 0) does not start fn', async () => {
  let started = false;
  for (const ms of [0, -1]) {
    await assert.rejects(
      waitFor(() => (started = true), ms),
      TimeoutError,
    );
  }
  assert.equal(started, false);
});

fakeTest(
  'waitFor(task, 0) gives the result of a done one, and cancels a pending one and waits for its end',
  async (clock) => {
    const done = createTask(() => 'done', { eager: true });
    assert.equal(await waitFor(done, 0), 'done');
    const pending = createTask(() => never().finally(() => sleep(30)));
    await sleep(10);
    await assert.rejects(waitFor(pending, 0), (error: TimeoutError) => {
      assert.ok(error instanceof TimeoutError);
      assert.ok(error.cause instanceof CancelledError);
      return true;
    });
    assert.equal(pending.cancelled(), true);
    assert.equal(clock.now(), 40);
  },
);

fakeTest('waitFor(task, 0) gives the value, or the error, of one that answers its cancel with it', async () => {
  const swallows = createTask(() => never().catch(() => 'value'));
  const raises = createTask(() => never().catch(() => Promise.reject(new Error('instead'))));
  await sleep(1);
  assert.equal(await waitFor(swallows, 0), 'value');
  await assert.rejects(waitFor(raises, 0), /instead/);
});

fakeTest('waitFor of a late task cancels it, waits for its end and rejects with TimeoutError', async (clock) => {
  const task = createTask(() => never().finally(() => sleep(30)));
  await assert.rejects(waitFor(task, 100), TimeoutError);
  assert.equal(task.cancelled(), true);
  assert.equal(clock.now(), 130);
});

fakeTest('waitFor gives the value, or the error, of work that answers its cancel with it', async () => {
  const work = (answer: () => unknown) => createTask(() => never().catch(answer));
  assert.equal(
    await waitFor(
      work(() => 'value'),
      10,
    ),
    'value',
  );
  await assert.rejects(
    waitFor(
      work(() => Promise.reject(new Error('instead'))),
      10,
    ),
    /instead/,
  );
});

fakeTest('waitFor of a future cancels the future when late', async () => {
  const future = new Future<void>();
  await assert.rejects(waitFor(future, 10), TimeoutError);
  assert.equal(future.cancelled(), true);
  const other = new Future<void>();
  await assert.rejects(waitFor(other, 0), TimeoutError);
  assert.equal(other.cancelled(), true);
});

fakeTest('waitFor of a foreign promise leaves it alone', async () => {
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<never>((_, no) => (reject = no));
  await assert.rejects(waitFor(promise, 10), TimeoutError);
  reject(new Error('later, and ignored'));
  await sleep(0);
});

fakeTest('an outside cancel of waitFor cancels the work it waits for', async () => {
  const work = createTask(never);
  const waiter = createTask(() => waitFor(work, 100));
  await sleep(10);
  waiter.cancel('outside');
  await assert.rejects(async () => waiter, { name: 'CancelledError', message: 'outside' });
  assert.equal(work.cancelled(), true);
});

fakeTest('a cancel that is pending when waitFor is called cancels the work too', async () => {
  const [work, future] = [createTask(never), new Future<void>()];
  for (const each of [work, future]) {
    const waiter = createTask(async (self) => {
      self.cancel();
      await waitFor(each, 100);
    });
    await assert.rejects(async () => waiter, CancelledError);
    await sleep(0);
    assert.equal(each.cancelled(), true);
  }
});

fakeTest('waitFor of a rejecting promise in a cancelled task is no unhandled rejection', async () => {
  const waiter = createTask(async (self) => {
    self.cancel();
    await waitFor(Promise.reject(new Error('ignored')), 100);
  });
  await assert.rejects(async () => waiter, CancelledError);
});

fakeTest('waitFor takes a signal', async () => {
  const controller = new AbortController();
  const work = createTask(never);
  const wait = waitFor(work, 1000, { signal: controller.signal });
  await sleep(1);
  controller.abort();
  await assert.rejects(wait, CancelledError);
  assert.equal(work.cancelled(), true);
  await assert.rejects(
    waitFor(() => 1, 10, { signal: controller.signal }),
    CancelledError,
  );
});

fakeTest('timeout takes a signal, also one that aborts in the first step of the body', async () => {
  for (const when of ['at once', 'later'] as const) {
    const controller = new AbortController();
    const wait = timeout(
      1000,
      async () => {
        if (when === 'later') await sleep(1);
        controller.abort();
        await never();
      },
      { signal: controller.signal },
    );
    await assert.rejects(wait, CancelledError);
  }
  assert.equal(currentTask()?.cancelling(), 0);
});

// ---- explored -----------------------------------------------------------------------------------------------------

test('explored: timeouts keep the count right at every step, when they fire and when they do not', async () => {
  for (const ms of [0, 1000]) {
    const steps = await cancelAtEveryStep(() => ({
      body: async () => {
        await timeout(ms, () => timeout(ms, () => sleep(0).finally(() => sleep(0)))).catch((error: unknown) => {
          if (!(error instanceof TimeoutError)) throw error;
        });
        await sleep(0);
      },
      check: ({ task, cancels }) => assert.equal(task.cancelled(), cancels === 1),
    }));
    assert.ok(steps > 10, `${steps} steps`);
  }
});

test('explored: two cancels of a timeout that fires', async () => {
  await cancelTwiceAtEveryStep(() => ({
    body: () =>
      timeout(0, () => sleep(0).finally(() => sleep(0))).catch((error: unknown) => {
        if (!(error instanceof TimeoutError)) throw error;
      }),
  }));
});

test('explored: waitFor never leaves its task running', async () => {
  await cancelAtEveryStep(() => {
    let work: Task<string> | undefined;
    return {
      body: async () => {
        work = createTask(() => sleep(0).then(() => sleep(0, 'value')));
        await microtasks(2);
        return await waitFor(work, 1000);
      },
      check: ({ task, cancels }) => {
        assert.equal(task.cancelled(), cancels === 1);
        // Cancelled with its waiter, or done in the turn of the cancel and kept.
        if (work !== undefined && !work.cancelled()) assert.equal(work.result(), 'value');
      },
    };
  });
});
