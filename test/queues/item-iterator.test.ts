import assert from 'node:assert/strict';
import { QueueShutDown } from 'maitre';
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
