import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { ByteBuffer, toBuffer } from '#src/streams/byte-buffer.js';
import { test } from '../support/test.js';
import { countWork } from './count-work.js';

test('a chunk that comes while nothing is held is given out as it came, without a copy', () => {
  const buffer = new ByteBuffer();
  const chunk = Buffer.from('abc');
  buffer.push(chunk, 0);
  assert.equal(buffer.take(3), chunk);
  assert.equal(buffer.length, 0);
});

test('memory that was adopted is never written to', () => {
  const memory = Buffer.from('abcdefgh');
  const buffer = new ByteBuffer();
  buffer.push(memory.subarray(0, 4), 0);
  buffer.push(Buffer.from('XY'), 0);
  assert.equal(String(memory), 'abcdefgh');
  assert.equal(String(buffer.take(6)), 'abcdXY');
});

test('bytes are found only where they are held: not before, not in memory that is not filled', () => {
  const buffer = new ByteBuffer();
  buffer.push(Buffer.from('x\n'), 0);
  buffer.push(Buffer.from('ab'), 1000);
  buffer.take(2);
  assert.equal(buffer.indexOfByte(10, 0), -1);
  assert.equal(buffer.indexOfByte(0, 0), -1); // what fresh memory may hold
  assert.equal(buffer.indexOf(Buffer.from('b'), 0), 1);
  assert.equal(buffer.indexOf(Buffer.from('b'), 2), -1);
  assert.equal(buffer.indexOf(Buffer.from('ab'), 0, 1), -1);
  assert.equal(buffer.indexOf(Buffer.from('ab'), 0, 2), 0);
});

test('what is expected is set aside in one piece, as far as what came makes it likely', async () => {
  const buffer = new ByteBuffer();
  const work = await countWork(async () => {
    for (let i = 0; i < 100; i++) buffer.push(Buffer.alloc(1000), 100_000);
  });
  assert.equal(work.copied, 100_000 - 1000 + 1000 + 32_000); // each chunk but the first, and what was held when it grew
  const doubtful = new ByteBuffer();
  for (let i = 0; i < 3; i++) doubtful.push(Buffer.alloc(10), 2 ** 50);
  assert.ok(doubtful.take(30).buffer.byteLength < 10_000);
});

test('it is a queue of bytes, whatever is pushed and taken', () => {
  const chunks = fc.uint8Array({ maxLength: 40 });
  const steps = fc.array(fc.oneof(chunks, fc.nat(60), fc.constant('clear' as const)), { maxLength: 50 });
  fc.assert(
    fc.property(steps, fc.nat(100), (operations, expected) => {
      const buffer = new ByteBuffer();
      let model: number[] = [];
      const given: [Buffer, number[]][] = [];
      for (const step of operations) {
        if (step === 'clear') {
          buffer.clear();
          model = [];
        } else if (typeof step === 'number') {
          const count = Math.min(step, model.length);
          given.push([buffer.take(count), model.splice(0, count)]);
        } else {
          buffer.push(toBuffer(step), expected);
          model.push(...step);
        }
        assert.equal(buffer.length, model.length);
        for (const byte of [0, model.at(-1) ?? 7]) {
          assert.equal(buffer.indexOfByte(byte, 1), model.indexOf(byte, 1));
        }
      }
      // Compared last: nothing that came later may have changed them.
      for (const [bytes, values] of given) assert.deepEqual([...bytes], values);
    }),
    { numRuns: 1000 },
  );
});

test('toBuffer gives the same memory', () => {
  const bytes = new Uint8Array([1, 2, 3, 4]).subarray(1, 3);
  const buffer = toBuffer(bytes);
  bytes[0] = 9;
  assert.deepEqual([...buffer], [9, 3]);
  assert.equal(toBuffer(buffer), buffer);
});
