/* oxlint-disable typescript/no-misused-promises -- finally() waits for the promise it is given: a cleanup that waits */
import assert from 'node:assert/strict';
import {
  callAt,
  CancelledError,
  cancellable,
  createTask,
  currentDeadline,
  currentTask,
  loopTime,
  moveOnAfter,
  race,
  setExceptionHandler,
  shield,
  sleep,
  type Task,
  TaskGroup,
  TaskGroupError,
  type Timeout,
  timeout,
  timeoutAt,
  TimeoutError,
  waitFor,
} from 'maitre';
import { exploreCancellation } from 'maitre/testing';
import { waitsOf } from 'maitre/lowlevel';
import { areCancelsKept } from '#src/core/scope.js';
import { fakeTest, nextTurn, test } from '../support/test.js';
import { current, outcome } from '../support/waits.js';

const never = (): Promise<void> => sleep(Infinity);

/** Nothing of any scope is left in the task. */
function assertClean(task: Task<unknown>, cancels: number): void {
  assert.equal(task.cancelling(), cancels, 'the count');
  assert.equal(task.inner, undefined, 'an open scope');
  assert.equal(waitsOf(task).length, 0, 'a wait');
  assert.ok(!areCancelsKept(), 'a kept cancel');
}

// ---- what a cancel is meant for -------------------------------------------------------------------------------------

fakeTest('a deadline cancels the waits of its body and nothing beside it, in a task and outside of one', async () => {
  const both = (): Promise<unknown> => Promise.allSettled([timeout(30, never), sleep(100, 'slept')]);
  const seen = [await both(), await createTask(both)];
  for (const settled of seen as PromiseSettledResult<unknown>[][]) {
    assert.ok(settled[0]?.status === 'rejected' && settled[0].reason instanceof TimeoutError);
    assert.deepEqual(settled[1], { status: 'fulfilled', value: 'slept' });
  }
});

fakeTest('a moveOnAfter that lost a Promise.race cancels nothing later', async () => {
  await Promise.race([moveOnAfter(50, never), sleep(10)]);
  assert.equal(await sleep(100, 'slept'), 'slept');
  assert.equal(current().cancelling(), 0);
});

fakeTest('two deadlines side by side that both pass are both TimeoutErrors', async () => {
  const results = await Promise.all([outcome(timeout(10, never)), outcome(timeout(10, never))]);
  assert.deepEqual(results, ['TimeoutError', 'TimeoutError']);
  assert.equal(current().cancelling(), 0);
});

fakeTest('while a branch beside still cleans up after its deadline, the count tells of it', async () => {
  const slow = outcome(timeout(10, () => never().finally(() => sleep(50))));
  assert.equal(await outcome(timeout(10, never)), 'TimeoutError');
  assert.equal(current().cancelling(), 1);
  assert.equal(await sleep(5, 'slept'), 'slept');
  assert.equal(await slow, 'TimeoutError');
  assert.equal(current().cancelling(), 0);
});

fakeTest('a group that shuts down cancels its own body and nothing beside it', async () => {
  const failing = TaskGroup.run(async (group) => {
    group.createTask(() => Promise.reject(new Error('burnt')));
    await never();
  });
  const [failed, slept] = await Promise.all([outcome(failing), sleep(10, 'slept')]);
  assert.deepEqual([failed, slept], ['TaskGroupError', 'slept']);
});

fakeTest('a task whose timeouts were caught goes on for ever: none of them is felt later', async () => {
  const seen: string[] = [];
  for (let i = 0; i < 3; i++) {
    try {
      await timeout(10, (t) => {
        assert.ok(!t.signal.aborted && !current().signal.aborted);
        return cancellable(new Promise((_, reject) => t.signal.addEventListener('abort', reject)));
      });
    } catch (error) {
      if (error instanceof CancelledError) throw error;
      seen.push((error as Error).name);
    }
    await sleep(1);
  }
  assert.deepEqual(seen, ['TimeoutError', 'TimeoutError', 'TimeoutError']);
});

fakeTest('a promise begun outside of the body is foreign: the body ends late with its value', async (clock) => {
  const outside = sleep(100, 'late');
  let t: Timeout | undefined;
  const value = await timeout(10, (own) => {
    t = own;
    return outside;
  });
  assert.deepEqual([value, t?.expired(), clock.now(), current().cancelling()], ['late', true, 100, 0]);
});

