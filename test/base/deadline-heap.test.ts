import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { type Deadline, DeadlineHeap } from '#src/base/index.js';
import { test } from '../support/test.js';

function entry(when: number): Deadline {
  return { when, slot: -1, order: 0, due: () => undefined };
}

/** The model: a list in order of insertion; the earliest is the first smallest. */
function earliest(model: readonly Deadline[]): Deadline | undefined {
  let first: Deadline | undefined;
  for (const one of model) if (first === undefined || one.when < first.when) first = one;
  return first;
}

test('the heap gives the earliest entry first and ties in order of insertion, whatever is taken out between', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ add: fc.integer({ min: 0, max: 20 }) }) },
    { weight: 1, arbitrary: fc.record({ take: fc.constant(true) }) },
    { weight: 2, arbitrary: fc.record({ remove: fc.nat(1000) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new DeadlineHeap();
      const model: Deadline[] = [];
      for (const one of steps) {
        if ('add' in one) {
          const added = entry(one.add);
          heap.add(added);
          model.push(added);
        } else {
          const out = 'take' in one ? heap.first() : model[one.remove % Math.max(1, model.length)];
          if (out === undefined) continue;
          assert.equal(heap.delete(out), true);
          assert.equal(out.slot, -1);
          model.splice(model.indexOf(out), 1);
        }
        assert.equal(heap.size, model.length);
        assert.equal(heap.first(), earliest(model));
        assert.deepEqual(
          model.map((each) => each.slot).sort((a, b) => a - b),
          [...model.keys()],
        );
      }
    }),
  );
});

test('a heap from which any entry was taken out still gives the others in order', () => {
  const times = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(times, fc.nat(1000), (whens, which) => {
      const heap = new DeadlineHeap();
      const entries = whens.map(entry);
      for (const one of entries) heap.add(one);
      const [out] = entries.splice(which % entries.length, 1) as [Deadline];
      heap.delete(out);
      entries.sort((a, b) => a.when - b.when || a.order - b.order);
      for (const expected of entries) {
        assert.equal(heap.first(), expected);
        heap.delete(expected);
      }
    }),
    { numRuns: 1000 },
  );
});

test('deleting an entry that is not inside does nothing', () => {
  const heap = new DeadlineHeap();
  const outside = entry(1);
  assert.equal(heap.delete(outside), false);
  const inside = entry(2);
  heap.add(inside);
  assert.equal(heap.delete(outside), false);
  assert.equal(heap.delete(inside), true);
  assert.equal(heap.delete(inside), false);
  assert.equal(heap.size, 0);
});

test('deleting an entry of another heap touches neither heap', () => {
  const [one, other] = [new DeadlineHeap(), new DeadlineHeap()];
  const [first, second] = [entry(1), entry(2)];
  one.add(first);
  other.add(second);
  assert.equal(one.delete(second), false);
  assert.equal(one.first(), first);
  assert.equal(other.first(), second);
  assert.equal(new DeadlineHeap().delete(first), false);
});
