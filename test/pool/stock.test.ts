// The states of items: when they are opened, checked, cleaned, replaced and ended, and what callbacks can do wrong.
import assert from 'node:assert/strict';
import { createTask, currentTask, setExceptionHandler, sleep, TimeoutError } from 'maitre';
import { Pool, type PoolOptions } from 'maitre/pool';
import { allTasksBlocked } from 'maitre/testing';
import { fakeTest, nextTurn } from '../support/test.js';
import { type Item, numbered, withSeed } from './numbered.js';

const never = (): Promise<never> => new Promise(() => undefined);
const settle = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) await nextTurn();
};

// ---- check and reset ---------------------------------------------------------------------------------------------

// sidorares/node-mysql2#683: a connection that died while it was idle is handed out.
for (const [how, found] of [
  ['returns false', () => false],
  ['rejects', () => Promise.reject(new Error('gone'))],
  [
    'throws',
    () => {
      throw new Error('gone');
    },
  ],
  ['never settles', never],
] as const) {
  fakeTest(`an idle item whose check ${how} is replaced, and the caller sees nothing of it`, async (clock) => {
    const { pool, log } = numbered({ max: 1, check: found });
    await (await pool.acquire()).release();
    await sleep(999);
    await (await pool.acquire()).release(); // used a moment ago
    await sleep(1000);
    const from = clock.now();
    const lease = await pool.acquire();
    assert.equal(lease.item.number, 2);
    assert.ok(clock.now() - from <= 5000);
    assert.deepEqual(log, ['create 1', 'check 1', 'destroy 1', 'create 2']);
    const { unfit, destroyed, failed } = pool.statistics();
    assert.deepEqual([unfit, destroyed, failed], [1, 1, 0]);
    await lease.release();
    await pool.shutdown();
  });
}

fakeTest('an item that passes its check is leased, and counts as fresh again', async () => {
  const { pool, log } = numbered({ check: () => sleep(1) });
  await (await pool.acquire()).release();
  await sleep(2000);
  await (await pool.acquire()).release();
  await (await pool.acquire()).release();
  assert.deepEqual(log, ['create 1', 'check 1']);
  await pool.shutdown();
});

fakeTest('with checkAfter 0 every idle item is checked, once for each lease', async () => {
  for (const check of [() => true, () => sleep(1)]) {
    const { pool, log } = numbered({ max: 2, checkAfter: 0, check });
    const leases = await Promise.all([pool.acquire(), pool.acquire()]);
    for (const lease of leases) await lease.release();
    for (const lease of await Promise.all([pool.acquire(), pool.acquire()])) await lease.release();
    assert.deepEqual(log.toSorted(), ['check 1', 'check 2', 'create 1', 'create 2']);
    await pool.shutdown();
  }
});

fakeTest('an item that goes straight from one caller to the next is not checked', async () => {
  const { pool, log } = numbered({ max: 1, checkAfter: 0, check: () => true });
  const lease = await pool.acquire();
  const next = pool.acquire();
  await lease.release();
  await (await next).release();
  assert.deepEqual(log, ['create 1']);
  await pool.shutdown();
});

fakeTest('when a check fails, the others that are as old are checked at once', async (clock) => {
  const { pool } = numbered({ max: 4, check: never });
  const leases = await Promise.all([1, 2, 3, 4].map(() => pool.acquire()));
  for (const lease of leases) await lease.release();
  await sleep(2000);
  const from = clock.now();
  const lease = await pool.acquire();
  assert.ok(lease.item.number > 4);
  assert.equal(clock.now() - from, 10_000); // checkTimeout, twice and not four times
  await lease.release();
  await pool.shutdown();
});

