// `maitre top` in a real terminal: what is on the screen, and in which state the terminal is left.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Methods } from '#src/inspect/protocol/index.js';
import {
  blockRow,
  clientRow,
  connectionsResult,
  FRESH,
  group,
  groupsResult,
  startFake,
  type Answers,
  type FakeInspector,
} from '../support/fake-inspector.js';
import { Folder, maitre, runMaitre } from '../support/program.js';
import { InTerminal, noTerminal } from '../support/terminal.js';
import { test } from '../support/test.js';

const EVIL = '\x1b[2J\x1b[31m\x1b]0;owned\x07食堂';
const skip = noTerminal;

/** The screen once there was an answer. */
const SHOWN = /^(?:The|Process|No) [^]*\nq quit /;

type Asked = Methods['connections']['params'];

function busy(more: Answers = {}): Promise<FakeInspector> {
  const clients = Array.from({ length: 200 }, (_, index) => clientRow(index + 1, index === 2 ? { name: EVIL } : {}));
  return startFake({
    groups: () =>
      groupsResult([
        group(150, 'wait in readLine at chat.ts:14'),
        group(50, 'wait in drain at chat.ts:21', { ball: 'drain' }),
      ]),
    connections: ({ limit = 50, filter = '', sort = 'longest' }: Asked) => {
      const found = clients.filter(({ peer }) => peer.includes(filter));
      const sorted = sort === 'longest' ? found.toReversed() : found;
      return connectionsResult(sorted.slice(0, limit), { total: found.length });
    },
    ...more,
  });
}

function startTop(
  fake: FakeInspector,
  size: readonly [number, number] = [80, 24],
  env: NodeJS.ProcessEnv = {},
): InTerminal {
  return new InTerminal([maitre, 'top', fake.path, '--every', '200ms'], size, { env: { ...fake.env, ...env } });
}

test(
  'maitre top fills the screen, and nothing on it is wider than the terminal',
  async () => {
    await using fake = await busy();
    await using terminal = startTop(fake);
    const lines = await terminal.sees(SHOWN);
    assert.ok(terminal.isAlternate);
    assert.ok(!terminal.hasWrapped);
    assert.equal(lines.length, 24);
    assert.equal(lines[0], 'The loop keeps up; nobody waits unusually long.');
    assert.match(lines[1] ?? '', /^pid \d+ · chat\.ts · up 3 h 12 min · 200 clients · busy 12 %/);
    assert.equal(lines[2], '150 for bytes · 50 for the peer to take bytes');
    assert.match(lines[3] ?? '', /^ ?ID  PEER .* WHAT IT DOES .* FOR/);
    assert.match(lines[4] ?? '', /^200  127\.0\.0\.1:40200 /);
    assert.match(lines[22] ?? '', /^182 /, 'the table reaches the last line');
    assert.match(lines[23] ?? '', /^q quit {2}s sort: longest .* every [\d.]+ m?s, took \d/);
  },
  { skip },
);

/** Whether this runtime takes no notice of NODE_OPTIONS. */
const noNodeOptions = 'bun' in process.versions || 'deno' in process.versions;

test(
  'maitre top gives the terminal back after q, Ctrl-C, kill, a hang-up and a crash',
  async () => {
    await using fake = await busy();
    using folder = new Folder();
    const crash = folder.write('crash.mjs', 'setTimeout(() => { throw new Error("boom"); }, 1500);');
    for (const [name, end, code, env] of [
      ['q', (terminal: InTerminal) => terminal.type('q'), 0, {}],
      ['Ctrl-C', (terminal: InTerminal) => terminal.type('\x03'), 0, {}],
      ['SIGINT', (terminal: InTerminal) => terminal.signal('SIGINT'), 130, {}],
      ['SIGTERM', (terminal: InTerminal) => terminal.signal('SIGTERM'), 143, {}],
      ['SIGHUP', (terminal: InTerminal) => terminal.signal('SIGHUP'), 129, {}],
      ['a crash', () => undefined, 1, { NODE_OPTIONS: `--import ${crash}` }],
    ] as const) {
      if (name === 'a crash' && noNodeOptions) continue;
      await using terminal = startTop(fake, [80, 24], env);
      await terminal.sees(SHOWN);
      end(terminal);
      const ended = await terminal.ends();
      assert.deepEqual([ended.code, ended.restored], [code, true], name);
      assert.ok(!terminal.isAlternate, name);
      assert.ok(
        terminal.output.lastIndexOf('\x1b[?25h') > terminal.output.lastIndexOf('\x1b[?25l'),
        `${name}: the cursor`,
      );
      assert.ok(terminal.output.lastIndexOf('\x1b[?7h') > terminal.output.lastIndexOf('\x1b[?7l'), `${name}: wrapping`);
      const left = terminal.lines().join('\n').trim();
      if (name === 'a crash') assert.match(left, /Error: boom/, 'the error is on the screen that stays');
      else assert.equal(left, '', name);
    }
  },
  { skip, timeout: 40_000 },
);

