import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { SentFrame } from '#src/inspect/protocol/index.js';
import { PageServer, type PageSources } from '#src/inspect/worker/page/page-server.js';
import { RequestError } from '#src/inspect/worker/request-error.js';
import { test } from '../../../support/test.js';

/** A page server over a folder with two files, and what reached its sources. */
class Stage implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'page-'));
  readonly requests: unknown[] = [];
  readonly offers: ((make: () => SentFrame) => boolean)[] = [];
  readonly ended: number[] = [];
  now = 0;
  page!: PageServer;

  static async open(more: Partial<PageSources> = {}): Promise<Stage> {
    const stage = new Stage();
    writeFileSync(join(stage.folder, 'index.html'), '<!doctype html>');
    writeFileSync(join(stage.folder, 'page.js'), 'export {};');
    writeFileSync(join(stage.folder, 'secret.key'), 'not a file of a page');
    stage.page = await PageServer.open({
      host: '127.0.0.1',
      port: 0,
      folder: pathToFileURL(`${stage.folder}/`),
      now: () => stage.now,
      respond: async (method, params) => {
        stage.requests.push([method, params]);
        if (method === 'fail') throw new RequestError('NOT_FOUND', 'no such soup');
        return { method };
      },
      subscribe: (_, offer, wishes) => {
        if (Number.isNaN(wishes.rate)) throw new RequestError('BAD_REQUEST', 'rate must be a number above 0');
        return stage.offers.push(offer);
      },
      unsubscribe: (_, subscription) => void stage.ended.push(subscription),
      ...more,
    });
    return stage;
  }

  /** The cookie of a visitor that has a token. */
  async enter(): Promise<string> {
    const { pathname, search } = new URL(this.page.newAddress());
    const answer = await this.get(pathname + search);
    return /set-cookie: ([^;]+)/i.exec(answer)?.[1] ?? assert.fail(answer);
  }

  get(path: string, ...headers: string[]): Promise<string> {
    return this.send(`GET ${path} HTTP/1.1`, [`Host: 127.0.0.1:${this.page.port}`, ...headers]);
  }

  post(body: string, ...headers: string[]): Promise<string> {
    const all = [
      `Host: 127.0.0.1:${this.page.port}`,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    return this.send('POST /api/request HTTP/1.1', [...all, ...headers], body);
  }

  /** Sends a request as it is, and returns the answer as it is. */
  async send(line: string, headers: readonly string[], body = ''): Promise<string> {
    const socket = this.connect();
    socket.write(`${[line, ...headers, 'Connection: close', '', ''].join('\r\n')}${body}`);
    return await textOf(socket);
  }

  connect(): Socket {
    return connect(this.page.port, '127.0.0.1');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.page.close();
    rmSync(this.folder, { recursive: true });
    await new Promise((resolve) => setTimeout(resolve, 20)); // sockets of the system end by themselves
  }
}

async function textOf(socket: Socket): Promise<string> {
  let text = '';
  try {
    for await (const chunk of socket) text += String(chunk);
  } catch {
    // reset: what came is all
  }
  return text;
}

const statusOf = (answer: string): number => Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1]);

test('a token becomes a cookie once, and the answer leads to the page without it', async () => {
  await using stage = await Stage.open();
  const { pathname, search } = new URL(stage.page.newAddress());
  const first = await stage.get(pathname + search);
  assert.equal(statusOf(first), 303);
  assert.match(first, /\r\nlocation: \/\r\n/i);
  assert.match(first, /\r\nset-cookie: maitre-\d+=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/\r\n/i);
  assert.ok(!first.includes(search.slice(7)), 'the token is nowhere in the answer');
  const again = await stage.get(pathname + search);
  assert.equal(statusOf(again), 401);
  assert.doesNotMatch(again, /set-cookie/i);
});