fakeTest('a caller that leaves during a check leaves an item that is idle', async () => {
  const { pool, log } = numbered({ max: 1, check: () => sleep(100) });
  await (await pool.acquire()).release();
  await sleep(2000);
  const task = createTask(() => pool.acquire());
  await sleep(50);
  task.cancel();
  await task.catch(() => undefined);
  await sleep(60);
  assert.equal(pool.statistics().idle, 1);
  await (await pool.acquire()).release();
  assert.deepEqual(log, ['create 1', 'check 1']);
  await pool.shutdown();
});

for (const [how, cleaned] of [
  ['rejects', () => Promise.reject(new Error('gone'))],
  [
    'throws',
    () => {
      throw new Error('gone');
    },
  ],
  ['never settles', never],
] as const) {
  fakeTest(`an item whose reset ${how} is destroyed and never used again`, async () => {
    const { pool, log } = numbered({ max: 1, reset: cleaned });
    const lease = await pool.acquire();
    const next = createTask(() => pool.acquire());
    await sleep(10);
    const before = currentTask();
    await lease.release(); // resolves at once
    assert.equal(before, currentTask());
    assert.equal((await next).item.number, 2);
    assert.deepEqual(log, ['create 1', 'reset 1', 'destroy 1', 'create 2']);
    assert.equal(pool.statistics().unfit, 1);
    await pool.shutdown({ grace: 0 });
  });
}

fakeTest('nobody receives an item before its reset has ended', async (clock) => {
  const { pool } = numbered({ max: 1, reset: () => sleep(30) });
  const lease = await pool.acquire();
  await lease.release();
  assert.equal(clock.now(), 0);
  assert.equal(pool.statistics().resetting, 1);
  await (await pool.acquire()).release();
  assert.equal(clock.now(), 30);
  await pool.shutdown();
});

fakeTest('an item that was never used by its caller needs no reset', async () => {
  const { pool, log } = numbered({ max: 1, reset: () => undefined });
  const lease = await pool.acquire();
  const [a, b] = [createTask(() => pool.acquire()), createTask(() => pool.acquire())];
  await allTasksBlocked();
  void lease.release();
  a.cancel(); // answered, and not yet delivered
  await (await b).release();
  assert.deepEqual(log, ['create 1', 'reset 1', 'reset 1']);
  await pool.shutdown();
});

fakeTest('release() in a cancelled task returns the item, and its reset is not cancelled', async () => {
  const { pool, log } = numbered({ max: 1, reset: () => sleep(10) });
  const task = createTask(async () => {
    await using _ = await pool.acquire();
    await sleep(100);
  });
  await sleep(5);
  task.cancel();
  task.cancel();
  await task.catch(() => undefined);
  await sleep(20);
  assert.equal(pool.statistics().idle, 1);
  assert.deepEqual(log, ['create 1', 'reset 1']);
  await pool.shutdown();
});

fakeTest('release() and discard() count once, whichever comes first and from wherever', async () => {
  const { pool, log } = numbered({ max: 1 });
  const lease = await pool.acquire();
  await Promise.all([lease.release(), lease.discard(), lease[Symbol.asyncDispose]()]);
  const other = await pool.acquire();
  await lease.discard();
  assert.deepEqual(log, ['create 1']);
  await other.discard();
  await other.release();
  assert.deepEqual(log, ['create 1', 'destroy 1']);
  assert.deepEqual([String(other), other.released], ['<Lease released>', true]);
  await pool.shutdown();
});

// ---- ages --------------------------------------------------------------------------------------------------------

fakeTest('items above min end after idleTimeout, those that were idle for longest first', async (clock) => {
  const { pool, log } = numbered({ min: 1, max: 3, idleTimeout: 100, jitter: 0 });
  const leases = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
  for (const lease of leases) {
    await sleep(10);
    await lease.release();
  }
  await sleep(300);
  assert.deepEqual(log.slice(3), ['destroy 1', 'destroy 2']);
  assert.equal(pool.statistics().idle, 1);
  await sleep(1e6);
  assert.equal(pool.statistics().idle, 1, `at ${clock.now()}`);
  await pool.shutdown();
});

