// WebSockets and streams of events behind serveHttp: Hono, HTTP/2, timeouts of requests, clients that leave, shutdown.
import assert from 'node:assert/strict';
import { connect as connectHttp2, constants } from 'node:http2';
import { Hono } from 'hono';
import { allTasks, Queue, sleep, type Task } from 'maitre';
import { eventStream, type HttpApp, type HttpServer, webSocket } from 'maitre/http';
import { Resource } from 'maitre/lowlevel';
import { first } from '../net/fixtures/certificates.js';
import { isNode, type RawClient, until } from '../net/sockets.js';
import { test } from '../support/test.js';
import { get, withHttp } from './servers.js';
import { RawWsClient, WsClient } from './web-sockets.js';

/** A source that never has an event, and counts who iterates and who has been released. */
function silence() {
  const counts = { open: 0, returned: 0 };
  const queue = new Queue<string>();
  const source = (): AsyncIterable<string> => ({
    [Symbol.asyncIterator]() {
      counts.open++;
      return {
        next: async () => ({ done: false, value: await queue.get() }),
        async return() {
          counts.returned++;
          return { done: true, value: undefined };
        },
      };
    },
  });
  return { counts, queue, source };
}

const url = ({ port }: HttpServer, path = '/'): string => `ws://127.0.0.1:${port}${path}`;
const kinds = (kind: string): Resource[] => [...Resource.live].filter((each) => each.kind === kind);

/** An app of Hono with middleware that sets headers, which makes Hono copy responses. */
function honoApp(): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    c.header('x-by', 'hono');
    c.res = new Response(c.res.body, c.res);
  });
  app.get('/echo/:name', (c) =>
    webSocket(c.req.raw, async (socket) => {
      for await (const message of socket) await socket.send(`${c.req.param('name')}: ${message}`);
    }),
  );
  app.get('/events', (c) => eventStream(c.req.raw, () => of('soup')));
  return app;
}

async function* of(...events: string[]): AsyncGenerator<string> {
  yield* events;
}

test('in Hono, with middleware that copies responses: WebSockets and events', async () => {
  const app = new Hono();
  app.route('/api', honoApp());
  await withHttp(app, {}, async (server, connect) => {
    const client = await WsClient.open(url(server, '/api/echo/ada'));
    client.ws.send('hi');
    assert.deepEqual(await client.receives(1), ['ada: hi']);
    client.ws.close();
    await client.closes();
    const events = await connect();
    events.socket.write(get('/api/events'));
    await events.receives('0\r\n\r\n');
    assert.match(events.text, /x-by: hono/i);
    assert.match(events.text, /data: soup\n\n/);
    const plain = await connect();
    plain.socket.write(get('/api/echo/ada'));
    await until(() => plain.text.includes('This is a WebSocket.'), 'the answer');
    assert.match(plain.text, /^HTTP\/1\.1 426 /);
  });
});

test('a request that was copied is upgraded too, as by app.mount of Hono', async () => {
  const app = new Hono();
  app.mount('/old', (request: Request) => webSocket(request, (socket) => socket.send(new URL(request.url).pathname)));
  app.get('/copy', (c) => webSocket(new Request(c.req.raw), (socket) => socket.send('copied')));
  await withHttp(app, {}, async (server) => {
    for (const [path, message] of [
      ['/old/board', '/board'],
      ['/copy', 'copied'],
    ] as const) {
      const client = await WsClient.open(url(server, path));
      assert.deepEqual(await client.receives(1), [message]);
      assert.equal(await client.closes(), 1000);
    }
  });
});

test('the handler runs in the task of the request, which is neither timed out nor ended while it runs', async () => {
  const app: HttpApp = (request) =>
    webSocket(request, async (socket) => {
      await socket.receive();
    });
  await withHttp(app, { timeout: 30 }, async (server) => {
    const client = await WsClient.open(url(server, '/board'));
    const task = kinds('websocket')[0]?.task as Task<unknown>;
    assert.equal(task.name, 'GET /board');
    await sleep(100);
    assert.equal(task.done(), false);
    client.ws.send('x');
    assert.equal(await client.closes(), 1000);
  });
});

test('a client that leaves ends iteration, and its handler may still clean up', async () => {
  const steps: string[] = [];
  const app: HttpApp = (request) =>
    webSocket(request, async (socket) => {
      for await (const _ of socket);
      await sleep(20);
      steps.push('cleaned');
    });
  await withHttp(app, {}, async (server) => {
    const client = await WsClient.open(url(server));
    client.ws.close();
    await client.closes();
    await until(() => steps.length === 1, 'the clean-up');
    await until(() => kinds('websocket').length === 0, 'it to be gone');
  });
});

test('an app that fails after webSocket() answers with 500, and the handler does not run', async () => {
  let ran = 0;
  const app: HttpApp = (request) => {
    webSocket(request, () => void ran++);
    throw new Error('no');
  };
  await withHttp(app, { onError: () => undefined }, async (server) => {
    using client = await RawWsClient.open(server.port);
    assert.match(client.head, /^HTTP\/1\.1 500 /);
    assert.equal(ran, 0);
  });
});

