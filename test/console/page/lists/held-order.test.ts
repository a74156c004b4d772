import assert from 'node:assert/strict';
import { HeldOrder } from '#page/console/page/lists/held-order.js';
import { test } from '../../../support/test.js';

test('HeldOrder keeps every row where it is while it is held, drops those that left, and puts new ones last', () => {
  const order = new HeldOrder<string>();
  const keyOf = (row: string): string => row;
  assert.deepEqual(order.arrange(['a', 'b', 'c'], keyOf, false), ['a', 'b', 'c']);
  assert.deepEqual(order.arrange(['d', 'c', 'a'], keyOf, true), ['a', 'c', 'd']);
  assert.deepEqual(order.arrange(['e', 'd', 'c'], keyOf, true), ['c', 'd', 'e']);
  assert.deepEqual(order.arrange(['e', 'd', 'c'], keyOf, false), ['e', 'd', 'c']);
});
