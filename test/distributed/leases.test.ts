import assert from 'node:assert/strict';
import {
  CancelledError,
  createTask,
  InvalidStateError,
  LeaseLostError,
  loopTime,
  sleep,
  timeout,
  TimeoutError,
  type WaitOptions,
} from 'maitre';
import { allTasksBlocked, exploreCancellation } from 'maitre/testing';
import type { LeaseHold } from '#src/distributed/lease-hold.js';
import { Leases } from '#src/distributed/leases.js';
import { fakeTest, test } from '../support/test.js';
import { PermitModel } from './lease-model.js';

const LEASE = 1000;

/** A lock or limiter of one process on the model. */
class ModelLock extends Leases {
  readonly model: PermitModel;

  constructor(model: PermitModel, total = 1) {
    const { lease } = model;
    super({ port: model.port(), lease, total, waitKind: 'lock.acquire', closed: async () => {} }, { name: 'stove' });
    this.model = model;
  }

  get kind(): 'lock' {
    return 'lock';
  }

  statistics(): { readonly held: number; readonly waiting: number } {
    return { held: this.holds.size, waiting: this.waiting };
  }

  acquire(options?: WaitOptions): Promise<LeaseHold> {
    return this.borrow(options);
  }

  override use<R>(fn: (hold: LeaseHold) => R, options?: WaitOptions): Promise<Awaited<R>> {
    return super.use(fn, options);
  }

  set total(total: number) {
    this.permits = total;
  }
}

fakeTest('callers of one process are served in order, and tokens grow', async () => {
  const model = new PermitModel(LEASE);
  await using lock = new ModelLock(model);
  const order: string[] = [];
  const tasks = ['a', 'b', 'c'].map((name) =>
    createTask(async () => {
      await using hold = await lock.acquire();
      order.push(`${name}${hold.token}`);
      await sleep(10);
    }),
  );
  for (const task of tasks) await task;
  assert.deepEqual(order, ['a1', 'b2', 'c3']);
  assert.equal(model.owners.size, 0);
});

fakeTest('a hold is renewed for as long as it lasts', async () => {
  const model = new PermitModel(LEASE);
  await using lock = new ModelLock(model);
  await using hold = await lock.acquire();
  await sleep(20 * LEASE);
  assert.equal(hold.lost, false);
  assert.equal(model.owners.size, 1);
});

fakeTest('another process has the lock as soon as it is released, or its lease ends', async () => {
  const model = new PermitModel(LEASE);
  await using one = new ModelLock(model);
  await using two = new ModelLock(model);
  const hold = await one.acquire();
  const waiter = createTask(() => two.acquire());
  await sleep(5 * LEASE);
  assert.equal(waiter.done(), false);
  assert.equal(model.watchers, 1);
  const before = loopTime();
  await hold.release();
  const second = await waiter;
  assert.equal(loopTime(), before);
  assert.equal(model.watchers, 0);
  assert.ok(second.token > hold.token);
  model.network = () => sleep(Infinity); // the process of `two` is cut off
  const cut = loopTime();
  model.network = async () => {};
  model.owners.set([...model.owners.keys()][0] ?? '', loopTime() + LEASE); // dead: nobody renews it
  await second.release();
  assert.equal(loopTime(), cut);
});

fakeTest('without being told, a waiter asks again when the first lease ends', async () => {
  const model = new PermitModel(LEASE);
  model.isHeard = false;
  model.owners.set('a process that died', loopTime() + 700);
  await using lock = new ModelLock(model);
  const before = loopTime();
  await using _ = await lock.acquire();
  const took = loopTime() - before;
  assert.ok(took >= 700 && took < 800, `took ${took} ms`);
});

fakeTest('a lost connection costs the lease in time: the signal aborts, the scope is cancelled', async () => {
  const model = new PermitModel(LEASE);
  await using lock = new ModelLock(model);
  const ends: number[] = [];
  const task = createTask(async () => {
    const hold = await lock.acquire();
    hold.signal.addEventListener('abort', () => ends.push(loopTime()));
    model.network = () => sleep(Infinity);
    try {
      await sleep(Infinity);
    } finally {
      assert.ok(hold.lost && !hold.held && hold.signal.aborted);
      assert.ok(hold.signal.reason instanceof LeaseLostError);
      await hold.release(); // does nothing, and takes no time
    }
  });
  const before = loopTime();
  await assert.rejects(task, (error) => {
    assert.ok(error instanceof CancelledError && error.cause instanceof LeaseLostError);
    assert.match(error.message, /^Cancelled: Lost lock "stove": its lease ended; somebody else may have it now$/);
    return true;
  });
  assert.equal(ends.length, 1);
  assert.ok((ends[0] ?? 0) - before < LEASE, 'before Redis grants it to anybody else');
  model.network = async () => {};
});

