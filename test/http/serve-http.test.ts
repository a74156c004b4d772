// serveHttp: fetch handlers over HTTP/1, their tasks, and who answers what.
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { Hono } from 'hono';
import { allTasks, currentTask, type ExceptionContext, setExceptionHandler, sleep } from 'maitre';
import {
  type HttpEnv,
  type HttpOptions,
  type HttpRequestInfo,
  RequestError,
  requestInfo,
  serveHttp,
} from 'maitre/http';
import { HOST, until } from '../net/sockets.js';
import { collectGarbage } from '../support/garbage.js';
import { test } from '../support/test.js';
import { get, latch, post, withHttp } from './servers.js';

test('a fetch function answers, with the Request that was sent', async () => {
  const seen: unknown[] = [];
  const app = async (request: Request): Promise<Response> => {
    seen.push(
      request instanceof Request,
      request.method,
      request.url,
      request.headers.get('x-a'),
      await request.text(),
    );
    return new Response('hi', { status: 201, headers: { 'x-b': '2' } });
  };
  await withHttp(app, {}, async (server, connect) => {
    const client = await connect();
    client.socket.write(post('/orders?table=2', 'soup', 4, 'X-A: 1'));
    const answer = await client.receives('hi');
    assert.match(answer, /^HTTP\/1\.1 201 Created\r\n/);
    assert.match(answer, /\r\nx-b: 2\r\n/);
    assert.match(answer, /\r\nContent-Length: 2\r\n/);
    assert.match(answer, /\r\nContent-Type: text\/plain;charset=UTF-8\r\n/);
    assert.deepEqual(seen, [true, 'POST', 'http://here/orders?table=2', '1', 'soup']);
    await until(() => server.statistics().handling === 0);
    assert.equal(server.statistics().requests, 1);
  });
});

test('an object with fetch answers, as a Hono app is one', async () => {
  const app = new Hono();
  app.get('/hello/:name', (c) => c.text(`hello ${c.req.param('name')}`));
  app.post('/sum', async (c) => c.json({ sum: (await c.req.json<number[]>()).reduce((a, b) => a + b) }));
  app.get('/env', (c) => c.text((c.env as { incoming: { method: string } }).incoming.method));
  app.get('/html', (c) => c.html('<p>'));
  app.get('/gone', (c) => c.redirect('/hello/x', 301));
  app.use('/late/*', async (c, next) => {
    await next();
    c.header('x-late', 'yes');
  });
  app.get('/late/json', (c) => c.json({ a: 1 }, 202));
  await withHttp(app, {}, async (server) => {
    const base = `http://${HOST}:${server.port}`;
    const at = (path: string, init?: RequestInit): Promise<Response> =>
      fetch(base + path, { redirect: 'manual', ...init });
    assert.equal(await (await at('/hello/world')).text(), 'hello world');
    assert.deepEqual(await (await at('/sum', { method: 'POST', body: '[1,2,3]' })).json(), { sum: 6 });
    assert.equal(await (await at('/env')).text(), 'GET');
    assert.equal((await at('/html')).headers.get('content-type'), 'text/html; charset=UTF-8');
    assert.equal((await at('/gone')).headers.get('location'), '/hello/x');
    assert.equal((await at('/nothing')).status, 404);
    const late = await at('/late/json');
    assert.deepEqual([late.status, late.headers.get('x-late'), await late.json()], [202, 'yes', { a: 1 }]);
  });
});

test('every request is a task of its own, named by method and path, and the connection shows it', async () => {
  const door = latch();
  const app = async (): Promise<Response> => {
    await door.opened;
    return new Response(currentTask()?.name);
  };
  await withHttp(app, {}, async (server, connect) => {
    const client = await connect();
    client.socket.write(get('/orders/7?secret=1'));
    await until(() => server.statistics().handling === 1);
    const [connection] = server.connections;
    assert.equal(connection?.task?.name, 'GET /orders/7');
    assert.equal(connection?.busy, true);
    assert.ok([...allTasks()].some(({ name }) => name === 'GET /orders/7'));
    door.open();
    await client.receives('GET /orders/7');
    await until(() => connection?.busy === false);
    assert.equal(connection?.task, undefined);
  });
});

