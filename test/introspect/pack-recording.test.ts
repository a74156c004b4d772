import assert from 'node:assert/strict';
import fc from 'fast-check';
import { packRecording, type Recording, unpackRecording } from '#src/introspect/index.js';
import { test } from '../support/test.js';
import { type Happening, process, recordingOf, simulate } from './simulated-ring.js';

const time = fc.integer({ min: 0, max: 1e10 }).map((micros) => micros / 1000);
const index = fc.nat(20);
const wait = fc.record(
  {
    kind: fc.constantFrom('readLine', 'sleep', 'odd\nkind'),
    ball: fc.constantFrom('read', 'clock', 'other'),
    since: time,
    place: fc.option(index),
    resource: fc.option(index),
    ready: time,
    readyAfter: time,
    holder: index,
  },
  { requiredKeys: ['kind', 'ball', 'since', 'place', 'resource'] },
);
const visit = fc.record(
  {
    begin: time,
    ms: time,
    exact: fc.boolean(),
    table: index,
    task: fc.nat(1e6),
    turn: fc.nat(1e6),
    from: fc.option(wait),
    to: fc.option(wait),
    ended: fc.boolean(),
    bytes: fc.tuple(fc.nat(), fc.nat()),
  },
  { requiredKeys: ['begin', 'ms', 'exact', 'table', 'task', 'turn', 'from', 'to', 'ended'] },
);
const recording = fc.record({
  version: fc.constant(1),
  process: fc.constant(process),
  reason: fc.constantFrom('request', 'block'),
  from: time,
  to: time,
  full: fc.boolean(),
  lost: fc.nat(),
  tables: fc.array(
    fc.record({
      id: fc.nat(),
      what: fc.constantFrom('client', 'task'),
      name: fc.string(),
      peer: fc.string(),
      start: fc.option(wait),
    }),
  ),
  places: fc.constant([]),
  resources: fc.constant([{ key: 'lock:1', kind: 'lock', label: 'lock "db"' }]),
  visits: fc.array(visit),
  jobs: fc.array(
    fc.record({
      name: fc.string(),
      executor: index,
      worker: fc.option(index),
      table: fc.option(index),
      queued: fc.option(time),
      started: fc.option(time),
      ended: fc.option(time),
    }),
  ),
  turns: fc.array(time),
  blocks: fc.constant([]),
  source: fc.constant({ '/srv/chat.ts': [[14, 'await reader.readLine()'] as const] }),
}) as fc.Arbitrary<Recording>; // the constants are of its types

test('unpacking undoes packing, through JSON', () => {
  fc.assert(
    fc.property(recording, (each) => {
      const packed = JSON.parse(JSON.stringify(packRecording(each))) as ReturnType<typeof packRecording>;
      // The records of fast-check have no prototype.
      assert.deepEqual(unpackRecording(packed), JSON.parse(JSON.stringify(each)));
    }),
  );
});

test('a recording that was read has times of whole microseconds, so that packing loses nothing', () => {
  const happenings = Array.from({ length: 300 }, (_, i): Happening => {
    return { client: i * 7, idle: i % 13, ready: i % 5, work: (i % 11) * 17, next: i * 3 };
  });
  const read = recordingOf(simulate(9, happenings));
  assert.equal(read.visits.length, 300);
  assert.deepEqual(unpackRecording(packRecording(read)), read);
});

test('10 s of 2,000 visits a second by 1,000 clients take less than 2 MiB', () => {
  const happenings = Array.from({ length: 20_000 }, (_, i): Happening => {
    return {
      client: (i * 7919) % 1000,
      idle: 100 + ((i * 31) % 700),
      ready: i % 90,
      work: (i * 97) % 300,
      next: i * 5,
    };
  });
  const read = recordingOf(simulate(1000, happenings));
  assert.equal(read.visits.length, 20_000);
  const bytes = JSON.stringify(packRecording(read)).length;
  assert.ok(bytes < 2 * 2 ** 20, `${bytes} bytes`);
});
