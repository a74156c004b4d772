import assert from 'node:assert/strict';
import { makeOffer, newSharedWords, SLOTS, takeOffer } from '#src/executors/shared-words.js';
import { test } from '../support/test.js';

test('an offer has one taker, on either side, and never takes the place of another', () => {
  const words = newSharedWords();
  const keys = Array.from({ length: SLOTS }, (_, n) => makeOffer(words, n + 1) ?? -1);
  assert.equal(new Set(keys).size, SLOTS);
  assert.equal(makeOffer(words, 99), undefined); // no room
  const [first = -1, second = -1] = keys;
  assert.equal(takeOffer(words, first), true);
  assert.equal(takeOffer(words, first), false); // taken
  const again = makeOffer(words, 100) ?? -1;
  assert.equal(takeOffer(words, first), false); // another one is in its place
  assert.equal(takeOffer(words, again), true);
  assert.equal(takeOffer(words, second), true); // the others are as they were
});
