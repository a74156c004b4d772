// `maitre serve` with workers: real programs, what they print, signals, saves, and the end.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Connection, openConnection } from 'maitre';
import { first, renewed } from '../net/fixtures/certificates.js';
import { until } from '../net/sockets.js';
import {
  endsWith,
  Folder,
  isAlive,
  maitre,
  Program,
  root,
  runMaitre,
  type Serving,
  startServing,
} from '../support/program.js';
import { test as plainTest } from '../support/test.js';

const isNode = !('bun' in process.versions || 'deno' in process.versions);
const skip = !isNode && 'this runtime cannot hand clients to workers';

function test(name: string, body: () => unknown): void {
  plainTest(name, body, { skip, timeout: 120_000 });
}

const DOOR = pathToFileURL(join(root, 'dist/workers.node.js')).href;

/** Answers each line with the version of the program and the worker; `exit` and `spin` are bad for it. */
function program(version: string): string {
  return `import { worker } from '${DOOR}';
export default async (reader, writer) => {
  for await (const line of reader.lines()) {
    if (line === 'exit') process.exit(3);
    if (line === 'spin') for (;;);
    writer.write(\`${version} \${worker.id} \${process.pid}\\n\`);
    await writer.drain();
  }
};`;
}

const BROKEN = 'export default async (reader, writer) => { let x = ; };';

/** A program in a folder of its own. */
class Project extends Folder {
  readonly file: string;

  constructor(text: string = program('one')) {
    super();
    this.write('package.json', '{ "type": "module" }');
    this.file = this.write('app.mjs', text);
  }

  save(text: string): void {
    this.write('app.mjs', text);
  }

  serve(...args: readonly string[]): Promise<Serving> {
    return startServing([this.file, ...args]);
  }
}

/** A client that stays. */
class Client implements AsyncDisposable {
  readonly connection: Connection;

  private constructor(connection: Connection) {
    this.connection = connection;
  }

  static async open(port: number): Promise<Client> {
    return new Client(await openConnection({ host: '127.0.0.1', port }));
  }

  /**
   * Sends a line and the beginning of the next one. With the answer, the worker has both: its handler is not between two
   * messages from now on.
   */
  begin(): ReturnType<Client['ask']> {
    return this.ask('hi\nh', '');
  }

