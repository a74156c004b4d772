import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import {
  CancelledError,
  createTask,
  MissedItemsError,
  QueueShutDown,
  setExceptionHandler,
  sleep,
  timeout,
} from 'maitre';
import { RedisBroadcast, type RedisBroadcastOptions, type RedisSubscription } from 'maitre/distributed';
import { noRedis, RedisServer } from '../support/redis.js';
import { microtasks, nextTurn, test as plainTest } from '../support/test.js';

const redis = await RedisServer.shared();
const test = (name: string, body: () => unknown): void => plainTest(name, body, { skip: noRedis });

/** Broadcasts of as many processes as it is called, on one topic of their own. */
function processes<T>(options: RedisBroadcastOptions<T> = {}): () => RedisBroadcast<T> {
  const topic = randomUUID();
  return () => new RedisBroadcast<T>(topic, { redis: redis.url, ...options });
}

async function take<T>(subscription: RedisSubscription<T>, count: number): Promise<T[]> {
  const items: T[] = [];
  while (items.length < count) items.push(await timeout(30_000, () => subscription.receive()));
  return items;
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

for (const replay of [false, true]) {
  const mode = replay ? 'with replay' : 'live';

  test(`${mode}: subscribers of all processes receive every item, in the order of the publisher`, async () => {
    const join = processes<number>({ replay });
    await using one = join();
    await using two = join();
    using near = one.subscribe();
    using far = two.subscribe();
    await far.ready();
    const published = Promise.all(numbers(0, 1000).map((i) => one.publish(i)));
    const [heardNear, heardFar] = await Promise.all([take(near, 1000), take(far, 1000), published]);
    assert.deepEqual(heardNear, numbers(0, 1000));
    assert.deepEqual(heardFar, numbers(0, 1000));
  });

  test(`${mode}: what a process publishes after it subscribed reaches it, without ready()`, async () => {
    await using only = processes<string>({ replay })();
    using subscription = only.subscribe();
    await only.publish('first');
    assert.equal(await subscription.receive(), 'first');
  });

  test(`${mode}: the order holds while connections open and subscriptions start`, async () => {
    const join = processes<number>({ replay });
    for (let round = 0; round < 10; round++) {
      await using broadcast = join();
      using first = broadcast.subscribe();
      const published: Promise<void>[] = [];
      for (let i = 0; i < 60; i++) {
        published.push(broadcast.publish(i));
        for (let turn = 0; turn < (i * round) % 4; turn++) await nextTurn();
        if (i % 3 === 0) await microtasks(i % 7);
        if (i % 20 === 10) broadcast.subscribe().close();
      }
      await Promise.all(published);
      assert.deepEqual(await take(first, 60), numbers(0, 60));
    }
  });

  test(`${mode}: iteration ends when the broadcast is closed, after what was received`, async () => {
    const broadcast = processes<number>({ replay })();
    const subscription = broadcast.subscribe();
    await subscription.ready();
    for (let i = 0; i < 3; i++) await broadcast.publish(i);
    while (subscription.statistics().size < 3) await sleep(1);
    broadcast.close();
    broadcast.close();
    await broadcast.shutdown();
    const items: number[] = [];
    for await (const item of subscription) items.push(item);
    assert.deepEqual(items, [0, 1, 2]);
    await assert.rejects(subscription.receive(), { name: 'QueueShutDown', message: 'The broadcast has ended' });
    await assert.rejects(broadcast.publish(4), QueueShutDown);
    assert.throws(() => broadcast.subscribe(), QueueShutDown);
  });

  test(`${mode}: a cancelled receive leaves the item`, async () => {
    await using broadcast = processes<string>({ replay })();
    using subscription = broadcast.subscribe();
    await subscription.ready();
    const reader = createTask(() => subscription.receive());
    await sleep(0);
    reader.cancel();
    await assert.rejects(reader, CancelledError);
    await broadcast.publish('kept');
    assert.equal(await subscription.receive(), 'kept');
  });

  test(`${mode}: a publish that is cancelled before it was sent is not published`, async () => {
    const join = processes<string>({ replay });
    await using broadcast = join();
    using subscription = broadcast.subscribe();
    await subscription.ready();
    const first = broadcast.publish('first'); // on its way, so the others wait
    const second = createTask(() => broadcast.publish('second'), { eager: true });
    const third = broadcast.publish('third');
    second.cancel();
    await assert.rejects(second, CancelledError);
    await Promise.all([first, third]);
    assert.deepEqual(await take(subscription, 2), ['first', 'third']);
  });

  test(`${mode}: an item that is too long, or none of JSON, is refused with the limit`, async () => {
    await using broadcast = processes<unknown>({ replay, maxBytes: 10 })();
    await assert.rejects(broadcast.publish('ä'.repeat(5)), /the item has 12 bytes, and maxBytes is 10/);
    await assert.rejects(broadcast.publish(undefined), /the item became no text, it is undefined/);
    await assert.rejects(broadcast.publish(1n), TypeError);
    using subscription = broadcast.subscribe();
    await broadcast.publish('ä'.repeat(4));
    assert.equal(await subscription.receive(), 'ääää');
  });

  test(`${mode}: own encoding; an item that cannot be decoded is reported and left out`, async () => {
    const join = processes<Date>({
      replay,
      encode: (date) => (date.getTime() === 7 ? 'broken\ntext' : date.toISOString()),
      decode: (text) => {
        if (text === 'broken\ntext') throw new SyntaxError('no date');
        return new Date(text);
      },
    });
    await using broadcast = join();
    using subscription = broadcast.subscribe();
    const reports: string[] = [];
    {
      using _ = setExceptionHandler(({ message }) => reports.push(message));
      for (const ms of [6, 7, 8]) await broadcast.publish(new Date(ms));
      assert.deepEqual(await take(subscription, 2), [new Date(6), new Date(8)]);
    }
    assert.equal(reports.length, 1);
    assert.match(reports[0] ?? '', /^Cannot decode an item of broadcast "/);
  });

  test(`${mode}: disconnect ends a subscription that is too slow, with an error after its items`, async () => {
    await using broadcast = processes<number>({ replay, capacity: 2, slow: 'disconnect' })();
    using subscription = broadcast.subscribe();
    await subscription.ready();
    for (const i of [0, 1, 2]) await broadcast.publish(i);
    using after = broadcast.subscribe();
    await broadcast.publish(3);
    await after.receive();
    while (broadcast.subscribers > 1) await sleep(1); // a live one has some turns to make room
    assert.deepEqual(await take(subscription, 2), [0, 1]);
    await assert.rejects(subscription[Symbol.asyncIterator]().next(), { name: 'QueueShutDown', message: /too slow/ });
  });

  test(`${mode}: dropOldest drops the oldest items of a slow subscription, and counts them`, async () => {
    await using broadcast = processes<number>({ replay, capacity: 2, slow: 'dropOldest' })();
    using subscription = broadcast.subscribe();
    await subscription.ready();
    for (const i of numbers(0, 5)) await broadcast.publish(i);
    while (subscription.dropped < 3) await sleep(1);
    assert.deepEqual(await take(subscription, 2), [3, 4]);
  });
}

test('live: nobody is replayed to', async () => {
  await using broadcast = processes<number>()();
  await broadcast.publish(1);
  using subscription = broadcast.subscribe();
  await broadcast.publish(2);
  assert.equal(await subscription.receive(), 2);
  assert.equal(subscription.position, undefined);
  assert.throws(() => broadcast.subscribe({ after: '0' }), /after needs replay/);
  await assert.rejects(broadcast.publish(3, { once: { sender: 'ada', number: 1 } }), /once needs replay/);
});

test("live: slow: 'wait' is refused, with both spellings", () => {
  assert.throws(() => processes({ slow: 'wait' })(), /slow: 'wait' needs replay[\s\S]*replay: true/);
});

test('live: a message of somebody else on the channel is reported and left out', async () => {
  await using broadcast = processes<number>()();
  using subscription = broadcast.subscribe();
  await subscription.ready();
  const reports: string[] = [];
  {
    using _ = setExceptionHandler(({ message }) => reports.push(message));
    const other = new Redis(redis.url);
    for (const text of ['hello', 'a b c\n', 'a 1 2\nabc', '']) await other.publish(`maitre:{${broadcast.topic}}`, text);
    other.disconnect();
    await broadcast.publish(1);
    assert.equal(await subscription.receive(), 1);
  }
  assert.equal(reports.length, 4);
});

test('replay: a subscription begins after the item that it names, and goes on with what is new', async () => {
  const join = processes<number>({ replay: true, capacity: 8 });
  await using one = join();
  await using two = join();
  using first = one.subscribe();
  for (const i of numbers(0, 5)) await one.publish(i);
  assert.deepEqual(await take(first, 3), [0, 1, 2]);
  const { position } = first;
  assert.match(position ?? '', /^\d+-3$/);
  using second = two.subscribe({ after: position });
  for (const i of numbers(5, 40)) await one.publish(i);
  assert.deepEqual(await take(second, 37), numbers(3, 40));
  using all = two.subscribe({ after: '0' });
  assert.deepEqual(await take(all, 40), numbers(0, 40));
});

test('replay: position is where a subscription began, until it has received an item', async () => {
  await using broadcast = processes<number>({ replay: true })();
  using empty = broadcast.subscribe();
  await empty.ready();
  assert.equal(empty.position, '0');
  await broadcast.publish(1);
  using later = broadcast.subscribe();
  await later.ready();
  assert.match(later.position ?? '', /-1$/);
  await empty.receive();
  assert.equal(empty.position, later.position);
});

test('replay, wait: a slow subscription holds no more than its capacity, holds up nobody, and loses nothing', async () => {
  const join = processes<number>({ replay: true, capacity: 4 });
  await using broadcast = join();
  using slow = broadcast.subscribe();
  using fast = broadcast.subscribe();
  await Promise.all([slow.ready(), fast.ready()]);
  const published = Promise.all(numbers(0, 500).map((i) => broadcast.publish(i)));
  assert.deepEqual(await take(fast, 500), numbers(0, 500));
  await published;
  assert.equal(slow.statistics().size, 4);
  assert.equal(broadcast.statistics().behind, 1);
  assert.deepEqual(await take(slow, 500), numbers(0, 500));
});

test('replay: who has missed more than Redis keeps is told so, and never receives a later item', async () => {
  const join = processes<number>({ replay: { max: 100 }, capacity: 4 });
  await using broadcast = join();
  using slow = broadcast.subscribe();
  await slow.ready();
  await broadcast.publish(0);
  await slow.receive();
  const { position } = slow;
  for (const i of numbers(1, 6)) await broadcast.publish(i);
  while (broadcast.statistics().behind === 0) await sleep(1);
  await Promise.all(numbers(6, 1000).map((i) => broadcast.publish(i)));
  assert.deepEqual(await take(slow, 4), [1, 2, 3, 4]);
  await assert.rejects(slow.receive(), (error) => error instanceof MissedItemsError && error.after.endsWith('-5'));
  await assert.rejects(slow[Symbol.asyncIterator]().next(), MissedItemsError);
  using again = broadcast.subscribe({ after: position });
  await assert.rejects(again.ready(), MissedItemsError);
  await assert.rejects(again.receive(), MissedItemsError);
  using kept = broadcast.subscribe({ after: '0' });
  const first = await kept.receive();
  assert.ok(first > 4 && first <= 900, `keeps at least 100, got ${first}`);
});

test('replay: a stream that Redis has lost is told, also when a new one has begun', async () => {
  const join = processes<number>({ replay: true });
  await using broadcast = join();
  using subscription = broadcast.subscribe();
  await broadcast.publish(1);
  await subscription.receive();
  const { position } = subscription;
  await redis.ask(`DEL maitre:{${broadcast.topic}}`);
  await assert.rejects(
    timeout(30_000, () => subscription.receive()),
    MissedItemsError,
  );
  await broadcast.publish(2);
  using again = broadcast.subscribe({ after: position });
  await assert.rejects(again.receive(), MissedItemsError);
});

test('replay: once publishes an item a single time, from whichever process, in the order of its sender', async () => {
  const join = processes<string>({ replay: true });
  await using one = join();
  await using two = join();
  using subscription = two.subscribe();
  await subscription.ready();
  await one.publish('a1', { once: { sender: 'a', number: 1 } });
  await Promise.all([
    two.publish('a1 again', { once: { sender: 'a', number: 1 } }),
    two.publish('a2', { once: { sender: 'a', number: 2 } }),
    two.publish('b1', { once: { sender: 'b', number: 1 } }),
    two.publish('a2 again', { once: { sender: 'a', number: 2 } }),
    two.publish('plain'),
  ]);
  assert.deepEqual(await take(subscription, 4), ['a1', 'a2', 'b1', 'plain']);
  for (const once of [
    { sender: '', number: 1 },
    { sender: 'a', number: 0 },
    { sender: 'a', number: 1.5 },
  ])
    await assert.rejects(one.publish('x', { once }), /once must be/);
});

test('replay: what is no id is refused', async () => {
  await using broadcast = processes<number>({ replay: true })();
  for (const after of ['', '-', '1', '$', '1-1-1', 'a-b'])
    assert.throws(() => broadcast.subscribe({ after }), /after must be the position of a subscription/);
});

plainTest('without Redis: publish and subscribe say in one line what is missing', async () => {
  for (const replay of [false, true]) {
    await using broadcast = new RedisBroadcast<number>('news', { redis: 'redis://127.0.0.1:1', replay });
    using subscription = broadcast.subscribe();
    const expected = {
      name: 'ConnectionLostError',
      message: /no Redis answers at 127\.0\.0\.1:1 .*start redis-server/,
    };
    await assert.rejects(subscription.receive(), expected);
    await assert.rejects(broadcast.publish(1), expected);
  }
});

plainTest('options are checked, and unknown ones are named', () => {
  const make = (options: object) => () => new RedisBroadcast('news', options);
  assert.throws(make({ replay: { max: 0 } }), /Cannot create broadcast: replay\.max must be an integer >= 1, got 0/);
  assert.throws(make({ replay: { maximum: 1 } }), /unknown option "replay\.maximum"/);
  assert.throws(make({ replays: true }), /unknown option "replays"/);
  assert.throws(make({ redis: 'localhost' }), /redis must be a URL such as/);
  assert.throws(() => new RedisBroadcast('a{b}'), /topic must be text without/);
});
