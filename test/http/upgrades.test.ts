// WebSockets and event streams on serveHttp: their requests, their shutdown, and clients that ask for more than they get.
import assert from 'node:assert/strict';
import { CancelledError, createTask, every, sleep } from 'maitre';
import { eventStream, type HttpApp, webSocket } from 'maitre/http';
import { WebSocket as Client } from 'ws';
import { HOST, until } from '../net/sockets.js';
import { nextTurn, test } from '../support/test.js';
import { get, withHttp } from './servers.js';

const app: HttpApp = (request: Request): Response => {
  if (request.url.endsWith('/events')) return eventStream(request, ticks());
  if (!request.url.endsWith('/echo')) return new Response('plain', { status: 404 });
  return webSocket(request, async (socket) => {
    for await (const message of socket) await socket.send(`you said ${String(message)}`);
  });
};

async function* ticks() {
  yield { data: 'first' };
  for await (const _ of every(60_000)) yield { data: 'tick' };
}

test('a WebSocket is a request under way: echoed, shown, and ended by a shutdown', async () => {
  await withHttp(app, {}, async (server) => {
    const client = new Client(`ws://${HOST}:${server.port}/echo`);
    let said = '';
    let code = 0;
    client.on('message', (data) => (said = String(data)));
    client.on('close', (closeCode) => (code = closeCode));
    await until(() => client.readyState === Client.OPEN);
    client.send('hi');
    await until(() => said === 'you said hi');
    const [connection] = server.connections;
    assert.equal(connection?.task?.name, 'GET /echo');
    assert.equal(connection?.busy, true);
    const report = await server.shutdown({ grace: 5000 });
    await until(() => code !== 0, 'the close');
    assert.equal(code, 1001);
    assert.deepEqual(report, { finished: 1, cancelled: 0, aborted: 0 });
  });
});

test('at a reload, WebSockets and event streams have the grace, then end well with the reason reload', async () => {
  const reasons: unknown[] = [];
  const note = async (work: Promise<unknown>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      reasons.push(error instanceof CancelledError ? error.reason.kind : error);
      throw error;
    }
  };
  async function* once() {
    yield 'first';
    await note(sleep(Infinity));
  }
  const both: HttpApp = (request) =>
    request.url.endsWith('/events')
      ? eventStream(request, once)
      : webSocket(request, async (socket) => {
          for (;;) await note(socket.receive().then((message) => socket.send(String(message))));
        });
  await withHttp(both, {}, async (server, connect) => {
    const client = new Client(`ws://${HOST}:${server.port}/`);
    const said: string[] = [];
    let code = 0;
    client.on('message', (data) => said.push(String(data)));
    client.on('close', (closeCode) => (code = closeCode));
    const stream = await connect();
    stream.socket.write(get('/events'));
    await until(() => client.readyState === Client.OPEN && stream.text.includes('data: first'));
    const down = createTask(() => server.shutdown({ grace: 600, reason: 'reload' }));
    await nextTurn();
    client.send('still here');
    await until(() => said.length === 1);
    assert.deepEqual([code, stream.text.endsWith('0\r\n\r\n'), reasons], [0, false, []]);
    await stream.end();
    assert.match(stream.text, /\r\n0\r\n\r\n$/);
    await until(() => code !== 0);
    assert.equal(code, 1001);
    assert.deepEqual(await down, { finished: 0, cancelled: 2, aborted: 0 });
    assert.deepEqual(reasons, ['reload', 'reload']);
  });
});

test('a WebSocket client that leaves ends its request', async () => {
  await withHttp(app, {}, async (server) => {
    const client = new Client(`ws://${HOST}:${server.port}/echo`);
    client.on('error', () => undefined);
    await until(() => client.readyState === Client.OPEN && server.statistics().handling === 1);
    client.terminate();
    await until(() => server.statistics().open === 0 && server.statistics().handling === 0);
  });
});

test('a client that asks for another protocol, and does not get it, is answered as any other', async () => {
  await withHttp(app, {}, async (server, connect) => {
    const client = await connect();
    client.socket.write(
      get('/other', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'),
    );
    assert.match(await client.end(), /^HTTP\/1\.1 404 [^]*plain$/);
    await until(() => server.statistics().handling === 0);
  });
});

test('an event stream ends when a shutdown begins', async () => {
  await withHttp(app, {}, async (server, connect) => {
    const client = await connect();
    client.socket.write(get('/events'));
    await until(() => client.text.includes('data: first'));
    const down = createTask(() => server.shutdown({ grace: 20_000 }));
    await client.end();
    assert.deepEqual(await down, { finished: 1, cancelled: 0, aborted: 0 });
    await sleep(0);
  });
});
