// node scripts/reload-storm.mjs [--reloads N] [--isolate threads|processes]: reloads two workers N times (200), two a second,
// under load: 2,000 HTTP requests a second, half of them over connections that stay open, 200 raw TCP clients and 50
// streams of events. Every tenth reload has broken code, and at every twentieth a worker is killed. Prints what
// happened beside its bound, and ends with 1 where one is missed.
//
// This process is the supervisor. The clients are another one (reload-storm-clients.mjs). Figures that are compared
// are taken in calm: no reload is under way, and only connections that stay open are there. Resident memory is compared
// with that after a third of the reloads: the allocator of the system keeps room for as many threads and messages as ever
// lived at once, and only later generations show whether more is kept. With threads, that takes about 60 reloads, so
// fewer than 100 print it only; the heap has its bound in each run. Linux only: it reads /proc.
import { fork } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { build } from './build.mjs';
import { setUp } from './setup.mjs';

const GRACE = 1000;
/** Milliseconds from one reload to the next. */
const EVERY = 500;
/** Milliseconds that a worker has from its drain to its end: the grace, two seconds to cancel and abort, and its exit. */
const BOUND = GRACE + 3000;
const MIB = 1024 * 1024;
const HOST = '127.0.0.1';

if (!existsSync('/proc/self/status')) {
  console.log('Skipped: it needs Linux');
  process.exit(0);
}
const { reloads, isolate } = readArguments();
setUp();
if (!(await build('src'))) process.exit(1);
const { serveWorkers } = await import('../dist/workers.node.js');

