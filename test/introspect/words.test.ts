import assert from 'node:assert/strict';
import {
  type BlockRow,
  blockSentence,
  blocksSentence,
  clientsOf,
  connectionsSentence,
  type EndedRow,
  endedSentence,
  summaryOf,
  type WarningRow,
  warningsSentence,
} from '#src/introspect/index.js';
import { test } from '../support/test.js';
import { client, NOW, place, resource, served, snapshot, task, wait } from './rows.js';

const SECOND = 1000;
const calm = { busy: 0.3, lag: { p50: 1, p99: 4 } };
const usual = { 'lock.acquire': 40, drain: 500 };
const places = [place('chat.ts:14'), place('chat.ts:21')];
const read = wait('readLine', { ball: 'read', place: 0, since: NOW - 3 * 3600 * SECOND });

const block: BlockRow = {
  id: 1,
  since: NOW - 312,
  ms: 312,
  over: false,
  thread: 0,
  task: 7,
  name: '127.0.0.1:50412 #7',
  peer: '127.0.0.1:50412',
  place: { ...place('dough.ts:12'), function: 'knead' },
  stack: [],
  waiting: null,
};

test('the summary names who waits unusually long, for what, and who holds it since when', () => {
  const locked = wait('lock.acquire', { resource: 'lock:1', since: NOW - 20 * SECOND });
  const clients = Array.from({ length: 100 }, (_, i) => client(i + 1, [i < 35 ? locked : read]));
  const ledger = resource('lock', 1, { name: 'ledger', holders: [{ task: 42, since: NOW - 26 * SECOND }] });
  const of = served(clients, { resources: [ledger], places, loop: calm, usual });
  assert.equal(
    summaryOf(of),
    'The loop keeps up; 35 clients wait unusually long, all for lock "ledger", held by client 42 for 26 s.',
  );
  const { usual: _, ...before } = of;
  assert.equal(summaryOf(before), 'The loop keeps up; 35 of 100 clients wait for lock "ledger", held by client 42.');
});

test('the summary says where most of several wait unusually long', () => {
  const drain = wait('drain', { ball: 'drain', place: 1, since: NOW - 90 * SECOND });
  const locked = wait('lock.acquire', { resource: 'lock:1', since: NOW - 20 * SECOND });
  const of = served([client(1, [drain]), client(2, [drain]), client(3, [locked])], {
    resources: [resource('lock', 1, { name: 'x', holders: [{ task: null, since: NOW }] })],
    places,
    loop: calm,
    usual,
  });
  assert.equal(summaryOf(of), 'The loop keeps up; 3 clients wait unusually long, 2 of them in drain at chat.ts:21.');
});

test('a third of the clients at one lock or executor is said, however short they wait', () => {
  const locked = wait('lock.acquire', { resource: 'lock:1', since: NOW - 90 });
  const of = (waiting: number, all: number, more: Parameters<typeof served>[1] = {}) =>
    summaryOf(
      served(
        Array.from({ length: all }, (_, i) => client(i + 1, [i < waiting ? locked : read])),
        {
          resources: [resource('lock', 1, { name: 'ledger', holders: [{ task: 35, since: NOW - 50 }] })],
          loop: calm,
          usual,
          places,
          ...more,
        },
      ),
    );
  assert.equal(of(34, 40), 'The loop keeps up; 34 of 40 clients wait for lock "ledger", held by client 35.');
  assert.equal(of(3, 3), 'The loop keeps up; all 3 clients wait for lock "ledger", held by task 35.');
  assert.equal(of(2, 2), 'The loop keeps up; 2 clients wait, none unusually long.');
  assert.equal(of(33, 100), 'The loop keeps up; 100 clients wait, none unusually long.');
  const job = resource('job', 1, { parent: 'executor:1' });
  const cooks = Array.from({ length: 4 }, (_, i) =>
    client(i + 1, [wait('executor.call', { ball: 'kitchen', resource: 'job:1', place: 0 })]),
  );
  assert.equal(
    summaryOf(served(cooks, { resources: [job, resource('executor', 1, { name: 'ovens' })], places, loop: calm })),
    'The loop keeps up; all 4 clients wait for executor "ovens".',
  );
});

test('a read, a sleep and a wait below a second are never unusual', () => {
  const of = served(
    [
      client(1, [read]),
      client(2, [wait('lock.acquire', { since: NOW - 900 })]),
      client(3, [wait('sleep', { ball: 'clock' })]),
    ],
    { places, usual: { readLine: 1, 'lock.acquire': 1, sleep: 1 } },
  );
  assert.equal(summaryOf(of), '3 clients wait, none unusually long.');
});

test('an empty process, one that only has tasks, and an overloaded loop', () => {
  assert.equal(summaryOf(snapshot({ loop: calm })), 'The loop keeps up; nothing runs: no client and no task.');
  const one = snapshot({ tasks: [task(1, 'a', [wait('sleep', { ball: 'clock' })])], loop: calm });
  assert.equal(summaryOf(one), 'The loop keeps up; 1 task waits, not unusually long.');
  assert.equal(
    summaryOf({ ...one, loop: { busy: 0.982, lag: { p50: 20, p99: 240 } } }),
    'The loop is overloaded: busy 98 % of the time and late by up to 240 ms; 1 task waits, not unusually long.',
  );
  assert.equal(
    summaryOf({ ...one, loop: { busy: 0.02, lag: { p50: 0.2, p99: 240 } } }),
    'The loop was late by up to 240 ms; 1 task waits, not unusually long.',
  );
});

