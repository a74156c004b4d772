// StreamReader, read by read. Against a model, under random operations: reader-model.ts, used at the end of this file.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import {
  BusyError,
  CancelledError,
  createTask,
  IncompleteReadError,
  InvalidStateError,
  LimitOverrunError,
  sleep,
} from 'maitre';
import { type Separator, StreamReader } from '#src/streams/index.js';
import { cancelAtEveryStep } from '../support/explore.js';
import { microtasks, nextTurn, test } from '../support/test.js';
import { countWork } from './count-work.js';
import { FakeReadTransport } from './fake-transport.js';
import { checkAgainstModel, readerCases } from './reader-model.js';

interface Fed {
  readonly limit?: number;
  readonly chunks?: readonly (string | Uint8Array)[];
  readonly eof?: boolean;
}

function makeReader({ limit, chunks = [], eof = false }: Fed = {}): StreamReader {
  const reader = new StreamReader({ limit });
  for (const chunk of chunks) reader.feedData(Buffer.from(chunk as string)); // from() takes both
  if (eof) reader.feedEof();
  return reader;
}

function withTransport(limit: number): { reader: StreamReader; transport: FakeReadTransport } {
  const reader = new StreamReader({ limit });
  const transport = new FakeReadTransport();
  reader.setTransport(transport);
  return { reader, transport };
}

async function text(bytes: PromiseLike<Uint8Array>): Promise<string> {
  return String(await bytes);
}