const folder = mkdtempSync(join(tmpdir(), 'maitre-storm-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'app.mjs');
const GOOD = `await import(${JSON.stringify(new URL('reload-storm-server.mjs', import.meta.url).href)});\n`;
const BROKEN = ['const = 1;\n', "throw new Error('broken by the storm');\n", 'process.exit(3);\n'];
save(GOOD);
const ports = [await freePort(), await freePort()];
process.env.RELOAD_STORM_PORTS = ports.join(',');
const limit = setTimeout(() => finish([['the whole', 'still running', 'an end', false]]), reloads * 2000 + 120_000);

// ---- what the supervisor says --------------------------------------------------------------------------------------

const count = { done: 0, failed: 0, crashed: 0, killed: 0, drained: 0 };
/** How the connections of workers that drained have ended. */
const ends = { finished: 0, cancelled: 0, aborted: 0 };
/** When a worker began to drain, and the longest that one took. */
const drains = new Map();
let longestDrain = 0;
/** How many clients ended with a worker, as the supervisor says. */
const reported = new Map();
const strange = [];
let expectsFailure = false;

const supervisor = await serveWorkers(file, {
  host: HOST,
  workers: 2,
  grace: GRACE,
  restarts: { limit: Infinity, within: 1000 },
  ...(isolate === undefined ? {} : { isolate }),
  onEvent(event) {
    if (event.event === 'error') strange.push(event.error);
    if (event.event === 'stopped') for (const how of Object.keys(ends)) ends[how] += event.report[how];
    if (event.event !== 'worker') return;
    const { worker, state, outcome, clients = 0, reason } = event;
    if (state === 'draining') drains.set(worker, performance.now());
    if (state === 'failed' && !expectsFailure) strange.push(reason);
    if (state === 'hung' || state === 'down') strange.push(`${state}: ${reason}`);
    if (state !== 'gone' || outcome === 'failed') return;
    count[outcome] = (count[outcome] ?? 0) + 1;
    if (drains.has(worker)) longestDrain = Math.max(longestDrain, performance.now() - drains.get(worker));
    drains.delete(worker);
    if (outcome !== 'drained') reported.set(worker, clients);
    if (outcome !== 'drained' && outcome !== 'crashed' && outcome !== 'killed') strange.push(`${outcome}: ${reason}`);
  },
});
const kind = supervisor.workers[0].process.includes(':') ? 'threads' : 'processes';
console.log(`node ${process.version}, ${kind}: ${reloads} reloads of 2 workers, with ${GRACE} ms of grace`);
const clients = fork(new URL('reload-storm-clients.mjs', import.meta.url), {
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
});
clients.once('exit', (code) => finish([['the clients', `exited with ${code}`, 'none', false]]));
process.on('exit', () => clients.kill('SIGKILL'));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
clients.send({ order: 'start' });
await delay(1000);

// ---- the storm -----------------------------------------------------------------------------------------------------

/** Figures after the third reload, after a third of them, and at the end. */
const calm = [];
let paused = 0;
let longestReload = 0;
const began = performance.now();
const cpuBefore = cpuSeconds();
for (let i = 1; i <= reloads; i++) {
  const due = began + paused + i * EVERY;
  const isBroken = i % 10 === 0;
  save(isBroken ? BROKEN[(i / 10) % BROKEN.length] : GOOD);
  expectsFailure = isBroken;
  const start = performance.now();
  const { state, failure } = await supervisor.reload();
  longestReload = Math.max(longestReload, performance.now() - start);
  count[state]++;
  if ((state === 'failed') !== isBroken) strange.push(`reload ${i}: ${state} ${failure?.message ?? ''}`);
  expectsFailure = false;
  if (isBroken) save(GOOD);
  if (i % 20 === 0) await killOne();
  if (i === 3 || i === Math.ceil(reloads / 3)) {
    const from = performance.now();
    calm.push(await figures());
    paused += performance.now() - from;
  }
  await delay(Math.max(0, due - performance.now()));
  if (i % 20 === 0) progress(i);
}
const took = performance.now() - began - paused;
const cpu = cpuSeconds();
calm.push(await figures());
const [before, settled, after] = [calm[0], calm.at(-2), calm.at(-1)];
const report = await ask('report');

// ---- the bounds ----------------------------------------------------------------------------------------------------

const { totals, faults, seen, whole, ms } = report;
const alive = faults.filter(({ dead }) => !dead);
const all = (end) => alive.filter((fault) => fault.kind === end).length;
const of = (end) => alive.filter((fault) => fault.kind === end && fault.of !== 'raw').length;
/** A line of a raw client that crossed with the end of its connection: without a protocol, nobody can say that it ends. */
const crossed = alive.filter((fault) => fault.kind === 'before' && fault.of === 'raw').length;
const strangeAnswers = alive.filter(({ kind: each }) => !['refused', 'before', 'half'].includes(each)).length;
const reportedSum = sum(reported.values());
const rate = Math.round(totals.answers / ((performance.now() - began) / 1000));
console.log(
  `${totals.requests} requests (${rate} answers a second; p50 ${ms.p50.toFixed(1)}, p99 ${ms.p99.toFixed(1)}, max ${ms.max.toFixed(0)} ms), ${totals.lines} lines (${crossed} crossed with the end of their connection), ${totals.streams} streams that ended, ${totals.connects} connections; ${totals.late} requests were left out because the clients were behind`,
);
console.log(
  `${count.done} reloads done, ${count.failed} failed, the longest ${longestReload.toFixed(0)} ms; ${count.drained} workers drained, ${count.crashed} crashed; ${ends.finished} connections finished, ${ends.cancelled} were cancelled, ${ends.aborted} aborted`,
);
console.log(
  `CPU time per reload: ${perReload('server')} ms of the supervisor and its workers, ${perReload('clients')} ms of the clients`,
);
for (const text of new Set(strange)) console.log(`  ${text}`);
const grouped = new Map();
for (const { kind: what, of: who, code, dead } of faults) {
  const key = `${what} (${who}, ${code}${dead ? ', of a killed worker' : ''})`;
  grouped.set(key, (grouped.get(key) ?? 0) + 1);
}
for (const [key, times] of grouped) console.log(`  ${times} ${key}`);
/** Milliseconds for all reloads: two a second, where there are enough to say. */
const longest = reloads >= 100 ? reloads * EVERY * 1.1 : 150_000;
const isLevel = kind === 'processes' || reloads >= 100;
const expectedKills = Math.floor(reloads / 20);
finish([
  ['refused connects', all('refused'), '0', all('refused') === 0],
  ['answers that broke off', all('half'), '0', all('half') === 0],
  [
    'HTTP requests lost before their answer',
    of('before'),
    `at most ${Math.ceil(totals.requests / 20_000)}`,
    of('before') <= Math.ceil(totals.requests / 20_000),
  ],
  ['answers that are no 200', strangeAnswers, '0', strangeAnswers === 0],
  [
    'clients that ended with killed workers',
    `${reportedSum} reported, ${seen} seen`,
    `the same, or up to ${whole} more that had the whole of their answer`,
    seen <= reportedSum && reportedSum <= seen + whole,
  ],
  ['workers killed', reported.size, `${expectedKills}`, reported.size === expectedKills],
  ['reloads that failed', count.failed, `${Math.floor(reloads / 10)}`, count.failed === Math.floor(reloads / 10)],
  ['surprises', strange.length, '0', strange.length === 0],
  ['longest end of a worker', `${longestDrain.toFixed(0)} ms`, `${BOUND} ms`, longestDrain <= BOUND],
  ['time', `${(took / 1000).toFixed(1)} s`, `${(longest / 1000).toFixed(0)} s`, took <= longest],
  [
    'descriptors',
    `${before.descriptors} -> ${after.descriptors}`,
    'at most 5 % more',
    after.descriptors <= before.descriptors * 1.05,
  ],
  [
    'heap of the supervisor',
    `${mib(before.heap)} -> ${mib(after.heap)}`,
    'at most 5 % or 1 MiB more',
    after.heap <= Math.max(before.heap * 1.05, before.heap + MIB),
  ],
  [
    'resident memory of all',
    calm.map(({ resident }) => mib(resident)).join(' -> '),
    isLevel ? 'at most 5 % more than after a third' : 'none in a run of threads as short as this',
    !isLevel || after.resident <= settled.resident * 1.05,
  ],
]);

function finish(bounds) {
  clearTimeout(limit);
  let failed = 0;
  for (const [name, figure, bound, isKept] of bounds) {
    if (!isKept) failed++;
    console.log(`${isKept ? 'ok  ' : 'FAIL'}  ${name.padEnd(40)} ${figure}  (bound: ${bound})`);
  }
  clients?.removeAllListeners('exit');
  clients?.kill('SIGKILL');
  process.exit(failed === 0 ? 0 : 1);
}

// ---- the parts -----------------------------------------------------------------------------------------------------

/** Kills a worker that serves: by a signal, or by an error that nobody catches. */
async function killOne() {
  const { id, kill } = kind === 'processes' ? aProcess() : await aThread();
  clients.send({ order: 'killing', worker: id });
  await delay(50); // they have heard of it
  kill();
  while (supervisor.workers.some((row) => row.id === id)) await delay(5);
  while (supervisor.workers.filter(({ state }) => state === 'ready').length < 2) await delay(5);
}

/** The process with the most clients. */
function aProcess() {
  const ready = supervisor.workers.filter(({ state }) => state === 'ready');
  const { id, process: pid } = ready.sort((x, y) => y.connections - x.connections)[0];
  return { id, kill: () => process.kill(Number(pid), 'SIGKILL') };
}

/** A thread, which throws because one of its clients says so: the one that got this client. */
async function aThread() {
  const socket = connect({ port: ports[1], host: HOST });
  const id = await new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('data', (data) => resolve(Number.parseInt(String(data), 10)));
    socket.write('who\n');
  });
  socket.on('error', () => undefined);
  return { id, kill: () => socket.end('die\n') };
}

