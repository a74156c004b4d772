// Workers that are processes.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openConnection, type ServerOptions } from 'maitre';
import { processLeaves } from '#src/workers/index.js';
import { Folder, isAlive } from '../support/program.js';
import { test as anyTest } from '../support/test.js';
import { checkLeaves, fixture, visit } from './leaf-suite.js';
import { Staff } from './support/staff.js';

const isNode = !('bun' in process.versions || 'deno' in process.versions);
const skip = isNode ? false : 'this runtime cannot send connections to processes';
const test = (name: string, body: () => unknown): void => anyTest(name, body, { skip });
const serving = (server: ServerOptions): Staff =>
  new Staff(processLeaves({ file: fixture('kitchen'), server, quiet: false }));

checkLeaves(processLeaves, skip);

test('the clients of a Unix socket go to the workers too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'maitre-workers-'));
  try {
    const path = join(folder, 'kitchen.sock');
    await using staff = serving({ path });
    await staff.start(2);
    const lines = await Promise.all(
      Array.from({ length: 4 }, async () => {
        await using connection = await openConnection({ path });
        connection.writer.write('');
        return String(await connection.reader.readLine()).slice(0, 'worker N'.length);
      }),
    );
    assert.equal(new Set(lines).size, 2);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a client on its way to a worker that dies goes to another worker', async () => {
  await using staff = serving({ host: '127.0.0.1' });
  const [first] = await staff.start(2);
  const { pid } = await readOnce(staff, 1);
  process.kill(pid, 'SIGSTOP');
  const guests = [visit(staff.port), visit(staff.port), visit(staff.port)];
  while (staff.deck.statistics().sent === 0) await turn();
  process.kill(pid, 'SIGKILL');
  assert.equal((await first!.gone).clients, 0);
  for (const { connection, worker } of await Promise.all(guests)) {
    assert.equal(worker, 2);
    connection.abort();
  }
});

test('a worker without descriptors keeps its clients, and those for which it has none wait', async () => {
  const { supervisor, port } = await supervise({ descriptors: 200 });
  try {
    const guests = [await visit(port), await visit(port)];
    for (const { say } of guests) assert.match(await say('fill'), /^[1-9]\d* descriptors$/m);
    const late = visit(port);
    // Two pulses of each worker, which look for memory through a descriptor, and with which clients are missed.
    await new Promise((resolve) => void setTimeout(resolve, 2500));
    const [first] = guests;
    assert.equal(await first!.say('soup'), 'soup\n');
    for (const { connection } of guests) connection.writer.write('free\n');
    guests.push(await late);
    assert.equal(await guests.at(-1)!.say('soup'), 'soup\n');
    for (const { connection } of guests) connection.abort();
  } finally {
    supervisor.kill('SIGTERM');
    await once(supervisor, 'exit');
  }
});

test('no worker, and nothing that a worker has started, outlives a supervisor that is killed', async () => {
  const { supervisor, port, pids } = await supervise();
  try {
    const [one, other] = [await visit(port), await visit(port)];
    const grandchild = Number(await one.say('child'));
    const late = other.say('hang'); // cannot notice that its channel closes
    await other.connection.writer.drain();
    supervisor.kill('SIGKILL');
    await once(supervisor, 'exit');
    for (const pid of [...pids, grandchild]) while (isAlive(pid)) await turn();
    assert.equal(await late, '');
    for (const { connection } of [one, other]) connection.abort();
  } finally {
    supervisor.kill('SIGKILL');
  }
});

test('a worker whose file never ends loading ends with a supervisor that is killed at once', async () => {
  using folder = new Folder();
  const path = folder.write('pids', '');
  const supervisor = spawn(process.execPath, [fixture('supervise'), fixture('orphan'), 'processes'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, TEST_PIDS: path },
  });
  await once(supervisor, 'exit');
  const pids = readFileSync(path, 'utf8').trim().split('\n').map(Number);
  assert.ok(pids.length > 0 && pids.every((pid) => pid > 0), String(pids));
  for (const pid of pids) while (isAlive(pid)) await turn();
});

test('a worker ignores the signals of the terminal and of systemd', async () => {
  await using staff = serving({ host: '127.0.0.1' });
  await staff.start();
  const guest = await visit(staff.port);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.kill(guest.pid, signal);
  assert.equal(await guest.say('soup'), 'soup\n');
  guest.connection.abort();
});

test('what workers print comes out as whole lines', async () => {
  const { supervisor, port, lines } = await supervise();
  try {
    const guests = [await visit(port), await visit(port)];
    await Promise.all(guests.map(({ say }) => say('print\nsoup')));
    while (lines.length < 2) await turn();
    assert.deepEqual(lines.toSorted(), ['half a line of 1', 'half a line of 2']);
    for (const { connection } of guests) connection.abort();
  } finally {
    supervisor.kill('SIGTERM');
    await once(supervisor, 'exit');
  }
});

interface Supervised {
  readonly supervisor: ChildProcess;
  readonly port: number;
  readonly pids: readonly number[];
  /** What it printed after the first line. */
  readonly lines: string[];
}

/** Starts a supervisor of two kitchens in a process of its own. `descriptors`: how many each process may have. */
async function supervise({ descriptors }: { readonly descriptors?: number } = {}): Promise<Supervised> {
  const limit = descriptors === undefined ? '' : `ulimit -n ${descriptors}; `;
  const command = [process.execPath, fixture('supervise'), fixture('kitchen'), 'processes'];
  const supervisor = spawn('sh', ['-c', `${limit}exec "$0" "$@"`, ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const first = new Promise<string>((resolve, reject) => {
    createInterface(supervisor.stdout).on('line', (line) => (line.startsWith('{') ? resolve(line) : lines.push(line)));
    supervisor.on('exit', () => reject(new Error('the supervisor did not start')));
  });
  return { supervisor, lines, ...(JSON.parse(await first) as { port: number; pids: number[] }) };
}

/** A client of a worker, which has left. */
async function readOnce(staff: Staff, worker: number): Promise<{ readonly pid: number }> {
  for (;;) {
    const guest = await visit(staff.port);
    guest.connection.abort();
    while (staff.hands.some(({ id }) => staff.deck.connections(id) > 0)) await turn();
    if (guest.worker === worker) return guest;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 5));
}
