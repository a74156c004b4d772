import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import {
  type Connection,
  type ConnectionLimits,
  ConnectionLostError,
  createTask,
  Event,
  every,
  type Handler,
  openConnection,
  sleep,
  TimeoutError,
} from 'maitre';
import { fakeTest, test } from '../support/test.ts';
import { echo, HOST, pause, RawClient, until, withServer } from './sockets.ts';

// Connects have no timeout here: the clock jumps while they wait for the kernel, and would jump to it.

/** What `onError` was told, and when it had to be. */
interface Ended {
  readonly error: unknown;
  readonly connection: Connection;
  readonly at: number;
}

function reasonOf({ error, connection }: Ended): string {
  assert.ok(error instanceof ConnectionLostError);
  assert.ok(error.cause instanceof TimeoutError);
  assert.equal(connection.error, error.cause);
  return error.cause.message;
}

fakeTest(
  'idleTimeout ends a connection after so long without a byte, late by two grains at most, never early',
  async (clock) => {
    const ended: Ended[] = [];
    const onError = (error: unknown, connection: Connection): void =>
      void ended.push({ error, connection, at: clock.now() });
    await withServer(echo, { idleTimeout: 10_000, onError }, async (server, port) => {
      const client = await openConnection({ host: HOST, port, timeout: null });
      client.writer.write('hi\n');
      assert.equal(String(await client.reader.readLine()), 'hi\n');
      const spoke = clock.now();
      await client.reader.read().catch(() => undefined); // until the server ends it
      await client.close();
      assert.equal(ended.length, 1);
      assert.match(reasonOf(ended[0] as Ended), /idleTimeout/);
      const after = (ended[0] as Ended).at - spoke;
      assert.ok(after >= 10_000 && after <= 12_000, `${after}`);
      assert.equal(server.connections.size, 0);
    });
  },
);

fakeTest('a connection with traffic outlives idleTimeout and readTimeout', async () => {
  await withServer(echo, { idleTimeout: 5000, readTimeout: 5000 }, async (_server, port) => {
    const client = await openConnection({ host: HOST, port, timeout: null });
    for await (const tick of every(2000)) {
      client.writer.write(`${tick}\n`);
      assert.equal(String(await client.reader.readLine()), `${tick}\n`);
      if (tick >= 10) break;
    }
    await client.close();
  });
});

fakeTest('readTimeout counts only while a read waits, and never ends it early', async (clock) => {
  const ended: unknown[] = [];
  let began = 0;
  const handler = async (...[reader, writer]: Parameters<typeof echo>): Promise<void> => {
    await sleep(60_050); // in the kitchen, until between two sweeps: the peer owes nothing
    writer.write('ready\n');
    began = clock.now();
    await reader.readLine();
  };
  await withServer(
    handler,
    { readTimeout: 5000, onError: (error) => void ended.push(error) },
    async (_server, port) => {
      const client = await openConnection({ host: HOST, port, timeout: null });
      assert.equal(String(await client.reader.readLine()), 'ready\n');
      await client.reader.read().catch(() => undefined);
      assert.ok(clock.now() - began >= 5000, `${clock.now() - began}`);
      await client.close();
      assert.match(String((ended[0] as Error).cause), /readTimeout/);
    },
  );
});

fakeTest('lifetime ends a connection however busy it is', async (clock) => {
  const ended: Ended[] = [];
  const onError = (error: unknown, connection: Connection): void =>
    void ended.push({ error, connection, at: clock.now() });
  await withServer(echo, { lifetime: 30_000, onError }, async (_server, port) => {
    const client = await openConnection({ host: HOST, port, timeout: null });
    const began = clock.now();
    try {
      for await (const tick of every(1000)) {
        client.writer.write(`${tick}\n`);
        if ((await client.reader.readLine()).length === 0) break;
      }
    } catch (error) {
      assert.ok(error instanceof ConnectionLostError);
    }
    await client.close();
    assert.match(reasonOf(ended[0] as Ended), /lifetime/);
    assert.ok((ended[0] as Ended).at - began >= 30_000);
  });
});

fakeTest('writeTimeout ends a connection whose peer takes nothing, by default after a minute', async (clock) => {
  const ended: unknown[] = [];
  const handler = async (...[, writer]: Parameters<typeof echo>): Promise<void> => {
    for (;;) {
      writer.write(Buffer.alloc(1 << 20));
      await writer.drain();
    }
  };
  await withServer(handler, { onError: (error) => void ended.push(error) }, async (server, port) => {
    const began = clock.now();
    const client = await openConnection({ host: HOST, port, timeout: null }); // it never reads
    await server.shutdown({ grace: 200_000 });
    assert.match(String((ended[0] as Error).cause), /writeTimeout: \d+ bytes unsent/);
    assert.ok(clock.now() - began >= 60_000);
    client.abort();
    await client.writer.waitClosed();
  });
});

fakeTest(
  'minReceiveRate ends a peer that dribbles a message, and not one that is silent between messages',
  async () => {
    const ended: unknown[] = [];
    await withServer(echo, { minReceiveRate: 10, onError: (error) => void ended.push(error) }, async (server, port) => {
      const quiet = await openConnection({ host: HOST, port, timeout: null });
      quiet.writer.write('hello\n');
      assert.equal(String(await quiet.reader.readLine()), 'hello\n');
      const slow = await openConnection({ host: HOST, port, timeout: null });
      for await (const tick of every(1000)) {
        slow.writer.write('x');
        if (slow.writer.isClosing() || tick > 30) break;
      }
      assert.equal(ended.length, 1);
      assert.match(String((ended[0] as Error).cause), /minReceiveRate/);
      assert.equal(server.connections.size, 1);
      await quiet.close();
      await slow.close();
    });
  },
);

