import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Lock, openConnection, sleep, startServer } from 'maitre';
import {
  type Bill,
  billOf,
  billOfTable,
  copyRing,
  readRecording,
  type RecordedWait,
  Recorder,
  type Recording,
  type Visit,
} from '#src/introspect/index.js';
import { test } from '../support/test.js';
import { process, recordingOf, simulate } from './simulated-ring.js';

function sumOf({ lines }: Bill): number {
  return lines.reduce((sum, { ms }) => sum + ms, 0);
}

/** The lines without fractions below a microsecond, which sums of times have. */
function linesOf(bill: Bill | undefined): Record<string, number> {
  return Object.fromEntries((bill?.lines ?? []).map(({ what, ms }) => [what, Math.round(ms * 1000) / 1000]));
}

// ---- by hand --------------------------------------------------------------------------------------------------------

const nobody: RecordedWait = { kind: 'readLine', ball: 'read', since: 0, place: null, resource: null };
const ledger = { key: 'lock:1', kind: 'lock', label: 'lock "ledger"' };

function visit(table: number, begin: number, ms: number, from: RecordedWait | null, to: RecordedWait | null): Visit {
  return { begin, ms, exact: true, table, task: 10 + table, turn: 1, from, to, ended: to === null };
}

/** A recording from 0 to 100 ms of clients whose ids are their indices. */
function recording(visits: readonly Visit[], starts: readonly (RecordedWait | null)[]): Recording {
  return {
    version: 1,
    process,
    reason: 'request',
    from: 0,
    to: 100,
    full: true,
    lost: 0,
    tables: starts.map((start, id) => ({ id, what: 'client', name: `${id}`, peer: '', start })),
    places: [],
    resources: [ledger],
    visits: visits.toSorted((a, b) => a.begin - b.begin),
    jobs: [],
    turns: [0],
    blocks: [],
    source: {},
  };
}

test('a wait is cut where it was answered, and the bill says who held the lock and who had the loop', () => {
  const wait = { ...nobody, kind: 'lock.acquire', ball: 'other', resource: 0, holder: 1 } as const;
  const acquired = { ...wait, ready: 10 };
  const visits = [visit(0, 14, 1, acquired, null), visit(1, 9.5, 0.5, nobody, nobody), visit(2, 10, 4, nobody, nobody)];
  const bill = billOf(recording(visits, [acquired, nobody, nobody]), 0);
  assert.deepEqual(bill, {
    client: 'client 0',
    from: 0,
    wall: 15,
    full: true,
    lines: [
      { what: 'own', ms: 1 },
      { what: 'ready', ms: 4, who: [{ name: 'client 2', ms: 4 }] },
      { what: 'lock', ms: 10, who: [{ name: 'client 1', ms: 10 }] },
    ],
  });
});

test('a lock that goes from hand to hand meanwhile is told of each holder', () => {
  const lock = { ...nobody, kind: 'lock.acquire', ball: 'other', resource: 0 } as const;
  const first = { ...lock, holder: 2, ready: 30 };
  const second = { ...lock, holder: 2, ready: 50 };
  const visits = [visit(1, 30, 1, first, nobody), visit(0, 50, 1, second, nobody)];
  const bill = billOf(recording(visits, [second, first, nobody]), 0);
  assert.deepEqual(bill?.lines.find(({ what }) => what === 'lock')?.who, [
    { name: 'client 2', ms: 30 },
    { name: 'client 1', ms: 20 },
  ]);
});

test('bytes that the loop learned of late are the time of the peer, with how much of it they may have been there', () => {
  const late = { ...nobody, ready: 60, readyAfter: 20 };
  const visits = [visit(0, 60, 1, late, nobody), visit(1, 20, 40, nobody, nobody)];
  const bill = billOf(recording(visits, [late, nobody]), 0);
  assert.deepEqual(bill?.lines, [
    { what: 'own', ms: 1 },
    { what: 'peer', ms: 99, maybeReady: { ms: 40, who: [{ name: 'client 1', ms: 40 }] } },
  ]);
});

