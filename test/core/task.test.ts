import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  allTasks,
  callLater,
  callSoon,
  CancelledError,
  createTask,
  currentTask,
  Future,
  gather,
  InvalidStateError,
  shield,
  sleep,
  type Task,
  TaskGroup,
  timeout,
} from 'maitre';
import { addInstrument } from 'maitre/lowlevel';
import { cancelAtEveryStep, cancelTwiceAtEveryStep } from '../support/explore.js';
import { fakeTest, microtasks, nextTurn, test } from '../support/test.js';

// ---- starting ---------------------------------------------------------------------------------------------------

test("a task's function starts in a later microtask of the same turn", async () => {
  const order: string[] = [];
  setImmediate(() => order.push('next turn'));
  const task = createTask(() => void order.push('task'));
  order.push('created');
  await microtasks();
  order.push('microtask later');
  await task;
  await nextTurn();
  assert.deepEqual(order, ['created', 'task', 'microtask later', 'next turn']);
});

test('tasks start in the order of their creation', async () => {
  const order: number[] = [];
  await gather([1, 2, 3].map((n) => createTask(() => void order.push(n))));
  assert.deepEqual(order, [1, 2, 3]);
});

test('an eager task runs up to its first wait before createTask returns', async () => {
  const order: string[] = [];
  const task = createTask(
    async () => {
      order.push('begun');
      await sleep(0);
      order.push('ended');
    },
    { eager: true },
  );
  order.push('created');
  await task;
  assert.deepEqual(order, ['begun', 'created', 'ended']);
});

test('an eager task that does not wait is done when createTask returns', async () => {
  const task = createTask(() => 42, { eager: true });
  assert.equal(task.done(), true);
  assert.equal(task.result(), 42);
  assert.equal(allTasks().has(task), false);
});

test('the done callback of an eager task that is done at once runs in a later microtask', async () => {
  const task = createTask(() => 42, { eager: true });
  let called = false;
  task.addDoneCallback(() => (called = true));
  assert.equal(called, false);
  await microtasks();
  assert.equal(called, true);
});

test('an eager task that throws at once fails, and createTask does not', async () => {
  const task = createTask(
    () => {
      throw new Error('at once');
    },
    { eager: true },
  );
  await assert.rejects(async () => task, /at once/);
});

test('the function gets its own task', async () => {
  const task: Task<unknown> = createTask((self) => self === task && self === currentTask());
  assert.equal(await task, true);
});

test('createTask refuses a promise and shows both spellings', async () => {
  const promise = Promise.reject(new Error('not reported twice'));
  assert.throws(
    () => createTask(promise as never),
    (error: Error) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, /expected a function, got a promise \(it is already running\)/);
      assert.match(error.message, /createTask\(fetchAll\(\)\)/);
      assert.match(error.message, /createTask\(\(\) => fetchAll\(\)\)/);
      return true;
    },
  );
});

test('createTask refuses what is no function', () => {
  assert.throws(() => createTask(42 as never), new TypeError('Cannot create task: expected a function, got 42'));
});

// ---- names and registry -------------------------------------------------------------------------------------------

test('a task is called Task-N by its id, or what its creator says, and can be renamed', async () => {
  const [plain, named] = [createTask(() => 1), createTask(() => 2, { name: 'load' })];
  assert.equal(plain.name, `Task-${plain.id}`);
  assert.equal(named.name, 'load');
  assert.ok(named.id > plain.id);
  named.name = 'reload';
  assert.match(String(named), /^<Task "reload" pending>$/);
  await gather([plain, named]);
  assert.match(String(named), /^<Task "reload" done>$/);
});

test('toString says what a task waits for, and how it ended', async () => {
  const task = createTask(() => sleep(Infinity), { name: 'sleeper' });
  await nextTurn();
  assert.equal(String(task), '<Task "sleeper" pending, waits for sleep>');
  task.cancel();
  await nextTurn();
  assert.equal(String(task), '<Task "sleeper" cancelled>');
});

test('allTasks holds the tasks that are not done, those that have not begun and eager ones in their first step included', async () => {
  let inFirstStep = false;
  const eager = createTask((self) => void (inFirstStep = allTasks().has(self)), { eager: true });
  assert.equal(inFirstStep, true);
  const waiting = createTask(() => sleep(0));
  assert.equal(allTasks().has(waiting), true);
  assert.equal(allTasks().has(eager), false);
  await waiting;
  assert.equal(allTasks().has(waiting), false);
});

