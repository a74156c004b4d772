// The stream of frames where the server refuses it. The browser is made up: an EventSource, and fetch.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sseTransport } from '#page/console/page/sse-transport.js';
import { test } from '../../support/test.js';

/** An EventSource that fails at once, as one does whose answer is no stream, or none at all. */
function failing(readyState: number): unknown {
  return class extends EventTarget {
    static readonly CLOSED = 2;
    readonly readyState = readyState;
    constructor() {
      super();
      queueMicrotask(() => this.dispatchEvent(new Event('error')));
    }
    close(): void {}
  };
}

/** What the page is told of its loss, in order, up to `count` times. */
async function losses(readyState: number, base: string, count: number): Promise<(string | undefined)[]> {
  const world = globalThis as { EventSource?: unknown };
  const { EventSource: own } = world;
  world.EventSource = failing(readyState);
  try {
    return await new Promise((resolve) => {
      const told: (string | undefined)[] = [];
      const end = sseTransport(base).subscribe({
        onFrame: () => undefined,
        onLost: (why) => {
          told.push(why);
          if (told.length < count) return;
          end();
          resolve(told);
        },
      });
    });
  } finally {
    world.EventSource = own;
  }
}

test('a page that is refused is told why', async () => {
  const server = createServer((_, response) => {
    response.writeHead(503, { connection: 'close' }).end('there are 16 pages, the most there may be\n');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  assert.deepEqual(await losses(2, base, 2), [undefined, 'there are 16 pages, the most there may be']);
  assert.deepEqual(await losses(0, base, 1), [undefined], 'a connection that broke off has no reason');
  server.close();
  await once(server, 'close');
});
