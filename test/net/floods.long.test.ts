// Clients that come in floods or take their time: connects by the thousand, half-open connections, peers that read or send a
// byte a second, garbage. Each is bounded by its limit, and others do not notice.
import assert from 'node:assert/strict';
import { connect as connectTls } from 'node:tls';
import {
  ConnectionLostError,
  type Connection,
  every,
  type Handler,
  openConnection,
  type Refusal,
  type ServerOptions,
  setExceptionHandler,
  sleep,
  TimeoutError,
} from 'maitre';
import { fakeTest, test } from '../support/test.ts';
import { first } from './fixtures/certificates.ts';
import { echo, HOST, isBun, isDeno, pause, RawClient, until, withServer } from './sockets.ts';

const trusted = { ca: first.cert, servername: 'localhost' };
const skip = isDeno && 'its sockets answer later than the turns after which the fake clock jumps';

/** Says hello and hears it. */
async function isServed(port: number, tls?: object): Promise<void> {
  const client = await openConnection({
    host: HOST,
    port,
    timeout: null,
    ...(tls === undefined ? undefined : { tls }),
  });
  client.writer.write('next\n');
  assert.equal(String(await client.reader.readLine()), 'next\n');
  await client.close();
}

/** What an error of a limit says. */
function limitOf(error: unknown): string {
  assert.ok(error instanceof ConnectionLostError, String(error));
  assert.ok(error.cause instanceof TimeoutError, String(error.cause));
  return error.cause.message;
}

test('a storm of connects is served to the last', async () => {
  const count = isBun ? 500 : 3000; // of thousands at once Bun leaves some unaccepted
  await withServer(echo, {}, async (server, port) => {
    const clients = Array.from({ length: count }, () => new RawClient(port));
    for (const client of clients) client.socket.write('here\n');
    await until(() => clients.every(({ text, error }) => text === 'here\n' || error !== undefined));
    assert.deepEqual(
      clients.filter(({ text }) => text !== 'here\n').map(({ error }) => error?.code),
      [],
    );
    assert.equal(server.connections.size, count);
    for (const { socket } of clients) socket.destroy();
    await until(() => server.connections.size === 0 && clients.every(({ closed }) => closed));
  });
});

test('clients that never begin TLS hold all places only until handshakeTimeout, and one report a second tells of them', async () => {
  const reports: unknown[] = [];
  using _ = setExceptionHandler(({ error }) => void reports.push(error));
  await withServer(echo, { tls: first, maxConnections: 20, handshakeTimeout: 200 }, async (_server, port) => {
    const silent = Array.from({ length: 60 }, () => new RawClient(port));
    for (const client of silent) await client.connected();
    await isServed(port, trusted); // behind three times twenty of them
    for (const client of silent) await client.end();
    for (const { socket } of silent) socket.destroy();
    await until(() => silent.every(({ closed }) => closed));
  });
  assert.ok(reports.length >= 1 && reports.length <= 3, String(reports));
  for (const error of reports) assert.ok(error instanceof TimeoutError);
});

fakeTest(
  'half-open clients that say nothing hold all places only until their limit, and each end says which',
  async () => {
    const limits: Pick<ServerOptions, 'idleTimeout' | 'readTimeout' | 'lifetime'>[] = [
      { idleTimeout: 10_000 },
      { readTimeout: 10_000 },
      { lifetime: 10_000 },
    ];
    for (const limit of limits) {
      const errors: unknown[] = [];
      const onError = (error: unknown): void => void errors.push(error);
      await withServer(echo, { ...limit, maxConnections: 10, onError }, async (server, port) => {
        const silent: Connection[] = [];
        for (let i = 0; i < 15; i++) silent.push(await openConnection({ host: HOST, port, timeout: null }));
        await isServed(port);
        for (const client of silent) await client.reader.read().catch(() => undefined);
        for (const client of silent) await client.close();
        while (server.connections.size > 0) await sleep(100);
      });
      assert.equal(errors.length, 15);
      for (const error of errors) assert.match(limitOf(error), new RegExp(String(Object.keys(limit)[0])));
    }
  },
  { skip },
);

fakeTest(
  'clients that say nothing to a server behind a balancer are ended after handshakeTimeout',
  async () => {
    const errors: [string, unknown][] = [];
    const options = {
      proxyProtocol: true,
      handshakeTimeout: 5000,
      onRefused: ({ code, error }: Refusal) => void errors.push([code, error]),
    };
    await withServer(echo, options, async (_server, port) => {
      const silent = await openConnection({ host: HOST, port, timeout: null });
      const dribbler = await openConnection({ host: HOST, port, timeout: null });
      for (const letter of 'PROXY TCP4') {
        dribbler.writer.write(letter);
        await sleep(1000);
      }
      for (const client of [silent, dribbler]) await client.reader.read().catch(() => undefined);
      for (const client of [silent, dribbler]) await client.close();
    });
    assert.equal(errors.length, 2);
    for (const [code, error] of errors) {
      assert.equal(code, 'proxyProtocol');
      assert.ok(error instanceof TimeoutError, String(error));
    }
  },
  { skip },
);

