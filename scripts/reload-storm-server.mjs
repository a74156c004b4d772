// What the workers of reload-storm.mjs serve: HTTP with a stream of events, and lines over raw TCP. Every
// answer says which worker gave it.
import { setTimeout as delay } from 'node:timers/promises';
import { sleep, startServer } from '../dist/index.node.js';
import { eventStream, serveHttp } from '../dist/http.node.js';
import { worker } from '../dist/workers.node.js';

const [httpPort, rawPort] = process.env.RELOAD_STORM_PORTS.split(',').map(Number);
const FILLING = 'x'.repeat(2000);

async function* ticks() {
  for (let i = 0; ; i++) {
    yield `${worker.id} ${i}`;
    await sleep(200);
  }
}

/** Ends the worker as an error that nobody catches does. */
function die() {
  void delay(0).then(() => {
    throw new Error('killed by the storm');
  });
}

await worker.ready(async () => {
  await serveHttp(
    (request) => {
      if (request.url.endsWith('/events')) return eventStream(request, ticks);
      return new Response(FILLING, { headers: { 'x-worker': String(worker.id) } });
    },
    { host: '127.0.0.1', port: httpPort },
  );
  await startServer(
    async (reader, writer) => {
      for await (const line of reader.lines()) {
        if (line === 'die') return die();
        writer.write(`${worker.id} ${line}\n`);
        await writer.drain();
      }
    },
    { host: '127.0.0.1', port: rawPort },
  );
});