test('allTasks gives a snapshot', async () => {
  const task = createTask(() => sleep(0));
  const snapshot = allTasks();
  await task;
  assert.equal(snapshot.has(task), true);
});

// ---- the current task ---------------------------------------------------------------------------------------------

test('currentTask is undefined outside of tasks', () => {
  assert.equal(currentTask(), undefined);
});

test('currentTask stays the same through awaits of every kind', async () => {
  const seen = await createTask(async (self) => {
    const same = [currentTask() === self];
    await Promise.resolve();
    same.push(currentTask() === self);
    await sleep(0);
    same.push(currentTask() === self);
    await nextTurn();
    same.push(currentTask() === self);
    await createTask(() => sleep(0));
    same.push(currentTask() === self);
    await assert.rejects(async () => createTask(() => Promise.reject(new Error('x'))));
    same.push(currentTask() === self);
    return same;
  });
  assert.deepEqual(seen, [true, true, true, true, true, true]);
});

test('an eager child does not change what is current for its creator', async () => {
  await createTask(async (self) => {
    const child = createTask(() => sleep(0), { eager: true });
    assert.equal(currentTask(), self);
    await child;
    assert.equal(currentTask(), self);
  });
});

test('callbacks of callSoon and callLater run outside of any task, with the other context of who scheduled them', async () => {
  const storage = new AsyncLocalStorage<string>();
  await createTask(() =>
    storage.run('mine', async () => {
      const [soon, later] = [new Future<unknown>(), new Future<unknown>()];
      callSoon(() => soon.setResult([currentTask(), storage.getStore()]));
      callLater(1, () => later.setResult([currentTask(), storage.getStore()]));
      assert.deepEqual(await gather([soon, later]), [
        [undefined, 'mine'],
        [undefined, 'mine'],
      ]);
    }),
  );
});

test('currentTask is undefined in what goes on after its task has ended', async () => {
  const after = new Future<unknown>();
  await createTask(() => void setImmediate(() => after.setResult(currentTask())));
  assert.equal(await after, undefined);
});

test('the AsyncLocalStorage values of the user at createTask are those of the task', async () => {
  const storage = new AsyncLocalStorage<string>();
  const inner = (): Promise<string | undefined> => sleep(0).then(() => storage.getStore());
  const task = storage.run('created here', () => createTask(inner));
  const eager = storage.run('eager', () => createTask(inner, { eager: true }));
  assert.deepEqual(await storage.run('awaited here', () => gather([task, eager])), ['created here', 'eager']);
});

test('what a task does to a user context does not reach its creator', async () => {
  const storage = new AsyncLocalStorage<string>();
  await storage.run('outer', async () => {
    const task = createTask(() => storage.run('inner', () => sleep(0)), { eager: true });
    assert.equal(storage.getStore(), 'outer');
    await task;
    assert.equal(storage.getStore(), 'outer');
  });
});

// ---- the outcome --------------------------------------------------------------------------------------------------

test('result and exception throw InvalidStateError while pending', async () => {
  const task = createTask(() => sleep(0));
  assert.throws(() => task.result(), InvalidStateError);
  assert.throws(() => task.exception(), InvalidStateError);
  await task;
});

test('a successful task has a result and no exception', async () => {
  const task = createTask(async () => 42);
  assert.equal(await task, 42);
  assert.equal(task.result(), 42);
  assert.equal(task.exception(), undefined);
  assert.equal(task.done() && !task.cancelled(), true);
});

test('a failed task throws its exception from result and gives it from exception', async () => {
  const error = new Error('broken');
  const task = createTask(() => Promise.reject(error));
  await assert.rejects(async () => task, error);
  assert.throws(() => task.result(), error);
  assert.equal(task.exception(), error);
  assert.equal(task.done() && !task.cancelled(), true);
});

test('a cancelled task throws CancelledError from result and from exception', async () => {
  const task = createTask(() => sleep(Infinity));
  task.cancel('enough');
  await assert.rejects(async () => task, { name: 'CancelledError', message: 'enough' });
  assert.throws(() => task.result(), CancelledError);
  assert.throws(() => task.exception(), CancelledError);
});

