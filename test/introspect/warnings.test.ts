// Each warning appears when it should, and does not otherwise.
import assert from 'node:assert/strict';
import { type BlockRow, type Snapshot, Warnings, type WarningsInput } from '#src/introspect/index.js';
import { test } from '../support/test.js';
import { client, NOW, place, resource, served, snapshot, task, wait } from './rows.js';

const SECOND = 1000;

/** Checks the same state once a second, for so long. Returns the last warnings as code and sentence. */
function lasting(
  seconds: number,
  at: (now: number, i: number) => Partial<WarningsInput> & { snapshot: Snapshot },
): string[][] {
  const warnings = new Warnings();
  let last: string[][] = [];
  for (let i = 0; i <= seconds; i++) {
    const now = NOW + i * SECOND;
    const input = at(now, i);
    const rows = warnings.check({ ...input, snapshot: { ...input.snapshot, now } });
    last = rows.map(({ code, sentence }) => [code, sentence]);
    for (const { evidence, remedy, since } of rows) assert.ok(evidence !== '' && remedy !== '' && since <= now);
  }
  return last;
}

const block = (i: number, more: Partial<BlockRow> = {}): BlockRow => ({
  id: i,
  since: NOW - i * SECOND,
  ms: 300,
  over: true,
  thread: 0,
  task: 7,
  name: '127.0.0.1:50412 #7',
  peer: '127.0.0.1:50412',
  place: { ...place('dough.ts:12'), function: 'knead' },
  stack: [],
  waiting: null,
  ...more,
});

test('never-yields: three blocks of one place within a minute', () => {
  const of = snapshot({});
  const blocks = [block(1), block(2), block(3)];
  assert.deepEqual(
    new Warnings().check({ snapshot: of, blocks }).map(({ code, sentence, evidence }) => [code, sentence, evidence]),
    [
      [
        'never-yields',
        'Client 7 blocks the loop again and again in knead (dough.ts:12).',
        '3 blocks in the last minute, 900 ms in all.',
      ],
    ],
  );
  const others = [block(1, { task: 8, name: 'x #8' }), block(2), block(3)];
  assert.match(new Warnings().check({ snapshot: of, blocks: others })[0]?.sentence ?? '', /^2 tasks block the loop/);
  const codes = (those: BlockRow[]) => new Warnings().check({ snapshot: of, blocks: those }).map(({ code }) => code);
  assert.deepEqual(codes(blocks.slice(1)), []);
  assert.deepEqual(codes([block(1), block(2), block(3, { place: place('soup.ts:1') })]), []);
  assert.deepEqual(codes([block(1), block(2), block(120)]), []);
});

test('cancel-swallowed: a task that was cancelled and waits anew, for seconds', () => {
  const after = (since: number, more = {}) =>
    lasting(8, () => ({
      snapshot: snapshot({
        tasks: [task(1, 'oven', [wait('readLine', { ball: 'read', since, place: 0 })], { cancelling: 1, ...more })],
        places: [place('chat.ts:14')],
      }),
    }));
  assert.deepEqual(after(NOW + 500), [['cancel-swallowed', 'Task "oven" was cancelled 8 s ago and goes on.']]);
  assert.deepEqual(after(NOW - 500), []);
  assert.deepEqual(after(NOW + 500, { cancelling: 0 }), []);
  const brief = lasting(3, () => ({
    snapshot: snapshot({ tasks: [task(1, 'oven', [wait('drain', { since: NOW + 1 })], { cancelling: 1 })] }),
  }));
  assert.deepEqual(brief, []);
});

test('a task that was cancelled and waits for its own tasks to end is no warning', () => {
  const ending = [wait('task group', { since: NOW + 500, tasks: [2] })];
  const last = lasting(20, () => ({ snapshot: snapshot({ tasks: [task(1, 'oven', ending, { cancelling: 1 })] }) }));
  assert.deepEqual(last, []);
});

test('stuck-after-cancel: a handler in a promise that is not maitre’s', () => {
  const handler = client(7, []);
  const last = (cancelling: number, seconds: number) =>
    lasting(seconds, () => ({ snapshot: served([{ ...handler, task: { ...handler.task, cancelling } }]) }));
  assert.deepEqual(last(1, 6), [
    ['stuck-after-cancel', "Client 7 was cancelled 6 s ago and waits for something that is not maitre's."],
  ]);
  assert.deepEqual(last(1, 3), []);
  assert.deepEqual(last(0, 6), []);
});

test('queue-grows: a queue that has only grown for a while; not one that also becomes shorter, or stays', () => {
  const queue = (size: number) => ({
    snapshot: snapshot({ resources: [resource('queue', 1, { name: 'orders', statistics: { size, maxsize: 0 } })] }),
  });
  assert.deepEqual(
    lasting(30, (_, i) => queue(100 + 200 * i)),
    [['queue-grows', 'Queue "orders" only grows: 6,100 items, 100 of them 30 s ago.']],
  );
  assert.deepEqual(
    lasting(30, (_, i) => queue(i % 5 === 4 ? 0 : 100 * i)),
    [],
  );
  assert.deepEqual(
    lasting(60, () => queue(5000)),
    [],
  );
  assert.deepEqual(
    lasting(60, (_, i) => queue(i)),
    [],
  );
  assert.deepEqual(
    lasting(60, (_, i) => queue(Math.min(2000, 200 * i))),
    [],
  );
  assert.deepEqual(
    lasting(10, (_, i) => queue(100 + 200 * i)),
    [],
  );
});

