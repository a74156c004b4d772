// What workers say to parts of the supervisor reaches the right one.
import assert from 'node:assert/strict';
import { BroadcastHub } from '#src/workers/broadcast-hub.js';
import { type Caller, Switchboard } from '#src/workers/switchboard.js';
import { test } from '../support/test.js';

test('broadcasts go to the hub, answers to their worker, names to the warning, and others are not taken', () => {
  const hub = new BroadcastHub();
  const warnings: string[] = [];
  const board = new Switchboard(hub, (message) => warnings.push(message));
  const said: unknown[] = [];
  const caller = (id: number): Caller => ({ id, place: id, post: (name, body) => said.push([id, name, body]) });
  const [one, two] = [caller(1), caller(2)];
  for (const each of [one, two]) {
    const join = { op: 'join', key: 7, topic: 'news', slow: 'dropOldest', capacity: 1 };
    assert.equal(board.receive(each, 'broadcast', join), true);
    assert.equal(board.receive(each, 'names', [{ kind: 'lock', name: 'x' }]), true);
  }
  assert.equal(board.receive(one, 'something else', {}), false);
  assert.equal(warnings.length, 1);
  const item = Uint8Array.of(1);
  board.receive(one, 'broadcast', { op: 'item', key: 7, ref: 1, item, gap: false });
  assert.deepEqual(said, [
    [2, 'broadcast', { op: 'item', key: 7, ref: 1, item, gap: false }],
    [1, 'broadcast', { op: 'done', key: 7, ref: 1 }],
  ]);
  board.gone(2);
  board.gone(2);
  assert.equal(hub.statistics().participants, 1);
});
