import assert from 'node:assert/strict';
import { FifoStore, LifoStore, PriorityStore } from '#src/queues/stores.js';
import type { Store } from '#src/queues/exchange.js';
import { test } from '../support/test.js';

const stores: readonly [Store<number>, readonly number[]][] = [
  [new FifoStore(), [3, 1, 2]],
  [new LifoStore(), [2, 1, 3]],
  [new PriorityStore((a, b) => a - b), [1, 2, 3]],
];

for (const [store, order] of stores) {
  test(`${store.constructor.name} gives the items in its order, counts them, and forgets them`, () => {
    for (const item of [3, 1, 2]) store.push(item);
    assert.equal(store.length, 3);
    assert.deepEqual([store.shift(), store.shift(), store.shift()], order);
    assert.equal(store.length, 0);
    store.push(1);
    store.clear();
    assert.equal(store.length, 0);
    store.push(5);
    assert.equal(store.shift(), 5);
  });
}
