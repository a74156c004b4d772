import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { SendQueues } from '#src/net/send-queues.js';
import { test } from '../support/test.js';
import { HOST, RawClient, until } from './sockets.js';

const skip = process.platform !== 'linux' && 'only Linux lists what its kernel holds';

test(
  'SendQueues tells what the kernel holds for a TCP socket, and nothing of others',
  async () => {
    const accepted: Socket[] = [];
    const server = createServer((socket) => void accepted.push(socket));
    await new Promise<void>((resolve) => void server.listen(0, HOST, resolve));
    const { port } = server.address() as { port: number }; // it listens on TCP
    const client = new RawClient(port);
    client.socket.pause();
    await client.connected();
    await until(() => accepted.length === 1);
    const [socket] = accepted as [Socket];
    const address = (number: number) => ({ address: HOST, port: number, family: 'IPv4' }) as const;
    const ends = { local: address(port), peer: address(client.socket.localPort ?? 0) };
    assert.equal(SendQueues.read().of(ends), 0);
    socket.write(Buffer.alloc(32_000_000));
    await until(() => (SendQueues.read().of(ends) ?? 0) > 0);
    assert.equal(SendQueues.read().of({ local: ends.local, peer: address(1) }), undefined);
    assert.equal(SendQueues.read().of({ local: { path: '/tmp/x' }, peer: { path: '/tmp/x' } }), undefined);
    for (const end of [socket, client.socket]) end.destroy();
    await until(() => client.closed);
    await new Promise((resolve) => server.close(resolve));
  },
  { skip },
);
