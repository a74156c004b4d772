import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { LimitOverrunError } from 'maitre';
import { StreamReader } from '#src/streams/index.js';
import { Pile } from '#src/streams/pile.js';
import { test } from '../support/test.js';

const NONE = Buffer.alloc(0);

test('a pile is joined in the order in which it came, whatever the sizes of the chunks', () => {
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 70_000 })), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 0, max: 10 }), (lengths, before) => {
      const chunks = lengths.map((length, index) => Buffer.alloc(length, index + 1));
      const first = Buffer.alloc(before, 255);
      const pile = new Pile();
      for (const chunk of chunks) pile.add(chunk);
      assert.equal(
        pile.length,
        lengths.reduce((sum, length) => sum + length, 0),
      );
      assert.ok(pile.memory >= pile.length);
      assert.deepEqual(pile.join(first), Buffer.concat([first, ...chunks]));
    }),
  );
});

test('one large chunk alone is not copied', () => {
  const pile = new Pile();
  const chunk = Buffer.alloc(20_000);
  pile.add(chunk);
  assert.equal(pile.join(NONE), chunk);
});

test('small chunks take little more memory than their bytes, and so do large ones between them', () => {
  const pile = new Pile();
  for (let i = 0; i < 300_000; i++) pile.add(Buffer.from('x'));
  assert.ok(pile.memory < 400_000, `${pile.memory} bytes`);
  const mixed = new Pile();
  for (let i = 0; i < 100; i++) {
    mixed.add(Buffer.from('x'));
    mixed.add(Buffer.alloc(16_384));
  }
  assert.ok(mixed.memory < 6 * mixed.length, `${mixed.memory} bytes for ${mixed.length}`);
});

test('a reader counts what is piled up, and gives it to other reads after a cancel', async () => {
  const reader = new StreamReader();
  reader.feedData(Buffer.from('first\n'));
  const controller = new AbortController();
  const read = reader.read(-1, { signal: controller.signal });
  reader.feedData(Buffer.alloc(40_000, 'x'));
  reader.feedData(Buffer.from('\nlast\n'));
  assert.equal(reader.bufferedBytes, 40_012);
  assert.ok(reader.heldBytes >= 40_012);
  assert.equal(String(reader), '<StreamReader 40012 bytes, waits for read>');
  controller.abort();
  await assert.rejects(read, { name: 'CancelledError' });
  assert.equal(String(await reader.readLine()), 'first\n');
  assert.equal((await reader.readLine()).length, 40_001);
  assert.equal(String(await reader.readLine()), 'last\n');
  assert.equal(reader.bufferedBytes, 0);
});

test('bytes that come between the answer of a read to the end and its delivery keep their order', async () => {
  const reader = new StreamReader({ readLimit: 30_000 });
  const read = reader.read();
  reader.feedData(Buffer.alloc(40_000, 'a')); // over the limit: the read is answered
  reader.feedData(Buffer.alloc(20_000, 'b'));
  await assert.rejects(read, LimitOverrunError);
  reader.feedData(Buffer.from('c'));
  const bytes = await reader.readExactly(60_001);
  assert.deepEqual([bytes[0], bytes[39_999], bytes[40_000], bytes[60_000]], [...Buffer.from('aabc')]);
});
