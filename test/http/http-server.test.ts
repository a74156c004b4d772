// HttpServer.shutdown, and what a server of HTTP has of every server: limits, figures, the end of run().
import assert from 'node:assert/strict';
import { connect as connectTo } from 'node:net';
import { CancelledError, createDatagramEndpoint, createTask, run, sleep, startServer, TaskGroup } from 'maitre';
import { type HttpServer, serveHttp } from 'maitre/http';
import { HOST, isBun, RawClient, temporaryFolder, until, within } from '../net/sockets.js';
import { nextTurn, test } from '../support/test.js';
import { get, latch, post, withHttp } from './servers.js';

const hi = (): Response => new Response('hi');

test('shutdown ends connections between two requests at once, and finishes answers with Connection: close', async () => {
  const door = latch();
  const app = async (request: Request): Promise<Response> => {
    if (request.url.endsWith('/wait')) await door.opened;
    return new Response('hi');
  };
  await withHttp(app, { keepAliveTimeout: 60_000 }, async (server, connect) => {
    const [idle, busy] = [await connect(), await connect()];
    idle.socket.write(get('/'));
    await idle.receives('hi');
    busy.socket.write(get('/wait'));
    await until(() => server.statistics().handling === 1);
    const down = createTask(() => server.shutdown({ grace: 20_000 }));
    await idle.end(); // the other one still waits for its answer
    assert.equal(server.statistics().handling, 1);
    door.open();
    assert.match(await busy.end(), /\r\nConnection: close\r\n/);
    assert.match(busy.text, /hi$/);
    assert.deepEqual(await down, { finished: 2, cancelled: 0, aborted: 0 });
  });
});

test('at a reload, a client between two requests has 500 ms for the next, answered with Connection: close', async () => {
  await withHttp(
    () => new Response('hi'),
    { keepAliveTimeout: 60_000 },
    async (server, connect) => {
      const [working, idle] = [await connect(), await connect()];
      for (const client of [working, idle]) {
        client.socket.write(get('/'));
        await client.receives('hi');
      }
      const down = createTask(() => server.shutdown({ grace: 20_000, reason: 'reload' }));
      await nextTurn();
      assert.equal(idle.closed, false);
      working.socket.write(get('/'));
      assert.match(await working.end(), /hiHTTP[^]*\r\nConnection: close\r\n[^]*hi$/);
      await idle.end();
      assert.deepEqual(await down, { finished: 2, cancelled: 0, aborted: 0 });
    },
  );
});

test('a connection that has not sent a byte has 250 ms of a shutdown for its first request', async () => {
  await withHttp(
    () => new Response('hi'),
    {},
    async (server, connect) => {
      const [late, silent] = [await connect(), await connect()];
      await until(() => server.connections.size === 2);
      const down = createTask(() => server.shutdown({ grace: 20_000 }));
      await nextTurn();
      late.socket.write(get('/'));
      assert.match(await late.end(), /^HTTP\/1\.1 200 OK[^]*\r\nConnection: close\r\n[^]*hi$/);
      assert.equal(await silent.end(), '');
      assert.deepEqual(await down, { finished: 2, cancelled: 0, aborted: 0 });
    },
  );
});

test('an answer whose head was sent before the shutdown ends its connection too', async () => {
  const door = latch();
  const app = (): Response =>
    new Response(
      new ReadableStream({
        async start(controller) {
          controller.enqueue(new TextEncoder().encode('one'));
          await door.opened;
          controller.enqueue(new TextEncoder().encode('two'));
          controller.close();
        },
      }),
    );
  await withHttp(app, { keepAliveTimeout: 60_000 }, async (server, connect) => {
    const client = await connect();
    client.socket.write(get('/'));
    await client.receives('one\r\n');
    assert.match(client.text, /Connection: keep-alive/);
    const down = createTask(() => server.shutdown({ grace: 20_000 }));
    await nextTurn();
    door.open();
    await client.end();
    assert.match(client.text, /two\r\n0\r\n\r\n$/);
    assert.deepEqual(await down, { finished: 1, cancelled: 0, aborted: 0 });
  });
});

test('a request that has begun to come when the shutdown begins is served', async () => {
  await withHttp(hi, { keepAliveTimeout: 60_000 }, async (server, connect) => {
    const [client, fresh] = [await connect(), await connect()];
    client.socket.write(get('/'));
    await client.receives('hi');
    client.socket.write('GET /second HTTP/1.1\r\nHo');
    fresh.socket.write('GET /first HTTP/1.1\r\nHo');
    const [, second] = server.connections;
    await until(() => second?.bytesRead === 24 || [...server.connections].some(({ bytesRead }) => bytesRead === 23));
    const down = createTask(() => server.shutdown({ grace: 20_000 }));
    await sleep(150); // it has looked for idle connections
    client.socket.write('st: here\r\n\r\n');
    fresh.socket.write('st: here\r\n\r\n');
    assert.match(await client.end(), /Connection: close[^]*hi$/);
    assert.match(await fresh.end(), /Connection: close[^]*hi$/);
    assert.equal((await down).finished, 2);
  });
});

