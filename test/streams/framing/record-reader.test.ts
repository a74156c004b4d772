// What holds for every framing: round trips, truncation, cancellation, garbage, one read at a time.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { BusyError, CancelledError, createTask, IncompleteReadError, LimitOverrunError, sleep } from 'maitre';
import { exploreCancellation, lockstepStreamPair, memoryStreamPair } from 'maitre/testing';
import { frames, jsonLines, netstrings, type RecordReader, StreamReader } from '#src/streams/index.js';
import { nextTurn, test } from '../../support/test.js';
import { encode, fed, framings, isDocumented, readAll } from './framings.js';

const runs = { numRuns: 40 };

for (const { name, records, write, read } of framings) {
  test(`${name}: records come back as written, through any chunks, over memory and lock-step pairs`, async () => {
    const plan = fc.record({
      sent: fc.array(records, { maxLength: 8 }),
      lockstep: fc.boolean(),
      limit: fc.integer({ min: 1, max: 300 }),
      size: fc.integer({ min: 1, max: 300 }),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ sent, lockstep, limit, size }) => {
        const cut = (bytes: Buffer): Buffer[] =>
          Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
        const [a, b] = (lockstep ? lockstepStreamPair : memoryStreamPair)({ limit, onHandOver: cut });
        const sender = createTask(async () => {
          for (const record of sent) {
            write(a.writer, record);
            await a.writer.drain();
          }
          await a.close();
        });
        const { got, error } = await readAll(read(b.reader));
        await sender;
        await b.close();
        assert.equal(error, undefined);
        assert.deepEqual(got, sent);
      }),
      runs,
    );
  });

  test(`${name}: cut off at any byte, whole records come, then IncompleteReadError, for good`, async () => {
    const [first, second] = fc.sample(records, { numRuns: 2, seed: 7 });
    const one = await encode((writer) => write(writer, first));
    const all = Buffer.concat([one, await encode((writer) => write(writer, second))]);
    for (let cut = 0; cut <= all.length; cut++) {
      const reader = read(fed(all.subarray(0, cut)));
      const { got, error } = await readAll(reader);
      // A line that only lacks its newline may be whole.
      const whole = cut === 0 || cut === one.length || cut === all.length;
      if (whole || name !== 'JSON lines') {
        assert.equal(error instanceof IncompleteReadError, !whole, `cut at ${cut}`);
        assert.deepEqual(got, [first, second].slice(0, cut === all.length ? 2 : cut >= one.length ? 1 : 0));
      } else assert.ok(error === undefined || error instanceof IncompleteReadError);
      if (error !== undefined) await assert.rejects(reader.read(), (again) => again === error);
      else assert.equal(await reader.read(), undefined);
    }
  });

  test(`${name}: a read cancelled at any point loses nothing`, async () => {
    const sent = fc.sample(records, { numRuns: 3, seed: 11 });
    const all = await encode((writer) => {
      for (const record of sent) write(writer, record);
    });
    const points = await exploreCancellation(async (x) => {
      const reader = new StreamReader();
      const source = read(reader);
      const got: unknown[] = [];
      const readOn = async (): Promise<void> => {
        for await (const record of source) got.push(record);
      };
      // One of the two is cancelled: the other takes over, and together they get every record once.
      const first = x.task('first', readOn);
      x.task('second', async () => {
        while (!first.done()) await sleep(1);
        await readOn();
      });
      for (let at = 0; at < all.length; at += 3) {
        reader.feedData(all.subarray(at, at + 3));
        await sleep(1);
      }
      reader.feedEof();
      await x.settled();
      assert.deepEqual([...got, ...(await readAll(source)).got], sent);
    });
    assert.ok(points > 10, `only ${points} points`);
  });

  test(`${name}: whatever bytes come, only the documented errors do`, async () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.string({ unit: fc.constantFrom('0', '1', ':', ',', '{', '"', '\n', ' ', 'é', '\u0000'), maxLength: 40 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(garbage, { maxLength: 5 }), async (chunks) => {
        const reader = read(fed(...chunks));
        for (let i = 0; i < 100; i++) {
          const { error } = await readAll(reader);
          if (error === undefined) return;
          assert.ok(isDocumented(error), String(error));
        }
      }),
      { numRuns: 200 },
    );
  });
}

/** Every framing's parser over all bytes at once, as the documentation tells it: the records, and the name of the error after them. */
type Parse = (bytes: Buffer) => { records: unknown[]; error: string | undefined };

const LONGEST = 12;

