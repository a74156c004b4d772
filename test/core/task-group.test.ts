/* oxlint-disable typescript/no-misused-promises -- finally() waits for the promise it is given: a cleanup that waits */
import assert from 'node:assert/strict';
import {
  callLater,
  CancelledError,
  createTask,
  currentTask,
  type ExceptionContext,
  Future,
  InvalidStateError,
  setExceptionHandler,
  sleep,
  type Task,
  TaskGroup,
  TaskGroupError,
  timeout,
  TimeoutError,
} from 'maitre';
import { cancelAtEveryStep, cancelTwiceAtEveryStep } from '../support/explore.js';
import { fakeTest, test } from '../support/test.js';

const never = (): Promise<void> => sleep(Infinity);
const fail = (message: string): Promise<never> => Promise.reject(new Error(message));
const messages = (error: unknown): string[] => (error as TaskGroupError).errors.map((each: Error) => each.message);

/** Runs a group that must fail, and gives the messages of its errors. */
async function errorsOf(fn: (group: TaskGroup) => unknown): Promise<string[]> {
  try {
    await TaskGroup.run(fn);
  } catch (error) {
    assert.ok(error instanceof TaskGroupError, String(error));
    return messages(error);
  }
  return assert.fail('the group did not fail');
}

// ---- waiting for the children -----------------------------------------------------------------------------------------

fakeTest('a group gives the value of its body once all its tasks have ended', async (clock) => {
  const value = await TaskGroup.run((group) => {
    group.createTask(() => sleep(10));
    group.createTask(() => sleep(30));
    return 'tea';
  });
  assert.equal(value, 'tea');
  assert.equal(clock.now(), 30);
});

fakeTest('a group without tasks ends with its body', async () => {
  assert.equal(await TaskGroup.run(() => 42), 42);
  assert.equal(await TaskGroup.run(async () => sleep(10, 'slept')), 'slept');
});

fakeTest('tasks may be added while the group waits for others', async (clock) => {
  await TaskGroup.run((group) => {
    group.createTask(async () => {
      await sleep(10);
      group.createTask(() => sleep(10));
    });
  });
  assert.equal(clock.now(), 20);
});

fakeTest('a task may be added in the very step in which the last one ends', async (clock) => {
  await TaskGroup.run((group) => {
    const last = group.createTask(() => sleep(10));
    last.addDoneCallback(() => void group.createTask(() => sleep(5)));
  });
  assert.equal(clock.now(), 15);
});

fakeTest('the cancellation of a child alone is no error of the group', async () => {
  const value = await TaskGroup.run((group) => {
    group.createTask(never).cancel();
    group.createTask(never, { name: 'begun', eager: true }).cancel();
    return 'fine';
  });
  assert.equal(value, 'fine');
});

fakeTest('an eager task that is done at once is no trouble', async () => {
  const value = await TaskGroup.run((group) => group.createTask(() => 42, { eager: true }).result());
  assert.equal(value, 42);
});

// ---- failing ------------------------------------------------------------------------------------------------------

fakeTest('the first failure cancels the other tasks and the body, and is thrown when all have ended', async (clock) => {
  let ended = 0;
  const errors = await errorsOf(async (group) => {
    group.createTask(() => never().finally(() => sleep(20).then(() => ended++)));
    group.createTask(() => sleep(10).then(() => fail('first')));
    await never().finally(() => ended++);
  });
  assert.deepEqual(errors, ['first']);
  assert.equal(ended, 2);
  assert.equal(clock.now(), 30);
  assert.equal(currentTask()?.cancelling(), 0);
});

fakeTest("errors come in the order of completion, the body's last", async () => {
  const errors = await errorsOf(async (group) => {
    group.createTask(() => never().catch(() => sleep(20).then(() => fail('slow'))));
    group.createTask(() => never().catch(() => sleep(5).then(() => fail('quick'))));
    group.createTask(() => sleep(1).then(() => fail('first')));
    await never().catch(() => fail('body'));
  });
  assert.deepEqual(errors, ['first', 'quick', 'slow', 'body']);
});