test(
  'maitre top gives the terminal back while Ctrl-Z stops it, and draws again when it goes on',
  async () => {
    await using fake = await busy();
    await using terminal = startTop(fake);
    await terminal.sees(SHOWN);
    terminal.type('\x1a');
    assert.deepEqual(await terminal.ends(), { stopped: true, restored: true });
    assert.ok(!terminal.isAlternate);
    terminal.signal('SIGCONT');
    await terminal.sees(SHOWN);
    assert.ok(terminal.isAlternate);
    terminal.type('q');
    assert.deepEqual(await terminal.ends(), { code: 0, signal: null, restored: true });
  },
  { skip },
);

test(
  'maitre top survives every size, also one of a few columns and rows',
  async () => {
    await using fake = await busy();
    await using terminal = startTop(fake);
    await terminal.sees(SHOWN);
    for (const [columns, rows] of [
      [40, 12],
      [132, 50],
      [20, 5],
      [7, 2],
      [1, 1],
      [80, 24],
    ] as const) {
      terminal.resize(columns, rows);
      // The table reaches the last line but one, which says that all was drawn.
      const lines = await terminal.sees(rows < 12 ? /q|^…$/ : /\n *\d+ {2}\S[^\n]*\nq quit[^\n]*$/);
      assert.ok(!terminal.hasWrapped, `${columns} x ${rows}`);
      assert.equal(lines.length, rows);
    }
  },
  { skip },
);

test(
  'keys sort, filter, scroll, and change between clients and groups',
  async () => {
    await using fake = await busy();
    await using terminal = startTop(fake);
    await terminal.sees(/^200 /m);
    terminal.type('s');
    await terminal.sees(/sort: bytes/);
    await terminal.sees(/^ *1 {2}127\.0\.0\.1:40001/m);
    terminal.type('\x1b[6~'); // a page down
    await terminal.sees(/^ *20 {2}127[^]*from 20 of 200/m);
    terminal.type('/4005x\x7f');
    await terminal.sees(/^filter: 4005_/m);
    terminal.type('\r');
    await terminal.sees(/^ *50 {2}127[^]*filter: 4005 /m);
    assert.deepEqual(fake.requests.findLast(({ method }) => method === 'connections')?.params, {
      sort: 'bytes',
      limit: 39,
      filter: '4005',
    });
    terminal.type('/nobody\r');
    await terminal.sees(/^no client matches 4005nobody$/m);
    terminal.type('\x1b');
    await terminal.sees(/^ *1 {2}127/m);
    terminal.type('g');
    await terminal.sees(/^ *150 {2}wait in readLine at chat\.ts:14/m);
  },
  { skip },
);

test(
  'nothing that a client is called moves the cursor or retitles the terminal',
  async () => {
    await using fake = await busy();
    await using terminal = startTop(fake, [120, 24]);
    terminal.type('sss'); // by id
    const lines = await terminal.sees(/^ *3 {2}127.*\\x1b\[2J/m);
    assert.equal(lines[0], 'The loop keeps up; nobody waits unusually long.');
    assert.doesNotMatch(terminal.output, /\x1b\]/); // oxlint-disable-line no-control-regex -- the point
  },
  { skip },
);

