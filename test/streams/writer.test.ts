import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import {
  CancelledError,
  ConnectionLostError,
  createTask,
  type ExceptionContext,
  InvalidStateError,
  setExceptionHandler,
  sleep,
} from 'maitre';
import { joinChunks, StreamWriter, type StreamWriterOptions } from '#src/streams/index.js';
import { cancelAtEveryStep } from '../support/explore.js';
import { microtasks, nextTurn, test } from '../support/test.js';
import { FakeWriteTransport } from './fake-transport.js';

function makeWriter(options?: StreamWriterOptions): { writer: StreamWriter; transport: FakeWriteTransport } {
  const transport = new FakeWriteTransport();
  return { writer: new StreamWriter(transport, options), transport };
}

async function stateOf(promise: Promise<unknown>): Promise<string> {
  let state = 'pending';
  promise.then(
    () => (state = 'resolved'),
    (error: unknown) => (state = (error as Error).name), // only Errors are thrown here
  );
  await microtasks(5);
  return state;
}

// ---- write -----------------------------------------------------------------------------------------------------

test(
  'the writes of one turn leave as one, in order, text and bytes mixed',
  async () => {
    const { writer, transport } = makeWriter();
    writer.write('ä');
    writer.write(Buffer.from('bc'));
    await microtasks(3);
    writer.write(new Uint8Array([100]));
    writer.writelines(['e', Buffer.from('f')]);
    assert.deepEqual(transport.log, []);
    assert.equal(writer.bufferedBytes, 7);
    await nextTurn();
    assert.deepEqual(transport.log, ['äbcdef']);
    assert.deepEqual(transport.sizes, [7]);
    assert.equal(transport.chunks.length, 5);
    assert.equal(writer.bytesWritten, 7);
  },
  {
    skip:
      'Bun' in globalThis ? 'Bun runs process.nextTick between two microtasks, so a turn may take two writes' : false,
  },
);

test('several writers of one turn each get one write, in the order of their first', async () => {
  const order: string[] = [];
  const writers = ['a', 'b', 'c'].map((name) => {
    const { writer, transport } = makeWriter();
    transport.write = (chunks) => {
      order.push(`${name}: ${chunks.join('')}`);
      return true;
    };
    return writer;
  });
  for (const writer of writers.toReversed()) writer.write('1');
  for (const writer of writers) writer.write('2');
  await nextTurn();
  assert.deepEqual(order, ['c: 12', 'b: 12', 'a: 12']);
});

test('while a write is under way further ones gather, and leave together when it was taken', async () => {
  const { writer, transport } = makeWriter();
  writer.write('one');
  await nextTurn();
  writer.write('two');
  await nextTurn();
  writer.write('three');
  await nextTurn();
  assert.deepEqual(transport.log, ['one']);
  assert.equal(writer.bufferedBytes, 11);
  writer.onWritten();
  assert.deepEqual(transport.log, ['one', 'twothree']);
  assert.equal(writer.bufferedBytes, 8);
  writer.onWritten();
  assert.equal(writer.bufferedBytes, 0);
  writer.write('four');
  await nextTurn();
  assert.deepEqual(transport.log, ['one', 'twothree', 'four']);
});

test('a transport that takes all at once leaves nothing buffered', async () => {
  const { writer, transport } = makeWriter();
  transport.takesAtOnce = true;
  writer.write('x'.repeat(1_000_000));
  const drain = writer.drain();
  await nextTurn();
  assert.deepEqual(transport.sizes, [262_144, 262_144, 262_144, 1_000_000 - 3 * 262_144]);
  assert.equal(writer.bufferedBytes, 0);
  await drain;
});

