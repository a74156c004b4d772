import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe } from 'node:test';
import {
  CancelledError,
  cancellable,
  createTask,
  currentTask,
  gather,
  moveOnAfter,
  race,
  retry,
  sleep,
  TaskGroup,
  type Timeout,
  timeout,
  TimeoutError,
} from 'maitre';
import { beginWait, waitsOf } from 'maitre/lowlevel';
import { type Carrier, host } from '#src/core/host.js';
import { areCancelsKept } from '#src/core/scope.js';
import { fakeTest, nextTurn, test } from '../support/test.js';
import { current, outcome } from '../support/waits.js';

const never = (signal?: AbortSignal): Promise<void> => sleep(Infinity, undefined, { signal });

/** A signal that knows how many listeners it has. */
function countedSignal(): { readonly controller: AbortController; readonly listeners: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  let count = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>): void => {
    count++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>): void => {
    count--;
    remove(...args);
  };
  return { controller, listeners: () => count };
}

// ---- signals of scopes ------------------------------------------------------------------------------------------------

fakeTest('t.signal aborts when its own deadline passes, with its cancellation', async () => {
  let signal: AbortSignal | undefined;
  await outcome(
    timeout(10, (t) => {
      signal = t.signal;
      return never();
    }),
  );
  assert.ok(signal?.aborted);
  assert.ok(signal.reason instanceof CancelledError && signal.reason.reason.kind === 'timeout');
});

fakeTest('t.signal and group.signal abort with a cancel from around, and never for a timeout inside', async () => {
  const signals: AbortSignal[] = [];
  const task = createTask(() =>
    timeout(1000, (t) =>
      TaskGroup.run(async (group) => {
        signals.push(t.signal, group.signal, current().signal);
        assert.equal(group.signal, current().signal);
        await outcome(timeout(5, () => never()));
        assert.ok(signals.every(({ aborted }) => !aborted));
        await never();
      }),
    ),
  );
  await sleep(10);
  task.cancel('stop');
  await outcome(task);
  assert.deepEqual(
    signals.map(({ reason }) => String(reason)),
    signals.map(() => 'CancelledError: stop'),
  );
});

fakeTest('a signal never aborts once its body has ended, also when it is first read then', async () => {
  let ended: Timeout | undefined;
  let held: AbortSignal | undefined;
  const task = createTask(async () => {
    await timeout(10, (t) => {
      ended = t;
      held = t.signal;
    });
    await never();
  });
  await sleep(20);
  task.cancel();
  await outcome(task);
  assert.ok(!held?.aborted && !ended?.signal.aborted);
});

fakeTest("task.signal is the innermost open scope's where the task reads it, the task's own elsewhere", async () => {
  let inside: AbortSignal | undefined;
  const task = createTask(() =>
    timeout(10, async (t) => {
      inside = current().signal;
      assert.equal(inside, t.signal);
      await never();
    }),
  );
  await sleep(1);
  const outside = task.signal;
  assert.notEqual(outside, inside);
  assert.equal(await outcome(task), 'TimeoutError');
  assert.deepEqual([inside?.aborted, outside.aborted], [true, false]);
});

fakeTest('in the cleanup of a cancelled task its signal is aborted, that of a scope opened there is not', async () => {
  const seen: boolean[] = [];
  const task = createTask(async () => {
    try {
      await never();
    } finally {
      seen.push(current().signal.aborted);
      await timeout(10, (t) => void seen.push(t.signal.aborted, current().signal.aborted));
    }
  });
  await sleep(1);
  task.cancel();
  await outcome(task);
  assert.deepEqual(seen, [true, false, false]);
});

fakeTest('where no cancel stands any more a new read gives a fresh signal; held ones stay as they are', async () => {
  const task = createTask(async () => {
    const held = current().signal;
    await outcome(never());
    assert.ok(held.aborted);
    current().uncancel();
    assert.ok(held.aborted);
    assert.ok(!current().signal.aborted);
    await timeout(1, () => undefined);
    assert.ok(!current().signal.aborted);
  });
  await sleep(1);
  task.cancel();
  await task;
});

fakeTest('what takes a signal is tried again after a timeout, and what is caught is a TimeoutError', async () => {
  let tries = 0;
  const fetching = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const { signal } = current();
      if (signal.aborted) reject(signal.reason as Error);
      signal.addEventListener('abort', () => reject(signal.reason as Error));
      if (++tries === 3) resolve('page');
      else void sleep(1000).catch(() => undefined);
    });
  assert.equal(await retry(() => timeout(200, fetching), { attempts: 5, backoff: 1 }), 'page');
  assert.equal(tries, 3);
});

