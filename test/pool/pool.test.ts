// What callers see: acquire, use, remove, statistics, shutdown. The states of items: stock.test.ts.
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  CancelledError,
  createTask,
  currentTask,
  QueueFull,
  run,
  setExceptionHandler,
  sleep,
  type Task,
  timeout,
  TimeoutError,
} from 'maitre';
import { Resource, waitsOf } from 'maitre/lowlevel';
import { type Lease, Pool } from 'maitre/pool';
import { allTasksBlocked, exploreCancellation } from 'maitre/testing';
import { cyclesOf, takeSnapshot } from '#src/introspect/index.js';
import { fakeTest, nextTurn, test } from '../support/test.js';
import { numbered } from './numbered.js';

fakeTest('acquire() leases an idle item again, and opens another only when all are out', async () => {
  const { pool, log } = numbered({ max: 2 });
  const first = await pool.acquire();
  const second = await pool.acquire();
  assert.deepEqual([first.item.number, second.item.number], [1, 2]);
  await first.release();
  const again = await pool.acquire();
  assert.equal(again.item.number, 1);
  await second.release();
  await again.release();
  assert.deepEqual(log, ['create 1', 'create 2']);
  assert.deepEqual(await pool.shutdown(), { returned: 0, taken: 0, destroyed: 2 });
  assert.deepEqual(log.slice(2).toSorted(), ['destroy 1', 'destroy 2']);
});

fakeTest('waiters are served in the order of their calls, at most `max` at a time', async () => {
  const { pool } = numbered({ max: 2, create: () => sleep(5) });
  const order: string[] = [];
  let inside = 0;
  const tasks = ['a', 'b', 'c', 'd', 'e'].map((name) =>
    createTask(
      async () => {
        await using _ = await pool.acquire();
        order.push(name);
        assert.ok(++inside <= 2);
        await sleep(10);
        inside--;
      },
      { name },
    ),
  );
  await allTasksBlocked();
  assert.equal(pool.statistics().waiting, 5);
  for (const task of tasks) await task;
  assert.deepEqual(order, ['a', 'b', 'c', 'd', 'e']);
  assert.equal(pool.statistics().created, 2);
  await pool.shutdown();
});

fakeTest('nobody overtakes: a release and a new call in one turn serve the one who waits', async () => {
  const { pool } = numbered({ max: 1 });
  const lease = await pool.acquire();
  const order: string[] = [];
  const take = async (name: string): Promise<void> => {
    await using _ = await pool.acquire();
    order.push(name);
  };
  const waits = take('waits');
  await lease.release();
  await Promise.all([take('new'), waits]);
  assert.deepEqual(order, ['waits', 'new']);
  await pool.shutdown();
});

fakeTest('the deadline of acquire() is absolute, and its error says who holds what', async (clock) => {
  await using pool = numbered({ max: 1, acquireTimeout: 500, name: 'db' }).pool;
  const holder: Task<void> = createTask(
    async () => {
      await using _ = await pool.acquire();
      await sleep(2000);
    },
    { name: 'report' },
  );
  await sleep(100);
  await assert.rejects(pool.acquire(), {
    name: 'TimeoutError',
    message:
      'Cannot acquire from pool "db": no item was free within 500 ms, 1 of 1 are leased, the first by Task "report" for 600 ms',
  });
  assert.equal(clock.now(), 600);
  await assert.rejects(pool.acquire({ timeout: 50 }), TimeoutError);
  assert.equal(clock.now(), 650);
  assert.equal(pool.statistics().waiting, 0);
  await holder;
});

// sidorares/node-mysql2#4497: a deadline that starts anew with each attempt. porsager/postgres#824: one that does not count
// the time in the line.
fakeTest('the deadline counts waiting, checking, opening and retries together', async (clock) => {
  let tries = 0;
  const { pool } = numbered({
    max: 1,
    checkAfter: 0,
    check: () => sleep(300, false),
    create: async () => {
      if (++tries === 1) return;
      await sleep(100);
      throw new Error('refused');
    },
  });
  const lease = await pool.acquire();
  const early = createTask(() => pool.acquire({ timeout: 1000 }));
  await sleep(200);
  void lease.discard(); // the line: 200; then attempts of 100 and their pauses
  await assert.rejects(early.then(), (error: Error) => error instanceof TimeoutError && error.cause instanceof Error);
  assert.equal(clock.now(), 1000);
  assert.ok(tries > 3, `${tries}`);
  await pool.shutdown();
});

