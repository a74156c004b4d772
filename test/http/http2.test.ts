// TLS and HTTP/2: the same app, chosen by the client, with its disconnects and its shutdown.
import assert from 'node:assert/strict';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, constants } from 'node:http2';
import { request as requestHttps } from 'node:https';
import { CancelledError, createTask, sleep } from 'maitre';
import { type HttpOptions, type HttpServer, requestInfo } from 'maitre/http';
import { first } from '../net/fixtures/certificates.js';
import { HOST, isNode, until, within } from '../net/sockets.js';
import { test } from '../support/test.js';
import { latch, withHttp, withSeed } from './servers.js';

const TLS: HttpOptions = { tls: first };
const pathOf = (request: Request): string => new URL(request.url).pathname;
/** Why HTTP/2 is not tested here. */
const skip = isNode ? false : 'node:http2 of this runtime takes no sockets from elsewhere';

/** One exchange over HTTP/2, as text. */
async function ask(
  session: ClientHttp2Session,
  path: string,
  body?: string,
): Promise<{ status: number; text: string }> {
  const stream = session.request({ ':path': path, ':method': body === undefined ? 'GET' : 'POST' });
  if (body !== undefined) stream.end(body);
  return read(stream);
}

async function read(stream: ClientHttp2Stream): Promise<{ status: number; text: string }> {
  let status = 0;
  let text = '';
  let isOver = false;
  let failure: unknown;
  stream.setEncoding('utf8');
  stream.on('response', (headers) => (status = Number(headers[':status'])));
  stream.on('data', (chunk: string) => (text += chunk));
  stream.on('error', (error) => (failure = error));
  stream.on('close', () => (isOver = true));
  await until(() => isOver, 'the stream to close');
  if (failure !== undefined) throw failure as Error;
  return { status, text };
}

async function withSession(server: HttpServer, body: (session: ClientHttp2Session) => Promise<void>): Promise<void> {
  const session = connectHttp2(`https://${HOST}:${server.port}`, { rejectUnauthorized: false });
  session.on('error', () => undefined);
  try {
    await until(() => !session.connecting);
    await body(session);
  } finally {
    session.destroy();
    await until(() => session.closed || session.destroyed);
  }
}

test('over TLS, the client chooses between HTTP/2 and HTTP/1.1', async () => {
  const app = async (request: Request): Promise<Response> => {
    const { httpVersion, scheme } = requestInfo(request);
    const headers = new Headers({ connection: 'x', 'x-a': '1' });
    headers.append('set-cookie', 'a=1');
    headers.append('set-cookie', 'b=2');
    return new Response(`${httpVersion} ${scheme} ${request.url} ${await request.text()}`, { headers });
  };
  await withHttp(app, TLS, async (server) => {
    const url = `https://${HOST}:${server.port}/x?y`;
    const text = await new Promise<string>((resolve, reject) => {
      const asked = requestHttps(url, { rejectUnauthorized: false, agent: false }, (response) => {
        assert.deepEqual(response.headers['set-cookie'], ['a=1', 'b=2']);
        let all = '';
        response.on('data', (chunk) => (all += String(chunk))).on('end', () => resolve(all));
      });
      asked.on('error', reject).end();
    });
    assert.equal(text, `1.1 https ${url} `);
    if (skip !== false) return;
    await withSession(server, async (session) => {
      assert.deepEqual(await ask(session, '/x?y', 'body'), { status: 200, text: `2.0 https ${url} body` });
      const many = await Promise.all(Array.from({ length: 50 }, (_, i) => ask(session, `/${i}`)));
      assert.ok(many.every(({ status }) => status === 200));
    });
    await until(() => server.statistics().open === 0);
    assert.equal(server.statistics().requests, 52);
  });
});

test(
  'http2: false offers HTTP/1.1 alone',
  async () => {
    await withHttp(
      () => new Response('hi'),
      { ...TLS, http2: false, onRefused: () => undefined },
      async (server) => {
        const session = connectHttp2(`https://${HOST}:${server.port}`, { rejectUnauthorized: false });
        let failure: unknown;
        session.on('error', (error) => (failure = error));
        await until(() => failure !== undefined || session.closed);
        session.destroy();
      },
    );
  },
  { skip },
);

test(
  'over HTTP/2, a reset stream cancels its handler, once: before, in and after the body; the others go on',
  async () => {
    const began: string[] = [];
    const cancelled: string[] = [];
    const door = latch();
    const app = async (request: Request): Promise<Response> => {
      const path = pathOf(request);
      began.push(path);
      if (path === '/other') {
        await door.opened;
        return new Response('other');
      }
      try {
        if (path !== '/before') await request.text();
        await sleep(60_000);
      } catch (error) {
        assert.ok(error instanceof CancelledError);
        assert.equal(error.reason.kind, 'disconnect');
        cancelled.push(path);
        throw error;
      }
      return new Response('never');
    };
    await withHttp(app, TLS, async (server) => {
      await withSession(server, async (session) => {
        const other = ask(session, '/other');
        for (const [path, body, ends] of [
          ['/before', '', false],
          ['/in', 'half', false],
          ['/after', 'all', true],
        ] as const) {
          const stream = session.request({ ':path': path, ':method': 'POST' });
          stream.on('error', () => undefined);
          if (ends) stream.end(body);
          else stream.write(body === '' ? 'x' : body);
          await until(() => began.includes(path), path);
          await sleep(0);
          stream.close(constants.NGHTTP2_CANCEL);
          await until(() => cancelled.includes(path), `the cancel of ${path}`);
        }
        door.open();
        assert.deepEqual(await other, { status: 200, text: 'other' });
      });
      assert.deepEqual(cancelled, ['/before', '/in', '/after']);
      await until(() => server.statistics().open === 0);
    });
  },
  { skip },
);

