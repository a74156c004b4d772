// node scripts/soak.mjs [--connections N] [--messages N] [--seed N]: the whole thing under load, once.
//
// One process runs `maitre serve`, another opens thousands of connections to it. On each of them messages of random lengths
// are echoed and compared; a tenth of the clients reset at random moments. While the others go on talking, the server gets
// SIGTERM. It passes when every remaining client got the answer to each message the server took and then a clean end, and
// the server ended with code 0 within its grace. Bounded: after WATCHDOG ms everything is killed.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from './setup.mjs';

const WATCHDOG = 120_000;
/** What the server gets to end after SIGTERM, ms; and what its process may take beyond that for cancels and exit. */
const GRACE = 10_000;
const GRACE_SLACK = 3000;
/** Above this many connections the clients use several loopback addresses: ports are some 28,000 per address. */
const PER_ADDRESS = 20_000;
/** Descriptors a process needs beside its connections. */
const SPARE = 200;
/** How many connects are under way at once. */
const CONNECTING = 200;
/** How long the clients talk on before SIGTERM, ms. */
const TALK = 1000;

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '5000' },
    messages: { type: 'string', default: '20' },
    seed: { type: 'string' },
    // Set by this script for its second process.
    client: { type: 'boolean', default: false },
    port: { type: 'string' },
  },
});
const connections = Number(values.connections);
const messages = Number(values.messages);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));

await (values.client ? runClients(Number(values.port)) : orchestrate());

// ---- the first process: starts the others, watches them, judges ------------------------------------------------------

async function orchestrate() {
  const began = performance.now();
  const limit = String(spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).stdout).trim();
  if (Number(limit) < connections + SPARE) {
    console.log(
      `soak FAILED: a process may open ${limit} descriptors here, ${connections} connections need ${connections + SPARE}`,
    );
    process.exit(1);
  }
  console.log(`soak: ${connections} connections, ${messages} messages on each, seed ${seed}`);
  const folder = mkdtempSync(join(tmpdir(), 'maitre-soak-'));
  const notes = join(folder, 'taken.json');
  const children = [];
  const watchdog = setTimeout(() => {
    fail(
      `still running after ${WATCHDOG / 1000} s, ${children.map(({ name, last }) => `${name}: ${last}`).join('; ')}`,
    );
  }, WATCHDOG);

  function fail(why) {
    console.log(`soak FAILED (seed ${seed}): ${why}`);
    for (const { process: child } of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  }

  function start(name, args, env = {}) {
    const child = startWithDescriptors(connections + SPARE, args, env);
    const state = { name, process: child, last: 'nothing printed', waiting: [] };
    children.push(state);
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        state.last = line.slice(0, 200);
        for (const waiter of state.waiting) waiter(line);
      }
    });
    state.ended = new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? signal)));
    /** The first group of a line that matches. */
    state.prints = (pattern) =>
      new Promise((resolve) => {
        state.waiting.push((line) => {
          const match = pattern.exec(line);
          if (match !== null) resolve(match[1]);
        });
      });
    return state;
  }

  const main = join(root, 'dist/cli/main.js');
  const handler = join(root, 'scripts/soak-echo.mjs');
  const server = start('server', [main, 'serve', handler, '--port', '0', '--grace', String(GRACE)], {
    SOAK_NOTES: notes,
  });
  let stopping = false;
  void server.ended.then((end) => stopping || fail(`the server ended by itself with ${end}`));
  const port = await server.prints(/^serving .* on 127\.0\.0\.1:(\d+)/);
  const before = resourcesOf(server.process.pid);

  const self = fileURLToPath(import.meta.url);
  const settings = ['--connections', String(connections), '--messages', String(messages), '--seed', String(seed)];
  const client = start('client', [self, '--client', '--port', port, ...settings]);
  void client.ended.then((end) => {
    if (!client.last.startsWith('report ')) fail(`the clients ended with ${end}; their last line: ${client.last}`);
  });
  const clientReport = client.prints(/^report (.*)$/);
  await client.prints(/^all open/);
  const peak = resourcesOf(server.process.pid);
  await client.prints(/^talking/);
  const talking = resourcesOf(server.process.pid);

  stopping = true;
  const stop = performance.now();
  const stopped = Promise.race([server.prints(/^stopped: (.*)$/), server.ended.then(() => 'without saying how')]);
  server.process.kill('SIGTERM');
  const code = await server.ended;
  const stopTook = performance.now() - stop;
  const report = JSON.parse(await clientReport);
  await client.ended;
  clearTimeout(watchdog);

  const taken = JSON.parse(readFileSync(notes, 'utf8'));
  const lost = report.answered.filter(([id, count]) => count !== (taken[id] ?? 0));
  const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
  const rows = [
    ['connections opened', connections],
    ['messages echoed and compared', report.echoed],
    ['connections reset', report.reset],
    ['ended cleanly after SIGTERM', `${report.clean} of ${connections - report.reset}`],
    ['messages the server took and did not answer', lost.length],
    ['messages cut short by the end, not taken', report.untaken],
    ['server ended with', `${code} after ${seconds(stopTook)} (${await stopped})`],
    ['server memory: idle, all open, before SIGTERM', [before, peak, talking].map(({ memory }) => memory).join(', ')],
    ['server descriptors: the same', [before, peak, talking].map(({ descriptors }) => descriptors).join(', ')],
    ['in all', seconds(performance.now() - began)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) console.log(`${name.padEnd(width)}  ${value}`);

  if (report.failures.length > 0) fail(`${report.failures.length} client(s) failed, the first: ${report.failures[0]}`);
  if (lost.length > 0) {
    const [id, count] = lost[0];
    fail(`client ${id} got ${count} answers to the ${taken[id]} messages that the server took`);
  }
  if (report.clean !== connections - report.reset) fail('not every remaining client got a clean end');
  if (code !== 0) fail(`the server ended with ${code}`);
  if (stopTook > GRACE + GRACE_SLACK) fail(`the server took ${seconds(stopTook)} to end`);
  rmSync(folder, { recursive: true, force: true });
  console.log('soak passed');
}

