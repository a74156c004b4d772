import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { createDatagramEndpoint, createTask } from 'maitre';
import { nextTurn, test } from '../support/test.js';
import { local, withEndpoints, withPair } from './endpoints.js';
import { HOST, isNode, until } from './sockets.js';

test('names and both families are addresses too', async () => {
  await withPair(async (server) => {
    await withEndpoints(
      [{ remote: { host: 'localhost', port: server.address.port } }, { local }],
      async (byName, open) => {
        await byName.send('connected');
        assert.equal(String((await server.receive()).data), 'connected');
        await open.send('sent', { host: 'localhost', port: server.address.port });
        assert.equal(String((await server.receive()).data), 'sent');
        await assert.rejects(open.send('x', { host: '::1', port: 1 }), RangeError);
      },
    );
  });
});

const hasIPv6 = Object.values(networkInterfaces()).some((each) => each?.some((one) => one.address === '::1'));

test(
  'an IPv6 endpoint talks to IPv4 unless ipv6Only, and names its address plainly',
  async () => {
    await withEndpoints([{ family: 'IPv6' }, { local }], async (six, four) => {
      assert.equal(six.address.family, 'IPv6');
      await four.send('up', { host: HOST, port: six.address.port });
      const { from } = await six.receive();
      assert.deepEqual(from, four.address);
      await six.send('down', from);
      assert.equal(String((await four.receive()).data), 'down');
      await six.send('self', { host: '::1', port: six.address.port });
      assert.deepEqual((await six.receive()).from, { address: '::1', port: six.address.port, family: 'IPv6' });
    });
    await withEndpoints([{ local }], async (four) => {
      await withEndpoints([{ family: 'IPv6', remote: { host: HOST, port: four.address.port } }], async (six) => {
        assert.deepEqual(six.remote, four.address);
        await six.send('up');
        await four.send('down', (await four.receive()).from);
        assert.equal(String((await six.receive()).data), 'down');
      });
    });
    await withEndpoints([{ local: { host: '::1' }, ipv6Only: true }], async (six) => {
      assert.equal(six.address.address, '::1');
    });
  },
  { skip: hasIPv6 ? false : 'this machine has no ::1' },
);

test('a taken port is EADDRINUSE, a name without address ENOTFOUND, and nothing stays open', async () => {
  await withEndpoints([{ local }], async (taken) => {
    const port = taken.address.port;
    await assert.rejects(createDatagramEndpoint({ local: { host: HOST, port } }), { code: 'EADDRINUSE' });
  });
  await assert.rejects(
    createDatagramEndpoint({ remote: { host: 'nobody.invalid', port: 1 } }),
    (error: { code?: string }) => error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN',
  );
});

test('createDatagramEndpoint cancelled at any step leaves nothing open', async () => {
  for (const remote of [undefined, { host: HOST, port: 9 }, { host: 'localhost', port: 9 }]) {
    for (let step = 0; step < 16; step++) {
      const controller = new AbortController();
      const opening = createDatagramEndpoint({ local, remote, signal: step % 2 === 0 ? controller.signal : undefined });
      const task = createTask(() => (step % 2 === 0 ? opening : createDatagramEndpoint({ local, remote })));
      for (let turn = 0; turn < step / 2; turn++) await (step < 8 ? undefined : nextTurn());
      controller.abort();
      task.cancel();
      for (const each of [opening, task]) {
        try {
          await (await each)[Symbol.asyncDispose](); // it was done already
        } catch (error) {
          assert.equal((error as Error).name, 'CancelledError');
        }
      }
    }
  }
  // A lookup of the system cannot be taken back: it ends by itself.
  await until(() => !process.getActiveResourcesInfo?.().includes('GetAddrInfoReqWrap'), 'lookups to end');
}); // the leak check sees open sockets

test('reuseAddress lets several endpoints bind one port', async () => {
  await withEndpoints([{ local: { host: '0.0.0.0' }, reuseAddress: true }], async (first) => {
    const port = first.address.port;
    await withEndpoints([{ local: { host: '0.0.0.0', port }, reuseAddress: true }], async (second) => {
      assert.equal(second.address.port, port);
    });
  });
});

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const hasReusePort = isNode && process.platform === 'linux' && (major > 22 || (major === 22 && minor >= 12));

test('reusePort lets several endpoints share a port, or is refused where it cannot be had', async () => {
  if (isNode && !hasReusePort && process.platform === 'linux') {
    await assert.rejects(createDatagramEndpoint({ local, reusePort: true }), {
      name: 'RangeError',
      message: /needs Node 22\.12/,
    });
    return;
  }
  if (!hasReusePort) return;
  await withEndpoints([{ local, reusePort: true }], async (first) => {
    const port = first.address.port;
    await withEndpoints([{ local: { host: HOST, port }, reusePort: true }], async (second) => {
      assert.equal(second.address.port, port);
    });
  });
});
