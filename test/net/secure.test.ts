import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { connect as connectTls, type PeerCertificate } from 'node:tls';
import {
  type Connection,
  Future,
  InvalidStateError,
  openConnection,
  setExceptionHandler,
  startServer,
  TimeoutError,
  waitFor,
} from 'maitre';
import { type Duplex, duplexChecks, memoryStreamPair } from 'maitre/testing';
import { fakeTest, test } from '../support/test.ts';
import { first, renewed } from './fixtures/certificates.ts';
import { echo, HOST, isBun, isDeno, portOf, readAll, withServer } from './sockets.ts';

const trusted = { ca: [first.cert, renewed.cert] };

/** Both ends of a TLS connection; the server is gone once it has accepted it. */
async function tlsPair(): Promise<[Duplex, Duplex]> {
  const accepted = new Future<Connection>();
  const handler = (...[, , connection]: Parameters<typeof echo>): void => {
    connection.detach();
    accepted.setResult(connection);
  };
  const server = await startServer(handler, { host: HOST, tls: first, shutdownTimeout: 50 });
  const client = await openConnection({ host: HOST, port: portOf(server), tls: trusted, shutdownTimeout: 50 });
  const other = await accepted;
  server.close();
  return [client, other];
}

// The checks of flow control need a TLSSocket that says what is unsent.
const skip = isBun || isDeno ? 'this runtime buffers TLS outside of our reach' : false;
for (const { name, run } of duplexChecks(tlsPair)) test(`over TLS: ${name}`, run, { skip });

test('TLS: the certificate, cipher, ALPN protocol and name are known to both ends', async () => {
  const known = new Future<unknown[]>();
  const handler = async (...[reader, writer]: Parameters<typeof echo>): Promise<void> => {
    known.setResult(['alpn', 'servername'].map((name) => writer.getExtraInfo(name)));
    await reader.read();
  };
  const tls = { ...first, ALPNProtocols: ['two', 'one'] };
  await withServer(handler, { tls }, async (_server, port) => {
    const client = await openConnection({ host: 'localhost', port, tls: { ...trusted, ALPNProtocols: ['one'] } });
    assert.deepEqual(await known, ['one', 'localhost']);
    assert.equal(client.writer.getExtraInfo('alpn'), 'one');
    assert.equal((client.writer.getExtraInfo('peercert') as PeerCertificate).subject.CN, 'localhost');
    assert.match((client.writer.getExtraInfo('cipher') as { name: string }).name, /^TLS_/);
    assert.equal(client.writer.canWriteEof(), false);
    assert.throws(() => client.writer.writeEof(), InvalidStateError);
    await client.close();
  });
});

test('TLS: a certificate nobody vouches for fails the connect, and the server goes on', async () => {
  using _ = setExceptionHandler(() => undefined);
  await withServer(echo, { tls: first }, async (_server, port) => {
    await assert.rejects(openConnection({ host: HOST, port, tls: true }), /self.signed/);
    const client = await openConnection({ host: HOST, port, tls: trusted });
    client.writer.write('hi\n');
    assert.equal(String(await client.reader.readLine()), 'hi\n');
    await client.close();
  });
});

test('TLS: setSecureContext renews the certificate without a restart; open connections stay', async () => {
  await withServer(echo, { tls: first }, async (server, port) => {
    const subject = (connection: Connection): unknown =>
      (connection.writer.getExtraInfo('peercert') as PeerCertificate).subject.CN;
    const before = await openConnection({ host: HOST, port, tls: trusted });
    server.setSecureContext(renewed);
    const after = await openConnection({ host: HOST, port, tls: trusted });
    assert.deepEqual([subject(before), subject(after)], ['localhost', 'renewed']);
    before.writer.write('still here\n');
    assert.equal(String(await before.reader.readLine()), 'still here\n');
    await before.close();
    await after.close();
  });
  await withServer(echo, {}, async (server) => assert.throws(() => server.setSecureContext(first), InvalidStateError));
});

