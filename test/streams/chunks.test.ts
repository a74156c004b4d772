import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { CancelledError, createTask, StreamReader } from 'maitre';
import { microtasks, test } from '../support/test.js';

test('chunks() gives the bytes as they come, never none, until the end', async () => {
  const reader = new StreamReader();
  const chunks: string[] = [];
  const loop = createTask(async () => {
    for await (const chunk of reader.chunks()) chunks.push(String(chunk));
  });
  for (const piece of ['one', 'two', 'three']) {
    await microtasks(5);
    reader.feedData(Buffer.from(piece));
  }
  reader.feedData(Buffer.from(' at once'));
  await microtasks(5);
  reader.feedEof();
  await loop;
  assert.deepEqual(chunks, ['one', 'two', 'three at once']);
});

test('chunks() that is cancelled, by its task or by a signal, loses nothing', async () => {
  const reader = new StreamReader();
  const stop = new AbortController();
  const next = reader.chunks({ signal: stop.signal }).next();
  stop.abort();
  await assert.rejects(next, CancelledError);
  const task = createTask(async () => {
    for await (const chunk of reader.chunks()) assert.fail(String(chunk));
  });
  await microtasks(5);
  task.cancel();
  reader.feedData(Buffer.from('kept'));
  await assert.rejects(async () => await task, CancelledError);
  assert.equal(String(await reader.read(100)), 'kept');
});

test('chunks() gives the reader’s error', async () => {
  const reader = new StreamReader();
  reader.setException(new Error('broken'));
  await assert.rejects(reader.chunks().next(), /broken/);
});
