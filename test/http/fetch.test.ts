// fetch against plain servers of node:http: what it returns, how a cancel ends it at every point, deadlines, errors.
import assert from 'node:assert/strict';
import {
  CancelledError,
  ConnectionLostError,
  createTask,
  InvalidStateError,
  type Task,
  timeout,
  TimeoutError,
} from 'maitre';
import { fetch, HttpClient } from 'maitre/http';
import { waitsOf } from 'maitre/lowlevel';
import { isBun } from '../net/sockets.js';
import { test } from '../support/test.js';
import { half, halfReset, paths, PlainServer, reset, say, stall, until } from './plain-server.js';

/** Starts `fn` as a task and waits until it stands in a wait of this kind. */
async function waitingIn<T>(kind: string, fn: () => Promise<T>): Promise<{ readonly guest: Task<T> }> {
  const task = createTask(fn, { name: 'guest' });
  await until(() => task.done() || [...waitsOf(task)].some((wait) => wait.kind === kind));
  assert.ok(!task.done(), 'it has to wait');
  return { guest: task }; // a task alone would be awaited
}

test('fetch() returns the Response of the platform, and its body by every reader', async () => {
  await using server = await PlainServer.start(paths({ '/soup': say('{"soup":1}', 201, { 'x-dish': 'soup' }) }));
  const url = `${server.origin}/soup`;
  const response = await fetch(url);
  assert.ok(response instanceof Response);
  assert.deepEqual([response.status, response.headers.get('x-dish'), response.url], [201, 'soup', url]);
  assert.deepEqual(await response.json(), { soup: 1 });
  assert.equal(response.bodyUsed, true);
  assert.equal(await (await fetch(new URL(url))).text(), '{"soup":1}');
  assert.equal(await (await (await fetch(new Request(url))).blob()).text(), '{"soup":1}');
  assert.equal(String(Buffer.from(await (await fetch(url)).arrayBuffer())), '{"soup":1}');
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await fetch(url)).body ?? []) chunks.push(chunk);
  assert.equal(String(Buffer.concat(chunks)), '{"soup":1}');
  const form = await PlainServer.start(say('a=1', 200, { 'content-type': 'application/x-www-form-urlencoded' }));
  await using _ = form;
  assert.equal((await (await fetch(form.origin)).formData()).get('a'), '1');
});

test('fetch() sends what the platform would: method, headers, bodies and streams', async () => {
  await using server = await PlainServer.start((request, response) => {
    request.setEncoding('utf8');
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => response.end(`${request.method} ${request.headers['x-table']} ${text}`));
  });
  const send = async (body: RequestInit['body']): Promise<string> =>
    (await fetch(server.origin, { method: 'PUT', headers: { 'x-table': '7' }, body: body ?? null })).text();
  assert.equal(await send('soup'), 'PUT 7 soup');
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('fish'));
      controller.close();
    },
  });
  assert.equal(await send(stream), 'PUT 7 fish');
});

test('a cancel ends a request that waits for its response, and the server sees it go', async () => {
  await using server = await PlainServer.start(stall);
  const client = new HttpClient();
  const { guest } = await waitingIn('fetch', () => client.fetch(server.origin));
  await until(() => server.open.size === 1);
  guest.cancel('no time');
  await assert.rejects(guest, CancelledError);
  await until(() => server.left === 1);
  assert.deepEqual([client.statistics().inFlight, client.statistics().cancelled], [0, 1]);
});

test('a cancel ends a request before the server was reached', async () => {
  await using server = await PlainServer.start(stall);
  const client = new HttpClient();
  const guest = createTask(() => client.fetch(server.origin), { eager: true });
  guest.cancel();
  await assert.rejects(guest, CancelledError);
  await until(() => client.statistics().inFlight === 0);
  assert.equal(client.statistics().waiting, 0);
});

for (const [reader, read] of Object.entries({
  'text()': (response: Response) => response.text(),
  'json()': (response: Response) => response.json(),
  'a loop over the body': async (response: Response) => {
    for await (const _ of response.body ?? []);
  },
  'a reader into own buffers': async (response: Response) => {
    const bytes = response.body?.getReader({ mode: 'byob' });
    for (let at = await bytes?.read(new Uint8Array(10)); at?.done === false;) {
      at = await bytes?.read(new Uint8Array(10));
    }
  },
  'a transform': async (response: Response) => {
    for await (const _ of response.body?.pipeThrough(new TransformStream()) ?? []);
  },
  'text() of a clone': async (response: Response) => response.clone().text(),
})) {
  test(`a cancel ends the reading of a body by ${reader}`, async () => {
    await using server = await PlainServer.start(half);
    const client = new HttpClient();
    const { guest } = await waitingIn('fetch.body', async () => read(await client.fetch(server.origin)));
    guest.cancel();
    await assert.rejects(guest, CancelledError);
    await until(() => server.left === 1);
    assert.deepEqual([client.statistics().inFlight, client.statistics().cancelled], [0, 1]);
  });
}