fakeTest('a deadline of 0 serves what is idle, and waits for nothing', async (clock) => {
  await using pool = numbered({ max: 1 }).pool;
  await (await pool.acquire()).release();
  const lease = await pool.acquire({ timeout: 0 });
  await assert.rejects(pool.acquire({ timeout: 0 }), TimeoutError);
  assert.equal(clock.now(), 0);
  await lease.release();
});

fakeTest('Infinity waits for as long as it takes, and a timeout around the call counts too', async (clock) => {
  await using pool = numbered({ max: 1, acquireTimeout: Infinity }).pool;
  const lease = await pool.acquire();
  const patient = createTask(() => pool.acquire());
  await assert.rejects(
    timeout(70, () => pool.acquire()),
    TimeoutError,
  );
  assert.equal(clock.now(), 70);
  await sleep(1e7);
  assert.equal(patient.done(), false);
  await lease.release();
  await (await patient).release();
});

fakeTest('a call above maxWaiting rejects with QueueFull; those for whom there is room do not count', async () => {
  await using pool = numbered({ max: 2, maxWaiting: 1, create: () => sleep(5) }).pool;
  const leases = await Promise.all([pool.acquire(), pool.acquire()]);
  const waits = pool.acquire();
  await assert.rejects(pool.acquire(), (error: Error) => {
    assert.ok(error instanceof QueueFull);
    assert.match(error.message, /^Cannot acquire from pool: 1 callers wait already, 2 of 2 are leased/);
    return true;
  });
  for (const lease of leases) await lease.release();
  await (await waits).release();
});

fakeTest('use() releases after a result, and destroys after a throw and a cancel unless reset is there', async () => {
  for (const reset of [undefined, () => undefined]) {
    const { pool, log } = numbered({ max: 1, ...(reset && { reset }) });
    assert.equal(await pool.use(({ number }) => number), 1);
    await assert.rejects(
      pool.use(() => Promise.reject(new Error('no'))),
      /no/,
    );
    const task = createTask(() => pool.use(() => sleep(1000)));
    await sleep(10);
    task.cancel();
    await assert.rejects(task.then(), CancelledError);
    const expected = reset
      ? ['create 1', 'reset 1', 'reset 1', 'reset 1']
      : ['create 1', 'destroy 1', 'create 2', 'destroy 2'];
    assert.deepEqual(log, expected);
    await pool.shutdown();
  }
  await using pool = numbered().pool;
  await assert.rejects(pool.use(7 as never), TypeError);
});

fakeTest('an item that arrives after its caller has left is kept for the next', async () => {
  let created = 0;
  await using pool = new Pool({ create: () => sleep(100, ++created) });
  const task = createTask(() => pool.acquire());
  await sleep(10);
  task.cancel();
  await assert.rejects(task.then(), CancelledError);
  await sleep(100);
  assert.equal(pool.statistics().idle, 1);
  const lease = await pool.acquire();
  assert.deepEqual([lease.item, created], [1, 1]);
  await lease.release();
});

fakeTest('an item that was opened for one who left goes to one who came meanwhile', async (clock) => {
  await using pool = numbered({ create: () => sleep(100) }).pool;
  const first = createTask(() => pool.acquire());
  await sleep(50);
  first.cancel();
  const lease = await pool.acquire();
  assert.deepEqual([lease.item.number, clock.now()], [1, 100]);
  await lease.release();
});

fakeTest('remove() destroys an idle item at once and a leased one at its release', async () => {
  const { pool, log } = numbered({ reset: () => undefined });
  const lease = await pool.acquire();
  const other = await pool.acquire();
  pool.remove(lease.item);
  pool.remove({ number: 1 }); // not an item of it
  assert.deepEqual(log.slice(2), []);
  await lease.release();
  assert.deepEqual(log.slice(2), ['destroy 1']);
  const { item } = other;
  await other.release();
  await nextTurn();
  pool.remove(item);
  pool.remove(item);
  assert.deepEqual(log.slice(3), ['reset 2', 'destroy 2']);
  assert.equal(pool.statistics().total, 0);
  await pool.shutdown();
});

