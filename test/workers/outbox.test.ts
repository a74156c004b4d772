// One hop of a broadcast: order, bounds, and what is settled when.
import assert from 'node:assert/strict';
import { Outbox } from '#src/workers/outbox.js';
import { test } from '../support/test.js';

interface Sent {
  readonly ref: number;
  readonly item: number;
  readonly gap: boolean;
}

function make(slow: 'wait' | 'dropOldest' | 'disconnect', capacity: number) {
  const sent: Sent[] = [];
  const settled: number[] = [];
  const outbox = new Outbox(slow, capacity, (ref, [item = -1], gap) => sent.push({ ref, item, gap }));
  const add = (item: number, gap = false): void => outbox.add(Uint8Array.of(item), gap, () => void settled.push(item));
  return { sent, settled, outbox, add, items: () => sent.map(({ item }) => item) };
}

test('wait: everything is sent at once, and settled by its ref, in any order', () => {
  const { outbox, sent, settled, add, items } = make('wait', 1);
  for (const item of [1, 2, 3]) add(item);
  assert.deepEqual(items(), [1, 2, 3]);
  assert.equal(outbox.size, 3);
  for (const { ref } of [...sent].toReversed()) outbox.settle(ref);
  outbox.settle(99);
  outbox.settle(sent[0]?.ref ?? 0);
  assert.deepEqual(settled, [3, 2, 1]);
  assert.deepEqual([outbox.size, outbox.lost], [0, 0]);
});

test('dropOldest: as many are on the way as fit, as many wait, and the oldest that waits is lost', () => {
  const { outbox, sent, settled, add, items } = make('dropOldest', 2);
  for (const item of [1, 2, 3, 4, 5]) add(item);
  assert.deepEqual(items(), [1, 2]);
  assert.deepEqual([outbox.size, outbox.lost, settled], [4, 1, [3]]);
  for (let at = 0; at < sent.length; at++) outbox.settle(sent[at]?.ref ?? 0); // it grows meanwhile
  assert.deepEqual(items(), [1, 2, 4, 5]);
  assert.ok(sent.every(({ gap }) => !gap));
  assert.deepEqual(settled, [3, 1, 2, 4, 5]);
});

test('disconnect: all that wait are lost together, and the next one that is sent says so', () => {
  const { outbox, sent, settled, add, items } = make('disconnect', 2);
  for (const item of [1, 2, 3, 4, 5, 6]) add(item);
  assert.deepEqual([outbox.size, outbox.lost, settled], [4, 2, [3, 4]]);
  for (let at = 0; at < sent.length; at++) outbox.settle(sent[at]?.ref ?? 0);
  assert.deepEqual(items(), [1, 2, 5, 6]);
  assert.deepEqual(
    sent.map(({ gap }) => gap),
    [false, false, true, false],
  );
});

test('a gap of the hop before is not lost with the item that brought it', () => {
  const { outbox, sent, add, items } = make('dropOldest', 1);
  add(1);
  add(2, true);
  add(3);
  for (let at = 0; at < sent.length; at++) outbox.settle(sent[at]?.ref ?? 0);
  assert.deepEqual(items(), [1, 3]);
  assert.equal(sent[1]?.gap, true);
});

test('the end settles everything once, and later items at once', () => {
  const { outbox, sent, settled, add } = make('dropOldest', 1);
  add(1);
  add(2);
  outbox.end();
  outbox.end();
  outbox.settle(sent[0]?.ref ?? 0);
  add(3);
  assert.deepEqual(settled, [1, 2, 3]);
  assert.deepEqual([outbox.size, sent.length], [0, 1]);
});