test('a task that throws a CancelledError of its own making counts as cancelled', async () => {
  const task = createTask(() => Promise.reject(new CancelledError('mine')));
  await assert.rejects(async () => task, { message: 'mine' });
  assert.equal(task.cancelled(), true);
  assert.equal(task.cancelling(), 0);
});

test('a task whose function returns a task has the result of that task', async () => {
  assert.equal(await createTask(() => createTask(() => 42)), 42);
});

test('a thenable that settles more than once ends its task once', async () => {
  let ends = 0;
  using _ = addInstrument({ taskEnded: () => ends++ });
  const twice = {
    // oxlint-disable-next-line unicorn/no-thenable -- that is what is tested
    then(resolve: (value: number) => void, reject: (error: unknown) => void): void {
      resolve(1);
      reject(new Error('again'));
      resolve(2);
    },
  };
  assert.equal(await createTask(() => twice as PromiseLike<number>), 1);
  assert.equal(ends, 1);
});

test('a task that awaits itself gets InvalidStateError', async () => {
  const task: Task<unknown> = createTask(async () => {
    await task;
  });
  await assert.rejects(async () => task, InvalidStateError);
});

// ---- cancel -------------------------------------------------------------------------------------------------------

test('cancel of a task that has not begun: its function never runs', async () => {
  let ran = false;
  const task = createTask(() => (ran = true));
  assert.equal(task.cancel('never mind'), true);
  assert.equal(task.done(), false);
  await assert.rejects(async () => task, { message: 'never mind' });
  assert.equal(ran, false);
  assert.equal(task.cancelled(), true);
});

test('cancel of a done task returns false and changes nothing', async () => {
  const task = createTask(() => 42);
  await task;
  assert.equal(task.cancel(), false);
  assert.equal(task.cancelling(), 0);
  assert.equal(task.result(), 42);
});

test('cancelled is false until the task has really ended', async () => {
  const task = createTask(() => sleep(Infinity));
  await nextTurn();
  task.cancel();
  assert.equal(task.cancelled(), false);
  assert.equal(task.done(), false);
  assert.equal(task.cancelling(), 1);
  await nextTurn();
  assert.equal(task.cancelled(), true);
});

test('the default message is `Task was cancelled` and the reason is the task that cancelled', async () => {
  const victim = createTask(() => sleep(Infinity));
  const culprit = createTask(() => void victim.cancel());
  await assert.rejects(
    async () => victim,
    (error: CancelledError) => {
      assert.equal(error.message, 'Task was cancelled');
      assert.deepEqual(error.reason, { kind: 'task', by: culprit });
      return true;
    },
  );
});

test('the reason of a cancel from outside of tasks names nobody', async () => {
  const victim = createTask(() => sleep(Infinity));
  victim.cancel();
  await assert.rejects(
    async () => victim,
    (error: CancelledError) => error.reason.kind === 'task' && error.reason.by === undefined,
  );
});

test('cleanup in finally may wait: it is not cancelled again', async () => {
  const steps: string[] = [];
  const task = createTask(async () => {
    try {
      await sleep(Infinity);
    } finally {
      await sleep(0);
      steps.push('slept');
      await createTask(() => sleep(0));
      steps.push('awaited');
    }
  });
  await nextTurn();
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
  assert.deepEqual(steps, ['slept', 'awaited']);
});

test('a second cancel interrupts the cleanup', async () => {
  let cleaned = false;
  const task = createTask(async () => {
    try {
      await sleep(Infinity);
    } finally {
      await sleep(Infinity);
      cleaned = true;
    }
  });
  await nextTurn();
  task.cancel('first');
  await nextTurn();
  task.cancel('second');
  await assert.rejects(async () => task, { message: 'second' });
  assert.equal(cleaned, false);
  assert.equal(task.cancelling(), 2);
});

test('a task that swallows its cancel goes on and its value stands', async () => {
  const task = createTask(async () => {
    await sleep(Infinity).catch(() => undefined);
    await sleep(0);
    return 'still here';
  });
  await nextTurn();
  task.cancel();
  assert.equal(await task, 'still here');
  assert.equal(task.cancelled(), false);
  assert.equal(task.cancelling(), 1);
});