fakeTest('only the scope that acquired it is cancelled', async () => {
  const model = new PermitModel(LEASE);
  await using lock = new ModelLock(model);
  await assert.rejects(
    timeout(60_000, async () => {
      await lock.acquire();
      model.owners.clear(); // Redis forgot it: the next renewal says so
      await sleep(Infinity);
    }),
    /Redis no longer has its lease/,
  );
  await sleep(10); // not cancelled
});

fakeTest('use: the loss of the lease cancels what runs, and the call rejects with LeaseLostError', async () => {
  const model = new PermitModel(LEASE);
  await using lock = new ModelLock(model);
  let cleanedUp = false;
  const call = lock.use(async () => {
    model.owners.clear();
    try {
      await sleep(Infinity);
    } finally {
      cleanedUp = true;
    }
  });
  await assert.rejects(call, (error) => error instanceof LeaseLostError && error.cause instanceof TimeoutError);
  assert.ok(cleanedUp);
  await sleep(10); // not cancelled
});

fakeTest('use: a body that ended well, but after the lease, rejects too', async (clock) => {
  const model = new PermitModel(LEASE);
  await using lock = new ModelLock(model);
  const call = lock.use(() => {
    clock.elapse(2 * LEASE); // as if it had blocked the loop
    return 'done';
  });
  await assert.rejects(call, LeaseLostError);
  assert.equal(await lock.use(() => 'done'), 'done');
  await assert.rejects(
    lock.use(() => {
      throw new RangeError('own');
    }),
    RangeError,
  );
  assert.equal(model.owners.size, 0);
});

fakeTest('an answer that took longer than the lease grants nothing', async () => {
  const model = new PermitModel(LEASE);
  await using lock = new ModelLock(model);
  let delays = 1;
  model.network = () => sleep(delays-- > 0 ? 2 * LEASE : 0);
  await using hold = await lock.acquire();
  assert.equal(hold.token, 2);
  assert.equal(model.owners.size, 1);
});

fakeTest('release takes no longer than the lease, whatever the network does', async () => {
  const model = new PermitModel(LEASE);
  const lock = new ModelLock(model);
  const hold = await lock.acquire();
  model.network = () => sleep(Infinity);
  const before = loopTime();
  await hold.release();
  assert.ok(loopTime() - before <= LEASE);
  await lock.shutdown();
});

fakeTest('an error of Redis reaches every caller that waits', async () => {
  const model = new PermitModel(LEASE);
  await using lock = new ModelLock(model);
  model.network = async () => {
    await sleep(1);
    throw new RangeError('READONLY');
  };
  const calls = await Promise.allSettled([lock.acquire(), lock.acquire()]);
  assert.deepEqual(
    calls.map((call) => call.status),
    ['rejected', 'rejected'],
  );
});

fakeTest('shutdown gives back what is held, cancels its scope, and refuses who waits', async () => {
  const model = new PermitModel(LEASE);
  const lock = new ModelLock(model);
  const holder = createTask(async () => {
    await lock.acquire();
    await sleep(Infinity);
  });
  await allTasksBlocked();
  const waiter = createTask(() => lock.acquire());
  await allTasksBlocked();
  await lock.shutdown();
  await lock.shutdown();
  await assert.rejects(holder, /it was shut down/);
  await assert.rejects(waiter, InvalidStateError);
  await assert.rejects(lock.acquire(), InvalidStateError);
  assert.equal(model.owners.size, 0);
});

fakeTest('several permits: no more than the total at once, and a larger total lets more in', async () => {
  const model = new PermitModel(LEASE);
  await using limiter = new ModelLock(model, 2);
  let most = 0;
  const tasks = Array.from({ length: 8 }, () =>
    createTask(async () => {
      await using _ = await limiter.acquire();
      most = Math.max(most, model.owners.size);
      await sleep(10);
    }),
  );
  for (const task of tasks.slice(0, 4)) await task;
  assert.equal(most, 2);
  limiter.total = 3;
  for (const task of tasks) await task;
  assert.equal(most, 3);
  assert.equal(model.owners.size, 0);
});

test('cancelled at every point, with every outcome of the race: no permit is lost, and none is held twice', async () => {
  await exploreCancellation(
    async (exploration) => {
      const model = new PermitModel(LEASE);
      await using lock = new ModelLock(model);
      let inside = 0;
      for (const name of ['a', 'b', 'c']) {
        exploration.task(name, async () => {
          await lock.use(async () => {
            assert.equal(++inside, 1);
            try {
              await sleep(5);
            } finally {
              inside--;
            }
          });
        });
      }
      await exploration.settled();
      assert.equal(model.owners.size, 0, 'a permit is lost');
      assert.deepEqual(lock.statistics(), { held: 0, waiting: 0 });
      await using _ = await lock.acquire();
    },
    { seeds: [1, 2], cancels: 2 },
  );
});
