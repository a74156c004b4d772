// One broadcast to many sockets: who is slow holds up nobody else, and costs bounded memory.
import assert from 'node:assert/strict';
import { broadcast, sleep, timeout, TimeoutError } from 'maitre';
import type { WebSocket } from 'maitre/http';
import { until } from '../net/sockets.js';
import { test } from '../support/test.js';
import { RawWsClient, withHandler, WsClient } from './web-sockets.js';

test(
  '1,000 sockets receive every item of a broadcast, in order',
  async () => {
    const news = broadcast<string>({ capacity: 16 });
    const items = Array.from({ length: 20 }, (_, i) => `item ${String(i).padStart(3, '0')}`);
    await withHandler(
      async (socket) => {
        using subscription = news.subscribe();
        for await (const item of subscription) await socket.send(item);
      },
      {},
      async ({ port }) => {
        const clients: RawWsClient[] = [];
        try {
          for (let i = 0; i < 1000; i += 50) {
            const opened = Array.from({ length: 50 }, () => RawWsClient.open(port));
            clients.push(...(await Promise.all(opened)));
          }
          for (const client of clients) client.socket.resume();
          await until(() => news.subscribers === 1000, 'all to subscribe');
          for (const item of items) await news.publish(item);
          const frames = Buffer.concat(items.flatMap((item) => [Buffer.from([0x81, item.length]), Buffer.from(item)]));
          await until(
            () => clients.every(({ received }) => received.length >= frames.length),
            'all to receive',
            30_000,
          );
          assert.ok(clients.every(({ received }) => received.equals(frames)));
          for (const client of clients.splice(0, 500)) client.socket.destroy();
          await until(() => news.subscribers === 500, 'those who leave to be unsubscribed');
          news.close();
          for (const client of clients) await until(() => client.received.length >= frames.length + 4, 'the close');
        } finally {
          for (const client of clients) client.socket.destroy();
        }
      },
    );
  },
  { timeout: 60_000 },
);

/** `timeout` is the policy dropOldest, with a time limit for each send. */
for (const slow of ['wait', 'dropOldest', 'timeout'] as const) {
  test(`a client that reads nothing costs bounded memory, and holds up only who asks for it: ${slow}`, async () => {
    const news = broadcast<Buffer>({ capacity: 4, slow: slow === 'timeout' ? 'dropOldest' : slow });
    const sockets: WebSocket[] = [];
    await withHandler(
      async (socket) => {
        sockets.push(socket);
        using subscription = news.subscribe();
        try {
          const ms = slow === 'timeout' ? 1000 : null;
          for await (const item of subscription) await timeout(ms, () => socket.send(item));
        } catch (error) {
          if (!(error instanceof TimeoutError)) throw error;
          await socket.close(1013, 'too slow');
        }
      },
      { closeTimeout: 20 },
      async ({ port, url }) => {
        using stalled = await RawWsClient.open(port);
        await until(() => news.subscribers === 1, 'the slow one to subscribe');
        const quick = await WsClient.open(url);
        await until(() => news.subscribers === 2, 'the quick one to subscribe');
        const item = Buffer.alloc(100_000);
        let published = 0;
        const isDone = (): boolean =>
          slow === 'wait' ? sockets[0]?.statistics().waiting === 1 && published >= 4 : published === 200;
        const publishing = (async () => {
          for (; published < 200; published++) {
            await news.publish(item);
            // One after the other, so that the quick one is never behind. Its count is of whole items.
            if (slow !== 'wait') await quick.receives(published + 1);
          }
        })();
        if (slow === 'wait') {
          let before = -1;
          await until(() => {
            const isStill = isDone() && published === before;
            before = published;
            return isStill;
          }, 'the publisher to wait');
          for (let i = 0; i < 20; i++) await sleep(1);
          assert.equal(published, before);
          stalled.socket.resume();
        }
        await publishing;
        await quick.receives(200);
        // At most what may be unsent, and one message.
        assert.ok((sockets[0]?.statistics().unsent ?? 0) <= 65_536 + 100_100);
        if (slow === 'timeout') await until(() => sockets[0]?.closeCode === 1013, 'the slow one to be closed');
        news.close();
        assert.equal(await quick.closes(), 1000);
        stalled.socket.destroy();
      },
    );
  });
}
