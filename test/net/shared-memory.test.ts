import assert from 'node:assert/strict';
import { type Connection, ConnectionLostError, type Handler, openConnection, type Server, sleep } from 'maitre';
import { SharedMemory } from '#src/net/shared-memory.js';
import { fakeTest } from '../support/test.ts';
import { echo, HOST, isDeno, withServer } from './sockets.ts';

const skip = isDeno && 'its sockets answer later than the turns after which the fake clock jumps';
const MIB = 1_048_576;

function heldBy(server: Server): number {
  let sum = 0;
  for (const { heldBytes } of server.connections) sum += heldBytes;
  return sum;
}

/** Waits on the fake clock, in steps that let the kernel work. */
async function until(fact: () => boolean, steps = 600): Promise<void> {
  for (let i = 0; !fact(); i++) {
    if (i === steps) throw new Error('it did not come to pass');
    await new Promise((resolve) => setTimeout(resolve, 1));
    await sleep(50);
  }
}

fakeTest(
  'above maxTotalBuffered the largest holders are made to wait, and ended after 5 seconds, until it is under three quarters',
  async (clock) => {
    const ended: { error: unknown; connection: Connection; at: number }[] = [];
    const onError = (error: unknown, connection: Connection): void =>
      void ended.push({ error, connection, at: clock.now() });
    const options = { maxTotalBuffered: 4 * MIB, readLimit: Infinity, writeTimeout: Infinity, onError };
    const handler: Handler = async (reader, writer) => {
      const line = await reader.readLine();
      if (String(line) === 'all\n') await reader.read();
      else writer.write(line);
    };
    await withServer(handler, options, async (server, port) => {
      const open = (): Promise<Connection> => openConnection({ host: HOST, port, timeout: null });
      const small = await open();
      small.writer.write('half a line');
      const large = await Promise.all([open(), open(), open()]);
      for (const [i, client] of large.entries()) {
        client.writer.write('all\n');
        client.writer.write(Buffer.alloc((i + 1) * MIB, 'x'));
      }
      await until(() => heldBy(server) > 4 * MIB);
      const over = clock.now();
      await sleep(1000);
      large[2]?.writer.write(Buffer.alloc(20 * MIB)); // it is not read from
      await sleep(2000);
      assert.equal(ended.length, 0);
      assert.ok(heldBy(server) < 20 * MIB);
      await until(() => ended.length > 0);
      await until(() => heldBy(server) <= 3 * MIB);
      const took = (ended[0]?.at ?? 0) - over;
      assert.ok(took >= 4500 && took <= 7500, `${took}`);
      await until(() => ended.every(({ connection }) => connection.closed)); // their memory was free before
      for (const { error } of ended) assert.ok(error instanceof ConnectionLostError);
      assert.match(String(ended[0]?.error), /it holds \d+ of \d+ bytes of memory in all, maxTotalBuffered is 4194304/);
      small.writer.write(', and the rest\n'); // the small ones stay, and are served
      assert.equal(String(await small.reader.readLine()), 'half a line, and the rest\n');
      for (const client of [small, ...large]) client.abort();
    });
  },
  { skip },
);

fakeTest(
  'those who were made to wait go on when others let go',
  async () => {
    const handler: Handler = async (reader, writer) => {
      writer.write(`${(await reader.readExactly(1_500_000)).length}\n`);
    };
    const options = { maxTotalBuffered: 2 * MIB, onError: () => undefined };
    await withServer(handler, options, async (server, port) => {
      const open = (): Promise<Connection> => openConnection({ host: HOST, port, timeout: null });
      const [larger, smaller] = [await open(), await open()];
      larger.writer.write(Buffer.alloc(1_400_000));
      smaller.writer.write(Buffer.alloc(1_000_000));
      await until(() => heldBy(server) > 2 * MIB);
      await sleep(1000); // the larger one is held back by now
      larger.writer.write(Buffer.alloc(100_000));
      await sleep(1000);
      assert.equal(larger.reader.bufferedBytes, 0);
      smaller.abort();
      assert.equal(String(await larger.reader.readLine()), '1500000\n');
      await larger.close();
    });
  },
  { skip },
);

fakeTest(
  'unsent bytes count, with what their lists take',
  async () => {
    const errors: unknown[] = [];
    const options = {
      maxTotalBuffered: MIB,
      writeTimeout: Infinity,
      onError: (error: unknown) => void errors.push(error),
    };
    const handler: Handler = async (reader, writer) => {
      await reader.readLine();
      writer.write(Buffer.alloc(40 * MIB));
      await reader.readLine();
    };
    await withServer(handler, options, async (_server, port) => {
      const client = await openConnection({ host: HOST, port, timeout: null, limit: 16 });
      client.writer.write('go\n'); // and it reads nothing
      await until(() => errors.length > 0);
      assert.match(String(errors[0]), /maxTotalBuffered/);
      client.abort();
    });
  },
  { skip },
);

fakeTest('a server under its bound has no sweep when nothing is held', async (clock) => {
  await withServer(echo, {}, async (_server, port) => {
    const client = await openConnection({ host: HOST, port, timeout: null });
    client.writer.write('hi\n');
    assert.equal(String(await client.reader.readLine()), 'hi\n');
    await sleep(5000);
    const before = clock.now();
    await sleep(1_000_000);
    assert.equal(clock.now() - before, 1_000_000);
    await client.close();
  });
});

fakeTest(
  'when many come at once, more than a quarter above the bound is not waited for',
  async (clock) => {
    const ended: unknown[] = [];
    const options = { maxTotalBuffered: 2 * MIB, limit: 2 ** 20, onError: (error: unknown) => void ended.push(error) };
    await withServer(echo, options, async (server, port) => {
      const clients: Connection[] = [];
      const began = clock.now();
      for (let i = 0; i < 100; i++) {
        const client = await openConnection({ host: HOST, port, timeout: null });
        client.writer.write(Buffer.alloc(60_000, 'x'));
        clients.push(client);
        await sleep(10);
      }
      await until(() => ended.length > 0);
      await until(() => heldBy(server) <= 1.25 * 2 * MIB);
      assert.ok(clock.now() - began < 5000, `${clock.now() - began}`);
      assert.match(String(ended[0]), /maxTotalBuffered is 2097152/);
      for (const client of clients) client.abort();
    });
  },
  { skip },
);

fakeTest(
  'a connection that was ended and is not gone yet counts no more: it is told of once, and no other is ended for it',
  async () => {
    class Holder {
      heldBytes = 4 * MIB;
      readonly gone = false;
      failed = false;
      ended = 0;
      holdBack(): void {}
      fail(): void {
        this.failed = true;
      }
      overflowed(): void {
        this.ended++;
      }
    }
    const [large, small] = [new Holder(), new Holder()];
    small.heldBytes = 1000;
    const memory = new SharedMemory(2 * MIB, new Set([large, small] as unknown as Connection[]));
    memory.watch(large.heldBytes);
    await sleep(20_000); // its close takes long
    assert.deepEqual([large.ended, small.ended], [1, 0]);
    large.heldBytes = small.heldBytes = 0;
    await sleep(1000);
  },
);