test('long writes leave in slices of at most 256 KiB, so bufferedBytes falls on the way', async () => {
  const text = Array.from({ length: 120_000 }, (_, i) => String.fromCodePoint(0x20 + (i % 5000))).join('');
  const pieces: (string | Uint8Array)[] = [text, Buffer.from(text), text.slice(7), 'end'];
  const { writer, transport } = makeWriter();
  const all = Buffer.concat(pieces.map((piece) => Buffer.from(piece as string))); // from() takes both
  const sent: Buffer[] = [];
  transport.write = (chunks, bytes) => {
    const joined = Buffer.concat(chunks.map((chunk) => Buffer.from(chunk as string))); // as above
    assert.equal(joined.length, bytes);
    assert.ok(bytes <= 262_144, `${bytes} bytes in one write`);
    sent.push(joined);
    return false;
  };
  for (const piece of pieces) writer.write(piece);
  await nextTurn();
  for (let left = all.length; left > 0;) {
    assert.equal(writer.bufferedBytes, left);
    left -= (sent.at(-1) as Buffer).length; // a write is under way while bytes are left
    writer.onWritten();
  }
  assert.equal(writer.bufferedBytes, 0);
  assert.ok(Buffer.concat(sent).equals(all));
  assert.equal(sent.length, Math.ceil(all.length / 262_144));
});

test('exactly one slice leaves whole', async () => {
  const { writer, transport } = makeWriter();
  writer.write(Buffer.alloc(262_144));
  await nextTurn();
  assert.deepEqual(transport.sizes, [262_144]);
});

test('nothing is sent for empty data', async () => {
  const { writer, transport } = makeWriter();
  writer.write('');
  writer.write(new Uint8Array(0));
  writer.writelines([]);
  await nextTurn();
  assert.deepEqual(transport.log, []);
});

test('maxBuffered must be a number of bytes above 0: NaN would be no limit', () => {
  for (const maxBuffered of [0, -1, Number.NaN]) assert.throws(() => makeWriter({ maxBuffered }), RangeError);
  for (const maxBuffered of ['1', {}]) {
    assert.throws(() => makeWriter({ maxBuffered: maxBuffered as unknown as number }), TypeError);
  }
  makeWriter({ maxBuffered: Infinity });
  assert.throws(() => makeWriter({ onOverflow: 1 as never }), /onOverflow must be a function, got 1/);
  assert.throws(() => makeWriter({ maxbuffered: 1 } as object), /unknown option "maxbuffered"/);
});

test('what is neither text nor bytes is a TypeError, also after close', () => {
  const { writer } = makeWriter();
  for (const data of [5, null, undefined, {}, ['a'], new ArrayBuffer(1), new Uint16Array(1)] as unknown[] as string[]) {
    assert.throws(() => writer.write(data), TypeError);
  }
  assert.equal(writer.bufferedBytes, 0);
  writer.close();
  assert.throws(() => writer.write(5 as unknown as string), TypeError);
});

// ---- drain -----------------------------------------------------------------------------------------------------

test('drain waits above 64 KiB until 16 KiB are left', async () => {
  const { writer } = makeWriter();
  writer.write(Buffer.alloc(65_536));
  await writer.drain();
  writer.write('x');
  const drain = writer.drain();
  await nextTurn();
  writer.write(Buffer.alloc(16_385));
  writer.onWritten(); // 16,385 left, all under way
  assert.equal(await stateOf(drain), 'pending');
  writer.onWritten();
  assert.equal(await stateOf(drain), 'resolved');
});

test('drain resolves at the low-water mark, not only below it', async () => {
  const { writer } = makeWriter();
  writer.write(Buffer.alloc(65_537));
  await nextTurn();
  writer.write(Buffer.alloc(16_384));
  const drain = writer.drain();
  writer.onWritten();
  assert.equal(await stateOf(drain), 'resolved');
  assert.equal(writer.bufferedBytes, 16_384);
});

test('between the marks drain waits only on the way down', async () => {
  const { writer } = makeWriter();
  writer.setWriteBufferLimits({ high: 100, low: 10 });
  writer.write(Buffer.alloc(60));
  assert.equal(await stateOf(writer.drain()), 'resolved'); // on the way up
  writer.write(Buffer.alloc(60));
  await nextTurn();
  writer.write(Buffer.alloc(50));
  writer.onWritten();
  const drain = writer.drain();
  assert.equal(await stateOf(drain), 'pending'); // 50 left, on the way down
  writer.onWritten();
  assert.equal(await stateOf(drain), 'resolved');
});