test('handlers run in the AsyncLocalStorage context of the server, and what they enter does not leak', async () => {
  const storage = new AsyncLocalStorage<string>();
  const app = (request: Request): Response => {
    const before = storage.getStore();
    storage.enterWith(new URL(request.url).pathname);
    return new Response(`${before};`);
  };
  await storage.run('server', () =>
    withHttp(app, {}, async (_server, connect) => {
      const client = await connect();
      client.socket.write(get('/a') + get('/b') + get('/c')); // in one callback of node:http
      await until(() => client.text.split('server;').length === 4, 'three answers');
      client.socket.write(get('/d'));
      await until(() => client.text.split('server;').length === 5, 'the fourth');
    }),
  );
});

test(
  'an idle connection does not keep its last request',
  async () => {
    for (const isAsync of [false, true]) {
      const requests: WeakRef<object>[] = [];
      const app = (_request: Request, { incoming }: HttpEnv): Response | Promise<Response> => {
        requests.push(new WeakRef(incoming));
        const answer = new Response('hi');
        return isAsync ? Promise.resolve(answer) : answer;
      };
      await withHttp(app, { keepAliveTimeout: 60_000 }, async (_server, connect) => {
        const client = await connect();
        for (let sent = 1; sent <= 3; sent++) {
          client.socket.write(get('/'));
          await until(() => client.text.split('hi').length === sent + 1, 'the answer');
        }
        await until(() => {
          collectGarbage?.();
          return requests[2]?.deref() === undefined;
        }, 'the request is collected');
      });
    }
  },
  { skip: (collectGarbage === undefined || 'bun' in process.versions) && 'its collector cannot be made to collect' },
);

test('the body of an answer and onError run in the task of the request', async () => {
  const names: unknown[] = [];
  const note = (): void => void names.push(currentTask()?.name);
  const app = (request: Request): Response => {
    if (request.url.endsWith('/error')) throw new Error('boom');
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      note();
      controller.enqueue(new TextEncoder().encode('end'));
      controller.close();
    };
    return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }));
  };
  await withHttp(app, { onError: note }, async (_server, connect) => {
    const client = await connect();
    client.socket.write(get('/stream'));
    await client.receives('0\r\n\r\n');
    client.socket.write(get('/error'));
    await client.receives('Error\n');
    assert.deepEqual(names, ['GET /stream', 'GET /error']);
  });
});

test('a handler that throws answers with 500, once, and the error is reported', async () => {
  const boom = new Error('boom');
  const seen: [unknown, string][] = [];
  const onError = (error: unknown, info: HttpRequestInfo): void => void seen.push([error, info.target]);
  for (const app of [() => Promise.reject(boom), () => assert.fail(boom)]) {
    seen.length = 0;
    await withHttp(app, { onError }, async (server, connect) => {
      const client = await connect();
      client.socket.write(get('/x'));
      assert.match(await client.receives('Internal Server Error\n'), /^HTTP\/1\.1 500 /);
      assert.equal(seen.length, 1);
      assert.equal(seen[0]?.[1], '/x');
      client.socket.write(get('/y')); // the connection goes on
      await until(() => client.text.split('HTTP/1.1 500').length === 3);
      assert.equal(server.statistics().failed, 2);
    });
  }
});

test('without onError, the exception handler receives it; one that throws in onError too', async () => {
  const reports: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => void reports.push(context));
  const app = (): Response => {
    throw new Error('boom');
  };
  await withHttp(app, {}, async (_server, connect) => {
    const client = await connect();
    client.socket.write(get('/x'));
    await client.receives('Error\n');
    assert.equal(reports[0]?.message, 'Unhandled error in the handler of GET /x');
  });
  const onError = (): never => {
    throw new Error('in onError');
  };
  await withHttp(app, { onError }, async (_server, connect) => {
    const client = await connect();
    client.socket.write(get('/x'));
    await client.receives('Error\n');
    await until(() => reports.length === 3);
    assert.equal(reports[1]?.message, 'onError failed for GET /x');
  });
});

