// The Request of a handler: as one of the runtime, made lazily.
import assert from 'node:assert/strict';
import type { Task } from 'maitre';
import { waitsOf } from 'maitre/lowlevel';
import { HOST, until } from '../net/sockets.js';
import { test } from '../support/test.js';
import { post, withHttp } from './servers.js';

/** Sends a body to a handler, and returns what it answered. */
async function answer(
  handler: (request: Request) => Promise<unknown>,
  body = '{"a":1}',
  type?: string,
): Promise<unknown> {
  return withHttp(
    async (request: Request) => Response.json((await handler(request)) ?? null),
    {},
    async (server) => {
      const headers = type === undefined ? {} : { 'content-type': type };
      const response = await fetch(`http://${HOST}:${server.port}/x`, { method: 'POST', body, headers });
      return response.json();
    },
  );
}

test('every reader of the body', async () => {
  assert.equal(await answer((request) => request.text()), '{"a":1}');
  assert.deepEqual(await answer((request) => request.json()), { a: 1 });
  assert.equal(await answer(async (request) => (await request.arrayBuffer()).byteLength), 7);
  assert.equal(await answer(async (request) => (await request.bytes()).length), 7);
  assert.equal(await answer(async (request) => (await request.blob()).type, 'x', 'text/x'), 'text/x');
  const type = 'application/x-www-form-urlencoded';
  assert.equal(await answer(async (request) => (await request.formData()).get('a'), 'a=1', type), '1');
  assert.equal(await answer(async (request) => new Response(request.body).text()), '{"a":1}');
  assert.equal(await answer((request) => request.text(), '\ufeffx'), 'x');
  assert.deepEqual(
    await answer(async (request) => {
      const copy = request.clone();
      return [await copy.text(), await request.text(), request.bodyUsed];
    }),
    ['{"a":1}', '{"a":1}', true],
  );
});

test('a body is read once', async () => {
  const seen = await answer(async (request) => {
    assert.equal(request.bodyUsed, false);
    await request.text();
    assert.equal(request.bodyUsed, true);
    return request.text().catch((error: unknown) => String(error));
  });
  assert.match(String(seen), /TypeError: Cannot read the body of the request: it was read already/);
});

test('it can be copied into a Request of the runtime, with other headers, and passed as init', async () => {
  assert.deepEqual(
    await answer(async (request) => {
      const copy = new Request(request, { headers: { 'x-b': '2' } });
      return [copy.method, new URL(copy.url).pathname, copy.headers.get('x-b'), await copy.text()];
    }),
    ['POST', '/x', '2', '{"a":1}'],
  );
  assert.deepEqual(
    await answer(async (request) => {
      const { cache, mode, redirect, method } = request;
      return [cache, mode, redirect, method, request instanceof Request, Object.prototype.toString.call(request)];
    }),
    ['default', 'cors', 'follow', 'POST', true, '[object Request]'],
  );
});

test('while a handler reads the body, it is seen to wait for its client', async () => {
  await withHttp(
    async (request: Request) => new Response(await request.text()),
    {},
    async (server, connect) => {
      const client = await connect();
      client.socket.write(post('/', 'half', 8));
      await until(() => server.statistics().handling === 1);
      const [connection] = server.connections;
      const task = connection?.task as Task<unknown>;
      const [wait] = waitsOf(task);
      assert.deepEqual([wait?.kind, wait?.resource], ['request.body', connection]);
      client.socket.write('more');
      await client.receives('halfmore');
    },
  );
});
