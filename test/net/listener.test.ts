import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { openConnection, setExceptionHandler, startServer } from 'maitre';
import { listen } from '#src/net/listener.js';
import { hasRawIo } from '#src/net/raw/try-out.js';
import type { Wire } from '#src/net/wire.js';
import { test } from '../support/test.js';
import { startFixture } from './programs.js';
import { echo, HOST, isBun, isDeno, isNode, pause, portOf, RawClient, until } from './sockets.js';

test('port 0 is a free port, and addresses says which', async () => {
  const server = await startServer(echo, { host: HOST, port: 0 });
  assert.ok(portOf(server) > 0);
  await server.shutdown();
});

for (const path of ['public events', 'handles'] as const) {
  test(
    `an error of accepting, by ${path}, is told and does not end the listening`,
    async () => {
      const told: unknown[] = [];
      const wires: Wire[] = [];
      const raw = path === 'handles' && (await hasRawIo());
      assert.equal(raw, path === 'handles');
      const [listener] = await listen(
        { host: HOST },
        {
          onWire: (wire) => void wires.push(wire),
          onError: (error) => void told.push(error),
          raw,
        },
      );
      assert.ok(listener !== undefined);
      // What libuv calls when accept() fails: out of descriptors here, there, out of memory, a client that is gone.
      const { _handle: handle } = listener.server as unknown as { _handle: { onconnection(status: number): void } };
      const codes = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ECONNABORTED'] as const;
      for (const code of codes) handle.onconnection(-constants.errno[code]);
      assert.deepEqual(
        told.map((error) => [(error as NodeJS.ErrnoException).code, (error as NodeJS.ErrnoException).syscall]),
        codes.map((code) => [code, 'accept']),
      );
      const { address } = listener;
      const client = new RawClient('port' in address ? address.port : 0);
      await until(() => wires.length === 1); // accepted as before
      for (const wire of wires) wire.destroy();
      client.socket.destroy();
      listener.close();
      await until(() => client.closed);
    },
    { skip: !isNode && 'a handle as Node has it' },
  );
}

test('several hosts share one port, and each of them serves', async () => {
  const hosts = [HOST, '127.0.0.2', '::1'];
  const server = await startServer(echo, { host: hosts });
  const port = portOf(server);
  assert.deepEqual(
    server.addresses.map((address) => ('path' in address ? [] : [address.address, address.port, address.family])),
    [
      [HOST, port, 'IPv4'],
      ['127.0.0.2', port, 'IPv4'],
      ['::1', port, 'IPv6'],
    ],
  );
  for (const host of hosts) {
    const client = new RawClient({ host, port });
    client.socket.write('x\n');
    await client.receives('x\n');
    await client.close();
  }
  await server.shutdown();
});

test('no host is all interfaces: both families on one port, IPv4 peers shown as IPv4', async () => {
  for (const host of [undefined, '', ['']]) {
    const families: string[] = [];
    const server = await startServer(
      async (reader, _writer, { peer, local }) => {
        families.push(...[peer, local].map((end) => ('path' in end ? '' : end.family)));
        await reader.read();
      },
      { host },
    );
    assert.deepEqual(
      server.addresses.map((address) => 'address' in address && address.address),
      isDeno ? ['::'] : ['0.0.0.0', '::'], // Deno's :: takes IPv4 too, whatever it is told
    );
    const port = portOf(server);
    for (const to of [HOST, '::1']) {
      const client = await openConnection({ host: to, port });
      await client.close();
    }
    await until(() => families.length === 4);
    assert.deepEqual(families, ['IPv4', 'IPv4', 'IPv6', 'IPv6']);
    await server.shutdown();
  }
});