/** Records after a length; `next` gives that of the one at `at`, and where it begins. */
function parsePrefixed(next: (bytes: Buffer, at: number) => number | string | [number, number], tail: string): Parse {
  return (bytes) => {
    const records: unknown[] = [];
    for (let at = 0; at < bytes.length;) {
      const found = next(bytes, at);
      if (!Array.isArray(found)) return { records, error: String(found) };
      const [length, begin] = found;
      if (length > LONGEST) return { records, error: 'LimitOverrunError' };
      const end = begin + length + tail.length;
      if (end > bytes.length) return { records, error: 'IncompleteReadError' };
      if (bytes.toString('latin1', begin + length, end) !== tail) return { records, error: 'SyntaxError' };
      records.push(bytes.subarray(begin, begin + length));
      at = end;
    }
    return { records, error: undefined };
  };
}

const parseFixed = (size: 1 | 2 | 4 | 8, little: boolean): Parse =>
  parsePrefixed((bytes, at) => {
    const header = [...bytes.subarray(at, at + size)];
    if (header.length < size) return 'IncompleteReadError';
    if (little) header.reverse();
    return [header.reduce((sum, byte) => sum * 256 + byte, 0), at + size];
  }, '');

const parseVarint: Parse = parsePrefixed((bytes, at) => {
  let length = 0;
  for (let i = 0; i < 8; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return 'IncompleteReadError';
    length += (byte % 128) * 128 ** i;
    if (byte < 128) return [length, at + i + 1];
  }
  return 'SyntaxError';
}, '');

const parseNetstring: Parse = parsePrefixed((bytes, at) => {
  for (let end = at; ; end++) {
    const digits = bytes.toString('latin1', at, end);
    if (end > at && Number(digits) > LONGEST) return 'LimitOverrunError';
    const byte = bytes[end];
    if (byte === undefined) return 'IncompleteReadError';
    if (byte === 58 && digits !== '') return [Number(digits), end + 1];
    if (byte < 48 || byte > 57 || digits === '0') return 'SyntaxError';
  }
}, ',');

const models: [string, (reader: StreamReader) => RecordReader<unknown>, Parse][] = [
  ...([1, 2, 4, 8] as const).flatMap((header) =>
    [false, true].map((littleEndian): (typeof models)[number] => [
      `frames with header ${header}${littleEndian ? ', little-endian' : ''}`,
      (reader) => frames(reader, { header, littleEndian, maxLength: LONGEST }),
      parseFixed(header, littleEndian),
    ]),
  ),
  ['frames with header varint', (reader) => frames(reader, { header: 'varint', maxLength: LONGEST }), parseVarint],
  ['netstrings', (reader) => netstrings(reader, { maxLength: LONGEST }), parseNetstring],
];

for (const [name, read, parse] of models) {
  test(`${name}: good, malformed and over-long records through any chunks are what a plain parser makes of them`, async () => {
    const length = fc.integer({ min: 0, max: LONGEST + 2 });
    const body = length.chain((size) => fc.uint8Array({ minLength: size, maxLength: size }));
    const framing = framings.find((each) => each.name === name);
    assert.ok(framing !== undefined);
    const piece = fc.oneof(
      { weight: 6, arbitrary: body.map((bytes) => ({ record: bytes })) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 9 }).map((raw) => ({ raw })) },
      {
        weight: 1,
        arbitrary: fc
          .constantFrom('0', '00:,', '5:', '999999999999:', ':', ',', '\x80', '\xff')
          .map((raw) => ({ raw: Buffer.from(raw, 'latin1') })),
      },
    );
    const plan = fc.record({
      pieces: fc.array(piece, { maxLength: 6 }),
      cutAt: fc.option(fc.nat(200), { nil: undefined, freq: 4 }),
      sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 }),
      limit: fc.integer({ min: 1, max: 20 }),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ pieces, cutAt, sizes, limit }) => {
        const parts: Uint8Array[] = [];
        for (const each of pieces) {
          parts.push('raw' in each ? each.raw : await encode((writer) => framing.write(writer, each.record)));
        }
        const bytes = Buffer.concat(parts).subarray(0, cutAt);
        const reader = new StreamReader({ limit });
        const reading = readToTheEnd(read(reader));
        for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length] as number) {
          // i < length
          reader.feedData(bytes.subarray(at, at + (sizes[i % sizes.length] as number))); // i < length
          if (i % 3 === 0) await nextTurn();
        }
        reader.feedEof();
        const { got, error, again } = await reading;
        const wanted = parse(bytes);
        assert.deepEqual(got, wanted.records);
        assert.equal((error as Error | undefined)?.name, wanted.error);
        assert.equal(again, error); // for good
      }),
      { numRuns: 150 },
    );
  });
}

