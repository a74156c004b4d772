// A server in memory is the server of startServer: its limits, its onError, its end. All on the fake clock.
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { BlockList } from 'node:net';
import {
  type Address,
  type Connection,
  ConnectionLostError,
  createTask,
  currentTask,
  Future,
  type Handler,
  InvalidStateError,
  loopTime,
  setExceptionHandler,
  sleep,
  TimeoutError,
} from 'maitre';
import { serveInMemory } from 'maitre/testing';
import { fakeTest, test } from '../support/test.js';

const echo: Handler = async (reader, writer) => {
  for await (const line of reader) {
    writer.write(line);
    await writer.drain();
  }
};

fakeTest('a handler talks to a client in memory, and its end is the end of the connection', async () => {
  await using served = serveInMemory(async (reader, writer) => {
    writer.write(`got ${await reader.readLine()}`);
  });
  await using client = await served.connect();
  client.writer.write('soup\n');
  assert.equal(String(await client.reader.read()), 'got soup\n');
  await client.close();
  assert.equal(served.server.connections.size, 0);
});

test('it needs no fake clock', async () => {
  await using served = serveInMemory(echo);
  await using client = await served.connect();
  client.writer.write('soup\n');
  assert.equal(String(await client.reader.readLine()), 'soup\n');
});

fakeTest('many clients at once, each with its own megabyte, get it back', async () => {
  await using served = serveInMemory(async (reader, writer) => {
    for (let bytes = await reader.read(65_536); bytes.length > 0; bytes = await reader.read(65_536)) {
      writer.write(bytes);
      await writer.drain();
    }
  });
  const { connect } = served;
  const tasks = Array.from({ length: 20 }, (_, i) =>
    createTask(async () => {
      await using client = await connect();
      const bytes = Buffer.alloc(1_000_000, i);
      client.writer.write(bytes);
      client.writer.writeEof();
      assert.ok((await client.reader.read()).equals(bytes), `client ${i}`);
    }),
  );
  for (const task of tasks) await task;
});

fakeTest('the peer of the server, or of the client, is what connection.peer says', async () => {
  const peers: Address[] = [];
  const handler = (...[, , connection]: Parameters<Handler>): void => void peers.push(connection.peer);
  await using served = serveInMemory(handler, { peer: '10.0.0.7' });
  const whole = { address: 'fd00::1', port: 7, family: 'IPv6' } as const;
  for (const peer of [undefined, '::1', whole, { path: '/run/x' }]) {
    await using client = await served.connect(peer === undefined ? {} : { peer });
    await client.reader.read();
  }
  assert.deepEqual(peers, [
    { address: '10.0.0.7', port: 49_152, family: 'IPv4' },
    { address: '::1', port: 49_153, family: 'IPv6' },
    whole,
    { path: '/run/x' },
  ]);
});

fakeTest('block, allow and maxPerIp see the peer, and refuse with a reset', async () => {
  using _ = setExceptionHandler(() => undefined); // refusals are reported
  const [block, allow] = [new BlockList(), new BlockList()];
  block.addAddress('10.0.0.66');
  allow.addSubnet('10.0.0.0', 8);
  await using served = serveInMemory(echo, { block, allow, maxPerIp: 1, peer: '10.0.0.1' });
  await using first = await served.connect();
  for (const peer of ['10.0.0.66', '192.168.0.1', '10.0.0.1']) {
    await using refused = await served.connect({ peer });
    await assert.rejects(refused.reader.readLine(), ConnectionLostError, peer);
  }
  await using other = await served.connect({ peer: '10.0.0.2' });
  for (const client of [first, other]) {
    client.writer.write('in\n');
    assert.equal(String(await client.reader.readLine()), 'in\n');
  }
  await first.close();
  await sleep(1); // its server has seen that it is gone
  await using again = await served.connect();
  again.writer.write('again\n');
  assert.equal(String(await again.reader.readLine()), 'again\n');
});