test('timeout ends an attempt that has no headers, and says which; the query stays secret', async () => {
  await using server = await PlainServer.start(stall);
  const error = await fetch(`${server.origin}/menu?token=secret#top`, { timeout: 20 }).then(
    () => assert.fail(),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof TimeoutError);
  assert.equal(error.message, `Timed out: GET ${server.origin}/menu?... was not answered within 20 ms`);
  assert.ok(error.cause instanceof CancelledError);
  await until(() => server.open.size === 0);
});

test('timeout does not count for the body, bodyTimeout does', async () => {
  let finish = (): void => undefined;
  await using server = await PlainServer.start((request, response) => {
    half(request, response);
    finish = () => void response.end('67890');
  });
  const response = await fetch(server.origin, { timeout: 10_000, bodyTimeout: 20 });
  await assert.rejects(response.text(), {
    name: 'TimeoutError',
    message: `Timed out: the body of GET ${server.origin}/ did not come within 20 ms`,
  });
  await until(() => server.left === 1);
  const patient = await fetch(server.origin, { timeout: 5000 });
  const text = patient.text();
  finish();
  assert.equal(await text, '1234567890');
});

test('a timeout around a request stays the one that passed', async () => {
  await using server = await PlainServer.start(stall);
  await assert.rejects(
    timeout(20, () => fetch(server.origin, { timeout: 10_000, retry: 5 })),
    (error: Error) => error instanceof TimeoutError && !error.message.includes('GET'),
  );
  await until(() => server.open.size === 0);
});

test('an error of the network is a ConnectionLostError with the cause of the platform', async () => {
  await using server = await PlainServer.start(paths({ '/reset': reset, '/half': halfReset }));
  const lost = async (path: string): Promise<Error> => {
    try {
      await (await fetch(`${server.origin}${path}?key=secret`)).text();
    } catch (error) {
      assert.ok(error instanceof ConnectionLostError, String(error));
      assert.ok(error.cause instanceof Error);
      assert.ok(!error.message.includes('secret'), error.message);
      return error;
    }
    return assert.fail();
  };
  assert.match((await lost('/reset')).message, /^Cannot fetch GET http:\/\/127.0.0.1:\d+\/reset\?\.\.\.: \S/);
  assert.match((await lost('/half')).message, /^Cannot read the body of GET http:\/\/127.0.0.1:\d+\/half\?\.\.\.: \S/);
});

test('a server that is not there is a ConnectionLostError that says why', async () => {
  const server = await PlainServer.start(stall);
  const { origin } = server;
  await server[Symbol.asyncDispose]();
  await assert.rejects(fetch(`${origin}/menu`), (error: Error) => {
    assert.ok(error instanceof ConnectionLostError);
    assert.match(error.message, /^Cannot fetch GET http:\/\/127.0.0.1:\d+\/menu: .*(refused|connect)/i);
    return true;
  });
});

test('text that is no JSON is a SyntaxError, not one of the network', async () => {
  await using server = await PlainServer.start(say('soup'));
  const client = new HttpClient();
  await assert.rejects((await client.fetch(server.origin)).json(), SyntaxError);
  await until(() => client.statistics().inFlight === 0);
});

test('a body is read once', async () => {
  await using server = await PlainServer.start(say('soup'));
  const response = await fetch(server.origin);
  assert.ok(response.body !== null); // looking at it is not reading it
  assert.equal(await response.text(), 'soup');
  await assert.rejects(response.text(), InvalidStateError);
  const streamed = await fetch(server.origin);
  for await (const _ of streamed.body ?? []);
  await assert.rejects(streamed.text(), InvalidStateError);
});