fakeTest('an item that came to be among min before its time stays', async () => {
  const { pool, log } = numbered({ min: 1, max: 2, idleTimeout: 100, jitter: 0 });
  const leases = await Promise.all([pool.acquire(), pool.acquire()]);
  const [{ item }] = leases;
  for (const lease of leases) await lease.release();
  pool.remove(item);
  await sleep(200);
  assert.deepEqual(log, ['create 1', 'create 2', 'destroy 1']);
  await pool.shutdown();
});

fakeTest('an item that is used is not idle, however long it is out', async () => {
  const { pool, log } = numbered({ idleTimeout: 100 });
  const lease = await pool.acquire();
  await sleep(1000);
  await lease.release();
  await sleep(50);
  assert.deepEqual(log, ['create 1']);
  await sleep(51);
  assert.deepEqual(log, ['create 1', 'destroy 1']);
  await pool.shutdown();
});

fakeTest('an item is replaced after its lifetime: idle at once, leased at its release', async () => {
  const { pool, log } = numbered({ min: 2, max: 2, lifetime: 1000, idleTimeout: Infinity, jitter: 0 });
  await settle();
  const lease = await pool.acquire();
  await sleep(1100);
  assert.deepEqual(log.toSorted(), ['create 1', 'create 2', 'create 3', 'destroy 1'].toSorted());
  assert.equal(lease.item.number, 2);
  await lease.release();
  await settle();
  assert.deepEqual(log.slice(4), ['destroy 2', 'create 4']);
  await pool.shutdown();
});

fakeTest('jitter spreads the ends of items that were opened together', async (clock) => {
  using _ = withSeed(7);
  const ended: number[] = [];
  const { pool } = numbered({
    max: 20,
    lifetime: 1000,
    idleTimeout: Infinity,
    jitter: 0.5,
    destroy: () => void ended.push(clock.now()),
  });
  const leases = await Promise.all(Array.from({ length: 20 }, () => pool.acquire()));
  for (const lease of leases) await lease.release();
  await sleep(1000);
  assert.equal(ended.length, 20);
  assert.ok(ended.every((at) => at >= 500 && at <= 1000));
  assert.ok(new Set(ended).size > 15);
  await pool.shutdown();
});

fakeTest('min items are opened at once and again when one is lost', async () => {
  const { pool, log } = numbered({ min: 2 });
  await settle();
  assert.equal(pool.statistics().idle, 2);
  const lease = await pool.acquire();
  await lease.discard();
  await settle();
  assert.equal(pool.statistics().idle, 2);
  assert.equal(log.filter((line) => line.startsWith('create')).length, 3);
  await pool.shutdown();
});

// ---- create ------------------------------------------------------------------------------------------------------

fakeTest('callers wait while the database is down, and are served when it is back', async (clock) => {
  using _ = withSeed(1);
  let isDown = true;
  const { pool } = numbered({
    create: () => {
      if (isDown) throw new Error('refused');
    },
  });
  const early = createTask(() => pool.acquire({ timeout: 1000 }));
  const late = [1, 2, 3].map(() => createTask(() => pool.acquire({ timeout: 60_000 })));
  await assert.rejects(early.then(), (error: Error) => {
    assert.ok(error instanceof TimeoutError);
    assert.equal((error.cause as Error).message, 'refused');
    return true;
  });
  assert.equal(clock.now(), 1000);
  await sleep(9000);
  const { failed, failing } = pool.statistics();
  assert.ok(failed < 20 && failing > 4, `${failed} attempts failed, ${failing} in a row`);
  isDown = false;
  for (const lease of late) await (await lease).release();
  assert.ok(clock.now() <= 12_000, `${clock.now()}`);
  assert.equal(pool.statistics().failing, 0);
  await pool.shutdown();
});

