import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { BusyError, CancelledError, createTask, frames, jsonLines, netstrings, StreamReader } from 'maitre';
import { microtasks, nextTurn, test } from '../support/test.js';

interface Kind {
  readonly open: (reader: StreamReader) => AsyncIterableIterator<unknown>;
  /** The first half of an item, and the rest of it. */
  readonly halves: readonly [Buffer, Buffer];
}

const text = (first: string, rest: string): [Buffer, Buffer] => [Buffer.from(first), Buffer.from(rest)];
const kinds: Record<string, Kind> = {
  'lines()': { open: (reader) => reader.lines(), halves: text('so', 'up\n') },
  'lines() with options': { open: (reader) => reader.lines('utf8', { limit: 100 }), halves: text('so', 'up\n') },
  'a reader': { open: (reader) => reader[Symbol.asyncIterator](), halves: text('so', 'up\n') },
  'chunks()': { open: (reader) => reader.chunks(), halves: text('', 'soup') },
  'frames()': {
    open: (reader) => frames(reader)[Symbol.asyncIterator](),
    halves: [Buffer.from([0, 0, 0, 4, 115]), Buffer.from('oup')],
  },
  'netstrings()': {
    open: (reader) => netstrings(reader)[Symbol.asyncIterator](),
    halves: text('4:so', 'up,'),
  },
  'jsonLines()': {
    open: (reader) => jsonLines(reader)[Symbol.asyncIterator](),
    halves: text('"so', 'up"\n'),
  },
};

for (const [name, { open, halves }] of Object.entries(kinds)) {
  const [first, rest] = halves;
  test(`return() of ${name} takes back the next() that waits: it ends, the reader is free, and no byte is lost`, async () => {
    const reader = new StreamReader();
    const items = open(reader);
    const next = items.next();
    reader.feedData(first);
    await microtasks(5);
    assert.ok(reader.waiting);
    assert.deepEqual(await items.return?.(), { done: true, value: undefined });
    assert.deepEqual(await next, { done: true, value: undefined });
    assert.equal(reader.waiting, false);
    reader.feedData(rest);
    if (name === 'frames()' || name === 'netstrings()') return; // the beginning is with the first: see below
    const { value } = await open(reader).next();
    assert.match(String(value), /soup/);
  });

  test(`return() of ${name} takes back what was answered and not delivered yet`, async () => {
    const reader = new StreamReader();
    const items = open(reader);
    const next = items.next();
    reader.feedData(first);
    await microtasks(5);
    reader.feedData(rest);
    void items.return?.();
    assert.deepEqual(await next, { done: true, value: undefined });
    assert.equal(reader.waiting, false);
  });

  test(`a Readable made of ${name} that is destroyed leaves the reader free`, async () => {
    const reader = new StreamReader();
    const readable = Readable.from(open(reader));
    readable.resume();
    await nextTurn();
    assert.ok(reader.waiting);
    readable.destroy();
    await once(readable, 'close');
    assert.equal(reader.waiting, false);
    reader.feedData(Buffer.from('a line\n'));
    assert.equal(String(await reader.readLine()), 'a line\n');
  });

  test(`a cancel of the task that waits in next() of ${name} is its own, also when the iteration is ended after it`, async () => {
    const reader = new StreamReader();
    const items = open(reader);
    const task = createTask(() => items.next());
    await microtasks(3);
    task.cancel();
    void items.return?.();
    await assert.rejects(async () => await task, CancelledError);
  });
}

test('records go on where an iteration that was ended had got to', async () => {
  const reader = new StreamReader();
  const records = frames(reader);
  const items = records[Symbol.asyncIterator]();
  const next = items.next();
  reader.feedData(Buffer.from([0, 0, 0, 4, 115]));
  await microtasks(5);
  await items.return?.();
  await next;
  reader.feedData(Buffer.from('oup'));
  assert.equal(String(await records.read()), 'soup');
});

test('return() of an iteration leaves the read of somebody else alone', async () => {
  const reader = new StreamReader();
  const items = reader.lines();
  reader.feedData(Buffer.from('one\n'));
  await items.next();
  const read = reader.readLine();
  await assert.rejects(items.next(), BusyError);
  await items.return?.();
  assert.ok(reader.waiting);
  reader.feedData(Buffer.from('two\n'));
  assert.equal(String(await read), 'two\n');
});

test('a second next() beside one that waits is refused, and return() takes the first one back', async () => {
  const reader = new StreamReader();
  const items = reader.lines();
  const next = items.next();
  await assert.rejects(items.next(), BusyError);
  await items.return?.();
  assert.deepEqual(await next, { done: true, value: undefined });
});