fakeTest('remove() of a broken idle item lets the next caller have a new one', async () => {
  const { pool } = numbered({ max: 1 });
  const lease = await pool.acquire();
  const { item } = lease;
  await lease.release();
  pool.remove(item);
  assert.equal(await pool.use(({ number }) => number), 2);
  await pool.shutdown();
});

fakeTest('statistics() has a figure for each state, and the leases with their holders', async () => {
  const { pool } = numbered({
    max: 5,
    min: 1,
    create: () => sleep(10),
    reset: () => sleep(10),
    destroy: () => sleep(10),
  });
  const task = createTask(
    async () => {
      await using _ = await pool.acquire();
      await sleep(100);
    },
    { name: 'cook' },
  );
  const [a, b, c] = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
  await sleep(20);
  await a.release();
  await b.discard();
  const opening = createTask(() => pool.acquire());
  const { leases, ...figures } = pool.statistics();
  await allTasksBlocked();
  assert.deepEqual(figures, {
    total: 4,
    idle: 0,
    leased: 2,
    creating: 0,
    checking: 0,
    resetting: 1,
    closing: 1,
    waiting: 0,
    min: 1,
    max: 5,
    created: 4,
    destroyed: 0,
    failed: 0,
    failing: 0,
    unfit: 0,
  });
  assert.deepEqual(leases, [
    { holder: currentTask(), heldFor: 20 },
    { holder: task, heldFor: 20 },
  ]);
  assert.equal(String(pool), '<Pool open, 4 of 5 items, 2 leased, 1 waiting>');
  await c.release();
  await (await opening).release();
  await task;
  await pool.shutdown();
});

// ---- sight -------------------------------------------------------------------------------------------------------

fakeTest('a waiter is seen at the pool by its name, and holders() names the tasks that hold its items', async () => {
  await using pool = numbered({ max: 1, name: 'db' }).pool;
  const holder = createTask(
    async () => {
      await using _ = await pool.acquire();
      await sleep(50);
    },
    { name: 'holder' },
  );
  await sleep(10);
  const waiter = createTask(() => pool.use(() => undefined), { name: 'waiter' });
  await allTasksBlocked();
  const [wait] = waitsOf(waiter);
  assert.deepEqual([wait?.kind, wait?.resource === pool], ['pool.acquire', true]);
  assert.deepEqual([...pool.holders()], [{ task: holder, since: 0 }]);
  assert.ok([...Resource.live].includes(pool));
  await holder;
  await waiter;
});

fakeTest(
  'tasks that each hold one item and wait for a second are a deadlock, while no other can be opened',
  async () => {
    for (const max of [2, 3]) {
      const { pool } = numbered({ max, name: 'db', create: () => sleep(5) });
      const greedy = (name: string) =>
        createTask(
          async () => {
            await using _first = await pool.acquire();
            await sleep(10);
            await using _second = await pool.acquire({ timeout: 1000 });
          },
          { name },
        );
      const tasks = [greedy('a'), greedy('b')];
      await sleep(17);
      const sentences = cyclesOf(takeSnapshot()).map(({ sentence }) => sentence);
      assert.equal(sentences.length, max === 2 ? 1 : 0, sentences.join());
      if (max === 2) assert.match(sentences[0] ?? '', /task "a" waits for pool "db"/);
      for (const task of tasks) await task.catch(() => undefined);
      await pool.shutdown();
    }
  },
);

// ---- the end -----------------------------------------------------------------------------------------------------

fakeTest('shutdown() rejects waiters, ends idle items, and takes what is not returned in time', async (clock) => {
  const { pool, log } = numbered({ max: 3 });
  const leases = [await pool.acquire(), await pool.acquire(), await pool.acquire()] as const;
  const refused = assert.rejects(pool.acquire(), {
    name: 'InvalidStateError',
    message: 'Cannot acquire from pool: it is shut down',
  });
  const stuck = createTask(async () => {
    await sleep(50);
    await leases[1].release();
  });
  const ending = pool.shutdown({ grace: 200 });
  await refused;
  await leases[0].release();
  assert.equal(clock.now(), 0);
  assert.deepEqual(await ending, { returned: 2, taken: 1, destroyed: 3 });
  assert.equal(clock.now(), 200);
  assert.throws(() => leases[2].item, {
    name: 'InvalidStateError',
    message: 'Cannot use the item of pool: its lease is over',
  });
  await leases[2].release();
  await stuck;
  assert.deepEqual(log.slice(3).toSorted(), ['destroy 1', 'destroy 2', 'destroy 3']);
  await assert.rejects(pool.acquire(), {
    name: 'InvalidStateError',
    message: 'Cannot acquire from pool: it is shut down',
  });
  assert.equal(String(pool), '<Pool ended, 0 of 3 items, 0 leased, 0 waiting>');
  assert.deepEqual(await pool.shutdown(), { returned: 0, taken: 0, destroyed: 0 });
  assert.equal([...Resource.live].includes(pool), false);
});

