import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { readFrame, SenderNumbers, toFrame } from '#src/distributed/live-feed.js';
import { test } from '../support/test.js';

test('a message holds the items of a batch, whatever is in them', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), fc.nat(), (texts, first) => {
      const batch = texts.map((text, i) => ({ text, sender: undefined, number: first + i }));
      assert.deepEqual(readFrame(toFrame('me', batch)), { sender: 'me', first, texts });
    }),
  );
});

test('what is no message is refused', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.throws(() => readFrame(text), SyntaxError);
    }),
  );
  for (const text of ['', '\n', 'a 1 2\nx', 'a 1 1\nxy', 'a x 1\ny', 'a 1 -1,2\ny', ' 1 1\ny']) {
    assert.throws(() => readFrame(text), SyntaxError, text);
  }
});

test('numbers tell what came twice and what is missing', () => {
  const numbers = new SenderNumbers();
  assert.equal(numbers.known('a', 5, 3), 0); // 5, 6, 7: where it began is not known
  assert.equal(numbers.known('a', 5, 3), 3); // sent again
  assert.equal(numbers.known('a', 7, 2), 1); // 7 again, 8
  assert.equal(numbers.missed, 0);
  assert.equal(numbers.known('a', 11, 1), 0); // without 9 and 10
  assert.equal(numbers.known('b', 1, 1), 0);
  assert.equal(numbers.missed, 2);
});

test('senders that were silent for long are forgotten: memory is bounded', () => {
  const numbers = new SenderNumbers();
  for (let i = 0; i < 20_000; i++) {
    numbers.known(`sender${i}`, 1, 1);
    assert.equal(numbers.known('talker', i, 1), 0);
  }
  assert.equal(numbers.known('sender0', 1, 1), 0, 'forgotten');
  assert.equal(numbers.known('talker', 19_999, 1), 1, 'remembered');
  assert.equal(numbers.missed, 0);
});
