import assert from 'node:assert/strict';
import { BALLS } from '#src/inspect/protocol/index.js';
import { CLOCK, DRAIN, kindOf, KINDS, KITCHEN, OTHER, READ, UNSEEN } from '#page/console/page/kinds.js';
import { test } from '../../support/test.js';

test('KINDS has the balls of the protocol, in their order', () => {
  assert.deepEqual(
    KINDS.map(({ id }) => id),
    BALLS,
  );
  assert.deepEqual(
    [READ, DRAIN, KITCHEN, OTHER, CLOCK, UNSEEN].map((index) => kindOf(index).id),
    BALLS,
  );
});

test('a kind that the page does not know counts as unseen', () => {
  assert.equal(kindOf(99).id, 'unseen');
});