test('writelines above the high-water mark makes drain wait', async () => {
  const { writer } = makeWriter();
  writer.writelines([Buffer.alloc(40_000), Buffer.alloc(40_000)]);
  const drain = writer.drain();
  assert.equal(await stateOf(drain), 'pending');
  await nextTurn();
  writer.onWritten();
  await drain;
});

test('all who wait in drain go on together, in order', async () => {
  const { writer } = makeWriter();
  writer.write(Buffer.alloc(100_000));
  const order: number[] = [];
  const drains = [1, 2, 3].map(async (number) => {
    await writer.drain();
    order.push(number);
  });
  await nextTurn();
  writer.onWritten();
  await Promise.all(drains);
  assert.deepEqual(order, [1, 2, 3]);
});

test('setWriteBufferLimits derives the one mark from the other', async () => {
  // For each: the limits, the most that drain lets pass, and the most that wakes it.
  for (const [limits, high, low] of [
    [{}, 65_536, 16_384],
    [{ high: 1000 }, 1000, 250],
    [{ high: 1001 }, 1001, 250],
    [{ low: 100 }, 400, 100],
    [{ high: 50, low: 50 }, 50, 50],
    [{ high: 0 }, 0, 0],
  ] as const) {
    const { writer } = makeWriter();
    writer.setWriteBufferLimits(limits);
    writer.write(Buffer.alloc(high));
    assert.equal(await stateOf(writer.drain()), 'resolved', `${high} of ${JSON.stringify(limits)}`);
    writer.write('x');
    const drain = writer.drain();
    assert.equal(await stateOf(drain), 'pending', `${high + 1} of ${JSON.stringify(limits)}`);
    await nextTurn();
    writer.write(Buffer.alloc(low + 1));
    writer.onWritten();
    assert.equal(await stateOf(drain), 'pending', `${low + 1} left of ${JSON.stringify(limits)}`);
    writer.write(Buffer.alloc(low));
    writer.onWritten();
    assert.equal(await stateOf(drain), 'resolved', `${low} left of ${JSON.stringify(limits)}`);
  }
});

test('setWriteBufferLimits takes effect on what is buffered already', async () => {
  const { writer } = makeWriter();
  writer.write(Buffer.alloc(1000));
  writer.setWriteBufferLimits({ high: 999 });
  const drain = writer.drain();
  assert.equal(await stateOf(drain), 'pending');
  writer.setWriteBufferLimits({ low: 1000 });
  assert.equal(await stateOf(drain), 'resolved');
});

test('setWriteBufferLimits refuses marks out of order and keeps the old ones', async () => {
  const { writer } = makeWriter();
  for (const limits of [{ high: 1, low: 2 }, { low: -1 }, { high: -1 }, { high: NaN }, { low: NaN }]) {
    assert.throws(() => writer.setWriteBufferLimits(limits), RangeError);
  }
  for (const limits of [{ high: '1' }, { low: null }, null, { hihg: 1 }] as unknown as object[]) {
    assert.throws(() => writer.setWriteBufferLimits(limits), TypeError);
  }
  writer.write(Buffer.alloc(65_536));
  assert.equal(await stateOf(writer.drain()), 'resolved');
});

// ---- ends ------------------------------------------------------------------------------------------------------

test('close sends what is written, then ends the connection once', async () => {
  const { writer, transport } = makeWriter();
  writer.write('one');
  await nextTurn();
  writer.write('two');
  assert.equal(writer.isClosing(), false);
  writer.close();
  writer.close();
  assert.equal(writer.isClosing(), true);
  await nextTurn();
  assert.deepEqual(transport.log, ['one']);
  writer.onWritten();
  assert.deepEqual(transport.log, ['one', 'two']);
  writer.onWritten();
  assert.deepEqual(transport.log, ['one', 'two', '<close>']);
  writer.close();
  await nextTurn();
  assert.equal(transport.log.length, 3);
});

