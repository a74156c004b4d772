// Keys, however the terminal cuts what it sends.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { KeyReader } from '#src/console/key-reader.js';
import { test } from '../support/test.js';

/** The keys of chunks, and of what is left when nothing follows. */
function keysOf(...chunks: readonly (string | Uint8Array)[]): string[] {
  const keys = new KeyReader();
  const read = chunks.flatMap((chunk) => keys.read(typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
  return [...read, ...keys.flush()];
}

test('several keys in one chunk are several keys', () => {
  assert.deepEqual(keysOf('s/a\r\x1b[B\x1b[6~q'), ['s', '/', 'a', 'enter', 'down', 'pagedown', 'q']);
  assert.deepEqual(keysOf('\x1b\x1b[A'), ['escape', 'up']);
});

test('a sequence in two chunks is one key, wherever it is cut', () => {
  for (const [sequence, key] of [
    ['\x1b[6~', 'pagedown'],
    ['\x1bOA', 'up'],
    ['\x1b[H', 'home'],
    ['\x1b[1;5C', 'unknown'],
  ] as const)
    for (let at = 1; at < sequence.length; at++)
      assert.deepEqual(keysOf(sequence.slice(0, at), sequence.slice(at)), [key], `${key} cut at ${at}`);
});

test('a letter of several bytes in two chunks is one letter', () => {
  const bytes = Buffer.from('é食🍋');
  for (let at = 1; at < bytes.length; at++)
    assert.deepEqual(keysOf(bytes.subarray(0, at), bytes.subarray(at)), ['é', '食', '🍋'], `cut at ${at}`);
});

test('Escape alone is a key once nothing follows, and not before', () => {
  const keys = new KeyReader();
  assert.deepEqual(keys.read(Buffer.from('\x1b')), []);
  assert.equal(keys.isWaiting, true);
  assert.deepEqual(keys.flush(), ['escape']);
  assert.equal(keys.isWaiting, false);
  assert.deepEqual(keys.flush(), []);
  assert.deepEqual(keys.read(Buffer.from('[A')), ['[', 'A'], 'what comes later is no part of it');
  assert.deepEqual(keysOf('\x1b['), ['unknown'], 'a begin without an end');
});

test('bytes without an end are not kept', () => {
  const keys = new KeyReader();
  for (let i = 0; i < 100; i++) keys.read(Buffer.from(i === 0 ? '\x1b[' : '1;1;1;1;'));
  assert.equal(keys.isWaiting, false);
});

test('however what is typed is cut, it is the same keys', () => {
  const typed = fc.array(fc.constantFrom('a', '食', '\x1b[A', '\x1bOB', '\x1b[5~', '\r', '\x7f'), { maxLength: 12 });
  fc.assert(
    fc.property(typed, fc.array(fc.nat(40), { maxLength: 6 }), (pieces, cuts) => {
      const bytes = Buffer.from(pieces.join(''));
      const ends = [...cuts.toSorted((a, b) => a - b), bytes.length];
      let from = 0;
      const chunks = ends.map((end) => bytes.subarray(from, (from = Math.max(from, end))));
      assert.deepEqual(keysOf(...chunks), keysOf(bytes));
    }),
  );
});
