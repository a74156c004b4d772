// What the commands print for what a process answers: sentence, rows, JSON, exit codes.
import assert from 'node:assert/strict';
import type { Methods } from '#src/inspect/protocol/index.js';
import {
  blockRow,
  clientRow,
  connectionsResult,
  FRESH,
  group,
  groupsResult,
  helloResult,
  snapshot,
  startFake,
  taskRow,
} from '../support/fake-inspector.js';
import { Program, maitre, runMaitre } from '../support/program.js';
import { test } from '../support/test.js';

const EVIL = '\x1b[2J\x1b]0;owned\x07\nfake line';
const CONTROL = /[\0-\x09\x0b-\x1f\x7f-\x9f]/; // oxlint-disable-line no-control-regex -- the point

const bill: Methods['bill']['result'] = {
  sentence: 'Client 4 has taken 12.4 s, most of it waiting for the peer.',
  fresh: FRESH,
  bill: {
    client: 'client 4',
    from: 0,
    wall: 12_400,
    full: false,
    lines: [
      { what: 'own', ms: 400 },
      { what: 'peer', ms: 9000 },
      { what: 'lock', ms: 3000, who: [{ name: EVIL, ms: 3000 }] },
    ],
  },
};

/** Each command that asks one question, with what it needs. */
const EACH: readonly (readonly string[])[] = [
  ['ps'],
  ['ps', '--all'],
  ['pstree'],
  ['connections'],
  ['blocked'],
  ['bill', '4'],
  ['cancel', '4', '--yes'],
];

test('every command prints the sentence of the process first, and --json the very answer', async () => {
  const answers = {
    groups: groupsResult([group(2, 'wait in readLine at chat.ts:14')], { sentence: 'Two wait.' }),
    snapshot: { sentence: 'Three tasks.', fresh: FRESH, snapshot: snapshot([taskRow(1), taskRow(2), taskRow(3)]) },
    connections: connectionsResult([clientRow(1)], { sentence: 'One client.' }),
    blocks: { sentence: 'It is blocked.', fresh: FRESH, blocks: [blockRow()], now: 11_520_000 },
    bill,
    page: { sentence: 'The page is open to one browser.', address: 'http://127.0.0.1:4711/?token=abc' },
    cancel: { sentence: 'cancelled', fresh: FRESH, outcome: 'done' },
  } as const;
  await using fake = await startFake({
    groups: () => answers.groups,
    snapshot: () => answers.snapshot,
    connections: () => answers.connections,
    blocks: () => answers.blocks,
    bill: () => answers.bill,
    page: () => answers.page,
    cancel: () => answers.cancel,
  });
  for (const [method, args] of [
    ['groups', ['ps']],
    ['snapshot', ['ps', '--all']],
    ['snapshot', ['pstree']],
    ['connections', ['connections']],
    ['blocks', ['blocked']],
    ['bill', ['bill', '4']],
    ['page', ['console']],
    ['cancel', ['cancel', 'task:4', '--yes']],
  ] as const) {
    const plain = await runMaitre([...args, fake.path], { env: fake.env });
    assert.deepEqual([plain.code, plain.stderr], [0, ''], args.join(' '));
    assert.equal(plain.stdout.split('\n')[0], answers[method].sentence);
    assert.doesNotMatch(plain.stdout, CONTROL, args.join(' '));
    const json = await runMaitre([...args, '--json', fake.path], { env: fake.env });
    assert.equal(json.code, 0);
    assert.deepEqual(JSON.parse(json.stdout), answers[method], args.join(' '));
    assert.equal(json.stdout.split('\n').length, 2, 'one line');
  }
});

test(
  'nothing that a client is called reaches a terminal as a command',
  async () => {
    await using fake = await startFake({
      groups: () => groupsResult([group(1, `wait in ${EVIL}`, { example: EVIL })], { sentence: `Hello ${EVIL}` }),
      snapshot: () => ({ sentence: EVIL, fresh: FRESH, snapshot: snapshot([taskRow(1, { name: EVIL })]) }),
      connections: () => connectionsResult([clientRow(1, { name: EVIL, peer: EVIL, what: EVIL, server: EVIL })]),
      blocks: () => ({
        sentence: EVIL,
        fresh: FRESH,
        blocks: [blockRow({ name: EVIL, peer: EVIL, stack: [EVIL] })],
        now: 0,
      }),
      bill: () => bill,
      cancel: () => Object.assign(new Error(EVIL), { name: 'NOT_ALLOWED' }),
    });
    for (const args of EACH) {
      for (const json of [[], ['--json']]) {
        const { stdout, stderr } = await runMaitre([...args, ...json, fake.path], { env: fake.env });
        assert.match(stdout + stderr, /fake line/, args.join(' '));
        assert.doesNotMatch(stdout + stderr, CONTROL, args.join(' '));
      }
    }
  },
  { timeout: 60_000 },
); // some twenty commands