test('writeEof comes after what is written, once; close comes after it', async () => {
  const { writer, transport } = makeWriter();
  writer.write('one');
  writer.writeEof();
  writer.writeEof();
  await nextTurn();
  assert.deepEqual(transport.log, ['one']);
  writer.onWritten();
  assert.deepEqual(transport.log, ['one', '<eof>']);
  assert.equal(writer.isClosing(), false);
  assert.throws(() => writer.write('two'), InvalidStateError);
  assert.throws(() => writer.write(''), InvalidStateError);
  await writer.drain();
  writer.close();
  await nextTurn();
  assert.deepEqual(transport.log, ['one', '<eof>', '<close>']);
});

test('writeEof and close in one turn are a close', async () => {
  const { writer, transport } = makeWriter();
  writer.write('one');
  writer.writeEof();
  writer.close();
  await nextTurn();
  writer.onWritten();
  assert.deepEqual(transport.log, ['one', '<close>']);
});

test('writeEof after close does nothing; where it cannot be done it throws', async () => {
  const { writer, transport } = makeWriter();
  transport.halfCloses = false;
  assert.equal(writer.canWriteEof(), false);
  assert.throws(() => writer.writeEof(), InvalidStateError);
  writer.write('goes on');
  writer.close();
  writer.writeEof();
  await nextTurn();
  writer.onWritten();
  assert.deepEqual(transport.log, ['goes on', '<close>']);
});

test('a write after close is dropped, and every drain after it rejects', async () => {
  const { writer, transport } = makeWriter();
  writer.write('one');
  writer.close();
  await writer.drain();
  writer.write('');
  await writer.drain();
  writer.write('dropped');
  await assert.rejects(
    writer.drain(),
    (error) => error instanceof ConnectionLostError && /close\(\)/.test(error.message),
  );
  await nextTurn();
  writer.onWritten();
  assert.deepEqual(transport.log, ['one', '<close>']);
  assert.equal(writer.bytesWritten, 3);
  await assert.rejects(writer.drain(), ConnectionLostError);
});

test('abort drops what is unsent at once, and its drains reject', async () => {
  const { writer, transport } = makeWriter();
  writer.write(Buffer.alloc(100_000));
  const drain = writer.drain();
  writer.abort();
  assert.equal(writer.bufferedBytes, 0);
  assert.equal(writer.isClosing(), true);
  assert.deepEqual(transport.log, ['<abort>']);
  assert.equal(await stateOf(drain), 'ConnectionLostError');
  assert.equal(await stateOf(writer.waitClosed()), 'pending');
  await nextTurn();
  writer.onWritten(); // late: of the write that was under way
  writer.onClose();
  writer.abort();
  writer.close();
  await nextTurn();
  assert.deepEqual(transport.log, ['<abort>']);
  await writer.waitClosed();
  await assert.rejects(writer.drain(), ConnectionLostError);
});

test('abort with nothing unsent loses nothing: drain resolves', async () => {
  const { writer } = makeWriter();
  writer.abort();
  await writer.drain();
  writer.onClose();
  await writer.drain();
});

test('abort after close overtakes the flush', async () => {
  const { writer, transport } = makeWriter();
  writer.write('one');
  writer.close();
  await nextTurn();
  writer.abort();
  assert.deepEqual(transport.log, ['one', '<abort>']);
  writer.onWritten();
  assert.deepEqual(transport.log, ['one', '<abort>']);
  await assert.rejects(writer.drain(), ConnectionLostError);
});

