import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  broadcast,
  Broadcast,
  CancelledError,
  createTask,
  merge,
  QueueShutDown,
  sleep,
  type Subscription,
} from 'maitre';
import { allTasksBlocked, exploreCancellation, runWithFakeClock } from 'maitre/testing';
import { fakeTest, test } from '../support/test.js';

/** Starts a subscriber that takes an item every `ms` milliseconds. */
function reader<T>(subscription: Subscription<T>, items: T[], ms = 0): void {
  createTask(async () => {
    using own = subscription;
    for await (const item of own) {
      items.push(item);
      await sleep(ms);
    }
  });
}

fakeTest('every subscriber gets every item that is published after it subscribed, in order', async () => {
  const news = new Broadcast<number>();
  const early: number[] = [];
  const late: number[] = [];
  reader(news.subscribe(), early);
  await news.publish(1);
  reader(news.subscribe(), late);
  await news.publish(2);
  await news.publish(3);
  assert.equal(news.subscribers, 2);
  news.close();
  await allTasksBlocked();
  assert.deepEqual(
    [early, late],
    [
      [1, 2, 3],
      [2, 3],
    ],
  );
});

fakeTest('publishing to nobody is fine and is kept for nobody', async () => {
  const news = broadcast<number>();
  await news.publish(1);
  using subscription = news.subscribe();
  news.close();
  await assert.rejects(subscription.receive(), { name: 'QueueShutDown', message: 'The broadcast has ended' });
});

fakeTest('wait, the default: publish waits for the slowest subscriber, and nobody loses anything', async (clock) => {
  const news = new Broadcast<number>({ capacity: 2 });
  const fast: number[] = [];
  const slow: number[] = [];
  reader(news.subscribe(), fast);
  reader(news.subscribe(), slow, 10);
  for (let i = 0; i < 6; i++) await news.publish(i);
  assert.ok(clock.now() >= 30, `published all by ${clock.now()}`);
  news.close();
  await sleep(100);
  assert.deepEqual(
    [fast, slow],
    [
      [0, 1, 2, 3, 4, 5],
      [0, 1, 2, 3, 4, 5],
    ],
  );
});

fakeTest('wait: all subscribers get the items of several publishers in one order', async () => {
  const news = new Broadcast<string>({ capacity: 1 });
  const lists: string[][] = [[], [], []];
  for (const [index, items] of lists.entries()) reader(news.subscribe(), items, 3 + 4 * index);
  const publishers = ['p', 'q', 'r'].map((name) =>
    createTask(async () => {
      for (let i = 0; i < 4; i++) await news.publish(`${name}${i}`);
    }),
  );
  for (const publisher of publishers) await publisher;
  await sleep(1000);
  news.close();
  await allTasksBlocked();
  assert.equal(lists[0]?.length, 12);
  assert.deepEqual(lists[1], lists[0]);
  assert.deepEqual(lists[2], lists[0]);
});

fakeTest('dropOldest: a slow subscriber loses its oldest items and counts them', async () => {
  const news = new Broadcast<number>({ capacity: 3, slow: 'dropOldest' });
  const subscription = news.subscribe();
  for (let i = 0; i < 8; i++) await news.publish(i);
  assert.equal(subscription.dropped, 5);
  const items: number[] = [];
  reader(subscription, items);
  news.close();
  await allTasksBlocked();
  assert.deepEqual(items, [5, 6, 7]);
});

fakeTest('dropOldest: one that was promised an item and has not taken it gets the latest', async () => {
  const news = new Broadcast<number>({ capacity: 1, slow: 'dropOldest' });
  using subscription = news.subscribe();
  const task = createTask(() => subscription.receive());
  await allTasksBlocked();
  for (let i = 1; i <= 3; i++) void news.publish(i);
  assert.equal(await task, 3);
  assert.equal(subscription.dropped, 2);
});