fakeTest('cancellable makes such a wait end at the deadline, and the promise goes on', async (clock) => {
  const outside = sleep(100, 'late');
  await assert.rejects(
    timeout(10, () => cancellable(outside)),
    TimeoutError,
  );
  assert.equal(clock.now(), 10);
  assert.equal(await outside, 'late');
});

fakeTest('`await task` in a body belongs to it, however it is written: the deadline cancels the task', async () => {
  const forms: ((task: Task<void>) => PromiseLike<unknown>)[] = [
    (task) => timeout(10, async () => await task),
    (task) => timeout(10, () => task),
    (task) => timeout(10, () => Promise.all([task, sleep(0)])),
    (task) => waitFor(task, 10),
  ];
  for (const form of forms) {
    const task = createTask(never);
    assert.equal(await outcome(form(task)), 'TimeoutError');
    assert.ok(task.cancelled(), String(form));
  }
});

fakeTest('a promise made of a task outside of the body, and shield, leave the task', async () => {
  const task = createTask(() => sleep(50, 'done'));
  const promise = task.then((value) => value);
  assert.equal(await timeout(10, () => promise), 'done');
  const other = createTask(() => sleep(50, 'done'));
  assert.equal(await outcome(timeout(10, () => shield(other))), 'TimeoutError');
  assert.equal(await other, 'done');
});

// ---- links ----------------------------------------------------------------------------------------------------------

fakeTest(
  'a wait that dangles when its scope ends is the outer scope`s: its deadline is over, a cancel of the task reaches it',
  async () => {
    let dangling: Promise<unknown> | undefined;
    const task = createTask(async () => {
      await timeout(10, () => {
        dangling = outcome(sleep(1000, 'slept'));
      });
      assert.equal(waitsOf(current()).length, 1);
      await sleep(20);
      assert.equal(waitsOf(current()).length, 1, 'the ended deadline reached it');
      await never();
    });
    await sleep(50);
    task.cancel();
    await outcome(task);
    assert.equal(await dangling, 'CancelledError');
    assertClean(task, 1);
  },
);

fakeTest('a scope that dangles keeps its own deadline', async (clock) => {
  let inner: Promise<unknown> | undefined;
  await timeout(10, () => {
    inner = outcome(timeout(50, never));
  });
  assert.equal(await inner, 'TimeoutError');
  assert.equal(clock.now(), 50);
  assertClean(current(), 0);
});

fakeTest('a scope that outlives its task still has its deadline', async (clock) => {
  let inner: Promise<unknown> | undefined;
  const task = createTask(() => {
    inner = outcome(timeout(50, never));
  });
  await task;
  assert.equal(await cancellable(inner as Promise<unknown>), 'TimeoutError');
  assert.equal(clock.now(), 50);
  assertClean(task, 0);
});

fakeTest('what a group that outlived its cancelled task leaves behind keeps no cancel for ever', async () => {
  let inner: Promise<unknown> | undefined;
  const task = createTask(async () => {
    const failing = TaskGroup.run(async (group) => {
      group.createTask(() =>
        never().finally(async () => {
          await sleep(10);
          throw new Error('burnt');
        }),
      );
      await never();
    });
    inner = outcome(failing);
    await never();
  });
  await sleep(1);
  task.cancel();
  assert.equal(await outcome(task), 'CancelledError');
  assert.equal(await cancellable(inner as Promise<unknown>), 'TaskGroupError');
  assertClean(task, 1);
});

fakeTest('a scope is closed however its body ends, also with a thenable whose `then` throws', async () => {
  const evil = {
    // oxlint-disable-next-line unicorn/no-thenable -- that is what is tested
    get then(): undefined {
      throw new Error('no then');
    },
  };
  const task = createTask(async () => {
    await assert.rejects(
      timeout(10, () => evil),
      /no then/,
    );
    await assert.rejects(
      TaskGroup.run(() => evil),
      TaskGroupError,
    );
    assertClean(current(), 0);
    await sleep(20);
  });
  await task;
});

fakeTest(
  'a callback of a host timer runs in the scope it was set up in while that is open, then in the one around it',
  async () => {
    // Real timers: they carry the context that set them.
    const seen: unknown[] = [];
    const note = (): void => void seen.push(currentDeadline() === null ? 'none' : 'a deadline');
    const inTurn = (): Promise<void> =>
      new Promise((resolve) =>
        setImmediate(() => {
          note();
          resolve();
        }),
      );
    let late: Promise<void> | undefined;
    await timeout(1000, async () => {
      await inTurn();
      late = inTurn();
    });
    await late;
    assert.deepEqual(seen, ['a deadline', 'none']);
  },
);

