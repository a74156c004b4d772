import assert from 'node:assert/strict';
import { roomsWords } from '#src/introspect/room-words.js';
import type { RoomRow } from '#src/introspect/index.js';
import { test } from '../support/test.js';

const fine: RoomRow = {
  room: 1,
  place: 1,
  kind: 'thread',
  pid: 4711,
  loop: { busy: 0.1, lag: { p50: 1, p99: 2 } },
  clients: 2,
  tasks: 2,
};
const block = {
  id: 1,
  since: 0,
  ms: 2000,
  over: false,
  thread: 0,
  room: 3,
  task: 7,
  name: '127.0.0.1:50412 #7',
  peer: '127.0.0.1:50412',
  place: { file: 'dough.ts', line: 12, column: 1, function: 'knead', text: 'dough.ts:12' },
  stack: [],
  waiting: 4,
};
const blocked: RoomRow = { ...fine, room: 3, block };

test('loops that keep up are one clause, and unknown ones none', () => {
  assert.deepEqual(roomsWords([fine]), ['the worker keeps up']);
  assert.deepEqual(roomsWords([fine, fine]), ['both workers keep up']);
  assert.deepEqual(roomsWords([fine, fine, fine]), ['all 3 workers keep up']);
  assert.deepEqual(roomsWords([{ ...fine, loop: { busy: null, lag: null } }]), []);
});

test('a worker that is blocked comes first, by its number, with whose code it is and who waits', () => {
  const busy = { ...fine, room: 2, loop: { busy: 1, lag: null } };
  assert.deepEqual(roomsWords([fine, busy, blocked]), [
    'worker 3 is blocked for 2 s by client 3:7 in knead (dough.ts:12), while 4 clients wait with unread bytes',
    'worker 2 is overloaded: busy 100 % of the time',
    'the other worker keeps up',
  ]);
  assert.deepEqual(roomsWords([{ ...blocked, block: { ...block, over: true } }, fine]), ['both workers keep up']);
});

test('a worker that says nothing is named with what is known', () => {
  assert.deepEqual(roomsWords([{ ...fine, why: 'does not answer' }, fine, fine]), [
    'worker 1 does not answer',
    'the other 2 workers keep up',
  ]);
});
