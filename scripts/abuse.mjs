// node scripts/abuse.mjs [NAME...]: what an enemy does to a server, each case with its figure and its bound. All of them, or those
// whose name contains one of the words. A bound that is missed ends it with 1.
//
// Every server is a process of its own (abuse-server.mjs, or `maitre serve`), so that one that falls is seen to fall. Bounded:
// everything is killed after WATCHDOG ms. Linux only: it reads /proc, and has a second address in 127.0.0.0/8.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, pipeline, visit } from './abuse-clients.mjs';
import { killAll, startServer, track } from './abuse-processes.mjs';
import { build } from './build.mjs';
import { root, setUp } from './setup.mjs';

const WATCHDOG = 170_000;
const MIB = 1024 * 1024;
/** The address that servers refuse. */
const REFUSED = '127.0.0.2';
const STACK = /^ +at /m;

if (!existsSync('/proc/self/status')) {
  console.log('Skipped: the cases need Linux');
  process.exit(0);
}
setUp();
if (!(await build('src'))) process.exit(1);

const folder = mkdtempSync(join(tmpdir(), 'maitre-abuse-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
setTimeout(() => {
  console.log(`FAIL  still running after ${WATCHDOG / 1000} s`);
  process.exit(1);
}, WATCHDOG).unref();
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

const cases = [
  ['resets before accept', '0 handlers for a refused address', resetsBeforeAccept],
  ['pipelining, reading nothing', 'the process lives, 256 MiB of heap', pipeliningUnread],
  ['ping beside a flooder', 'p50 at most 10 ms', pingBesideFlooder],
  ['5,000 half lines', 'at most 320 MiB more than idle, and a ping in 1 s', halfLines],
  ['log flood', 'at most 20,000 bytes for 4,000 visits, no stacks', logFlood],
  ['descriptors running out', 'told 1 to 3 times, serves again within 2 s', outOfDescriptors],
  ['escapes in printed lines', '0 control characters, 0 forged lines', escapes],
  ['broken stderr', 'the process lives and serves', brokenStderr],
];
const words = process.argv.slice(2);
const chosen = cases.filter(([name]) => words.length === 0 || words.some((word) => name.includes(word)));
let failed = 0;
for (const [name, bound, run] of chosen) {
  const began = performance.now();
  let outcome;
  try {
    outcome = await run();
  } catch (error) {
    outcome = { passed: false, figure: error.message.split('\n').slice(0, 3).join(' | ') };
  }
  const { passed, figure } = outcome;
  if (!passed) failed++;
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`${passed ? 'ok  ' : 'FAIL'}  ${name.padEnd(28)} ${figure}  (bound: ${bound}; ${seconds} s)`);
  killAll();
}
process.exit(failed === 0 && chosen.length > 0 ? 0 : 1);

// ---- the cases -----------------------------------------------------------------------------------------------------

/** A reset that overtakes the accept leaves a socket without an address: no list may take that for a stranger it lets in. */
async function resetsBeforeAccept() {
  const server = await startServer('refuser');
  const counts = [];
  for (const port of server.ports) {
    const control = new Client(port);
    await control.ask('count');
    const intrude = (socket) => socket.write('count\n', () => socket.resetAndDestroy());
    const options = { port, localAddress: REFUSED };
    control.socket.write('stall 700\n'); // all of these are in the kernel before the first is accepted
    await visit(500, intrude, options);
    await visit(1000, intrude, options);
    await delay(300);
    counts.push(Number(await control.ask('count')));
    await control.end();
  }
  const strangers = counts.at(-1);
  return { passed: strangers === 0 && (await server.lives()), figure: `${strangers} of 3000 handlers ran` };
}

/** Answers that nobody reads: maxBuffered ends the client, not the memory the process. */
async function pipeliningUnread() {
  const figures = [];
  let passed = true;
  for (const role of ['echo', 'text-echo']) {
    const server = await startServer(role, { flags: ['--max-old-space-size=256'] });
    const [port] = server.ports;
    const { outcome, bytesWritten } = await pipeline(port, 12_000);
    const answers = await new Client(port).ask('ping', 5000);
    const lives = answers === 'ping' && (await server.lives());
    passed &&= lives;
    const peak = lives ? `, peak ${mib(server.memory('VmHWM'))}` : `: ${server.lastError()}`;
    figures.push(`${role} ${lives ? 'lives' : 'fell'}, client ${outcome} after ${mib(bytesWritten)}${peak}`);
    await server.kill();
  }
  return { passed, figure: figures.join('; ') };
}

/** A client that pipelines and reads all has its share of the loop, and no more. */
async function pingBesideFlooder() {
  const server = await startServer('echo');
  const [port] = server.ports;
  const flooder = track(
    spawn(process.execPath, [join(root, 'scripts/abuse-clients.mjs'), 'flood', String(port)], { stdio: 'ignore' }),
  );
  const client = new Client(port);
  await client.ask('warm up');
  await delay(1500);
  const times = [];
  for (const until = performance.now() + 6000; performance.now() < until;) {
    const began = performance.now();
    if ((await client.ask('ping', 10_000)) !== 'ping') break;
    times.push(performance.now() - began);
    await delay(5);
  }
  const floods = flooder.exitCode === null;
  flooder.kill('SIGKILL');
  times.sort((a, b) => a - b);
  const [p50, p99] = [0.5, 0.99].map((part) => times[Math.floor(part * times.length)] ?? Infinity);
  const figure = `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms of ${times.length}${floods ? '' : ', the flooder was ended'}`;
  return { passed: p50 <= 10 && floods && (await server.lives()), figure };
}

/**
 * Each of them is within its own limit; together they would be 325 MB, and 1 GB at their end. `maxTotalBuffered` is 128 MiB, of
 * which 165 MiB are the most that is held; 40 MiB are 5,000 connections without a byte, the rest is garbage not yet collected.
 */
async function halfLines() {
  const server = await startServer('hoarder');
  const [port] = server.ports;
  const count = Math.min(5000, descriptorLimit() - 500);
  await new Client(port).ask('warm up');
  const idle = server.memory('VmRSS');
  const half = Buffer.alloc(65_000, 'x');
  const sockets = [];
  const visits = visit(count, (socket) => (sockets.push(socket), socket.write(half)), { port, atOnce: count });
  for (const until = performance.now() + 20_000; sockets.length < count && performance.now() < until;) await delay(50);
  await delay(8000); // the largest holders are ended after five seconds
  const client = new Client(port);
  const began = performance.now();
  const answer = await client.ask('ping', 5000);
  const ping = performance.now() - began;
  for (const socket of sockets) socket.end(); // a half line at the end is a line
  await Promise.race([visits, delay(8000)]);
  const grown = server.memory('VmHWM') - idle;
  for (const socket of sockets) socket.destroy();
  return {
    passed: answer === 'ping' && ping <= 1000 && grown <= 320 * MIB && (await server.lives()),
    figure: `${count} clients: ${mib(grown)} more, ping ${answer === 'ping' ? `${ping.toFixed(0)} ms` : 'unanswered'}`,
  };
}

/** A port scan says what it has to say in a few lines. */
async function logFlood() {
  const server = await startServer('scanned', { env: certificate() });
  const holder = new Client(server.ports[2]); // the one connection of its address
  const perPort = Math.floor(4000 / server.ports.length);
  for (const port of server.ports) {
    await visit(perPort, (socket) => socket.write('GET / HTTP/1.0\r\n\r\n', () => socket.resetAndDestroy()), { port });
  }
  await delay(1500); // what was held back is told
  await holder.end();
  const lives = await server.lives();
  const stacks = STACK.test(server.stderr);
  const { length } = server.stderr;
  const figure = `${length} bytes, ${server.stderr.split('\n').length - 1} lines${stacks ? ', with stacks' : ''}`;
  return { passed: length <= 20_000 && !stacks && lives, figure };
}

/** libuv drops clients then, silently. It is said, those that are in are served, and so are others afterwards. */
async function outOfDescriptors() {
  const server = await startServer('echo', { limit: 160 });
  const [port] = server.ports;
  const first = new Client(port);
  await first.ask('in');
  const others = Array.from({ length: 400 }, () => new Client(port));
  await delay(3000);
  const still = (await first.ask('still', 2000)) === 'still';
  const told = (server.stderr.match(/^maitre: .*$/gm) ?? []).filter((line) => !/^maitre: +at /.test(line)).length;
  for (const other of others) await other.end();
  const began = performance.now();
  let again;
  while (again !== 'again' && performance.now() - began < 5000) {
    const client = new Client(port);
    again = await client.ask('again', 300);
    await client.end();
  }
  const took = performance.now() - began;
  return {
    passed: still && told >= 1 && told <= 3 && again === 'again' && took <= 2000 && (await server.lives()),
    figure: `told ${told} times, ${still ? 'the first is served' : 'the first waits'}, again after ${took.toFixed(0)} ms`,
  };
}

/** What a client sends comes out in lines of maitre's own, by way of every report and of `maitre serve`. */
async function escapes() {
  const hostile = '\x1b]0;owned\x07\x1b[2J\r\x9b31m\x7f\u2028maitre: forged';
  const lines = [hostile, `text ${hostile}`, `{"a": ${hostile}`].map((line) => `${line}\n`);
  const path = Buffer.alloc(216);
  path.write('/x\n127.0.0.1:1  forged\x1b[2J', 'latin1');
  const v2 = Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8', 'latin1'), path]);
  const v1 = `PROXY TCP4 ${hostile}\r\n`;
  const reports = await startServer('quoting');
  const [plain, behindBalancer] = reports.ports;
  const handler = join(folder, 'quotes.mjs');
  writeFileSync(
    handler,
    `export default async (reader) => {
      const line = String(await reader.readLine());
      if (line.startsWith('{')) JSON.parse(line);
      throw line.startsWith('text') ? line : new Error(line);
    };`,
  );
  const command = await startServer('serve', {
    args: [join(root, 'dist/cli/main.js'), 'serve', handler, '--port', '0'],
    listening: /on 127\.0\.0\.1:(\d+);/,
  });
  for (const line of lines) {
    for (const port of [plain, ...command.ports]) await visit(1, (socket) => void socket.end(line), { port });
    await visit(1, (socket) => void socket.end(Buffer.concat([v2, Buffer.from(line)])), { port: behindBalancer });
  }
  await visit(1, (socket) => void socket.end(v1), { port: behindBalancer });
  await delay(1500);
  const output = [reports, command].map(({ stdout, stderr }) => `${stdout}\n${stderr}`).join('\n');
  const controls = output.replaceAll('\n', '').match(/[\p{Cc}\p{Zl}\p{Zp}]/gu)?.length ?? 0;
  const forged = output.match(/^(?:maitre: forged|127\.0\.0\.1:1 {2}forged)/gm)?.length ?? 0;
  const lives = (await reports.lives()) && (await command.lives());
  return {
    passed: controls === 0 && forged === 0 && lives && output.includes('owned'),
    figure: `${controls} control characters, ${forged} forged lines in ${output.length} bytes`,
  };
}

/** Whoever read the errors has gone: they are lost, and nothing else is. */
async function brokenStderr() {
  const handler = join(folder, 'fails.mjs');
  writeFileSync(
    handler,
    `export default async (reader, writer) => {
      const line = await reader.readLine();
      if (String(line) !== 'ping\\n') throw new Error('reported');
      writer.write(line);
    };`,
  );
  const served = [
    await startServer('quoting'),
    await startServer('serve', {
      args: [join(root, 'dist/cli/main.js'), 'serve', handler, '--port', '0'],
      listening: /on 127\.0\.0\.1:(\d+);/,
    }),
  ];
  const outcomes = [];
  for (const server of served) {
    const [port] = server.ports;
    server.child.stderr.destroy();
    for (let i = 0; i < 20; i++) {
      await visit(5, (socket) => void socket.end('fail\n'), { port });
      await delay(20);
    }
    outcomes.push(await server.lives());
  }
  const figure = ['run', 'maitre serve'].map(
    (name, i) => `${name} ${outcomes[i] ? 'lives' : 'fell'} after 100 reports`,
  );
  return { passed: outcomes.every(Boolean), figure: figure.join(', ') };
}

/** The key and certificate of the tests, for handshakes that fail. */
function certificate() {
  const text = readFileSync(join(root, 'test/net/fixtures/certificates.ts'), 'utf8');
  const [key, cert] = [...text.matchAll(/-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g)].map(([block]) => block);
  return { ABUSE_KEY: key, ABUSE_CERT: cert };
}

function descriptorLimit() {
  return Number(/^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024);
}

function mib(bytes) {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}