test('nothing is served without the cookie, with a wrong one, or with one that has expired', async () => {
  await using stage = await Stage.open();
  const cookie = await stage.enter();
  for (const path of ['/', '/page.js', '/api/frames', '/api/request', '/nowhere', '/?token=', '/?token=abc']) {
    assert.equal(statusOf(await stage.get(path)), 401, path);
    assert.equal(statusOf(await stage.get(path, `Cookie: ${cookie}x`)), 401, path);
  }
  assert.equal(statusOf(await stage.post('{}')), 401);
  assert.equal(statusOf(await stage.get('/', `Cookie: ${cookie}`)), 200);
  stage.now += 13 * 3_600_000;
  assert.equal(statusOf(await stage.get('/', `Cookie: ${cookie}`)), 401);
});

test('tokens expire, and those that nobody uses make room for new ones', async () => {
  await using stage = await Stage.open();
  const old = new URL(stage.page.newAddress());
  stage.now += 25 * 3_600_000;
  assert.equal(statusOf(await stage.get(old.pathname + old.search)), 401);
  const first = new URL(stage.page.newAddress());
  for (let i = 0; i < 64; i++) stage.page.newAddress();
  assert.equal(statusOf(await stage.get(first.pathname + first.search)), 401);
});

test('of many visitors, the one that was seen longest ago has to enter again', async () => {
  await using stage = await Stage.open();
  const first = await stage.enter();
  const second = await stage.enter();
  for (let i = 0; i < 30; i++) await stage.enter();
  assert.equal(statusOf(await stage.get('/', `Cookie: ${first}`)), 200);
  await stage.enter();
  assert.equal(statusOf(await stage.get('/', `Cookie: ${first}`)), 200);
  assert.equal(statusOf(await stage.get('/', `Cookie: ${second}`)), 401);
});

test('names that lead here are refused as hosts, addresses and localhost are not', async () => {
  await using stage = await Stage.open();
  const cookie = `Cookie: ${await stage.enter()}`;
  const ask = async (host: string): Promise<number> =>
    statusOf(await stage.send('GET / HTTP/1.1', [`Host: ${host}`, cookie]));
  for (const host of [
    'evil.example',
    `evil.example:${stage.page.port}`,
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '127.0.0.1@evil.example',
    'evil.example#localhost',
  ])
    assert.equal(await ask(host), 403, host);
  for (const host of [`127.0.0.1:${stage.page.port}`, 'localhost:9000', 'LOCALHOST', '[::1]:80'])
    assert.equal(await ask(host), 200, host);
  assert.equal(statusOf(await stage.send('GET / HTTP/1.1', [cookie])), 400, 'without Host');
  assert.equal(statusOf(await stage.send('GET / HTTP/1.0', [cookie])), 403, 'without Host, in an old version');
});

