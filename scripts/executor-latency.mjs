// node scripts/executor-latency.mjs: the latency of an echo server on the main loop while threads of an executor compute, beside
// the same server while they do nothing, in turns. One core is left to the loop where there is more than one. Fails if the median
// of the ratios of the 99th percentiles is above 2 in each of five looks: a machine has bad moments.
//
// The server, its client and the threads want more cores than a small machine has. So each round measures the same server beside
// bare threads of node:worker_threads too. Where these alone take the server to the bound, the machine has no core to lend: then
// an executor may cost a tenth more than they do, and the outcome says so.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { median } from '../bench/report.mjs';
import { build } from './build.mjs';
import { setUp } from './setup.mjs';

const REQUESTS = 3000;
const ROUNDS = 5;
const LOOKS = 5;
const BOUND = 2;
const BESIDE_BARE = 1.1;

if (process.send === undefined) {
  setUp();
  if (!(await build())) process.exit(1);
  await main();
} else {
  await client(Number(process.argv[2]));
}

async function main() {
  const { run, startServer, TaskGroup } = await import('../dist/index.node.js');
  const { ThreadExecutor } = await import('../dist/executors.node.js');
  const size = Math.max(1, availableParallelism() - 1);
  let outcome;
  await run(async () => {
    const threads = new ThreadExecutor({ size });
    const echo = async (reader, writer) => {
      for await (const chunk of reader.chunks()) writer.write(chunk);
    };
    const server = await startServer(echo, { host: '127.0.0.1' });
    const round = async () => {
      const idle = await measure(server.port);
      const workers = await Promise.all(Array.from({ length: size }, bareThread));
      const bare = await measure(server.port);
      await Promise.all(workers.map((worker) => worker.terminate()));
      let busy;
      await TaskGroup.run(async (group) => {
        for (let i = 0; i < size; i++) group.createTask(() => threads.run(spin));
        busy = await measure(server.port);
        group.cancel();
      });
      console.log(
        `p99: ${idle.toFixed(0)} us idle, ${busy.toFixed(0)} us with ${size} busy threads, ${bare.toFixed(0)} us with bare ones`,
      );
      return { ours: busy / idle, bare: bare / idle, besideBare: busy / bare };
    };
    const rounds = [];
    for (let look = 0; look < LOOKS && outcome === undefined; look++) {
      const seen = [];
      for (let i = 0; i < ROUNDS; i++) seen.push(await round());
      rounds.push(...seen);
      const ratio = median(seen.map(({ ours }) => ours));
      if (ratio <= BOUND) outcome = `median ratio ${ratio.toFixed(2)} (bound: ${BOUND})`;
    }
    outcome ??= besideBare(rounds);
    await server.shutdown({ grace: 0 });
    await threads.shutdown({ grace: 0 });
  });
  const passed = !outcome.startsWith('FAIL');
  console.log(passed ? `ok    ${outcome}` : outcome);
  process.exit(passed ? 0 : 1);
}

/** What all rounds say when no look was within the bound. */
function besideBare(rounds) {
  const ours = median(rounds.map((round) => round.ours));
  const bare = median(rounds.map((round) => round.bare));
  const ratio = median(rounds.map((round) => round.besideBare));
  const numbers = `median ratio ${ours.toFixed(2)} (bound: ${BOUND}), ${bare.toFixed(2)} with bare threads`;
  if (ratio > BESIDE_BARE) return `FAIL  ${numbers}`;
  return `no core to lend here: ${numbers}; ${ratio.toFixed(2)} of these (bound: ${BESIDE_BARE})`;
}

/** A thread that computes, without an executor. */
async function bareThread() {
  const worker = new Worker('for (;;);', { eval: true });
  await once(worker, 'online');
  return worker;
}

/** Never looks: it is ended with its thread. */
function spin() {
  for (;;);
}

/** The 99th percentile of a client in a process of its own, in microseconds. */
async function measure(port) {
  const child = fork(new URL(import.meta.url), [String(port)]);
  const [result] = await once(child, 'message');
  await once(child, 'exit');
  return result;
}

async function client(port) {
  const socket = connect(port, '127.0.0.1').setNoDelay();
  await once(socket, 'connect');
  const times = [];
  for (let i = 0; i < REQUESTS; i++) {
    const start = performance.now();
    socket.write('a table asks for the menu');
    await once(socket, 'data');
    times.push((performance.now() - start) * 1000);
  }
  times.sort((a, b) => a - b);
  process.send(times[Math.floor(REQUESTS * 0.99)]);
  socket.destroy();
  process.disconnect();
}
