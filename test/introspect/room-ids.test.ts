import assert from 'node:assert/strict';
import { idIn, idText, ownId, parseId, roomNumber, roomOf } from '#src/introspect/room-ids.js';
import { test } from '../support/test.js';

test('an id says its room and its number, as a number and as text', () => {
  for (const [room, id, text] of [
    [0, 7, '7'],
    [3, 7, '3:7'],
    [8191, 2 ** 40 - 1, '8191:1099511627775'],
  ] as const) {
    const joined = idIn(room, id);
    assert.ok(Number.isSafeInteger(joined));
    assert.deepEqual([roomOf(joined), ownId(joined), idText(joined)], [room, id, text]);
  }
  assert.equal(parseId('3:7'), idIn(3, 7));
  assert.equal(parseId('7'), 7);
  for (const text of ['', ':7', '3:', '3:7:1', 'x', '-1', '9999:1', ' 7']) assert.equal(parseId(text), undefined, text);
});

test('workers are counted on, and the numbers of those that live at one time differ', () => {
  assert.equal(roomNumber(1), 1);
  assert.equal(roomNumber(8191), 8191);
  assert.equal(roomNumber(8192), 1);
  const living = Array.from({ length: 64 }, (_, i) => roomNumber(8180 + i));
  assert.equal(new Set(living).size, 64);
});
