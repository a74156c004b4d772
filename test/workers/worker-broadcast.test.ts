// WorkerBroadcast over a hub: several workers in one program, whose messages take a turn of the loop, or arrive when the
// test says so.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { type Broadcast, CancelledError, createTask, QueueShutDown, sleep, type Subscription } from 'maitre';
import { allTasksBlocked, exploreCancellation } from 'maitre/testing';

import { BroadcastHub, type FromHub, type HubPeer, type ToHub } from '#src/workers/broadcast-hub.js';
import { type HubLink, WorkerBroadcast, type WorkerBroadcastOptions } from '#src/workers/worker-broadcast.js';
import { fakeTest, test } from '../support/test.js';

/** A worker with its channel. Messages arrive in order, one microtask later, unless the channel stands still. */
class FakeWorker implements HubPeer, HubLink {
  readonly #hub: BroadcastHub;
  readonly #listeners = new Set<(message: FromHub) => void>();
  #held: (() => void)[] | undefined;
  gone = false;

  constructor(hub: BroadcastHub) {
    this.#hub = hub;
  }

  /** What comes is held back from now on: its loop stands still. */
  block(): void {
    this.#held ??= [];
  }

  unblock(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const each of held) each();
  }

  die(): void {
    this.gone = true;
    this.#hub.gone(this);
  }

  send(message: ToHub): void {
    void Promise.resolve().then(() => void (this.gone || this.#hub.receive(this, message)));
  }

  post(message: FromHub): void {
    const arrive = (): void => this.#listeners.forEach((each) => each(message));
    void Promise.resolve().then(() => void (this.#held === undefined ? arrive() : this.#held.push(arrive)));
  }

  listen(fn: (message: FromHub) => void): Disposable {
    this.#listeners.add(fn);
    return { [Symbol.dispose]: () => void this.#listeners.delete(fn) };
  }

  broadcast<T>(options: Partial<WorkerBroadcastOptions> = {}): WorkerBroadcast<T> {
    const Linked = WorkerBroadcast as unknown as new (...of: unknown[]) => WorkerBroadcast<T>; // its link is internal
    return new Linked({ name: 'news', ...options }, this);
  }
}

function workers(count: number): { hub: BroadcastHub; all: FakeWorker[] } {
  const hub = new BroadcastHub();
  return { hub, all: Array.from({ length: count }, () => new FakeWorker(hub)) };
}

function collect<T>(broadcast: Broadcast<T>): { items: T[]; subscription: Subscription<T>; error: () => unknown } {
  const items: T[] = [];
  let error: unknown;
  const subscription = broadcast.subscribe();
  createTask(async () => {
    try {
      for await (const item of subscription) items.push(item);
    } catch (thrown) {
      error = thrown;
    }
  });
  return { items, subscription, error: () => error };
}

fakeTest('what one publishes, the subscribers of all workers receive, in order, and its own too', async () => {
  const { all } = workers(3);
  const news = all.map((worker) => worker.broadcast<number>());
  const heard = news.map(collect);
  for (let i = 0; i < 100; i++) await news[i % 3]?.publish(i);
  await allTasksBlocked();
  const expected = Array.from({ length: 100 }, (_, i) => i);
  for (const { items } of heard) assert.deepEqual(items, expected);
  assert.deepEqual(news[0]?.statistics(), { subscribers: 1, capacity: 64, waiting: 0, received: 66, lost: 0 });
  for (const each of news) each.close();
});

fakeTest('other names, and workers without subscribers, are left alone', async () => {
  const { hub, all } = workers(2);
  const [here, there] = all.map((worker) => worker.broadcast<string>());
  const other = all[1]?.broadcast<string>({ name: 'weather' }) as WorkerBroadcast<string>;
  const heard = collect(other);
  await here?.publish('hello');
  await allTasksBlocked();
  assert.deepEqual(heard.items, []);
  assert.equal(there?.statistics().received, 1);
  for (const each of [here, there, other]) each?.close();
  await allTasksBlocked();
  assert.deepEqual(hub.statistics(), { participants: 0, waiting: 0, lost: 0 });
});

fakeTest('every subscriber gets a copy, as structuredClone makes it, in its own worker too', async () => {
  const { all } = workers(2);
  const [here, there] = all.map((worker) => worker.broadcast<unknown>());
  const heard = [here, there].map((each) => collect(each as WorkerBroadcast<unknown>));
  const item = { at: new Date(0), seen: new Set([1]), bytes: Uint8Array.of(1, 2) };
  await here?.publish(item);
  await allTasksBlocked();
  for (const { items } of heard) {
    assert.deepEqual(items, [item]);
    assert.notEqual(items[0], item);
  }
  await assert.rejects(async () => here?.publish({ fn: () => 1 }), {
    name: 'TypeError',
    message: /^Cannot publish: the item cannot be sent to other workers: /,
  });
  for (const each of [here, there]) each?.close();
});

fakeTest('wait: publish waits for the slowest subscriber of all workers', async () => {
  const { all } = workers(2);
  const [here, there] = all.map((worker) => worker.broadcast<number>({ capacity: 2 }));
  const subscription = there?.subscribe();
  let sent = 0;
  const publisher = createTask(async () => {
    for (let i = 1; i <= 5; i++) {
      await here?.publish(i);
      sent = i;
    }
  });
  await allTasksBlocked();
  assert.equal(sent, 2);
  assert.equal(here?.statistics().waiting, 1);
  for (let i = 1; i <= 5; i++) assert.equal(await subscription?.receive(), i);
  await publisher;
  for (const each of [here, there]) each?.close();
});

fakeTest(
  'wait: a worker that dies, a subscriber that leaves, and a broadcast that is closed let publish go on',
  async () => {
    for (const end of ['die', 'leave', 'close'] as const) {
      const { all } = workers(2);
      const [here, there] = all.map((worker) => worker.broadcast<number>({ capacity: 1 }));
      const subscription = there?.subscribe();
      await here?.publish(1);
      const publisher = createTask(() => here?.publish(2));
      await allTasksBlocked();
      assert.equal(publisher.done(), false);
      if (end === 'die') all[1]?.die();
      if (end === 'leave') subscription?.close();
      if (end === 'close') there?.close();
      await publisher;
      for (const each of [here, there]) each?.close();
    }
  },
);

fakeTest('wait: close of the own side rejects a publish that waits, and later ones', async () => {
  const { all } = workers(2);
  const [here, there] = all.map((worker) => worker.broadcast<number>({ capacity: 1 }));
  void there?.subscribe();
  const own = here?.subscribe();
  await here?.publish(1);
  const both = createTask(() => here?.publish(2));
  await allTasksBlocked();
  await own?.receive();
  const remote = createTask(() => here?.publish(3));
  await allTasksBlocked();
  here?.close();
  for (const each of [both, remote]) await assert.rejects(async () => each, QueueShutDown);
  await assert.rejects(async () => here?.publish(4), QueueShutDown);
  there?.close();
});

for (const slow of ['dropOldest', 'disconnect'] as const) {
  fakeTest(
    `${slow}: publish never waits for a worker that stands still, and what waits for it is bounded`,
    async () => {
      const { hub, all } = workers(2);
      const [here, there] = all.map((worker) => worker.broadcast<number>({ capacity: 4, slow }));
      const heard = collect(there as WorkerBroadcast<number>);
      await allTasksBlocked();
      all[1]?.block();
      for (let i = 0; i < 100; i++) {
        await here?.publish(i);
        await Promise.resolve();
        await Promise.resolve();
        assert.ok(hub.statistics().waiting <= 8, 'as many on the way and as many waiting');
      }
      await allTasksBlocked();
      all[1]?.unblock();
      await sleep(1);
      await allTasksBlocked();
      if (slow === 'dropOldest') {
        assert.equal(hub.statistics().lost, 92, 'all but four on the way and four that waited');
        assert.equal(heard.items.at(-1), 99);
        assert.deepEqual(
          heard.items,
          [...heard.items].sort((a, b) => a - b),
        );
        assert.equal(heard.error(), undefined);
      } else {
        assert.deepEqual(heard.items, [0, 1, 2, 3]);
        assert.match(String(heard.error()), /too slow/);
        assert.equal(there?.subscribers, 0);
      }
      for (const each of [here, there]) each?.close();
      await allTasksBlocked();
    },
  );
}

fakeTest('a cancelled publish rejects, and leaves nothing', async () => {
  const { all } = workers(2);
  const [here, there] = all.map((worker) => worker.broadcast<number>({ capacity: 1 }));
  const subscription = there?.subscribe();
  await here?.publish(1);
  const publisher = createTask(() => here?.publish(2));
  await allTasksBlocked();
  publisher.cancel();
  await assert.rejects(async () => publisher, CancelledError);
  assert.equal(await subscription?.receive(), 1);
  assert.equal(await subscription?.receive(), 2, 'it was on its way');
  await allTasksBlocked();
  assert.equal(here?.statistics().waiting, 0);
  for (const each of [here, there]) each?.close();
});

test('publish can be cancelled at every step, and the others still receive in order', async () => {
  await exploreCancellation(async () => {
    const { all } = workers(2);
    const [here, there] = all.map((worker) => worker.broadcast<number>({ capacity: 1 }));
    const items: number[] = [];
    const reader = createTask(async () => {
      for await (const item of there?.subscribe() ?? []) items.push(item);
    });
    try {
      for (let i = 0; i < 4; i++) await here?.publish(i);
    } finally {
      assert.deepEqual(items, [...items].sort(), 'in order');
      for (const each of [here, there]) each?.close();
      reader.cancel();
    }
  });
});

test('two of one name in a program without workers hear each other', async () => {
  const [one, two] = [new WorkerBroadcast<string>({ name: 'own' }), new WorkerBroadcast<string>({ name: 'own' })];
  using first = one.subscribe();
  using second = two.subscribe();
  await one.publish('hello');
  await two.publish('back');
  assert.deepEqual([await first.receive(), await first.receive()], ['hello', 'back']);
  assert.deepEqual([await second.receive(), await second.receive()], ['hello', 'back']);
  one.close();
  await two.publish('alone');
  two.close();
  two.close();
});

test('it needs a name, and knows its options', () => {
  const make = (options: unknown): unknown => new WorkerBroadcast(options as WorkerBroadcastOptions);
  for (const options of [{}, { name: '' }]) {
    assert.throws(() => make(options), { name: 'TypeError', message: /workers find each other by the name/ });
  }
  assert.throws(() => make({ name: 'a', capacity: 0 }), RangeError);
  assert.throws(() => make({ name: 'a', what: 1 }), TypeError);
});

fakeTest(
  'whatever is published, dies and stands still, each subscriber gets the items of a worker in order, once',
  async () => {
    const step = fc.record({
      what: fc.constantFrom('publish', 'publish', 'publish', 'publish', 'block', 'unblock', 'turn', 'die' as const),
      worker: fc.nat(2),
    });
    const policies = fc.constantFrom('wait', 'dropOldest', 'disconnect' as const);
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 3 }),
        policies,
        async (steps, capacity, slow) => {
          const { all } = workers(3);
          const news = all.map((worker) => worker.broadcast<[from: number, number: number]>({ capacity, slow }));
          const heard = news.map(collect);
          await allTasksBlocked();
          const numbers = [0, 0, 0];
          for (const { what, worker } of steps) {
            if (what === 'publish') createTask(() => news[worker]?.publish([worker, numbers[worker]!++])).markHandled();
            else if (what === 'turn') await allTasksBlocked();
            else if (what === 'die' && worker !== 0) all[worker]?.die();
            else if (what === 'block') all[worker]?.block();
            else if (what === 'unblock') all[worker]?.unblock();
          }
          for (const each of all) each.unblock();
          await allTasksBlocked();
          for (const [worker, { items }] of heard.entries()) {
            for (const from of [0, 1, 2]) {
              const got = items.filter(([by]) => by === from).map(([, number]) => number);
              assert.deepEqual(
                got,
                [...new Set(got)].sort((a, b) => a - b),
                `${worker} hears ${from} in order`,
              );
              const isLossless = slow === 'wait' && !all[worker]?.gone && !all[from]?.gone;
              if (isLossless) assert.equal(got.length, numbers[from], `${worker} hears all of ${from}`);
            }
          }
          for (const each of news) each.close();
          await allTasksBlocked();
        },
      ),
      { numRuns: 60 },
    );
  },
);