fakeTest('an error of the body cancels the tasks and is grouped too', async () => {
  let cancelled = false;
  const errors = await errorsOf(async (group) => {
    group.createTask(() => never().finally(() => (cancelled = true)));
    await sleep(1);
    await fail('body');
  });
  assert.deepEqual(errors, ['body']);
  assert.equal(cancelled, true);
});

fakeTest('a body that throws at once: a task that has not begun never runs', async () => {
  let ran = false;
  const errors = await errorsOf((group) => {
    group.createTask(() => (ran = true));
    throw new Error('at once');
  });
  assert.deepEqual(errors, ['at once']);
  assert.equal(ran, false);
});

fakeTest('the message of a group error says how many and which first', async () => {
  await assert.rejects(
    TaskGroup.run((group) => void group.createTask(() => fail('spilled')), { name: 'kitchen' }),
    { name: 'TaskGroupError', code: 'ERR_TASK_GROUP', message: '1 unhandled error in kitchen: Error: spilled' },
  );
});

fakeTest('an eager task that fails at once shuts the group down', async () => {
  let thrown: unknown;
  const errors = await errorsOf(async (group) => {
    group.createTask(
      () => {
        throw new Error('at once');
      },
      { eager: true },
    );
    try {
      group.createTask(never);
    } catch (error) {
      thrown = error;
    }
    await never();
  });
  assert.deepEqual(errors, ['at once']);
  assert.ok(thrown instanceof InvalidStateError);
});

fakeTest('a group inside a group: the inner error is grouped twice, the counts are 0', async () => {
  await assert.rejects(
    TaskGroup.run(async (outer) => {
      outer.createTask(never);
      await TaskGroup.run((inner) => void inner.createTask(() => fail('deep')));
    }),
    (error: TaskGroupError) => {
      assert.equal(error.errors.length, 1);
      assert.deepEqual(messages(error.errors[0]), ['deep']);
      return true;
    },
  );
  assert.equal(currentTask()?.cancelling(), 0);
});

fakeTest('tasks of a failed group are not reported besides', async () => {
  await errorsOf((group) => {
    group.createTask(() => fail('one'));
    group.createTask(() => fail('two'));
  });
});

// ---- createTask at the wrong time --------------------------------------------------------------------------------------

fakeTest('createTask of a finished group throws InvalidStateError and does not run the function', async () => {
  let ran = false;
  const group = await TaskGroup.run((self) => ({ self }));
  assert.throws(() => group.self.createTask(() => (ran = true), { eager: true }), /is finished/);
  await assert.rejects(
    group.self.start(() => void (ran = true)),
    InvalidStateError,
  );
  assert.equal(ran, false);
});

fakeTest(
  'createTask of a group that is shutting down throws InvalidStateError and does not run the function',
  async () => {
    let ran = false;
    let refusals = 0;
    await errorsOf(async (group) => {
      group.createTask(() => fail('boom'));
      await never().catch(async () => {
        assert.throws(() => group.createTask(() => (ran = true), { eager: true }), /is shutting down/);
        refusals++;
        await assert.rejects(
          group.start(() => void (ran = true)),
          InvalidStateError,
        );
        refusals++;
      });
    });
    assert.deepEqual([ran, refusals], [false, 2]);
  },
);

fakeTest('createTask throws in a group that an outside cancel is shutting down', async () => {
  let refused: unknown;
  const task = createTask(() =>
    TaskGroup.run((group) => {
      group.createTask(() =>
        never().finally(() => {
          try {
            group.createTask(never);
          } catch (error) {
            refused = error;
          }
        }),
      );
    }),
  );
  await sleep(1);
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
  assert.ok(refused instanceof InvalidStateError);
});

fakeTest('createTask refuses a promise', async () => {
  const errors = await errorsOf((group) => group.createTask(Promise.resolve() as never));
  assert.match(errors[0] ?? '', /group\.createTask\(\(\) => fetchAll\(\)\)/);
});

