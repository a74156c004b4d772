// Locks, limiters and rate limits on a real Redis. leases.test.ts has what does not depend on one.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { CancelledError, createTask, InvalidStateError, sleep, TaskGroup, timeout } from 'maitre';
import { redisLimiter, RedisLock, redisRateLimit } from 'maitre/distributed';
import { closeRedis } from '#src/distributed/connect.js';
import { noRedis, RedisServer } from '../support/redis.js';
import { test as plainTest } from '../support/test.js';

const redis = await RedisServer.shared();
const test = (name: string, body: () => unknown): void => plainTest(name, body, { skip: noRedis });

/** Calls `fn` with the addresses of as many processes: their connections are not shared. */
async function asProcesses<T>(count: number, fn: (addresses: Redis[]) => Promise<T>): Promise<T> {
  const own = Array.from({ length: count }, () => new Redis(redis.url));
  try {
    return await fn(own);
  } finally {
    await Promise.all(own.map((each) => closeRedis(each)));
  }
}

test('a lock has one holder among processes, and later holders have larger tokens', async () => {
  const key = randomUUID();
  const tokens: number[] = [];
  let inside = 0;
  await asProcesses(3, (addresses) =>
    TaskGroup.run(async (group) => {
      for (const address of addresses) {
        group.createTask(async () => {
          await using lock = new RedisLock(key, { redis: address });
          await TaskGroup.run((callers) => {
            for (let i = 0; i < 5; i++) {
              callers.createTask(() =>
                lock.use(async (hold) => {
                  assert.equal(++inside, 1);
                  tokens.push(hold.token);
                  await sleep(1);
                  inside--;
                }),
              );
            }
          });
        });
      }
    }),
  );
  assert.equal(tokens.length, 15);
  assert.deepEqual(
    tokens,
    [...new Set(tokens)].sort((a, b) => a - b),
  );
});

test('tokens grow although Redis has lost the last one', async () => {
  const key = randomUUID();
  await using lock = new RedisLock(key, { redis: redis.url });
  const before = await lock.use((hold) => hold.token);
  await redis.ask(`DEL maitre:lock:{${key}}:token`);
  assert.ok((await lock.use((hold) => hold.token)) > before);
});

test('a released lock leaves nothing in Redis but its last token, for a day at most', async () => {
  const key = randomUUID();
  await using lock = new RedisLock(key, { redis: redis.url });
  await lock.use(() => undefined);
  assert.equal(await redis.ask(`EXISTS maitre:lock:{${key}}`), 0);
  const ms = Number(await redis.ask(`PTTL maitre:lock:{${key}}:token`));
  assert.ok(ms > 0 && ms <= 86_400_000, String(ms));
});

test('a lock whose lease Redis has ended is lost to its holder by the next renewal', async () => {
  const key = randomUUID();
  await using lock = new RedisLock(key, { redis: redis.url, lease: 300 });
  const call = lock.use(async () => {
    await redis.ask(`DEL maitre:lock:{${key}}`);
    await sleep(Infinity);
  });
  await assert.rejects(
    timeout(30_000, () => call),
    { name: 'LeaseLostError', message: /^Lost lock ".*": Redis no longer has its lease/ },
  );
});

test('a cancelled acquire leaves the lock to the others', async () => {
  const key = randomUUID();
  await asProcesses(2, async ([mine, other]) => {
    await using one = new RedisLock(key, { redis: mine });
    await using two = new RedisLock(key, { redis: other });
    const hold = await one.acquire();
    const waiter = createTask(() => two.acquire());
    while (two.statistics().waiting === 0) await sleep(0);
    waiter.cancel();
    await assert.rejects(waiter, CancelledError);
    await hold.release();
    assert.equal(await two.use(() => two.locked()), true);
    assert.equal(two.locked(), false);
  });
});

