// How a Response reaches its client: whole, as a stream, over a slow reader, and broken off.
import assert from 'node:assert/strict';
import { sleep } from 'maitre';
import { waitsOf } from 'maitre/lowlevel';
import { serveHttp } from 'maitre/http';
import { HOST, isBun, isDeno, until } from '../net/sockets.js';
import { test } from '../support/test.js';
import { get, withHttp } from './servers.js';

const chunk = new Uint8Array(65_536);
const pathOf = (request: Request): string => new URL(request.url).pathname;

/** Bytes without end; says how many chunks were asked for, and why it ended. */
class Endless {
  asked = 0;
  reason: unknown;
  readonly stream: ReadableStream<Uint8Array> = new ReadableStream({
    pull: (controller) => {
      this.asked++;
      controller.enqueue(chunk);
    },
    cancel: (reason) => void (this.reason = reason),
  });
}

test('text, bytes, nothing, and what only the runtime can make, arrive with the right head', async () => {
  const form = new FormData();
  form.set('a', '1');
  const answers: Readonly<Record<string, () => Response>> = {
    '/text': () => new Response('grün'),
    '/typed': () => new Response('<p>', { headers: { 'Content-Type': 'text/html' } }),
    '/bytes': () => new Response(new Uint8Array([104, 105])),
    '/none': () => new Response(null, { status: 204 }),
    '/empty': () => new Response(),
    '/json': () => Response.json({ a: 1 }, { status: 201 }),
    '/moved': () => Response.redirect('http://here/there', 307),
    '/blob': () => new Response(new Blob(['hi'], { type: 'text/x' })),
    '/form': () => new Response(form),
    '/params': () => new Response(new URLSearchParams({ a: '1' })),
    '/reason': () => new Response('x', { status: 299, statusText: 'Fine' }),
    '/cookies': () =>
      new Response('', {
        headers: [
          ['set-cookie', 'a=1'],
          ['set-cookie', 'b=2'],
        ],
      }),
    '/copy': () => new Response('x', Response.json({}, { status: 202 })),
  };
  await withHttp(
    (request: Request) => answers[pathOf(request)]?.() ?? Response.error(),
    {},
    async (server) => {
      const at = (path: string): Promise<Response> =>
        fetch(`http://${HOST}:${server.port}${path}`, { redirect: 'manual' });
      const seen = async (path: string): Promise<unknown[]> => {
        const response = await at(path);
        const { status, headers } = response;
        return [status, headers.get('content-type'), headers.get('content-length'), await response.text()];
      };
      assert.deepEqual(await seen('/text'), [200, 'text/plain;charset=UTF-8', '5', 'grün']);
      assert.deepEqual(await seen('/typed'), [200, 'text/html', '3', '<p>']);
      assert.deepEqual(await seen('/bytes'), [200, null, '2', 'hi']);
      assert.deepEqual(await seen('/none'), [204, null, null, '']);
      assert.deepEqual(await seen('/empty'), [200, null, '0', '']);
      assert.deepEqual(await seen('/json'), [201, 'application/json', '7', '{"a":1}']);
      assert.equal((await at('/moved')).headers.get('location'), 'http://here/there');
      assert.deepEqual((await seen('/blob')).slice(0, 2), [200, 'text/x']);
      assert.match(String((await seen('/form'))[1]), /^multipart\/form-data; boundary=/);
      assert.deepEqual((await seen('/params')).at(-1), 'a=1');
      // Deno's fetch shows the usual reason of a status, not the one that was sent.
      if (!isDeno) assert.equal((await at('/reason')).statusText, 'Fine');
      assert.deepEqual((await at('/cookies')).headers.getSetCookie(), ['a=1', 'b=2']);
      assert.equal((await at('/copy')).status, 202);
    },
  );
});

test('HEAD has the head of GET and no body; a stream is cancelled then', async () => {
  const endless = new Endless();
  const app = (request: Request): Response => new Response(pathOf(request) === '/text' ? 'four' : endless.stream);
  await withHttp(app, {}, async (_server, connect) => {
    const client = await connect();
    client.socket.write(get('/text').replace('GET', 'HEAD'));
    await client.receives('\r\n\r\n');
    assert.match(client.text, /Content-Length: 4/);
    client.socket.write(get('/stream').replace('GET', 'HEAD'));
    await until(() => client.text.split('HTTP/1.1 200').length === 3);
    assert.ok(client.text.endsWith('\r\n\r\n'));
    await until(() => endless.asked > 0);
    assert.ok(endless.asked < 3);
  });
});