test('arguments that are wrong reject, and do not throw', async () => {
  await assert.rejects(TaskGroup.run(1 as never), TypeError);
  await assert.rejects(
    TaskGroup.run(() => 1, { errors: 'ignore' as never }),
    new RangeError('Cannot run a task group: errors must be cancel or report, got "ignore"'),
  );
  await assert.rejects(
    TaskGroup.run(() => 1, { errors: 1 as never }),
    TypeError,
  );
  await assert.rejects(
    TaskGroup.run(() => 1, { signal: 'x' as never }),
    TypeError,
  );
});

// ---- outside cancels --------------------------------------------------------------------------------------------------

fakeTest('an outside cancel ends body and tasks and comes through as CancelledError', async () => {
  for (const bodyWaits of [true, false]) {
    let ended = 0;
    const task = createTask(() =>
      TaskGroup.run(async (group) => {
        group.createTask(() => never().finally(() => sleep(10).then(() => ended++)));
        if (bodyWaits) await never();
      }),
    );
    await sleep(1);
    task.cancel('outside');
    await assert.rejects(async () => task, { name: 'CancelledError', message: 'outside' });
    assert.equal(ended, 1);
    assert.equal(task.cancelling(), 1);
  }
});

fakeTest('a parent that is cancelled again and again still waits for its tasks', async () => {
  let ended = false;
  const task = createTask(() =>
    TaskGroup.run((group) => {
      group.createTask(() => never().finally(() => sleep(100).then(() => (ended = true))));
    }),
  );
  for (let i = 0; i < 5; i++) {
    await sleep(1);
    task.cancel();
  }
  await assert.rejects(async () => task, CancelledError);
  assert.equal(ended, true);
  assert.equal(task.cancelling(), 5);
});

fakeTest(
  'outside cancel plus error of a child: the errors are thrown, the cancel stays pending and counted',
  async () => {
    const seen: unknown[] = [];
    const task = createTask(async (self) => {
      await TaskGroup.run((group) => {
        group.createTask(() => never().catch(() => fail('in cleanup')));
      }).catch((error: unknown) => seen.push(messages(error), self.cancelling()));
      await never();
    });
    await sleep(1);
    task.cancel('outside');
    await assert.rejects(async () => task, { name: 'CancelledError', message: 'outside' });
    assert.deepEqual(seen, [['in cleanup'], 1]);
    assert.equal(task.cancelling(), 1);
  },
);

fakeTest(
  'an outside cancel in the turn of a failure is not lost, even when the cleanup of the body fails',
  async () => {
    for (const bodyFails of [true, false]) {
      const task = createTask(async () => {
        await TaskGroup.run(async (group) => {
          group.createTask(() => fail('child'));
          await never().catch((error: unknown) => (bodyFails ? fail('body') : Promise.reject(error)));
        }).catch((error: unknown) => assert.ok(error instanceof TaskGroupError));
        await sleep(0);
      });
      task.addDoneCallback(() => undefined);
      await nextTurnButOne(task);
      await assert.rejects(async () => task, CancelledError);
      assert.equal(task.cancelling(), 1);
    }

    /** Cancels as soon as the group has cancelled its parent. */
    async function nextTurnButOne(task: Task<void>): Promise<void> {
      while (task.cancelling() === 0) await Promise.resolve();
      task.cancel('outside');
    }
  },
);

fakeTest('nested groups: an outside cancel is not swallowed by the inner error', async () => {
  const task = createTask(async () => {
    await TaskGroup.run(async (outer) => {
      outer.createTask(never);
      await TaskGroup.run((inner) => {
        inner.createTask(() => never().catch(() => fail('inner')));
      }).catch(() => undefined);
      await never(); // the cancel is delivered here
      assert.fail('not reached');
    });
  });
  await sleep(1);
  task.cancel('outside');
  await assert.rejects(async () => task, { name: 'CancelledError', message: 'outside' });
  assert.equal(task.cancelling(), 1);
});

