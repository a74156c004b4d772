import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { CancelledError, createTask, feedParser, Future, type PushParser, StreamReader } from 'maitre';
import { memoryStreamPair } from 'maitre/testing';
import { microtasks, nextTurn, test } from '../support/test.js';

test('feedParser gives the parser every byte once, with its own this, and says how many', async () => {
  const reader = new StreamReader();
  class Counter {
    bytes = 0;
    parse(chunk: Buffer): number {
      this.bytes += chunk.length;
      return this.bytes;
    }
  }
  const parser = new Counter();
  const feeding = createTask(() => feedParser(reader, parser));
  for (let i = 1; i <= 10; i++) {
    reader.feedData(Buffer.alloc(i * 100));
    await microtasks(5);
  }
  reader.feedEof();
  assert.equal(await feeding, 5500);
  assert.equal(parser.bytes, 5500);
});

test('a parser that returns a promise makes the peer wait', async () => {
  const [a, b] = memoryStreamPair();
  const gate = new Future<void>();
  let chunks = 0;
  const feeding = createTask(() => feedParser(b.reader, { parse: () => (chunks++, gate) }));
  a.writer.write(Buffer.alloc(2_000_000));
  for (let i = 0; i < 50; i++) await nextTurn();
  assert.equal(chunks, 1);
  assert.ok(a.writer.bufferedBytes > 1_200_000);
  gate.setResult();
  await a.close();
  assert.equal(await feeding, 2_000_000);
  await b.close();
});

test('feedParser rejects with what the parser throws or rejects with, and leaves the rest to read', async () => {
  for (const parse of [
    () => {
      throw new SyntaxError('garbage');
    },
    () => Promise.reject(new SyntaxError('garbage')),
  ]) {
    const reader = new StreamReader();
    reader.feedData(Buffer.from('bad'));
    await assert.rejects(feedParser(reader, { parse }), SyntaxError);
    reader.feedData(Buffer.from('rest'));
    assert.equal(String(await reader.read(10)), 'rest');
  }
});

test('feedParser that is cancelled in a read has taken nothing, in the parser it ends at once', async () => {
  const reader = new StreamReader();
  const given: string[] = [];
  const reading = createTask(() => feedParser(reader, { parse: (chunk) => void given.push(String(chunk)) }));
  await microtasks(5);
  reading.cancel();
  reader.feedData(Buffer.from('kept'));
  await assert.rejects(async () => await reading, CancelledError);
  assert.deepEqual(given, []);
  const parsing = createTask(() => feedParser(reader, { parse: () => new Promise(() => undefined) }));
  await microtasks(5);
  parsing.cancel();
  await assert.rejects(async () => await parsing, CancelledError);
  assert.equal(reader.bufferedBytes, 0);
});

test('feedParser wants an object with parse', async () => {
  for (const parser of [undefined, null, {}, () => undefined] as unknown[] as PushParser[]) {
    await assert.rejects(feedParser(new StreamReader(), parser), TypeError);
  }
});
