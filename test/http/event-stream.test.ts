import assert from 'node:assert/strict';
import { cancellable, CancelledError, createTask, Queue, sleep, type Task } from 'maitre';
import { eventStream, type EventStreamOptions, type ServerSentEvent } from 'maitre/http';
import { Resource, waitsOf } from 'maitre/lowlevel';
import { until } from '../net/sockets.js';
import { fakeTest, nextTurn, test } from '../support/test.js';

const request = (headers: Record<string, string> = {}): Request => new Request('http://x/events?all', { headers });

/** All of a response. */
async function textOf(source: Parameters<typeof eventStream>[1], options?: EventStreamOptions): Promise<string> {
  return eventStream(request(), source, options).text();
}

async function* of<T extends ServerSentEvent | string>(...events: T[]): AsyncGenerator<T> {
  yield* events;
}

/** A source that counts what is called, made of a queue. */
function counted() {
  const queue = new Queue<string>();
  const counts = { next: 0, return: 0, opened: 0, waits: 0 };
  const iterator: AsyncIterator<string> = {
    async next() {
      counts.next++;
      return { done: false, value: await queue.get() };
    },
    async return() {
      counts.return++;
      return { done: true, value: undefined };
    },
  };
  const source: AsyncIterable<string> = {
    [Symbol.asyncIterator]() {
      counts.opened++;
      return iterator;
    },
  };
  return { queue, counts, source };
}

/** Reads one chunk. */
async function readText(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const { value } = await reader.read();
  return Buffer.from(value ?? []).toString();
}

function readerOf(response: Response): ReadableStreamDefaultReader<Uint8Array> {
  return (response.body as ReadableStream<Uint8Array>).getReader();
}

test('events are framed as the standard reads them, and the response has the right headers', async () => {
  const response = eventStream(request(), of('soup'), { headers: { 'x-table': '4' } });
  assert.deepEqual(Object.fromEntries(response.headers), {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    'x-table': '4',
  });
  assert.equal(await response.text(), ':\n\ndata: soup\n\n');
  const all = { comment: 'c', retry: 5, id: '7', event: 'order', data: 'fish' };
  assert.equal(
    await textOf(of(all), { retry: 100 }),
    'retry: 100\n\n: c\nretry: 5\nid: 7\nevent: order\ndata: fish\n\n',
  );
  assert.equal(await textOf(of<ServerSentEvent | string>('', { id: '' })), ':\n\ndata: \n\nid: \n\n');
});

test('text of several lines becomes several fields, whatever ends its lines, and begins no field of its own', async () => {
  const nasty = 'a\nevent: b\r\nid: c\r\rdata: d\n';
  const expected = 'data: a\ndata: event: b\ndata: id: c\ndata: \ndata: data: d\ndata: \n\n';
  assert.equal(await textOf(of(nasty)), `:\n\n${expected}`);
  assert.equal(await textOf(of({ data: nasty })), `:\n\n${expected}`);
  assert.equal(await textOf(of({ comment: 'a\nb' })), ':\n\n: a\n: b\n\n');
});

test('what cannot be an event ends the stream with an error, and releases the source', async () => {
  const wrong: readonly [unknown, RegExp][] = [
    [{ event: 'a\nb', data: '' }, /event must be one line/],
    [{ id: 'a\rb', data: '' }, /id must be one line/],
    [{ id: 'a\0b', data: '' }, /id must be one line/],
    [{ data: 7 }, /data must be a string, got 7/],
    [{ retry: -1 }, /retry must be an integer >= 0, got -1/],
    [{}, /expected an object with data, event, id, retry, comment/],
    [7, /expected a string or an object, got 7/],
    [null, /expected a string or an object, got null/],
  ];
  for (const [event, message] of wrong) {
    let released = 0;
    async function* source(): AsyncGenerator<string> {
      try {
        yield event as string;
      } finally {
        released++;
      }
    }
    await assert.rejects(textOf(source), { name: 'TypeError', message });
    await until(() => released === 1, 'the source to be released');
  }
});

test('wrong arguments are refused at once', () => {
  const call = (source: unknown, options?: unknown): Response =>
    eventStream(request(), source as AsyncIterable<string>, options as EventStreamOptions);
  assert.throws(() => call(undefined), /Cannot send events: expected an async iterable or a function/);
  assert.throws(() => call(['a']), TypeError);
  assert.throws(() => call(of(), { retry: -1 }), RangeError);
  assert.throws(() => call(of(), { heartbeat: 0 }), RangeError);
  assert.throws(() => call(of(), { lastEventId: 7 }), TypeError);
  assert.throws(() => call(of(), { beat: 1 }), /unknown option "beat"/);
});

test('the source function receives Last-Event-ID, or the option in its place', async () => {
  const seen: (string | undefined)[] = [];
  const source = (lastEventId: string | undefined): AsyncIterable<ServerSentEvent> => {
    seen.push(lastEventId);
    return of();
  };
  await eventStream(request(), source).text();
  await eventStream(request({ 'last-event-id': '41' }), source).text();
  await eventStream(request({ 'last-event-id': '41' }), source, { lastEventId: '42' }).text();
  assert.deepEqual(seen, [undefined, '41', '42']);
});