fakeTest('disconnect: a slow subscriber gets what it has, then an error; the others go on', async () => {
  const news = new Broadcast<number>({ capacity: 2, slow: 'disconnect' });
  const slow = news.subscribe();
  const items: number[] = [];
  reader(news.subscribe(), items);
  for (let i = 0; i < 4; i++) {
    await news.publish(i);
    await allTasksBlocked();
  }
  assert.equal(news.subscribers, 1);
  const got: number[] = [];
  const message = 'The subscription was ended: it was too slow for the broadcast';
  await assert.rejects(
    async () => {
      for await (const item of slow) got.push(item);
    },
    { name: 'QueueShutDown', message },
  );
  assert.deepEqual(got, [0, 1]);
  await assert.rejects(slow.receive(), { message });
  news.close();
  await allTasksBlocked();
  assert.deepEqual(items, [0, 1, 2, 3]);
});

fakeTest('a subscriber that leaves is not waited for, also when publish waits for it already', async () => {
  const news = new Broadcast<number>({ capacity: 1 });
  const subscription = news.subscribe();
  await news.publish(1);
  const publishing = createTask(() => news.publish(2));
  await allTasksBlocked();
  assert.equal(publishing.done(), false);
  subscription.close();
  subscription.close();
  await publishing;
  assert.equal(news.subscribers, 0);
  await assert.rejects(subscription.receive(), { name: 'QueueShutDown', message: 'The subscription is closed' });
});

fakeTest('leaving ends a waiting receive', async () => {
  const news = new Broadcast<number>();
  const subscription = news.subscribe();
  const task = createTask(() => subscription.receive());
  await allTasksBlocked();
  subscription[Symbol.dispose]();
  await assert.rejects(task.then(), QueueShutDown);
});

fakeTest('after close nothing is published and nobody subscribes; what is inside can be received', async () => {
  const news = new Broadcast<number>();
  using subscription = news.subscribe();
  await news.publish(1);
  news.close();
  news[Symbol.dispose]();
  await assert.rejects(news.publish(2), {
    name: 'QueueShutDown',
    message: 'Cannot publish: the broadcast has ended',
  });
  assert.throws(() => news.subscribe(), {
    name: 'QueueShutDown',
    message: 'Cannot subscribe: the broadcast has ended',
  });
  assert.equal(await subscription.receive(), 1);
  await assert.rejects(subscription.receive(), QueueShutDown);
});

fakeTest('a publish that still waits when the broadcast is closed is refused', async () => {
  const news = new Broadcast<number>({ capacity: 1 });
  using _ = news.subscribe();
  await news.publish(1);
  const task = createTask(() => news.publish(2));
  await allTasksBlocked();
  news.close();
  await assert.rejects(task.then(), { name: 'QueueShutDown', message: 'The broadcast has ended' });
});

fakeTest('a cancelled publish: those that had room have the item, the full ones do not get it', async () => {
  const news = new Broadcast<number>({ capacity: 1 });
  using full = news.subscribe();
  await news.publish(1);
  using roomy = news.subscribe();
  const task = createTask(() => news.publish(2));
  await allTasksBlocked();
  task.cancel();
  await assert.rejects(task.then(), CancelledError);
  assert.equal(await roomy.receive(), 2);
  assert.equal(await full.receive(), 1);
  await news.publish(3);
  assert.equal(await full.receive(), 3);
});

fakeTest('a cancel is not swallowed when the subscriber leaves in the same moment', async () => {
  const news = new Broadcast<number>({ capacity: 1 });
  const subscription = news.subscribe();
  await news.publish(1);
  const task = createTask(() => news.publish(2));
  await allTasksBlocked();
  subscription.close();
  task.cancel();
  await assert.rejects(task.then(), CancelledError);
});

fakeTest('publish and receive are cancellation points also when they need not wait', async () => {
  const news = new Broadcast<number>();
  using subscription = news.subscribe();
  const options = { signal: AbortSignal.abort() };
  await assert.rejects(news.publish(1, options), CancelledError);
  await news.publish(2);
  await assert.rejects(subscription.receive(options), CancelledError);
  assert.equal(await subscription.receive(), 2);
});

