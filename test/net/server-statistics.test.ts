import assert from 'node:assert/strict';
import { Future, type Handler, startServer } from 'maitre';
import { test } from '../support/test.ts';
import { first } from './fixtures/certificates.ts';
import { echo, HOST, portOf, RawClient, temporaryFolder, until, withServer } from './sockets.ts';

test('server.port is the port of all its addresses, and an InvalidStateError when there is none or several', async () => {
  const server = await startServer(echo, { host: [HOST, '127.0.0.2'], startServing: false });
  const noPort = { name: 'InvalidStateError' };
  assert.throws(() => server.port, { ...noPort, message: /^Cannot tell the port of the server: it is created, / });
  await server.startServing();
  assert.equal(server.port, portOf(server));
  assert.equal(server.addresses.length, 2);
  server.close();
  assert.throws(() => server.port, { ...noPort, message: /it is closed, and it must listen on one TCP port$/ });

  using folder = temporaryFolder();
  const unix = await startServer(echo, { path: folder.at('s') });
  assert.throws(() => unix.port, { ...noPort, message: /it has none/ });
  await unix.shutdown();
});

test('server.statistics counts who came, who waits where, and the bytes, also of those that are gone', async () => {
  const gate = new Future<void>();
  const handler: Handler = async (reader, writer) => {
    const line = await reader.readLine();
    if (String(line) === 'wait\n') await gate;
    else writer.write(Buffer.concat([line, line]));
  };
  await withServer(
    handler,
    { maxConnections: 3, concurrency: 2, backlog: 1, onRefused: () => undefined },
    async (server, port) => {
      const nothing = server.statistics();
      assert.deepEqual(
        { ...nothing, refused: Object.values(nothing.refused).every((count) => count === 0) },
        {
          accepted: 0,
          refused: true,
          open: 0,
          parked: 0,
          inLine: 0,
          handling: 0,
          handshakes: 0,
          bytesRead: 0,
          bytesWritten: 0,
        },
      );
      const early = new RawClient(port);
      early.socket.write('hello\n');
      await early.receives('hello\nhello\n');
      await early.close();
      await until(() => server.connections.size === 0);
      const clients: RawClient[] = [];
      for (let i = 0; i < 6; i++) {
        const client = new RawClient(port);
        clients.push(client);
        client.socket.write('wait\n');
        await until(() => server.statistics().accepted === i + 2);
      }
      await until(() => server.statistics().bytesRead === 6 + 15);
      const { refused, ...full } = server.statistics();
      assert.deepEqual(full, {
        accepted: 7,
        open: 3,
        parked: 1,
        inLine: 1,
        handling: 2,
        handshakes: 0,
        bytesRead: 6 + 15,
        bytesWritten: 12,
      });
      assert.equal(refused.backlog, 2);
      gate.setResult();
      for (const { socket } of clients) socket.destroy();
      await until(() => clients.every(({ closed }) => closed) && server.connections.size === 0);
      const after = server.statistics();
      assert.deepEqual([after.open, after.parked, after.inLine, after.handling], [0, 0, 0, 0]);
      assert.equal(after.bytesRead, 6 + 20);
    },
  );
});

test('server.statistics counts handshakes under way', async () => {
  await withServer(echo, { tls: first, onRefused: () => undefined }, async (server, port) => {
    const client = await new RawClient(port).connected();
    await until(() => server.statistics().handshakes === 1);
    assert.equal(server.statistics().open, 0);
    client.socket.destroy();
    await until(() => client.closed && server.statistics().handshakes === 0);
    assert.equal(server.statistics().refused.handshake, 1);
  });
});