test('lost after all was taken is no loss; lost with an error or with bytes unsent is one', async () => {
  const reset = new Error('ECONNRESET');
  for (const [unsent, error, expected] of [
    [false, undefined, 'resolved'],
    [true, undefined, 'ConnectionLostError'],
    [false, reset, 'ConnectionLostError'],
    [true, reset, 'ConnectionLostError'],
  ] as const) {
    const { writer } = makeWriter();
    writer.write(Buffer.alloc(100_000));
    const waiting = writer.drain();
    await nextTurn();
    if (!unsent) writer.onWritten();
    writer.onClose(error);
    writer.onClose(new Error('a second end is not heard'));
    writer.onWritten();
    assert.equal(await stateOf(waiting), unsent ? 'ConnectionLostError' : 'resolved');
    assert.equal(await stateOf(writer.drain()), expected, `unsent ${unsent}, error ${String(error)}`);
    assert.equal(await stateOf(writer.waitClosed()), 'resolved');
    assert.equal(writer.bufferedBytes, 0);
    if (error !== undefined) {
      await assert.rejects(writer.drain(), (loss) => loss instanceof ConnectionLostError && loss.cause === error);
    }
  }
});

test('a write to a connection that is gone is dropped, sends nothing, and drain rejects', async () => {
  const { writer, transport } = makeWriter();
  writer.onClose();
  await writer.drain();
  writer.write('dropped');
  await nextTurn();
  assert.deepEqual(transport.log, []);
  assert.equal(writer.bufferedBytes, 0);
  await assert.rejects(writer.drain(), /the connection is gone/);
});

test('what was written in the turn of the loss is not sent', async () => {
  const { writer, transport } = makeWriter();
  writer.write('one');
  writer.onClose();
  await nextTurn();
  assert.deepEqual(transport.log, []);
  await assert.rejects(writer.drain(), ConnectionLostError);
});

test('the first loss is the one that drain tells', async () => {
  const { writer } = makeWriter();
  writer.write('one');
  writer.onClose(new Error('ECONNRESET'));
  writer.write('two');
  await assert.rejects(writer.drain(), (error) => error instanceof ConnectionLostError && error.cause !== undefined);
});

test('waitClosed resolves when the connection is gone, however it went, and closes nothing itself', async () => {
  for (const error of [undefined, new Error('ECONNRESET')]) {
    const { writer, transport } = makeWriter();
    const waiting = [writer.waitClosed(), writer.waitClosed()];
    await nextTurn();
    assert.deepEqual(transport.log, []);
    writer.close();
    await nextTurn();
    for (const wait of waiting) assert.equal(await stateOf(wait), 'pending');
    writer.onClose(error);
    for (const wait of [...waiting, writer.waitClosed()]) await wait;
  }
});

test('await using closes and waits', async () => {
  const { writer, transport } = makeWriter();
  setImmediate(() => setImmediate(() => writer.onClose()));
  {
    await using end = writer;
    end.write('x');
    transport.takesAtOnce = true;
  }
  assert.deepEqual(transport.log, ['x', '<close>']);
  assert.equal(await stateOf(writer.waitClosed()), 'resolved');
});

// ---- startTls --------------------------------------------------------------------------------------------------

test('startTls waits until all is taken, and leaves the water marks as the user sets them meanwhile', async () => {
  const { writer, transport } = makeWriter();
  let started = false;
  Object.assign(transport, { startTls: async () => void (started = true) });
  writer.write('plain');
  const upgrade = writer.startTls({});
  await nextTurn();
  assert.equal(await stateOf(writer.drain()), 'resolved', 'others drain as before');
  writer.setWriteBufferLimits({ high: 100, low: 10 });
  writer.write('x'.repeat(50));
  assert.equal(await stateOf(writer.drain()), 'resolved');
  assert.equal(started, false);
  writer.onWritten();
  await microtasks(5);
  writer.onWritten();
  await upgrade;
  assert.ok(started);
  writer.write('x'.repeat(101));
  const drain = writer.drain();
  assert.equal(await stateOf(drain), 'pending', 'the marks of before are gone');
  await nextTurn();
  writer.onWritten();
  await drain;
});