test('an error raised by the cleanup takes the place of the cancellation', async () => {
  const task = createTask(async () => {
    try {
      await sleep(Infinity);
    } finally {
      throw new Error('cleanup failed');
    }
  });
  await nextTurn();
  task.cancel();
  await assert.rejects(async () => task, /cleanup failed/);
  assert.equal(task.cancelled(), false);
});

test('a cancel while the task awaits a foreign promise is delivered at its next wait of ours', async () => {
  let reached = false;
  const task = createTask(async () => {
    await nextTurn();
    reached = true;
    await sleep(Infinity);
  });
  await microtasks();
  task.cancel('late');
  await assert.rejects(async () => task, { message: 'late' });
  assert.equal(reached, true);
});

test('a cancel that found no wait is taken by one wait only', async () => {
  const task = createTask(async () => {
    await nextTurn();
    await sleep(0).catch(() => undefined);
    await sleep(0);
    return 'went on';
  });
  await microtasks();
  task.cancel();
  assert.equal(await task, 'went on');
});

test('a task that cancels itself and returns without a wait is cancelled', async () => {
  const task = createTask((self) => {
    self.cancel();
    return 42;
  });
  await assert.rejects(async () => task, CancelledError);
  assert.equal(task.cancelled(), true);
});

test('a task that cancels itself and throws has failed with what it threw', async () => {
  const task = createTask((self) => {
    self.cancel();
    throw new Error('instead');
  });
  await assert.rejects(async () => task, /instead/);
});

test('a wait that is answered and a cancel in the same turn: the cancel wins', async () => {
  const future = new Future<string>();
  const task = createTask(async () => future);
  await nextTurn();
  future.setResult('lost to the task, kept by the future');
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
  assert.equal(future.result(), 'lost to the task, kept by the future');
});

test('a cancel once the task has gone on from its wait meets the next one', async () => {
  const future = new Future<string>();
  let got: string | undefined;
  const task = createTask(async () => {
    got = await future;
    await sleep(Infinity);
  });
  await nextTurn();
  future.setResult('kept');
  await nextTurn();
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
  assert.equal(got, 'kept');
});

test('an awaited task that ends in the turn of the cancel keeps its outcome', async () => {
  const child = createTask(() => nextTurn().then(() => 'done'));
  const parent = createTask(async () => child);
  child.addDoneCallback(() => parent.cancel());
  await assert.rejects(async () => parent, CancelledError);
  assert.equal(child.result(), 'done');
});

// ---- chains -------------------------------------------------------------------------------------------------------

test('a cancel goes through a chain of awaits to the innermost wait, and counts in each task', async () => {
  const order: string[] = [];
  const link = (name: string, inner: () => PromiseLike<unknown>): Task<unknown> =>
    createTask(async () => {
      try {
        await inner();
      } finally {
        order.push(name);
      }
    });
  const c = link('c', () => sleep(Infinity));
  const b = link('b', () => c);
  const a = link('a', () => b);
  await nextTurn();
  a.cancel('down the line');
  await assert.rejects(async () => a, { message: 'down the line' });
  assert.deepEqual(order, ['c', 'b', 'a']);
  assert.deepEqual(
    [a, b, c].map((task) => task.cancelling()),
    [1, 1, 1],
  );
});

test('a cancel that an awaited task swallows does not reach who awaits it', async () => {
  const inner = createTask(() => sleep(Infinity).catch(() => 'swallowed'));
  const outer = createTask(async () => inner);
  await nextTurn();
  outer.cancel();
  assert.equal(await outer, 'swallowed');
  assert.equal(outer.cancelling(), 1);
});

test('a cancel goes through gather inside gather to every wait', async () => {
  let ended = 0;
  const leaf = async (): Promise<void> => {
    try {
      await sleep(Infinity);
    } finally {
      ended++;
    }
  };
  const task = createTask(async () => gather([leaf, createTask(async () => gather([leaf, leaf]))]));
  await nextTurn();
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
  await nextTurn();
  assert.equal(ended, 3);
});