test('TLS: garbage in place of a handshake ends that client alone, and is reported', async () => {
  const reports: string[] = [];
  using _ = setExceptionHandler(({ error }) => void reports.push(String(error)));
  await withServer(echo, { tls: first }, async (_server, port) => {
    const socket = connect(port, HOST);
    const gone = new Future<void>();
    socket.on('close', () => gone.setResult());
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.0\r\n\r\n');
    socket.resume();
    await gone;
    assert.match(reports.join(), /TLS handshake/);
    const client = await openConnection({ host: HOST, port, tls: trusted });
    await client.close();
  });
});

test('TLS: a client that never begins the handshake is ended after handshakeTimeout', async () => {
  using _ = setExceptionHandler(() => undefined);
  await withServer(echo, { tls: first, handshakeTimeout: 50 }, async (_server, port) => {
    const silent = await openConnection({ host: HOST, port });
    await silent.reader.read().catch(() => undefined); // until the server ends it
    await silent.close();
  });
});

test('TLS: close() of the server ends handshakes under way', async () => {
  using _ = setExceptionHandler(() => undefined);
  await withServer(echo, { tls: first }, async (server, port) => {
    const silent = await openConnection({ host: HOST, port });
    await openConnection({ host: HOST, port, tls: trusted }).then((connection) => connection.close()); // it was accepted
    server.close();
    await silent.reader.read().catch(() => undefined);
    await silent.close();
  });
});

fakeTest(
  'TLS: a peer that never answers close_notify holds a close for five seconds at most',
  async (clock) => {
    await withServer(readAll, { tls: first }, async (_server, port) => {
      const socket = connectTls({ port, host: HOST, ca: first.cert, allowHalfOpen: true } as object);
      const ready = new Future<void>();
      const gone = new Future<void>();
      socket.on('secureConnect', () => ready.setResult());
      socket.on('error', () => undefined);
      socket.on('close', () => gone.setResult());
      await ready;
      const client = await openConnection({ host: HOST, port, tls: trusted, timeout: null });
      const began = clock.now();
      await client.close();
      assert.ok(clock.now() - began <= 5000);
      socket.destroy();
      await gone;
    });
  },
  { skip: isDeno ? 'its sockets answer later than the turns after which the fake clock jumps' : false },
);

for (const eager of [false, true]) {
  const when = eager ? 'also when its first flight is in the reader already' : 'with the same reader and writer';
  test(`startTls changes over in mid-stream, ${when}`, async () => {
    const handler = async (...[reader, writer]: Parameters<typeof echo>): Promise<void> => {
      assert.equal(String(await reader.readLine()), 'STARTTLS\n');
      if (!eager) writer.write('go\n');
      // The client's hello is on its way or here.
      while (eager && reader.bufferedBytes === 0) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(writer.getExtraInfo('cipher'), undefined);
      await writer.startTls(first);
      assert.notEqual(writer.getExtraInfo('cipher'), undefined);
      await echo(...([reader, writer] as unknown as Parameters<typeof echo>));
    };
    await withServer(handler, {}, async (_server, port) => {
      const { reader, writer, close } = bound(await openConnection({ host: HOST, port }));
      writer.write('STARTTLS\n');
      if (!eager) assert.equal(String(await reader.readLine()), 'go\n');
      await writer.startTls({ ...trusted, servername: 'localhost' });
      writer.write('secret\n');
      assert.equal(String(await reader.readLine()), 'secret\n');
      await assert.rejects(writer.startTls(trusted), InvalidStateError);
      await close();
    });
  });
}

function bound(connection: Connection): Pick<Connection, 'reader' | 'writer' | 'close'> {
  return { reader: connection.reader, writer: connection.writer, close: () => connection.close() };
}

test('startTls that times out rejects with TimeoutError, and the connection is gone', async () => {
  await withServer(readAll, {}, async (_server, port) => {
    const client = await openConnection({ host: HOST, port });
    await assert.rejects(client.writer.startTls({ ...trusted, handshakeTimeout: 30 }), TimeoutError);
    await waitFor(client.writer.waitClosed(), 1000);
  });
});

test('startTls of what is no socket rejects with InvalidStateError', async () => {
  const [a, b] = memoryStreamPair();
  await assert.rejects(a.writer.startTls({}), InvalidStateError);
  await a.close();
  await b.close();
});