fakeTest('shutdown() takes bounded time whatever its callbacks do, at every stage', async (clock) => {
  const never = (): Promise<never> => new Promise(() => undefined);
  using _ = setExceptionHandler(() => undefined);
  for (const stage of ['create', 'check', 'reset', 'destroy', 'lease'] as const) {
    let isStuck = false;
    const stuckIn = (at: string) => () => (isStuck && at === stage ? never() : undefined);
    const { pool } = numbered({
      max: 2,
      checkAfter: 0,
      create: stuckIn('create'),
      check: stuckIn('check'),
      reset: stuckIn('reset'),
      destroy: stuckIn('destroy'),
    });
    const lease = await pool.acquire();
    isStuck = true;
    if (stage !== 'lease') await lease.release();
    const other = createTask(() => pool.acquire());
    if (stage === 'create') void pool.acquire().catch(() => undefined);
    await allTasksBlocked();
    const from = clock.now();
    const report = await pool.shutdown({ grace: 1000 });
    assert.ok(clock.now() - from <= 11_000, `${stage}: ${clock.now() - from}`);
    assert.equal(pool.statistics().total, 0, stage);
    assert.ok(report.taken <= 2);
    await other.catch(() => undefined);
  }
});

fakeTest('a cancel of shutdown() skips the grace and not the rest, and comes out of it afterwards', async (clock) => {
  for (const at of [0, 10, 150]) {
    const { pool, log } = numbered({ destroy: () => sleep(100) });
    const lease = await pool.acquire();
    const from = clock.now();
    const task = createTask(() => pool.shutdown({ grace: 100 }));
    await sleep(at);
    task.cancel();
    await assert.rejects(task.then(), CancelledError);
    if (at > 0) assert.equal(clock.now() - from, at === 150 ? 200 : 110);
    else await pool.shutdown({ grace: 0 }); // it had not begun
    assert.equal(pool.statistics().total, 0);
    assert.deepEqual(log, ['create 1', 'destroy 1']);
    assert.ok(lease.released);
  }
});

fakeTest('two calls of shutdown() end together, with the shorter grace', async (clock) => {
  const { pool } = numbered();
  await pool.acquire();
  const patient = createTask(() => pool.shutdown({ grace: 5000 }));
  await allTasksBlocked();
  await pool.shutdown({ grace: 100 });
  await patient;
  assert.equal(clock.now(), 100);
});

test('the end of run() ends a pool that was left open, and does not wait for leases of tasks that are over', async () => {
  const reports: string[] = [];
  using _ = setExceptionHandler(({ message }) => reports.push(message));
  const { pool, log } = await run(async () => {
    const made = numbered({ name: 'db' });
    await made.pool.acquire();
    await (await made.pool.acquire()).release();
    return made;
  });
  assert.deepEqual(log, ['create 1', 'create 2', 'destroy 1', 'destroy 2']);
  assert.deepEqual(reports, ['run() ended; it had left open: pool "db"']);
  assert.equal(String(pool), '<Pool "db" ended, 0 of 10 items, 0 leased, 0 waiting>');
});

test('at the end of run() the cleanup of a task still uses the pool, and opens what it needs', async () => {
  using _ = setExceptionHandler(() => undefined);
  const said: string[] = [];
  await run(async () => {
    const { pool } = numbered({ create: () => sleep(1) });
    createTask(async () => {
      try {
        await sleep(Infinity);
      } finally {
        await pool.use(({ number }) => void said.push(`rolled back on ${number}`));
      }
    });
    await sleep(1);
  });
  assert.deepEqual(said, ['rolled back on 1']);
});