test('a timeout in the callback of a timer cancels no wait of the task that set the timer up', async () => {
  const seen: unknown[] = [];
  const task = createTask(async () => {
    const fired = new Promise<void>((resolve) => {
      setTimeout(() => {
        void outcome(timeout(5, never)).then((result) => {
          seen.push(result);
          resolve();
        });
      }, 1);
    });
    seen.push(await sleep(40, 'slept'));
    await fired;
    return current().cancelling();
  });
  assert.equal(await task, 0);
  assert.deepEqual(seen.sort(), ['TimeoutError', 'slept']);
});

fakeTest('an async generator waits in the scope of whoever calls next()', async () => {
  async function* numbers(): AsyncGenerator<number> {
    yield 1;
    await sleep(100);
    yield 2;
  }
  const source = numbers();
  assert.equal((await source.next()).value, 1);
  await assert.rejects(
    timeout(10, () => source.next()),
    TimeoutError,
  );
});

// ---- cancels and kept cancels -----------------------------------------------------------------------------------------

fakeTest('a cancel of the task is counted once and tells each branch once, the latest opened first', async () => {
  const log: string[] = [];
  const branch = (name: string): Promise<unknown> =>
    timeout(1000, () =>
      never().catch(async (error: unknown) => {
        log.push(name);
        await sleep(10);
        throw error;
      }),
    );
  const task = createTask(() => Promise.allSettled([branch('a'), branch('b')]));
  await sleep(1);
  task.cancel();
  await outcome(task);
  assert.deepEqual(log, ['b', 'a']);
  assertClean(task, 1);
});

fakeTest('a cancel that found no wait is kept for every branch, and taken once in each', async () => {
  const log: unknown[] = [];
  const task = createTask(async () => {
    const branch = async (name: string): Promise<void> => {
      await new Promise((resolve) => void setImmediate(resolve));
      log.push(name, await outcome(sleep(1, 'slept')), await outcome(sleep(1, 'slept')));
    };
    await Promise.all([timeout(1000, () => branch('a')), timeout(1000, () => branch('b'))]);
  });
  await Promise.resolve();
  await Promise.resolve();
  task.cancel();
  await outcome(task);
  assert.deepEqual(log.slice().sort(), ['CancelledError', 'CancelledError', 'a', 'b', 'slept', 'slept']);
});

fakeTest(
  'who takes a kept cancel takes it off the scopes around it: their cleanup is not interrupted by it again',
  async () => {
    const log: unknown[] = [];
    const task = createTask(async () => {
      await timeout(1000, async () => {
        current().cancel();
        await outcome(sleep(1)).then((result) => log.push(result));
      });
      log.push(await outcome(sleep(1, 'slept')));
    });
    await task;
    assert.deepEqual(log, ['CancelledError', 'slept']);
    assertClean(task, 1);
  },
);

fakeTest(
  'a branch at a foreign promise is told at its next wait, though another branch took the cancel at once',
  async () => {
    const log: unknown[] = [];
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const task = createTask(async () => {
      await Promise.allSettled([
        timeout(1000, () => never()).catch(() => log.push('took it')),
        timeout(1000, async () => {
          await gate;
          log.push(await outcome(sleep(1)));
        }),
      ]);
      log.push(await outcome(sleep(1, 'slept')));
    });
    await nextTurn();
    task.cancel();
    await nextTurn();
    open();
    await task;
    assert.deepEqual(log, ['took it', 'CancelledError', 'slept']);
  },
);

fakeTest('a kept cancel of the scope`s own ends with it, one from around it comes at the next wait', async () => {
  await timeout(0, async () => {
    await new Promise((resolve) => void setImmediate(resolve));
    await new Promise((resolve) => void setImmediate(resolve));
  });
  assert.equal(await sleep(1, 'slept'), 'slept');
  const task = createTask(async () => {
    await timeout(1000, () => void current().cancel());
    await sleep(1);
    assert.fail('the cancel was dropped');
  });
  assert.equal(await outcome(task), 'CancelledError');
});

fakeTest('its own kept cancel ends with it also while a cancel from outside stands', async () => {
  const task = createTask(async () => {
    await outcome(never());
    await timeout(0, async () => {
      for (let i = 0; i < 3; i++) await new Promise((resolve) => void setImmediate(resolve));
    });
    return await sleep(1, 'slept');
  });
  await sleep(1);
  task.cancel();
  assert.equal(await task, 'slept');
  assertClean(task, 1);
});