fakeTest('while create fails one attempt is made at a time, and the first that succeeds lets all in', async () => {
  let running = 0;
  let most = 0;
  let isDown = true;
  const { pool } = numbered({
    max: 5,
    create: async () => {
      most = Math.max(most, ++running);
      await sleep(10);
      running--;
      if (isDown) throw new Error('refused');
    },
  });
  const callers = [1, 2, 3, 4, 5].map(() => createTask(() => pool.acquire()));
  await sleep(15);
  assert.equal(most, 5);
  most = 0;
  await sleep(5000);
  assert.equal(most, 1);
  isDown = false;
  for (const caller of callers) await caller;
  assert.equal(most, 4);
  await pool.shutdown({ grace: 0 });
});

fakeTest('nobody is tried for while nobody waits', async () => {
  const { pool } = numbered({ create: () => Promise.reject(new Error('refused')) });
  await assert.rejects(pool.acquire({ timeout: 500 }), TimeoutError);
  const { failed } = pool.statistics();
  await sleep(60_000);
  assert.equal(pool.statistics().failed, failed);
  await pool.shutdown();
});

fakeTest('an error that retryOn refuses reaches every caller at once', async (clock) => {
  const { pool } = numbered({
    create: () => Promise.reject(new Error('wrong password')),
    retry: { retryOn: (error) => !String(error).includes('password') },
  });
  const callers = [1, 2, 3].map(() => assert.rejects(pool.acquire(), { message: 'wrong password' }));
  for (const caller of callers) await caller;
  assert.equal(clock.now(), 0);
  await pool.shutdown();
});

fakeTest('a retryOn that throws is reported, and the pool tries on', async () => {
  const reports: string[] = [];
  using _ = setExceptionHandler(({ message }) => reports.push(message));
  let tries = 0;
  const { pool } = numbered({
    create: () => (++tries < 3 ? Promise.reject(new Error('refused')) : undefined),
    retry: {
      retryOn: () => {
        throw new Error('broken');
      },
    },
  });
  await (await pool.acquire()).release();
  assert.deepEqual(reports, ['retryOn of pool failed', 'retryOn of pool failed']);
  await pool.shutdown();
});

fakeTest('a create that never settles costs createTimeout, and its signal aborts', async (clock) => {
  let signal: AbortSignal | undefined;
  let tries = 0;
  const { pool } = numbered({
    max: 1,
    createTimeout: 500,
    create: (context) => {
      signal ??= context.signal;
      return ++tries === 1 ? never() : undefined;
    },
  });
  const lease = await pool.acquire();
  assert.ok(clock.now() >= 500 && clock.now() <= 550);
  assert.ok(signal?.aborted);
  await lease.release();
  await pool.shutdown();
});

fakeTest('an item that arrives after createTimeout is destroyed', async () => {
  let tries = 0;
  const { pool, log } = numbered({
    max: 1,
    createTimeout: 100,
    create: () => (++tries === 1 ? new Promise((resolve) => holdBack(resolve)) : undefined),
  });
  const lease = await pool.acquire();
  assert.equal(lease.item.number, 2);
  arrive?.(undefined);
  await settle();
  assert.deepEqual(log, ['create 1', 'create 2', 'destroy 1']);
  const { created, destroyed, leased } = pool.statistics();
  assert.deepEqual([created, destroyed, leased], [2, 1, 1]);
  await lease.release();
  await pool.shutdown();
});

/** Lets what was held back last arrive. */
let arrive: ((value: unknown) => void) | undefined;
function holdBack(resolve: (value: unknown) => void): void {
  arrive = resolve;
}

fakeTest(
  'an item that arrives during shutdown() is destroyed before it ends, one that comes later too',
  async (clock) => {
    for (const at of [1000, 20_000]) {
      const { pool, log } = numbered({
        createTimeout: Infinity,
        create: () => new Promise((resolve) => holdBack(resolve)), // deaf to its signal
      });
      const refused = assert.rejects(pool.acquire(), { name: 'InvalidStateError' });
      await allTasksBlocked();
      const from = clock.now();
      const late = createTask(async () => {
        await sleep(at);
        arrive?.(undefined);
      });
      await pool.shutdown();
      await refused;
      assert.equal(clock.now() - from, Math.min(at, 5000));
      await late;
      await settle();
      assert.deepEqual(log, ['create 1', 'destroy 1']);
    }
  },
);