fakeTest('limits of time end a client at their time on the fake clock', async () => {
  const errors: unknown[] = [];
  await using served = serveInMemory(echo, { idleTimeout: 60_000, onError: (error) => void errors.push(error) });
  const began = loopTime();
  await using client = await served.connect();
  await assert.rejects(
    (async () => {
      for (;;) if ((await client.reader.readLine()).length === 0) throw new Error('ended');
    })(),
  );
  const took = loopTime() - began;
  assert.ok(took >= 60_000 && took < 75_000, `${took} ms`);
  assert.ok(errors.length === 1 && (errors[0] as Error).cause instanceof TimeoutError, String(errors));
});

fakeTest('writeTimeout ends a client that takes nothing, and maxBuffered one that is owed too much', async () => {
  const errors: Error[] = [];
  const onError = (error: unknown): void => void errors.push(error as Error);
  const floods: Handler = async (_reader, writer) => {
    writer.write(Buffer.alloc(1_000_000));
    await writer.drain();
  };
  {
    await using served = serveInMemory(floods, { writeTimeout: 5000, onError });
    await using _client = await served.connect();
    await sleep(20_000);
  }
  {
    await using served = serveInMemory(floods, { maxBuffered: 500_000, onError });
    await using client = await served.connect();
    await assert.rejects(client.reader.read(), ConnectionLostError);
  }
  assert.match(String(errors[0]?.cause), /TimeoutError/);
  assert.ok(
    errors.some((error) => error.message.includes('maxBuffered') || /unsent/.test(error.message)),
    String(errors),
  );
});

fakeTest(
  'maxConnections parks clients, concurrency has them wait in line, and all are served in their order',
  async () => {
    for (const options of [{ maxConnections: 1 }, { concurrency: 1 }]) {
      const order: number[] = [];
      await using served = serveInMemory(async (reader, writer) => {
        order.push(Number(await reader.readLine()));
        await sleep(1000);
        writer.write('done\n');
      }, options);
      const clients = [];
      for (const n of [1, 2, 3]) {
        const client = await served.connect();
        client.writer.write(`${n}\n`);
        clients.push(client);
      }
      const began = loopTime();
      for (const client of clients) {
        assert.equal(String(await client.reader.read()), 'done\n');
        await client.close();
      }
      assert.deepEqual(order, [1, 2, 3]);
      assert.ok(loopTime() - began >= 3000);
    }
  },
);

fakeTest('a handler that throws is reported to onError with its connection, and its client reads the end', async () => {
  const told = new Future<[unknown, Connection]>();
  const salty = new Error('salty');
  await using served = serveInMemory(
    (_reader, writer) => {
      writer.write('before');
      throw salty;
    },
    { onError: (error, connection) => told.setResult([error, connection]), peer: '10.0.0.9' },
  );
  await using client = await served.connect();
  assert.equal(String(await client.reader.read()), 'before');
  const [error, connection] = await told;
  assert.equal(error, salty);
  assert.match(String(connection), /^<Connection \d+ from 10\.0\.0\.9:49152 /);
});

fakeTest('the PROXY protocol names the client', async () => {
  const options = { proxyProtocol: true, maxPerIp: 1 };
  await using served = serveInMemory((_reader, writer, { peer }) => writer.write(JSON.stringify(peer)), options);
  await using client = await served.connect();
  client.writer.write('PROXY TCP4 203.0.113.5 10.0.0.1 5555 80\r\n');
  assert.equal(String(await client.reader.read()), '{"address":"203.0.113.5","port":5555,"family":"IPv4"}');
});

fakeTest('shutdown ends clients within its grace on the fake clock, and nobody connects after it', async () => {
  const served = serveInMemory(async (reader, writer, connection) => {
    const word = String(await reader.readLine());
    if (word === 'long\n') await sleep(60_000);
    writer.write(`${connection.id > 0}`);
  });
  const clients = [await served.connect(), await served.connect()];
  clients[0]?.writer.write('long\n');
  await sleep(0);
  const began = loopTime();
  const report = await served.server.shutdown({ grace: 3000 });
  assert.deepEqual(report, { finished: 1, cancelled: 1, aborted: 0 });
  assert.ok(loopTime() - began >= 3000);
  await assert.rejects(served.connect(), { code: 'ECONNREFUSED' });
  for (const client of clients) await client.close();
});