fakeTest('a kept cancel from further out stays when the scope`s own comes, and is taken once', async () => {
  const log: unknown[] = [];
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const task = createTask(async () => {
    const body = async (): Promise<void> => {
      await gate;
      await sleep(1).catch((error: Error) => log.push(error.message));
    };
    await timeout(0, body);
    log.push(await outcome(sleep(1, 'slept')));
  });
  await Promise.resolve();
  await Promise.resolve();
  task.cancel('from outside');
  await sleep(0);
  await sleep(0);
  assert.equal(task.cancelling(), 2, 'the deadline has passed');
  open();
  await task;
  assert.deepEqual(log, ['from outside', 'slept']);
});

fakeTest('a scope is not told again of a cancel that a scope inside it took', async () => {
  const task = createTask(async () => {
    assert.equal(await outcome(timeout(1000, never)), 'CancelledError');
    return await sleep(1, 'slept');
  });
  await sleep(1);
  task.cancel();
  assert.equal(await task, 'slept');
});

fakeTest('a scope is not opened while a cancel is kept', async () => {
  let ran = false;
  const task = createTask(async () => {
    current().cancel();
    await timeout(1000, () => {
      ran = true;
    });
  });
  assert.equal(await outcome(task), 'CancelledError');
  assert.ok(!ran);
});

fakeTest(
  'of nested deadlines of one moment the outermost rejects and all are expired, whichever was armed first',
  async () => {
    for (const first of ['outer', 'inner']) {
      const seen: unknown[] = [];
      let inner: Timeout | undefined;
      const outer = timeout(first === 'outer' ? 10 : null, async (t) => {
        const call = timeout(10, (own) => {
          inner = own;
          if (first === 'inner') t.reschedule(loopTime() + 10);
          return never();
        });
        seen.push(await outcome(call));
        seen.push(t.expired(), inner?.expired());
        await call;
      });
      seen.push(await outcome(outer));
      assert.deepEqual(seen, ['CancelledError', true, true, 'TimeoutError'], first);
      assert.equal(current().cancelling(), 0);
    }
  },
);

fakeTest('a timeout never takes a cancel from outside for its own, in either order of one moment', async () => {
  for (const first of ['deadline', 'cancel']) {
    const start = loopTime();
    const tasks: Task<unknown>[] = [];
    const cancel = (): unknown => callAt(start + 10, () => tasks[0]?.cancel());
    if (first === 'cancel') cancel();
    const task: Task<unknown> = createTask(() => timeoutAt(start + 10, never));
    tasks.push(task);
    await sleep(0);
    if (first === 'deadline') cancel();
    assert.equal(await outcome(task), 'CancelledError', `${first} first`);
    assertClean(task, 1);
  }
});

fakeTest('10,000 nested scopes are cancelled, and closed', async () => {
  let depth = 0;
  const nest = (): Promise<void> => (++depth === 10_000 ? never() : Promise.resolve().then(() => timeout(1e6, nest)));
  const task = createTask(nest);
  await sleep(1);
  task.cancel();
  assert.equal(await outcome(task), 'CancelledError');
  assertClean(task, 1);
});

// ---- uncancel -------------------------------------------------------------------------------------------------------

fakeTest(
  'a cancel that is taken back before the next step leaves an answer that was there: the value arrives',
  async () => {
    const task = createTask(() => sleep(10, 'slept'));
    const watcher = createTask(async () => {
      await sleep(10);
      task.cancel();
      task.uncancel();
    });
    // The sleep of the task and the watcher's end in one turn; the watcher is delivered first.
    const other = createTask(async () => {
      const waiting = createTask(() => sleep(5, 'value'));
      await sleep(0);
      for (const wait of waitsOf(waiting)) wait.answer('value');
      waiting.cancel();
      assert.equal(waiting.uncancel(), 0);
      return await waiting;
    });
    assert.deepEqual([await task, await other], ['slept', 'value']);
    await watcher;
  },
);

fakeTest('one that is not taken back overrules the answer', async () => {
  const waiting = createTask(() => sleep(5, 'value'));
  await sleep(0);
  for (const wait of waitsOf(waiting)) wait.answer('value');
  waiting.cancel();
  waiting.cancel();
  assert.equal(waiting.uncancel(), 1);
  assert.equal(await outcome(waiting), 'CancelledError');
});

