// What each table did in a recording, whatever the recording.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import fc from 'fast-check';
import { historyOf, lastBefore, segmentAt } from '#page/console/page/slow/history.js';
import type { RecordedWait, Recording, Visit } from '#src/inspect/protocol/index.js';
import { recordingOf } from '../../../support/recordings.js';
import { test } from '../../../support/test.js';

const some = fc.record({
  seed: fc.integer({ min: 1, max: 1e6 }),
  tables: fc.integer({ min: 1, max: 40 }),
  block: fc.constantFrom(0, 84),
  silence: fc.constantFrom(0, 3000),
});

const wait = (more: Partial<RecordedWait>): RecordedWait => ({
  kind: 'readLine',
  ball: 'read',
  since: 0,
  place: null,
  resource: null,
  ...more,
});

const visit = (more: Partial<Visit>): Visit => ({
  begin: 0,
  ms: 0.1,
  exact: true,
  table: 0,
  task: 1,
  turn: 1,
  from: null,
  to: null,
  ended: false,
  ...more,
});

const tableOf = (visits: readonly Visit[], more: Partial<Recording> = {}): Recording => ({
  ...recordingOf(1, { tables: 1, every: 1e6 }),
  from: 0,
  to: 100,
  visits,
  jobs: [],
  tables: [{ id: 1, what: 'client', name: '', peer: '', start: null }],
  ...more,
});

const brief = (recording: Recording): unknown =>
  historyOf(recording).tables[0]?.segments.map(({ begin, end, state, ball }) => [begin, end, state, ball]);

describe('historyOf', () => {
  test('never has the waiter at two tables', () => {
    fc.assert(
      fc.property(some, ({ seed, ...options }) => {
        let free = 0;
        for (const stay of historyOf(recordingOf(seed, options)).stays) {
          assert.ok(stay.begin >= free && stay.end >= stay.begin);
          free = stay.end;
        }
      }),
      { numRuns: 60 },
    );
  });

  test('keeps the waiter at one table even where measured ends overlap', () => {
    const recording = tableOf([visit({ begin: 10, ms: 9 }), visit({ begin: 12, ms: 2 }), visit({ begin: 12, ms: 1 })]);
    const { stays } = historyOf(recording);
    assert.deepEqual(
      stays.map(({ begin, end }) => [begin, end]),
      [
        [10, 12],
        [12, 12],
        [12, 13],
      ],
    );
  });

  test('covers all of the time of a table with visits and waits, none twice', () => {
    fc.assert(
      fc.property(some, ({ seed, ...options }) => {
        const history = historyOf(recordingOf(seed, options));
        for (const table of history.tables) {
          const spans = [
            ...table.segments,
            ...table.stays.map((index) => history.stays[index] as { begin: number; end: number }),
          ];
          spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
          let at = table.seated;
          for (const { begin, end } of spans) {
            assert.ok(Math.abs(begin - at) < 0.05, `${begin} after ${at}`);
            at = end;
          }
          assert.ok(Math.abs(at - table.left) < 0.05, `${at} up to ${table.left}`);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('finds the stay and the segment of a moment as a search from the front does', () => {
    const history = historyOf(recordingOf(7, { block: 84 }));
    for (let at = 0; at <= history.length; at += 0.37) {
      assert.equal(
        lastBefore(history.stays, at),
        history.stays.findLast(({ begin }) => begin <= at),
      );
      for (const table of history.tables) {
        const segment = table.segments.find(({ begin, end }) => begin <= at && at < end);
        assert.equal(segmentAt(table, at), segment);
      }
    }
  });

  test('tells a call that is known from one that came at some moment of a span', () => {
    const known = wait({ ball: 'kitchen', ready: 20 });
    assert.deepEqual(brief(tableOf([visit({ begin: 50, from: known, ended: true })])), [
      [0, 20, 'waits', 'kitchen'],
      [20, 50, 'called', 'kitchen'],
    ]);
    const span = wait({ ready: 49, readyAfter: 10 });
    assert.deepEqual(brief(tableOf([visit({ begin: 50, from: span, ended: true })])), [
      [0, 10, 'waits', 'read'],
      [10, 49, 'maybe', 'read'],
      [49, 50, 'called', 'read'],
    ]);
  });

  test('says of a table that called and was not visited that it called', () => {
    const start = wait({ ball: 'kitchen', since: -5, ready: 30 });
    const recording = tableOf([], { tables: [{ id: 1, what: 'client', name: '', peer: '', start }] });
    assert.deepEqual(brief(recording), [
      [0, 30, 'waits', 'kitchen'],
      [30, 100, 'called', 'kitchen'],
    ]);
  });

  test('shows a promise that is not ours as unseen, up to the next wait', () => {
    const next = wait({ since: 40, ready: 60 });
    const recording = tableOf([visit({ begin: 10, ms: 1 }), visit({ begin: 60, from: next, ended: true })]);
    assert.deepEqual(brief(recording), [
      [11, 40, 'waits', 'unseen'],
      [40, 60, 'waits', 'read'],
    ]);
  });

  test('leaves blank what a sampled recording does not know', () => {
    const recording = tableOf([
      visit({ begin: 10, ms: 1, to: wait({ since: 11 }) }),
      visit({ begin: 90, from: wait({ since: 80, ball: 'clock' }), ended: true }),
    ]);
    assert.deepEqual(brief(recording), [[80, 90, 'waits', 'clock']]);
  });

  test('gives a block of several steps to the step of its task', () => {
    const row = { ...recordingOf(1, { block: 84 }).blocks[0], since: 10, ms: 80, task: 2 };
    const visits = [1, 2].map((task, n) => visit({ begin: 10 + 40 * n, ms: 40, task, from: wait({}), to: wait({}) }));
    const { stays } = historyOf(tableOf(visits, { blocks: [row as never] })); // a complete row
    assert.deepEqual(
      stays.map(({ block }) => block !== undefined),
      [false, true],
    );
  });

  test('has a visit for a block that has not ended', () => {
    const block = { ...recordingOf(1, { block: 84 }).blocks[0], since: 60, ms: 40, over: false, task: 1 };
    const first = visit({ begin: 10, to: wait({ since: 10, ready: 59 }) });
    const { stays, tables } = historyOf(tableOf([first], { blocks: [block as never] })); // a complete row
    assert.deepEqual([stays[1]?.begin, stays[1]?.end, stays[1]?.block?.over], [60, 100, false]);
    assert.equal(tables[0]?.segments.at(-1)?.end, 60);
  });
});