fakeTest('a body that swallows an outside cancel and returns keeps its value', async () => {
  const task = createTask(() =>
    TaskGroup.run(async () => {
      await never().catch(() => undefined);
      return 'kept';
    }),
  );
  await sleep(1);
  task.cancel();
  assert.equal(await task, 'kept');
});

fakeTest('a failed group in the cleanup of a cancelled task throws its errors and nothing more', async () => {
  const steps: string[] = [];
  const task = createTask(async () => {
    try {
      await never();
    } finally {
      await TaskGroup.run((group) => void group.createTask(() => fail('cleanup'))).catch(() => steps.push('failed'));
      await sleep(0);
      steps.push('went on');
    }
  });
  await sleep(1);
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
  assert.deepEqual(steps, ['failed', 'went on']);
});

fakeTest('a group in a timeout: the deadline ends the group, a failing cleanup replaces it', async () => {
  await assert.rejects(
    timeout(10, () => TaskGroup.run((group) => void group.createTask(never))),
    TimeoutError,
  );
  await assert.rejects(
    timeout(10, () => TaskGroup.run((group) => void group.createTask(() => never().catch(() => fail('late'))))),
    TaskGroupError,
  );
  assert.equal(currentTask()?.cancelling(), 0);
  await sleep(0); // would take a cancel that is left over
});

// ---- cancel() -----------------------------------------------------------------------------------------------------

fakeTest('group.cancel() ends tasks and body, and run resolves to undefined', async (clock) => {
  let ended = 0;
  const value = await TaskGroup.run(async (group) => {
    group.createTask(() => never().finally(() => ended++));
    group.createTask(() => sleep(10).then(() => group.cancel()));
    await never().finally(() => ended++);
    return 'never';
  });
  assert.equal(value, undefined);
  assert.equal(ended, 2);
  assert.equal(clock.now(), 10);
  assert.equal(currentTask()?.cancelling(), 0);
  await sleep(0);
});

fakeTest('group.cancel() as the last act of the body', async () => {
  const value = await TaskGroup.run((group) => {
    group.createTask(never);
    group.cancel();
    return 'not given';
  });
  assert.equal(value, undefined);
  await sleep(0); // would take a cancel that is left over
});

fakeTest('group.cancel() while the group waits for its tasks, twice, and after its end', async () => {
  let group: TaskGroup | undefined;
  const task = createTask(() =>
    TaskGroup.run((self) => {
      group = self;
      self.createTask(() => never().finally(() => sleep(5)));
    }),
  );
  await sleep(1);
  group?.cancel();
  group?.cancel();
  await sleep(1);
  group?.cancel();
  assert.equal(await task, undefined);
  group?.cancel();
  assert.equal(task.cancelling(), 0);
});

fakeTest('group.cancel() before a task has begun: it never runs', async () => {
  let ran = false;
  await TaskGroup.run((group) => {
    group.createTask(() => (ran = true));
    group.cancel();
  });
  assert.equal(ran, false);
});

fakeTest('an eager task that cancels the group in its first step is cancelled itself at its first wait', async () => {
  let ended: unknown;
  await TaskGroup.run(async (group) => {
    group.createTask(
      async () => {
        group.cancel();
        await never().catch((error: unknown) => (ended = error));
      },
      { eager: true },
    );
  });
  assert.ok(ended instanceof CancelledError);
});

fakeTest('group.cancel() does not hide errors', async () => {
  const errors = await errorsOf((group) => {
    group.createTask(() => never().catch(() => fail('in cleanup')));
    group.createTask(() => sleep(1).then(() => group.cancel()));
  });
  assert.deepEqual(errors, ['in cleanup']);
});

fakeTest('group.cancel() and an outside cancel in the same turn: the outside cancel goes on', async () => {
  const task = createTask(() =>
    TaskGroup.run(async (group) => {
      setImmediate(() => {
        group.cancel();
        task.cancel('outside');
      });
      await never();
    }),
  );
  await assert.rejects(async () => task, CancelledError);
  assert.equal(task.cancelling(), 1);
});

