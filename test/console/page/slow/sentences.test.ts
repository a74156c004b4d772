// What slow motion says.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { historyOf, shortName } from '#page/console/page/slow/history.js';
import { plain, reach, segmentWords, sentenceOf, sumOf, waitedBy } from '#page/console/page/slow/sentences.js';
import { pieceAt, slowly, timelineOf } from '#page/console/page/slow/timeline.js';
import type { RecordedWait, Recording, Visit } from '#src/inspect/protocol/index.js';
import { recordingOf } from '../../../support/recordings.js';
import { test } from '../../../support/test.js';

const base = recordingOf(1);
const wait = (ball: RecordedWait['ball'], more: Partial<RecordedWait> = {}): RecordedWait => ({
  kind: ball,
  ball,
  since: 0,
  place: null,
  resource: null,
  ...more,
});

/** A recording of 100 ms with one visit of table 6 at 90 ms, and 82 ms before it nothing. */
const one = (visit: Partial<Visit>, more: Partial<Recording> = {}): Recording => ({
  ...base,
  from: 0,
  to: 100,
  jobs: [],
  blocks: [],
  visits: [
    { begin: 90, ms: 0.039, exact: true, table: 5, task: 1, turn: 4, from: null, to: null, ended: false, ...visit },
  ],
  tables: base.tables.map((table) => ({ ...table, start: null })),
  ...more,
});

const says = (recording: Recording, at = 90): string => {
  const history = historyOf(recording);
  const timeline = timelineOf(history.stays, history.length, slowly(50));
  const piece = timeline.pieces.find(({ from, to }) => at >= from && at <= to && to > from) ?? pieceAt(timeline, 0);
  return plain(sentenceOf(history, at === 90 ? (timeline.ofStay[0] ?? piece) : piece).words);
};

describe('sentenceOf', () => {
  test('says why the waiter came, how long it stayed, from where to where, and what is waited for now', () => {
    const from = wait('kitchen', { ready: 8, place: 3 });
    assert.equal(
      says(one({ from, to: wait('clock', { place: 5 }) })),
      'The kitchen rang, 82 ms ago. The waiter stays at table 6 Radia for 39 µs, from line 14 to line 17. ' +
        'Now it waits for the clock.',
    );
  });

  test('says the span in which bytes came, where their moment is not known', () => {
    const from = wait('read', { ready: 89.9, readyAfter: 6 });
    assert.match(says(one({ from, to: wait('read') })), /^Its guest has ordered, at some time in the last 84 ms\. /);
    const soon = wait('read', { ready: 89.999, readyAfter: 89.995 });
    assert.match(says(one({ from: soon, to: wait('read') })), /^Its guest has ordered\. The waiter stays/);
  });

  test('says of a stay whose end was not measured that it was this long at most', () => {
    assert.match(says(one({ exact: false, from: wait('clock'), to: wait('read') })), /for 39 µs at most\. Now/);
  });

  test('says when a task ends, begins, and stops at a promise that is not ours', () => {
    assert.match(says(one({ ended: true })), /^A new guest\. .* for 39 µs\. Then it ends\.$/);
    assert.match(says(one({ from: wait('read') })), /It stops at a promise that is not maitre’s\.$/);
  });

  test('speaks of guests at tables only', () => {
    const tables = one({}).tables.map((table) => ({ ...table, what: 'task' as const, name: 'ticker' }));
    assert.match(
      says(one({ from: wait('read'), ended: true }, { tables })),
      /^Bytes came\. The waiter stays at task “ticker” for 39 µs\./,
    );
  });

  test('names the lock', () => {
    const from = wait('other', { kind: 'lock.acquire', resource: 0 });
    assert.match(says(one({ from, ended: true })), /^It got lock "pepper mill"\. /);
    const held = { ...from, holder: 4 };
    assert.match(says(one({ from: held, ended: true })), /^It got lock "pepper mill", which table 5 Alan held\. /);
  });

  test('says how many bytes came and went', () => {
    assert.match(
      says(one({ bytes: [37, 1100], ended: true })),
      /for 39 µs: 37 B read, 1\.07 KiB written\. Then it ends/,
    );
  });

  test('says who stands, in which function, and who called meanwhile', () => {
    const block = {
      ...(recordingOf(1, { block: 84 }).blocks[0] as Recording['blocks'][number]),
      since: 6,
      ms: 84,
      task: 1,
    };
    const visits = one({ begin: 6, ms: 84, from: wait('read'), to: wait('kitchen') }).visits;
    const waiting = (table: number): Partial<Recording['tables'][number]> =>
      table < 3 ? { start: wait('kitchen', { since: -9, ready: 20 }) } : {};
    const tables = one({}).tables.map((table, n) => ({ ...table, ...waiting(n) }));
    assert.equal(
      says(one({}, { visits, tables, blocks: [block] })),
      'The waiter stands at table 6 Radia for 84 ms, in kneadDough (orders.ts:42). Nobody else is served, ' +
        'and 3 tables have called. 2 clients had sent bytes by then. Now it waits for the kitchen.',
    );
  });

  test('says between visits how long nobody calls, or that something else keeps the loop', () => {
    assert.equal(
      says(one({}), 50),
      'The waiter is at no table for 90 ms, shown in 2 s: nobody calls. The loop waits for any bell.',
    );
    const from = wait('kitchen', { ready: 8 });
    assert.match(says(one({ from }), 50), /the loop does something that is no task’s, and one table has called\.$/);
  });
});

