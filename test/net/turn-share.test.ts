import assert from 'node:assert/strict';
import { TurnShare } from '#src/net/turn-share.js';
import { nextTurn, test } from '../support/test.js';

function work(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('TurnShare is over a millisecond after the first read of a turn, and whole again in the next', async () => {
  const share = new TurnShare();
  for (let turns = 0; turns < 3; turns++) {
    assert.equal(share.isOver(), false);
    work(1.5);
    assert.equal(share.isOver(), true);
    await nextTurn();
    await nextTurn();
  }
});

test('the share of one connection is not spent by another', () => {
  const one = new TurnShare();
  assert.equal(one.isOver(), false);
  work(1.5);
  assert.equal(new TurnShare().isOver(), false);
});