test('slow-drain: a drain that waits for minutes', () => {
  const drain = (age: number) =>
    new Warnings().check({
      snapshot: served([client(1, [wait('drain', { ball: 'drain', since: NOW - age, place: 0 })])], {
        places: [place('chat.ts:21')],
      }),
    });
  const [row] = drain(252 * SECOND);
  assert.equal(row?.sentence, 'Client 1 waits for minutes until a peer takes what was written.');
  assert.equal(row.evidence, 'The longest for 4 min 12 s: it waits in drain at chat.ts:21.');
  assert.deepEqual(drain(50 * SECOND), []);
});

test('write-without-drain: much unsent, and the handler waits for something else', () => {
  const state = (unsent: number, waits: readonly ReturnType<typeof wait>[]) => {
    const { task: handler, connection } = client(3, waits);
    return lasting(4, () => ({
      snapshot: served([{ task: handler, connection: { ...connection, statistics: { unsent } } }]),
    }));
  };
  const read = [wait('readLine', { ball: 'read' })];
  assert.deepEqual(state(2 ** 21, read), [
    ['write-without-drain', 'Much is written to client 3 and its handler does not wait for drain.'],
  ]);
  assert.deepEqual(state(2 ** 21, [wait('drain', { ball: 'drain', since: NOW + 4000 })]), []);
  assert.deepEqual(state(1000, read), []);
});

test('executor-starved and executor-dead are two warnings, and an executor that keeps up is none', () => {
  const figures = { size: 4, workers: 4, queued: 40, running: 4, lost: 0, finished: 12 };
  const state = (statistics: object, seconds = 12) =>
    lasting(seconds, () => ({
      snapshot: snapshot({
        resources: [resource('executor', 1, { name: 'ovens', statistics: { ...figures, ...statistics } })],
      }),
    }));
  assert.deepEqual(state({}), [['executor-starved', 'Executor "ovens" is overloaded: 40 jobs wait for 4 workers.']]);
  assert.deepEqual(state({ workers: 0, running: 0, lost: 4 }), [
    ['executor-dead', 'Executor "ovens" has no worker, and 40 jobs wait.'],
  ]);
  assert.deepEqual(state({ queued: 0 }), []);
  assert.deepEqual(state({ running: 2 }), []);
  assert.deepEqual(state({}, 5), []);
});

test('pool-starved: nothing is free and tasks wait', () => {
  const pool = (waiting: number) =>
    lasting(12, () => ({
      snapshot: snapshot({
        tasks: [task(1, 'a'), task(2, 'b')],
        resources: [
          resource('pool', 1, {
            name: 'db',
            statistics: { waiting },
            holders: [
              { task: 1, since: NOW },
              { task: 2, since: NOW },
            ],
          }),
        ],
      }),
    }));
  assert.deepEqual(pool(3), [['pool-starved', 'All of pool "db" is taken, and 3 tasks wait.']]);
  assert.deepEqual(pool(0), []);
});

test('pool-failing: tasks wait at a pool that cannot open anything', () => {
  const pool = (failing: number) =>
    lasting(12, () => ({
      snapshot: snapshot({
        resources: [resource('pool', 1, { name: 'db', statistics: { waiting: 2, leased: 1, max: 3, failing } })],
      }),
    }));
  assert.deepEqual(pool(4), [['pool-failing', 'Pool "db" cannot open anything, and 2 tasks wait.']]);
  assert.deepEqual(pool(0), []);
});

test('limit-reached: clients wait outside', () => {
  const server = (statistics: object) =>
    new Warnings()
      .check({
        snapshot: snapshot({
          resources: [resource('server', 1, { label: 'server 0.0.0.0:80', statistics: { ...statistics } })],
        }),
      })
      .map(({ sentence }) => sentence);
  assert.deepEqual(server({ parked: 12, inLine: 0, refused: { overload: 3 } }), [
    'Server 0.0.0.0:80 has reached its limit of connections, and 12 clients wait outside.',
  ]);
  assert.deepEqual(server({ parked: 0, inLine: 1, refused: {} }), [
    'Server 0.0.0.0:80 has reached its limit of handlers at a time, and 1 client waits outside.',
  ]);
  assert.deepEqual(server({ parked: 0, inLine: 0, refused: { overload: 3 } }), []);
});

test('deadlock: at the first look, and since then', () => {
  const acquire = (id: number) => wait('lock.acquire', { resource: `lock:${id}` });
  const lock = (id: number, by: number) =>
    resource('lock', id, { name: `l${id}`, holders: [{ task: by, since: NOW }] });
  const of = snapshot({
    tasks: [task(1, 'a', [acquire(2)]), task(2, 'b', [acquire(1)])],
    resources: [lock(1, 1), lock(2, 2)],
  });
  const warnings = new Warnings();
  assert.deepEqual(
    warnings.check({ snapshot: of }).map(({ code, since }) => [code, since]),
    [['deadlock', NOW]],
  );
  assert.deepEqual(
    warnings.check({ snapshot: { ...of, now: NOW + 5000 } }).map(({ since }) => since),
    [NOW],
  );
  assert.deepEqual(warnings.check({ snapshot: snapshot({ now: NOW + 6000 }) }), []);
  assert.deepEqual(
    warnings.check({ snapshot: { ...of, now: NOW + 7000 } }).map(({ since }) => since),
    [NOW + 7000],
  );
});

test('a quiet server has no warnings', () => {
  const clients = Array.from({ length: 100 }, (_, i) =>
    client(i + 1, [wait('readLine', { ball: 'read', since: NOW - 3600 * SECOND })]),
  );
  assert.deepEqual(
    lasting(60, () => ({ snapshot: served(clients) })),
    [],
  );
});