fakeTest('startServing: false refuses clients until it serves; serveForever serves', async () => {
  const served = serveInMemory(echo, { startServing: false });
  assert.equal(served.server.isServing(), false);
  await assert.rejects(served.connect(), { code: 'ECONNREFUSED' });
  const forever = createTask(() => served.server.serveForever());
  await sleep(0);
  assert.equal(served.server.isServing(), true);
  const client = await served.connect();
  client.writer.write('up\n');
  assert.equal(String(await client.reader.readLine()), 'up\n');
  await client.close();
  forever.cancel();
  await assert.rejects(async () => forever, { name: 'CancelledError' });
});

fakeTest('the server has the address that its options name', async () => {
  for (const [options, address] of [
    [{}, { address: '127.0.0.1', port: 8002, family: 'IPv4' }],
    [
      { host: '::1', port: 70 },
      { address: '::1', port: 70, family: 'IPv6' },
    ],
    [{ host: ['example.org'] }, { address: '127.0.0.1', port: 8002, family: 'IPv4' }],
    [{ path: '/run/x.sock' }, { path: '/run/x.sock' }],
  ] as const) {
    await using served = serveInMemory((_reader, writer, { local }) => writer.write(JSON.stringify(local)), options);
    await using client = await served.connect();
    assert.deepEqual(JSON.parse(String(await client.reader.read())), address);
    assert.deepEqual(served.server.addresses, [address]);
  }
});

fakeTest("a handler runs in its server's context, and in a task of its own", async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen = new Future<unknown[]>();
  const handler = (): void => seen.setResult([storage.getStore(), currentTask()?.name]);
  await using served = storage.run('server', () => serveInMemory(handler));
  await using _client = await storage.run('client', () => served.connect());
  assert.deepEqual((await seen)[0], 'server');
  assert.match(String((await seen)[1]), /^127\.0\.0\.1:49152 #\d+$/);
});

fakeTest('a connect that is cancelled leaves no client behind', async () => {
  let handled = 0;
  await using served = serveInMemory(() => void handled++);
  const connecting = createTask(() => served.connect());
  await Promise.resolve();
  await Promise.resolve();
  connecting.cancel();
  await assert.rejects(async () => connecting, { name: 'CancelledError' });
  await assert.rejects(served.connect({ signal: AbortSignal.abort() }), { name: 'CancelledError' });
  await sleep(1000);
  assert.deepEqual([handled, served.server.connections.size], [0, 0]);
});

fakeTest('startTls says that there is no socket, and loses nothing', async () => {
  const failed = new Future<unknown>();
  await using served = serveInMemory(async (reader, writer) => {
    await reader.readExactly(1);
    await writer.startTls({ isServer: false }).catch((error: unknown) => failed.setResult(error));
    writer.write(await reader.read());
  });
  await using client = await served.connect();
  client.writer.write('1234');
  client.writer.writeEof();
  const error = await failed;
  assert.ok(error instanceof InvalidStateError);
  assert.match(error.message, /in memory/);
  assert.equal(String(await client.reader.read()), '234');
});

test('wrong options are told at once', async () => {
  const wrong: [options: object, error: RegExp][] = [
    [{ tls: {} }, /^TypeError: Cannot serve in memory: tls needs a socket/],
    [{ fd: 3 }, /^TypeError: Cannot serve in memory: fd needs a socket/],
    [{ peer: 'nobody' }, /^RangeError: Cannot serve in memory: peer must be an IP address or an Address, got "nobody"/],
    [{ path: '/x', port: 1 }, /^TypeError: Cannot start server: give either path/],
    [{ peer: 7 }, /^TypeError: Cannot serve in memory: peer must be/],
    [{ peer: { address: '1.2.3.4' } }, /^TypeError/],
    [{ maxPerIp: 0 }, /^RangeError: Cannot serve in memory: maxPerIp/],
    [{ soup: true }, /^TypeError: Cannot serve in memory: unknown option "soup"/],
  ];
  for (const [options, error] of wrong) assert.throws(() => serveInMemory(echo, options), error);
  assert.throws(() => serveInMemory(undefined as unknown as Handler), /^TypeError: .*the handler must be a function/);
  await using served = serveInMemory(echo);
  await assert.rejects(served.connect({ peer: '256.0.0.1' }), RangeError);
  await assert.rejects(served.connect({ from: '1.2.3.4' } as object), /unknown option "from"/);
});
