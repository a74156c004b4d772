import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Heap } from '#src/base/index.js';
import { test } from '../support/test.js';

test('a heap gives the smallest item first, equal ones in the order they went in, whatever the operations', () => {
  const operation = fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 9 }) },
    { weight: 2, arbitrary: fc.constant('pop' as const) },
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const heap = new Heap<{ key: number; order: number }>((a, b) => a.key - b.key);
      const model: { key: number; order: number }[] = [];
      for (const [order, each] of operations.entries()) {
        if (each === 'pop') {
          model.sort((a, b) => a.key - b.key || a.order - b.order);
          assert.equal(heap.pop(), model.shift());
        } else {
          const item = { key: each, order };
          heap.push(item);
          model.push(item);
        }
        assert.equal(heap.length, model.length);
      }
    }),
  );
});

test('an empty heap pops undefined; clear empties it, and it can be filled again', () => {
  const heap = new Heap<number>((a, b) => a - b);
  assert.equal(heap.pop(), undefined);
  heap.push(2);
  heap.push(1);
  heap.clear();
  assert.deepEqual([heap.length, heap.pop()], [0, undefined]);
  heap.push(3);
  assert.equal(heap.pop(), 3);
});
