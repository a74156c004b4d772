import assert from 'node:assert/strict';
import { disposable } from '#src/base/index.js';
import { test } from '../support/test.js';

test('the undo runs on the first disposal and never again', () => {
  let count = 0;
  const undo = disposable(() => count++);
  assert.equal(count, 0);
  undo[Symbol.dispose]();
  undo[Symbol.dispose]();
  assert.equal(count, 1);
});

test('an undo that throws counts as done', () => {
  const undo = disposable(() => {
    throw new Error('broken');
  });
  assert.throws(() => undo[Symbol.dispose](), /broken/);
  undo[Symbol.dispose]();
});

test('using disposes at the end of the block', () => {
  let open = true;
  {
    using _ = disposable(() => (open = false));
    assert.equal(open, true);
  }
  assert.equal(open, false);
});
