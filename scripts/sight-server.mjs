// The server of scripts/sight-check.mjs, a process of its own: an echo with an inspector as the first argument says it, `off`,
// `on`, `page`, `sampled` or `full`. A line `crunch` computes for two seconds, `overtime` for five; the message `lock` locks three tasks in a circle.

import { createTask, Lock, run, sleep, startServer } from '../dist/index.node.js';

const MODES = {
  on: {},
  page: { web: true },
  sampled: { record: true },
  full: { record: 'full', web: true },
};

async function serve(reader, writer) {
  for (;;) {
    const data = await reader.read(65536);
    if (data.length === 0) return;
    if (data[0] === 0x63) crunch(2000);
    if (data[0] === 0x6f) crunch(5000);
    writer.write(data);
    await writer.drain();
  }
}

function crunch(ms) {
  const begin = performance.now();
  process.send({ crunching: performance.timeOrigin + begin });
  while (performance.now() - begin < ms);
}

async function lockUp() {
  const locks = [0, 1, 2].map((i) => new Lock({ name: `lock ${i}` }));
  locks.forEach((lock, i) => {
    void createTask(
      async () => {
        await lock.acquire();
        await sleep(20);
        await locks[(i + 1) % 3].acquire();
      },
      { name: `holder ${i}` },
    );
  });
}

await run(async () => {
  const mode = MODES[process.argv[2]];
  const inspector =
    mode === undefined ? undefined : await (await import('../dist/inspect.node.js')).startInspector(mode);
  const server = await startServer(serve, { host: '127.0.0.1', backlog: 4096 });
  const commands = { lock: lockUp };
  process.on('message', (message) => {
    if (message === 'memory') process.send({ memory: process.memoryUsage() });
    else void commands[message]();
  });
  process.once('disconnect', () => process.exit());
  process.send({ port: server.port, socket: inspector?.socket, page: inspector?.page });
  await server.serveForever();
});