describe('the sum', () => {
  test('adds up visits, tables, work and waits', () => {
    const history = historyOf(recordingOf(3));
    const work = history.stays.reduce((sum, { begin, end }) => sum + end - begin, 0);
    assert.ok(Math.abs(waitedBy(history) + work - 8 * 200) < 0.5, 'each of eight tables worked or waited for 200 ms');
    assert.match(
      plain(sumOf(history)),
      /^In these 200 ms: \d+ visits to \d of 8 tables, \d+ µs|\d\.\d ms of work, never at two tables at once\. All tables together waited 1\.6 s\.$/,
    );
  });

  test('says that a sampled recording is one, and how far back one goes', () => {
    assert.match(plain(sumOf(historyOf({ ...base, full: false }))), /Only one step in 64 was timed\.$/);
    assert.equal(
      reach(historyOf({ ...base, lost: 1200 })),
      'It reaches back 200 ms: 1,200 events before that were overwritten.',
    );
    assert.equal(reach(historyOf(base)), '');
  });

  test('says that nothing ran where nothing ran', () => {
    assert.equal(plain(sumOf(historyOf({ ...base, visits: [], blocks: [] }))), 'In these 200 ms no task ran.');
    assert.equal(says({ ...base, visits: [] }, 1), 'No task ran in this time.');
  });
});

describe('names', () => {
  test('a name that only says the number is left out', () => {
    const name = (text: string, what: 'client' | 'task' = 'client'): string =>
      shortName({ what, id: 6, name: text, peer: '127.0.0.1:1' });
    assert.deepEqual(
      [name('Radia'), name('127.0.0.1:1 #6'), name('connection 6'), name(''), name('ticker', 'task'), name('', 'task')],
      ['6 Radia', '6', '6', '6', 'ticker', 'task 6'],
    );
  });

  test('a bar says what it is and for how long, shorter where there is little room', () => {
    const segment = { begin: 0, end: 42, state: 'waits', ball: 'kitchen', since: 0, wait: null, open: false } as const;
    assert.deepEqual(segmentWords(segment, 10), ['kitchen 42 ms', '42 ms']);
    assert.deepEqual(segmentWords({ ...segment, open: true, since: -50 }, 10), ['kitchen, for 60 ms', 'kitchen']);
    assert.deepEqual(segmentWords({ ...segment, open: true }, 10), ['kitchen']);
    assert.deepEqual(segmentWords({ ...segment, state: 'called' }, 10), []);
  });
});
