// One snapshot, as the page, the terminal and `--json` show it: they say the same.
import assert from 'node:assert/strict';
import { treeRows } from '#page/console/page/lists/task-rows.js';
import { bytes, duration } from '#page/console/page/format.js';
import { connectionsView, groupsView, plainText, tasksView } from '#src/console/index.js';
import { clientsOf, connectionsSentence, groupsOf, summaryOf } from '#src/introspect/index.js';
import type { Methods } from '#src/inspect/protocol/index.js';
import { client, NOW, place, resource, served, task, wait } from '../../introspect/rows.js';
import { test } from '../../support/test.js';

const snapshot = served(
  [
    client(1, [wait('readLine', { ball: 'read', place: 0, since: NOW - 252_000 })]),
    client(2, [wait('drain', { ball: 'drain', place: 1, since: NOW - 1340 })]),
    client(3, [wait('lock.acquire', { resource: 'lock:1', since: NOW - 12_300 })]),
    client(4, [wait('sleep', { ball: 'clock', place: 0, since: NOW - 84 })]),
    client(5, [wait('promise', { ball: 'unseen', since: NOW - 5_400_000 })]),
  ],
  {
    tasks: [
      task(20, 'oven', [wait('await', { tasks: [1], place: 1 })]),
      task(21, 'main', [wait('server.serveForever', { ball: 'read', resource: 'server:1', place: 0 })]),
      task(22, 'stray'),
    ],
    resources: [
      resource('lock', 1, { name: 'ledger', holders: [{ task: 4, since: NOW - 26_000 }] }),
      resource('server', 1, { label: 'server 127.0.0.1:8002' }),
    ],
    places: [place('chat.ts:14'), place('chat.ts:21')],
    loop: { busy: 0.2, lag: { p50: 1, p99: 4 } },
    usual: { 'lock.acquire': 40 },
  },
);
const fresh = { how: 'asked', age: 0 } as const;
const sentence = summaryOf(snapshot);

/** The cells of a table in plain text, by the first one. */
function cellsOf(text: string): Map<string, string[]> {
  const rows = text.split('\n').map((line) => line.trim().split(/\s{2,}/));
  return new Map(rows.map(([first = '', ...rest]) => [first, rest]));
}

test('a task has the same name, words and duration in the tasks of page and terminal', () => {
  const terminal = plainText(tasksView({ sentence, fresh, snapshot }, undefined));
  assert.equal(terminal.split('\n')[0], sentence);
  const cells = cellsOf(terminal);
  const rows = treeRows(snapshot, () => true).filter(({ key }) => key.startsWith('task '));
  assert.equal(rows.length, snapshot.tasks.length);
  for (const row of rows) {
    const [name, waited, , words = ''] = cells.get(row.key.replace('task ', '')) ?? [];
    assert.equal(name, row.name);
    assert.equal(waited, row.since === null ? '-' : duration(NOW - row.since));
    // The page has the place in a column of its own, and one task as the subject.
    const what = row.what.replace(/^(wait|sleep|run)s\b/, '$1');
    const shown = row.where === '' || words.includes('held by') ? '' : ` at ${row.where}`;
    assert.ok(
      words === `${what}${shown}` || words === `${what}, place unknown`,
      `${words} | ${row.what} | ${row.where}`,
    );
  }
});

test('groups and clients have the same words in the terminal and in --json', () => {
  const groups = groupsOf(snapshot);
  const answer: Methods['groups']['result'] = {
    sentence,
    fresh,
    process: snapshot.process,
    loop: snapshot.loop,
    tasks: snapshot.tasks.length,
    clients: 5,
    groups,
    outside: [],
    cycles: [],
    warnings: [],
    places: snapshot.places,
  };
  const json = JSON.parse(JSON.stringify(answer)) as typeof answer; // what it was
  const terminal = plainText(groupsView(json, undefined, 20));
  assert.ok(terminal.startsWith(`${sentence}\n`), terminal);
  for (const { what, longest } of json.groups) {
    const words = what.replace(/^(wait|sleep|run)\b/, '$1s');
    assert.ok(terminal.includes(words), `${words} in\n${terminal}`);
    if (longest !== null) assert.ok(terminal.includes(duration(longest)), duration(longest));
  }
  const clients = clientsOf(snapshot);
  const list: Methods['connections']['result'] = {
    sentence: connectionsSentence(clients, NOW),
    fresh,
    total: clients.length,
    connections: clients,
    places: snapshot.places,
    now: NOW,
  };
  const text = plainText(connectionsView(list, undefined));
  assert.doesNotMatch(text, /NAME/, 'the names say no more than the numbers and addresses');
  const cells = cellsOf(text);
  for (const each of clients) {
    const [peer, what, waited] = cells.get(String(each.id)) ?? [];
    assert.deepEqual([peer, what], [each.peer, each.what]);
    assert.equal(waited, duration(NOW - (each.since ?? NOW)));
  }
  assert.equal(bytes(1536), '1.5 KiB');
});
