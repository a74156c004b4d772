// Messages and locks among real faults: processes that are killed and stopped, a Redis that is, and a network that is cut.
// SEED=... repeats the times of a run.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { createTask, sleep, TaskGroup, timeout } from 'maitre';
import { RedisBroadcast, RedisLock, redisRateLimit } from 'maitre/distributed';
import { Program } from '../support/program.js';
import { noRedis, RedisServer } from '../support/redis.js';
import { seeded } from '../support/seeded.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { test as plainTest } from '../support/test.js';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const random = seeded(seed);
/** How long anything may take, ms: a machine under load takes its time, and a lost connection 8 seconds to be seen. */
const BOUND = 60_000;

/** A test whose failure names the seed. */
const test = (name: string, body: () => Promise<unknown>): void =>
  plainTest(
    name,
    async () => {
      try {
        await timeout(2 * BOUND, body);
      } catch (error) {
        throw new Error(`SEED=${seed}: ${String(error)}`, { cause: error });
      }
    },
    { skip: noRedis, timeout: 3 * BOUND },
  );

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}.js`, import.meta.url));

interface Item {
  readonly sender: number;
  readonly number: number;
}

/**
 * Two senders publish `count` items each, two receivers take all of them, while `fault` happens once a tenth was received.
 * Every item was accepted; so every receiver must have it once, in the order of its sender.
 */
async function underFault(urls: readonly string[], count: number, fault: () => Promise<unknown>): Promise<void> {
  const topic = randomUUID();
  const open = (i: number): RedisBroadcast<Item> =>
    new RedisBroadcast<Item>(topic, { redis: urls[i] as string, replay: { max: 100_000 }, capacity: 16 });
  await using one = open(0);
  await using two = open(1);
  let received = 0;
  const receive = async (broadcast: RedisBroadcast<Item>, ready: () => void): Promise<void> => {
    using subscription = broadcast.subscribe();
    await subscription.ready();
    ready();
    const last = [0, 0];
    for await (const { sender, number } of subscription) {
      assert.equal(number, (last[sender] ?? 0) + 1, `of sender ${sender}`);
      last[sender] = number;
      received++;
      if (last[0] === count && last[1] === count) return;
    }
  };
  const send = async (broadcast: RedisBroadcast<Item>, sender: number): Promise<void> => {
    for (let number = 1; number <= count;) {
      const batch = [];
      for (let i = 0; i < 5 && number <= count; i++) batch.push(broadcast.publish({ sender, number: number++ }));
      await Promise.all(batch);
      await sleep(1);
    }
  };
  await TaskGroup.run(async (group) => {
    let open = 2;
    for (const each of [one, two]) group.createTask(() => receive(each, () => open--));
    while (open > 0) await sleep(1);
    group.createTask(() => send(one, 0));
    group.createTask(() => send(two, 1));
    while (received < count * 0.4) await sleep(1);
    await fault();
  });
  assert.equal(received, 4 * count);
}

test('Redis killed under load and restarted: what was accepted arrives once, in order', async () => {
  await using redis = await RedisServer.start();
  await underFault([redis.url, redis.url], 1500, async () => {
    for (let i = 0; i < 2; i++) {
      await sleep(random() * 200);
      await redis.kill();
      await sleep(random() * 300);
      await redis.start();
    }
  });
});

test('Redis stopped for seconds: what was accepted arrives once, in order', async () => {
  await using redis = await RedisServer.start();
  await underFault([redis.url, redis.url], 500, async () => {
    await redis.freeze();
    await sleep(1000 + random() * 1000);
    redis.thaw();
  });
});

test('a process cut off from Redis again and again: what was accepted arrives once, in order', async () => {
  await using redis = await RedisServer.start();
  await using proxy = await TcpProxy.start(redis.port);
  await underFault([redis.url, `redis://127.0.0.1:${proxy.port}`], 1000, async () => {
    for (let i = 0; i < 4; i++) {
      await sleep(random() * 200);
      proxy.cut();
      await sleep(random() * 200);
      proxy.heal();
    }
  });
});

test('a network that swallows packets: the loss is seen, and what was accepted arrives once, in order', async () => {
  await using redis = await RedisServer.start();
  await using proxy = await TcpProxy.start(redis.port);
  await underFault([redis.url, `redis://127.0.0.1:${proxy.port}`], 500, async () => {
    const before = proxy.accepted;
    proxy.swallow();
    while (proxy.accepted < before + 2) await sleep(10); // both are made anew, after the silence
    proxy.heal(); // what was swallowed arrives late, on connections that nobody has any more
  });
});

test('a publisher that is killed: what it was told is accepted arrives, without a gap', async () => {
  await using redis = await RedisServer.start();
  const topic = randomUUID();
  await using broadcast = new RedisBroadcast<number>(topic, { redis: redis.url, replay: { max: 100_000 } });
  using subscription = broadcast.subscribe();
  await subscription.ready();
  await using publisher = new Program([fixture('publisher'), redis.url, topic]);
  await publisher.sees(/^200$/m);
  await sleep(random() * 300);
  publisher.signal('SIGKILL');
  const { stdout } = await publisher.ended();
  const accepted = Number(stdout.slice(0, stdout.lastIndexOf('\n')).split('\n').at(-1));
  await broadcast.publish(0); // after all of its
  let last = 0;
  for await (const number of subscription) {
    if (number === 0) break;
    assert.equal(number, ++last);
  }
  assert.ok(last >= accepted, `accepted ${accepted}, arrived ${last}`);
});

