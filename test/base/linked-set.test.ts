import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { type Linked, LinkedSet } from '#src/base/index.js';
import { test } from '../support/test.js';

interface Entry extends Linked {
  readonly id: number;
}

function entry(id: number): Entry {
  return { id, previous: undefined, next: undefined, list: undefined };
}

test('a linked set keeps the order of an array, whatever is put in front, taken out of the middle or shifted', () => {
  const step = fc.record({ what: fc.constantFrom('add', 'addFirst', 'delete', 'shift'), which: fc.nat(1000) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const list = new LinkedSet<Entry>();
      const model: Entry[] = [];
      for (const [id, { what, which }] of steps.entries()) {
        if (what === 'add') {
          model.push(entry(id));
          list.add(model.at(-1) as Entry);
        } else if (what === 'addFirst') {
          model.unshift(entry(id));
          list.addFirst(model[0] as Entry);
        } else if (what === 'shift') {
          assert.equal(list.shift(), model.shift());
        } else if (model.length > 0) {
          const [out] = model.splice(which % model.length, 1) as [Entry];
          assert.equal(list.delete(out), true);
          assert.deepEqual(out, entry(out.id));
        }
        assert.equal(list.size, model.length);
        assert.equal(list.first, model[0]);
        assert.deepEqual(
          [...list].map((each) => each.id),
          model.map((each) => each.id),
        );
      }
    }),
  );
});

test('an entry that was taken out can join another list', () => {
  const [one, other] = [new LinkedSet<Entry>(), new LinkedSet<Entry>()];
  const moving = entry(1);
  one.add(moving);
  one.delete(moving);
  other.add(moving);
  assert.equal(one.delete(moving), false);
  assert.equal(one.size, 0);
  assert.equal(other.first, moving);
});

test('the entry an iteration has just given may be deleted', () => {
  const list = new LinkedSet<Entry>();
  for (let id = 0; id < 4; id++) list.add(entry(id));
  const seen: number[] = [];
  for (const each of list) {
    seen.push(each.id);
    list.delete(each);
  }
  assert.deepEqual(seen, [0, 1, 2, 3]);
  assert.equal(list.size, 0);
});
