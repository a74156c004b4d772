import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { LimitOverrunError } from 'maitre';
import { netstrings, StreamReader, writeNetstring } from '#src/streams/index.js';
import { test } from '../../support/test.js';
import { encode, fed, readAll } from './framings.js';

test('netstrings are written and read as specified', async () => {
  const bytes = await encode((writer) => {
    for (const text of ['hello world!', '', 'é,']) writeNetstring(writer, text);
  });
  assert.equal(String(bytes), '12:hello world!,0:,3:é,,');
  assert.deepEqual((await readAll(netstrings(fed(bytes)))).got.map(String), ['hello world!', '', 'é,']);
});

test('what is not a netstring is a SyntaxError at its first wrong byte, for good', async () => {
  for (const bytes of ['a', ':', '-', '+1', ' 1', '00', '01:', '1 ', '1;', '1:ab', '0:;', '5:hello\n', '1,', '\n']) {
    const reader = new StreamReader();
    const records = netstrings(reader);
    reader.feedData(Buffer.from(bytes)); // no end: it does not wait for one
    const { error } = await readAll(records);
    assert.ok(error instanceof SyntaxError, bytes);
    await assert.rejects(records.read(), (again) => again === error);
  }
});

test('a length above the limit is refused at the digit that says so', async () => {
  for (const [bytes, maxLength] of [
    ['12', 11],
    ['1', 0],
    ['16777217', undefined],
    ['9'.repeat(30), Number.MAX_SAFE_INTEGER],
  ] as const) {
    const reader = new StreamReader();
    reader.feedData(Buffer.from(bytes));
    const { error } = await readAll(netstrings(reader, { maxLength }));
    assert.ok(error instanceof LimitOverrunError, bytes);
  }
  assert.deepEqual((await readAll(netstrings(fed('2:ab,0:,'), { maxLength: 2 }))).got.map(String), ['ab', '']);
});

test('limits that make no sense, and records that do not fit or are none, are refused', async () => {
  assert.throws(() => netstrings(new StreamReader(), { maxLength: -1 }), RangeError);
  assert.throws(() => netstrings(new StreamReader(), { limit: 1 } as object), /unknown option "limit"/);
  const written = await encode((writer) => {
    assert.throws(() => writeNetstring(writer, 'abc', { maxLength: 2 }), RangeError);
    assert.throws(() => writeNetstring(writer, 'abc', { maxLength: '2' as unknown as number }), TypeError);
    assert.throws(() => writeNetstring(writer, undefined as unknown as string), TypeError);
  });
  assert.equal(written.length, 0);
});