fakeTest(
  'over TLS and behind a balancer the limits end a connection as in plain text, with the same reason',
  async () => {
    const doors: Pick<ServerOptions, 'tls' | 'proxyProtocol'>[] = [{ tls: first }, { proxyProtocol: true }];
    const limits: Pick<ServerOptions, 'idleTimeout' | 'readTimeout' | 'lifetime'>[] = [
      { idleTimeout: 20_000 },
      { readTimeout: 20_000 },
      { lifetime: 20_000 },
    ];
    for (const door of doors) {
      for (const limit of limits) {
        const errors: unknown[] = [];
        const options = { ...door, ...limit, onError: (error: unknown) => void errors.push(error) };
        await withServer(echo, options, async (_server, port) => {
          const tls = door.tls === undefined ? undefined : { tls: trusted };
          const client = await openConnection({ host: HOST, port, timeout: null, ...tls });
          if (door.proxyProtocol === true) client.writer.write('PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n');
          client.writer.write('hi\n');
          assert.equal(String(await client.reader.readLine()), 'hi\n');
          await client.reader.read().catch(() => undefined);
          await client.close();
        });
        assert.equal(errors.length, 1);
        assert.match(limitOf(errors[0]), new RegExp(String(Object.keys(limit)[0])));
      }
    }
  },
  { skip },
);

/** Answers the line `much` with more than any kernel holds, others as they are. */
const librarian: Handler = async (reader, writer) => {
  for await (const line of reader) {
    if (String(line) !== 'much\n') writer.write(line);
    else
      for (let i = 0; i < 64; i++) {
        writer.write(Buffer.alloc(1 << 20));
        await writer.drain();
      }
    await writer.drain();
  }
};

for (const tls of [undefined, first]) {
  const over = tls === undefined ? '' : 'over TLS, ';
  test(
    `${over}a peer that reads a byte at a time is ended by writeTimeout, and another client is answered all the while`,
    async () => {
      const errors: unknown[] = [];
      const options = {
        tls,
        writeTimeout: 400,
        closeNotifyTimeout: 100,
        onError: (error: unknown) => void errors.push(error),
      };
      await withServer(librarian, options, async (server, port) => {
        const slow = new RawClient(port);
        slow.socket.pause();
        const stream =
          tls === undefined
            ? slow.socket
            : connectTls({ socket: slow.socket, ca: first.cert, highWaterMark: 1 } as object);
        stream.on('error', () => undefined);
        stream.write('much\n');
        const sipping = setInterval(() => stream.read(1), 20);
        const began = performance.now();
        while (errors.length === 0 && performance.now() - began < 8000) {
          await isServed(port, tls === undefined ? undefined : trusted);
          await pause(20);
        }
        clearInterval(sipping);
        assert.match(limitOf(errors[0]), /writeTimeout: \d+ bytes unsent/);
        stream.destroy();
        slow.socket.destroy();
        await until(() => server.connections.size === 0 && slow.closed);
      });
      assert.equal(errors.length, 1);
    },
    { skip: (isBun || (isDeno && tls !== undefined)) && 'its clients read on, however little they are asked for' },
  );
}

fakeTest(
  'a peer that sends a byte a second is ended by minReceiveRate, behind a balancer too, and another is answered all the while',
  async () => {
    for (const proxyProtocol of [false, true]) {
      const errors: unknown[] = [];
      const onError = (error: unknown): void => void errors.push(error);
      const options = { minReceiveRate: 10, proxyProtocol, onError };
      const begin = proxyProtocol ? 'PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n' : '';
      await withServer(echo, options, async (_server, port) => {
        const slow = await openConnection({ host: HOST, port, timeout: null });
        const quick = await openConnection({ host: HOST, port, timeout: null });
        slow.writer.write(begin);
        quick.writer.write(begin);
        for await (const tick of every(1000)) {
          slow.writer.write('x');
          quick.writer.write(`${tick}\n`);
          assert.equal(String(await quick.reader.readLine()), `${tick}\n`);
          if (errors.length > 0 || tick > 30) break;
        }
        await slow.close();
        await quick.close();
      });
      assert.equal(errors.length, 1);
      assert.match(limitOf(errors[0]), /minReceiveRate/);
    }
  },
  { skip },
);