test(
  'a closed session cancels all its handlers',
  async () => {
    await withHttp(
      () => sleep(60_000).then(() => new Response()),
      TLS,
      async (server) => {
        await withSession(server, async (session) => {
          for (let i = 0; i < 5; i++) session.request({ ':path': `/${i}` }).on('error', () => undefined);
          await until(() => server.statistics().handling === 5);
          const [connection] = server.connections;
          assert.equal(connection?.task?.name, 'GET /0'); // the oldest
        });
        await until(() => server.statistics().open === 0);
        assert.equal(server.statistics().disconnected, 5);
      },
    );
  },
  { skip },
);

test(
  'errors over HTTP/2: 500 once, and a stream that breaks off is reset',
  async () => {
    const app = (request: Request): Response => {
      if (pathOf(request) === '/throw') throw new Error('boom');
      let n = 0;
      return new Response(
        new ReadableStream({
          async pull(controller) {
            await sleep(0);
            if (n++ > 2) throw new Error('boom');
            controller.enqueue(new Uint8Array(10));
          },
        }),
      );
    };
    const errors: unknown[] = [];
    await withHttp(app, { ...TLS, onError: (error) => void errors.push(error) }, async (server) => {
      await withSession(server, async (session) => {
        assert.equal((await ask(session, '/throw')).status, 500);
        await assert.rejects(ask(session, '/stream'), /NGHTTP2_INTERNAL_ERROR/);
        assert.equal(errors.length, 2);
        assert.equal((await ask(session, '/throw')).status, 500); // the session goes on
      });
    });
  },
  { skip },
);

test(
  'a shutdown sends GOAWAY, finishes what is under way, and ends idle sessions at once',
  async () => {
    const door = latch();
    const app = async (request: Request): Promise<Response> => {
      if (pathOf(request) === '/wait') await door.opened;
      return new Response('done');
    };
    await withHttp(app, TLS, async (server) => {
      await withSession(server, (idle) =>
        withSession(server, async (busy) => {
          await ask(idle, '/');
          const answer = ask(busy, '/wait');
          await until(() => server.statistics().handling === 1);
          let goneAway = 0;
          busy.on('goaway', () => goneAway++);
          const down = createTask(() => server.shutdown({ grace: 20_000 }));
          await until(() => idle.closed || idle.destroyed, 'the idle session to end');
          await until(() => goneAway > 0, 'GOAWAY');
          assert.equal(server.statistics().handling, 1);
          door.open();
          assert.deepEqual(await answer, { status: 200, text: 'done' });
          await within(10_000, down);
          assert.deepEqual(await down, { finished: 2, cancelled: 0, aborted: 0 });
        }),
      );
    });
  },
  { skip },
);

test(
  'an HTTP/2 client that reads slowly stops the stream',
  async () => {
    let made = 0;
    const chunk = new Uint8Array(65_536);
    const app = (): Response =>
      new Response(
        new ReadableStream({
          pull(controller) {
            made++;
            controller.enqueue(chunk);
          },
        }),
      );
    await withHttp(app, TLS, async (server) => {
      await withSession(server, async (session) => {
        const stream = session.request({ ':path': '/' });
        stream.on('error', () => undefined);
        stream.pause();
        await until(() => made > 1);
        let before = -1;
        await until(() => {
          const stands = made === before;
          before = made;
          return stands;
        }, 'the stream to stand still');
        assert.ok(made < 400, `${made} chunks`);
      });
      await until(() => server.statistics().open === 0);
    });
  },
  { skip },
);

test(
  'over HTTP/2, clients that leave at random moments cost nothing',
  async () => {
    await withSeed(async (random) => {
      const app = async (request: Request): Promise<Response> => {
        const path = pathOf(request);
        if (path === '/body') await request.text();
        if (path === '/sleep') await sleep(random.int(0, 5));
        return new Response('x'.repeat(random.int(0, 100_000)));
      };
      await withHttp(app, { ...TLS, onError: (error) => assert.fail(error as Error) }, async (server) => {
        for (let i = 0; i < 8; i++) {
          await withSession(server, async (session) => {
            for (let j = random.int(1, 6); j > 0; j--) {
              const path = random.pick(['/plain', '/body', '/sleep']);
              const stream = session.request({ ':path': path, ':method': path === '/body' ? 'POST' : 'GET' });
              stream.on('error', () => undefined).resume();
              if (path === '/body' && random.int(0, 1) === 0) stream.end('x');
              if (random.int(0, 2) === 0) stream.close(constants.NGHTTP2_CANCEL);
            }
            for (let turns = random.int(0, 5); turns > 0; turns--) await sleep(0);
          });
        }
        await until(() => server.statistics().open === 0 && server.statistics().handling === 0, 'all to be gone');
      });
    });
  },
  { skip, timeout: 30_000 },
);
