import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import {
  ConnectionLostError,
  createTask,
  type Handler,
  openConnection,
  sleep,
  StreamReader,
  toNodeDuplex,
  toNodeReadable,
  toNodeWritable,
} from 'maitre';
import { type Duplex, memoryStreamPair } from 'maitre/testing';
import { nextTurn, test } from '../support/test.js';
import { first } from '../net/fixtures/certificates.js';
import { startFixture } from '../net/programs.js';
import { HOST, isDeno, until, withServer } from '../net/sockets.js';

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await nextTurn();
}

async function abortBoth(...ends: Duplex[]): Promise<void> {
  for (const end of ends) end.abort();
  for (const end of ends) await end.writer.waitClosed();
}

test('toNodeReadable() gives all bytes, then the end', async () => {
  const [a, b] = memoryStreamPair();
  const sender = createTask(async () => {
    for (let i = 0; i < 200; i++) {
      a.writer.write(Buffer.alloc(5000, i));
      await a.writer.drain();
    }
    await a.close();
  });
  const chunks: Buffer[] = [];
  for await (const chunk of toNodeReadable(b.reader)) chunks.push(chunk as Buffer); // not in object mode
  await sender;
  assert.deepEqual(Buffer.concat(chunks), Buffer.concat(Array.from({ length: 200 }, (_, i) => Buffer.alloc(5000, i))));
  await b.close();
});

test('toNodeReadable() reads no more than its own buffer ahead', async () => {
  const [a, b] = memoryStreamPair();
  const readable = toNodeReadable(b.reader);
  readable.once('readable', () => undefined); // reads begin, and nobody takes anything
  a.writer.write(Buffer.alloc(4_000_000));
  await turns(50);
  assert.ok(a.writer.bufferedBytes > 3_000_000, `only ${a.writer.bufferedBytes} bytes wait`);
  assert.ok(readable.readableLength <= 2 * readable.readableHighWaterMark);
  readable.destroy();
  await abortBoth(a, b);
});

test('a destroyed toNodeReadable() frees the reader and loses nothing', async () => {
  const reader = new StreamReader();
  const readable = toNodeReadable(reader);
  readable.resume();
  await nextTurn();
  assert.ok(reader.waiting);
  readable.destroy();
  await once(readable, 'close');
  assert.ok(!reader.waiting);
  reader.feedData(Buffer.from('kept'));
  assert.equal(String(await reader.read(10)), 'kept');
});

test('the reader’s error destroys toNodeReadable(), a cancel of whoever reads it does not', async () => {
  const reader = new StreamReader();
  const readable = toNodeReadable(reader);
  const consumer = createTask(async () => {
    readable.resume();
    await sleep(1000);
  });
  await nextTurn();
  consumer.cancel();
  await nextTurn();
  assert.ok(!readable.destroyed && reader.waiting);
  const error = new Error('reset');
  reader.setException(error);
  await assert.rejects(finished(readable), (got) => got === error);
});

test('toNodeWritable() writes text and bytes, and its end is writeEof', async () => {
  const [a, b] = memoryStreamPair();
  const writable = toNodeWritable(a.writer);
  const closed = once(writable, 'close');
  writable.write('é');
  writable.write('c3a9', 'hex');
  writable.end(new Uint8Array([33]));
  assert.equal(String(await b.reader.read()), 'éé!');
  await closed;
  assert.ok(!a.writer.isClosing());
  await a.close();
  await b.close();
});

test('toNodeWritable() makes a fast source wait for a slow reader', async () => {
  const [a, b] = memoryStreamPair();
  let made = 0;
  const source = Readable.from(
    (function* () {
      for (; made < 100; made++) yield Buffer.alloc(50_000, made);
    })(),
  );
  const done = pipeline(source, toNodeWritable(a.writer));
  await turns(100);
  assert.ok(made < 50, `${made} of 100 chunks were taken`);
  assert.equal((await b.reader.read()).length, 5_000_000);
  await done;
  await a.close();
  await b.close();
});

test('a toNodeWritable() destroyed before its end aborts the connection, and a source’s error does that', async () => {
  const [a, b] = memoryStreamPair();
  const source = new PassThrough();
  const done = pipeline(source, toNodeWritable(a.writer));
  source.write('half');
  await turns(5);
  source.destroy(new Error('no more'));
  await assert.rejects(done, /no more/);
  await a.writer.waitClosed();
  await b.writer.waitClosed();
  assert.ok(b.reader.exception() instanceof ConnectionLostError);
});

test('the loss of the connection destroys toNodeWritable() and its source, also while that stands still', async () => {
  const [a, b] = memoryStreamPair();
  const source = new PassThrough();
  const done = pipeline(source, toNodeWritable(a.writer));
  await turns(3);
  b.abort();
  await assert.rejects(done);
  assert.ok(source.destroyed);
  await a.writer.waitClosed();
});

