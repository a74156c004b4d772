// The wire between a server in memory and its clients: the suite of every duplex, and what it has of a kernel.
import assert from 'node:assert/strict';
import { ConnectionLostError, sleep } from 'maitre';
import { type Duplex, duplexChecks } from 'maitre/testing';
import { Connection } from '#src/net/index.js';
import { memoryWirePair } from '#src/simulation/memory-wire.js';
import { fakeTest, test } from '../support/test.js';

const client = { address: '10.0.0.1', port: 50_000, family: 'IPv4' } as const;
const server = { address: '10.0.0.2', port: 80, family: 'IPv4' } as const;

function pair(): [Connection, Connection] {
  const [a, b] = memoryWirePair(client, server);
  return [Connection.make(a, {}), Connection.make(b, { accepted: true })];
}

for (const { name, run } of duplexChecks((): [Duplex, Duplex] => pair())) test(`over a memory wire: ${name}`, run);

fakeTest('a memory wire takes 64 KiB that nobody reads, and the rest as it is read', async () => {
  const [a, b] = memoryWirePair(client, server);
  const from = Connection.make(a, {});
  from.writer.write(Buffer.alloc(100_000, 'x'));
  await sleep(1);
  const unsent = from.writer.bufferedBytes;
  assert.ok(unsent > 0, 'all was taken');
  const to = Connection.make(b, { accepted: true });
  assert.equal((await to.reader.readExactly(100_000)).length, 100_000);
  await sleep(1);
  assert.equal(from.writer.bufferedBytes, 0);
  await Promise.all([from.close(), to.close()]);
});

fakeTest('a side that was reset reads what had come before, and then the error', async () => {
  const [a, b] = memoryWirePair(client, server);
  const from = Connection.make(a, {});
  from.writer.write('last words');
  await sleep(1);
  from.abort();
  await sleep(1);
  const to = Connection.make(b, { accepted: true });
  assert.equal(String(await to.reader.readExactly(10)), 'last words');
  await assert.rejects(to.reader.read(), (error: Error) => {
    assert.ok(error instanceof ConnectionLostError);
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ECONNRESET');
    return true;
  });
  await to.close();
  await from.close();
});

fakeTest('who closes with input that nobody read resets the other side', async () => {
  const [a, b] = memoryWirePair(client, server);
  const from = Connection.make(a, {});
  from.writer.write('unread');
  await sleep(1);
  b.destroy();
  await assert.rejects(from.reader.read(), ConnectionLostError);
  await from.close();
});

fakeTest(
  'a write that waits for room fails when the other side ends, also while its own side does not read',
  async () => {
    const [a, b] = memoryWirePair(client, server);
    const [from, to] = [Connection.make(a, {}), Connection.make(b, { accepted: true })];
    for (const each of [from, to]) each.writer.write(Buffer.alloc(1_000_000));
    await sleep(1);
    assert.ok(a.paused && b.paused);
    const drained = from.writer.drain();
    b.destroy();
    await assert.rejects(drained, ConnectionLostError);
    await Promise.all([from.close(), to.close()]);
  },
);

fakeTest('a reset after an end is found by who writes', async () => {
  const [a, b] = pair();
  a.writer.writeEof();
  assert.equal((await b.reader.read()).length, 0);
  a.abort();
  await sleep(1);
  b.writer.write('anybody?');
  await sleep(1);
  assert.equal((b.error as NodeJS.ErrnoException).code, 'ECONNRESET');
  await assert.rejects(b.writer.drain(), ConnectionLostError);
  await b.close();
});

fakeTest('both sides know where they are', async () => {
  const [a, b] = pair();
  assert.deepEqual([a.local, a.peer, b.local, b.peer], [client, server, server, client]);
  assert.equal(a.writer.getExtraInfo('socket'), undefined);
  await Promise.all([a.close(), b.close()]);
});
