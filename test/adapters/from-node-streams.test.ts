import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import net from 'node:net';
import { type Duplex as NodeDuplex, PassThrough, Readable, Writable } from 'node:stream';
import { createGzip, gunzipSync } from 'node:zlib';
import {
  ConnectionLostError,
  createTask,
  fromNodeDuplex,
  fromNodeReadable,
  fromNodeWritable,
  toNodeDuplex,
} from 'maitre';
import { type Duplex, duplexChecks, memoryStreamPair } from 'maitre/testing';
import { nextTurn, test } from '../support/test.js';

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await nextTurn();
}

async function socketPair(): Promise<[Duplex, Duplex]> {
  const server = net.createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo; // it listens on TCP
  const accepted = new Promise<net.Socket>((resolve) => void server.once('connection', resolve));
  const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await new Promise<void>((resolve) => void client.once('connect', resolve));
  const pair: [Duplex, Duplex] = [fromNodeDuplex(client), fromNodeDuplex(await accepted)];
  server.close();
  return pair;
}

for (const { name, run } of duplexChecks(socketPair)) test(`fromNodeDuplex() of sockets: ${name}`, run);

test('fromNodeReadable() reads text and bytes up to the end', async () => {
  assert.equal(String(await fromNodeReadable(Readable.from(['é', Buffer.from('b')])).read()), 'éb');
  const hex = new PassThrough().setEncoding('hex');
  hex.end('ab');
  assert.equal(String(await fromNodeReadable(hex).read()), 'ab');
});

test('fromNodeReadable() makes a source wait while the reader holds enough', async () => {
  let made = 0;
  const source = new Readable({
    highWaterMark: 1000,
    read() {
      made++;
      this.push(made <= 100 ? Buffer.alloc(1000, made) : null);
    },
  });
  const reader = fromNodeReadable(source, { limit: 5000 });
  await turns(30);
  assert.ok(made < 20, `${made} chunks were read`);
  assert.equal((await reader.readExactly(50_000)).length, 50_000);
  assert.equal((await reader.read()).length, 50_000);
});

test('an error of the Readable rejects reads; an end before its end is ConnectionLostError', async () => {
  const broken = new PassThrough();
  const reader = fromNodeReadable(broken);
  const error = new Error('disk');
  const read = reader.read();
  broken.destroy(error);
  await assert.rejects(read, (got) => got === error);

  const cut = new PassThrough();
  const second = fromNodeReadable(cut);
  cut.write('half');
  await turns(2);
  cut.destroy();
  await turns(2);
  await assert.rejects(second.readLine(), ConnectionLostError);
  await assert.rejects(fromNodeReadable(cut).read(), ConnectionLostError); // destroyed before
});

test('objects are a TypeError and destroy the Readable', async () => {
  const source = Readable.from([{ a: 1 }]);
  await assert.rejects(fromNodeReadable(source).read(), TypeError);
  assert.ok(source.destroyed);
});

test('fromNodeWritable() waits for the stream, in order, and close() ends it', async () => {
  const got: string[] = [];
  let go: (() => void) | undefined;
  const sink = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      got.push(`${chunk.length}`);
      go = callback;
    },
  });
  const writer = fromNodeWritable(sink);
  writer.write(Buffer.alloc(100_000));
  const drain = createTask(() => writer.drain(), { eager: true });
  await turns(3);
  assert.ok(!drain.done());
  assert.equal(writer.bufferedBytes, 100_000);
  go?.();
  await drain;
  writer.write('last');
  writer.close();
  await turns(3);
  go?.();
  await writer.waitClosed();
  assert.deepEqual(got, ['100000', '4']);
  assert.ok(sink.writableFinished && sink.destroyed);
});

test('an error of the Writable is the cause of drain’s ConnectionLostError', async () => {
  const error = new Error('disk full');
  const writer = fromNodeWritable(new Writable({ write: (_chunk, _encoding, callback) => callback(error) }));
  writer.write(Buffer.alloc(100_000));
  await assert.rejects(writer.drain(), (got: ConnectionLostError) => got.cause === error);
  await writer.waitClosed();
});

test('abort() destroys the Writable, and a destroyed one is gone', async () => {
  const sink = new Writable({ write: () => undefined }); // takes nothing, ever
  const writer = fromNodeWritable(sink);
  writer.write('lost');
  await nextTurn();
  writer.abort();
  await writer.waitClosed();
  assert.ok(sink.destroyed);
  await assert.rejects(writer.drain(), ConnectionLostError);
  const second = fromNodeWritable(sink);
  await second.waitClosed();
});

test('a transform stream is a Duplex: write, writeEof, read', async () => {
  const gzip = fromNodeDuplex(createGzip());
  gzip.writer.write('hello '.repeat(1000));
  gzip.writer.writeEof();
  assert.equal(String(gunzipSync(await gzip.reader.read())), 'hello '.repeat(1000));
  await gzip.close();
});

test('there and back again: fromNodeDuplex(toNodeDuplex(connection))', async () => {
  const [a, b] = memoryStreamPair();
  const stream: NodeDuplex = toNodeDuplex(b);
  const end = fromNodeDuplex(stream);
  a.writer.write('ping\n');
  assert.equal(String(await end.reader.readLine()), 'ping\n');
  end.writer.write('pong\n');
  assert.equal(String(await a.reader.readLine()), 'pong\n');
  a.writer.writeEof();
  assert.equal((await end.reader.read()).length, 0);
  await end.close();
  await a.close();
  await b.writer.waitClosed();
  assert.equal(b.error, undefined);
});

test('what comes after the user has ended the reader is dropped, and harms nothing', async () => {
  const source = new PassThrough();
  const reader = fromNodeReadable(source);
  source.write('soup');
  assert.equal(String(await reader.read(10)), 'soup');
  reader.feedEof();
  source.write('more');
  source.end();
  await turns(3);
  assert.equal((await reader.read()).length, 0);
  assert.equal(source.readableEnded, true);
});
