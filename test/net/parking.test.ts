import assert from 'node:assert/strict';
import { type ExceptionContext, type Refusal, setExceptionHandler } from 'maitre';
import { test } from '../support/test.ts';
import { first } from './fixtures/certificates.ts';
import { echo, isNode, pause, RawClient, until, withServer } from './sockets.ts';

/** Connects, one after the other, so that the server accepts them in order. A reset may come before the connect is through. */
async function connectInTurn(port: number, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (let i = 0; i < count; i++) {
    const client = new RawClient(port);
    clients.push(client);
    await until(() => !client.socket.connecting);
    await pause(5);
  }
  return clients;
}

async function closeAll(clients: readonly RawClient[]): Promise<void> {
  for (const { socket } of clients) socket.destroy();
  await until(() => clients.every(({ closed }) => closed));
}

test('above maxConnections, as many as backlog wait; more are refused with a reset and reported, until there is room', async () => {
  const contexts: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => contexts.push(context));
  await withServer(echo, { maxConnections: 1, backlog: 3 }, async (server, port) => {
    const clients = await connectInTurn(port, 6);
    await until(() => clients.slice(4).every(({ closed }) => closed));
    for (const { error } of clients.slice(4)) assert.equal(error?.code, 'ECONNRESET');
    assert.equal(contexts.length, 1); // the other within the same second
    assert.match(
      String(contexts[0]?.error),
      /Refused a connection: 1 are served and 3 wait, which are maxConnections and backlog/,
    );
    for (const [i, client] of clients.slice(0, 4).entries()) client.socket.write(`${i}\n`);
    for (const [i, client] of clients.slice(0, 4).entries()) {
      await client.receives(`${i}\n`); // in the order they came
      assert.equal(server.connections.size, 1);
      if (i === 0) {
        await client.close(); // a place among those who wait is free
        await pause(5);
        clients.push(...(await connectInTurn(port, 1)));
        assert.equal(clients.at(-1)?.closed, false);
      } else await client.close();
    }
    clients.at(-1)?.socket.write('late\n');
    await clients.at(-1)?.receives('late\n');
    await closeAll(clients);
    await until(() => server.connections.size === 0);
  });
});

test('parked clients that reset, end, or are dropped by the close of the server leave nothing, over TLS too', async () => {
  const reports: unknown[] = [];
  using _ = setExceptionHandler(({ error }) => void reports.push(error));
  for (const tls of [undefined, first]) {
    await withServer(echo, { maxConnections: 1, tls, handshakeTimeout: 5000 }, async (server, port) => {
      const [served, resets, ends, sends, stays] = await connectInTurn(port, 5);
      resets?.reset();
      ends?.socket.end();
      sends?.socket.write('not a handshake\n');
      served?.socket.destroy();
      if (tls === undefined) await sends?.receives('not a handshake\n');
      else await until(() => sends?.ended === true || sends?.closed === true);
      sends?.socket.destroy();
      stays?.socket.write('x');
      server.close();
      await closeAll([served, resets, ends, sends, stays].filter((client) => client !== undefined));
      await until(() => server.connections.size === 0);
    });
  }
  for (const error of reports) assert.match(String(error), /TLS handshake failed|ConnectionLostError/);
});

for (const tls of [undefined, first]) {
  test(
    `a parked client that resets gives up its place, one that ends keeps it${tls === undefined ? '' : ', over TLS too'}`,
    async () => {
      const refused: Refusal[] = [];
      const options = {
        maxConnections: 1,
        backlog: 2,
        tls,
        onRefused: (refusal: Refusal) => void refused.push(refusal),
      };
      await withServer(echo, { ...options, handshakeTimeout: 30_000 }, async (server, port) => {
        const [served, resets, ends] = await connectInTurn(port, 3);
        assert.ok(served !== undefined && resets !== undefined && ends !== undefined);
        assert.equal(server.statistics().parked, 2);
        ends.socket.end('parting\n');
        resets.reset();
        await pause(20);
        // Full, so all are looked at: there is room after all.
        const [late] = await connectInTurn(port, 1);
        await until(() => server.statistics().accepted === 4);
        assert.deepEqual([server.statistics().parked, refused.length, late?.closed], [2, 0, false]);
        // Nobody comes, and they are looked at all the same.
        late?.reset();
        await until(() => server.statistics().parked === 1);
        await pause(1200);
        assert.equal(server.statistics().parked, 1); // the end is no reset
        served.socket.destroy();
        if (tls === undefined) await ends.receives('parting\n');
        await until(() => ends.closed || ends.ended);
        await closeAll([served, resets, ends, ...(late === undefined ? [] : [late])]);
        await until(() => server.connections.size === 0);
      });
    },
    { skip: !isNode && 'the system is asked through a handle as Node has it' },
  );
}

test(
  'a parked client that resets counts no longer for maxPerIp',
  async () => {
    const refused: string[] = [];
    const options = { maxConnections: 1, maxPerIp: 2, onRefused: ({ code }: Refusal) => void refused.push(code) };
    await withServer(echo, options, async (server, port) => {
      const [served, parked] = await connectInTurn(port, 2);
      parked?.reset();
      await until(() => server.statistics().parked === 0);
      await pause(5); // its handle is closed at the end of a turn
      const [next] = await connectInTurn(port, 1);
      assert.deepEqual([next?.closed, refused], [false, []]);
      await closeAll([served, parked, next].filter((client) => client !== undefined));
      await until(() => server.connections.size === 0);
    });
  },
  { skip: !isNode && 'the system is asked through a handle as Node has it' },
);
