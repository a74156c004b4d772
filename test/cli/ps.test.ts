// `maitre ps` and its relatives on a real program, with real clients.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Folder, maitre, Program, runMaitre } from '../support/program.js';
import { InTerminal, noTerminal } from '../support/terminal.js';
import { test } from '../support/test.js';

/** The program, its clients, and the environment in which the commands find its socket. */
class Busy implements AsyncDisposable {
  readonly #folder = new Folder();
  readonly #sockets: Socket[] = [];
  readonly env: NodeJS.ProcessEnv = { XDG_RUNTIME_DIR: this.#folder.path };
  readonly program: Program = new Program([fileURLToPath(new URL('fixtures/busy.js', import.meta.url))], {
    env: this.env,
  });
  #port = 0;
  /** The path of the control socket. */
  socket = '';

  async ready(): Promise<this> {
    const [, port = '', socket = ''] = await this.program.sees(/ready (\d+) (\S+)\n/);
    this.#port = Number(port);
    this.socket = socket;
    return this;
  }

  /** Connects a client that sends each of these lines and waits for no answer. */
  async client(...lines: readonly string[]): Promise<Socket> {
    const socket = connect(this.#port, '127.0.0.1').on('error', () => undefined);
    this.#sockets.push(socket);
    await once(socket, 'connect');
    for (const line of lines) socket.write(`${line}\n`);
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await this.program[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}

/** Runs a command again until its output matches: the program needs a moment to get there. */
async function until(busy: Busy, args: readonly string[], pattern: RegExp): Promise<string> {
  for (let tries = 0; ; tries++) {
    const { stdout, stderr } = await runMaitre([...args, busy.socket], { env: busy.env });
    if (pattern.test(stdout)) return stdout;
    assert.ok(tries < 20, `${args.join(' ')} never printed ${pattern}:\n${stdout}\n${stderr}`);
  }
}

test('maitre ps names what each client of a real server waits for, and where', async () => {
  await using busy = await new Busy().ready();
  for (const line of ['hello', 'hello', 'hello', 'lock', 'lock']) await busy.client(line);
  const text = await until(busy, ['ps'], /held by client 4/);
  assert.match(text, /^pid \d+ · busy\.js · up .* · 5 clients/m);
  assert.match(text, /^ +3 {2}wait in readLine at busy\.(?:js|ts):\d+ {2,}\S+/m);
  assert.match(text, /^ +1 {2}waits for lock "ledger", held by client 4 /m);
  assert.match(text, /^ +1 {2}sleeps at busy\.(?:js|ts):\d+ /m);
  const tree = await until(busy, ['pstree'], /× client/);
  assert.match(tree, /^├─ .*\n│ {2}├─ 3 × client 1, \.\.\.: wait in readLine at busy/m);
  const { stdout } = await runMaitre(['connections', '--sort', 'id', busy.socket], { env: busy.env });
  assert.match(stdout, /^ID {2}PEER +WHAT IT DOES +FOR /m, 'names that servers give are left out');
  assert.match(stdout, /^ 5 {2}127\.0\.0\.1:\d+ +wait for lock "ledger", held by client 4 /m);
});

test('three tasks that wait for each other are one sentence, within a second', async () => {
  await using busy = await new Busy().ready();
  const client = await busy.client('deadlock');
  await once(client, 'data');
  const start = performance.now();
  const text = await until(busy, ['ps'], /Deadlock/);
  assert.ok(performance.now() - start < 5000, 'a process of Node starts meanwhile');
  const [sentence = ''] = text.split('\n');
  for (const name of ['waiter 0', 'waiter 1', 'waiter 2', 'forks', '食堂', 'plates']) {
    assert.ok(sentence.includes(`"${name}"`), `${name} is in: ${sentence}`);
  }
});

/** Whether this runtime lets a thread look into another. */
const looks = !('bun' in process.versions || 'deno' in process.versions);

test('maitre blocked names the client, the function and the line while the loop is blocked', async () => {
  await using busy = await new Busy().ready();
  await busy.client('hello');
  await busy.client('crunch');
  const text = await until(busy, ['blocked', '--now'], /now/);
  if (!looks) {
    assert.match(text, /^Blocked for .* probably by task .* \((?:Bun|Deno) does not let a thread look into another\)/);
    return;
  }
  assert.match(text, /client 2 .*crunch \(busy\.(?:js|ts):\d+\)/);
  const json = await runMaitre(['blocked', '--json', busy.socket], { env: busy.env });
  const { blocks } = JSON.parse(json.stdout) as { blocks: { over: boolean; place: { function: string } }[] };
  assert.deepEqual([blocks[0]?.over, blocks[0]?.place.function], [false, 'crunch']);
});

test(
  'maitre cancel asks once at a terminal, and cancels the client that was named',
  async () => {
    await using busy = await new Busy().ready();
    const client = await busy.client('lock');
    const ended = once(client.resume(), 'close');
    await until(busy, ['ps'], /sleeps at/);
    for (const [answer, code] of [
      ['n\r', 1],
      ['y\r', 0],
    ] as const) {
      await using terminal = new InTerminal([maitre, 'cancel', '1', busy.socket], [100, 24], { env: busy.env });
      await terminal.sees(/^Cancel client 1 \(127\.0\.0\.1:\d+, sleep at busy.*\)\? \[y\/N\]/m);
      terminal.type(answer);
      assert.equal((await terminal.ends()).code, code);
    }
    await ended;
  },
  { skip: noTerminal },
);

test(
  'maitre top shows a real program, during a block too',
  async () => {
    await using busy = await new Busy().ready();
    for (const line of ['hello', 'hello', 'lock']) await busy.client(line);
    await using terminal = new InTerminal([maitre, 'top', busy.socket, '--every', '200ms'], [80, 24], {
      env: busy.env,
    });
    await terminal.sees(/^ *3 {2}127\.0\.0\.1:\d+ +sleep at busy/m);
    await busy.client('crunch');
    const lines = await terminal.sees(/^Blocked for/m);
    if (looks) assert.match(lines.slice(0, 2).join(' '), /client 4 .*crunch/);
    assert.ok(!terminal.hasWrapped);
    terminal.type('q');
    assert.deepEqual(await terminal.ends(), { code: 0, signal: null, restored: true });
  },
  { skip: noTerminal },
);