/** Starts node with at least this many descriptors, as far as the system allows: a shell is what can raise the limit. */
function startWithDescriptors(count, args, env) {
  const script = 'ulimit -n "$0" 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$@"';
  return spawn('sh', ['-c', script, String(count), process.execPath, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Memory and open descriptors of a process, where /proc tells. */
function resourcesOf(pid) {
  try {
    const kilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    return { memory: `${Math.round(kilobytes / 1024)} MiB`, descriptors: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return { memory: '?', descriptors: '?' };
  }
}

// ---- the second process: the clients ---------------------------------------------------------------------------------

async function runClients(port) {
  const { callLater, createTask, Future, openConnection, run, sleep } = await import('../dist/index.node.js');
  const random = mulberry32(seed);
  const failures = [];
  const answered = [];
  const counts = { echoed: 0, reset: 0, clean: 0, untaken: 0 };
  const allOpen = new Future();
  const mayTalkOn = new Future();
  let unopened = connections;
  let atWork = connections;

  await run(async () => {
    const underWay = new Set();
    const tasks = [];
    for (let i = 0; i < connections; i++) {
      while (underWay.size >= CONNECTING) await sleep(1);
      underWay.add(i);
      const plan = makePlan(i);
      tasks.push(createTask(() => client(plan, () => underWay.delete(i))));
    }
    for (const task of tasks) await task;
  });
  console.log(`report ${JSON.stringify({ ...counts, failures, answered })}`);

  function makePlan(i) {
    const resets = random() < 0.1;
    const { localAddress } = connections > PER_ADDRESS ? { localAddress: `127.0.0.${2 + (i % 8)}` } : {};
    return {
      id: `c${i}`,
      resetAfter: resets ? Math.floor(random() * (messages + 1)) : undefined,
      resetDelay: Math.floor(random() * 4),
      options: { host: '127.0.0.1', port, ...(localAddress === undefined ? {} : { localAddress }) },
      next: mulberry32(Math.floor(random() * 2 ** 31)),
    };
  }

  async function client(plan, connected) {
    const { id, next, options, resetAfter } = plan;
    let opened = false;
    let count = 0;
    try {
      const connection = await openConnection(options);
      opened = true;
      connected();
      if (--unopened === 0) {
        callLater(500, () => console.log('all open')); // the server has accepted them by then
        callLater(700, () => allOpen.setResult()); // and they have been counted
      }
      await allOpen.then();
      for (; count < messages; count++) {
        if (count === resetAfter) break;
        if ((await exchange(connection, id, count, next)) !== 'answered')
          throw new Error(`the end after ${count} messages`);
      }
      if (resetAfter !== undefined) {
        connection.writer.write(messageOf(id, count, next));
        for (let turn = 0; turn < plan.resetDelay; turn++) await sleep(turn);
        connection.abort();
        counts.reset++;
        atWorkLess();
        return;
      }
      atWorkLess();
      await mayTalkOn.then();
      for (;;) {
        await sleep(next() * 200);
        const outcome = await exchange(connection, id, count, next);
        if (outcome === 'ended') break;
        count++;
      }
      counts.clean++;
      answered.push([id, count]);
      await connection.close();
    } catch (error) {
      if (!opened) connected();
      failures.push(`${id}, message ${count}: ${error instanceof Error ? error.message : error}`);
    }
  }

  /** Sends one message and reads its answer, or the server's end. */
  async function exchange({ reader, writer }, id, count, next) {
    const message = messageOf(id, count, next);
    writer.write(message);
    const answer = await reader.readLine();
    if (answer.length === 0) {
      counts.untaken++;
      return 'ended';
    }
    if (answer.toString('latin1') !== message)
      throw new Error(`the answer differs: ${JSON.stringify(answer.toString('latin1', 0, 40))}`);
    counts.echoed++;
    return 'answered';
  }

  function atWorkLess() {
    if (--atWork > 0) return;
    mayTalkOn.setResult();
    callLater(TALK, () => console.log('talking'));
  }
}

/** A line of a random length that names its client and number. */
function messageOf(id, count, next) {
  const filling = Math.floor(next() ** 3 * 2000);
  return `${id} ${count} ${'x'.repeat(filling)}\n`;
}

/** Random numbers from a seed: in [0, 1). */
function mulberry32(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