test('a cancel stops at a shield anywhere in the chain', async () => {
  const inner = createTask(() => sleep(0).then(() => sleep(0, 'safe')));
  const middle = createTask(async () => shield(inner));
  const outer = createTask(async () => middle);
  await microtasks(3);
  outer.cancel();
  await assert.rejects(async () => outer, CancelledError);
  assert.equal(middle.cancelled(), true);
  assert.equal(await inner, 'safe');
  assert.equal(inner.cancelling(), 0);
});

test('a cancel goes through groups to their children and back out', async () => {
  let ended = 0;
  const leaf = async (): Promise<void> => {
    try {
      await sleep(Infinity);
    } finally {
      ended++;
    }
  };
  const task = createTask(() =>
    TaskGroup.run((outer) => {
      outer.createTask(leaf);
      outer.createTask(() => TaskGroup.run((inner) => void inner.createTask(leaf)));
    }),
  );
  await nextTurn();
  task.cancel('all out');
  await assert.rejects(async () => task, { name: 'CancelledError', message: 'all out' });
  assert.equal(ended, 2);
});

test('one cancel reaches all waits of a Promise.all', async () => {
  const [one, other] = [createTask(() => sleep(Infinity)), createTask(() => sleep(Infinity))];
  const task = createTask(() => Promise.all([one, other, sleep(Infinity)]));
  await nextTurn();
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
  await nextTurn();
  assert.deepEqual([one.cancelled(), other.cancelled(), task.cancelling()], [true, true, 1]);
});

test('a cancel that is pending when a task is awaited goes on to that task', async () => {
  const inner = createTask(() => sleep(Infinity));
  const outer = createTask(async () => {
    await nextTurn(); // the cancel comes here, where no wait takes it
    await inner;
  });
  await microtasks();
  outer.cancel('pending');
  await assert.rejects(async () => outer, { message: 'pending' });
  assert.equal(inner.cancelled(), true);
});

test('a cancel that is pending when a gather is awaited goes on to its children', async () => {
  const children = [createTask(() => sleep(Infinity)), createTask(() => sleep(Infinity))];
  const outer = createTask(async (self) => {
    self.cancel();
    await gather(children);
  });
  await assert.rejects(async () => outer, CancelledError);
  await nextTurn();
  assert.deepEqual(
    children.map((child) => child.cancelled()),
    [true, true],
  );
});

test('awaiting a done task is a cancellation point too', async () => {
  const inner = createTask(() => 42, { eager: true });
  let got: number | undefined;
  const outer = createTask(async (self) => {
    self.cancel();
    got = await inner;
  });
  await assert.rejects(async () => outer, CancelledError);
  assert.equal(got, undefined);
});

test('tasks that await each other in a circle end by one cancel', async () => {
  const tasks: Task<unknown>[] = [0, 1, 2].map((i) => createTask(async () => tasks[(i + 1) % 3]));
  await nextTurn();
  tasks[0]?.cancel();
  await nextTurn();
  assert.deepEqual(
    tasks.map((task) => task.cancelled()),
    [true, true, true],
  );
});

// ---- uncancel -----------------------------------------------------------------------------------------------------

test('cancelling counts every cancel and uncancel takes one back, never below 0', async () => {
  const task = createTask(async (self) => {
    await sleep(Infinity).catch(() => undefined);
    const counts = [self.cancelling(), self.uncancel(), self.uncancel(), self.uncancel()];
    await sleep(0);
    return counts;
  });
  await nextTurn();
  task.cancel();
  task.cancel();
  assert.deepEqual(await task, [2, 1, 0, 0]);
});

test('uncancel to 0 drops a cancel that no wait has taken', async () => {
  const task = createTask(async (self) => {
    self.cancel();
    self.uncancel();
    await sleep(0);
    return 'not cancelled';
  });
  assert.equal(await task, 'not cancelled');
});

test('uncancel above 0 keeps a cancel that no wait has taken', async () => {
  const task = createTask(async (self) => {
    self.cancel();
    self.cancel();
    assert.equal(self.uncancel(), 1);
    await sleep(0);
  });
  await assert.rejects(async () => task, CancelledError);
});

test('uncancel of a cancel that is on its way does not call it back', async () => {
  const task = createTask(() => sleep(Infinity));
  await nextTurn();
  task.cancel();
  assert.equal(task.uncancel(), 0);
  await assert.rejects(async () => task, CancelledError);
});

