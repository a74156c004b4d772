// node scripts/soak.mjs [--connections N] [--rounds N] [--messages N] [--seed N]: the whole thing under load.
//
// One process runs `maitre serve`, another opens ten thousand connections to it (soak-clients.mjs) and talks in rounds. Every
// answer is compared. After each round a fifth of the clients leaves, most of them rudely, and new ones come in their place.
// In the end, while all of them talk, the server gets SIGTERM. It passes when
//
// - every client got every answer, and in the end the answer to each message the server took and then a clean end,
// - after every round the server held as many handlers, tasks and descriptors as before, and without clients as at first,
// - its memory did not grow with the rounds, nor that of the clients: the live heap after a full collection, and the resident
//   memory, which the collector leaves to rise and fall,
// - it ended with code 0 within its grace, with a line for every client and its last line read.
//
// Bounded: after WATCHDOG ms everything is killed. Linux only: it reads /proc.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { root, setUp } from './setup.mjs';
import { findGrowth } from './soak-memory.mjs';

const WATCHDOG = 300_000;
/** What the server gets to end after SIGTERM, ms; and what its process may take beyond that for cancels and exit. */
const GRACE = 10_000;
const GRACE_SLACK = 3000;
/** Descriptors a process needs beside its connections. */
const SPARE = 200;
/** Rounds that are not judged: buffers and tables find their size, the code is compiled. */
const WARM_UP = 3;

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '10' },
    messages: { type: 'string', default: '2' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
setUp();
if (!(await build('src'))) process.exit(1);

const connections = Number(values.connections);
const began = performance.now();
const folder = mkdtempSync(join(tmpdir(), 'maitre-soak-'));
const notesFile = join(folder, 'taken');
/** What was started, with the last line of each. */
const programs = [];
const watchdog = setTimeout(() => {
  fail(`still running after ${WATCHDOG / 1000} s, ${programs.map(({ name, last }) => `${name}: ${last}`).join('; ')}`);
}, WATCHDOG);

checkDescriptors();
console.log(
  `soak: ${connections} connections, ${values.rounds} rounds of ${values.messages} messages, seed ${values.seed}`,
);

// ---- the run -------------------------------------------------------------------------------------------------------

const main = join(root, 'dist/cli/main.js');
const handler = join(root, 'scripts/soak-echo.mjs');
const server = start('server', [main, 'serve', handler, '--port', '0', '--grace', String(GRACE)], {
  SOAK_NOTES: notesFile,
});
let stopping = false;
void server.ended.then((end) => stopping || fail(`the server ended by itself with ${end}`));
/** A line for each client that has gone. */
let lines = 0;
server.on(/ bytes in, /, () => lines++);
let stopped = 'without saying how';
server.on(/^stopp(?:ing|ed): (.*)$/, (text) => (stopped = text));
const port = await new Promise((resolve) => server.on(/^serving .* on 127\.0\.0\.1:(\d+)/, resolve));

const settings = Object.entries({ ...values, port, 'server-pid': String(server.process.pid) }).flatMap(
  ([name, value]) => [`--${name}`, value],
);
const clients = start('clients', [join(root, 'scripts/soak-clients.mjs'), ...settings]);
const looks = [];
printRow(['', 'tasks', 'descriptors', 'resident', 'live heap', 'external', 'client heap']);
let report;
clients.on(/^look (.*)$/, (text) => {
  const look = JSON.parse(text);
  looks.push(look);
  const { when, tasks, descriptors, resident, heap, external, clientHeap } = look;
  const memory = [resident, heap, external, clientHeap].map((bytes) => (bytes / 1024 / 1024).toFixed(1));
  printRow([when, tasks, descriptors, ...memory]);
});
clients.on(/^failed (.*)$/, fail);
clients.on(/^report (.*)$/, (text) => (report = JSON.parse(text)));
void clients.ended.then((end) => report ?? fail(`the clients ended with ${end}; their last line: ${clients.last}`));
await new Promise((resolve) => clients.on(/^talking/, resolve));

stopping = true;
const stop = performance.now();
server.process.kill('SIGTERM');
const code = await server.ended;
const stopTook = performance.now() - stop;
await clients.ended;

// ---- the verdict ---------------------------------------------------------------------------------------------------

const notes = readFileSync(notesFile);
const taken = new Uint32Array(notes.buffer, notes.byteOffset, notes.length / 4);
const lost = report.answered.filter(([number, count]) => count !== taken[number]);
const served = report.opened + 1; // and the one that looks
const atEnd = connections - report.resetAtEnd;
const unsettled = looks.filter(({ wanted, ...look }) =>
  Object.keys(wanted).some((name) => look[name] !== wanted[name]),
);

const rows = [
  ['connections opened', report.opened],
  ['messages echoed and compared', report.echoed],
  ['clients that left, rudely', `${report.left}, ${report.rude}`],
  ['reset while the server ended', report.resetAtEnd],
  ['ended cleanly after SIGTERM', `${report.clean} of ${atEnd}`],
  ['messages the server took and did not answer', lost.length],
  ['lines of `maitre serve` about clients', lines],
  ['server ended with', `${code} after ${(stopTook / 1000).toFixed(1)} s (${stopped})`],
  ['in all', `${((performance.now() - began) / 1000).toFixed(1)} s`],
];
const width = Math.max(...rows.map(([name]) => name.length));
for (const [name, value] of rows) console.log(`${name.padEnd(width)}  ${value}`);

for (const { when, wanted, ...look } of unsettled) {
  const held = Object.keys(wanted).map((name) => `${look[name]} ${name}`);
  fail(`${when}: the server holds ${held.join(', ')}; ${Object.values(wanted).join(', ')} are due`);
}
const growth = findGrowth({
  idle: looks.find(({ when }) => when === 'idle'),
  rounds: looks.filter(({ when }) => when.startsWith('round')).slice(WARM_UP),
  empty: looks.find(({ when }) => when === 'empty'),
  leftPerRound: report.leftInRounds / Number(values.rounds),
});
if (growth.length > 0) fail(growth.join('; '));
if (lost.length > 0) {
  const [[number, count]] = lost;
  fail(`client ${number} got ${count} answers to the ${taken[number]} messages that the server took`);
}
if (report.clean !== atEnd) fail('not every remaining client got a clean end');
if (lines !== served) fail(`the server printed ${lines} lines about ${served} clients`);
if (!/^\d+ finished, 0 cancelled, 0 aborted$/.test(stopped)) fail(`the last line of the server was: ${stopped}`);
if (code !== 0) fail(`the server ended with ${code}`);
if (stopTook > GRACE + GRACE_SLACK) fail(`the server took ${(stopTook / 1000).toFixed(1)} s to end`);
clearTimeout(watchdog);
rmSync(folder, { recursive: true, force: true });
console.log('soak passed');

function fail(why) {
  console.log(`soak FAILED (seed ${values.seed}): ${why}`);
  for (const { process: child } of programs) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
  process.exit(1);
}

function printRow([when, ...cells]) {
  console.log(when.padEnd(10) + cells.map((cell) => String(cell).padStart(13)).join(''));
}

// ---- the programs --------------------------------------------------------------------------------------------------

function checkDescriptors() {
  const wanted = connections + SPARE;
  const { status } = spawnSync('sh', ['-c', 'ulimit -n "$0"', String(wanted)]);
  if (status !== 0) fail(`a process may not open the ${wanted} descriptors here that ${connections} connections need`);
}

/** Starts node with enough descriptors, which a shell has to ask for, and a `gc` to call. */
function start(name, args, env = {}) {
  const script = 'ulimit -n "$0" && exec "$@"';
  const command = [String(connections + SPARE), process.execPath, '--expose-gc', ...args];
  const child = spawn('sh', ['-c', script, ...command], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const listeners = [];
  const program = {
    name,
    process: child,
    last: 'nothing printed',
    ended: new Promise((resolve) => child.on('close', (status, signal) => resolve(status ?? signal))),
    /** Calls `fn` with the first group of every line that matches. */
    on: (pattern, fn) => listeners.push({ pattern, fn }),
  };
  programs.push(program);
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    const whole = (rest + chunk).split('\n');
    rest = whole.pop();
    for (const line of whole) {
      program.last = line.slice(0, 200);
      for (const { pattern, fn } of listeners) {
        const match = pattern.exec(line);
        if (match !== null) fn(match[1]);
      }
    }
  });
  return program;
}
