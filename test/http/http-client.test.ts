// What limits requests: places at a host, retries and their pauses, figures, and what is collected.
import assert from 'node:assert/strict';
import {
  CancelledError,
  createTask,
  currentTask,
  gather,
  loopTime,
  sleep,
  timeout,
  TimeoutError,
  type Task,
} from 'maitre';
import { type FetchRetryOptions, HttpClient } from 'maitre/http';
import { Resource, waitsOf } from 'maitre/lowlevel';
import { exploreCancellation } from 'maitre/testing';
import { isDeno } from '../net/sockets.js';
import { collectGarbage } from '../support/garbage.js';
import { seeded } from '../support/seeded.js';
import { fakeTest, nextTurn, test } from '../support/test.js';
import { half, paths, PlainServer, reset, say, stall, until } from './plain-server.js';

/** A platform that answers with these, one after the other, each after 10 ms. An Error is thrown. */
function answering(...answers: readonly (Response | Error)[]) {
  const at: number[] = [];
  const send = async (_input: unknown, init: RequestInit): Promise<Response> => {
    at.push(loopTime());
    const answer = answers[Math.min(at.length, answers.length) - 1];
    return new Promise((resolve, reject) => {
      const { signal } = init;
      const stop = (): void => {
        task.cancel();
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', stop);
      const task = createTask(async () => {
        await sleep(10);
        signal?.removeEventListener('abort', stop);
        if (answer instanceof Error) reject(answer);
        else resolve(answer ?? new Response('soup'));
      });
      task.catch(() => undefined);
    });
  };
  return { at, send };
}

const busy = (headers: Record<string, string> = {}): Response => new Response('', { status: 503, headers });
const URL_ = 'http://kitchen.example/menu';

test('maxPerHost limits connections, for real', async () => {
  await using server = await PlainServer.start((_request, response) => {
    setImmediate(() => response.end('soup'));
  });
  const client = new HttpClient({ maxPerHost: 3 });
  const order = async (): Promise<string> => (await client.fetch(server.origin)).text();
  assert.deepEqual(new Set(await gather(Array.from({ length: 60 }, () => order))), new Set(['soup']));
  assert.ok(server.mostOpen <= 3, `${server.mostOpen} requests at once`);
  assert.ok(server.mostSockets <= 3, `${server.mostSockets} connections at once`);
  await until(() => client.statistics().hosts.length === 0);
});

test('those that wait for a place receive it in the order of their calls; one that leaves is passed over', async () => {
  await using server = await PlainServer.start(half);
  const client = new HttpClient({ maxPerHost: 1 });
  const first = await client.fetch(`${server.origin}/0`);
  const guests = [1, 2, 3].map((n) =>
    createTask(
      async () => {
        using _ = await client.fetch(`${server.origin}/${n}`);
      },
      { eager: true },
    ),
  );
  const waiting = client.statistics().hosts[0]?.waiting;
  assert.equal(waiting, 3);
  guests[0]?.cancel();
  first[Symbol.dispose]();
  await assert.rejects(guests[0] as Task<void>, CancelledError);
  await guests[1];
  await guests[2];
  assert.deepEqual(server.seen, ['/0', '/2', '/3']);
  await until(() => client.statistics().hosts.length === 0);
});

test('timeout includes the wait for a place, and says who has it', async () => {
  await using server = await PlainServer.start(half);
  const client = new HttpClient({ maxPerHost: 1, timeout: 20 });
  using _ = await client.fetch(server.origin, { timeout: 10_000 });
  await assert.rejects(client.fetch(server.origin), {
    name: 'TimeoutError',
    message:
      `Timed out: GET ${server.origin}/ was not sent within 20 ms: all 1 places at ${server.origin} are taken, ` +
      '1 by responses whose body was not read to its end',
  });
});

test('a console sees the host for which a task waits, and who holds its places', async () => {
  await using server = await PlainServer.start(half);
  const client = new HttpClient({ name: 'kitchen', maxPerHost: 1 });
  const holder = createTask(async () => {
    using _ = await client.fetch(server.origin);
    await sleep(Infinity);
  });
  await until(() => client.statistics().hosts[0]?.answered === 1);
  const guest = createTask(() => client.fetch(server.origin), { eager: true });
  const [wait] = waitsOf(guest);
  const host = wait?.resource as Resource;
  assert.equal(wait?.kind, 'fetch.acquire');
  assert.equal(host.label, `http host "${server.origin}"`);
  assert.deepEqual(
    [...(host.holders?.() ?? [])].map(({ task }) => task),
    [holder],
  );
  assert.ok([...Resource.live].includes(host));
  assert.ok([...Resource.live].includes(client));
  assert.deepEqual([host.parent, client.label], [client, 'http client "kitchen"']);
  for (const task of [holder, guest]) {
    task.cancel();
    await assert.rejects(task, CancelledError);
  }
  await until(() => ![...Resource.live].includes(host));
});

test(
  'a response that is dropped unread returns its place when it is collected',
  async () => {
    await using server = await PlainServer.start(half);
    const client = new HttpClient({ maxPerHost: 1 });
    await (async () => void (await client.fetch(server.origin)))();
    const next = createTask(async () => {
      using _ = await client.fetch(server.origin);
    });
    while (!next.done()) {
      collectGarbage?.();
      await nextTurn();
    }
    await next;
    // A stream keeps what it needs.
    const body = await (async () => (await client.fetch(server.origin)).body)();
    for (let i = 0; i < 10; i++) {
      collectGarbage?.();
      await nextTurn();
    }
    assert.equal(client.statistics().inFlight, 1);
    await body?.cancel();
  },
  {
    skip: isDeno ? 'Deno keeps a response whose body is open' : collectGarbage === undefined && 'no collector to call',
  },
);

fakeTest('a retry waits longer each time, at most `attempts` times, and returns the last response', async () => {
  const { at, send } = answering(busy());
  const client = new HttpClient({ fetch: send, retry: { attempts: 4, backoff: 100, jitter: false } });
  {
    using response = await client.fetch(URL_);
    assert.equal(response.status, 503);
  }
  assert.deepEqual(
    at.map((each) => each - (at[0] ?? 0)),
    [0, 110, 320, 730],
  );
  const { retries, inFlight } = client.statistics();
  assert.deepEqual([retries, inFlight], [3, 0]);
});

fakeTest('jitter takes up to half of a pause, and nothing from a Retry-After', async () => {
  const { at, send } = answering(busy(), busy({ 'retry-after': '7' }), new Response('soup'));
  const client = new HttpClient({ fetch: send, retry: 3 });
  assert.equal(await (await client.fetch(URL_)).text(), 'soup');
  const [first = 0, second = 0, third = 0] = at;
  assert.ok(second - first >= 60 && second - first <= 110, `${second - first} ms`);
  assert.equal(third - second, 7010);
});

fakeTest('a Retry-After can be a date, and one that is too far away ends the attempts', async () => {
  const date = 'Mon, 30 Nov 2026 12:00:00 GMT';
  const until = answering(busy({ 'retry-after': 'Mon, 30 Nov 2026 12:00:05 GMT', date }), new Response('soup'));
  await (await new HttpClient({ fetch: until.send, retry: 2 }).fetch(URL_)).text();
  assert.equal((until.at[1] ?? 0) - (until.at[0] ?? 0), 5010);
  const tooFar = answering(busy({ 'retry-after': '31' }));
  assert.equal((await new HttpClient({ fetch: tooFar.send, retry: 2 }).fetch(URL_)).status, 503);
  assert.equal(tooFar.at.length, 1);
});

fakeTest('only what can be repeated is: idempotent methods, and bodies that are no streams', async () => {
  const attempts = async (init: object, retry: FetchRetryOptions = { attempts: 3 }): Promise<number> => {
    const { at, send } = answering(new TypeError('fetch failed'));
    await assert.rejects(new HttpClient({ fetch: send, retry }).fetch(URL_, init), {
      name: 'ConnectionLostError',
    });
    return at.length;
  };
  assert.equal(await attempts({}), 3);
  assert.equal(await attempts({ method: 'put', body: 'soup' }), 3);
  assert.equal(await attempts({ method: 'POST', body: 'soup' }), 1);
  assert.equal(await attempts({ method: 'POST', body: 'soup' }, { attempts: 3, methods: ['POST'] }), 3);
  assert.equal(await attempts({ method: 'PUT', body: new ReadableStream() }), 1);
});

fakeTest('each attempt has its own timeout, which is tried again, and a cancel never is', async () => {
  let sent = 0;
  const never = (_input: unknown, { signal }: RequestInit): Promise<Response> => {
    sent++;
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
  };
  const client = new HttpClient({ fetch: never, timeout: 1000, retry: { attempts: 3, jitter: false } });
  const start = loopTime();
  await assert.rejects(client.fetch(URL_), TimeoutError);
  assert.deepEqual([sent, loopTime() - start], [3, 3000 + 100 + 200]);
  const guest = createTask(() => client.fetch(URL_));
  await sleep(1500); // in the second attempt
  guest.cancel();
  await assert.rejects(guest, CancelledError);
  assert.equal(sent, 5);
  const resting = createTask(() => client.fetch(URL_));
  await sleep(1050); // in the pause
  resting.cancel();
  await assert.rejects(resting, CancelledError);
  assert.equal(sent, 6);
});

fakeTest('a deadline around all attempts holds, and a pause that would outlast it is not begun', async () => {
  const slow = answering(busy());
  const client = new HttpClient({ fetch: slow.send, retry: { attempts: 100, backoff: 100, jitter: false } });
  const start = loopTime();
  // After 10 + 100 + 10 + 200 + 10 ms, the next pause would be 400.
  assert.equal((await timeout(700, () => client.fetch(URL_))).status, 503);
  assert.equal(loopTime() - start, 330);
  await assert.rejects(
    timeout(5, () => client.fetch(URL_)),
    TimeoutError,
  );
});

fakeTest('retryOn decides about errors and responses, and what it throws reaches the caller', async () => {
  const { at, send } = answering(new Response('', { status: 500 }), new Response('soup'));
  const retryOn = (reason: unknown): boolean => reason instanceof Response && reason.status === 500;
  const client = new HttpClient({ fetch: send });
  assert.equal(await (await client.fetch(URL_, { retry: { retryOn } })).text(), 'soup');
  assert.equal(at.length, 2);
  const angry = (): never => {
    throw new Error('no more');
  };
  await assert.rejects(client.fetch(URL_, { retry: { retryOn: angry } }), { message: 'no more' });
  await nextTurn();
  assert.deepEqual([client.statistics().inFlight, client.statistics().failed], [0, 1]);
});

test('a reset is tried again on a new connection', async () => {
  let failures = 2;
  await using server = await PlainServer.start((request, response) => {
    (failures-- > 0 ? reset : say('soup'))(request, response);
  });
  const client = new HttpClient({ retry: { attempts: 3, backoff: 1 } });
  assert.equal(await (await client.fetch(server.origin)).text(), 'soup');
  assert.deepEqual([server.seen.length, client.statistics().retries], [3, 2]);
});

test('cancelled at any point of three requests on one place, no place is lost and none is doubled', async () => {
  const points = await exploreCancellation(
    async (x) => {
      const { send } = answering(busy(), new Response('soup'), new TypeError('fetch failed'));
      let out = 0;
      let most = 0;
      const counted: typeof send = async (input, init) => {
        most = Math.max(most, ++out);
        try {
          return await send(input, init);
        } finally {
          out--;
        }
      };
      const client = new HttpClient({ fetch: counted, maxPerHost: 1, retry: { attempts: 3, jitter: false } });
      for (const name of ['a', 'b', 'c']) {
        x.task(name, async () => {
          try {
            using response = await client.fetch(URL_);
            await response.text();
          } catch (error) {
            if (error instanceof CancelledError) throw error; // the third answer is a failure
          }
        });
      }
      await x.settled();
      await sleep(100);
      const { inFlight, waiting, hosts } = client.statistics();
      assert.deepEqual({ inFlight, waiting, hosts, most }, { inFlight: 0, waiting: 0, hosts: [], most: 1 });
    },
    { seeds: [1, 2] },
  );
  assert.ok(points > 30, `${points} points`);
});

test('clients that leave at any moment leave nothing behind, here and at the server', async () => {
  const seed = Date.now() % 1e6;
  const random = seeded(seed);
  const answers = [say('soup'), half, stall, reset, say('', 503)];
  await using server = await PlainServer.start((request, response) => {
    answers[Math.floor(random() * answers.length)]?.(request, response);
  });
  const client = new HttpClient({ maxPerHost: 8, retry: { attempts: 2, backoff: 1 } });
  const guests = Array.from({ length: 200 }, (_, n) =>
    createTask(async () => {
      using response = await client.fetch(`${server.origin}/${n}`);
      if (n % 2 === 0) await response.text();
      else for await (const _ of response.body ?? []);
    }),
  );
  const ends = Promise.allSettled(guests);
  while (guests.some((guest) => !guest.done())) {
    await nextTurn();
    guests[Math.floor(random() * guests.length)]?.cancel();
  }
  await ends;
  const message = `with seed ${seed}`;
  await until(() => server.open.size === 0);
  const { inFlight, waiting, hosts } = client.statistics();
  assert.deepEqual({ inFlight, waiting, hosts }, { inFlight: 0, waiting: 0, hosts: [] }, message);
  assert.ok(server.mostOpen <= 16, `${server.mostOpen} open at once, ${message}`); // those that were just left count
});

test(
  'cancelled requests leave the heap flat, within one long task',
  async () => {
    await using server = await PlainServer.start(paths({ '/stall': stall, '/half': half }));
    const client = new HttpClient();
    const { signal } = currentTask() ?? {};
    const leave = async (n: number): Promise<void> => {
      const task = createTask(async () => {
        const init = signal === undefined ? {} : { signal };
        await (await client.fetch(`${server.origin}/${n % 2 === 0 ? 'stall' : 'half'}`, init)).text();
      });
      for (let i = n % 7; i > 0; i--) await nextTurn();
      task.cancel();
      await assert.rejects(task, CancelledError);
    };
    const heapAfter = async (count: number): Promise<number> => {
      for (let n = 0; n < count; n++) await leave(n);
      await until(() => server.open.size === 0 && client.statistics().inFlight === 0);
      for (let i = 0; i < 5; i++) {
        collectGarbage?.();
        await nextTurn();
      }
      return process.memoryUsage().heapUsed;
    };
    const before = await heapAfter(600);
    const after = await heapAfter(600);
    assert.ok(after - before < 600 * 1500, `${Math.round((after - before) / 600)} bytes for each request`);
  },
  { timeout: 60_000 },
);