// ---- signals passed to waits --------------------------------------------------------------------------------------------

fakeTest(
  'the signal of the own scope or of one around says nothing new: cleanup works with an aborted one',
  async () => {
    const log: unknown[] = [];
    const task = createTask(() =>
      timeout(1000, async (t) => {
        try {
          await never();
        } finally {
          log.push(await sleep(1, 'slept', { signal: t.signal }));
          await timeout(10, async () => void log.push(await sleep(1, 'slept', { signal: t.signal })));
        }
      }),
    );
    await sleep(1);
    task.cancel();
    assert.equal(await outcome(task), 'CancelledError');
    assert.deepEqual(log, ['slept', 'slept']);
  },
);

fakeTest('the signal of a scope inside, beside, or ended is foreign: it ends that wait alone', async () => {
  let beside: Promise<unknown> | undefined;
  let ended: AbortSignal | undefined;
  await outcome(
    timeout(10, (t) => {
      ended = t.signal;
      beside = createTask(async () => {
        const result = await outcome(never(t.signal));
        return [result, current().cancelling()];
      });
      return never();
    }),
  );
  assert.deepEqual(await beside, ['CancelledError', 0]);
  assert.ok(ended?.aborted);
  assert.equal(await outcome(sleep(1, 'slept', { signal: ended })), 'CancelledError');
  assert.equal(current().cancelling(), 0);
});

test('what is over leaves no listener on a signal: waits, gathers, races, timeouts and groups', async () => {
  const { controller, listeners } = countedSignal();
  const options = { signal: controller.signal };
  await sleep(1, undefined, options);
  await gather([() => sleep(1), () => sleep(1)], options);
  await gather([], options);
  await outcome(gather([() => Promise.reject(new Error('burnt'))], options));
  const cancelled = gather([() => never()], options);
  cancelled.cancel();
  await outcome(cancelled);
  await race([() => sleep(1), () => never()], options);
  await timeout(1000, () => sleep(1), options);
  await outcome(timeout(1, () => never(), options));
  await moveOnAfter(1000, () => 1, options);
  await TaskGroup.run((group) => void group.createTask(() => sleep(1)), options);
  await cancellable(Promise.resolve(), options);
  await nextTurn();
  assert.equal(listeners(), 0);
});

test('cancellable(task) leaves the task alone', async () => {
  const task = createTask(() => sleep(20, 'done'));
  assert.equal(await outcome(timeout(1, () => cancellable(task))), 'TimeoutError');
  const waiter = createTask(() => cancellable(task));
  await nextTurn();
  waiter.cancel();
  assert.equal(await outcome(waiter), 'CancelledError');
  assert.equal(await task, 'done');
});

test('cancellable of a thenable whose `then` throws rejects, and leaves no wait that takes cancels', async () => {
  const evil = {
    // oxlint-disable-next-line unicorn/no-thenable -- that is what is tested
    then(): never {
      throw new Error('no then');
    },
  };
  await createTask(async () => {
    await assert.rejects(cancellable(evil), /no then/);
    assert.equal(waitsOf(current()).length, 0);
  });
});

test('a kept cancel is taken by the first waiting call, once, also by one that need not wait', async () => {
  const task = createTask(async () => {
    current().cancel();
    const refused = beginWait();
    assert.ok(refused !== undefined);
    assert.equal(await outcome(refused), 'CancelledError');
    assert.equal(beginWait(), undefined);
    assert.ok(!areCancelsKept());
  });
  await task;
});

test('what an eager task enters into a store of the user`s stays in it', async () => {
  const store = new AsyncLocalStorage<string>();
  await store.run('caller', async () => {
    const child = createTask(
      async () => {
        store.enterWith('child');
        await sleep(1);
        return store.getStore();
      },
      { eager: true },
    );
    assert.equal(store.getStore(), 'caller');
    await TaskGroup.run((group) => {
      group.createTask(() => store.enterWith('grandchild'), { eager: true });
      assert.equal(store.getStore(), 'caller');
    });
    assert.equal(await child, 'child');
    assert.equal(store.getStore(), 'caller');
  });
});