test('an event is taken when the client reads, and never before', async () => {
  const { queue, counts, source } = counted();
  for (let i = 0; i < 100; i++) queue.putNowait(`e${i}`);
  const reader = readerOf(eventStream(request(), source));
  for (let i = 0; i < 5; i++) await nextTurn();
  assert.equal(counts.opened, 0);
  assert.equal(await readText(reader), ':\n\n');
  for (let i = 0; i < 5; i++) {
    for (let turn = 0; turn < 3; turn++) await nextTurn();
    assert.equal(counts.next, i, 'after the read');
    assert.equal(await readText(reader), `data: e${i}\n\n`);
  }
  await reader.cancel();
  await until(() => counts.return === 1, 'the source to be released');
});

test('return() is called once when the client leaves: while it waits, between events, and before the first read', async () => {
  for (const reads of [0, 1, 2, 3]) {
    const { queue, counts, source } = counted();
    queue.putNowait('first');
    const reader = readerOf(eventStream(request(), source));
    for (let i = 0; i < Math.min(reads, 2); i++) await readText(reader);
    const waiting = reads === 3 ? reader.read() : undefined;
    await nextTurn();
    await reader.cancel();
    await waiting;
    await until(() => counts.return === 1, `return() after ${reads} reads`);
    for (let i = 0; i < 5; i++) await nextTurn();
    assert.deepEqual([counts.return, counts.opened], [1, 1], `after ${reads} reads`);
  }
});

test('return() is not called of a source that ended or threw; what it threw reaches the reader', async () => {
  const failed = new Error('the oven is cold');
  for (const end of ['ended', 'threw']) {
    let returns = 0;
    const source: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next: () => (end === 'ended' ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(failed)),
        return: () => Promise.resolve({ done: true, value: returns++ }),
      }),
    };
    const text = textOf(source);
    if (end === 'ended') assert.equal(await text, ':\n\n');
    else await assert.rejects(text, (error) => error === failed);
    for (let i = 0; i < 5; i++) await nextTurn();
    assert.equal(returns, 0, end);
  }
});

test('the source is cancelled in its wait when the client leaves, and may take its time to clean up', async () => {
  const steps: string[] = [];
  async function* source(): AsyncGenerator<string> {
    try {
      yield 'a';
      await sleep(Infinity);
    } catch (error) {
      steps.push((error as Error).name);
      throw error;
    } finally {
      await sleep(5);
      steps.push('clean');
    }
  }
  const reader = readerOf(eventStream(request(), source));
  await readText(reader);
  await readText(reader);
  const last = reader.read();
  await nextTurn();
  await reader.cancel();
  assert.equal((await last).done, true);
  await until(() => steps.length === 2, 'the source to clean up');
  assert.deepEqual(steps, ['CancelledError', 'clean']);
});

test('a source that waits for a foreign promise does not keep the client from leaving', async () => {
  let settle: (() => void) | undefined;
  let cleaned = false;
  async function* source(): AsyncGenerator<string> {
    try {
      await new Promise<void>((resolve) => (settle = resolve));
      yield 'late';
    } finally {
      cleaned = true;
    }
  }
  const reader = readerOf(eventStream(request(), source));
  await readText(reader);
  const waiting = reader.read();
  await until(() => settle !== undefined, 'the source to wait');
  await reader.cancel();
  assert.equal((await waiting).done, true);
  settle?.();
  await until(() => cleaned, 'the source to be released');
});

fakeTest(
  'a quiet stream gets a comment after each heartbeat, and none while the client does not read',
  async (clock) => {
    const { queue, source } = counted();
    const reader = readerOf(eventStream(request(), source, { heartbeat: 1000 }));
    const chunks: string[] = [];
    const read = (): Promise<string> => cancellable(readText(reader));
    await read();
    const began = clock.now();
    for (let i = 0; i < 3; i++) chunks.push(await read(), String(Math.round(clock.now() - began)));
    assert.deepEqual(chunks, [':\n\n', '1000', ':\n\n', '2000', ':\n\n', '3000']);
    await sleep(10_000); // nobody reads: nothing piles up
    queue.putNowait('a');
    queue.putNowait('b');
    assert.equal(await read(), 'data: a\n\n');
    assert.equal(await read(), 'data: b\n\n');
    await reader.cancel();
    await sleep(10);
  },
);

test('the console sees the stream, its task and what that waits for', async () => {
  const { source, queue } = counted();
  queue.putNowait('a');
  const creator = createTask(() => eventStream(request(), source), { name: 'GET /events' });
  const reader = readerOf(await creator);
  await readText(reader);
  await readText(reader);
  const find = () => [...Resource.live].find((each) => each.kind === 'event stream');
  const task = find()?.task as Task<unknown>;
  assert.equal(task.name, 'events /events');
  await until(() => waitsOf(task)[0]?.kind === 'events.send', 'the task to wait for the client');
  assert.equal(waitsOf(task)[0]?.resource, find());
  assert.deepEqual(find()?.statistics(), { events: 1, bytes: 12, wanted: false });
  const waiting = reader.read();
  await until(() => waitsOf(task).some((each) => each.kind === 'queue.get'), 'the source to wait');
  await reader.cancel();
  await waiting;
  await until(() => task.done(), 'the task to end');
  assert.equal(find(), undefined);
  assert.ok(task.cancelled());
  await assert.rejects(task, CancelledError);
});

test('a request of another server ends its stream when its signal aborts', async () => {
  const { source, counts } = counted();
  const abort = new AbortController();
  const reader = readerOf(eventStream(new Request('http://x/', { signal: abort.signal }), source));
  await readText(reader);
  const waiting = reader.read();
  await until(() => counts.next === 1, 'the source to wait');
  abort.abort();
  assert.equal((await waiting).done, true);
  await until(() => counts.return === 1, 'the source to be released');
});
