import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { CancelledError, ConnectionLostError, createTask, pipe, StreamReader } from 'maitre';
import { type Duplex, memoryStreamPair } from 'maitre/testing';
import { microtasks, nextTurn, test } from '../support/test.js';

async function abortAll(...ends: Duplex[]): Promise<void> {
  for (const end of ends) end.abort();
  for (const end of ends) await end.writer.waitClosed();
}

test('pipe passes all bytes on, waits until they have left, ends the writer, and says how many', async () => {
  const [a, b] = memoryStreamPair();
  const source = new StreamReader();
  source.feedData(Buffer.alloc(1_000_000, 'x'));
  source.feedEof();
  const received = createTask(() => b.reader.read());
  assert.equal(await pipe(source, a.writer), 1_000_000);
  assert.equal(a.writer.bufferedBytes, 0);
  assert.equal((await received).length, 1_000_000);
  assert.equal(a.writer.isClosing(), false); // half closed
  await abortAll(a, b);
});

test('pipe closes a writer that cannot be half closed, and leaves one open with end: false', async () => {
  for (const end of [true, false]) {
    const [a, b] = memoryStreamPair();
    a.writer.canWriteEof = () => false;
    const source = new StreamReader();
    source.feedData(Buffer.from('soup'));
    source.feedEof();
    assert.equal(await pipe(source, a.writer, { end }), 4);
    assert.equal(a.writer.isClosing(), end);
    assert.equal(String(await b.reader.readExactly(4)), 'soup');
    if (!end) a.writer.write('more');
    await a.close();
    assert.equal(String(await b.reader.read()), end ? '' : 'more');
    await b.close();
  }
});

test('pipe makes its source wait for a slow reader', async () => {
  const [source, entry] = memoryStreamPair();
  const [exit, sink] = memoryStreamPair();
  const piping = createTask(() => pipe(entry.reader, exit.writer));
  source.writer.write(Buffer.alloc(4_000_000));
  for (let i = 0; i < 100; i++) await nextTurn();
  assert.ok(source.writer.bufferedBytes > 3_000_000, `only ${source.writer.bufferedBytes} bytes wait`);
  piping.cancel();
  await assert.rejects(async () => await piping, CancelledError);
  await abortAll(source, entry, exit, sink);
});

test('pipe cancelled at any step has written every byte that it read', async () => {
  let cancelled = 0;
  for (let step = 0; step < 60; step++) {
    const [a, b] = memoryStreamPair();
    a.writer.setWriteBufferLimits({ high: 0 }); // every drain waits
    const source = new StreamReader();
    for (const text of ['one', 'two']) source.feedData(Buffer.from(text));
    const piping = createTask(() => pipe(source, a.writer));
    const done = piping.then(
      () => undefined,
      () => cancelled++,
    );
    for (let i = 0; i < step; i++) {
      if (i % 10 === 9) await nextTurn();
      else await microtasks();
      if (i === 20) source.feedData(Buffer.from('three'));
    }
    piping.cancel();
    if (step <= 20) source.feedData(Buffer.from('three'));
    source.feedEof();
    await done;
    if (!source.atEof()) await pipe(source, a.writer, { end: false });
    await a.close();
    assert.equal(String(await b.reader.read()), 'onetwothree', `cancelled after ${step} steps`);
    await b.close();
  }
  assert.ok(cancelled > 20, `${cancelled} cancels in time`);
});

test('pipe rejects when its writer is lost, also while nothing comes, and takes nothing more', async () => {
  const [a, b] = memoryStreamPair();
  const source = new StreamReader();
  source.feedData(Buffer.from('taken'));
  const piping = createTask(() => pipe(source, a.writer));
  assert.equal(String(await b.reader.readExactly(5)), 'taken');
  assert.ok(source.waiting);
  await abortAll(b);
  await assert.rejects(async () => await piping, ConnectionLostError);
  assert.equal(source.waiting, false);
  source.feedData(Buffer.from('kept'));
  await assert.rejects(pipe(source, a.writer), ConnectionLostError);
  assert.equal(source.bufferedBytes, 4);
  await abortAll(a);
});

test('pipe into a writer that somebody closed rejects, and takes nothing', async () => {
  const [a, b] = memoryStreamPair();
  const source = new StreamReader();
  source.feedData(Buffer.from('kept'));
  a.writer.close();
  await assert.rejects(pipe(source, a.writer), /the writer has ended before the reader/);
  assert.equal(source.bufferedBytes, 4);
  await abortAll(a, b);
});

test('pipe rejects with its reader’s error, and leaves the writer open; a signal cancels it', async () => {
  const [a, b] = memoryStreamPair();
  const source = new StreamReader();
  const stop = new AbortController();
  const piping = pipe(source, a.writer, { signal: stop.signal });
  await microtasks(3);
  stop.abort();
  await assert.rejects(piping, CancelledError);
  source.setException(new Error('broken'));
  await assert.rejects(pipe(source, a.writer), /broken/);
  assert.equal(a.writer.isClosing(), false);
  await abortAll(a, b);
});

test('pipe refuses options that are wrong or unknown before it reads anything', async () => {
  const [a, b] = memoryStreamPair();
  const source = new StreamReader();
  source.feedData(Buffer.from('kept'));
  for (const [options, message] of [
    [{ end: 1 }, 'Cannot pipe: end must be true or false, got 1'],
    [{ close: false }, 'Cannot pipe: unknown option "close"'],
  ] as const) {
    await assert.rejects(pipe(source, a.writer, options as object), { name: 'TypeError', message });
  }
  assert.equal(source.bufferedBytes, 4);
  await abortAll(a, b);
});