test('startTls of a writer that loses its peer first rejects', async () => {
  const { writer, transport } = makeWriter();
  Object.assign(transport, { startTls: () => Promise.resolve() });
  writer.write('plain');
  const upgrade = writer.startTls({});
  await nextTurn();
  writer.onClose(new Error('gone'));
  await assert.rejects(upgrade, ConnectionLostError);
});

// ---- maxBuffered -----------------------------------------------------------------------------------------------

for (const [maxBuffered, kind] of [
  [100_000, 'above'],
  [1000, 'below'],
] as const) {
  test(`past a maxBuffered ${kind} the high-water mark the connection is aborted and reported`, async () => {
    const told: ConnectionLostError[] = [];
    const { writer, transport } = makeWriter({ maxBuffered, onOverflow: (error) => told.push(error) });
    writer.write(Buffer.alloc(maxBuffered - 128)); // and 128 for its place in the list
    assert.deepEqual(transport.log, []);
    await nextTurn();
    const drain = stateOf(writer.drain());
    writer.write('x');
    assert.equal(transport.log.at(-1), '<abort>');
    assert.equal(told.length, 1);
    assert.match(
      told[0]?.message ?? '',
      new RegExp(
        `${maxBuffered - 127} bytes unsent take ${maxBuffered + 1} bytes of memory, maxBuffered is ${maxBuffered}`,
      ),
    );
    assert.equal(await drain, maxBuffered > 65_536 ? 'ConnectionLostError' : 'resolved');
    await assert.rejects(writer.drain(), (error) => error === told[0]);
    writer.write('y');
    assert.equal(told.length, 1);
    assert.equal(writer.bufferedBytes, 0);
  });
}

test('maxBuffered counts what a list of small writes takes; bufferedBytes counts their payload alone', async () => {
  const { writer } = makeWriter();
  writer.write('in flight');
  await nextTurn();
  writer.onWritten();
  const before = writer.heldBytes;
  for (let i = 0; i < 100; i++) writer.write('xy');
  assert.equal(writer.bufferedBytes, 200);
  assert.equal(writer.heldBytes - before, 200 + 100 * 128);
});

test('many small writes are joined as they come: their memory follows their bytes, and they leave in order', async () => {
  const { writer, transport } = makeWriter();
  const sent: Buffer[] = [];
  transport.write = (chunks, bytes) => {
    const joined = Buffer.concat(chunks.map((chunk) => Buffer.from(chunk as string))); // from() takes both
    assert.equal(joined.length, bytes);
    sent.push(joined);
    return false;
  };
  writer.write('first');
  await nextTurn(); // in flight from here on
  const expected = [Buffer.from('first')];
  for (let i = 0; i < 200_000; i++) {
    const kind = i % 1000;
    const text =
      kind === 7 ? 'ä€𝄞'.repeat(10) : kind === 9 ? 'long '.repeat(5000) : kind === 8 ? 'p'.repeat(40) : `${i % 10}\n`;
    const data = i % 2 === 0 ? text : Buffer.from(text);
    expected.push(Buffer.from(text));
    writer.write(data);
  }
  const payload = writer.bufferedBytes;
  assert.equal(payload, Buffer.concat(expected).length);
  assert.ok(writer.heldBytes < payload + 256 * 128 + payload / 20, `${writer.heldBytes} for ${payload}`);
  while (writer.bufferedBytes > 0) {
    writer.onWritten();
    if (sent.length === 3) {
      expected.push(Buffer.from('meanwhile'));
      writer.write('meanwhile'); // behind blocks that have left in part
    }
  }
  assert.ok(Buffer.concat(sent).equals(Buffer.concat(expected)));
  assert.equal(writer.heldBytes, 0);
});