test('what a client does in several tasks at once is counted once: its own code first, then what needs attention', () => {
  const group = { ...nobody, kind: 'task group', ball: 'other' } as const;
  const job = { ...nobody, kind: 'executor.call', ball: 'kitchen', since: 10 } as const;
  const nap = { ...nobody, kind: 'sleep', ball: 'clock', since: 20 } as const;
  const visits = [
    visit(0, 0, 10, null, group),
    { ...visit(0, 10, 5, null, job), task: 21 },
    { ...visit(0, 15, 5, null, nap), task: 22 },
    { ...visit(0, 40, 5, job, null), task: 21 },
    { ...visit(0, 80, 5, nap, null), task: 22 },
    visit(0, 85, 1, group, null),
  ];
  const bill = billOf(recording(visits, [null]), 0);
  assert.deepEqual(linesOf(bill), { own: 31, kitchen: 20, asleep: 35 });
  assert.equal(bill?.wall, 86);
});

test('a visit that stopped at a promise of others leaves a wait that is foreign', () => {
  const bill = billOf(recording([{ ...visit(0, 0, 10, null, null), ended: false }], [null]), 0);
  assert.deepEqual(linesOf(bill), { own: 10, foreign: 90 });
});

test('a client that only waits has one line, and one that is not there has no bill', () => {
  const idle = recording([], [nobody]);
  assert.deepEqual(linesOf(billOf(idle, 0)), { peer: 100 });
  assert.equal(billOf(idle, 7), undefined);
  assert.deepEqual(linesOf(billOf(recording([], [null]), 0)), { unknown: 100 });
});

// ---- of anything ----------------------------------------------------------------------------------------------------

const happening = fc.record({
  client: fc.nat(100),
  idle: fc.nat(3000),
  ready: fc.nat(2000),
  work: fc.nat(5000),
  next: fc.nat(100),
});

test('the lines of a bill add up to the wall time, whatever happened, and own code is what was measured', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.array(happening, { maxLength: 80 }),
      fc.boolean(),
      (n, all, full) => {
        const read = recordingOf(simulate(n, all, full));
        for (const table of read.tables.keys()) {
          const bill = billOfTable(read, table);
          const visits = read.visits.filter((each) => each.table === table);
          const own = visits.reduce((sum, { ms }) => sum + ms, 0);
          assert.ok(Math.abs(sumOf(bill) - bill.wall) < 1e-6, `${sumOf(bill)} of ${bill.wall}`);
          assert.ok(Math.abs((linesOf(bill)['own'] ?? 0) - own) < 0.01, `own ${linesOf(bill)['own']} of ${own}`);
          for (const { what, ms, who = [] } of bill.lines) {
            const told = who.reduce((sum, share) => sum + share.ms, 0);
            assert.ok(ms > 0 && told <= ms + 1e-6, `${what} ${ms}, of which ${told} is told`);
          }
        }
      },
    ),
  );
});

// ---- of a real client -----------------------------------------------------------------------------------------------

test('the bill of a real client adds up, and knows the lock, its holder and the sleep', async () => {
  using recorder = new Recorder({ bytes: 2 ** 20 });
  recorder.setFull(true);
  recorder.start();
  const lock = new Lock({ name: 'ledger' });
  const ids: number[] = [];
  {
    await using server = await startServer(
      async (reader, writer, connection) => {
        await reader.readLine();
        ids.push(connection.id);
        {
          using _ = await lock.acquire();
          while (ids.length < 2) await sleep(1); // the other waits for the lock
          await sleep(30);
        }
        writer.write('done\n');
      },
      { host: '127.0.0.1' },
    );
    const client = async (): Promise<void> => {
      await using connection = await openConnection({ host: '127.0.0.1', port: server.port });
      connection.writer.write('order\n');
      await connection.reader.readLine();
    };
    await Promise.all([client(), client()]);
  }
  const read = readRecording(copyRing(recorder.buffer), recorder.notes(), { process, reason: 'request' });
  const [first, second] = ids.map((id) => billOf(read, id));
  assert.ok(first !== undefined && second !== undefined);
  for (const bill of [first, second]) {
    assert.ok(Math.abs(sumOf(bill) - bill.wall) <= bill.wall / 100);
    assert.ok((linesOf(bill)['asleep'] ?? 0) > 25, JSON.stringify(bill));
    assert.ok((linesOf(bill)['unknown'] ?? 0) < bill.wall / 100, JSON.stringify(bill));
  }
  const held = second.lines.find(({ what }) => what === 'lock');
  assert.ok((held?.ms ?? 0) > 25, JSON.stringify(second));
  assert.equal(held?.who?.[0]?.name, first.client);
});