test('a limiter lets no more than its total in, over all processes', async () => {
  const key = randomUUID();
  let inside = 0;
  let most = 0;
  await asProcesses(2, (addresses) =>
    TaskGroup.run(async (group) => {
      for (const address of addresses) {
        group.createTask(async () => {
          await using limiter = redisLimiter(key, 3, { redis: address });
          await TaskGroup.run((callers) => {
            for (let i = 0; i < 8; i++) {
              callers.createTask(() =>
                limiter.use(async () => {
                  most = Math.max(most, ++inside);
                  await sleep(2);
                  inside--;
                }),
              );
            }
          });
        });
      }
    }),
  );
  assert.equal(inside, 0);
  assert.ok(most <= 3, `${most} at once`);
});

test('a limiter: one permit for each borrower, Infinity, 0, and a changed total', async () => {
  await using limiter = redisLimiter(randomUUID(), 0, { redis: redis.url });
  const waiter = createTask(() => limiter.acquire());
  while (limiter.statistics().waiting === 0) await sleep(0);
  limiter.total = Infinity;
  await (await waiter).release();
  const borrower = {};
  const hold = await limiter.acquire({ borrower });
  assert.equal(limiter.statistics().borrowings[0]?.borrower, borrower);
  await assert.rejects(limiter.acquire({ borrower }), InvalidStateError);
  await hold.release();
  await (await limiter.acquire({ borrower })).release();
  assert.equal(limiter.borrowed, 0);
  assert.throws(() => (limiter.total = -1), RangeError);
});

test('a rate limit holds for all processes together', async () => {
  const key = randomUUID();
  const begun = performance.now();
  await asProcesses(2, (addresses) =>
    TaskGroup.run(async (group) => {
      for (const address of addresses) {
        group.createTask(async () => {
          await using limiter = redisRateLimit(key, 10, 100, { redis: address });
          await TaskGroup.run((callers) => {
            for (let i = 0; i < 20; i++) callers.createTask(() => limiter.acquire());
          });
        });
      }
    }),
  );
  // The first 10 at once, 30 more at 10 in 100 ms.
  const took = performance.now() - begun;
  assert.ok(took >= 295, `took ${took} ms`);
});

test('a rate limit: tryAcquire, and a token that comes back from a cancelled caller', async () => {
  const key = randomUUID();
  await using limiter = redisRateLimit(key, 2, 3_600_000, { redis: redis.url });
  assert.equal(await limiter.tryAcquire(), true);
  const asked = createTask(() => limiter.tryAcquire(), { eager: true });
  asked.cancel();
  await assert.rejects(asked, CancelledError);
  while (!(await limiter.tryAcquire())) await sleep(1);
  assert.equal(await limiter.tryAcquire(), false);
  const waiter = createTask(() => limiter.acquire());
  while (limiter.statistics().waiting === 0) await sleep(0);
  assert.equal(await limiter.tryAcquire(), false);
  assert.equal(String(limiter), `<RateLimiter "${key}" 2 per 3600000 ms, 1 waiting>`);
  waiter.cancel();
  await assert.rejects(waiter, CancelledError);
});

plainTest('without Redis: acquire says in one line what is missing', async () => {
  const nowhere = { redis: 'redis://127.0.0.1:1' };
  const expected = { name: 'ConnectionLostError', message: /^Cannot acquire: no Redis answers .*start redis-server/ };
  await using lock = new RedisLock('stove', nowhere);
  await using limiter = redisLimiter('ovens', 1, nowhere);
  await using rate = redisRateLimit('letters', 1, 1, nowhere);
  await assert.rejects(lock.acquire(), expected);
  await assert.rejects(limiter.acquire(), expected);
  await assert.rejects(rate.acquire(), expected);
  await assert.rejects(rate.tryAcquire(), expected);
});

plainTest('options are checked, and unknown ones are named', () => {
  assert.throws(() => new RedisLock('a', { lease: 10 }), /Cannot create lock: lease must be an integer >= 100, got 10/);
  assert.throws(() => new RedisLock(''), /key must be text without \{ and \}, not empty/);
  assert.throws(() => redisLimiter('a', 1.5), /Cannot create limiter: total must be/);
  assert.throws(() => redisRateLimit('a', 0, 1), /Cannot limit the rate: count must be/);
  assert.throws(() => redisRateLimit('a', 1, 1, { leases: 1 } as object), /unknown option "leases"/);
});
