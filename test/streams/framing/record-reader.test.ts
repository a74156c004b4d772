// What holds for every framing: round trips, truncation, cancellation, garbage, one read at a time.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { BusyError, CancelledError, createTask, IncompleteReadError, sleep } from 'maitre';
import { exploreCancellation, lockstepStreamPair, memoryStreamPair } from 'maitre/testing';
import { frames, StreamReader } from '#src/streams/index.js';
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
