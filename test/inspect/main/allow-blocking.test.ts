import assert from 'node:assert/strict';
import { allowBlocking } from 'maitre/inspect';
import { Pulse } from '#src/inspect/crossing.js';
import { noteAllowedIn } from '#src/inspect/main/allow-blocking.js';
import { test } from '../../support/test.js';

test('allowBlocking() covers its function alone: the loop beats before and after it, whatever it throws', () => {
  const pulse = new Pulse();
  noteAllowedIn(pulse);
  try {
    const inside = allowBlocking(() => {
      allowBlocking(() => undefined);
      return { beats: pulse.beats, isAllowed: pulse.isAllowed };
    });
    assert.deepEqual(inside, { beats: 3, isAllowed: true }, 'its own beat, and two of the inner call');
    assert.deepEqual([pulse.beats, pulse.isAllowed], [4, false]);
    const fail = (): never => {
      throw new Error('burnt');
    };
    assert.throws(() => allowBlocking(fail), /burnt/);
    assert.deepEqual([pulse.beats, pulse.isAllowed], [6, false]);
  } finally {
    noteAllowedIn(undefined);
  }
});

test('allowBlocking() without an inspector calls its function, and takes nothing else', () => {
  assert.equal(
    allowBlocking(() => 7),
    7,
  );
  assert.throws(() => allowBlocking(7 as never), TypeError);
});