fakeTest('a subscription goes on after a cancelled iteration step, so it can be a source of merge', async () => {
  const news = new Broadcast<number>();
  using subscription = news.subscribe();
  const merged = merge(subscription);
  const task = createTask(() => merged.next());
  await allTasksBlocked();
  task.cancel();
  await assert.rejects(task.then(), CancelledError);
  await news.publish(1);
  assert.equal((await merged.next()).value, 1);
  await merged.return?.();
});

fakeTest('options are checked', () => {
  for (const capacity of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => new Broadcast({ capacity }), {
      name: 'RangeError',
      message: `Cannot create broadcast: capacity must be an integer >= 1, got ${capacity}`,
    });
  }
  for (const options of [{ capacity: '1' }, { slow: 1 }, { size: 1 }, null] as object[]) {
    assert.throws(() => new Broadcast(options), TypeError);
  }
  assert.throws(() => new Broadcast({ slow: 'explode' as never }), {
    name: 'RangeError',
    message: 'Cannot create broadcast: slow must be wait, dropOldest or disconnect, got "explode"',
  });
  assert.throws(() => new Broadcast({ onSlow: 'wait' } as never), {
    name: 'TypeError',
    message: 'Cannot create broadcast: unknown option "onSlow", did you mean slow?',
  });
});

test('Broadcast passes exploreCancellation', async () => {
  const points = await exploreCancellation(
    async (x) => {
      const news = new Broadcast<number>({ capacity: 1 });
      const lists: number[][] = [[], []];
      const subscriptions = lists.map(() => news.subscribe());
      for (const [index, items] of lists.entries()) {
        x.task(`reader ${index}`, async () => {
          using own = subscriptions[index] as Subscription<number>; // one for each list
          for await (const item of own) {
            items.push(item);
            await sleep(1 + index);
          }
        });
      }
      const publisher = x.task('publisher', async () => {
        for (let i = 0; i < 3; i++) await news.publish(i);
      });
      // A reader that never ran has not disposed its subscription.
      x.clock.now();
      await sleep(50);
      news.close();
      await x.settled();
      for (const items of lists) assert.deepEqual(items, [0, 1, 2].slice(0, items.length));
      assert.ok(publisher.done());
      assert.equal(news.subscribers, 0);
    },
    { seeds: [1, 2] },
  ).catch((error: unknown) => error);
  // Cancelled before its first step, a reader leaves its subscription open: the publisher waits for it, and says so.
  assert.match(String(points), /reader 0:start|^\d+$/);
});

test('Broadcast does what a model does, for every policy', async () => {
  const step = fc.oneof(fc.constant('publish' as const), fc.constant('receive' as const));
  const policies = fc.constantFrom('dropOldest' as const, 'disconnect' as const);
  const property = fc.asyncProperty(policies, fc.integer({ min: 1, max: 3 }), fc.array(step), (slow, capacity, steps) =>
    runWithFakeClock(async () => {
      const news = new Broadcast<number>({ capacity, slow });
      using subscription = news.subscribe();
      const model: number[] = [];
      let dropped = 0;
      let ended = false;
      for (const [index, each] of steps.entries()) {
        if (each === 'publish') {
          await news.publish(index);
          if (ended) continue;
          if (model.length < capacity) model.push(index);
          else if (slow === 'dropOldest') {
            model.shift();
            model.push(index);
            dropped++;
          } else ended = true;
        } else if (model.length > 0) assert.equal(await subscription.receive(), model.shift());
        else if (ended) await assert.rejects(subscription.receive(), QueueShutDown);
      }
      assert.equal(subscription.dropped, dropped);
      assert.equal(news.subscribers, ended ? 0 : 1);
    }),
  );
  await fc.assert(property, { numRuns: 80 });
});
