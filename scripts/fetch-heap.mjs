// node --expose-gc scripts/fetch-heap.mjs [COUNT] [fetch]: cancels COUNT requests (100,000), half of them while they wait for
// their response and half in the body, and prints the heap ten times on the way. It has to stay flat. With `fetch`, the same
// with the global fetch and its AbortController, to compare. Build first: npm run build.

import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const [count = '100000', mode] = process.argv.slice(2);
if (count === 'serve') serve();
else await attack(Number(count));

/** In a process of its own: its heap does not count. */
function serve() {
  const server = createServer((request, response) => {
    if (request.url !== '/half') return; // never answered
    response.writeHead(200, { 'content-length': '10' });
    response.write('12345');
  });
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
}

async function attack(requests) {
  const child = fork(fileURLToPath(import.meta.url), ['serve'], { execArgv: [] });
  const port = await new Promise((resolve) => void child.once('message', resolve));
  const { createTask, run } = await import('maitre');
  const { HttpClient } = await import('maitre/http');
  const client = new HttpClient();
  const start = performance.now();
  await run(async () => {
    for (let n = 0; n <= requests; n++) {
      if (n % (requests / 10) === 0) await report(n, start);
      const url = `http://127.0.0.1:${port}/${n % 2 === 0 ? 'half' : 'stall'}`;
      if (mode === 'fetch') {
        const controller = new AbortController();
        const request = fetch(url, { signal: controller.signal }).then((response) => response.text());
        await turns(n % 7);
        controller.abort();
        await request.catch(() => undefined);
      } else {
        const task = createTask(async () => (await client.fetch(url)).text());
        await turns(n % 7);
        task.cancel();
        await task.catch(() => undefined);
      }
    }
  });
  child.kill();
}

async function report(n, start) {
  for (let i = 0; i < 5; i++) {
    await turns(2);
    globalThis.gc?.();
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(`${n} cancelled: ${(process.memoryUsage().heapUsed / 1e6).toFixed(2)} MB, after ${seconds} s`);
}

async function turns(times) {
  for (let i = 0; i < times; i++) await new Promise((resolve) => void setImmediate(resolve));
}