/** A server of node:net alone that accepts and never reads. */
async function withDeafServer(body: (port: number, clients: Socket[]) => Promise<void>): Promise<void> {
  const clients: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => undefined);
    clients.push(socket);
  });
  await new Promise<void>((resolve) => void server.listen(0, HOST, resolve));
  try {
    await body((server.address() as { port: number }).port, clients); // it listens on TCP
  } finally {
    for (const socket of clients) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

fakeTest(
  'close() of an opened connection whose peer does not read ends by writeTimeout, by default after a minute',
  async (clock) => {
    for (const writeTimeout of [undefined, 5000]) {
      await withDeafServer(async (port) => {
        const connection = await openConnection({ host: HOST, port, timeout: null, writeTimeout });
        const began = clock.now();
        connection.writer.write(Buffer.alloc(64_000_000)); // more than any kernel takes
        await connection.close();
        const took = clock.now() - began;
        const limit = writeTimeout ?? 60_000;
        assert.ok(took >= limit && took <= limit * 2.5, `${took}`);
        assert.match(String(connection.error), /writeTimeout/);
      });
    }
  },
);

fakeTest('an opened connection has the limits of a served one', async () => {
  const limits: ConnectionLimits[] = [{ idleTimeout: 2000 }, { readTimeout: 2000 }, { lifetime: 2000 }];
  for (const limit of limits) {
    await withServer(
      async (reader) => void (await reader.read()),
      {},
      async (_server, port) => {
        const connection = await openConnection({ host: HOST, port, timeout: null, ...limit });
        await assert.rejects(connection.reader.readLine(), ConnectionLostError);
        assert.match(String(connection.error), new RegExp(String(Object.keys(limit)[0])));
      },
    );
  }
  for (const [name, value] of Object.entries({ idleTimeout: 0, minReceiveRate: 1.5, maxBuffered: 0, lifetime: NaN }))
    await assert.rejects(openConnection({ port: 1, [name]: value }), new RegExp(`open connection: ${name} must be`));
});

test(
  'a peer that reads 50 kB a second, steadily, is not ended by a writeTimeout of seconds',
  async () => {
    const errors: unknown[] = [];
    const handler: Handler = async (_reader, writer) => {
      for (;;) {
        writer.write(Buffer.alloc(65_536));
        await writer.drain();
      }
    };
    const options = { writeTimeout: 5000, onError: (error: unknown) => void errors.push(error) };
    await withServer(handler, options, async (_server, port) => {
      const slow = new RawClient(port);
      slow.socket.pause();
      await slow.connected();
      const reading = setInterval(() => {
        slow.socket.once('data', () => slow.socket.pause());
        slow.socket.resume();
      }, 1300); // 64 KiB
      await pause(9000);
      clearInterval(reading);
      assert.deepEqual(errors, []);
      slow.reset();
      await until(() => errors.length > 0 && slow.closed);
    });
  },
  { skip: process.platform !== 'linux' && 'what the kernel holds is known on Linux alone', timeout: 30_000 },
);

fakeTest('idleTimeout and readTimeout do not count time in the line of concurrency', async (clock) => {
  const ended: Ended[] = [];
  const onError = (error: unknown, connection: Connection): void =>
    void ended.push({ error, connection, at: clock.now() });
  const open = new Map<number, number>(); // by connection
  let busy = 0;
  const handler = async (...[reader, , connection]: Parameters<typeof echo>): Promise<void> => {
    open.set(connection.id, clock.now());
    if (busy++ === 0) await sleep(60_050); // between two sweeps
    else await reader.readLine();
  };
  const limits = { idleTimeout: 5000, readTimeout: 20_000, concurrency: 1 };
  await withServer(handler, { ...limits, onError }, async (server, port) => {
    const first = await openConnection({ host: HOST, port, timeout: null });
    // It speaks all the time, so that no limit ends it.
    const chatter = createTask(async () => {
      for await (const _ of every(1000)) first.writer.write('.');
    });
    while (server.connections.size < 1) await sleep(1);
    const second = await openConnection({ host: HOST, port, timeout: null });
    await second.reader.read().catch(() => undefined);
    const [, began = 0] = [...open.values()];
    assert.ok(began >= 60_000);
    chatter.cancel();
    await chatter.catch(() => undefined);
    assert.deepEqual(
      ended.map(reasonOf).filter((reason) => !reason.includes('idleTimeout')),
      [],
    );
    while (ended.length === 0) await sleep(1); // Bun tells of a close later
    const last = ended.at(-1) as Ended;
    assert.ok(last.at - began >= 5000, `${last.at - began} ms after its handler began`);
    await first.close();
    await second.close();
  });
});

fakeTest('lifetime counts time in the line of concurrency', async (clock) => {
  const gate = new Event();
  let handled = 0;
  const handler = async (): Promise<void> => {
    handled++;
    await gate.wait();
  };
  await withServer(handler, { lifetime: 30_000, concurrency: 1, onError: () => undefined }, async (server, port) => {
    const first = await openConnection({ host: HOST, port, timeout: null });
    while (server.connections.size < 1) await sleep(1);
    const second = await openConnection({ host: HOST, port, timeout: null });
    const began = clock.now();
    await second.reader.read().catch(() => undefined);
    assert.ok(clock.now() - began < 35_000);
    gate.set();
    await first.close();
    await second.close();
    while (server.connections.size > 0) await sleep(1);
  });
  assert.equal(handled, 1); // nobody was left to be served when its turn came
});