test('wrong arguments are TypeErrors or RangeErrors, and no secrets are in them', async () => {
  const bad = async (run: () => Promise<unknown>, name: string, message: RegExp): Promise<void> => {
    await assert.rejects(run, (error: Error) => {
      assert.equal(error.name, name);
      assert.match(error.message, message);
      assert.ok(!error.message.includes('secret'), error.message);
      return true;
    });
  };
  await bad(() => fetch('/menu'), 'TypeError', /Cannot fetch: url must be an absolute URL or a Request, got "\/menu"/);
  await bad(() => fetch('http://me:secret@kitchen/'), 'TypeError', /has a user or password, send them in the header/);
  await bad(() => fetch('http://kitchen', { timeout: NaN }), 'RangeError', /timeout must be a number of milliseconds/);
  await bad(() => fetch('http://kitchen', { retry: 0 }), 'RangeError', /retry must be an integer >= 1/);
  await bad(() => fetch('http://kitchen', { maxPerHost: 0 }), 'RangeError', /maxPerHost must be an integer >= 1/);
  await bad(
    () => fetch('http://kitchen', { retry: { tries: 1 } as object }),
    'TypeError',
    /unknown option "retry.tries"/,
  );
  const withBody: RequestInit = { body: 'soup' };
  if (!isBun) await bad(() => fetch('http://127.0.0.1:1', withBody), 'TypeError', /GET/); // Bun sends it
  assert.throws(() => new HttpClient({ timeouts: 1 } as object), /unknown option "timeouts"/);
});

test('the signal of the caller cancels the request in every state', async () => {
  await using server = await PlainServer.start(paths({ '/stall': stall, '/half': half }));
  const client = new HttpClient();
  const reason = new Error('enough');
  const isMine = (error: Error): boolean => error instanceof CancelledError && error.cause === reason;
  await assert.rejects(client.fetch(`${server.origin}/stall`, { signal: AbortSignal.abort(reason) }), isMine);
  assert.equal(server.seen.length, 0);
  const early = new AbortController();
  const first = client.fetch(`${server.origin}/stall`, { signal: early.signal });
  await until(() => server.open.size === 1);
  early.abort(reason);
  await assert.rejects(first, isMine);
  await until(() => server.left === 1);
  const inBody = new AbortController();
  const text = (await client.fetch(new Request(`${server.origin}/half`, { signal: inBody.signal }))).text();
  inBody.abort(reason);
  await assert.rejects(text, CancelledError);
  await until(() => server.left === 2);
  // Nobody reads at that time.
  const unread = new AbortController();
  const response = await client.fetch(`${server.origin}/half`, { signal: unread.signal });
  unread.abort(reason);
  await until(() => server.left === 3);
  await assert.rejects(response.text(), isMine);
  assert.equal(client.statistics().inFlight, 0);
});

test('`using` gives up a body that nobody has read, and waits for nothing', async () => {
  await using server = await PlainServer.start(paths({ '/half': half, '/soup': say('soup') }));
  const client = new HttpClient();
  {
    using response = await client.fetch(`${server.origin}/half`);
    assert.equal(response.status, 200);
    assert.equal(client.statistics().inFlight, 1);
  }
  assert.equal(client.statistics().inFlight, 0);
  await until(() => server.left === 1);
  const soup = async (): Promise<string> => {
    using response = await client.fetch(`${server.origin}/soup`);
    return response.text(); // on its way when the block ends
  };
  assert.equal(await soup(), 'soup');
});

test('a body that is cancelled by its reader ends the request', async () => {
  await using server = await PlainServer.start(half);
  const client = new HttpClient();
  for await (const _ of (await client.fetch(server.origin)).body ?? []) break;
  await until(() => server.left === 1);
  await (await client.fetch(server.origin)).body?.cancel();
  await until(() => server.left === 2);
  assert.equal(client.statistics().inFlight, 0);
});

test('a clone has the whole body too, and the request ends with the later of both', async () => {
  await using server = await PlainServer.start(say('soup'));
  const client = new HttpClient();
  const response = await client.fetch(server.origin);
  const clone = response.clone();
  assert.equal(await response.text(), 'soup');
  assert.equal(client.statistics().inFlight, 1);
  assert.equal(await clone.text(), 'soup');
  await until(() => client.statistics().inFlight === 0);
});

test('a response without a body holds nothing', async () => {
  await using server = await PlainServer.start(
    paths({ '/204': say('', 204), '/empty': say('', 200, { 'content-length': '0' }), '/soup': say('soup') }),
  );
  const client = new HttpClient();
  const got = [
    await client.fetch(`${server.origin}/204`),
    await client.fetch(`${server.origin}/empty`),
    await client.fetch(`${server.origin}/soup`, { method: 'HEAD' }),
  ];
  await until(() => client.statistics().inFlight === 0);
  for (const response of got) assert.equal(await response.text(), '');
});

test('the signal of a task that lives long gathers no listeners', async () => {
  await using server = await PlainServer.start(say('soup'));
  const { signal } = new AbortController();
  let listeners = 0;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  };
  for (let i = 0; i < 20; i++) await (await fetch(server.origin, { signal })).text();
  assert.equal(listeners, 0);
});