test('bytes that are lost are a ConnectionLostError of toNodeWritable()', async () => {
  const [a, b] = memoryStreamPair();
  const writable = toNodeWritable(a.writer);
  const failed = once(writable, 'error');
  const written = new Promise((resolve) => void writable.write(Buffer.alloc(1_000_000), resolve));
  await turns(3);
  b.abort();
  const [error] = (await failed) as [unknown]; // what 'error' gives
  assert.ok(error instanceof ConnectionLostError);
  assert.ok((await written) instanceof ConnectionLostError);
});

test('toNodeDuplex() echoes, and closes the connection when both directions have ended', async () => {
  const [a, b] = memoryStreamPair();
  const stream = toNodeDuplex(b);
  const echo = pipeline(stream, new PassThrough(), stream);
  a.writer.write(Buffer.alloc(300_000, 'x'));
  a.writer.writeEof();
  assert.equal((await a.reader.read()).length, 300_000);
  await echo;
  await b.writer.waitClosed();
  assert.equal(b.error, undefined);
  await a.close();
});

test('a toNodeDuplex() destroyed early aborts the connection', async () => {
  const [a, b] = memoryStreamPair();
  const stream = toNodeDuplex(b);
  stream.resume();
  await nextTurn();
  stream.destroy();
  await once(stream, 'close');
  await a.writer.waitClosed();
  assert.ok(a.error instanceof ConnectionLostError);
  await b.writer.waitClosed();
});

for (const halfCloses of [true, false]) {
  const how = halfCloses ? 'half-closing' : 'closing';
  test(`toNodeWritable() has finished when everything was taken, ${how} the connection`, async () => {
    const [a, b] = memoryStreamPair();
    a.writer.canWriteEof = () => halfCloses;
    const received = createTask(() => b.reader.read());
    await pipeline(Readable.from(['x'.repeat(10), 'y'.repeat(50_000)]), toNodeWritable(a.writer));
    assert.equal(a.writer.bufferedBytes, 0);
    assert.equal((await received).length, 50_010);
    await abortBoth(a, b);
  });
}

test('toNodeWritable() whose last bytes are lost does not finish', async () => {
  const [a, b] = memoryStreamPair();
  const writable = toNodeWritable(a.writer);
  writable.on('finish', () => assert.fail('finished'));
  writable.end(Buffer.alloc(1_000_000)); // more than the peer takes
  await nextTurn();
  b.abort();
  await assert.rejects(finished(writable), ConnectionLostError);
  await abortBoth(a, b);
});

test('toNodeDuplex() that cannot half-close reads the answer after its end(), then closes', async () => {
  const [a, b] = memoryStreamPair();
  a.writer.canWriteEof = () => false;
  const server = createTask(async () => {
    assert.equal(String(await b.reader.readExactly(7)), 'request');
    for (let i = 0; i < 20; i++) {
      b.writer.write('answer '.repeat(1000));
      await b.writer.drain();
    }
    await b.close();
  });
  const stream = toNodeDuplex(a);
  stream.end('request');
  await once(stream, 'finish');
  assert.equal(a.writer.bufferedBytes, 0);
  let bytes = 0;
  for await (const chunk of stream) bytes += (chunk as Buffer).length; // not in object mode
  assert.equal(bytes, 140_000);
  await server;
  await a.writer.waitClosed();
});

test(
  'over TLS toNodeDuplex() reads the whole answer to a request that it ended',
  async () => {
    const handler: Handler = async (reader, writer) => {
      assert.equal(String(await reader.readLine()), 'request\n');
      await sleep(20);
      writer.write('a'.repeat(500_000));
    };
    await withServer(handler, { tls: first }, async (_server, port) => {
      const client = await openConnection({ host: HOST, port, tls: { ca: first.cert, servername: 'localhost' } });
      const stream = toNodeDuplex(client);
      stream.end('request\n');
      let bytes = 0;
      for await (const chunk of stream) bytes += (chunk as Buffer).length; // not in object mode
      assert.equal(bytes, 500_000);
      await client.writer.waitClosed();
    });
  },
  { skip: isDeno && 'its node:tls does not show an end to the peer' },
);

test('a process that ends when a pipeline into a connection has, has sent everything', async () => {
  for (const adapter of ['writable', 'duplex', 'web']) {
    let received = 0;
    await withServer(
      async (reader, writer) => writer.write(`${(await reader.read()).length}`),
      { onEnd: ({ bytesRead }) => void (received = bytesRead), onError: () => undefined },
      async (server, port) => {
        await using program = startFixture('pipes-and-ends', String(port), adapter);
        assert.equal(await program.ends(), 0, program.errors);
        await until(() => server.connections.size === 0);
        assert.equal(received, 300_000, adapter);
      },
    );
  }
});