/** The records, the error after them, and what a further read gives. */
async function readToTheEnd(
  records: RecordReader<unknown>,
): Promise<{ got: unknown[]; error: unknown; again: unknown }> {
  const { got, error } = await readAll(records);
  return { got, error, again: await records.read().catch((failure: unknown) => failure) };
}

test('JSON lines: good, bad and over-long lines through any chunks are what JSON.parse makes of each line', async () => {
  const line = fc.oneof(
    fc.json({ maxDepth: 1 }).map((text) => text.replaceAll('\n', ' ')),
    fc.constantFrom('', ' \t\r', '{', '[1,', 'nul', '"\\x"', '1 2', '\u2028', '"é"', '-', '0x1'),
    fc.string({ maxLength: 10 }).map((text) => text.replaceAll('\n', ' ')),
  );
  const plan = fc.record({ lines: fc.array(line, { maxLength: 8 }), size: fc.integer({ min: 1, max: 30 }) });
  await fc.assert(
    fc.asyncProperty(plan, async ({ lines, size }) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      const reader = new StreamReader({ limit: 1000 });
      const records = jsonLines(reader, { maxLength: 40 });
      const outcomes: unknown[] = [];
      const reading = (async () => {
        for (;;) {
          try {
            const value = await records.read();
            if (value === undefined) return;
            outcomes.push({ value });
          } catch (error) {
            outcomes.push((error as Error).name);
            if (error instanceof LimitOverrunError) await reader.readUntil('\n'); // as documented: to go on, take the line
            else if (!(error instanceof SyntaxError)) return;
          }
        }
      })();
      for (let at = 0; at < bytes.length; at += size) {
        reader.feedData(bytes.subarray(at, at + size));
        await nextTurn();
      }
      reader.feedEof();
      await reading;
      const wanted = lines.flatMap((text): readonly unknown[] => {
        if (Buffer.byteLength(text) > 40) return ['LimitOverrunError'];
        if (/^[ \t\r]*$/.test(text)) return [];
        try {
          return [{ value: JSON.parse(text) as unknown }];
        } catch {
          return ['SyntaxError'];
        }
      });
      assert.deepEqual(outcomes, wanted);
    }),
    { numRuns: 150 },
  );
});

test('a length of about 2^60 that is allowed sets no memory aside for it', async () => {
  for (const header of [8, 'varint'] as const) {
    const reader = new StreamReader();
    const records = frames(reader, { header, maxLength: Number.MAX_SAFE_INTEGER });
    const reading = records.read();
    reader.feedData(Buffer.from(header === 8 ? '001fffffffffffff' : 'ffffffffffffff07', 'hex'));
    await nextTurn();
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 20; i++) reader.feedData(Buffer.alloc(100));
    assert.ok(process.memoryUsage().arrayBuffers - before < 1 << 20);
    reader.feedEof();
    await assert.rejects(reading, IncompleteReadError);
  }
});

test('a second read while one waits is a BusyError, also between header and body', async () => {
  const reader = new StreamReader();
  const records = frames(reader, { header: 1 });
  const first = records.read();
  await assert.rejects(records.read(), BusyError);
  reader.feedData(Buffer.from([2]));
  await nextTurn();
  await assert.rejects(records.read(), BusyError);
  reader.feedData(Buffer.from('hi'));
  assert.equal(String(await first), 'hi');
});

test('read() takes a signal, and iteration goes on after a loop was left', async () => {
  const reader = new StreamReader();
  const records = frames(reader, { header: 2 });
  const controller = new AbortController();
  const read = records.read({ signal: controller.signal });
  reader.feedData(Buffer.from([0, 1]));
  await nextTurn();
  controller.abort();
  await assert.rejects(read, CancelledError);
  reader.feedData(Buffer.from([65, 0, 1, 66]));
  for await (const record of records) {
    assert.equal(String(record), 'A');
    break;
  }
  reader.feedEof();
  assert.deepEqual((await readAll(records)).got.map(String), ['B']);
  const iterator = records[Symbol.asyncIterator]();
  assert.equal((await iterator.next()).done, true);
  assert.equal((await iterator.next()).done, true);
});

test('the error of the connection passes through and is not kept', async () => {
  const reader = new StreamReader();
  const records = frames(reader);
  const error = new Error('reset');
  reader.setException(error);
  await assert.rejects(records.read(), (got) => got === error);
  await assert.rejects(records.read(), (got) => got === error);
});
