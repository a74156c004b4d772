// node scripts/executor-latency.mjs: the latency of an echo server on the main loop while threads of an executor compute, beside
// the same server while they do nothing, in turns. One core is left to the loop where there is more than one. Fails if the median
// of the ratios of the 99th percentiles is above 2, twice: a machine has bad moments.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { availableParallelism } from 'node:os';
import { build } from './build.mjs';
import { setUp } from './setup.mjs';

const REQUESTS = 3000;
const ROUNDS = 5;
const BOUND = 2;

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
  let ratio = Infinity;
  await run(async () => {
    const threads = new ThreadExecutor({ size });
    const echo = async (reader, writer) => {
      for await (const chunk of reader.chunks()) writer.write(chunk);
    };
    const server = await startServer(echo, { host: '127.0.0.1' });
    const beside = async () => {
      const idle = await measure(server.port);
      let busy;
      await TaskGroup.run(async (group) => {
        for (let i = 0; i < size; i++) group.createTask(() => threads.run(spin));
        busy = await measure(server.port);
        group.cancel();
      });
      console.log(`p99: ${idle.toFixed(0)} us idle, ${busy.toFixed(0)} us with ${size} busy threads`);
      return busy / idle;
    };
    for (let look = 0; look < 2 && ratio > BOUND; look++) {
      const ratios = [];
      for (let round = 0; round < ROUNDS; round++) ratios.push(await beside());
      ratio = Math.min(ratio, ratios.sort((a, b) => a - b)[ROUNDS >> 1]);
    }
    await server.shutdown({ grace: 0 });
    await threads.shutdown({ grace: 0 });
  });
  const passed = ratio <= BOUND;
  console.log(`${passed ? 'ok  ' : 'FAIL'}  median ratio ${ratio.toFixed(2)} (bound: ${BOUND})`);
  process.exit(passed ? 0 : 1);
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
