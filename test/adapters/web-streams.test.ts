import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import {
  ConnectionLostError,
  createTask,
  fromWebReadable,
  fromWebWritable,
  sleep,
  StreamReader,
  toWebReadable,
  toWebWritable,
} from 'maitre';
import { memoryStreamPair } from 'maitre/testing';
import { nextTurn, test } from '../support/test.js';

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await nextTurn();
}

test('bytes go through all four adapters unchanged', async () => {
  const [a, b] = memoryStreamPair();
  const sent = Buffer.from(Array.from({ length: 500_000 }, (_, i) => i % 251));
  const through = new TransformStream<Uint8Array, Uint8Array>();
  const writer = fromWebWritable(through.writable);
  const piped = through.readable.pipeTo(toWebWritable(a.writer));
  const sender = createTask(async () => {
    for (let at = 0; at < sent.length; at += 70_000) {
      writer.write(sent.subarray(at, at + 70_000));
      await writer.drain();
    }
    writer.close();
    await writer.waitClosed();
  });
  assert.deepEqual(await fromWebReadable(toWebReadable(b.reader)).read(), sent);
  await sender;
  await piped;
  await a.close();
  await b.close();
});

test('toWebReadable() reads only when asked, and gives copies', async () => {
  const reader = new StreamReader();
  const memory = Buffer.from('abc');
  reader.feedData(memory);
  const source = toWebReadable(reader).getReader();
  await turns(2);
  assert.equal(reader.bufferedBytes, 3);
  const { value } = await source.read();
  memory.fill('x');
  assert.equal(String(Buffer.from(value ?? [])), 'abc');
  reader.feedEof();
  assert.equal((await source.read()).done, true);
});

test('a cancelled toWebReadable() frees the reader and loses nothing; a cancel of whoever reads it does not reach it', async () => {
  const reader = new StreamReader();
  const source = toWebReadable(reader).getReader();
  const consumer = createTask(async () => {
    void source.read();
    await sleep(1000);
  });
  await nextTurn();
  consumer.cancel();
  await nextTurn();
  assert.ok(reader.waiting);
  await source.cancel();
  assert.ok(!reader.waiting);
  reader.feedData(Buffer.from('kept'));
  assert.equal(String(await reader.read(10)), 'kept');
});

test('the reader’s error is the error of toWebReadable()', async () => {
  const reader = new StreamReader();
  const error = new Error('reset');
  reader.setException(error);
  await assert.rejects(toWebReadable(reader).getReader().read(), (got) => got === error);
});

test('toWebWritable() waits for a slow reader, and its close is writeEof', async () => {
  const [a, b] = memoryStreamPair();
  const sink = toWebWritable(a.writer).getWriter();
  const first = sink.write(Buffer.alloc(1_000_000));
  let written = false;
  void first.then(() => (written = true));
  await turns(20);
  assert.ok(!written);
  const read = b.reader.read();
  await first;
  await sink.write('é');
  await sink.close();
  assert.equal((await read).length, 1_000_002);
  assert.ok(!a.writer.isClosing());
  await a.close();
  await b.close();
});

test('an aborted toWebWritable() aborts the connection at once, also while a write waits', async () => {
  const [a, b] = memoryStreamPair();
  const sink = toWebWritable(a.writer).getWriter();
  const write = sink.write(Buffer.alloc(1_000_000));
  sink.closed.catch(() => undefined);
  await turns(3);
  const aborted = sink.abort(new Error('enough'));
  await assert.rejects(write, ConnectionLostError);
  await aborted;
  await a.writer.waitClosed();
  await b.writer.waitClosed();
  assert.ok(b.error instanceof ConnectionLostError);
});

test('the loss of the connection and wrong chunks are errors of toWebWritable()', async () => {
  const [a, b] = memoryStreamPair();
  const sink = toWebWritable(a.writer).getWriter();
  b.abort();
  await assert.rejects(sink.closed, ConnectionLostError);
  sink.ready.catch(() => undefined);

  const [c, d] = memoryStreamPair();
  const other = toWebWritable(c.writer).getWriter();
  other.closed.catch(() => undefined);
  other.ready.catch(() => undefined);
  await assert.rejects(other.write(3 as unknown as string), TypeError);
  await c.writer.waitClosed();
  await d.writer.waitClosed();
  await a.writer.waitClosed();
});