fakeTest('the reason of a child`s cancellation is its group', async () => {
  await TaskGroup.run(async (group) => {
    const child = group.createTask(never);
    await sleep(1);
    group.cancel();
    await child.catch((error: unknown) => {
      assert.deepEqual((error as CancelledError).reason, { kind: 'group', by: group });
    });
  });
});

// ---- start() ------------------------------------------------------------------------------------------------------

fakeTest('start resolves with what the task passes to started, and the task goes on in the group', async (clock) => {
  await TaskGroup.run(async (group) => {
    const port = await group.start<number>(async (started) => {
      await sleep(10);
      started(8002);
      await sleep(50);
    });
    assert.equal(port, 8002);
    assert.equal(clock.now(), 10);
  });
  assert.equal(clock.now(), 60);
});

fakeTest('a failure before started is thrown by start alone', async () => {
  const value = await TaskGroup.run(async (group) => {
    group.createTask(() => sleep(10));
    await assert.rejects(
      group.start(() => fail('no port')),
      /no port/,
    );
    return 'the group goes on';
  });
  assert.equal(value, 'the group goes on');
});

fakeTest('a failure after started is one of the group', async () => {
  const errors = await errorsOf(async (group) => {
    await group.start<void>(async (started) => {
      started();
      await sleep(10);
      await fail('crashed');
    });
    await never();
  });
  assert.deepEqual(errors, ['crashed']);
});

fakeTest('a task that ends without calling started makes start fail with InvalidStateError', async () => {
  await TaskGroup.run(async (group) => {
    await assert.rejects(
      group.start(() => undefined),
      /ended without calling started\(\)/,
    );
  });
});

fakeTest('started called twice throws InvalidStateError into the task', async () => {
  const errors = await errorsOf(async (group) => {
    await group.start<number>((started) => {
      started(1);
      started(2);
    });
  });
  assert.match(errors[0] ?? '', /it was called already/);
});

fakeTest('cancelling start cancels its task, and the group waits for that', async (clock) => {
  let ended = false;
  await TaskGroup.run(async (group) => {
    await assert.rejects(
      timeout(10, () => group.start(() => never().finally(() => sleep(20).then(() => (ended = true))))),
      TimeoutError,
    );
  });
  assert.equal(ended, true);
  assert.equal(clock.now(), 30);
});

fakeTest('a signal cancels start and its task, and an error of that task is one of the group', async (clock) => {
  const controller = new AbortController();
  callLater(10, () => controller.abort());
  const errors = await errorsOf(async (group) => {
    await assert.rejects(
      group.start(() => never().catch(() => sleep(20).then(() => fail('cleanup'))), { signal: controller.signal }),
      CancelledError,
    );
    assert.equal(clock.now(), 10);
    await sleep(50);
  });
  assert.deepEqual(errors, ['cleanup']);
  assert.equal(clock.now(), 30);
});

fakeTest('a start that was cancelled: an error of its task is one of the group', async () => {
  const errors = await errorsOf(async (group) => {
    await timeout(10, () => group.start(() => never().catch(() => fail('cleanup')))).catch(() => undefined);
    await never();
  });
  assert.deepEqual(errors, ['cleanup']);
});

fakeTest('start in a group that fails meanwhile is cancelled', async () => {
  const errors = await errorsOf(async (group) => {
    group.createTask(() => sleep(5).then(() => fail('sibling')));
    await group.start(never);
  });
  assert.deepEqual(errors, ['sibling']);
});

test('start refuses what is no function, by rejecting', async () => {
  await TaskGroup.run(async (group) => {
    await assert.rejects(group.start(Promise.resolve() as never), /group\.start/);
  });
});

// ---- report -------------------------------------------------------------------------------------------------------

fakeTest("errors: 'report': a failure goes to the exception handler and touches nobody else", async () => {
  const reports: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => reports.push(context));
  const value = await TaskGroup.run(
    async (group) => {
      group.createTask(() => fail('one client'), { name: 'client' });
      const other = group.createTask(() => sleep(10, 'served'));
      return await other;
    },
    { name: 'clients', errors: 'report' },
  );
  assert.equal(value, 'served');
  assert.deepEqual(
    reports.map(({ message, error, task }) => [message, String(error), task?.name]),
    [['Task "client" of clients failed', 'Error: one client', 'client']],
  );
  assert.match(reports[0]?.createdAt ?? '', /task-group\.test/);
});

