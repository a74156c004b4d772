// The load generator where there is no C compiler: the same arguments and output as load.c. Node may be the limit here, so
// the requests per second say little; the server's CPU time per request still stands.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const [mode, ...numbers] = process.argv.slice(2);
const [port, pid, clients, size, line, warm, window] = numbers.map(Number);
const isHttp = mode === 'http';
/** Bytes of an answer over HTTP, all of which are alike; 0 before the first. */
let answer = 0;
const payload = isHttp
  ? Buffer.from(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
  : Buffer.from({ length: size }, (_, i) => (line > 0 && (i + 1) % line === 0 ? 10 : 97 + (i % 23)));
const ticks = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const page = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' })) / 1024;
let requests = 0;

const before = residentKib();
for (let i = 0; i < clients; i++) {
  open(i);
  if (i % 100 === 99) await sleep(10);
}
await sleep(warm);
if (mode === 'hold') {
  console.log(JSON.stringify({ clients, before, after: residentKib() }));
  process.exit();
}
const [start, from, first] = [performance.now(), cpuTime(), requests];
await sleep(window);
const [to, seconds] = [cpuTime(), (performance.now() - start) / 1000];
console.log(
  JSON.stringify({ requests: requests - first, seconds, user: to.user - from.user, system: to.system - from.system }),
);
process.exit();

function open(i) {
  const socket = connect({ host: '127.0.0.1', port, localAddress: `127.0.0.${2 + (i % 200)}`, noDelay: true });
  let received = 0;
  socket.on('connect', () => mode !== 'hold' && socket.write(payload));
  socket.on('data', (chunk) => {
    if (isHttp) {
      answer ||= chunk.length;
      received += chunk.length;
      if (received > answer || (received === chunk.length && !chunk.includes('HTTP/1.1 200')))
        fail('another answer came');
      if (received < answer) return;
      requests++;
      received = 0;
      socket.write(payload);
      return;
    }
    if (!payload.subarray(received, received + chunk.length).equals(chunk)) fail('wrong bytes came back');
    received += chunk.length;
    if (mode === 'connect' || received < size) return;
    requests++;
    received = 0;
    socket.write(payload);
  });
  socket.on('end', () => {
    if (mode !== 'connect' || received !== size) fail('the server ended a connection too early');
    requests++;
  });
  socket.on('close', () => mode === 'connect' && open(i + 1));
  socket.on('error', (error) => fail(error.message));
}

/** All threads of the server, in seconds. */
function cpuTime() {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return { user: fields[11] / ticks, system: fields[12] / ticks };
}

function residentKib() {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * page;
}

function fail(why) {
  console.error(`load: ${why}`);
  process.exit(1);
}