test('an overloaded executor and one whose workers are gone are told apart', () => {
  const ovens = (statistics: Record<string, unknown>) =>
    summaryOf(snapshot({ resources: [resource('executor', 1, { name: 'ovens', statistics })], loop: calm }));
  const figures = { size: 4, workers: 4, queued: 40, running: 4, lost: 0 };
  assert.equal(
    ovens(figures),
    'The loop keeps up; executor "ovens" is overloaded: all 4 workers are busy and 40 jobs wait.',
  );
  assert.equal(
    ovens({ ...figures, workers: 0, running: 0, lost: 4 }),
    'The loop keeps up; executor "ovens" has lost its workers (4 ended by themselves), and 40 jobs wait.',
  );
  assert.match(ovens({ ...figures, queued: 0 }), /nothing runs/);
  // Workers on other machines are also busy with the jobs of others, and lose jobs, not themselves.
  const far = { ...figures, running: 0, idle: 0, machines: [{}] };
  assert.match(ovens(far), /executor "ovens" is overloaded: all 4 workers are busy and 40 jobs wait/);
  assert.doesNotMatch(ovens({ ...far, idle: 1 }), /overloaded/);
  assert.match(ovens({ ...far, size: 0, workers: 0, lost: 4 }), /executor "ovens" has no worker, and 40 jobs wait/);
});

test('a deadlock and a limit are in the summary', () => {
  const acquire = (id: number) => wait('lock.acquire', { resource: `lock:${id}` });
  const lock = (id: number, name: string, by: number) =>
    resource('lock', id, { name, holders: [{ task: by, since: NOW }] });
  const of = snapshot({
    tasks: [task(1, 'a', [acquire(2)]), task(2, 'b', [acquire(1)])],
    resources: [lock(1, 'x', 1), lock(2, 'y', 2)],
  });
  assert.equal(
    summaryOf(of),
    'Deadlock: task "a" waits for lock "y", held by task "b", which waits for lock "x", held by task "a".',
  );
  assert.match(summaryOf({ ...of, loop: calm }), /^Deadlock: task .*, held by task "a"; the loop keeps up\.$/);
  const outside = {
    server: 'server 0.0.0.0:80',
    parked: 12,
    inLine: 0,
    refused: 0,
    backlog: null,
    limit: 'maxConnections 120',
  };
  assert.equal(
    summaryOf(snapshot({ loop: calm }), { outside: [outside] }),
    'The loop keeps up; server 0.0.0.0:80 has reached maxConnections 120, and 12 clients wait outside.',
  );
});

test('a block is named by client, function and place; what was inferred says probably', () => {
  assert.equal(blockSentence(block), 'Blocked for 312 ms by client 7 in knead (dough.ts:12).');
  assert.equal(
    summaryOf(snapshot({ loop: calm }), { block }),
    'Blocked for 312 ms by client 7 in knead (dough.ts:12).',
  );
  assert.equal(
    blockSentence({ ...block, waiting: 480, over: true }),
    'Was blocked for 312 ms by client 7 in knead (dough.ts:12), while 480 clients wait with unread bytes.',
  );
  const { place: _, ...rest } = block;
  const inferred: BlockRow = { ...rest, name: 'oven', peer: null, place: null, inferred: true, why: 'no stack on Bun' };
  assert.equal(blockSentence(inferred), 'Blocked for 312 ms probably by task "oven" (no stack on Bun).');
  assert.equal(
    blockSentence({ ...inferred, task: null, name: null, thread: 2 }),
    'Blocked for 312 ms probably by code in worker 2 (no stack on Bun).',
  );
});

test('a block in which the system ran other programs says so before it names anybody', () => {
  assert.equal(
    blockSentence({ ...block, ms: 299, starved: 180 }),
    'Blocked for 299 ms, of which the system ran other programs for 180 ms; the rest by client 7 in knead (dough.ts:12).',
  );
});

test('the blocks of a process: none, one that lasts, the longest so far', () => {
  assert.equal(blocksSentence([], NOW), 'No code has blocked the loop so far.');
  assert.equal(blocksSentence([{ ...block, over: true }, block], NOW), blockSentence(block));
  const over = [
    { ...block, over: true, since: NOW - 60_312 },
    { ...block, over: true, ms: 80, since: NOW - 1080 },
  ];
  assert.equal(
    blocksSentence(over, NOW),
    'Nothing blocks the loop now; 2 blocks so far, the longest 312 ms by client 7 in knead (dough.ts:12), 1 min ago.',
  );
});

test('clients, what has ended, warnings', () => {
  const rows = clientsOf(
    served([client(1, [read]), client(2, [wait('drain', { ball: 'drain', place: 1 })])], { places }),
  );
  assert.equal(connectionsSentence(rows, NOW), '2 clients; client 1 waits longest, for 3 h in readLine at chat.ts:14.');
  assert.equal(
    connectionsSentence(rows.slice(1), NOW, 2),
    '1 of 2 clients; client 2 waits longest, for 1 s in drain at chat.ts:21.',
  );
  assert.equal(connectionsSentence([], NOW), 'No client is connected.');
  assert.equal(connectionsSentence([], NOW, 5), 'None of 5 clients matches.');
  const ended = (how: EndedRow['how']): EndedRow => ({ what: 'task', id: 1, name: 'x', at: NOW, ms: 1, how });
  assert.equal(
    endedSentence([ended('returned'), ended('returned'), ended('cancelled'), ended('lost')]),
    'The last 4 that ended: 2 returned, 1 was cancelled, 1 was lost.',
  );
  assert.equal(endedSentence([]), 'Nothing has ended since the inspector began.');
  const warning: WarningRow = { code: 'x', sentence: 'It rains.', evidence: '', remedy: '', since: NOW };
  assert.equal(warningsSentence([]), 'Nothing needs attention.');
  assert.equal(warningsSentence([warning]), 'It rains.');
  assert.equal(warningsSentence([warning, warning]), 'It rains. 1 other thing needs attention too.');
});