fakeTest("errors: 'report': an error of the body still ends the group", async () => {
  let ended = false;
  await assert.rejects(
    TaskGroup.run(
      async (group) => {
        group.createTask(() => never().finally(() => (ended = true)));
        await sleep(1);
        await fail('body');
      },
      { errors: 'report' },
    ),
    TaskGroupError,
  );
  assert.equal(ended, true);
});

// ---- hosts, signals, contexts ------------------------------------------------------------------------------------------

test('outside of tasks the body becomes one', async () => {
  const seen = await TaskGroup.run(() => currentTask()?.name, { name: 'supervisor' });
  assert.equal(seen, 'supervisor');
  await assert.rejects(
    TaskGroup.run((group) => void group.createTask(() => fail('x'))),
    TaskGroupError,
  );
});

fakeTest('a foreign signal cancels the group', async () => {
  const controller = new AbortController();
  const running = TaskGroup.run((group) => void group.createTask(never), { signal: controller.signal });
  await sleep(1);
  controller.abort();
  await assert.rejects(running, CancelledError);
  assert.equal(currentTask()?.cancelling(), 0);
});

fakeTest('the parent waits on a record that says so', async () => {
  const release = new Future<void>();
  const parent = createTask(() => TaskGroup.run((group) => void group.createTask(async () => release)), { name: 'p' });
  await sleep(1);
  assert.equal(String(parent), '<Task "p" pending, waits for task group>');
  release.setResult();
  await parent;
});

// ---- explored -----------------------------------------------------------------------------------------------------

test('explored: a group ends cancelled or done, with all its tasks, whenever the cancel comes', async () => {
  const steps = await cancelAtEveryStep(() => {
    let [begun, ended] = [0, 0];
    const child = async (): Promise<void> => {
      begun++;
      try {
        await sleep(0);
      } finally {
        await sleep(0).finally(() => ended++);
      }
    };
    return {
      body: () =>
        TaskGroup.run(async (group) => {
          group.createTask(child);
          group.createTask(child, { eager: true });
          await sleep(0);
          await group.start<void>((started) => (started(), child()));
          return 'value';
        }),
      check: ({ task, cancels }) => {
        assert.equal(ended, begun);
        assert.equal(task.cancelled(), cancels === 1);
        if (cancels === 0) assert.equal(task.result(), 'value');
      },
    };
  });
  assert.ok(steps > 20, `${steps} steps`);
});

test('explored: group.cancel() and a failing child beside an outside cancel, whenever it comes', async () => {
  for (const failing of [true, false]) {
    await cancelAtEveryStep(() => ({
      body: async (): Promise<unknown> => {
        const result = await TaskGroup.run(async (group) => {
          group.createTask(async () => {
            await sleep(0);
            if (failing) throw new Error('child');
            group.cancel();
          });
          group.createTask(() => never().finally(() => sleep(0)));
          await never();
        }).catch((error: unknown) => (error instanceof CancelledError ? Promise.reject(error) : 'failed'));
        await sleep(0); // a cancel that was kept is delivered here
        return result;
      },
      check: ({ task, cancels }) => {
        assert.equal(task.cancelled(), cancels === 1);
        if (cancels === 0) assert.equal(task.result(), failing ? 'failed' : undefined);
      },
    }));
  }
});

test('explored: two cancels of a group whose children clean up', async () => {
  const pairs = await cancelTwiceAtEveryStep(() => ({
    body: () =>
      TaskGroup.run((group) => {
        group.createTask(() => sleep(0).finally(() => sleep(0)));
      }),
    check: ({ task, cancels }) => assert.equal(task.cancelled(), cancels > 0),
  }));
  assert.ok(pairs > 50, `${pairs} pairs`);
});
