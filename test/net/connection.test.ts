import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { CancelledError, type Connection, createTask, openConnection, sleep } from 'maitre';
import { addInstrument } from 'maitre/lowlevel';
import { nextTurn, test } from '../support/test.js';
import { first } from './fixtures/certificates.js';
import { connectedPair, echo, HOST, until, withServer } from './sockets.js';

test('ids count up, and are unique in the process', async () => {
  const [a, b] = await connectedPair({ host: HOST });
  const [c, d] = await connectedPair({ host: HOST });
  const ids = [a, b, c, d].map(({ id }) => id);
  assert.equal(new Set(ids).size, 4);
  assert.ok(Math.min(c.id, d.id) > Math.max(a.id, b.id));
  for (const end of [a, b, c, d]) await end.close();
});

test('task is the handler’s, and undefined for a connection that was opened', async () => {
  await withServer(echo, {}, async (server, port) => {
    await using connection = await openConnection({ host: HOST, port });
    await until(() => [...server.connections].some(({ task }) => task !== undefined));
    assert.equal(connection.task, undefined);
  });
});

test('close sends what is written, waits until the connection is gone, and may be called by many', async () => {
  const [a, b] = await connectedPair({ host: HOST });
  a.writer.write('x'.repeat(100_000));
  const closes = [createTask(() => a.close()), createTask(() => a.close())];
  assert.equal((await b.reader.read()).length, 100_000);
  for (const close of closes) await close;
  assert.equal(a.closed, true);
  await a.close();
  await a[Symbol.asyncDispose]();
  await b.close();
  await until(() => a.gone); // its socket waited for the peer's end
});

test('a signal ends the wait of close, not the close', async () => {
  const [a, b] = await connectedPair({ host: HOST });
  a.writer.write(Buffer.alloc(20_000_000)); // more than the system takes while nobody reads
  await assert.rejects(a.close({ signal: AbortSignal.timeout(20) }), CancelledError);
  assert.equal((await b.reader.read()).length, 20_000_000);
  await b.close();
  await a.writer.waitClosed();
  await until(() => a.gone);
});

test('abort after close, close after abort, abort after the end: nothing more happens', async () => {
  for (const order of [
    ['close', 'abort'],
    ['abort', 'close'],
    ['abort', 'abort'],
  ] as const) {
    const [a, b] = await connectedPair({ host: HOST });
    a.writer.write('x');
    for (const each of order) void a[each]();
    await a.writer.waitClosed();
    a.abort();
    assert.equal(a.closed, true);
    b.abort();
    await b.writer.waitClosed();
  }
});

test('abort right after writeEof, at any moment of it, ends the connection', async () => {
  for (const bytes of [0, 10, 5_000_000]) {
    for (let turns = 0; turns < 4; turns++) {
      const [a, b] = await connectedPair({ host: HOST });
      a.writer.write(Buffer.alloc(bytes));
      a.writer.writeEof();
      for (let turn = 0; turn < turns; turn++) await nextTurn();
      a.abort();
      await a.writer.waitClosed();
      b.abort();
      await b.writer.waitClosed();
    }
  }
});

test('detach after the handler’s end changes nothing', async () => {
  let kept: Connection | undefined;
  await withServer(
    (_reader, _writer, connection) => void (kept = connection),
    {},
    async (server, port) => {
      await using connection = await openConnection({ host: HOST, port });
      assert.equal((await connection.reader.read()).length, 0);
      kept?.detach();
      await until(() => server.connections.size === 0);
    },
  );
});

test('the instrument is told of each connection once when it opens and once when it is gone', async () => {
  const log: string[] = [];
  using _ = addInstrument({
    opened: ({ kind, id }) => log.push(`open ${kind} ${id}`),
    closed: ({ kind, id }) => log.push(`closed ${kind} ${id}`),
  });
  const [a, b] = await connectedPair({ host: HOST });
  await a.close();
  await b.close();
  await sleep(0);
  const connections = log.filter((line) => line.includes(' connection '));
  const expected = [a, b].flatMap(({ id }) => [`open connection ${id}`, `closed connection ${id}`]);
  assert.deepEqual(connections.toSorted(), expected.toSorted());
});

test('socket is the net.Socket under it, over TLS the TLSSocket', async () => {
  const [a, b] = await connectedPair({ host: HOST });
  for (const end of [a, b]) {
    assert.ok(end.socket instanceof Socket);
    assert.equal(end.socket, end.writer.getExtraInfo('socket'));
  }
  a.writer.write('hi\n');
  assert.equal(String(await b.reader.readLine()), 'hi\n');
  await Promise.all([a.close(), b.close()]);
  await withServer(echo, { tls: first }, async (_server, port) => {
    await using client = await openConnection({ host: HOST, port, tls: { ca: first.cert } });
    assert.ok(client.socket instanceof TLSSocket);
  });
});

test('startTls goes over to TLS on both ends, and tls says how', async () => {
  const [client, server] = await connectedPair({ host: HOST });
  assert.deepEqual([client.tls, server.tls], [undefined, undefined]);
  const serving = server.startTls(first);
  await client.startTls({ ca: first.cert, servername: 'localhost' });
  await serving;
  client.writer.write('hi\n');
  assert.equal(String(await server.reader.readLine()), 'hi\n');
  assert.equal(client.tls?.authorized, true);
  assert.equal(server.tls?.servername, 'localhost');
  await Promise.all([client.close(), server.close()]);
});

test('a stream that the server ended during the handshake stays ended over TLS, and what comes is dropped', async () => {
  const [client, server] = await connectedPair({ host: HOST });
  const serving = server.startTls(first);
  server.endReading();
  await client.startTls({ ca: first.cert, servername: 'localhost' });
  await serving;
  client.writer.write('too late\n');
  server.writer.write('hi\n');
  assert.equal(String(await client.reader.readLine()), 'hi\n');
  await sleep(5);
  assert.equal(String(await server.reader.read()), '');
  assert.deepEqual([server.bytesRead, server.error, server.closed], [0, undefined, false]);
  await Promise.all([client.close(), server.close()]);
});