test('what cannot be sent is answered with 500: wrong headers, a status that is none, a body that was read', async () => {
  const used = new Response('x');
  await used.text();
  const locked = new Endless().stream;
  locked.getReader();
  const answers: Readonly<Record<string, () => Response>> = {
    '/header': () => new Response('x', { headers: { 'x-a': 'a\nb' } }),
    '/name': () => new Response('x', { headers: { 'x a': 'b' } }),
    '/status': () => new Response('x', { status: 99 }),
    ...(isBun ? {} : { '/body': () => new Response('x', { status: 204 }) }), // Bun drops the body
    '/used': () => used,
    '/locked': () => new Response(locked),
  };
  const errors: unknown[] = [];
  const app = (request: Request): Response => answers[pathOf(request)]?.() ?? assert.fail();
  await withHttp(app, { onError: (error) => void errors.push(error) }, async (_server, connect) => {
    const client = await connect();
    for (const [i, path] of Object.keys(answers).entries()) {
      client.socket.write(get(path));
      await until(() => client.text.split('HTTP/1.1 500').length === i + 2, path);
    }
    assert.equal(errors.length, Object.keys(answers).length);
  });
});

test('a client that reads slowly stops the stream, one that leaves cancels it', async () => {
  const endless = new Endless();
  const kinds = new Set<string>();
  await withHttp(
    () => new Response(endless.stream),
    {},
    async (server, connect) => {
      const client = await connect();
      client.socket.pause();
      client.socket.write(get('/'));
      let before = -1;
      await until(() => {
        const stands = endless.asked > 0 && endless.asked === before;
        before = endless.asked;
        const task = [...server.connections][0]?.task;
        if (task !== undefined) for (const wait of waitsOf(task)) kinds.add(wait.kind);
        return stands && kinds.has('response.drain');
      }, 'the stream to stand still');
      assert.ok(endless.asked * chunk.length < 20_000_000, `${endless.asked} chunks`);
      client.socket.destroy();
      await until(() => endless.reason !== undefined, 'the cancel');
      assert.match(String(endless.reason), /the client left before the answer to GET \//);
      await until(() => server.statistics().open === 0);
    },
  );
});

test('a request that runs on without its client does not feed a stream that nobody reads', async () => {
  const endless = new Endless();
  await withHttp(
    () => new Response(endless.stream),
    { cancelOnDisconnect: false },
    async (server, connect) => {
      const client = await connect();
      client.socket.pause();
      client.socket.write(get('/'));
      await until(() => endless.asked > 3);
      client.socket.destroy();
      await until(() => endless.reason !== undefined, 'the cancel');
      await until(() => server.statistics().open === 0);
    },
  );
});

test('the head of a stream that has nothing yet is sent at once', async () => {
  await withHttp(
    () => new Response(new ReadableStream({ pull: () => sleep(60_000) })),
    {},
    async (server, connect) => {
      const client = await connect();
      client.socket.write(get('/'));
      await client.receives('\r\n\r\n');
      client.socket.destroy();
      await until(() => server.statistics().open === 0);
    },
  );
});

test('a stream that fails breaks the response off, visibly, and is reported once', async () => {
  const errors: unknown[] = [];
  const app = (): Response => {
    let n = 0;
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await sleep(0);
          if (n++ === 2) throw new Error('boom');
          controller.enqueue(new TextEncoder().encode('part'));
        },
      }),
    );
  };
  await withHttp(app, { onError: (error) => void errors.push(error) }, async (_server, connect) => {
    const client = await connect();
    client.socket.write(get('/'));
    await until(() => client.closed || client.ended);
    assert.match(client.text, /part/);
    assert.doesNotMatch(client.text, /\r\n0\r\n\r\n$/);
    assert.equal(errors.length, 1);
  });
});

test('a Response of the runtime itself is sent too', async () => {
  const source = await serveHttp(() => new Response('from afar', { headers: { 'x-a': '1' } }), { host: HOST });
  await withHttp(
    () => fetch(`http://${HOST}:${source.port}/`),
    {},
    async (_server, connect) => {
      const client = await connect();
      client.socket.write(get('/'));
      await until(() => client.text.includes('0\r\n\r\n') || client.text.endsWith('from afar'));
      assert.match(client.text, /\r\nx-a: 1\r\n/i);
      assert.match(client.text, /from afar/);
    },
  );
  await source.shutdown({ grace: 0 });
});