test('a client that stays silent in a head does not hold the shutdown up', async () => {
  await withHttp(hi, {}, async (server, connect) => {
    const client = await connect();
    client.socket.write('GET / HTTP/1.1\r\nHo');
    await until(() => [...server.connections][0]?.bytesRead === 18);
    await within(10_000, server.shutdown({ grace: 30_000 }));
    await client.end();
  });
});

test('after the grace, requests are cancelled and answered with 503, in line or not, and streams end', async () => {
  const app = async (request: Request): Promise<Response> => {
    if (request.url.endsWith('/stream')) return new Response(new ReadableStream({ pull: () => sleep(60_000) }));
    await sleep(60_000);
    return new Response('late');
  };
  await withHttp(app, { concurrency: 2 }, async (server, connect) => {
    const [poll, stream, inLine] = [await connect(), await connect(), await connect()];
    poll.socket.write(get('/poll'));
    stream.socket.write(get('/stream'));
    await until(() => server.statistics().handling === 2);
    await stream.receives('\r\n\r\n');
    inLine.socket.write(get('/third'));
    await until(() => server.statistics().inLine === 1);
    const report = await server.shutdown({ grace: 0 });
    assert.deepEqual(report, { finished: 0, cancelled: 3, aborted: 0 });
    assert.match(await poll.end(), /^HTTP\/1\.1 503 .*\r\nConnection: close\r\n/is);
    assert.match(await inLine.end(), /^HTTP\/1\.1 503 /);
    await stream.end();
    assert.doesNotMatch(stream.text, /0\r\n\r\n$/); // the client sees that it is not complete
  });
});

test('a client that never reads its answer does not hold the shutdown up', async () => {
  const app = (): Response => new Response(new Uint8Array(30_000_000));
  await withHttp(app, {}, async (server, connect) => {
    const client = await connect();
    client.socket.pause();
    client.socket.write(get('/'));
    await until(() => server.statistics().requests === 1);
    await within(15_000, server.shutdown({ grace: 100 }));
  });
});

test('one cancel ends HTTP, TCP and UDP together', async () => {
  const ended: string[] = [];
  const note = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } finally {
      ended.push(name);
    }
  };
  const clients: RawClient[] = [];
  await run(async () => {
    const http = await serveHttp(
      async () => {
        await note('request', () => sleep(60_000));
        return new Response();
      },
      { host: HOST },
    );
    const tcp = await startServer((reader) => note('client', () => reader.read()), { host: HOST });
    const udp = await createDatagramEndpoint({ local: { host: HOST, port: 0 } });
    const serving = createTask(() =>
      TaskGroup.run((group) => {
        group.createTask(() => note('http', () => http.serveForever()));
        group.createTask(() => note('tcp', () => tcp.serveForever()));
        group.createTask(() =>
          note('udp', async () => {
            await using _ = udp;
            for await (const _datagram of udp) assert.fail('nothing is sent');
          }),
        );
      }),
    );
    clients.push(await new RawClient(http.port).connected(), await new RawClient(tcp.port).connected());
    clients[0]?.socket.write(get('/'));
    await until(() => http.statistics().handling === 1 && tcp.statistics().handling === 1);
    const down = createTask(() => http.shutdown({ grace: 50 })); // the long poll would have the default grace
    serving.cancel();
    await assert.rejects(serving, CancelledError);
    await down;
    for (const server of [http, tcp]) assert.equal(server.statistics().open, 0);
  });
  assert.deepEqual(ended.toSorted(), ['client', 'http', 'request', 'tcp', 'udp']);
  for (const client of clients) await client.end();
  for (const client of clients) client.socket.destroy();
  await until(() => clients.every(({ closed }) => closed));
});

test('maxConnections, maxPerIp, onRefused and onEnd work as for every server', async () => {
  const refused: string[] = [];
  const outcomes: string[] = [];
  const options = {
    maxConnections: 1,
    backlog: 1,
    onRefused: ({ code }: { code: string }) => void refused.push(code),
    onEnd: (_: unknown, { kind }: { kind: string }) => void outcomes.push(kind),
  };
  await withHttp(hi, options, async (server, connect) => {
    const first = await connect();
    first.socket.write(get('/'));
    await first.receives('hi');
    const second = await connect();
    await until(() => server.statistics().parked === 1);
    second.socket.write(get('/'));
    await connect().catch(() => undefined); // refused, perhaps before it knows that it is connected
    await until(() => refused.length === 1);
    assert.deepEqual(refused, ['backlog']);
    first.socket.end();
    await second.receives('hi');
    await until(() => outcomes.length === 1);
    const { accepted, open, requests } = server.statistics();
    assert.deepEqual([accepted, open, requests], [3, 1, 2]);
    second.reset();
    await until(() => outcomes.length === 2);
    assert.deepEqual(outcomes, ['done', 'lost']);
  });
  await withHttp(hi, { maxPerIp: 1, onRefused: ({ code }) => void refused.push(code) }, async (_server, connect) => {
    const first = await connect();
    first.socket.write(get('/'));
    await first.receives('hi');
    await connect().catch(() => undefined);
    await until(() => refused.length === 2);
    assert.deepEqual(refused, ['backlog', 'maxPerIp']);
  });
});

