import assert from 'node:assert/strict';
import { type Group, groupLines, groupsOf, type Snapshot } from '#src/introspect/index.js';
import { test } from '../support/test.js';
import { client, NOW, place, resource, served, snapshot, task, wait } from './rows.js';

const SECOND = 1000;
const places = [place('chat.ts:14'), place('chat.ts:21'), place('menu.ts:3')];
const linesOf = (of: Snapshot): string[] => groupLines(groupsOf(of));
const counted = (groups: readonly Group[]): number => groups.reduce((sum, { count }) => sum + count, 0);

test('identical waits of clients are one line, in the words of the paper', () => {
  const read = (age: number) => wait('readLine', { ball: 'read', since: NOW - age, place: 0 });
  const drain = wait('drain', { ball: 'drain', place: 1 });
  const lock = wait('lock.acquire', { resource: 'lock:1', since: NOW - 26 * SECOND });
  const clients = Array.from({ length: 10_000 }, (_, i) => {
    if (i < 9812) return client(i + 1, [read(i === 5 ? 3 * 3600 * SECOND : 2 * SECOND)]);
    return client(i + 1, [i < 9999 ? drain : lock]);
  });
  const ledger = resource('lock', 1, { name: 'ledger', holders: [{ task: 7, since: NOW - 26 * SECOND }] });
  const groups = groupsOf(served(clients, { resources: [ledger], places }));
  assert.deepEqual(groupLines(groups), [
    '9,812 wait in readLine at chat.ts:14 (2 s to 3 h)',
    '187 in drain at chat.ts:21 (1 s)',
    '1 for lock "ledger", held by client 7 (26 s)',
  ]);
  assert.equal(groups[0]?.example, 'client 6');
  assert.equal(groups[2]?.resource, 'lock:1');
});

test('each client is counted once, whatever number of tasks works for it, by what needs attention most', () => {
  const group = wait('task group', { tasks: [2, 3] });
  const of = served([client(1, [group])], {
    tasks: [
      task(2, 'reads', [wait('readLine', { ball: 'read', place: 0 })], { awaitedBy: [1] }),
      task(3, 'computes', [wait('executor.call', { ball: 'kitchen', resource: 'job:1', place: 1 })], {
        awaitedBy: [1],
      }),
      task(4, 'menu', [wait('sleep', { ball: 'clock', place: 2 })]),
    ],
    resources: [resource('job', 1, { parent: 'executor:1' }), resource('executor', 1, { name: 'ovens' })],
    places,
  });
  assert.deepEqual(linesOf(of), [
    '1 waits for jobs of executor "ovens" at chat.ts:21 (1 s)',
    '1 task sleeps at menu.ts:3 (1 s)',
  ]);
});

test('there are at most twelve groups; the last one joins the rest, so that the sum is right', () => {
  const many = Array.from({ length: 30 }, (_, i) => place(`chat.ts:${i + 1}`));
  const clients = Array.from({ length: 60 }, (_, i) =>
    client(i + 1, [wait('readLine', { ball: 'read', place: i % 30 })]),
  );
  const groups = groupsOf(served(clients, { places: many }));
  assert.equal(groups.length, 12);
  assert.equal(counted(groups), 60);
  assert.equal(groupLines(groups)[11], 'and 38 more in 19 other places');
});

test('what is not known says so: an unknown place, a guess, a promise that is not maitre’s', () => {
  const lines = linesOf(
    snapshot({
      places,
      tasks: [
        task(1, 'a', [wait('readLine', { ball: 'read' })]),
        task(2, 'b', [wait('readLine', { ball: 'read', place: 0, guessed: true })]),
        task(3, 'c', [], { createdAt: 2 }),
        task(4, 'd', [wait('promise', { ball: 'unseen', place: 1 })]),
        task(5, 'e', [], { state: 'running' }),
      ],
    }),
  );
  assert.deepEqual(lines.sort(), [
    "1 task for a promise that is not maitre's at chat.ts:21 (1 s)",
    "1 task for something that is not maitre's, created at menu.ts:3",
    '1 task in readLine, probably at chat.ts:14 (1 s)',
    '1 task runs at this moment',
    '1 task waits in readLine, place unknown (1 s)',
  ]);
});

test('a place is only probable while nobody of the group was seen there', () => {
  const guess = wait('readLine', { ball: 'read', place: 0, guessed: true });
  const seen = wait('readLine', { ball: 'read', place: 0 });
  const lines = (...those: (typeof seen)[]) =>
    linesOf(
      served(
        those.map((each, i) => client(i + 1, [each])),
        { places },
      ),
    );
  assert.deepEqual(lines(guess, guess), ['2 wait in readLine, probably at chat.ts:14 (1 s)']);
  assert.deepEqual(lines(guess, seen, guess), ['3 wait in readLine at chat.ts:14 (1 s)']);
});

test('a client without a handler at work is counted too', () => {
  const { connection } = client(1, []);
  const { task: _, ...idle } = connection;
  assert.deepEqual(linesOf(snapshot({ resources: [idle] })), [
    '1 has no handler at work: in line for one, or left open by it (5 s)',
  ]);
});

test('names from the program cannot disturb a terminal', () => {
  const lock = resource('lock', 1, { name: 'a\u001b[2J', label: 'lock "a\u001b[2J"' });
  const [line] = linesOf(
    snapshot({ tasks: [task(1, 'x', [wait('lock.acquire', { resource: 'lock:1' })])], resources: [lock] }),
  );
  assert.equal(line, '1 task waits for lock "a\\x1b[2J" (1 s)');
});

test('callers of an executor on other machines are told apart by machine, unless there are many', () => {
  const states = [
    { state: 'queued' },
    { state: 'queued' },
    { state: 'running', machine: 'vm1:7', attempt: 1 },
    { state: 'running', machine: 'vm1:7', attempt: 2 },
    { state: 'running', machine: 'vm2:8', attempt: 1 },
    { state: 'running', attempt: 1 },
  ];
  const jobs = states.map((statistics, i) =>
    resource('job', i + 1, { label: 'cook of menu', parent: 'executor:1', statistics }),
  );
  const cooks = states.map((_, i) =>
    client(i + 1, [wait('executor.call', { ball: 'kitchen', resource: `job:${i + 1}`, place: 0 })]),
  );
  const of = (machines: number): Snapshot => {
    const executor = resource('executor', 1, {
      name: 'far',
      statistics: { machines: Array.from({ length: machines }, () => ({})) },
    });
    return served(cooks, { resources: [...jobs, executor], places });
  };
  assert.deepEqual(linesOf(of(2)), [
    '2 wait for jobs of executor "far" in the queue at chat.ts:14 (1 s)',
    '2 for jobs of executor "far" on vm1:7 at chat.ts:14 (1 s)',
    '1 for jobs of executor "far" on vm2:8 at chat.ts:14 (1 s)',
    '1 for jobs of executor "far" at chat.ts:14 (1 s)',
  ]);
  assert.deepEqual(linesOf(of(5)), [
    '4 wait for jobs of executor "far" on other machines at chat.ts:14 (1 s)',
    '2 for jobs of executor "far" in the queue at chat.ts:14 (1 s)',
  ]);
});