test('requests of other sites are refused, with the cookie and with a token', async () => {
  await using stage = await Stage.open();
  const cookie = `Cookie: ${await stage.enter()}`;
  const own = `http://127.0.0.1:${stage.page.port}`;
  for (const origin of ['http://evil.example', 'null', 'https://127.0.0.1', `http://localhost:${stage.page.port}`]) {
    assert.equal(statusOf(await stage.post('{"id":1,"method":"hello"}', cookie, `Origin: ${origin}`)), 403, origin);
    assert.equal(statusOf(await stage.get('/api/frames', cookie, `Origin: ${origin}`)), 403, origin);
  }
  for (const site of ['cross-site', 'same-site']) {
    const from = `Sec-Fetch-Site: ${site}`;
    assert.equal(statusOf(await stage.get('/page.js', cookie, from)), 403, site);
    assert.equal(
      statusOf(await stage.get('/', cookie, from, 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document')),
      403,
    );
    assert.equal(statusOf(await stage.post('{"id":1,"method":"hello"}', cookie, from)), 403, site);
    const { pathname, search } = new URL(stage.page.newAddress());
    assert.equal(statusOf(await stage.get(pathname + search, from, 'Sec-Fetch-Mode: no-cors')), 403);
  }
  assert.deepEqual(stage.requests, []);
  const right = await stage.post('{"id":1,"method":"hello"}', cookie, `Origin: ${own}`, 'Sec-Fetch-Site: same-origin');
  assert.equal(statusOf(right), 200);
});

test('a link of another site that has a token leads in, by a page that goes on itself', async () => {
  await using stage = await Stage.open();
  const { pathname, search } = new URL(stage.page.newAddress());
  const link = ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document'];
  const answer = await stage.get(pathname + search, ...link);
  assert.equal(statusOf(answer), 200);
  assert.match(answer, /\r\nrefresh: 0; url=\/\r\n/i);
  assert.match(answer, /SameSite=Strict/);
});

test('only the files of the page are served', async () => {
  await using stage = await Stage.open();
  const cookie = `Cookie: ${await stage.enter()}`;
  assert.match(await stage.get('/page.js', cookie), /content-type: text\/javascript/i);
  for (const path of [
    '/../secret.key',
    '/secret.key',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/..%2f..%2fetc/passwd',
    '/./page.js/..',
    '//etc/passwd',
    '/page.js%00.html',
    '/constructor',
    '/__proto__',
    `/${'a'.repeat(8000)}`,
  ]) {
    const answer = await stage.get(path, cookie);
    assert.ok([200, 404].includes(statusOf(answer)), `${path}: ${answer}`);
    assert.doesNotMatch(answer, /root:|not a file/, path);
  }
  assert.equal(statusOf(await stage.get('/secret.key', cookie)), 404);
  assert.equal(statusOf(await stage.send('DELETE /page.js HTTP/1.1', [`Host: 127.0.0.1`, cookie])), 405);
  assert.ok([400, 404].includes(statusOf(await stage.get('http://[', cookie))));
});

test('every answer, refusals too, allows nothing from elsewhere and is not stored', async () => {
  await using stage = await Stage.open();
  const cookie = `Cookie: ${await stage.enter()}`;
  for (const answer of [await stage.get('/', cookie), await stage.get('/'), await stage.get('/nowhere', cookie)]) {
    assert.match(
      answer,
      /\r\ncontent-security-policy: default-src 'none'; script-src 'self'; .*require-trusted-types-for 'script'/i,
    );
    assert.match(answer, /frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n/i);
    assert.match(answer, /\r\nx-content-type-options: nosniff\r\n/i);
    assert.match(answer, /\r\ncache-control: no-store\r\n/i);
    assert.match(answer, /\r\nreferrer-policy: no-referrer\r\n/i);
    assert.doesNotMatch(answer, /access-control-allow/i);
  }
});

test('a request is answered as at the control socket, and a wrong one says why', async () => {
  await using stage = await Stage.open();
  const cookie = `Cookie: ${await stage.enter()}`;
  const ask = async (body: string): Promise<unknown> =>
    JSON.parse((await stage.post(body, cookie)).split('\r\n\r\n')[1] ?? '');
  assert.deepEqual(await ask('{"id":3,"method":"hello","params":{"a":1}}'), { id: 3, result: { method: 'hello' } });
  assert.deepEqual(await ask('{"id":4,"method":"fail"}'), {
    id: 4,
    error: { code: 'NOT_FOUND', message: 'no such soup' },
  });
  assert.deepEqual(stage.requests, [
    ['hello', { a: 1 }],
    ['fail', undefined],
  ]);
  assert.equal(statusOf(await stage.post('{"id":', cookie)), 400);
  assert.equal(statusOf(await stage.get('/api/request', cookie)), 405);
  const form = [`Host: 127.0.0.1`, cookie, 'Content-Type: text/plain', 'Content-Length: 2'];
  assert.equal(
    statusOf(await stage.send('POST /api/request HTTP/1.1', form, '{}')),
    415,
    'a form of another site could send it',
  );
});

test('a huge body is refused before it is read, and its connection ends', async () => {
  await using stage = await Stage.open();
  const cookie = `Cookie: ${await stage.enter()}`;
  const socket = stage.connect();
  const head = [
    `POST /api/request HTTP/1.1`,
    'Host: 127.0.0.1',
    cookie,
    'Content-Type: application/json',
    'Content-Length: 1000000000',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  socket.write(Buffer.alloc(200_000));
  const answer = await textOf(socket);
  assert.ok(answer === '' || statusOf(answer) === 413, answer);
  assert.deepEqual(stage.requests, []);
  assert.equal(statusOf(await stage.get('/', cookie, `X-Long: ${'a'.repeat(20_000)}`)) || 431, 431, 'nor huge headers');
});

test('frames come as events, after the number of the subscription, and end with the page', async () => {
  await using stage = await Stage.open();
  const cookie = `Cookie: ${await stage.enter()}`;
  const socket = stage.connect();
  socket.write(['GET /api/frames?rate=5&tables=1,2 HTTP/1.1', 'Host: 127.0.0.1', cookie, '', ''].join('\r\n'));
  let text = '';
  socket.on('data', (chunk) => (text += String(chunk)));
  const until = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(text)) await new Promise((resolve) => socket.once('data', resolve));
  };
  await until(/event: subscription\ndata: \{"subscription":1\}\n\n/);
  assert.match(text, /content-type: text\/event-stream/i);
  assert.equal(
    stage.offers[0]?.(() => ({ seq: 1 }) as SentFrame),
    true,
  );
  await until(/data: \{"seq":1\}\n\n/);
  socket.destroy();
  while (stage.ended.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(stage.ended, [1]);
  assert.equal(statusOf(await stage.get('/api/frames?rate=soup', cookie)), 400);
});

test('a page that never reads misses frames, keeps a bounded memory, and is cut off after a minute', async () => {
  await using stage = await Stage.open();
  const cookie = `Cookie: ${await stage.enter()}`;
  const socket = stage.connect();
  socket.pause();
  socket.write(['GET /api/frames HTTP/1.1', 'Host: 127.0.0.1', cookie, '', ''].join('\r\n'));
  while (stage.offers.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const offer = stage.offers[0] as PageSources['subscribe'] extends (a: never, offer: infer O, b: never) => number
    ? O
    : never;
  let made = 0;
  const send = (): boolean =>
    offer(() => {
      made++;
      return { sentence: 'a'.repeat(100_000) } as SentFrame;
    });
  for (let i = 0; i < 500; i++) {
    send();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(made < 200, `${made} frames of 100 kB were made`);
  assert.equal(send(), false);
  stage.now += 61_000;
  send();
  while (stage.ended.length === 0) await new Promise((resolve) => setImmediate(resolve));
  socket.destroy();
});

test('of a thousand connections 64 are held, frames go to 16 pages, and the page is there again afterwards', async () => {
  await using stage = await Stage.open();
  const cookie = `Cookie: ${await stage.enter()}`;
  const streams = Array.from({ length: 17 }, () => stage.connect());
  let refused = 0;
  for (const socket of streams) {
    socket.write(['GET /api/frames HTTP/1.1', 'Host: 127.0.0.1', cookie, '', ''].join('\r\n'));
    const chunk = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    if (statusOf(String(chunk)) === 503) refused++;
  }
  assert.equal(refused, 1);
  const crowd = Array.from({ length: 1000 }, () => stage.connect());
  // Those that the system accepted and the server does not hold are closed.
  let held = crowd.length;
  await new Promise<void>((resolve) => {
    for (const socket of crowd) {
      socket.on('error', () => undefined).resume();
      socket.on('close', () => {
        if (--held <= 64) resolve();
      });
    }
  });
  for (const socket of [...streams, ...crowd]) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(statusOf(await stage.get('/', cookie)), 200);
});

test(
  'a client that sends its headers drop by drop is ended',
  async () => {
    await using stage = await Stage.open();
    const socket = stage.connect();
    const text = textOf(socket);
    socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n');
    const drops = setInterval(() => socket.write('X-A: b\r\n'), 500);
    const answer = await text;
    clearInterval(drops);
    assert.ok(answer === '' || statusOf(answer) === 408, answer);
  },
  { timeout: 15_000 },
);
