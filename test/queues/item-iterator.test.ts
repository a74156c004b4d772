import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { Broadcast, channel, createTask, Future, Queue, QueueShutDown, sleep } from 'maitre';
import { allTasksBlocked } from 'maitre/testing';
import { ItemIterator } from '#src/queues/item-iterator.js';
import { fakeTest } from '../support/test.js';

function counting(to: number): () => Promise<number> {
  let next = 0;
  return () => (next < to ? Promise.resolve(next++) : Promise.reject(new QueueShutDown('over')));
}

fakeTest('it gives what get gives and ends when that throws QueueShutDown', async () => {
  const items: number[] = [];
  for await (const item of new ItemIterator(counting(3))) items.push(item);
  assert.deepEqual(items, [0, 1, 2]);
});

fakeTest('after the end and after return it asks no more', async () => {
  let asked = 0;
  const get = counting(1);
  const iterator = new ItemIterator(() => (asked++, get()));
  await iterator.next();
  await iterator.next();
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  assert.equal(asked, 2);
  const left = new ItemIterator(() => (asked++, get()));
  assert.deepEqual(await left.return(), { done: true, value: undefined });
  assert.equal((await left.next()).done, true);
  assert.equal(asked, 2);
});

fakeTest(
  'other errors come through, and so does a QueueShutDown that is no good end; it can be asked again',
  async () => {
    const failing = new ItemIterator(() => Promise.reject(new Error('burnt')));
    await assert.rejects(failing.next(), { message: 'burnt' });
    await assert.rejects(failing.next(), { message: 'burnt' });
    const bad = new ItemIterator(counting(0), () => false);
    await assert.rejects(bad.next(), QueueShutDown);
  },
);

fakeTest('it is its own iterator', () => {
  const iterator = new ItemIterator(counting(0));
  assert.equal(iterator[Symbol.asyncIterator](), iterator);
});

/** What an iteration takes from, how one item comes, and whether it can still be had by others. */
const sources: Record<
  string,
  () => { source: AsyncIterable<number>; give: (item: number) => void; take: () => Promise<number> }
> = {
  'a queue': () => {
    const queue = new Queue<number>();
    return { source: queue, give: (item) => queue.putNowait(item), take: () => queue.get() };
  },
  'a channel': () => {
    const [sender, receiver] = channel<number>(1);
    return { source: receiver, give: (item) => sender.sendNowait(item), take: () => receiver.receive() };
  },
  'a channel of capacity 0': () => {
    const [sender, receiver] = channel<number>();
    const give = (item: number): void => void createTask(() => sender.send(item));
    return { source: receiver, give, take: () => receiver.receive() };
  },
  'a subscription': () => {
    const news = new Broadcast<number>();
    const source = news.subscribe();
    return { source, give: (item) => void createTask(() => news.publish(item)), take: () => source.receive() };
  },
};

for (const [name, make] of Object.entries(sources)) {
  fakeTest(`an iteration over ${name} that is ended while next() waits takes nothing with it`, async () => {
    const { source, give, take } = make();
    const iterator = source[Symbol.asyncIterator]();
    const [first, second] = [iterator.next(), iterator.next()];
    await allTasksBlocked();
    assert.deepEqual(await iterator.return?.(), { done: true, value: undefined });
    give(1);
    assert.equal(await take(), 1);
    for (const next of [first, second]) assert.deepEqual(await next, { done: true, value: undefined });
  });

  fakeTest(`an iteration over ${name} that is ended in the turn in which its item came leaves the item`, async () => {
    const { source, give, take } = make();
    const iterator = source[Symbol.asyncIterator]();
    const next = iterator.next();
    await allTasksBlocked();
    give(1);
    void iterator.return?.();
    assert.deepEqual(await next, { done: true, value: undefined });
    assert.equal(await take(), 1);
  });
}

fakeTest('Readable.from over a queue, destroyed while it waits, leaves the next item to others', async () => {
  const queue = new Queue<string>();
  const readable = Readable.from(queue);
  const closed = new Future<void>();
  readable.on('close', () => closed.setResult());
  readable.resume();
  await sleep(1);
  readable.destroy();
  await closed;
  queue.putNowait('soup');
  await sleep(1);
  assert.equal(queue.getNowait(), 'soup');
});

fakeTest('a next() whose task is cancelled rejects, also when the iteration is ended at the same time', async () => {
  const queue = new Queue<number>();
  const iterator = queue[Symbol.asyncIterator]();
  const task = createTask(() => iterator.next());
  await allTasksBlocked();
  task.cancel();
  void iterator.return?.();
  await assert.rejects(async () => task, { name: 'CancelledError' });
});

fakeTest('a task whose next() was ended goes on, and can be cancelled as ever', async () => {
  const queue = new Queue<number>();
  const iterator = queue[Symbol.asyncIterator]();
  const seen: unknown[] = [];
  const task = createTask(async () => {
    seen.push(await iterator.next());
    seen.push(await queue.get());
    await sleep(1000);
  });
  await allTasksBlocked();
  void iterator.return?.();
  queue.putNowait(7);
  await sleep(1);
  assert.deepEqual(seen, [{ done: true, value: undefined }, 7]);
  assert.equal(task.cancelling(), 0);
  task.cancel();
  await assert.rejects(async () => task, { name: 'CancelledError' });
});