test('exit code 1 means that there is nothing: no tasks, no clients, no block, no such client', async () => {
  await using fake = await startFake({
    groups: () => groupsResult([]),
    snapshot: () => ({ sentence: 'Nothing.', fresh: FRESH, snapshot: snapshot([]) }),
    connections: () => connectionsResult([]),
    blocks: () => ({ sentence: 'Nothing has blocked the loop.', fresh: FRESH, blocks: [], now: 0 }),
    bill: () => Object.assign(new Error('there is no client 4'), { name: 'NOT_FOUND' }),
    cancel: () => ({ sentence: 'it has ended already', fresh: FRESH, outcome: 'ended' }),
  });
  for (const args of EACH) {
    assert.equal((await runMaitre([...args, fake.path], { env: fake.env })).code, 1, args.join(' '));
  }
});

test('exit code 2 means trouble: a refusal, a method that the process does not know, wrong usage', async () => {
  await using fake = await startFake({
    cancel: () => Object.assign(new Error('the inspector was started without control'), { name: 'NOT_ALLOWED' }),
  });
  for (const [args, message] of [
    [['cancel', '4', '--yes'], 'maitre: the inspector was started without control\n'],
    [['cancel', '4'], 'maitre: there is no terminal to ask on: --yes cancels without asking\n'],
    [['ps'], 'maitre: there is no method "groups"\n'],
    [['bill', 'x'], 'maitre: CLIENT must be a number, got "x" (maitre bill --help tells more)\n'],
    [
      ['cancel', 'x'],
      'maitre: cancel needs the number of a client, or task:ID, got "x" (maitre cancel --help tells more)\n',
    ],
  ] as const) {
    const { code, stdout, stderr } = await runMaitre([...args, fake.path], { env: fake.env });
    assert.deepEqual([code, stdout, stderr], [2, '', message]);
  }
});

test('maitre blocked --now finds only the block that lasts', async () => {
  await using fake = await startFake({
    blocks: () => ({
      sentence: 'The loop is free.',
      fresh: FRESH,
      blocks: [blockRow({ over: true })],
      now: 11_520_000,
    }),
  });
  assert.equal((await runMaitre(['blocked', fake.path], { env: fake.env })).code, 0);
  const { code, stdout } = await runMaitre(['blocked', '--now', fake.path], { env: fake.env });
  assert.deepEqual([code, stdout], [1, 'The loop is free.\n']);
});

test('maitre connections passes on order, filter and limit', async () => {
  await using fake = await startFake({ connections: () => connectionsResult([clientRow(1)], { total: 9 }) });
  const { stdout } = await runMaitre(
    ['connections', '--sort', 'unsent', '--filter', '10.0.', '--limit', '1', fake.path],
    {
      env: fake.env,
    },
  );
  assert.deepEqual(fake.requests.map(({ params }) => params).at(-1), { sort: 'unsent', filter: '10.0.', limit: 1 });
  assert.match(stdout, /^1 of 9; --limit shows more$/m);
});

test('a reader that leaves early ends the command quietly', async () => {
  const tasks = Array.from({ length: 50_000 }, (_, id) => taskRow(id));
  await using fake = await startFake({
    snapshot: () => ({ sentence: 'Many.', fresh: FRESH, snapshot: snapshot(tasks) }),
  });
  await using program = new Program([maitre, 'ps', '--all', fake.path], { env: fake.env });
  program.child.stdout?.once('data', () => program.child.stdout?.destroy());
  const { code, stderr } = await program.ended();
  assert.deepEqual([code, stderr], [0, '']);
});

test('a slow reader gets all of a long answer', async () => {
  const tasks = Array.from({ length: 30_000 }, (_, id) => taskRow(id));
  await using fake = await startFake({
    snapshot: () => ({ sentence: 'Many.', fresh: FRESH, snapshot: snapshot(tasks) }),
  });
  await using program = new Program([maitre, 'ps', '--all', fake.path], { env: fake.env });
  program.child.stdout?.pause();
  setTimeout(() => program.child.stdout?.resume(), 3000); // longer than the end of a process waits
  const { code, stdout } = await program.ended();
  assert.equal(code, 0);
  assert.equal(stdout.split('\n').length, 30_000 + 3);
});

test('another version of the protocol is one line that names both, and exit code 2', async () => {
  await using fake = await startFake({ hello: () => ({ ...helloResult(), protocol: 7, version: '9.9.9' }) });
  for (const args of [['ps'], ['top'], ['top', '--json'], ['cancel', '--yes', '1'], ['console']]) {
    const { code, stdout, stderr } = await runMaitre([...args, fake.path], { env: fake.env });
    assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    assert.equal(
      stderr,
      `maitre: ${fake.path} runs maitre 9.9.9 with version 7 of the protocol, expected version 1: ` +
        'use the maitre of that program\n',
    );
  }
});

test('answers of another version of the protocol are one line and exit code 2', async () => {
  const other = (): never => ({}) as never;
  await using fake = await startFake({ groups: other, connections: other, record: other, blocks: other });
  for (const args of [['ps'], ['top'], ['blocked'], ['record', '-o', '/dev/null']]) {
    const { code, stderr } = await runMaitre([...args, fake.path], { env: fake.env });
    assert.equal(stderr, `maitre: ${fake.path} runs another version of maitre, whose answers this one cannot read\n`);
    assert.equal(code, 2);
  }
});
