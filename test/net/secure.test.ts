import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { connect as connectTls, type PeerCertificate } from 'node:tls';
import {
  BusyError,
  type Connection,
  ConnectionLostError,
  Future,
  type Handler,
  InvalidStateError,
  openConnection,
  type ServerOptions,
  setExceptionHandler,
  startServer,
  TimeoutError,
  waitFor,
} from 'maitre';
import { type Duplex, duplexChecks, memoryStreamPair } from 'maitre/testing';
import { fakeTest, test } from '../support/test.ts';
import { first, renewed } from './fixtures/certificates.ts';
import { echo, HOST, isBun, isDeno, pause, portOf, RawClient, readAll, until, withServer } from './sockets.ts';

const trusted = { ca: [first.cert, renewed.cert] };

/** Both ends of a TLS connection; the server is gone once it has accepted it. */
async function tlsPair(): Promise<[Duplex, Duplex]> {
  const accepted = new Future<Connection>();
  const handler = (...[, , connection]: Parameters<typeof echo>): void => {
    connection.detach();
    accepted.setResult(connection);
  };
  const server = await startServer(handler, { host: HOST, tls: first, closeNotifyTimeout: 50 });
  const client = await openConnection({ host: HOST, port: portOf(server), tls: trusted, closeNotifyTimeout: 50 });
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

test('TLS: a client that never begins the handshake, or dribbles it, is ended after handshakeTimeout', async () => {
  const reports: unknown[] = [];
  using _ = setExceptionHandler(({ error }) => void reports.push(error));
  await withServer(echo, { tls: first, handshakeTimeout: 200 }, async (_server, port) => {
    const silent = new RawClient(port);
    const dribbler = new RawClient(port);
    const hello = [22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3];
    const dribbling = setInterval(() => dribbler.socket.write(Buffer.from([hello.shift() ?? 0])), 20);
    const began = performance.now();
    for (const client of [silent, dribbler]) await client.end();
    assert.ok(performance.now() - began >= 150);
    clearInterval(dribbling);
    for (const client of [silent, dribbler]) await client.close();
  });
  assert.ok(reports.length > 0 && reports.every((error) => error instanceof TimeoutError), String(reports));
});

test('startTls on the server of a client that never begins rejects with TimeoutError', async () => {
  const errors: unknown[] = [];
  const options = { onError: (error: unknown) => void errors.push(error) };
  await withServer(
    (_reader, writer) => writer.startTls({ ...first, handshakeTimeout: 50 }),
    options,
    async (server, port) => {
      const client = await new RawClient(port).connected();
      await client.end();
      await client.close();
      await until(() => server.connections.size === 0);
    },
  );
  assert.ok(errors[0] instanceof TimeoutError, String(errors));
});

test('TLS: a bare FIN, without close_notify, reads as a clean end', async () => {
  const heard = new Future<string>();
  await withServer(
    async (reader) => heard.setResult(String(await reader.read())),
    { tls: first },
    async (_server, port) => {
      // Somebody in between, who cannot read the connection and can end it.
      const between = createServer((client) => {
        const server = connect(port, HOST);
        client.on('data', (bytes) => server.write(bytes)).on('error', () => undefined);
        server.on('data', (bytes) => client.write(bytes)).on('error', () => undefined);
        client.on('close', () => server.destroy());
        cut = () => server.end();
      });
      let cut = (): unknown => undefined;
      await new Promise<void>((resolve) => void between.listen(0, HOST, resolve));
      const client = await openConnection({ host: HOST, port: (between.address() as AddressInfo).port, tls: trusted });
      client.writer.write('the first half');
      await until(() => client.writer.bufferedBytes === 0);
      await pause(100); // it is through
      cut();
      assert.equal(await heard, 'the first half');
      client.abort();
      await client.close();
      await new Promise<void>((resolve) => void between.close(() => resolve()));
    },
  );
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

test('TLS: a client that ends or resets in its handshake gives its place up at once, not after handshakeTimeout', async () => {
  const reports: string[] = [];
  using _ = setExceptionHandler(({ error }) => void reports.push(String(error)));
  const halfHello = Buffer.from([22, 3, 1, 1, 0, 1, 0, 0]);
  await withServer(echo, { tls: first, maxConnections: 1, handshakeTimeout: Infinity }, async (_server, port) => {
    for (const leave of ['end', 'end after half a hello', 'reset', 'reset after half a hello']) {
      const leaver = await new RawClient(port).connected();
      if (leave.includes('hello')) leaver.socket.write(halfHello);
      await pause(5);
      if (leave.startsWith('end')) leaver.socket.end();
      else leaver.reset();
      const next = await openConnection({ host: HOST, port, tls: trusted, timeout: 5000 });
      next.writer.write('hi\n');
      assert.equal(String(await next.reader.readLine()), 'hi\n', leave);
      await next.close();
      await until(() => leaver.closed || leaver.ended);
      leaver.socket.destroy();
    }
  });
  assert.match(reports.join(), /TLS handshake failed/);
});

/** Connects over TLS through somebody in the middle, who may forge what goes either way. */
async function withForger(
  body: (client: Connection, errors: unknown[], toServer: Socket, toClient: Socket) => Promise<void>,
): Promise<void> {
  const errors: unknown[] = [];
  await withServer(echo, { tls: first, onError: (error) => void errors.push(error) }, async (server, port) => {
    const sides: Socket[] = [];
    const middle = createServer((toClient) => {
      const toServer = connect(port, HOST);
      sides.push(toServer, toClient);
      for (const side of sides) side.on('error', () => undefined);
      toClient.pipe(toServer).pipe(toClient);
    });
    await new Promise<void>((resolve) => void middle.listen(0, HOST, resolve));
    try {
      const client = await openConnection({ host: HOST, port: (middle.address() as AddressInfo).port, tls: trusted });
      client.writer.write('hi\n');
      assert.equal(String(await client.reader.readLine()), 'hi\n');
      await body(client, errors, sides[0] as Socket, sides[1] as Socket); // there since it said hi
      await client.close();
      await until(() => server.connections.size === 0);
    } finally {
      for (const side of sides) side.destroy();
      await new Promise((resolve) => void middle.close(resolve));
    }
  });
}

const forged = {
  'a forged record': [23, 3, 3, 0, 40, ...Array<number>(40).fill(7)],
  garbage: [...Buffer.from('GET / HTTP/1.1')],
};
for (const [what, bytes] of Object.entries(forged)) {
  test(`TLS: ${what} in the stream is ConnectionLostError for the server's handler, not an end`, async () => {
    await withForger(async (_client, errors, toServer) => {
      toServer.write(Buffer.from(bytes));
      await until(() => errors.length > 0);
      assert.ok(errors[0] instanceof ConnectionLostError, String(errors));
      assert.ok(errors[0].cause instanceof Error);
    });
  });

  test(`TLS: ${what} in the stream is ConnectionLostError for the client, not an end`, async () => {
    await withForger(async (client, _errors, _toServer, toClient) => {
      toClient.write(Buffer.from(bytes));
      await assert.rejects(client.reader.read(), ConnectionLostError);
      await client.writer.waitClosed();
    });
  });
}

/** Says hi over TLS with these options, after `begin` in plain text; the answer, or how it failed. */
async function greet(port: number, tls: object, begin: string): Promise<string> {
  const client = await openConnection({ host: HOST, port });
  try {
    client.writer.write(begin);
    await client.writer.startTls({ ...trusted, servername: 'localhost', ...tls });
    client.writer.write('hi\n');
    return String(await client.reader.readLine());
  } catch (error) {
    return `failed: ${String(error)}`;
  } finally {
    await client.close();
  }
}

const asking = { ...first, ca: first.cert, requestCert: true };
const upgrade: Handler = async (reader, writer, connection) => {
  await reader.readExactly(1);
  await writer.startTls(asking);
  await echo(reader, writer, connection);
};
const doors: Record<string, readonly [Handler, ServerOptions, string]> = {
  'from the start': [echo, { tls: asking }, ''],
  'behind a balancer': [echo, { tls: asking, proxyProtocol: true }, 'PROXY UNKNOWN\r\n'],
  'in startTls': [upgrade, {}, '!'],
};
for (const [where, [handler, options, begin]] of Object.entries(doors)) {
  test(`TLS ${where}: requestCert lets nobody in without a certificate that the server's ca vouches for`, async () => {
    const reports: string[] = [];
    using _ = setExceptionHandler(({ error }) => void reports.push(String(error)));
    await withServer(handler, options, async (_server, port) => {
      assert.notEqual(await greet(port, {}, begin), 'hi\n');
      await until(() => reports.length > 0);
      assert.match(reports.join(), /TLS handshake failed/);
      assert.notEqual(await greet(port, renewed, begin), 'hi\n');
      assert.equal(await greet(port, first, begin), 'hi\n');
    });
  });
}

test('TLS behind a balancer: setSecureContext renews the certificate there too', async () => {
  await withServer(echo, { tls: first, proxyProtocol: true }, async (server, port) => {
    server.setSecureContext(renewed);
    const client = await openConnection({ host: HOST, port });
    client.writer.write('PROXY UNKNOWN\r\n');
    await client.writer.startTls({ ...trusted, servername: 'renewed' });
    assert.equal((client.writer.getExtraInfo('peercert') as PeerCertificate).subject.CN, 'renewed');
    await client.close();
  });
});

for (const how of ['ends', 'resets'] as const) {
  test(`startTls rejects at once when the client ${how} in the handshake`, async () => {
    const errors: unknown[] = [];
    const options = { onError: (error: unknown) => void errors.push(error) };
    await withServer(
      (_reader, writer) => writer.startTls({ ...first, handshakeTimeout: Infinity }),
      options,
      async (server, port) => {
        const client = new RawClient(port);
        client.socket.write(Buffer.from([22, 3, 1, 1, 0, 1, 0, 0]));
        await until(() => server.connections.size === 1);
        await pause(5);
        if (how === 'ends') client.socket.end();
        else client.reset();
        await until(() => server.connections.size === 0);
        assert.match(String(errors), /^Error: TLS handshake failed/);
        client.socket.destroy();
        await until(() => client.closed);
      },
    );
  });
}

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

test('startTls takes a first flight that made the reader pause', async () => {
  for (const limit of [16, 64, 512]) {
    const handler: Handler = async (reader, writer, connection) => {
      await reader.readLine();
      while (connection.bytesRead < 200) await pause(1);
      await pause(20); // all that the limit lets in
      await writer.startTls(first);
      await echo(reader, writer, connection);
    };
    await withServer(handler, { limit }, async (_server, port) => {
      const { reader, writer, close } = bound(await openConnection({ host: HOST, port }));
      writer.write('STARTTLS\n');
      await writer.startTls({ ...trusted, servername: 'localhost', handshakeTimeout: 3000 });
      writer.write('secret\n');
      assert.equal(String(await reader.readLine()), 'secret\n');
      await close();
    });
  }
});

test('startTls while a read waits rejects with BusyError, and leaves the connection as it is', async () => {
  await withServer(echo, {}, async (_server, port) => {
    const client = await openConnection({ host: HOST, port });
    const line = client.reader.readLine();
    await assert.rejects(client.writer.startTls(trusted), BusyError);
    client.writer.write('still here\n');
    assert.equal(String(await line), 'still here\n');
    await client.close();
  });
});

test('a TLS option that is undefined is as good as absent, on either side and in startTls', async () => {
  const names = [
    'checkServerIdentity',
    'servername',
    'ALPNProtocols',
    'SNICallback',
    'rejectUnauthorized',
    'requestCert',
  ];
  names.push(
    'minVersion',
    'maxVersion',
    'ciphers',
    'pfx',
    'passphrase',
    'secureContext',
    'session',
    'minDHSize',
    'ecdhCurve',
  );
  names.push('host', 'port', 'path', 'socket', 'lookup', 'timeout', 'handshakeTimeout', 'sessionTimeout', 'ticketKeys');
  const absent = Object.fromEntries(names.map((name) => [name, undefined])) as object; // whatever the types say
  await withServer(echo, { tls: { ...absent, ...first } }, async (server, port) => {
    server.setSecureContext({ ...absent, ...first });
    for (const host of ['localhost', HOST]) {
      const tls = { ...absent, ...trusted, ...(host === HOST ? { servername: 'localhost' } : undefined) };
      const client = await openConnection({ host, port, tls });
      client.writer.write('hi\n');
      assert.equal(String(await client.reader.readLine()), 'hi\n');
      await client.close();
    }
  });
  const upgrade: Handler = async (reader, writer, connection) => {
    await writer.startTls({ ...absent, ...first });
    await echo(reader, writer, connection);
  };
  await withServer(upgrade, {}, async (_server, port) => {
    const client = await openConnection({ host: HOST, port });
    await client.writer.startTls({ ...absent, ...trusted, servername: 'localhost' });
    client.writer.write('hi\n');
    assert.equal(String(await client.reader.readLine()), 'hi\n');
    await client.close();
  });
});

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
