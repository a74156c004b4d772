// A client that leaves cancels its handler, once and exactly then. Whatever else ends, does not.
import assert from 'node:assert/strict';
import { CancelledError, sleep } from 'maitre';
import { requestInfo } from 'maitre/http';
import { type RawClient, until } from '../net/sockets.js';
import { nextTurn, test } from '../support/test.js';
import { get, latch, post, withHttp, withSeed } from './servers.js';

/** What became of the handlers of one server. */
class Log {
  readonly began: string[] = [];
  readonly cancelled: string[] = [];
  readonly finished: string[] = [];

  /** Sleeps until it is cancelled, as the handler of a path. */
  async hang(path: string): Promise<Response> {
    this.began.push(path);
    try {
      await sleep(60_000);
    } catch (error) {
      assert.ok(error instanceof CancelledError);
      assert.equal(error.reason.kind, 'disconnect');
      this.cancelled.push(path);
      throw error;
    }
    return new Response('never');
  }
}

const pathOf = (request: Request): string => new URL(request.url).pathname;
const ways: Readonly<Record<string, (client: RawClient) => void>> = {
  'an end': (client) => client.socket.end(),
  'a close': (client) => client.socket.destroy(),
  'a reset': (client) => client.reset(),
};

for (const [way, leave] of Object.entries(ways)) {
  test(`${way} cancels the handler, once: before, in and after the body`, async () => {
    const log = new Log();
    const app = async (request: Request): Promise<Response> => {
      const path = pathOf(request);
      if (path === '/in') {
        log.began.push(path);
        await assert.rejects(request.text(), CancelledError);
        log.cancelled.push(path);
        return new Response('nobody');
      }
      if (path === '/after') await request.text();
      return log.hang(path);
    };
    await withHttp(app, {}, async (server, connect) => {
      for (const [path, text] of [
        ['/none', get('/none')],
        ['/before', post('/before', '', 10)],
        ['/in', post('/in', 'half', 10)],
        ['/after', post('/after', '0123456789')],
      ] as const) {
        const client = await connect();
        client.socket.write(text);
        await until(() => log.began.includes(path), path);
        await nextTurn(); // it stands at its wait
        leave(client);
        await until(() => log.cancelled.includes(path), `the cancel of ${path}`);
      }
      await until(() => server.statistics().open === 0);
      assert.deepEqual(log.cancelled, ['/none', '/before', '/in', '/after']);
      assert.equal(server.statistics().disconnected, 4);
    });
  });
}

test('the end of a body, or of a response, is not the end of its client', async () => {
  const door = latch();
  let cancelled = 0;
  const app = async (request: Request): Promise<Response> => {
    request.signal.addEventListener('abort', () => cancelled++);
    const body = await request.text();
    await door.opened;
    return new Response(body);
  };
  await withHttp(app, {}, async (server, connect) => {
    const client = await connect();
    client.socket.write(post('/', 'one'));
    await until(() => server.statistics().handling === 1);
    await nextTurn();
    door.open();
    await client.receives('one');
    client.socket.write(post('/', 'two'));
    await client.receives('two');
    client.socket.destroy();
    await until(() => server.statistics().open === 0);
    assert.equal(cancelled, 0);
    assert.equal(server.statistics().disconnected, 0);
  });
});

test('request.signal is that of the task: it aborts when the client leaves', async () => {
  const aborted: string[] = [];
  const app = async (request: Request): Promise<Response> => {
    const { signal } = request;
    assert.equal(request.signal, signal);
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    aborted.push(String(signal.reason));
    return new Response('nobody');
  };
  await withHttp(app, {}, async (server, connect) => {
    const client = await connect();
    client.socket.write(get('/x'));
    await until(() => server.statistics().handling === 1);
    client.socket.destroy();
    await until(() => aborted.length === 1);
    assert.match(aborted[0] ?? '', /the client left before the answer to GET \/x/);
    await until(() => server.statistics().open === 0);
  });
});