fakeTest('min items that cannot be opened are reported once, and tried again', async () => {
  const reports: string[] = [];
  using _ = setExceptionHandler(({ message }) => reports.push(message));
  let isDown = true;
  const { pool } = numbered({ min: 2, create: () => (isDown ? Promise.reject(new Error('refused')) : undefined) });
  await sleep(10_000);
  assert.deepEqual(reports, ['pool cannot open the 2 items of its min, and goes on trying']);
  isDown = false;
  await sleep(3000);
  assert.equal(pool.statistics().idle, 2);
  await pool.shutdown();
});

fakeTest('the same item twice is an error of create, and not an item for two', async () => {
  const item = {};
  const { pool } = { pool: new Pool({ max: 2, create: () => item }) };
  const lease = await pool.acquire();
  await assert.rejects(pool.acquire({ timeout: 100 }), (error: Error) => {
    assert.match(String(error.cause), /create of pool returned an item that it has already/);
    return true;
  });
  await lease.release();
  await (await pool.acquire()).release();
  await pool.shutdown();
});

// ---- destroy -----------------------------------------------------------------------------------------------------

for (const [how, destroy] of [
  ['throws', () => assert.fail('no')],
  ['rejects', () => Promise.reject(new Error('no'))],
  ['never settles', never],
] as const) {
  fakeTest(
    `a destroy that ${how} is reported, reaches no caller, and keeps its place for a bounded time`,
    async (clock) => {
      const reports: string[] = [];
      using _ = setExceptionHandler(({ message, error }) => reports.push(`${message}: ${(error as Error).message}`));
      const { pool } = numbered({ name: 'x', max: 1, destroy });
      await (await pool.acquire()).discard();
      const lease = await pool.acquire();
      assert.equal(lease.item.number, 2);
      assert.equal(clock.now(), how === 'never settles' ? 5000 : 0);
      const what = how === 'never settles' ? 'pool "x" destroy did not end within 5000 ms' : 'no';
      assert.deepEqual(reports, [`destroy of pool "x" failed: ${what}`]);
      await lease.release();
      await pool.shutdown();
    },
  );
}

fakeTest('a pool without destroy forgets its items', async () => {
  const pool = new Pool({ create: () => 7 });
  assert.equal(await pool.use((n) => n), 7);
  assert.deepEqual(await pool.shutdown(), { returned: 0, taken: 0, destroyed: 1 });
});

// ---- callbacks that use the pool ---------------------------------------------------------------------------------

fakeTest('callbacks may use their pool, also before they return', async () => {
  const seen: string[] = [];
  const pool: Pool<Item> = new Pool<Item>({
    max: 2,
    checkAfter: 0,
    create: () => {
      seen.push(String(pool));
      return { number: seen.length };
    },
    check: (item) => {
      pool.remove(item);
      return true;
    },
    reset: () => void pool.statistics(),
    destroy: () => void pool.acquire({ timeout: 0 }).catch(() => undefined),
  } satisfies PoolOptions<Item>);
  await (await pool.acquire()).release();
  const lease = await pool.acquire();
  assert.equal(lease.item.number, 2);
  await lease.release();
  await sleep(10);
  await pool.shutdown({ grace: 0 });
  assert.equal(seen.length, 3);
});

fakeTest('a callback may shut its pool down', async (clock) => {
  using _ = setExceptionHandler(() => undefined);
  const { pool } = numbered({ reset: () => pool.shutdown({ grace: 0 }) });
  await (await pool.acquire()).release();
  await pool.shutdown({ grace: 0 });
  assert.ok(clock.now() <= 10_000);
  assert.equal(pool.statistics().total, 0);
});