test('two halves of a character in two writes are the same bytes in one turn as in two, and after many writes', async () => {
  const lone = Buffer.from('\ufffd\ufffd');
  for (const before of [0, 1000]) {
    const { writer, transport } = makeWriter();
    transport.takesAtOnce = true;
    const sent: Buffer[] = [];
    transport.write = (chunks) => {
      sent.push(
        Buffer.from(
          joinChunks(
            chunks,
            chunks.reduce((sum, chunk) => sum + Buffer.byteLength(chunk), 0),
          ) as string,
        ),
      );
      return true;
    };
    for (let i = 0; i < before; i++) writer.write('x');
    writer.write('\ud83d');
    writer.write('\udc0c');
    await nextTurn();
    const inOne = Buffer.concat(sent).subarray(before);
    sent.length = 0;
    writer.write('\ud83d');
    await nextTurn();
    writer.write('\udc0c');
    await nextTurn();
    assert.deepEqual(inOne, lone);
    assert.deepEqual(Buffer.concat(sent), lone);
    assert.equal(writer.bytesWritten, before + 2 * lone.length);
  }
});

test('maxBuffered holds without a high-water mark too', () => {
  let told = 0;
  const { writer } = makeWriter({ maxBuffered: 10, onOverflow: () => told++ });
  writer.setWriteBufferLimits({ high: Infinity });
  writer.write(Buffer.alloc(11));
  assert.equal(told, 1);
});

test('an overflow nobody is told of goes to the exception handler', () => {
  const reports: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => reports.push(context));
  makeWriter({ maxBuffered: 10 }).writer.write(Buffer.alloc(11));
  assert.equal(reports.length, 1);
  assert.ok(reports[0]?.error instanceof ConnectionLostError);
});

// ---- cancellation ----------------------------------------------------------------------------------------------

test('drain cancelled at every step leaves the other drains and the bytes alone', async () => {
  const explored = await cancelAtEveryStep(() => {
    const { writer, transport } = makeWriter();
    writer.write(Buffer.alloc(100_000));
    let began = false;
    let otherDone = false;
    return {
      body: async () => {
        began = true;
        const other = createTask(async () => {
          await writer.drain();
          otherDone = true;
        });
        const taker = createTask(async () => {
          await sleep(0);
          writer.onWritten();
        });
        try {
          await writer.drain();
        } finally {
          while (!other.done() || !taker.done()) await nextTurn(); // not by awaiting them: a cancel would reach them
        }
      },
      check: () => {
        if (!began) return; // cancelled before its first step
        assert.ok(otherDone);
        assert.equal(writer.bufferedBytes, 0);
        assert.deepEqual(transport.sizes, [100_000]);
      },
    };
  });
  assert.ok(explored > 3, `only ${explored} steps`);
});

test('waitClosed cancelled at every step leaves the other waiters alone', async () => {
  const explored = await cancelAtEveryStep(() => {
    const { writer } = makeWriter();
    let others = 0;
    return {
      body: async () => {
        const other = createTask(async () => {
          await writer.waitClosed();
          others++;
        });
        const closer = createTask(async () => {
          await sleep(0);
          writer.onClose();
        });
        try {
          await writer.waitClosed();
        } finally {
          while (!other.done() || !closer.done()) await nextTurn(); // as above
        }
      },
      check: ({ steps }) => assert.ok(others === 1 || steps[0] === 0),
    };
  });
  assert.ok(explored > 3, `only ${explored} steps`);
});

test('drain and waitClosed with an aborted signal reject, also when they need not wait', async () => {
  const { writer } = makeWriter();
  const options = { signal: AbortSignal.abort() };
  await assert.rejects(writer.drain(options), CancelledError);
  await assert.rejects(writer.waitClosed(options), CancelledError);
});

// ---- the rest --------------------------------------------------------------------------------------------------

test('getExtraInfo asks the transport, and toString() tells the state', () => {
  const { writer } = makeWriter();
  assert.equal(writer.getExtraInfo('peername'), 'the peer');
  assert.equal(writer.getExtraInfo('cipher'), undefined);
  writer.write('abc');
  assert.equal(String(writer), '<StreamWriter open, 3 bytes unsent>');
  writer.onClose();
  assert.equal(String(writer), '<StreamWriter gone, 0 bytes unsent>');
});