/** The parts of the heap without what V8 compiles, which it does bit by bit the longer a program runs. */
function dataSpaces() {
  return getHeapSpaceStatistics().filter(({ space_name: name }) => !/code|trusted/.test(name));
}

/** The figures that may not grow, in calm. */
async function figures() {
  clients.send({ order: 'pause' });
  while (supervisor.workers.length > 2) await delay(50);
  await delay(1500);
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc');
  for (let i = 0; i < 3; i++) {
    gc();
    await delay(50);
  }
  const pids = kind === 'processes' ? supervisor.workers.map((row) => Number(row.process)) : [];
  const figure = {
    descriptors: sum([process.pid, ...pids].map((pid) => readdirSync(`/proc/${pid}/fd`).length)),
    heap: sum(dataSpaces().map((space) => space.space_used_size)),
    resident: sum([process.pid, ...pids].map(residentOf)),
  };
  clients.send({ order: 'resume' });
  return figure;
}

function residentOf(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
}

/** Seconds of CPU time until now, of the supervisor with all workers that it ever had, and of the clients. */
function cpuSeconds() {
  const workers = kind === 'processes' ? supervisor.workers.map((row) => row.process) : [];
  return { server: sum(['self', ...workers].map(ticksOf)) / 100, clients: ticksOf(clients.pid) / 100 };
}

/** Hundredths of a second that a process has used, and those of its children that are gone. */
function ticksOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return sum(fields.slice(11, 15).map(Number));
}

function perReload(whose) {
  return (((cpu[whose] - cpuBefore[whose]) * 1000) / reloads).toFixed(0);
}

function progress(i) {
  const { ready, draining } = supervisor.statistics();
  const rss = mib(process.memoryUsage().rss);
  console.log(
    `  ${i} reloads after ${((performance.now() - began) / 1000).toFixed(0)} s: ${ready} ready, ${draining} draining, ${rss} here`,
  );
}

/** At once and whole: a worker must never load half a file. */
function save(text) {
  writeFileSync(`${file}.next`, text);
  renameSync(`${file}.next`, file);
}

function ask(order) {
  clients.send({ order });
  return new Promise((resolve) => void clients.once('message', resolve));
}

async function freePort() {
  const server = createServer().listen(0, HOST);
  await new Promise((resolve) => void server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => void server.close(resolve));
  return port;
}

function sum(numbers) {
  let total = 0;
  for (const each of numbers) total += each;
  return total;
}

function mib(bytes) {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

function readArguments() {
  const given = new Map();
  const args = process.argv.slice(2);
  for (let i = 0; i < args.length; i += 2) given.set(args[i], args[i + 1]);
  const times = Number(given.get('--reloads') ?? 200);
  const where = given.get('--isolate');
  const isRight = Number.isInteger(times) && times >= 4 && [undefined, 'threads', 'processes'].includes(where);
  if (isRight && [...given.keys()].every((name) => name === '--reloads' || name === '--isolate'))
    return { reloads: times, isolate: where };
  console.error(`usage: node scripts/reload-storm.mjs [--reloads N] [--isolate threads|processes]`);
  return process.exit(2);
}
