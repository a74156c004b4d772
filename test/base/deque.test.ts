import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Deque } from '#src/base/index.js';
import { test } from '../support/test.js';

type Operation = ['pushBack' | 'pushFront', number] | ['popFront' | 'popBack' | 'clear', 0];

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('pushBack' as const, 'pushFront' as const), fc.integer()) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('popFront' as const, 'popBack' as const), fc.constant<0>(0)) },
  { weight: 1, arbitrary: fc.constant<Operation>(['clear', 0]) },
);

function apply(deque: Deque<number>, model: number[], [name, item]: Operation): void {
  switch (name) {
    case 'pushBack':
      deque.pushBack(item);
      model.push(item);
      break;
    case 'pushFront':
      deque.pushFront(item);
      model.unshift(item);
      break;
    case 'popFront':
      assert.equal(deque.popFront(), model.shift());
      break;
    case 'popBack':
      assert.equal(deque.popBack(), model.pop());
      break;
    default:
      deque.clear();
      model.length = 0;
  }
}

test('a deque does what an array does, whatever the operations', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
      const deque = new Deque<number>();
      const model: number[] = [];
      for (const step of operations) {
        apply(deque, model, step);
        assert.equal(deque.length, model.length);
        assert.deepEqual([...deque], model);
        for (let i = -1; i <= model.length; i++) assert.equal(deque.at(i), i < 0 ? undefined : model[i]);
      }
    }),
  );
});

test('a deque keeps its items through growing and shrinking while its head stands anywhere', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 200 }), (turned, size) => {
      const deque = new Deque<number>();
      for (let i = 0; i < turned; i++) {
        deque.pushBack(-1);
        deque.popFront();
      }
      for (let i = 0; i < size; i++) deque.pushBack(i);
      for (let i = 0; i < size; i++) assert.equal(deque.popFront(), i);
      assert.equal(deque.length, 0);
    }),
  );
});

test('a deque holds undefined as an item', () => {
  const deque = new Deque<undefined>();
  deque.pushBack(undefined);
  assert.equal(deque.length, 1);
  assert.equal(deque.popFront(), undefined);
  assert.equal(deque.length, 0);
});

test('taking from an empty deque gives undefined and changes nothing', () => {
  const deque = new Deque<number>();
  assert.equal(deque.popFront(), undefined);
  assert.equal(deque.popBack(), undefined);
  assert.equal(deque.length, 0);
  deque.pushBack(1);
  assert.equal(deque.popBack(), 1);
});