test('a client that leaves a stream of events releases its source once', async () => {
  const { counts, source } = silence();
  await withHttp(
    (request) => eventStream(request, source),
    {},
    async (_server, connect) => {
      for (const leave of [(client: RawClient) => client.reset(), (client: RawClient) => client.socket.destroy()]) {
        const client = await connect();
        const before = counts.open;
        client.socket.write(get('/events'));
        await until(() => counts.open === before + 1, 'the source to be opened');
        leave(client);
        await until(() => counts.returned === counts.open, 'the source to be released');
      }
    },
  );
  assert.deepEqual(counts, { open: 2, returned: 2 });
});

test(
  'over HTTP/2 a stream of events flows, is released once when its client leaves, and ends well at a shutdown',
  async () => {
    const { counts, source, queue } = silence();
    const options = { tls: first };
    await withHttp(
      (request) => eventStream(request, source),
      options,
      async (server) => {
        const session = connectHttp2(`https://127.0.0.1:${server.port}`, { rejectUnauthorized: false });
        session.on('error', () => undefined);
        const open = async () => {
          const stream = session.request({ ':path': '/events' });
          const before = counts.open;
          const seen = { text: '', closed: false };
          stream.on('error', () => undefined);
          stream.on('close', () => (seen.closed = true));
          stream.on('data', (chunk: Buffer) => (seen.text += String(chunk)));
          await until(() => counts.open === before + 1, 'the source to be opened');
          return { stream, seen };
        };
        const { stream, seen } = await open();
        queue.putNowait('soup');
        await until(() => seen.text === ':\n\ndata: soup\n\n', 'the event');
        stream.close(constants.NGHTTP2_CANCEL);
        await until(() => counts.returned === 1, 'the source to be released');
        const other = await open();
        await server.shutdown({ grace: 10_000 });
        await until(() => other.seen.closed && counts.returned === 2, 'the stream to end');
        assert.equal(other.stream.rstCode, constants.NGHTTP2_NO_ERROR);
        session.destroy();
      },
    );
    assert.deepEqual(counts, { open: 2, returned: 2 });
  },
  { skip: isNode ? false : 'node:http2 of this runtime takes no sockets from elsewhere' },
);

test('a stream of events outlives the timeout of the server', async () => {
  const { source, queue } = silence();
  await withHttp(
    (request) => eventStream(request, source),
    { timeout: 20 },
    async (_server, connect) => {
      const client = await connect();
      client.socket.write(get('/events'));
      await sleep(100);
      queue.putNowait('late');
      await until(() => client.text.includes('data: late'), 'the event');
      client.socket.destroy();
    },
  );
});

test('a client that does not read stops the source', async () => {
  let taken = 0;
  async function* source(): AsyncGenerator<string> {
    for (;;) {
      taken++;
      yield 'x'.repeat(50_000);
    }
  }
  await withHttp(
    (request) => eventStream(request, source),
    {},
    async (_server, connect) => {
      const client = await connect();
      client.socket.pause();
      client.socket.write(get('/events'));
      let before = -1;
      await until(() => {
        const isStill = taken > 0 && taken === before;
        before = taken;
        return isStill;
      }, 'the source to stand still');
      for (let i = 0; i < 20; i++) await sleep(1);
      assert.ok(taken <= before + 1);
      client.socket.destroy();
    },
  );
});

test('a shutdown ends 50 WebSockets and 50 streams within the grace: each well, with its sources released', async () => {
  const { counts, source } = silence();
  const app: HttpApp = (request) =>
    new URL(request.url).pathname === '/events'
      ? eventStream(request, source)
      : webSocket(request, async (socket) => {
          for await (const _ of socket);
        });
  await withHttp(app, {}, async (server, connect) => {
    const sockets = await Promise.all(Array.from({ length: 50 }, () => WsClient.open(url(server, '/socket'))));
    const streams = await Promise.all(Array.from({ length: 50 }, connect));
    for (const stream of streams) stream.socket.write(get('/events'));
    await until(() => counts.open === 50 && kinds('websocket').length === 50, 'all to be open');
    const grace = 10_000;
    const began = performance.now();
    const report = await server.shutdown({ grace });
    assert.ok(performance.now() - began < grace, 'within the grace');
    assert.equal(report.aborted, 0);
    for (const client of sockets) assert.equal(await client.closes(), 1001);
    for (const stream of streams) assert.match(await stream.end(), /\r\n0\r\n\r\n$/);
    await until(() => counts.returned === 50, 'the sources to be released');
    assert.deepEqual([...kinds('websocket'), ...kinds('event stream')], []);
    await until(
      () => ![...allTasks()].some(({ name }) => name.startsWith('GET ') || name.startsWith('events ')),
      'no task',
    );
  });
});