test('a handler that returns no Response is told what to write', async () => {
  const errors: unknown[] = [];
  const app = (() => undefined) as unknown as () => Response; // what a caller without types may pass
  await withHttp(app, { onError: (error) => void errors.push(error) }, async (_server, connect) => {
    const client = await connect();
    client.socket.write(get('/'));
    await client.receives('Error\n');
    assert.match(String(errors[0]), /returned nothing, and must return a Response\n.*\n.*listener/);
  });
});

test('a RequestError answers with its status and is not reported', async () => {
  const app = (): Response => {
    throw new RequestError('Cannot take the order: the kitchen is closed', { status: 409 });
  };
  await withHttp(app, { onError: () => assert.fail('reported') }, async (_server, connect) => {
    const client = await connect();
    client.socket.write(get('/'));
    assert.match(await client.receives('Conflict\n'), /^HTTP\/1\.1 409 /);
  });
});

test('a body above maxBodySize is answered with 413: before the handler if its length is known, else when it is read', async () => {
  let calls = 0;
  const app = async (request: Request): Promise<Response> => {
    calls++;
    return new Response(String((await request.arrayBuffer()).byteLength));
  };
  await withHttp(app, { maxBodySize: 10 }, async (_server, connect) => {
    const known = await connect();
    known.socket.write(post('/', '', 11));
    assert.match(await known.end(), /^HTTP\/1\.1 413 .*\r\nConnection: close\r\n/s);
    assert.equal(calls, 0);
    const chunked = await connect();
    chunked.socket.write(
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n6\r\n123456\r\n',
    );
    assert.match(await chunked.end(), /^HTTP\/1\.1 413 /);
    const expects = await connect();
    expects.socket.write(post('/', '', 11, 'Expect: 100-continue'));
    assert.match(await expects.end(), /^HTTP\/1\.1 413 /);
    const enough = await connect();
    enough.socket.write(post('/', '0123456789', 10, 'Expect: 100-continue'));
    assert.match(await enough.receives('10'), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
  });
});

test('concurrency: further requests wait in line, over all connections, and leave it with their clients', async () => {
  const door = latch();
  const served: string[] = [];
  const app = async (request: Request): Promise<Response> => {
    served.push(new URL(request.url).pathname);
    await door.opened;
    return new Response('done');
  };
  await withHttp(app, { concurrency: 1 }, async (server, connect) => {
    const [a, b, c] = [await connect(), await connect(), await connect()];
    a.socket.write(get('/a'));
    await until(() => server.statistics().handling === 1);
    b.socket.write(get('/b'));
    await until(() => server.statistics().inLine === 1);
    c.socket.write(get('/c'));
    await until(() => server.statistics().inLine === 2);
    b.socket.destroy();
    await until(() => server.statistics().inLine === 1);
    door.open();
    await a.receives('done');
    await c.receives('done');
    assert.deepEqual(served, ['/a', '/c']);
    await until(() => server.statistics().open === 2);
  });
});

test('timeout: the client is answered at once, the handler is cancelled, and the connection goes on', async () => {
  const reasons: unknown[] = [];
  const app = async (request: Request): Promise<Response> => {
    if (request.url.endsWith('/quick')) return new Response('quick');
    try {
      await sleep(60_000);
    } catch (error) {
      reasons.push((error as { reason: { kind: string } }).reason.kind);
      throw error;
    }
    return new Response('slow');
  };
  for (const timeoutStatus of [503, 504] as const) {
    await withHttp(app, { timeout: 50, timeoutStatus }, async (server, connect) => {
      const client = await connect();
      client.socket.write(get('/slow'));
      await client.receives(timeoutStatus === 503 ? 'Unavailable\n' : 'Timeout\n');
      client.socket.write(get('/quick'));
      await client.receives('quick');
      await until(() => server.statistics().handling === 0);
      assert.equal(server.statistics().timedOut, 1);
    });
  }
  assert.deepEqual(reasons, ['timeout', 'timeout']);
});

test('a host or target that makes no URL is answered with 400', async () => {
  await withHttp(
    (request: Request) => new Response(request.url),
    {},
    async (_server, connect) => {
      for (const head of [
        'GET / HTTP/1.1\r\nHost: a b',
        'GET / HTTP/1.1\r\nHost: a/b',
        'GET / HTTP/1.1\r\nHost: a@b',
        'GET http://[ HTTP/1.1\r\nHost: a',
      ]) {
        const client = await connect();
        client.socket.write(`${head}\r\n\r\n`);
        await until(() => client.received.length > 0);
        assert.match(client.text, /^HTTP\/1\.1 400 /, head);
      }
      for (const [target, url] of [
        ['/a/../b', 'http://here/b'],
        ['/ü', 'http://here/%C3%BC'],
        ['http://other/x', 'http://other/x'],
        ['//evil/x', 'http://here//evil/x'],
      ] as const) {
        const client = await connect();
        client.socket.write(Buffer.from(get(target), 'latin1'));
        await until(() => client.received.length > 0);
        assert.ok(target === '/ü' || client.text.endsWith(url), client.text);
      }
    },
  );
});

test('the log receives every request once, with what was sent', async () => {
  const entries: string[] = [];
  const log: HttpOptions['log'] = ({ method, path, status, bytes, gone, httpVersion }) =>
    void entries.push(`${method} ${path} ${status} ${bytes} ${gone} ${httpVersion}`);
  const app = async (request: Request): Promise<Response> => {
    if (request.url.endsWith('/hang')) await sleep(60_000);
    return new Response(request.method === 'HEAD' ? null : 'four');
  };
  await withHttp(app, { log }, async (_server, connect) => {
    const client = await connect();
    client.socket.write(get('/a?b'));
    await client.receives('four');
    client.socket.write(get('/hang'));
    await until(() => [...allTasks()].some(({ name }) => name === 'GET /hang'));
    client.socket.destroy();
    await until(() => entries.length === 2);
  });
  assert.deepEqual(entries, ['GET /a?b 200 4 false 1.1', 'GET /hang undefined 0 true 1.1']);
});

test('requestInfo says who asked, and rejects a request of nobody', async () => {
  const app = (request: Request): Response => {
    const { peer, scheme, host, target, id, httpVersion, connection } = requestInfo(request);
    assert.equal(requestInfo(request).id, id);
    assert.deepEqual(connection?.peer, peer);
    return Response.json({ scheme, host, target, httpVersion, hasId: /^[\da-f-]{36}$/.test(id) });
  };
  await withHttp(app, {}, async (server) => {
    const answer = await fetch(`http://${HOST}:${server.port}/x?y`);
    const host = `${HOST}:${server.port}`;
    assert.deepEqual(await answer.json(), { scheme: 'http', host, target: '/x?y', httpVersion: '1.1', hasId: true });
  });
  assert.throws(() => requestInfo(new Request('http://x/')), /no server of maitre received it/);
});

test('wrong options and apps are refused before anything listens', async () => {
  const app = (): Response => new Response();
  const rejects = (options: object, pattern: RegExp): Promise<void> => assert.rejects(serveHttp(app, options), pattern);
  await rejects({ timout: 1 }, /Cannot serve HTTP: unknown option "timout"/);
  await rejects({ readTimeout: 1 }, /unknown option "readTimeout"/);
  await rejects({ timeoutStatus: 500 }, /timeoutStatus must be 503 or 504, got 500/);
  await rejects({ trustedProxies: ['10.0.0.0/33'] }, /trustedProxies must be addresses and networks/);
  await rejects({ maxBodySize: -1 }, RangeError as unknown as RegExp);
  await rejects({ port: 70_000 }, /port/);
  for (const wrong of [undefined, null, {}, 'app', { fetch: 1 }]) {
    await assert.rejects(serveHttp(wrong as never), /Cannot serve HTTP: expected a fetch handler/);
  }
});