test('a cancel after uncancel is delivered anew', async () => {
  const task = createTask(async (self) => {
    await sleep(Infinity).catch(() => self.uncancel());
    await sleep(Infinity);
  });
  await nextTurn();
  task.cancel('first');
  await nextTurn();
  assert.equal(task.done(), false);
  task.cancel('second');
  await assert.rejects(async () => task, { message: 'second' });
  assert.equal(task.cancelling(), 1);
});

test('uncancel brings a task that has not begun back to life', async () => {
  const task = createTask(() => 'alive');
  task.cancel();
  task.uncancel();
  assert.equal(await task, 'alive');
});

test('a task, a future and a gather are promises to the type checker, and to whoever looks', async () => {
  const promises: readonly Promise<unknown>[] = [createTask(() => 1), gather([() => 2]), createTask(() => 3)];
  assert.deepEqual(await Promise.all(promises), [1, [2], 3]);
  assert.deepEqual(
    promises.map((promise) => promise[Symbol.toStringTag]),
    ['Promise', 'Promise', 'Promise'],
  );
});

// ---- the signal ---------------------------------------------------------------------------------------------------

test('task.signal aborts with the first cancel; once no cancel stands, a new read gives a fresh one', async () => {
  const task = createTask(async () => {
    await sleep(Infinity).catch(() => undefined);
    await sleep(0);
  });
  const { signal } = task;
  assert.equal(signal.aborted, false);
  await nextTurn();
  task.cancel('first');
  assert.equal(signal.aborted, true);
  task.cancel('second');
  task.uncancel();
  task.uncancel();
  assert.equal((signal.reason as Error).message, 'first');
  assert.equal(task.signal.aborted, false);
  assert.equal(signal.aborted, true, 'one that was read never goes back');
  await task;
});

test('task.signal read after the cancel is aborted already', async () => {
  const task = createTask(() => sleep(Infinity));
  task.cancel('before');
  assert.equal((task.signal.reason as Error).message, 'before');
  await nextTurn();
});

test("a wait that is passed its own task's aborted signal still waits: cleanup works", async () => {
  const task = createTask(async (self) => {
    try {
      await sleep(Infinity, undefined, { signal: self.signal });
    } finally {
      await sleep(0, undefined, { signal: self.signal });
    }
  });
  await nextTurn();
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
});

test('a task signal passed where no task is current makes it a wait of that task', async () => {
  const task = createTask(() => nextTurn().then(nextTurn));
  const wait = sleep(Infinity, undefined, { signal: task.signal });
  assert.match(String(task), /waits for sleep/);
  task.cancel('by its signal');
  await assert.rejects(wait, { message: 'by its signal' });
  await task;
});

// ---- explored -----------------------------------------------------------------------------------------------------

test('explored: a chain of tasks ends cancelled or done, whenever the cancel comes', async () => {
  const steps = await cancelAtEveryStep(() => {
    const log: string[] = [];
    const inner = async (): Promise<string> => {
      log.push('begun');
      try {
        await sleep(0);
        await Promise.resolve();
        return await sleep(0, 'value');
      } finally {
        log.push('cleaned');
        await sleep(0);
      }
    };
    return {
      body: async () => createTask(() => createTask(inner)),
      check: ({ task, cancels }) => {
        assert.equal(task.cancelled(), cancels === 1);
        if (!task.cancelled()) assert.equal(task.result(), 'value');
        assert.ok(log.length === 0 || log.at(-1) === 'cleaned', log.join());
      },
    };
  });
  assert.ok(steps > 20, `${steps} steps`);
});

test('explored: two cancels of a task with cleanup are both counted, and it ends', async () => {
  const pairs = await cancelTwiceAtEveryStep(() => ({
    body: async () => {
      try {
        await createTask(() => sleep(0));
      } finally {
        await sleep(0);
      }
    },
  }));
  assert.ok(pairs > 50, `${pairs} pairs`);
});

fakeTest('a cancel inside a deadline inside a chain leaves every count at 0 but the cancelled ones', async () => {
  const inner = createTask(() => timeout(100, () => sleep(Infinity)));
  const outer = createTask(async () => inner.catch((error: unknown) => (error as Error).name));
  await sleep(50);
  assert.equal(await outer, 'TimeoutError');
  assert.deepEqual([inner.cancelling(), outer.cancelling()], [0, 0]);
});