fakeTest('uncancel inside a body takes no deadline away, and hides no cancel that comes later', async () => {
  const caught = timeout(10, async () => {
    await outcome(never());
    current().uncancel();
    await sleep(5);
    throw new CancelledError();
  });
  assert.equal(await outcome(caught), 'TimeoutError');
  const task = createTask(() =>
    timeout(10, async () => {
      await outcome(never());
      current().uncancel();
      await never();
    }),
  );
  await sleep(20);
  task.cancel();
  assert.equal(await outcome(task), 'CancelledError');
});

fakeTest(
  'uncancel takes back a cancel of the task in the scopes that it reached, and not what a deadline around did',
  async () => {
    const task = createTask(async () => {
      const inner = timeout(1000, async () => {
        current().cancel();
        current().uncancel();
        return await sleep(1, 'slept');
      });
      assert.equal(await inner, 'slept');
      return await outcome(
        timeout(10, () =>
          timeout(1000, async () => {
            await outcome(never()); // the outer deadline
            current().uncancel();
            await sleep(1);
            throw new CancelledError();
          }),
        ),
      );
    });
    assert.equal(await task, 'TimeoutError');
    assertClean(task, 0);
  },
);

fakeTest('uncancel drops what is kept where no cancel stands, though a deadline beside still counts', async () => {
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const task = createTask(async () => {
    const [, second] = await Promise.all([
      outcome(timeout(0, () => never().finally(() => sleep(50)))),
      timeout(1000, async () => {
        await gate;
        return await outcome(sleep(1, 'slept'));
      }),
    ]);
    return second;
  });
  await sleep(0);
  await sleep(0);
  assert.equal(task.cancelling(), 1, 'the deadline`s');
  task.cancel();
  assert.equal(task.uncancel(), 1);
  open();
  assert.equal(await task, 'slept');
  assertClean(task, 0);
});

fakeTest('what a deadline did to a scope that outlives its body does not count there any more', async (clock) => {
  let inner: Promise<unknown> | undefined;
  const outer = timeout(10, () => {
    inner = outcome(
      timeout(50, async () => {
        await outcome(never()); // the outer deadline
        await never();
      }),
    );
    return never();
  });
  assert.equal(await outcome(outer), 'TimeoutError');
  assert.equal(await inner, 'TimeoutError');
  assert.equal(clock.now(), 50);
  assertClean(current(), 0);
});

fakeTest('uncancel in a cleanup does not take back what a deadline around did to a scope opened there', async () => {
  const task = createTask(async () => {
    await outcome(never());
    const inner = (): Promise<void> =>
      timeout(20, async () => {
        await outcome(never()); // the outer deadline, at 10
        await outcome(never()); // the inner one, at 20
        current().uncancel();
        throw new CancelledError();
      });
    await assert.rejects(timeout(10, inner), /^TimeoutError: Timed out: 10 ms/);
  });
  await sleep(1);
  task.cancel();
  await task;
  assertClean(task, 0);
});

// ---- groups ---------------------------------------------------------------------------------------------------------

fakeTest(
  'a group whose errors take an outside cancel`s place keeps that for the scopes around it, and not for those beside',
  async () => {
    const log: unknown[] = [];
    const task = createTask(async () => {
      const failing = timeout(1000, () =>
        TaskGroup.run(async (group) => {
          group.createTask(() => never().finally(() => Promise.reject(new Error('burnt'))));
          await never();
        }),
      );
      log.push(await outcome(failing));
      log.push(await outcome(sleep(1, 'slept')));
      log.push(await outcome(sleep(1, 'slept')));
    });
    await sleep(1);
    task.cancel();
    await task;
    assert.deepEqual(log, ['TaskGroupError', 'CancelledError', 'slept']);
  },
);

fakeTest('the deadline around such a group is dropped where it ends', async () => {
  const failing = timeout(10, () =>
    TaskGroup.run(async (group) => {
      group.createTask(() => never().finally(() => Promise.reject(new Error('burnt'))));
      await never();
    }),
  );
  assert.equal(await outcome(failing), 'TaskGroupError');
  assert.equal(await sleep(1, 'slept'), 'slept');
  assertClean(current(), 0);
});

fakeTest(
  'createTask in a body starts a task of its own, which is not cancelled with it; group.createTask is',
  async () => {
    let own: Task<string> | undefined;
    let child: Task<void> | undefined;
    const late = timeout(10, () =>
      TaskGroup.run(async (group) => {
        own = createTask(() => sleep(50, 'done'));
        child = group.createTask(never);
        await never();
      }),
    );
    assert.equal(await outcome(late), 'TimeoutError');
    assert.ok(child?.cancelled());
    assert.equal(await own, 'done');
  },
);