test('run() ends in bounded time over a pool whose callbacks never settle', async () => {
  const reports: string[] = [];
  using _ = setExceptionHandler(({ message }) => reports.push(message));
  await run(
    async () => {
      const { pool } = numbered({ destroy: () => new Promise(() => undefined) });
      await (await pool.acquire()).release();
    },
    { grace: 20 },
  );
  assert.deepEqual(reports, ['run() ended; it had left open: pool', 'destroy of pool failed']);
});

test('callbacks run in the async context in which the pool was made', async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const note = (): void => void seen.push(storage.getStore());
  const pool = storage.run('pool', () => numbered({ create: note, destroy: note, reset: note }).pool);
  await storage.run('caller', () => pool.use(() => undefined));
  await storage.run('caller', () => pool.shutdown());
  assert.deepEqual(seen, ['pool', 'pool', 'pool']);
});

fakeTest('options that are wrong or unknown are refused', async () => {
  const create = (): number => 1;
  assert.throws(() => new Pool(undefined as never), TypeError);
  assert.throws(() => new Pool({} as never), {
    message: 'Cannot create pool: create must be a function, got undefined',
  });
  assert.throws(() => new Pool({ create, maxx: 1 } as never), /unknown option "maxx"/);
  assert.throws(() => new Pool({ create, max: 0 }), RangeError);
  assert.throws(() => new Pool({ create, jitter: 2 }), RangeError);
  assert.throws(() => new Pool({ create, retry: { backoff: -1 } }), /retry.backoff/);
  assert.throws(() => new Pool({ create, min: 3, max: 2 }), {
    name: 'RangeError',
    message: 'Cannot create pool: min must be at most max, got 3 and 2',
  });
  assert.equal(
    [...Resource.live].some(({ kind }) => kind === 'pool'),
    false,
  );
  await using pool = new Pool({ create });
  await assert.rejects(pool.acquire({ timeout: 'soon' as never }), TypeError);
  await assert.rejects(pool.shutdown({ grace: -1 }), RangeError);
});

// ---- cancellation ------------------------------------------------------------------------------------------------

test('Pool passes exploreCancellation: no item is lost, used by two, or left open', async () => {
  const points = await exploreCancellation(
    async (x) => {
      const { pool, log } = numbered({
        max: 2,
        checkAfter: 3,
        create: () => sleep(3),
        check: () => sleep(2),
        reset: () => sleep(1),
        destroy: () => sleep(1),
      });
      const held = new Set<number>();
      const hold = async (lease: Lease<{ number: number }>, ms: number): Promise<void> => {
        const { number } = lease.item;
        assert.ok(!held.has(number), `${number} is used by two`);
        held.add(number);
        try {
          await sleep(ms);
        } finally {
          held.delete(number);
        }
      };
      for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) {
        x.task(name, async () => {
          await sleep(i);
          for (let round = 0; round < 2; round++) {
            await using lease = await pool.acquire();
            await hold(lease, 4 + i);
            if (round === 1 && i === 2) await lease.discard();
          }
        });
      }
      await x.settled();
      const { leased, waiting, total, max } = pool.statistics();
      assert.deepEqual([leased, waiting, held.size, total <= max], [0, 0, 0, true]);
      x.task('end', () => pool.shutdown());
      await x.settled();
      await pool.shutdown();
      const count = (what: string): number => log.filter((line) => line.startsWith(what)).length;
      assert.equal(count('create'), count('destroy'));
      assert.equal(pool.statistics().total, 0);
    },
    { seeds: [1, 2] },
  );
  assert.ok(points > 100, `${points}`);
});

test('Pool.use() passes exploreCancellation with two cancels', async () => {
  await exploreCancellation(
    async (x) => {
      const { pool } = numbered({ max: 1, create: () => sleep(1) });
      let inside = 0;
      for (const name of ['a', 'b', 'c']) {
        x.task(name, () =>
          pool.use(async () => {
            assert.equal(++inside, 1);
            try {
              await sleep(2);
            } finally {
              inside--;
            }
          }),
        );
      }
      await x.settled();
      assert.deepEqual([inside, pool.statistics().leased, pool.statistics().waiting], [0, 0, 0]);
      await pool.shutdown();
    },
    { cancels: 2 },
  );
});