// ---- hosts without a carrier ---------------------------------------------------------------------------------------------

/** Takes the carrier away, as in browsers, until disposed. */
function withoutCarrier(): Disposable {
  const writable = host as { carrier: Carrier }; // read-only to everybody else
  const { carrier } = writable;
  writable.carrier = { getStore: () => undefined, run: (_store, fn, argument) => fn(argument) };
  return {
    [Symbol.dispose](): void {
      writable.carrier = carrier;
    },
  };
}

describe('where there is no ambient task', () => {
  const bare = (name: string, body: () => Promise<void>): void =>
    test(name, async () => {
      using _ = withoutCarrier();
      assert.equal(currentTask(), undefined);
      await body();
      assert.ok(!areCancelsKept());
    });

  bare('t.signal stands for its scope: timeouts side by side in one task are told apart', async () => {
    const task = createTask((task) =>
      Promise.all([
        outcome(timeout(5, (t) => never(t.signal), { signal: task.signal })),
        timeout(1000, (t) => sleep(20, 'slept', { signal: t.signal }), { signal: task.signal }),
        sleep(20, 'too', { signal: task.signal }),
      ]),
    );
    assert.deepEqual(await task, ['TimeoutError', 'slept', 'too']);
    assert.equal(task.cancelling(), 0);
    assert.equal(task.inner, undefined);
  });

  bare('a cancel of the task reaches waits with its signal and with those of scopes inside', async () => {
    const seen: unknown[] = [];
    const task = createTask((task) =>
      Promise.allSettled([
        outcome(never(task.signal)).then((result) => seen.push(result)),
        timeout(1000, (t) => outcome(never(t.signal)).then((result) => seen.push(result)), { signal: task.signal }),
        TaskGroup.run((group) => outcome(never(group.signal)).then((result) => seen.push(result)), {
          signal: task.signal,
        }),
      ]),
    );
    await nextTurn();
    task.cancel();
    await task;
    assert.deepEqual(seen, ['CancelledError', 'CancelledError', 'CancelledError']);
    assert.equal(task.cancelling(), 1);
  });

  bare('group.signal ends the body of a group that shuts down, and the group waits for its tasks', async () => {
    let cleaned = false;
    const group = TaskGroup.run(async (group) => {
      group.createTask(async (task) => {
        try {
          await never(task.signal);
        } finally {
          await sleep(5, undefined, { signal: task.signal });
          cleaned = true;
        }
      });
      group.createTask(() => Promise.reject(new Error('burnt')));
      await never(group.signal);
    });
    assert.equal(await outcome(group), 'TaskGroupError');
    assert.ok(cleaned);
  });

  bare('a deadline around a group ends it when the signal is passed on', async () => {
    const late = timeout(10, (t) =>
      TaskGroup.run(
        (group) => {
          group.createTask((task) => never(task.signal));
        },
        { signal: t.signal },
      ),
    );
    await assert.rejects(late, TimeoutError);
  });

  bare('a race hands each member its signal', async () => {
    const won = await createTask((task) =>
      race<(({ signal }: { signal: AbortSignal }) => Promise<unknown>)[]>(
        [({ signal }) => never(signal), ({ signal }) => sleep(5, 'won', { signal })],
        { signal: task.signal },
      ),
    );
    assert.equal(won, 'won');
  });

  bare('a kept cancel is taken by the next wait with the signal of its scope', async () => {
    const seen: unknown[] = [];
    const task = createTask(async (task) => {
      await timeout(
        1000,
        async (t) => {
          await nextTurn();
          seen.push(await outcome(sleep(1, 'slept', { signal: t.signal })));
          seen.push(await outcome(sleep(1, 'slept', { signal: t.signal })));
        },
        { signal: task.signal },
      );
      seen.push(await outcome(sleep(1, 'slept', { signal: task.signal })));
    });
    await Promise.resolve();
    await Promise.resolve();
    task.cancel();
    await task;
    assert.deepEqual(seen, ['CancelledError', 'slept', 'slept']);
  });

  bare('the signal of a scope that has ended stands for the one around it, unless it is aborted', async () => {
    const task = createTask(async (task) => {
      const ended = await timeout(1000, (t) => t.signal, { signal: task.signal });
      await sleep(Infinity, undefined, { signal: ended });
    });
    await nextTurn();
    await nextTurn();
    task.cancel();
    assert.equal(await outcome(task), 'CancelledError');
  });
});