fakeTest('a new task, eager or not, inherits no scope', async () => {
  await timeout(1000, async () => {
    for (const eager of [true, false]) {
      assert.equal(await createTask(() => currentDeadline(), { eager }), null);
      await outcome(createTask(() => void currentTask()?.cancel(), { eager }));
    }
    assert.equal(await sleep(1, 'slept'), 'slept');
  });
});

// ---- currentDeadline --------------------------------------------------------------------------------------------------

fakeTest('currentDeadline is the earliest deadline around the caller, null for none', async (clock) => {
  assert.equal(currentDeadline(), null);
  await timeout(100, () =>
    timeout(200, async (t) => {
      assert.equal(currentDeadline(), 100);
      t.reschedule(50);
      assert.equal(currentDeadline(), 50);
      await timeout(null, () => assert.equal(currentDeadline(), 50));
    }),
  );
  assert.equal(currentDeadline(), null);
  assert.equal(clock.now(), 0);
});

fakeTest('currentDeadline knows those around the group of a task, and around a call with a signal', async () => {
  await timeout(100, async () => {
    await TaskGroup.run(async (group) => {
      assert.equal(await group.createTask(() => currentDeadline()), 100);
      assert.equal(await group.createTask(() => timeout(50, () => currentDeadline())), 50);
    });
    const { signal } = new AbortController();
    assert.equal(await timeout(500, () => currentDeadline(), { signal }), 100);
  });
});

// ---- explored ---------------------------------------------------------------------------------------------------------

/** Swallows what is no cancellation: a scenario's own timeouts and errors. */
const calmly = async (work: () => PromiseLike<unknown>): Promise<void> => {
  try {
    await work();
  } catch (error) {
    if (error instanceof CancelledError) throw error;
  }
};

const shapes: Record<string, () => Promise<unknown>> = {
  'nested deadlines': () => timeout(10, () => timeout(5, () => timeout(5, () => sleep(7).finally(() => sleep(2))))),
  'deadlines side by side': () =>
    Promise.allSettled([timeout(5, never), timeout(5, () => sleep(3)), moveOnAfter(4, never), sleep(6)]).then((all) => {
      for (const each of all)
        if (each.status === 'rejected' && each.reason instanceof CancelledError) throw each.reason;
    }),
  'a group in a deadline': () =>
    timeout(10, () =>
      TaskGroup.run(async (group) => {
        group.createTask(() => timeout(5, never).catch(() => sleep(1)));
        group.createTask(() => sleep(20).finally(() => sleep(1)));
        await sleep(3);
      }),
    ),
  'a race of deadlines, a group and a shield': () =>
    race([
      () => timeout(5, never),
      () =>
        TaskGroup.run((group) => {
          group.createTask(() => sleep(8));
        }),
      () => shield(() => sleep(6)),
      () => race([never, () => sleep(5)]),
    ]),
  'a deadline whose cleanup has a deadline': () =>
    timeout(5, () => never().finally(() => moveOnAfter(2, () => timeout(1, never)).catch(() => sleep(1)))),
};

for (const [name, shape] of Object.entries(shapes)) {
  test(`explored: ${name}, cancelled once and twice at every point`, async () => {
    const runs = await exploreCancellation(
      async (x) => {
        using _ = setExceptionHandler(() => undefined); // shields and races report what nobody hears of
        const task = x.task('outer', async () => {
          await calmly(shape);
          await sleep(1); // meets what is kept
        });
        await x.settled();
        for (let i = 0; i < 5; i++) await sleep(10);
        assertClean(task as Task<unknown>, task.cancelling());
        assert.equal(task.cancelled(), task.cancelling() > 0, 'a cancel was swallowed, or invented');
      },
      { cancels: 2, seeds: [1, 2] },
    );
    assert.ok(runs > 20, `${runs} runs`);
  });
}

test('outside of tasks each call becomes one, with a scope inside it', async () => {
  const results = await Promise.all([
    outcome(timeout(1, never)),
    outcome(moveOnAfter(1, never)),
    timeout(1000, () => 1),
  ]);
  assert.deepEqual(results, ['TimeoutError', undefined, 1]);
  await nextTurn();
  assert.ok(!areCancelsKept());
});