test('a live broadcast over a restart of Redis: it goes on, and counts what it missed', async () => {
  await using redis = await RedisServer.start();
  await using proxy = await TcpProxy.start(redis.port);
  const topic = randomUUID();
  await using near = new RedisBroadcast<number>(topic, { redis: redis.url });
  await using far = new RedisBroadcast<number>(topic, { redis: `redis://127.0.0.1:${proxy.port}` });
  using subscription = far.subscribe();
  await subscription.ready();
  await near.publish(1);
  assert.equal(await subscription.receive(), 1);
  proxy.cut();
  while (far.statistics().interruptions === 0) await sleep(1);
  await near.publish(2);
  await near.publish(3);
  proxy.heal();
  await redis.kill();
  const pending = near.publish(4); // waits for Redis
  await redis.start();
  await pending;
  let heard: number | undefined;
  const reader = createTask(async () => {
    heard = await subscription.receive();
  });
  let count = 4;
  while (!reader.done()) {
    await near.publish(++count);
    await sleep(5);
  }
  await reader;
  assert.ok((heard ?? 0) >= 4);
  assert.equal(far.statistics().missed, (heard ?? 0) - 2, 'those that were published meanwhile');
});

test('publish gives up after its time, and says whether the item was sent', async () => {
  await using redis = await RedisServer.start();
  await using broadcast = new RedisBroadcast<number>('news', { redis: redis.url, replay: true, publishTimeout: 300 });
  await broadcast.publish(1);
  await redis.freeze();
  await assert.rejects(broadcast.publish(2), { name: 'TimeoutError', message: /it may have the item or not$/ });
  redis.thaw();
  await broadcast.publish(3);
});

test('a lock whose holder is killed comes free after its lease; later tokens are larger', async () => {
  await using redis = await RedisServer.start();
  const key = randomUUID();
  await using holder = new Program([fixture('lock-holder'), redis.url, key, '2000']);
  const [, token] = await holder.sees(/token (\d+)/);
  await using lock = new RedisLock(key, { redis: redis.url, lease: 2000 });
  const waiter = createTask(() => lock.acquire());
  await sleep(3000);
  assert.equal(waiter.done(), false, 'it is renewed while its holder lives');
  holder.signal('SIGKILL');
  await using hold = await timeout(BOUND, () => waiter);
  assert.ok(hold.token > Number(token));
});

test('a holder that is stopped past its lease is told when it goes on; another one has a larger token', async () => {
  await using redis = await RedisServer.start();
  const key = randomUUID();
  await using holder = new Program([fixture('lock-holder'), redis.url, key, '1000']);
  const [, token] = await holder.sees(/token (\d+)/);
  holder.signal('SIGSTOP');
  await using lock = new RedisLock(key, { redis: redis.url, lease: 1000 });
  await using hold = await timeout(BOUND, () => lock.acquire());
  assert.ok(hold.token > Number(token));
  holder.signal('SIGCONT');
  await holder.sees(/^Lost lock ".*": .*; somebody else may have it now$/m);
  await timeout(BOUND, () => holder.ended());
  assert.ok(hold.held, 'its late release takes nothing from the other one');
});

test('a holder that is cut off stops before its lease ends in Redis', async () => {
  await using redis = await RedisServer.start();
  await using proxy = await TcpProxy.start(redis.port);
  const key = randomUUID();
  await using far = new RedisLock(key, { redis: `redis://127.0.0.1:${proxy.port}`, lease: 1000 });
  await using near = new RedisLock(key, { redis: redis.url, lease: 1000 });
  const events: string[] = [];
  const call = createTask(() =>
    far.use(async () => {
      proxy.cut();
      try {
        await sleep(Infinity);
      } finally {
        events.push('stopped');
      }
    }),
  );
  while (!far.locked()) await sleep(1);
  const other = createTask(async () => {
    const hold = await near.acquire();
    events.push('taken');
    return hold;
  });
  await assert.rejects(call, { name: 'LeaseLostError' });
  await (await other).release();
  assert.deepEqual(events, ['stopped', 'taken']);
  proxy.heal();
});

test('locks and rate limits go on after a restart of Redis', async () => {
  await using redis = await RedisServer.start();
  await using lock = new RedisLock(randomUUID(), { redis: redis.url, lease: 30_000 });
  await using rate = redisRateLimit(randomUUID(), 1000, 1000, { redis: redis.url });
  await lock.use(async (hold) => {
    await rate.acquire();
    await redis.kill();
    const acquired = rate.acquire();
    await redis.start();
    await acquired;
    assert.ok(hold.held);
  });
  await lock.use(() => undefined);
});