test('fromWebReadable() makes a source wait while the reader holds enough', async () => {
  let made = 0;
  const source = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        made++;
        if (made > 100) controller.close();
        else controller.enqueue(Buffer.alloc(1000, made));
      },
    },
    { highWaterMark: 0 },
  );
  const reader = fromWebReadable(source, { limit: 5000 });
  await turns(30);
  assert.ok(made < 20, `${made} chunks were read`);
  assert.equal((await reader.readExactly(50_000)).length, 50_000);
  assert.equal((await reader.read()).length, 50_000);
  assert.throws(() => fromWebReadable(source), TypeError);
});

test('errors and wrong chunks of the source reject reads; a signal cancels the source', async () => {
  const error = new Error('reset');
  const broken = new ReadableStream<Uint8Array>({ start: (controller) => controller.error(error) });
  await assert.rejects(fromWebReadable(broken).read(), (got) => got === error);

  let cancelled: unknown;
  const wrong = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue('text' as unknown as Uint8Array),
    cancel: (reason) => void (cancelled = reason),
  });
  await assert.rejects(fromWebReadable(wrong).read(), TypeError);
  assert.ok(cancelled instanceof TypeError);

  const controller = new AbortController();
  const endless = new ReadableStream<Uint8Array>({ cancel: (reason) => void (cancelled = reason) });
  const read = fromWebReadable(endless, { signal: controller.signal }).read();
  controller.abort(error);
  await assert.rejects(read, (got) => got === error);
  assert.equal(cancelled, error);
  await assert.rejects(fromWebReadable(new Blob(['x']).stream(), { signal: controller.signal }).read());
});

test('fromWebWritable() waits for the sink; its error is the cause of ConnectionLostError', async () => {
  let go: (() => void) | undefined;
  const error = new Error('disk full');
  let writes = 0;
  const sink = new WritableStream<Uint8Array>({
    write: () => {
      writes++;
      return writes === 1 ? new Promise<void>((resolve) => (go = resolve)) : Promise.reject(error);
    },
  });
  const writer = fromWebWritable(sink);
  writer.write(Buffer.alloc(100_000));
  const drain = createTask(() => writer.drain(), { eager: true });
  await turns(3);
  assert.ok(!drain.done());
  go?.();
  await drain;
  writer.write(Buffer.alloc(100_000));
  await assert.rejects(writer.drain(), (got: ConnectionLostError) => got.cause === error);
  await writer.waitClosed();
});

test('abort() of fromWebWritable() does not wait for a sink that hangs', async () => {
  let aborted = false;
  const sink = new WritableStream<Uint8Array>({
    write: (_chunk, controller) => {
      controller.signal.addEventListener('abort', () => (aborted = true));
      return new Promise<void>(() => undefined);
    },
  });
  const writer = fromWebWritable(sink);
  writer.write('lost');
  await turns(3);
  writer.abort();
  await writer.waitClosed();
  assert.ok(aborted);
  await assert.rejects(writer.drain(), ConnectionLostError);
});

test('the close of toWebWritable() resolves when everything was taken, and rejects when it was lost', async () => {
  for (const lost of [false, true]) {
    const [a, b] = memoryStreamPair();
    const sink = toWebWritable(a.writer).getWriter();
    await sink.write('x'.repeat(50_000));
    const close = sink.close();
    if (lost) {
      b.abort();
      await assert.rejects(close, ConnectionLostError);
      await assert.rejects(sink.closed, ConnectionLostError);
    } else {
      await close;
      assert.equal(a.writer.bufferedBytes, 0);
      assert.equal((await b.reader.read()).length, 50_000);
    }
    for (const end of [a, b]) end.abort();
    for (const end of [a, b]) await end.writer.waitClosed();
  }
});
