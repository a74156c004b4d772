// Listeners of node:http, Express and Fastify: their requests are tasks too.
// oxlint-disable oxc/no-async-endpoint-handlers -- Express 5 and Fastify await their handlers
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import express from 'express';
import fastify from 'fastify';
import { CancelledError, createTask, currentTask, sleep } from 'maitre';
import { requestInfo } from 'maitre/http';
import { HOST, until } from '../net/sockets.js';
import { nextTurn, test } from '../support/test.js';
import { get, latch, post, withHttp } from './servers.js';

test('a listener answers, and its task lasts until the response has ended, whoever ends it', async () => {
  const door = latch();
  const seen: unknown[] = [];
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    seen.push(currentTask()?.name, requestInfo(incoming).target);
    void door.opened.then(() => outgoing.end('later')); // it returns before
  };
  await withHttp({ listener }, {}, async (server, connect) => {
    const client = await connect();
    client.socket.write(get('/a?b'));
    await until(() => server.statistics().handling === 1);
    await nextTurn();
    assert.equal(server.statistics().handling, 1);
    door.open();
    await client.receives('later');
    await until(() => server.statistics().handling === 0);
    assert.deepEqual(seen, ['GET /a', '/a?b']);
  });
});

test('a listener that throws or rejects before it answered is answered for with 500; after, its response breaks off', async () => {
  const errors: unknown[] = [];
  const listener = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    if (incoming.url === '/late') outgoing.write('half');
    await nextTurn();
    throw new Error('boom');
  };
  await withHttp({ listener }, { onError: (error) => void errors.push(error) }, async (_server, connect) => {
    const client = await connect();
    client.socket.write(get('/early'));
    assert.match(await client.receives('Error\n'), /^HTTP\/1\.1 500 /);
    client.socket.write(get('/late'));
    await until(() => client.closed || client.ended);
    assert.doesNotMatch(client.text, /0\r\n\r\n$/);
    assert.equal(errors.length, 2);
  });
});

test('a client that leaves cancels what the listener waits for, once', async () => {
  const cancels: unknown[] = [];
  const listener = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    incoming.resume();
    try {
      await sleep(60_000);
    } catch (error) {
      cancels.push(error);
      throw error;
    }
    outgoing.end();
  };
  await withHttp({ listener }, {}, async (server, connect) => {
    const client = await connect();
    client.socket.write(post('/', 'whole'));
    await until(() => server.statistics().handling === 1);
    await nextTurn(); // the end of the body is not the end of the client
    assert.equal(cancels.length, 0);
    client.socket.destroy();
    await until(() => server.statistics().open === 0);
    assert.equal(cancels.length, 1);
    assert.ok(cancels[0] instanceof CancelledError);
  });
});

test('an Express app is served as it is', async () => {
  const app = express();
  const cancelled: string[] = [];
  app.use(express.json());
  app.get('/hello/:name', (request, response) => void response.send(`hello ${request.params.name}`));
  app.post('/sum', (request, response) => {
    response.json({ sum: (request.body as number[]).reduce((a, b) => a + b) });
  });
  app.post('/hang', async (request) => {
    try {
      await sleep(60_000);
    } catch (error) {
      cancelled.push(request.path);
      throw error;
    }
  });
  app.get('/throw', () => {
    throw Object.assign(new Error('boom'), { status: 418, expose: true });
  });
  app.set('env', 'test'); // it prints no errors
  await withHttp(app, {}, async (server, connect) => {
    const base = `http://${HOST}:${server.port}`;
    assert.equal(await (await fetch(`${base}/hello/world`)).text(), 'hello world');
    const headers = { 'content-type': 'application/json' };
    const sum = await fetch(`${base}/sum`, { method: 'POST', body: '[1,2,3]', headers });
    assert.deepEqual(await sum.json(), { sum: 6 });
    assert.equal((await fetch(`${base}/throw`)).status, 418);
    const client = await connect();
    client.socket.write(post('/hang', '{"a":1}', 7, 'Content-Type: application/json'));
    await until(() => server.statistics().handling === 1);
    const [, connection] = [...server.connections].filter(({ busy }) => busy === true);
    assert.equal(connection, undefined);
    client.socket.destroy();
    await until(() => cancelled.length === 1);
  });
});

test('a Fastify instance is served, ready, with its hooks', async () => {
  const app = fastify();
  const cancelled: string[] = [];
  app.addHook('onRequest', async (_request, reply) => void reply.header('x-hook', 'yes'));
  app.get('/id', async (request) => ({ id: requestInfo(request.raw).id.length }));
  app.post('/sum', async (request) => ({ sum: (request.body as number[]).reduce((a, b) => a + b) }));
  app.post('/hang', async (request) => {
    try {
      await sleep(60_000);
    } catch (error) {
      cancelled.push(request.url);
      throw error;
    }
  });
  await withHttp(app, {}, async (server, connect) => {
    const base = `http://${HOST}:${server.port}`;
    const id = await fetch(`${base}/id`);
    assert.deepEqual([id.headers.get('x-hook'), await id.json()], ['yes', { id: 36 }]);
    const headers = { 'content-type': 'application/json' };
    assert.deepEqual(await (await fetch(`${base}/sum`, { method: 'POST', body: '[1,2]', headers })).json(), { sum: 3 });
    const client = await connect();
    client.socket.write(post('/hang', '{"a":1}', 7, 'Content-Type: application/json'));
    await until(() => server.statistics().handling === 1);
    await nextTurn();
    assert.equal(cancelled.length, 0);
    client.socket.destroy();
    await until(() => cancelled.length === 1);
  });
  await app.close();
});

test('a shutdown finishes the answers of listeners with Connection: close', async () => {
  const door = latch();
  const listener = async (_: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    await door.opened;
    outgoing.end('done');
  };
  await withHttp({ listener }, {}, async (server, connect) => {
    const client = await connect();
    client.socket.write(get('/'));
    await until(() => server.statistics().handling === 1);
    const down = createTask(() => server.shutdown({ grace: 20_000 }));
    await nextTurn();
    door.open();
    assert.match(await client.end(), /\r\nConnection: close\r\n[^]*done$/);
    await down;
  });
});