test('proxyProtocol: the peer is the client that the balancer names', async () => {
  const { requestInfo } = await import('maitre/http');
  const app = (request: Request): Response => Response.json(requestInfo(request).peer);
  await withHttp(app, { proxyProtocol: true, maxPerIp: 1, onRefused: () => undefined }, async (server, connect) => {
    const client = await connect();
    client.socket.write(`PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n${get('/')}`);
    await client.receives('}');
    assert.match(client.text, /\{"address":"192\.0\.2\.1","port":1234,"family":"IPv4"\}$/);
    client.socket.write(get('/')); // the connection goes on
    await until(() => client.text.split('192.0.2.1').length === 3);
    assert.equal(server.statistics().open, 1);
    const again = await connect();
    again.socket.write(`PROXY TCP4 192.0.2.1 192.0.2.2 1235 80\r\n${get('/')}`);
    await until(() => again.closed);
    await until(() => server.statistics().open === 1);
  });
});

test('a Unix socket', async () => {
  using folder = temporaryFolder();
  const path = folder.at('web');
  const server: HttpServer = await serveHttp(hi, { path, mode: 0o600 });
  const client = await new RawClient({ path }).connected();
  client.socket.write(get('/'));
  await client.receives('hi');
  await server.shutdown({ grace: 0 });
  await client.end();
  client.socket.destroy();
  await until(() => client.closed);
});

test('the limits of connections count what node:http reads and writes', async () => {
  const app = (request: Request): Response =>
    request.url.endsWith('/large') ? new Response(new Uint8Array(30_000_000)) : new Response('hi');
  await withHttp(app, { idleTimeout: 300, keepAliveTimeout: 60_000 }, async (server, connect) => {
    const client = await connect();
    client.socket.write(get('/'));
    await client.receives('hi');
    await client.end();
    await until(() => server.statistics().open === 0);
  });
  await withHttp(app, { writeTimeout: 300 }, async (server, connect) => {
    const client = await connect();
    client.socket.pause();
    client.socket.write(get('/large'));
    await until(() => server.statistics().requests === 1);
    await until(() => server.statistics().open === 0, 'the writeTimeout');
  });
});

test('clients that send no request, or a head that is too large, are answered and counted', async () => {
  await withHttp(hi, { maxHeaderSize: 2000 }, async (server, connect) => {
    const [nonsense, large] = [await connect(), await connect()];
    nonsense.socket.write('nonsense\r\n\r\n');
    large.socket.write(get('/', `X: ${'x'.repeat(3000)}`));
    assert.match(await nonsense.end(), /^HTTP\/1\.1 400 .*\r\nConnection: close\r\n/s);
    assert.match(await large.end(), /^HTTP\/1\.1 431 /);
    await until(() => server.statistics().open === 0);
    assert.equal(server.statistics().malformed, 2);
  });
});

test(
  'clients that send their requests too slowly are answered and counted',
  async () => {
    await withHttp(hi, { headersTimeout: 200, requestTimeout: 400 }, async (server, connect) => {
      const [slowHead, slowBody] = [await connect(), await connect()];
      slowHead.socket.write('GET / HTTP/1.1\r\n');
      assert.match(await slowHead.end(), /^HTTP\/1\.1 408 /);
      slowBody.socket.write(post('/', 'a', 10));
      await slowBody.end();
      await until(() => server.statistics().open === 0 && server.statistics().handling === 0);
      assert.equal(server.statistics().malformed, 2);
    });
  },
  { skip: isBun && 'node:http of Bun never looks at the time that its sockets take' },
);

test('a server that cannot listen, or is cancelled, leaves nothing', async () => {
  await withHttp(hi, {}, async (server) => {
    await assert.rejects(serveHttp(hi, { host: HOST, port: server.port }), { code: 'EADDRINUSE' });
  });
  const starting = createTask(() => serveHttp(hi, { host: HOST }));
  await Promise.resolve();
  starting.cancel();
  await assert.rejects(starting);
  const late = await serveHttp(hi, { host: HOST, startServing: false });
  assert.equal(late.isServing(), false);
  await late.startServing();
  const socket = connectTo(late.port, HOST);
  await until(() => !socket.connecting);
  socket.destroy();
  await late.shutdown({ grace: 0 });
});
