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

test('an operation whose comparator throws leaves the heap as it was, at whichever comparison', () => {
  const operation = fc.tuple(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant('pop' as const)), fc.nat({ max: 8 }));
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 100 }), (operations) => {
      let left = Infinity;
      const heap = new Heap<{ key: number; order: number }>((a, b) => {
        if (left-- <= 0) throw new Error('comparator');
        return a.key - b.key;
      });
      const model: { key: number; order: number }[] = [];
      for (const [order, [what, comparisons]] of operations.entries()) {
        const item = { key: what as number, order };
        const run = (): unknown => (what === 'pop' ? heap.pop() : heap.push(item));
        left = comparisons;
        let result: unknown;
        try {
          result = run();
        } catch {
          assert.equal(heap.length, model.length);
          left = Infinity;
          result = run();
        }
        left = Infinity;
        if (what !== 'pop') model.push(item);
        else {
          model.sort((a, b) => a.key - b.key || a.order - b.order);
          assert.equal(result, model.shift());
        }
      }
      model.sort((a, b) => a.key - b.key || a.order - b.order);
      for (const item of model) assert.equal(heap.pop(), item);
    }),
  );
});