  /** Sends a line and returns the answer; undefined if the connection ended. */
  async ask(word = 'hi', end = '\n'): Promise<{ version: string; worker: number; pid: number } | undefined> {
    try {
      this.connection.writer.write(`${word}${end}`);
      const line = String(await this.connection.reader.readLine());
      const [version = '', worker, pid] = line.trim().split(' ');
      return version === '' ? undefined : { version, worker: Number(worker), pid: Number(pid) };
    } catch {
      return undefined; // reset
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.connection.abort();
    await this.connection.close();
  }
}

async function ask(port: number, word?: string): ReturnType<Client['ask']> {
  await using client = await Client.open(port);
  return await client.ask(word);
}

// ---- start and end ---------------------------------------------------------------------------------------------------

test('the banner says how many workers serve, and each line of a client which one did', async () => {
  using project = new Project();
  await using serving = await project.serve('--workers', '2');
  const { program: running, port } = serving;
  assert.ok(running.stdout.startsWith(`serving ${project.file} on 127.0.0.1:${port} with 2 workers; Ctrl-C ends it\n`));
  await using first = await Client.open(port);
  await using second = await Client.open(port);
  const workers = [(await first.ask())?.worker, (await second.ask())?.worker];
  assert.deepEqual(workers.sort(), [1, 2]);
  await second.connection.close();
  await running.sees(/^\[[12]\] 127\.0\.0\.1:\d+ {2}\d+ ms {2}3 bytes in, \d+ out {2}\w+/m);
  await first.connection.close();
  await endsWith(running, 'SIGTERM', 0, 15_000);
  assert.match(running.stdout, /\nstopping(?:: .*)?\n(?:\[.*\n)*stopped: [01] finished, 0 cancelled, 0 aborted\n$/);
  assert.equal(running.stderr, '');
});

test('an app with fetch is served over HTTP by workers, with a line for each request', async () => {
  using project = new Project('export default { fetch: () => new Response("soup\\n") };');
  await using running = new Program([maitre, 'serve', project.file, '--workers', '2', '--port', '0']);
  const [, url = ''] = await running.sees(/^ {4}(http:\S+)\n/m);
  assert.match(running.stdout, /^serving \S+ on \S+ over HTTP with 2 workers; Ctrl-C ends it\n/);
  assert.equal(await (await fetch(url)).text(), 'soup\n');
  await running.sees(/^\[[12]\] 127\.0\.0\.1:\d+ {2}GET \/ {2}200 {2}5 bytes {2}\d+ ms\n/m);
  await endsWith(running, 'SIGINT', 0, 15_000);
});

test('a first signal lets clients finish, a second one ends all processes at once', async () => {
  using project = new Project();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    await using serving = await project.serve('--workers', '2');
    await using client = await Client.open(serving.port);
    const pid = (await client.begin())?.pid ?? 0;
    serving.program.signal(signal);
    await serving.program.sees(/^stopping: 1 client gets up to 10 s to finish; a second signal ends it at once\n/m);
    assert.equal((await client.begin())?.pid, pid, 'it is served on');
    await endsWith(serving.program, signal, signal === 'SIGINT' ? 130 : 143, 15_000);
    await until(() => !isAlive(pid), 'the end of the worker');
  }
});

test('no worker, and nothing that one has started, outlives a supervisor that is killed', async () => {
  using project = new Project(`import { spawn } from 'node:child_process';
const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
console.log('child', process.pid, child.pid);
${program('one')}`);
  await using serving = await project.serve('--workers', '2', '--isolate', 'processes');
  await until(() => (serving.program.stdout.match(/^child \d+ \d+$/gm) ?? []).length === 2, 'two children');
  const pids = [...serving.program.stdout.matchAll(/^child (\d+) (\d+)$/gm)].flatMap(([, a, b]) => [
    Number(a),
    Number(b),
  ]);
  assert.ok(pids.every(isAlive), String(pids));
  serving.program.signal('SIGKILL');
  await until(() => !pids.some(isAlive), `the end of ${pids.join()}`, 20_000);
});

test('what cannot be served is told as without workers: no file, a broken one, a port in use', async () => {
  using project = new Project(BROKEN);
  const missing = await runMaitre(['serve', 'nothing.mjs', '--workers', '2']);
  assert.deepEqual([missing.code, missing.stdout], [2, '']);
  assert.match(
    missing.stderr,
    /^maitre: cannot serve nothing\.mjs: there is no such file \(maitre serve --help tells more\)\n$/,
  );
  const broken = await runMaitre(['serve', project.file, '--workers', '2', '--port', '0']);
  assert.deepEqual([broken.code, broken.stdout], [1, '']);
  assert.match(broken.stderr, /^maitre: cannot serve \S+app\.mjs: it failed while loading\n[^]*SyntaxError/);
  project.save(program('one'));
  await using serving = await project.serve('--workers', '1');
  const port = String(serving.port);
  const taken = await runMaitre(['serve', project.file, '--workers', '2', '--port', port]);
  assert.deepEqual([taken.code, taken.stdout], [1, '']);
  assert.equal(
    taken.stderr,
    `maitre: cannot listen on 127.0.0.1:${port}: somebody listens there already; choose another with --port\n`,
  );
});

test('options that cannot be followed are told in one line, in the words of the command line', async () => {
  using project = new Project();
  const path = join(project.path, 'soup.sock');
  const failing = async (...args: readonly string[]): Promise<readonly [number | null, string]> => {
    const { code, stderr } = await runMaitre(['serve', project.file, ...args]);
    return [code, stderr];
  };
  const threads = 'the clients of a Unix socket cannot be moved to threads; use --isolate processes';
  assert.deepEqual(await failing('--workers', '2', '--isolate', 'threads', '--path', path), [
    2,
    `maitre: cannot serve: ${threads} (maitre serve --help tells more)\n`,
  ]);
  const ports = '--reuse-port is for ports, a path has one server';
  for (const workers of [[], ['--workers', '2']]) {
    assert.deepEqual(await failing('--path', path, '--reuse-port', ...workers), [
      2,
      `maitre: cannot serve: ${ports} (maitre serve --help tells more)\n`,
    ]);
  }
  const cert = project.write('cert.pem', first.cert);
  const key = project.write('key.pem', renewed.key);
  assert.deepEqual(await failing('--workers', '2', '--tls-cert', cert, '--tls-key', key, '--port', '0'), [
    1,
    `maitre: cannot serve: --tls-key ${key} does not belong to --tls-cert ${cert}, expected its private key\n`,
  ]);
});

// ---- signals ---------------------------------------------------------------------------------------------------------

test('SIGHUP replaces the workers: new ones serve before the old ones let their clients finish', async () => {
  using project = new Project();
  await using serving = await project.serve('--workers', '2');
  const { program: running, port } = serving;
  await using old = await Client.open(port);
  assert.equal((await old.begin())?.version, 'one');
  project.save(program('two'));
  running.signal('SIGHUP');
  await running.sees(/^reloaded: 2 new workers serve\n/m);
  await running.sees(/^reloading: SIGHUP\n/m);
  assert.equal((await ask(port))?.version, 'two');
  assert.equal((await old.ask())?.version, 'one', 'its worker serves it on');
  await running.sees(/^\[[12]\] ends: 1 client gets up to 10 s to finish\n/m);
  await running.sees(/^\[[12]\] has ended\n/m); // its client was between two messages then
  await endsWith(running, 'SIGTERM', 0, 15_000);
  assert.equal(running.stderr, '');
});

test('SIGTTIN starts one more worker, SIGTTOU ends one, and the last one stays', async () => {
  using project = new Project();
  await using serving = await project.serve('--workers', '1');
  const { program: running } = serving;
  running.signal('SIGTTIN');
  await running.sees(/^\[2\] serves at place 2\n/m);
  running.signal('SIGTTOU');
  await running.sees(/^\[2\] ends\n\[2\] has ended\n/m);
  running.signal('SIGTTOU');
  await running.sees(/^maitre: one worker serves, and stays\n/m, 'stderr');
  assert.equal((await ask(serving.port))?.worker, 1);
});

test('SIGUSR2 prints what the supervisor and the clients of each worker do', async () => {
  using project = new Project();
  await using serving = await project.serve('--workers', '2');
  await using client = await Client.open(serving.port);
  assert.ok((await client.ask()) !== undefined);
  serving.program.signal('SIGUSR2');
  await serving.program.sees(/^maitre: <Supervisor .*2 of 2 workers, 1 connection>.*\n/m, 'stderr');
  for (const worker of [1, 2]) await serving.program.sees(new RegExp(`^maitre: worker ${worker}: `, 'm'), 'stderr');
});

// ---- what goes wrong -------------------------------------------------------------------------------------------------

test('a worker that exits takes only its own clients with it, and is replaced', async () => {
  using project = new Project();
  await using serving = await project.serve('--workers', '2');
  await using other = await Client.open(serving.port);
  await using unlucky = await Client.open(serving.port);
  const worker = (await other.ask())?.worker;
  const crashed = (await unlucky.ask())?.worker;
  assert.equal(await unlucky.ask('exit'), undefined);
  await serving.program.sees(new RegExp(`^\\[${crashed}\\] crashed: .*3; 1 client ended with it\n$`), 'stderr');
  await serving.program.sees(/^\[3\] serves at place [12]: the one before it was lost\n/m);
  assert.equal((await other.ask())?.worker, worker);
});

test('a worker that crashes again and again stays down, visibly, until a reload', async () => {
  using project = new Project();
  await using serving = await project.serve('--workers', '1');
  const { program: running, port } = serving;
  for (let worker = 1; worker <= 6; worker++) {
    assert.equal(await ask(port, 'exit'), undefined); // waits for the next worker
    await running.sees(new RegExp(`^\\[${worker}\\] crashed: `, 'm'), 'stderr');
  }
  await running.sees(/^place 1 stays empty: it was replaced too often; a reload tries again\n/m, 'stderr');
  const waiting = ask(port);
  running.signal('SIGHUP');
  await running.sees(/^reloaded: a new worker serves\n/m);
  assert.equal((await waiting)?.worker, 7);
});

// ---- saves -----------------------------------------------------------------------------------------------------------

test('--reload serves what was saved; what is broken leaves the old workers, and the next save tries again', async () => {
  using project = new Project();
  await using serving = await project.serve('--reload');
  const { program: running, port } = serving;
  assert.match(running.stdout, / with 1 worker; /);
  project.save(program('two'));
  await running.sees(/^reloading: \S*app\.mjs was saved\nreloaded: a new worker serves\n/m);
  assert.equal((await ask(port))?.version, 'two');
  project.save(BROKEN);
  await running.sees(/^the workers before it go on; the next save tries again\n/m, 'stderr');
  assert.match(running.stderr, /^reload failed: cannot serve \S*app\.mjs: it failed while loading\n[^]*SyntaxError/);
  assert.equal((await ask(port))?.version, 'two');
  project.save('throw new Error("no menu");');
  await running.sees(/no menu\n[^]*the workers before it go on;/, 'stderr');
  assert.equal((await ask(port))?.version, 'two');
  project.save(program('three'));
  await running.sees(/(?:reloaded: a new worker serves\n[^]*){2}/);
  assert.equal((await ask(port))?.version, 'three');
  await endsWith(running, 'SIGTERM', 0, 15_000);
});

test('--reload with a broken file waits for the next save; without, the command ends', async () => {
  using project = new Project(BROKEN);
  await using running = new Program([maitre, 'serve', project.file, '--reload', '--port', '0']);
  await running.sees(
    /^maitre: cannot serve \S+app\.mjs: it failed while loading\n[^]*\nthe next save tries again\n/,
    'stderr',
  );
  assert.equal(running.stdout, '');
  project.save(program('one'));
  const [, port] = await running.sees(/maitre connect \S*:(\d+)\n/);
  assert.equal((await ask(Number(port)))?.version, 'one');
});

test('--reload: a save takes back the reload for the one before, which hangs', async () => {
  using project = new Project();
  await using serving = await project.serve('--reload', '--ready-timeout', '600000');
  const { program: running, port } = serving;
  project.save('while (true);');
  await running.sees(/^reloading: \S*app\.mjs was saved\n/m);
  project.save(program('two'));
  await running.sees(/^reloaded: a new worker serves\n/m);
  assert.equal((await ask(port))?.version, 'two');
  assert.equal(running.stderr, '');
});

// ---- JSON ------------------------------------------------------------------------------------------------------------

test('--log json: one object a line, with the worker, its place and generation', async () => {
  using project = new Project();
  await using running = new Program([maitre, 'serve', project.file, '--workers', '2', '--port', '0', '--log', 'json']);
  const [, line = ''] = await running.sees(/^(.*"event":"ready".*"workers":2.*)\n/m);
  const ready = JSON.parse(line) as { file: string; addresses: { port: number }[]; tls: boolean; worker?: number };
  assert.deepEqual([ready.file, ready.tls, ready.worker], [project.file, false, undefined]);
  assert.ok((await ask(ready.addresses[0]?.port ?? 0)) !== undefined);
  await running.sees(/"state":"ended"/);
  running.signal('SIGHUP');
  await running.sees(/"event":"reload".*"state":"done"/);
  await endsWith(running, 'SIGTERM', 0, 15_000);
  const events = running.stdout
    .trim()
    .split('\n')
    .map((each) => JSON.parse(each) as Record<string, unknown>);
  assert.ok(events.every(({ time }) => typeof time === 'string'));
  const ended = events.find(({ state }) => state === 'ended');
  assert.deepEqual([typeof ended?.['worker'], typeof ended?.['place'], ended?.['generation']], ['number', 'number', 1]);
  assert.equal(events.filter(({ event, worker }) => event === 'ready' && worker === undefined).length, 1);
  assert.deepEqual(events.at(-1)?.['report'], { finished: 0, cancelled: 0, aborted: 0 });
});