test(
  'maitre top shows a block while it lasts, with its sentence first',
  async () => {
    const sentence = 'The loop is blocked: client 4 in crunch at chat.ts:21 for 1,200 ms; 312 clients wait.';
    await using fake = await busy({
      groups: () =>
        groupsResult([group(3, 'wait')], { sentence, fresh: { how: 'interrupted', age: 0, block: blockRow() } }),
    });
    await using terminal = startTop(fake);
    const lines = await terminal.sees(SHOWN);
    assert.equal(lines.slice(0, 2).join(' '), sentence);
    assert.match(terminal.output, /\x1b\[1;31mThe loop is blocked/); // oxlint-disable-line no-control-regex -- the point
  },
  { skip },
);

test(
  'maitre top says that a process is silent, since when, and that it has ended',
  async () => {
    let asked = 0;
    await using fake = await busy({
      groups: () => (asked++ === 0 ? groupsResult([group(3, 'wait')]) : 'silent'),
    });
    await using terminal = startTop(fake);
    await terminal.sees(/^No answer for \d\.?\d* s\. What you see is its last answer\.\nThe loop keeps up/m);
    await fake.die();
    await terminal.sees(
      /\.sock: (?:it ended before its answer|the connection broke off)[^]*its last answer\.\nThe loop keeps up/m,
    );
    terminal.type('q');
    assert.equal((await terminal.ends()).code, 0);
  },
  { skip },
);

test(
  'maitre top ends with one line, and no stack, when the process answers in another form or refuses',
  async () => {
    for (const [groups, message] of [
      [() => ({}) as never, /^maitre: \S+ runs another version of maitre, whose answers this one cannot read$/],
      [() => Object.assign(new Error('no such rows'), { name: 'BAD_REQUEST' }), /^maitre: no such rows$/],
    ] as const) {
      await using fake = await busy({ groups });
      await using terminal = startTop(fake);
      const { code, restored } = await terminal.ends();
      assert.deepEqual([code, restored], [2, true]);
      assert.match(terminal.lines().join('').trim(), message); // it wraps
    }
  },
  { skip },
);

test(
  'maitre top says that a process cannot answer now, and shows it once it can',
  async () => {
    let refuses = true;
    await using fake = await busy({
      groups: () =>
        refuses
          ? Object.assign(new Error('the process is blocked'), { name: 'NOT_AVAILABLE' })
          : groupsResult([group(3, 'wait')]),
    });
    await using terminal = startTop(fake);
    await terminal.sees(/^No answer: the process is blocked\.$/m);
    refuses = false;
    await terminal.sees(/^The loop keeps up/);
  },
  { skip },
);

test(
  'maitre top takes at most 3 % of the time of a process, and shows what it takes (zhongwencool/observer_cli#62)',
  async () => {
    await using fake = await busy({
      groups: async () => {
        await delay(60);
        return groupsResult([group(3, 'wait')]);
      },
    });
    await using terminal = startTop(fake);
    const lines = await terminal.sees(/took [\d.]+ ms/);
    const [, every, took] = /every ([\d.]+) s, took ([\d.]+) ms/.exec(lines.join('\n')) ?? [];
    assert.ok(Number(every) * 1000 >= 32 * Number(took), lines.at(-1) ?? '');
    await delay(1500);
    assert.equal(fake.requests.filter(({ method }) => method === 'groups').length, 1);
  },
  { skip },
);

test(
  'NO_COLOR leaves out colours, and nothing else',
  async () => {
    await using fake = await busy();
    await using terminal = startTop(fake, [80, 24], { NO_COLOR: '1' });
    await terminal.sees(SHOWN);
    assert.doesNotMatch(terminal.output, /\x1b\[[0-9;]*m/); // oxlint-disable-line no-control-regex -- the point
  },
  { skip },
);

test('piped, maitre top prints one picture without escape sequences', async () => {
  await using fake = await busy();
  const { code, stdout, stderr } = await runMaitre(['top', fake.path], {
    env: { ...fake.env, COLUMNS: '60', LINES: '10' },
  });
  assert.deepEqual([code, stderr], [0, '']);
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, 9);
  assert.ok(lines.every((each) => each.length <= 60));
  assert.doesNotMatch(stdout, /[\0-\x09\x0b-\x1f\x7f-\x9f]/); // oxlint-disable-line no-control-regex -- the point
  const json = await runMaitre(['top', '--json', fake.path], { env: fake.env });
  const { groups, connections } = JSON.parse(json.stdout) as {
    groups: { tasks: number };
    connections: { total: number };
  };
  assert.deepEqual([groups.tasks, connections.total], [200, 200]);
});

test(
  'a program without clients has its tasks in groups',
  async () => {
    await using fake = await busy({
      groups: () => groupsResult([group(3, 'wait in get at jobs.ts:9')], { clients: 0 }),
      connections: () => ({ sentence: 'No clients.', fresh: FRESH, total: 0, connections: [], places: [], now: 0 }),
    });
    await using terminal = startTop(fake);
    await terminal.sees(/^ *3 {2}wait in get at jobs\.ts:9/m);
  },
  { skip },
);
