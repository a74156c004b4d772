import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { IncompleteReadError, LimitOverrunError } from 'maitre';
import { jsonLines, StreamReader, writeJsonLine } from '#src/streams/index.js';
import { test } from '../../support/test.js';
import { encode, fed, readAll } from './framings.js';

test('values are written a line each, whatever newlines they hold', async () => {
  const bytes = await encode((writer) => {
    for (const value of [{ a: 'x\ny' }, null, [1, undefined], '\u2028']) writeJsonLine(writer, value);
  });
  assert.equal(String(bytes), '{"a":"x\\ny"}\nnull\n[1,null]\n"\u2028"\n');
});

test('writeJsonLine() refuses what JSON cannot hold, and writes nothing', async () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  const written = await encode((writer) => {
    for (const value of [undefined, () => 1, Symbol('x'), 1n, cycle]) {
      assert.throws(() => writeJsonLine(writer, value), TypeError);
    }
  });
  assert.equal(written.length, 0);
});

test('blank lines and CRLF are skipped, and null is a value', async () => {
  assert.deepEqual((await readAll(jsonLines(fed('\n1\r\n \t\r\n\nnull\n[]\n\n')))).got, [1, null, []]);
});

test('a bad line is a SyntaxError that names it and shows its beginning; the next read goes on', async () => {
  const records = jsonLines(
    fed('1\n\n{"a":\n2\n', Buffer.from([0x22, 0xff, 0x22, 10]), `x\u001b${'y'.repeat(99)}\n3\n`),
  );
  assert.equal(await records.read(), 1);
  await assert.rejects(records.read(), {
    name: 'SyntaxError',
    message: 'Cannot read JSON: line 3 is not JSON: "{\\"a\\":"',
  });
  assert.equal(await records.read(), 2);
  await assert.rejects(records.read(), { name: 'SyntaxError', message: /line 5 is not UTF-8/ });
  await assert.rejects(records.read(), {
    message: `Cannot read JSON: line 6 is not JSON: "x\\u001b${'y'.repeat(38)}"...`,
  });
  assert.deepEqual((await readAll(records)).got, [3]);
});

test('a last line without a newline is given, but not a number, which may be cut short', async () => {
  for (const text of ['{"a":1}', '"x"', 'true', 'null', '[1]\r', '[] ']) {
    assert.deepEqual(await readAll(jsonLines(fed(`0\n${text}`))), { got: [0, JSON.parse(text)], error: undefined });
  }
  for (const text of ['1', '-1.5e3 ', '{"a":', 'tru', 'x']) {
    const { got, error } = await readAll(jsonLines(fed(`0\n${text}`)));
    assert.deepEqual(got, [0]);
    assert.ok(error instanceof IncompleteReadError);
    assert.equal(String(error.partial), text);
  }
  assert.equal((await readAll(jsonLines(fed('0\n  ')))).error, undefined);
});

test('a line above the limit is left alone, so that no half of it is taken for a line', async () => {
  const reader = new StreamReader({ limit: 8 });
  const records = jsonLines(reader);
  reader.feedData(Buffer.from('[1,2,3,4,'));
  await assert.rejects(records.read(), LimitOverrunError);
  reader.feedData(Buffer.from('5]\n[6]\n'));
  await assert.rejects(records.read(), LimitOverrunError);
  await reader.readUntil('\n', { limit: 1000 }); // the way past it
  assert.deepEqual(await records.read(), [6]);
  reader.feedData(Buffer.from('[1,2,3,4,5]\n'));
  assert.equal(((await jsonLines(reader, { maxLength: 11 }).read()) as unknown[]).length, 5);
});

test('limits that make no sense are refused', () => {
  for (const maxLength of [0, -1, NaN]) assert.throws(() => jsonLines(new StreamReader(), { maxLength }), RangeError);
  assert.throws(() => jsonLines(new StreamReader(), { maxLength: '1' as unknown as number }), TypeError);
  assert.throws(() => jsonLines(new StreamReader(), { limit: 1 } as object), /unknown option "limit"/);
});
