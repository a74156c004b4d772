import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { CancelledError, createTask, IncompleteReadError, LimitOverrunError } from 'maitre';
import { StreamReader } from '#src/streams/index.js';
import { microtasks, test } from '../support/test.js';

function makeReader(...chunks: readonly (string | Uint8Array)[]): StreamReader {
  const reader = new StreamReader();
  for (const chunk of chunks) reader.feedData(Buffer.from(chunk as string)); // from() takes both
  reader.feedEof();
  return reader;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

test('lines() gives text without newlines, CRLF included, and the last line without one', async () => {
  const stream = 'one\ntwo\r\n\n\r\nth\rree\r\r\nlast';
  assert.deepEqual(await collect(makeReader(stream).lines()), ['one', 'two', '', '', 'th\rree\r', 'last']);
  assert.deepEqual(await collect(makeReader('a\n').lines()), ['a']);
  assert.deepEqual(await collect(makeReader('a\r').lines()), ['a\r']);
  assert.deepEqual(await collect(makeReader().lines()), []);
});

test('lines() puts characters together that were split at any byte', async () => {
  const text = 'ä€😀\r\né\n漢字';
  const bytes = Buffer.from(text);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const reader = new StreamReader();
    const lines = collect(reader.lines());
    for (const chunk of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      reader.feedData(chunk);
      await microtasks(5);
    }
    reader.feedEof();
    assert.deepEqual(await lines, ['ä€😀', 'é', '漢字'], `cut at ${cut}`);
  }
});

test('lines() decodes one-byte encodings and refuses those in which a newline is not one byte', async () => {
  const bytes = Buffer.from([0xe4, 10, 0x41]);
  for (const encoding of ['latin1', 'binary', 'LATIN1'] as BufferEncoding[]) {
    assert.deepEqual(await collect(makeReader(bytes).lines(encoding)), ['ä', 'A']);
  }
  for (const encoding of ['utf16le', 'ucs2', 'hex', 'base64', 'rot13'] as BufferEncoding[]) {
    assert.throws(() => makeReader(bytes).lines(encoding), RangeError);
  }
  assert.throws(() => makeReader(bytes).lines(5 as never), /^TypeError: Cannot read lines: encoding must be .*, got 5/);
});

test('iterating a reader gives Buffers with their newlines', async () => {
  assert.deepEqual((await collect(makeReader('one\r\n\ntwo'))).map(String), ['one\r\n', '\n', 'two']);
});

test('both iterators end for good, at the end of the stream and when the loop is left', async () => {
  for (const make of [
    (reader: StreamReader) => reader.lines(),
    (reader: StreamReader) => reader[Symbol.asyncIterator](),
  ]) {
    const atEnd = make(makeReader('a\n'))[Symbol.asyncIterator]();
    assert.equal((await atEnd.next()).done, false);
    for (let i = 0; i < 2; i++) assert.deepEqual(await atEnd.next(), { done: true, value: undefined });
    const reader = makeReader('a\nb\n');
    const left = make(reader);
    await left.next();
    assert.deepEqual(await left.return?.(), { done: true, value: undefined });
    assert.equal((await left.next()).done, true);
    assert.equal(String(await reader.read()), 'b\n'); // what was not asked for is still there
  }
});

test('a line over the limit rejects, and the loop can be begun again after it', async () => {
  const reader = new StreamReader({ limit: 3 });
  reader.feedData(Buffer.from('12345\nabc\n'));
  reader.feedEof();
  await assert.rejects(collect(reader.lines()), LimitOverrunError);
  assert.deepEqual(await collect(reader.lines()), ['abc']);
  const other = makeReader('12345\n');
  await assert.rejects(collect(other.lines('utf8', { limit: 3 })), LimitOverrunError);
});

test('a loop over lines is cancelled at its wait, with nothing lost', async () => {
  const reader = new StreamReader();
  const seen: string[] = [];
  const task = createTask(async () => {
    for await (const line of reader.lines()) seen.push(line);
  });
  reader.feedData(Buffer.from('one\ntw'));
  await microtasks(10);
  task.cancel();
  await assert.rejects(task.then(), CancelledError);
  reader.feedData(Buffer.from('o\n'));
  reader.feedEof();
  assert.deepEqual([...seen, ...(await collect(reader.lines()))], ['one', 'two']);
});

test('lines() takes a signal', async () => {
  const reader = new StreamReader();
  const controller = new AbortController();
  const lines = collect(reader.lines('utf8', { signal: controller.signal }));
  controller.abort();
  await assert.rejects(lines, CancelledError);
});

test('readTextLine() gives text without its ending, and undefined at the end', async () => {
  const reader = makeReader('one\r\n\nä\nlast');
  const lines: (string | undefined)[] = [];
  for (let i = 0; i < 6; i++) lines.push(await reader.readTextLine());
  assert.deepEqual(lines, ['one', '', 'ä', 'last', undefined, undefined]);
  assert.equal(await makeReader(Buffer.from([0xe4, 10])).readTextLine({ encoding: 'latin1' }), 'ä');
});

test('readTextLine() with partial: throw rejects with what came of a line that was cut', async () => {
  const reader = makeReader('one\nhalf');
  assert.equal(await reader.readTextLine({ partial: 'throw' }), 'one');
  await assert.rejects(reader.readTextLine({ partial: 'throw' }), (error) => {
    assert.ok(error instanceof IncompleteReadError);
    assert.equal(String(error.partial), 'half');
    return true;
  });
  assert.equal(await reader.readTextLine({ partial: 'throw' }), undefined);
});

test('readTextLine() takes a limit and a signal, refuses options that make no sense, and loses nothing to a cancel', async () => {
  await assert.rejects(makeReader('too long\n').readTextLine({ limit: 3 }), LimitOverrunError);
  await assert.rejects(makeReader('x\n').readTextLine({ signal: AbortSignal.abort() }), CancelledError);
  const wrong = [{ encoding: 'utf16le' }, { encoding: 'rot13' }, { partial: 'drop' }] as object[];
  for (const options of wrong) await assert.rejects(makeReader('x\n').readTextLine(options), RangeError);
  const wrongTypes = [{ encoding: null }, { partial: true }] as object[];
  for (const options of wrongTypes) await assert.rejects(makeReader('x\n').readTextLine(options), TypeError);
  const reader = new StreamReader();
  const task = createTask(() => reader.readTextLine());
  await microtasks(3);
  task.cancel();
  reader.feedData(Buffer.from('kept\n'));
  await assert.rejects(async () => await task, CancelledError);
  assert.equal(await reader.readTextLine(), 'kept');
});