/** Whether a promise is settled after what has been decided was delivered. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  promise.then(note, note);
  await microtasks(5);
  return settled;
}

// ---- tryReadLine -----------------------------------------------------------------------------------------------

test('tryReadLine gives the lines that are held, one by one, and undefined for anything else', async () => {
  const long = 'x'.repeat(200);
  const reader = makeReader({ limit: 300, chunks: ['one\n\n', `${long}\nha`] });
  assert.equal(String(reader.tryReadLine()), 'one\n');
  assert.equal(String(reader.tryReadLine()), '\n');
  assert.equal(String(reader.tryReadLine()), `${long}\n`);
  assert.equal(reader.tryReadLine(), undefined);
  reader.feedData(Buffer.from('lf\nlast'));
  assert.equal(String(reader.tryReadLine()), 'half\n');
  reader.feedEof();
  assert.equal(reader.tryReadLine(), undefined); // the last line may lack its newline: readLine knows that it is the last
  assert.equal(await text(reader.readLine()), 'last');
});

test('read to the end takes at most readLimit, reads nothing past it, and says how to allow more', async () => {
  for (const whole of [true, false]) {
    const reader = new StreamReader({ readLimit: 10 });
    reader.feedData(Buffer.from('0123456789'));
    const read = whole ? undefined : reader.read();
    reader.feedData(Buffer.from('a'));
    await assert.rejects(read ?? reader.read(), (error) => {
      assert.ok(error instanceof LimitOverrunError);
      assert.equal(error.consumed, 11);
      assert.match(error.message, /11 bytes came before it, readLimit is 10; nothing was read.*\{ readLimit: BYTES \}/);
      return true;
    });
    assert.equal(String(await reader.read(100)), '0123456789a');
  }
  const exact = new StreamReader({ readLimit: 10 });
  exact.feedData(Buffer.from('0123456789'));
  exact.feedEof();
  assert.equal((await exact.read()).length, 10);
  for (const readLimit of [0, -1, NaN]) assert.throws(() => new StreamReader({ readLimit }), RangeError);
});

test('a read to the end that ran into readLimit lets the transport be paused again', async () => {
  const reader = new StreamReader({ limit: 2, readLimit: 10 });
  const transport = new FakeReadTransport();
  reader.setTransport(transport);
  const read = reader.read();
  reader.feedData(Buffer.from('0123456789a'));
  await assert.rejects(read, LimitOverrunError);
  assert.ok(transport.paused);
});

test('after 1,024 reads answered at once the next one waits for the next turn, whichever reads they are', async () => {
  const reads: Record<string, (reader: StreamReader) => Promise<unknown>> = {
    readLine: (reader) => reader.readLine(),
    'readLine with options': (reader) => reader.readLine({ limit: 10 }),
    'read(2)': (reader) => reader.read(2),
    readExactly: (reader) => reader.readExactly(2),
    readUntil: (reader) => reader.readUntil('\n'),
    'tryReadLine first': (reader) => Promise.resolve(reader.tryReadLine() ?? reader.readLine()),
  };
  for (const [name, read] of Object.entries(reads)) {
    const reader = makeReader({ chunks: ['x\n'.repeat(5000)] });
    const perTurn: number[] = [];
    let inTurn = 0;
    let count = 0;
    const endTurn = (): void => {
      perTurn.push(inTurn);
      inTurn = 0;
      if (count < 5000) setImmediate(endTurn);
    };
    setImmediate(endTurn);
    for (; count < 5000; count++) {
      assert.equal(String(await read(reader)), 'x\n');
      inTurn++;
    }
    await nextTurn();
    assert.ok(Math.max(...perTurn, inTurn) <= 1024, `${name}: ${perTurn.join(' ')} in the turns`);
  }
});

test('tryReadLine leaves an error, a line over the limit and a waiting read to those who report them', async () => {
  const over = makeReader({ limit: 3, chunks: ['four\nok\n'] });
  assert.equal(over.tryReadLine(), undefined);
  await assert.rejects(over.readLine(), LimitOverrunError);
  assert.equal(String(over.tryReadLine()), 'ok\n');

  const broken = makeReader({ chunks: ['line\n'] });
  broken.setException(new Error('lost'));
  assert.equal(broken.tryReadLine(), undefined);

  const reader = makeReader();
  const waiting = reader.readExactly(2);
  reader.feedData(Buffer.from('a\nb\n'));
  assert.equal(reader.tryReadLine(), undefined); // what is held is promised to another
  assert.equal(await text(waiting), 'a\n');
  assert.equal(String(reader.tryReadLine()), 'b\n');
});

test('tryReadLine lets a paused transport go on', () => {
  const { reader, transport } = withTransport(4);
  reader.feedData(Buffer.from('abc\ndef\nghi\n'));
  assert.equal(transport.paused, true);
  reader.tryReadLine();
  reader.tryReadLine();
  assert.equal(transport.paused, false);
});

// ---- read ------------------------------------------------------------------------------------------------------

test('read(0) gives an empty Buffer at once, also while another read waits', async () => {
  const reader = makeReader();
  const waiting = reader.read(1);
  assert.equal((await reader.read(0)).length, 0);
  assert.equal((await reader.readExactly(0)).length, 0);
  reader.feedData(Buffer.from('a'));
  assert.equal(await text(waiting), 'a');
});

test('read(n) gives what is there, at most n, without waiting for more', async () => {
  const reader = makeReader({ chunks: ['abc', 'def'] });
  assert.equal(await text(reader.read(2)), 'ab');
  assert.equal(await text(reader.read(100)), 'cdef');
  assert.equal(reader.bufferedBytes, 0);
});

test('read(n) is not bounded by the limit', async () => {
  assert.equal((await makeReader({ limit: 4, chunks: ['x'.repeat(100)] }).read(100)).length, 100);
});

test('read(Infinity) gives all that is there', async () => {
  assert.equal(await text(makeReader({ chunks: ['abc'] }).read(Infinity)), 'abc');
});

test('read(n) waits for the first byte, then gives all that came in that turn', async () => {
  const reader = makeReader();
  const read = reader.read(100);
  assert.equal(await isSettled(read), false);
  reader.feedData(Buffer.from('ab'));
  reader.feedData(Buffer.from('cd'));
  assert.equal(await text(read), 'abcd');
});

test('read() and read(-1) give everything until the end', async () => {
  for (const read of [(reader: StreamReader) => reader.read(), (reader: StreamReader) => reader.read(-1)]) {
    const reader = makeReader({ limit: 2, chunks: ['ab'] });
    const all = read(reader);
    for (const chunk of ['cdefgh', 'ij']) {
      reader.feedData(Buffer.from(chunk));
      assert.equal(await isSettled(all), false);
    }
    reader.feedEof();
    assert.equal(await text(all), 'abcdefghij');
  }
});

test('every read gives what is left at the end, then the end, again and again', async () => {
  const reader = makeReader({ chunks: ['ab'], eof: true });
  assert.equal(reader.atEof(), false);
  assert.equal(await text(reader.read(10)), 'ab');
  assert.equal(reader.atEof(), true);
  for (const read of [reader.read(10), reader.read(), reader.readLine()]) assert.equal(await text(read), '');
});

test('atEof() is false before the end was fed, also with nothing left', () => {
  assert.equal(makeReader().atEof(), false);
  assert.equal(makeReader({ eof: true }).atEof(), true);
});

test('the end wakes a waiting read of every kind', async () => {
  const ends = async (read: (reader: StreamReader) => Promise<Buffer>): Promise<string> => {
    const reader = makeReader();
    const waiting = read(reader);
    assert.equal(await isSettled(waiting), false);
    reader.feedEof();
    reader.feedEof();
    return text(waiting);
  };
  assert.equal(await ends((reader) => reader.read(1)), '');
  assert.equal(await ends((reader) => reader.read()), '');
  assert.equal(await ends((reader) => reader.readLine()), '');
  await assert.rejects(
    ends((reader) => reader.readExactly(1)),
    IncompleteReadError,
  );
  await assert.rejects(
    ends((reader) => reader.readUntil('x')),
    IncompleteReadError,
  );
});

test('a number of bytes that is none is refused', async () => {
  const reader = makeReader({ chunks: ['abc'] });
  for (const n of [NaN, 1.5, 0.5, -0.5]) await assert.rejects(reader.read(n), RangeError);
  for (const n of [NaN, 1.5, -1, Infinity]) await assert.rejects(reader.readExactly(n), RangeError);
  for (const n of ['1', 1n, null, {}] as unknown[] as number[]) {
    await assert.rejects(reader.read(n), TypeError);
    await assert.rejects(reader.readExactly(n), TypeError);
  }
  assert.equal(await text(reader.read(10)), 'abc');
});

test('the bytes given stay right whatever comes after them', async () => {
  const reader = makeReader({ chunks: ['abc', 'def'] });
  const first = await reader.read(2);
  const second = await reader.read(2);
  for (let i = 0; i < 1000; i++) reader.feedData(Buffer.from('XYZ'));
  assert.equal(`${String(first)} ${String(second)}`, 'ab cd');
  assert.equal((await reader.read(10_000)).length, 3002);
});

// ---- readExactly -----------------------------------------------------------------------------------------------

test('readExactly waits for all its bytes and takes no more', async () => {
  const reader = makeReader({ chunks: ['ab'] });
  const read = reader.readExactly(5);
  reader.feedData(Buffer.from('cd'));
  assert.equal(await isSettled(read), false);
  reader.feedData(Buffer.from('efg'));
  assert.equal(await text(read), 'abcde');
  assert.equal(await text(reader.read(10)), 'fg');
});

test('readExactly rejects at the end with what came, and empties the buffer', async () => {
  const reader = makeReader({ chunks: ['abc'], eof: true });
  await assert.rejects(reader.readExactly(5), (error: unknown) => {
    assert.ok(error instanceof IncompleteReadError);
    assert.equal(String(error.partial), 'abc');
    assert.equal(error.expected, 5);
    assert.match(error.message, /3 of 5/);
    return true;
  });
  assert.equal(reader.bufferedBytes, 0);
  assert.equal(reader.atEof(), true);
});

test('readExactly of more than 2 x limit resumes a paused transport and lets it run', async () => {
  const { reader, transport } = withTransport(10);
  reader.feedData(Buffer.alloc(21));
  assert.deepEqual(transport.log, ['pause']);
  const read = reader.readExactly(100);
  assert.deepEqual(transport.log, ['pause', 'resume']);
  for (let at = 21; at < 100; at += 1) reader.feedData(Buffer.alloc(1));
  assert.deepEqual(transport.log, ['pause', 'resume', 'pause']); // all is there and not taken yet: enough for now
  assert.equal((await read).length, 100);
  assert.deepEqual(transport.log, ['pause', 'resume', 'pause', 'resume']);
});

test('readExactly of a size that never comes sets aside only what comes', async () => {
  const reader = makeReader();
  const read = reader.readExactly(2 ** 50);
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 100; i++) reader.feedData(Buffer.alloc(1000));
  assert.ok(process.memoryUsage().arrayBuffers - before < 10_000_000);
  reader.feedEof();
  await assert.rejects(read, (error) => error instanceof IncompleteReadError && error.partial.length === 100_000);
});

// ---- readUntil and readLine ------------------------------------------------------------------------------------

test('readUntil gives the record with its separator, a newline by default', async () => {
  const reader = makeReader({ chunks: ['one\ntwo--three--'] });
  assert.equal(await text(reader.readUntil()), 'one\n');
  assert.equal(await text(reader.readUntil('--')), 'two--');
  assert.equal(await text(reader.readUntil(Buffer.from('--'))), 'three--');
  assert.equal(reader.bufferedBytes, 0);
});

test('readUntil finds a separator that is split over chunks anywhere', async () => {
  const separator = 'é--é';
  const stream = Buffer.from(`abc${separator}rest`);
  for (let cut = 1; cut < stream.length; cut++) {
    for (let second = cut; second < stream.length; second++) {
      const reader = makeReader();
      const read = reader.readUntil(separator);
      for (const chunk of [stream.subarray(0, cut), stream.subarray(cut, second), stream.subarray(second)]) {
        reader.feedData(chunk);
        await microtasks();
      }
      assert.equal(await text(read), `abc${separator}`, `cut at ${cut} and ${second}`);
      assert.equal(await text(reader.read(10)), 'rest');
    }
  }
});

test('of several separators the one that ends first wins, even if another began before it', async () => {
  const first = async (chunks: string[], separators: Separator): Promise<string> =>
    text(makeReader({ chunks, eof: true }).readUntil(separators));
  assert.equal(await first(['abcde'], ['bcd', 'c']), 'abc');
  assert.equal(await first(['abcde'], ['c', 'bcd']), 'abc');
  assert.equal(await first(['a--b==c'], ['==', '--']), 'a--');
  assert.equal(await first(['a\r\nb'], ['\r\n', '\n', '\r']), 'a\r');
  assert.equal(await first(['aX', 'Yb'], ['XY', 'Yb']), 'aXY');
  assert.equal(await first(['none=here'], ['--', Buffer.from('=')]), 'none=');
});

test('of two separators that end together, the shorter one decides what the limit compares', async () => {
  const reader = makeReader({ limit: 3, chunks: ['abcd'] });
  await assert.rejects(reader.readUntil(['bcd', 'cd', 'd'], { limit: 2 }), (error) => {
    return error instanceof LimitOverrunError && error.consumed === 3;
  });
  assert.equal(await text(reader.readUntil(['bcd', 'd'])), 'abcd');
});

test('readUntil rejects at the end with everything that is left', async () => {
  const reader = makeReader({ chunks: ['abc'], eof: true });
  await assert.rejects(reader.readUntil('x'), (error: unknown) => {
    assert.ok(error instanceof IncompleteReadError);
    assert.equal(String(error.partial), 'abc');
    assert.equal(error.expected, undefined);
    return true;
  });
  assert.equal(reader.bufferedBytes, 0);
});

test('readLine gives lines with their newline and the last one without', async () => {
  const reader = makeReader({ chunks: ['one\n', '\n', 'tw', 'o'], eof: true });
  assert.equal(await text(reader.readLine()), 'one\n');
  assert.equal(await text(reader.readLine()), '\n');
  assert.equal(await text(reader.readLine()), 'two');
  assert.equal(await text(reader.readLine()), '');
});

test('the limit counts what stands before the separator, which may be exactly that long', async () => {
  for (const read of ['readLine', 'readUntil'] as const) {
    const reader = makeReader({ limit: 5, chunks: ['12345\n'] });
    const bytes = read === 'readLine' ? reader.readLine() : reader.readUntil('\n');
    assert.equal(await text(bytes), '12345\n');
  }
});

test('readUntil over the limit reads nothing, and says how much stands before the separator', async () => {
  const reader = makeReader({ limit: 5, chunks: ['123456\nrest'] });
  await assert.rejects(reader.readUntil('\n'), (error: unknown) => {
    assert.ok(error instanceof LimitOverrunError);
    assert.equal(error.consumed, 6);
    assert.match(error.message, /after 6 bytes.*limit is 5.*nothing was read/);
    return true;
  });
  assert.equal(reader.bufferedBytes, 11);
  assert.equal(await text(reader.readUntil('\n', { limit: 6 })), '123456\n');
});

test('readUntil without a separator in reach says how many bytes cannot begin one', async () => {
  for (const [separator, consumed] of [
    ['\n', 9],
    ['---', 7],
    [['--', '\n'], 8],
  ] as const) {
    const reader = makeReader({ limit: 5, chunks: ['123456789'] });
    const overrun = (error: unknown): boolean => error instanceof LimitOverrunError && error.consumed === consumed;
    await assert.rejects(reader.readUntil(separator), overrun);
    assert.equal(reader.bufferedBytes, 9);
    assert.equal((await reader.readExactly(consumed)).length, consumed);
  }
});

test('readUntil waits while a separator could still end within the limit', async () => {
  const reader = makeReader({ limit: 5 });
  const read = reader.readUntil('\r\n');
  reader.feedData(Buffer.from('12345\r'));
  assert.equal(await isSettled(read), false);
  reader.feedData(Buffer.from('\n'));
  assert.equal(await text(read), '12345\r\n');
});

test('readLine over the limit drops the line, or everything held when its newline has not come', async () => {
  const reader = makeReader({ limit: 5, chunks: ['123456\nnext\n'] });
  await assert.rejects(reader.readLine(), (error: unknown) => {
    assert.ok(error instanceof LimitOverrunError);
    assert.equal(error.consumed, 6);
    assert.match(error.message, /it was dropped/);
    return true;
  });
  assert.equal(await text(reader.readLine()), 'next\n');
  const waiting = reader.readLine();
  reader.feedData(Buffer.from('12345'));
  assert.equal(await isSettled(waiting), false);
  reader.feedData(Buffer.from('678'));
  await assert.rejects(waiting, (error) => error instanceof LimitOverrunError && error.consumed === 8);
  assert.equal(reader.bufferedBytes, 0);
});

test('a last line longer than the limit is an overrun also at the end of the stream', async () => {
  await assert.rejects(makeReader({ limit: 3, chunks: ['12345'], eof: true }).readLine(), LimitOverrunError);
  await assert.rejects(makeReader({ limit: 3, chunks: ['12345'], eof: true }).readUntil('\n'), LimitOverrunError);
  assert.equal(await text(makeReader({ limit: 5, chunks: ['12345'], eof: true }).readLine()), '12345');
});

test("a limit for one read replaces the reader's, both ways", async () => {
  const reader = makeReader({ limit: 5, chunks: ['1234567\n1234\n'] });
  assert.equal(await text(reader.readLine({ limit: 7 })), '1234567\n');
  await assert.rejects(reader.readLine({ limit: 3 }), LimitOverrunError);
  assert.equal(reader.bufferedBytes, 0);
});

test('limits and separators that make no sense are refused before anything is read', async () => {
  for (const limit of [0, -1, NaN]) {
    assert.throws(() => new StreamReader({ limit }), RangeError);
    await assert.rejects(makeReader().readLine({ limit }), RangeError);
    await assert.rejects(makeReader().readUntil('\n', { limit }), RangeError);
  }
  assert.throws(() => new StreamReader({ limit: '5' as unknown as number }), TypeError);
  for (const pauseAbove of [-1, Number.NaN]) assert.throws(() => new StreamReader({ pauseAbove }), RangeError);
  assert.throws(() => new StreamReader({ pauseAbove: '5' as unknown as number }), TypeError);
  assert.equal(new StreamReader({ limit: Infinity, pauseAbove: 0 }).limit, Infinity);
  for (const separator of ['', Buffer.alloc(0), [], ['a', '']]) {
    await assert.rejects(makeReader({ chunks: ['a'] }).readUntil(separator), RangeError);
  }
  for (const separator of [5, null, [5], {}] as unknown[] as Separator[]) {
    await assert.rejects(makeReader({ chunks: ['a'] }).readUntil(separator), TypeError);
  }
});

// ---- errors, one reader at a time ------------------------------------------------------------------------------

test('after setException every read rejects with it, also with bytes left and when asked for none', async () => {
  const broken = new Error('broken');
  const reader = makeReader({ chunks: ['abc\n'] });
  const waiting = reader.readExactly(10);
  reader.setException(broken);
  assert.equal(reader.exception(), broken);
  const isBroken = (error: unknown): boolean => error === broken;
  await assert.rejects(waiting, isBroken);
  const reads = [reader.read(1), reader.read(0), reader.read(), reader.readExactly(0), reader.readExactly(1)];
  for (const read of [...reads, reader.readLine(), reader.readUntil('\n')]) await assert.rejects(read, isBroken);
  assert.equal(reader.bufferedBytes, 4);
});

test('exception() is undefined without one', () => {
  assert.equal(makeReader({ eof: true }).exception(), undefined);
});

test('a second read rejects with BusyError while one waits, and does not disturb it', async () => {
  const reader = makeReader({ chunks: ['ab'] });
  const first = reader.readExactly(4);
  const others = [reader.read(1), reader.read(), reader.readExactly(1), reader.readUntil('b'), reader.readLine()];
  for (const other of others) {
    await assert.rejects(other, (error) => error instanceof BusyError && /readExactly/.test(error.message));
  }
  reader.feedData(Buffer.from('cd'));
  await assert.rejects(reader.read(1), BusyError); // answered, not delivered: the bytes are the first one's
  assert.equal(await text(first), 'abcd');
  const next = reader.read(1);
  reader.feedData(Buffer.from('e'));
  assert.equal(await text(next), 'e');
});

test('feedData takes bytes only, keeps nothing of an empty chunk, and throws after feedEof', async () => {
  const reader = makeReader();
  assert.throws(() => reader.feedData('text' as unknown as Uint8Array), TypeError);
  const read = reader.read(1);
  reader.feedData(new Uint8Array(0));
  assert.equal(await isSettled(read), false);
  reader.feedData(new Uint8Array([65]));
  assert.equal(await text(read), 'A');
  reader.feedEof();
  assert.throws(() => reader.feedData(Buffer.from('a')), InvalidStateError);
});

test('feedData takes a view of a larger memory as what it shows', async () => {
  const reader = makeReader({ chunks: [] });
  reader.feedData(new Uint8Array(Buffer.from('__ab__').buffer, Buffer.from('__ab__').byteOffset, 0));
  const memory = new Uint8Array([1, 65, 66, 2]);
  reader.feedData(memory.subarray(1, 3));
  const bytes = await reader.read(10);
  assert.ok(Buffer.isBuffer(bytes));
  assert.equal(String(bytes), 'AB');
});

test('toString() says what it holds and what waits', async () => {
  const reader = makeReader({ limit: 10, chunks: ['ab'] });
  const read = reader.readLine();
  assert.equal(String(reader), '<StreamReader 2 bytes, limit 10, waits for readLine>');
  reader.feedEof();
  await read;
  reader.setException(new Error('gone'));
  assert.equal(String(reader), '<StreamReader 0 bytes, limit 10, eof, exception Error: gone>');
});

// ---- flow control ----------------------------------------------------------------------------------------------

test('the transport is paused above 2 x limit and resumed at the limit', async () => {
  const { reader, transport } = withTransport(10);
  reader.feedData(Buffer.alloc(20));
  assert.deepEqual(transport.log, []);
  reader.feedData(Buffer.alloc(1));
  reader.feedData(Buffer.alloc(50));
  assert.deepEqual(transport.log, ['pause']);
  await reader.read(60);
  assert.deepEqual(transport.log, ['pause']); // 11 left
  await reader.read(1);
  assert.deepEqual(transport.log, ['pause', 'resume']);
});

test('a read that must wait resumes the transport, whatever is held', async () => {
  for (const read of [
    (reader: StreamReader) => reader.readExactly(100),
    (reader: StreamReader) => reader.read(),
    (reader: StreamReader) => reader.readLine({ limit: 100 }),
    (reader: StreamReader) => reader.readUntil('x', { limit: 100 }),
  ]) {
    const { reader, transport } = withTransport(10);
    reader.feedData(Buffer.alloc(25));
    const waiting = read(reader);
    assert.deepEqual(transport.log, ['pause', 'resume']);
    reader.feedData(Buffer.alloc(25)); // it waits for more, so nothing is held back
    assert.deepEqual(transport.log, ['pause', 'resume']);
    reader.feedEof();
    await waiting.catch(() => undefined);
    assert.deepEqual(transport.log, ['pause', 'resume']);
  }
});

test('the cancel of a read that let in more than 2 x limit pauses the transport', async () => {
  const { reader, transport } = withTransport(10);
  const controller = new AbortController();
  const read = reader.readExactly(100, { signal: controller.signal });
  reader.feedData(Buffer.alloc(30));
  assert.deepEqual(transport.log, []);
  controller.abort();
  await assert.rejects(read, CancelledError);
  assert.deepEqual(transport.log, ['pause']);
  assert.equal(reader.bufferedBytes, 30);
});

test('a dropped line counts as read: it resumes the transport', async () => {
  const { reader, transport } = withTransport(10);
  reader.feedData(Buffer.alloc(25));
  await assert.rejects(reader.readLine(), LimitOverrunError);
  assert.deepEqual(transport.log, ['pause', 'resume']);
});

test('nothing is paused after the end', () => {
  const { reader, transport } = withTransport(10);
  reader.feedData(Buffer.alloc(20));
  reader.feedEof();
  assert.deepEqual(transport.log, []);
});

test('a transport may feed from within resumeReading', async () => {
  const { reader, transport } = withTransport(10);
  reader.feedData(Buffer.alloc(25));
  transport.onResume = () => reader.feedData(Buffer.alloc(5));
  assert.equal((await reader.readExactly(30)).length, 30);
});

test('pauseAbove 0 takes one chunk at a time', async () => {
  const reader = new StreamReader({ pauseAbove: 0 });
  const transport = new FakeReadTransport();
  reader.setTransport(transport);
  reader.feedData(Buffer.from('ab'));
  assert.ok(transport.paused);
  await reader.read(1);
  assert.ok(transport.paused);
  await reader.read(1);
  assert.ok(!transport.paused);
});

// ---- the cost of scanning --------------------------------------------------------------------------------------

for (const size of [1, 64, 1000]) {
  test(`a line of 1 MiB in chunks of ${size} is scanned and copied a bounded number of times`, async () => {
    const length = 2 ** 20;
    const chunk = Buffer.alloc(size, 'x');
    for (const separators of ['\n', '\r\n', ['\r\n', '--end--']] as const) {
      const reader = makeReader({ limit: 2 * length });
      const work = await countWork(async () => {
        const read = reader.readUntil(separators);
        for (let fed = 0; fed < length; fed += size) reader.feedData(chunk);
        reader.feedData(Buffer.from('\r\n'));
        assert.ok((await read).length > length);
      });
      // Each chunk is scanned with what a separator may have begun before it: up to 6 bytes, for each of two.
      const perByte = separators === '\n' ? 1 : separators === '\r\n' ? 2 : 14;
      assert.ok(work.scanned < (perByte + 0.1) * length, `${work.scanned} bytes were scanned`);
      assert.ok(work.copied < 4 * length, `${work.copied} bytes were copied`);
    }
  });
}

test('many short lines in one chunk are scanned once', async () => {
  const length = 2 ** 20;
  for (const separators of ['\n', '\r\n', ['\n', '\r', '\r\n\r\n']] as const) {
    const reader = makeReader({ chunks: [Buffer.alloc(length, '12345678\r\n')] });
    const work = await countWork(async () => {
      while (reader.bufferedBytes > 10) await reader.readUntil(separators);
    });
    assert.ok(work.scanned <= 3 * length, `${work.scanned} bytes were scanned for ${JSON.stringify(separators)}`);
    assert.ok(work.copied < 100, `${work.copied} bytes were copied`);
  }
});

// ---- cancellation ----------------------------------------------------------------------------------------------

const waitingReads: Readonly<Record<string, (reader: StreamReader) => Promise<Uint8Array>>> = {
  read: (reader) => reader.read(3),
  readExactly: (reader) => reader.readExactly(8),
  readUntil: (reader) => reader.readUntil('--'),
  'readUntil of several': (reader) => reader.readUntil(['==', '--']),
  readLine: (reader) => reader.readLine(),
};

for (const [name, read] of Object.entries(waitingReads)) {
  test(`${name} cancelled at every step has either given its bytes or left them`, async () => {
    const stream = 'abc--\ndef--\nghi---';
    const explored = await cancelAtEveryStep(() => {
      const reader = makeReader();
      let fed = '';
      let got = '';
      return {
        body: async () => {
          const feeder = createTask(async () => {
            for (let at = 0; at < stream.length; at += 3) {
              reader.feedData(Buffer.from(stream.slice(at, at + 3)));
              fed = stream.slice(0, at + 3);
              if (at % 2 === 0) await sleep(0);
            }
          });
          try {
            for (let i = 0; i < 2; i++) got += String(await read(reader));
          } finally {
            feeder.cancel();
            await feeder.catch(() => undefined);
          }
        },
        check: () => {
          assert.equal(got, fed.slice(0, got.length));
          assert.equal(got.length + reader.bufferedBytes, fed.length);
        },
      };
    });
    assert.ok(explored > 3, `only ${explored} steps`);
  });

  test(`${name}: for each order of a feed and a cancel, the next read goes on where this one began or ended`, async () => {
    const stream = 'abcdef--\nrest';
    let cancelled = 0;
    let delivered = 0;
    for (let feedAt = 0; feedAt < 6; feedAt++) {
      for (let cancelAt = 0; cancelAt < 8; cancelAt++) {
        const reader = makeReader({ chunks: ['abcdef'].slice(name === 'read' ? 1 : 0) });
        let got = '';
        const task = createTask(async () => {
          got = String(await read(reader));
        });
        for (let step = 0; step <= 8; step++) {
          if (step === feedAt) reader.feedData(Buffer.from(name === 'read' ? stream : stream.slice(6)));
          if (step === cancelAt) task.cancel();
          await microtasks();
        }
        await task.catch(() => undefined);
        if (got === '') cancelled++;
        else delivered++;
        reader.feedEof();
        assert.equal(got + (await text(reader.read())), stream, `fed at ${feedAt}, cancelled at ${cancelAt}`);
      }
    }
    assert.ok(cancelled > 5 && delivered > 5, `cancelled ${cancelled}, delivered ${delivered}`);
  });
}

test('a cancelled read frees the reader at once', async () => {
  const reader = makeReader();
  const controller = new AbortController();
  const first = reader.readExactly(4, { signal: controller.signal });
  reader.feedData(Buffer.from('ab'));
  controller.abort();
  const second = reader.read(10);
  assert.equal(await text(second), 'ab');
  await assert.rejects(first, CancelledError);
});

test('a read with an aborted signal rejects and takes nothing, also when the bytes are there', async () => {
  const reader = makeReader({ chunks: ['ab\n'] });
  const options = { signal: AbortSignal.abort() };
  const reads = [reader.read(1, options), reader.read(0, options), reader.readExactly(0, options)];
  for (const read of [
    ...reads,
    reader.readExactly(1, options),
    reader.readLine(options),
    reader.readUntil('\n', options),
  ]) {
    await assert.rejects(read, CancelledError);
  }
  assert.equal(reader.bufferedBytes, 3);
});

// ---- the model -------------------------------------------------------------------------------------------------

test('StreamReader does what a naive model does, under random operations', async () => {
  await fc.assert(fc.asyncProperty(readerCases, checkAgainstModel), { numRuns: 3000 });
});
