import assert from 'node:assert/strict';
import { Future } from 'maitre';
import { webSocket, type WebSocketOptions } from 'maitre/http';
import { upgradeExchange } from '#src/http/web-socket-upgrade.js';
import { until } from '../net/sockets.js';
import { test } from '../support/test.js';
import { RawWsClient, withApp, withHandler, WsClient } from './web-sockets.js';

const nothing = (): void => undefined;

test('a request of another server is refused with what to pass instead, and so are wrong arguments', () => {
  const request = new Request('http://x/');
  assert.throws(() => webSocket(request, nothing), {
    name: 'TypeError',
    message: /^Cannot upgrade to WebSocket: expected a request of serveHttp, .*in Hono, pass c\.req\.raw/,
  });
  const call = (options: unknown, handler: unknown = nothing) =>
    webSocket(request, handler as () => void, options as WebSocketOptions);
  assert.throws(() => call({}, 7), /Cannot upgrade to WebSocket: expected a function, got 7/);
  for (const [options, error] of [
    [{ maxMessage: 0 }, RangeError],
    [{ sendBuffer: 1.5 }, RangeError],
    [{ heartbeat: 0 }, RangeError],
    [{ closeTimeout: -1 }, RangeError],
    [{ whenLost: 'ignore' }, RangeError],
    [{ protocols: 'chat' }, TypeError],
    [{ protocols: ['a b'] }, RangeError],
    [{ origins: 'shop.example' }, TypeError],
    [{ origins: ['https://shop.example/'] }, RangeError],
    [{ headers: { 'set cookie': 'x' } }, RangeError],
    [{ headers: { 'set-cookie': 'x\r\ny: z' } }, RangeError],
    [{ compression: 1 }, TypeError],
    [{ onError: 1 }, TypeError],
    [{ maxPayload: 1 }, TypeError],
  ] as const) {
    assert.throws(() => call(options), error, JSON.stringify(options));
  }
});

test('the best subprotocol that both speak is taken, and none if there is none', async () => {
  const taken: string[] = [];
  await withHandler(
    (socket) => void taken.push(socket.protocol),
    { protocols: ['v2', 'v1'] },
    async ({ url }) => {
      for (const offered of [['v1', 'v2'], ['v1'], []]) {
        const client = await WsClient.open(url, {}, offered);
        assert.equal(client.ws.protocol, taken.at(-1));
        await client.closes();
      }
      assert.deepEqual(taken, ['v2', 'v1', '']);
    },
  );
});

test('a page of another host may not connect, unless it is allowed; a client that is no page may', async () => {
  const cases: readonly [WebSocketOptions['origins'], string | undefined, boolean][] = [
    [undefined, undefined, true],
    [undefined, 'same', true],
    [undefined, 'https://evil.example', false],
    [undefined, 'null', false],
    ['any', 'https://evil.example', true],
    [['https://shop.example'], 'https://shop.example', true],
    [['https://shop.example'], 'https://shop.example:444', false],
    [['https://shop.example'], 'http://shop.example', false],
    [['https://shop.example'], 'same', false],
    [['https://shop.example'], undefined, true],
  ];
  for (const [origins, origin, mayConnect] of cases) {
    await withHandler(nothing, { origins }, async ({ port, url, answers }) => {
      const header = origin === 'same' ? `http://127.0.0.1:${port}` : origin;
      const client = new WsClient(url, header === undefined ? {} : { origin: header });
      await until(() => client.code !== undefined || client.error !== undefined, 'an answer');
      const what = `${origin} at ${String(origins)}`;
      assert.equal(client.error === undefined, mayConnect, what);
      assert.equal(answers[0]?.status, mayConnect ? undefined : 403, what);
      if (!mayConnect) assert.match((await answers[0]?.text()) ?? '', /origins: \['https:\/\/shop\.example'\]/);
    });
  }
});

test('what is no WebSocket is answered over HTTP', async () => {
  const key = 'Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n';
  const heads: readonly [string, number][] = [
    [`GET / HTTP/1.1\r\nUpgrade: mqtt\r\n${key}Sec-WebSocket-Version: 13\r\n`, 426],
    [`POST / HTTP/1.1\r\nUpgrade: websocket\r\n${key}Sec-WebSocket-Version: 13\r\n`, 405],
    ['GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n', 400],
    ['GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n', 400],
    [`GET / HTTP/1.1\r\nUpgrade: websocket\r\n${key}`, 426],
    [`GET / HTTP/1.1\r\nUpgrade: websocket\r\n${key}Sec-WebSocket-Version: 12\r\n`, 426],
  ];
  let ran = 0;
  for (const [head, status] of heads) {
    await withHandler(
      () => void ran++,
      {},
      async ({ port, answers }) => {
        await RawWsClient.ask(port, `${head}Host: x\r\nConnection: Upgrade\r\n\r\n`);
        assert.equal(answers[0]?.status, status, head);
      },
    );
  }
  assert.equal(ran, 0);
});

test('a list of protocols that is none is refused, and the handler does not run', async () => {
  let ran = 0;
  await withHandler(
    () => void ran++,
    {},
    async ({ port }) => {
      using client = await RawWsClient.open(port, '/', 'Sec-WebSocket-Protocol: a, a\r\n');
      assert.match(client.head, /^HTTP\/1\.1 400 /);
      await client.closes();
    },
  );
  assert.equal(ran, 0);
});

test('headers of the option are in the answer', async () => {
  await withHandler(nothing, { headers: { 'Set-Cookie': 'table=4' }, closeTimeout: 20 }, async ({ port }) => {
    using client = await RawWsClient.open(port);
    assert.match(client.head, /^HTTP\/1\.1 101 [^]*\r\nSet-Cookie: table=4/);
    await client.closes();
  });
});

test('one request is upgraded once', async () => {
  const thrown = new Future<unknown>();
  await withApp(
    (request, exchange) => {
      const response = upgradeExchange(exchange, request, nothing, {});
      try {
        upgradeExchange(exchange, request, nothing, {});
      } catch (error) {
        thrown.setResult(error);
      }
      return response;
    },
    async ({ url }) => {
      await (await WsClient.open(url)).closes();
      assert.match(
        String(await thrown),
        /^InvalidStateError: Cannot upgrade to WebSocket: this request was upgraded before$/,
      );
    },
  );
});

test('the first messages of a client may come with the head of its request', async () => {
  const got = new Future<unknown>();
  await withHandler(
    async (socket) => got.setResult(await socket.receive()),
    { closeTimeout: 20 },
    async ({ port }) => {
      using client = await RawWsClient.open(port, '/', '', Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
      assert.equal(await got, 'hi');
      await client.closes();
    },
  );
});