test('cancelOnDisconnect switches it off, for all or for some; keepRunning() for one, while it runs', async () => {
  let door = latch();
  const log = new Log();
  const app = async (request: Request): Promise<Response> => {
    const path = pathOf(request);
    if (path === '/keep') requestInfo(request).keepRunning();
    if (path === '/cancel') requestInfo(request).keepRunning(false);
    if (path === '/cancel' || path === '/other') return log.hang(path);
    log.began.push(path);
    await door.opened;
    assert.equal(requestInfo(request).gone, true);
    log.finished.push(path);
    return new Response('nobody');
  };
  const cases = [
    { cancelOnDisconnect: false, keeps: ['/any', '/keep'], cancels: ['/cancel'] },
    { cancelOnDisconnect: true, keeps: ['/keep'], cancels: ['/other'] },
    {
      cancelOnDisconnect: ({ target }: { target: string }) => target !== '/some',
      keeps: ['/some'],
      cancels: ['/other'],
    },
  ];
  for (const { cancelOnDisconnect, keeps, cancels } of cases) {
    door = latch();
    await withHttp(app, { cancelOnDisconnect }, async (server, connect) => {
      for (const path of [...keeps, ...cancels]) {
        const client = await connect();
        log.began.length = 0;
        client.socket.write(get(path));
        await until(() => log.began.includes(path), path);
        client.socket.destroy();
      }
      await until(() => server.statistics().handling === keeps.length, 'the others to be cancelled');
      assert.equal(server.statistics().open, keeps.length); // a connection is open until its handlers have ended
      door.open();
      await until(() => server.statistics().open === 0);
    });
  }
  assert.deepEqual(log.finished.toSorted(), ['/any', '/keep', '/keep', '/some']);
});

test('a request that runs on without its client cannot read what did not come', async () => {
  const errors: unknown[] = [];
  const app = async (request: Request): Promise<Response> => {
    await request.text().catch((error: unknown) => errors.push(error));
    return new Response('nobody');
  };
  await withHttp(app, { cancelOnDisconnect: false }, async (server, connect) => {
    const client = await connect();
    client.socket.write(post('/', 'half', 10));
    await until(() => server.statistics().handling === 1);
    await nextTurn();
    client.socket.destroy();
    await until(() => errors.length === 1);
    assert.match(String(errors[0]), /ConnectionLostError: .*before the end of the request/);
    await until(() => server.statistics().open === 0);
  });
});

test('a client that leaves at a random moment costs nothing and cancels at most its own handler', async () => {
  await withSeed(async (random) => {
    const bytes = new Uint8Array(40_000);
    let answered = 0;
    const app = async (request: Request): Promise<Response> => {
      const path = pathOf(request);
      if (path === '/body') await request.text();
      if (path === '/sleep') await sleep(random.int(0, 5));
      if (path === '/stream') {
        let left = 10;
        return new Response(
          new ReadableStream({
            async pull(controller) {
              await sleep(0);
              if (left-- === 0) controller.close();
              else controller.enqueue(bytes);
            },
          }),
        );
      }
      answered++;
      return new Response('answer');
    };
    const onError = (error: unknown): never => assert.fail(error as Error);
    await withHttp(app, { onError }, async (server, connect) => {
      for (let i = 0; i < 60; i++) {
        const client = await connect();
        const path = random.pick(['/plain', '/body', '/sleep', '/stream']);
        const text = path === '/body' ? post(path, 'x'.repeat(2000)) : get(path);
        const whole = text.repeat(random.int(1, 3));
        client.socket.write(whole.slice(0, random.int(1, whole.length)));
        for (let turns = random.int(0, 6); turns > 0; turns--) await nextTurn();
        random.pick(Object.values(ways))(client);
      }
      await until(() => server.statistics().open === 0 && server.statistics().handling === 0, 'all to be gone');
      const last = await connect();
      last.socket.write(get('/plain'));
      await last.receives('answer');
      assert.ok(answered > 0);
    });
  });
});