test(
  "host '::' takes no IPv4",
  async () => {
    let server;
    try {
      server = await startServer(echo, { host: '::' });
    } catch (error) {
      if (['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes((error as NodeJS.ErrnoException).code ?? '')) return; // no IPv6
      throw error;
    }
    await assert.rejects(openConnection({ host: HOST, port: portOf(server) }), { code: 'ECONNREFUSED' });
    await (await openConnection({ host: '::1', port: portOf(server) })).close();
    await server.shutdown();
  },
  { skip: isDeno && 'its :: takes IPv4 too, whatever it is told' },
);

test('an address named twice, or by a name and itself, is bound once', async () => {
  const server = await startServer(echo, { host: [HOST, HOST, 'localhost', '::1', '::1'] });
  const addresses = server.addresses.map((address) => ('path' in address ? '' : address.address));
  assert.equal(new Set(addresses).size, addresses.length, addresses.join());
  await server.shutdown();
});

test('a port in use is EADDRINUSE with its address, and nothing stays bound', async () => {
  const taken = await startServer(echo, { host: '127.0.0.2' });
  const port = portOf(taken);
  await assert.rejects(
    startServer(echo, { host: [HOST, '127.0.0.2', '127.0.0.3'], port }),
    (error: NodeJS.ErrnoException) => {
      assert.equal(error.code, 'EADDRINUSE');
      assert.match(error.message, /127\.0\.0\.2/);
      return true;
    },
  );
  for (const host of [HOST, '127.0.0.3']) {
    await assert.rejects(openConnection({ host, port }), { code: 'ECONNREFUSED' });
  }
  await taken.shutdown();
});

test('a port the system chose for one address and that is taken on another is chosen again', async () => {
  // Half of the ports being taken on 127.0.0.2 makes one miss likely; eight tries make success all but certain.
  const others = [];
  for (let i = 0; i < 20; i++) others.push(await startServer(echo, { host: '127.0.0.2' }));
  const server = await startServer(echo, { host: [HOST, '127.0.0.2'] });
  assert.equal(server.addresses.length, 2);
  for (const each of [...others, server]) await each.shutdown();
});

test(
  'an address this machine lacks is skipped and reported while there is another, and an error when it is alone',
  async () => {
    const foreign = '203.0.113.7'; // for documentation only: nobody has it
    const reports: string[] = [];
    {
      using _ = setExceptionHandler(({ message, error }) => void reports.push(`${message}: ${String(error)}`));
      const server = await startServer(echo, { host: [foreign, HOST] });
      assert.equal(server.addresses.length, 1);
      await server.shutdown();
    }
    assert.equal(reports.length, 1);
    assert.match(
      reports[0] ?? '',
      /^Cannot listen on 203\.0\.113\.7, the server listens on its other addresses: .*EADDRNOTAVAIL/,
    );
    await assert.rejects(startServer(echo, { host: foreign }), { code: 'EADDRNOTAVAIL' });
  },
  { skip: isDeno && 'Deno says EINVAL where the system says EADDRNOTAVAIL' },
);

test('a host that does not exist is ENOTFOUND', async () => {
  await assert.rejects(startServer(echo, { host: 'no.such.name.invalid' }), (error: NodeJS.ErrnoException) => {
    assert.match(String(error.code), /^(ENOTFOUND|EAI_AGAIN)$/); // the latter on a machine without a resolver
    return true;
  });
});

test(
  'reusePort lets two servers share a port',
  async () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    if (isNode && (major < 22 || (major === 22 && minor < 12))) {
      await assert.rejects(startServer(echo, { host: HOST, reusePort: true }), {
        name: 'RangeError',
        message: /needs Node 22\.12/,
      });
      return;
    }
    const first = await startServer(echo, { host: HOST, reusePort: true });
    const second = await startServer(echo, { host: HOST, port: portOf(first), reusePort: true });
    await assert.rejects(startServer(echo, { host: HOST, port: portOf(first) }), { code: 'EADDRINUSE' });
    await first.shutdown();
    await second.shutdown();
  },
  { skip: process.platform !== 'linux' && 'SO_REUSEPORT shares connections out on Linux only' },
);

test(
  'backlog bounds how many clients the kernel keeps waiting',
  async () => {
    await using program = startFixture('no-accept');
    const port = Number(await program.prints(/^(\d+)\n/));
    const clients = Array.from({ length: 10 }, () => new RawClient({ host: '127.0.0.9', port }));
    await pause(200);
    const connected = clients.filter(({ socket }) => !socket.connecting).length;
    for (const { socket } of clients) socket.destroy();
    await until(() => clients.every(({ closed }) => closed));
    assert.ok(connected >= 1 && connected <= 2, `${connected} connected`); // Linux takes one more than it is told
  },
  {
    skip:
      (process.platform !== 'linux' || isBun) &&
      'only Linux lets connects to a full backlog hang, and Bun has no backlog',
  },
);
