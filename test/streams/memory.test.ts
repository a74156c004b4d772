// Memory pairs: the suite of every Duplex, what is special about them, and random conversations end to end.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { allTasks, CancelledError, ConnectionLostError, createTask, IncompleteReadError, sleep } from 'maitre';
import { allTasksBlocked, type Duplex, duplexChecks, lockstepStreamPair, memoryStreamPair } from 'maitre/testing';
import { cancelAtEveryStep } from '../support/explore.js';
import { fakeTest, microtasks, test } from '../support/test.js';

const pairs: Readonly<Record<string, () => [Duplex, Duplex]>> = {
  memoryStreamPair: () => memoryStreamPair(),
  'memoryStreamPair with a small limit': () => memoryStreamPair({ limit: 16 }),
  'memoryStreamPair in small pieces': () => memoryStreamPair({ onHandOver: (bytes) => cut(bytes, 1000) }),
  lockstepStreamPair: () => lockstepStreamPair(),
};
for (const [kind, makePair] of Object.entries(pairs)) {
  for (const { name, run } of duplexChecks(makePair)) fakeTest(`${kind}: ${name}`, run);
}

function cut(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

async function abortBoth(pair: readonly Duplex[]): Promise<void> {
  for (const end of pair) end.abort();
  for (const end of pair) await end.writer.waitClosed();
}

// ---- what is special about memory ------------------------------------------------------------------------------

test('a write is handed over in a later turn, and counts as buffered until then', async () => {
  const [a, b] = memoryStreamPair();
  a.writer.write('abc');
  await microtasks(20);
  assert.equal(b.reader.bufferedBytes, 0);
  assert.equal(a.writer.bufferedBytes, 3);
  await sleep(0);
  await sleep(0);
  assert.equal(b.reader.bufferedBytes, 3);
  assert.equal(a.writer.bufferedBytes, 0);
  await abortBoth([a, b]);
});

test('the writer may use its memory again once it was taken', async () => {
  const [a, b] = memoryStreamPair();
  const memory = Buffer.from('abc');
  a.writer.write(memory);
  while (a.writer.bufferedBytes > 0) await sleep(0);
  memory.fill('x');
  assert.equal(String(await b.reader.read(10)), 'abc');
  await abortBoth([a, b]);
});

fakeTest('lockstep hands a write over only when all before it was read', async () => {
  const [a, b] = lockstepStreamPair();
  for (const piece of ['one', 'two', 'three']) {
    a.writer.write(piece);
    await allTasksBlocked();
  }
  assert.equal(a.writer.bufferedBytes, 8);
  assert.equal(String(await b.reader.read(2)), 'on');
  await allTasksBlocked();
  assert.equal(String(await b.reader.read(100)), 'e');
  assert.equal(String(await b.reader.read(100)), 'two');
  assert.equal(String(await b.reader.read(100)), 'three');
  await abortBoth([a, b]);
});

fakeTest('lockstep goes on within a read that needs more', async () => {
  const [a, b] = lockstepStreamPair();
  const line = createTask(() => b.reader.readLine(), { eager: true });
  for (const piece of ['one', 'two', '\nrest']) {
    a.writer.write(piece);
    await allTasksBlocked();
  }
  assert.equal(String(await line), 'onetwo\n');
  assert.equal(String(await b.reader.read(10)), 'rest');
  await abortBoth([a, b]);
});

fakeTest('onHandOver sees every write and may cut, change or swallow it', async () => {
  const seen: string[] = [];
  const [a, b] = memoryStreamPair({
    onHandOver: (bytes) => {
      seen.push(String(bytes));
      if (seen.length === 2) return [];
      return [bytes.subarray(0, 1), Buffer.alloc(0), Buffer.from(String(bytes).slice(1).toUpperCase())];
    },
  });
  for (const piece of ['one', 'two', 'six']) {
    a.writer.write(piece);
    while (a.writer.bufferedBytes > 0) await sleep(0);
  }
  await a.close();
  assert.equal(String(await b.reader.read()), 'oNEsIX');
  assert.deepEqual(seen, ['one', 'two', 'six']);
  await b.close();
});

fakeTest('what an end sent before it closed can be read by a peer that lost the connection', async () => {
  const [a, b] = memoryStreamPair();
  a.writer.write('answer');
  await a.close();
  b.writer.write('in vain');
  await b.writer.waitClosed();
  await assert.rejects(b.writer.drain(), ConnectionLostError);
  assert.ok(b.error instanceof ConnectionLostError);
  assert.equal(String(await b.reader.read()), 'answer');
});

fakeTest('the peer of an aborted end has its error, the end itself has none', async () => {
  const [a, b] = memoryStreamPair();
  a.abort();
  await a.writer.waitClosed();
  assert.equal(a.error, undefined);
  assert.ok(b.error instanceof ConnectionLostError);
  assert.equal(b.reader.exception(), b.error);
  assert.equal((await a.reader.read()).length, 0);
});

test('limits that make no sense are refused', () => {
  assert.throws(() => memoryStreamPair({ limit: 0 }), RangeError);
  assert.throws(() => lockstepStreamPair({ limit: NaN }), RangeError);
  assert.throws(() => memoryStreamPair({ onHandOver: 1 as never }), /onHandOver must be a function, got 1/);
  assert.throws(() => memoryStreamPair({ limits: 1 } as object), /unknown option "limits"/);
});

test('getExtraInfo knows nothing', () => {
  assert.equal(memoryStreamPair()[0].writer.getExtraInfo('peername'), undefined);
});

test('a conversation cancelled at every step leaves both ends closed and nothing running', async () => {
  const explored = await cancelAtEveryStep(() => {
    const [a, b] = memoryStreamPair({ limit: 4 });
    return {
      body: async () => {
        await using client = a;
        const server = createTask(async () => {
          await using end = b;
          for await (const line of end.reader.lines()) {
            end.writer.write(`${line}!\n`);
            await end.writer.drain();
          }
        });
        try {
          for (const word of ['one', 'two', 'six']) {
            client.writer.write(`${word}\n`);
            assert.equal(String(await client.reader.readLine()), `${word}!\n`);
          }
        } finally {
          client.writer.close();
          await server.catch((error: unknown) => {
            if (!(error instanceof CancelledError)) throw error;
          });
        }
      },
      check: ({ task }) => {
        if (!task.cancelled()) assert.equal(task.exception(), undefined);
        assert.equal([...allTasks()].length, 0);
      },
    };
  });
  assert.ok(explored > 10, `only ${explored} steps`);
});

// ---- random conversations --------------------------------------------------------------------------------------

const reads = fc.oneof(
  fc.record({ kind: fc.constant('read' as const), n: fc.integer({ min: 1, max: 50 }) }),
  fc.record({ kind: fc.constant('readExactly' as const), n: fc.integer({ min: 1, max: 50 }) }),
  fc.record({ kind: fc.constant('readUntil' as const), n: fc.constant(0) }),
  fc.record({ kind: fc.constant('readLine' as const), n: fc.constant(0) }),
);

const conversations = fc.record({
  lockstep: fc.boolean(),
  limit: fc.integer({ min: 1, max: 40 }),
  pieces: fc.integer({ min: 1, max: 30 }),
  high: fc.integer({ min: 0, max: 60 }),
  /** Text to write, and how many turns to wait after it. */
  writes: fc.array(fc.tuple(fc.string({ unit: fc.constantFrom('a', 'é', '\n', '-'), maxLength: 40 }), fc.nat(2)), {
    maxLength: 20,
  }),
  /** A read each, and after how many turns it is cancelled; undefined: not. */
  reads: fc.array(fc.tuple(reads, fc.option(fc.nat(4), { nil: undefined })), { maxLength: 30 }),
});

test('whatever is written, read and cancelled, every byte arrives once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(conversations, async ({ lockstep, limit, pieces, high, writes, reads: plan }) => {
      const make = lockstep ? lockstepStreamPair : memoryStreamPair;
      const [a, b] = make({ limit, onHandOver: (bytes) => cut(bytes, pieces) });
      a.writer.setWriteBufferLimits({ high });
      const writer = createTask(async () => {
        for (const [index, [piece, turns]] of writes.entries()) {
          a.writer.write(index % 2 === 0 ? piece : Buffer.from(piece));
          for (let turn = 0; turn < turns; turn++) await sleep(0);
          await a.writer.drain();
        }
        await a.close();
      });
      const got: Uint8Array[] = [];
      for (const [{ kind, n }, cancelAfter] of plan) {
        const reader = createTask(async () => {
          try {
            if (kind === 'read' || kind === 'readExactly') got.push(await b.reader[kind](n));
            else if (kind === 'readLine') got.push(await b.reader.readLine({ limit: 10_000 }));
            else got.push(await b.reader.readUntil(['--', '\n'], { limit: 10_000 }));
          } catch (error) {
            if (!(error instanceof IncompleteReadError)) throw error;
            got.push(error.partial);
          }
        });
        if (cancelAfter !== undefined) {
          for (let turn = 0; turn < cancelAfter; turn++) await sleep(0);
          reader.cancel();
        }
        await reader.catch((error: unknown) => {
          if (!(error instanceof CancelledError)) throw error;
        });
      }
      got.push(await b.reader.read());
      await writer;
      assert.equal(String(Buffer.concat(got)), writes.map(([piece]) => piece).join(''));
      assert.equal(b.reader.atEof(), true);
      await b.close();
    }),
    { numRuns: 500 },
  );
});
