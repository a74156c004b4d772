import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { ByteBuffer } from '#src/streams/byte-buffer.js';
import { findSeparator, type Match, type Separator, toSeparators } from '#src/streams/separators.js';
import { test } from '../support/test.js';

function find(text: string, separator: Separator, from = 0): Match | undefined {
  const buffer = new ByteBuffer();
  if (text !== '') buffer.push(Buffer.from(text), 0);
  const match: Match = { start: 0, end: 99 };
  const found = findSeparator(buffer, toSeparators(separator), from, match);
  assert.equal(found, match.end >= 0);
  return found ? match : undefined;
}

test('a separator is found from a place on', () => {
  assert.deepEqual(find('a\nb\n', '\n'), { start: 1, end: 2 });
  assert.deepEqual(find('a\nb\n', '\n', 2), { start: 3, end: 4 });
  assert.equal(find('a\nb\n', '\n', 4), undefined);
  assert.equal(find('', '\n'), undefined);
  assert.deepEqual(find('a--b', '--'), { start: 1, end: 3 });
  assert.equal(find('a-', '--'), undefined);
});

test('the match that ends first is found, the shorter one of two that end together', () => {
  assert.deepEqual(find('abcd', ['bcd', 'c']), { start: 2, end: 3 });
  assert.deepEqual(find('abcd', ['bcd', 'd', 'cd']), { start: 3, end: 4 });
  assert.deepEqual(find('abab', ['abab', 'ba']), { start: 1, end: 3 });
});

test('among random separators the match is the naive one', () => {
  const text = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
    fc.string({ unit: fc.constantFrom('a', 'b'), minLength, maxLength });
  const list = fc.array(text(1, 4), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(text(0, 30), list, fc.nat(5), (stream, separators, from) => {
      let expected: Match | undefined;
      for (let end = from; end <= stream.length && expected === undefined; end++) {
        const ending = separators.filter((each) => end - each.length >= from && stream.slice(0, end).endsWith(each));
        if (ending.length > 0) expected = { start: end - Math.min(...ending.map((each) => each.length)), end };
      }
      assert.deepEqual(find(stream, separators, from), expected);
    }),
    { numRuns: 2000 },
  );
});

test('a text used again and again is turned into bytes once, another one is not mistaken for it', () => {
  assert.equal(toSeparators('\r\n'), toSeparators('\r\n'));
  assert.equal(String(toSeparators('--').all[0]), '--');
  assert.equal(String(toSeparators('\r\n').all[0]), '\r\n');
  assert.equal(toSeparators('\n').byte, 10);
  assert.equal(toSeparators(Buffer.from('x')).byte, 120);
  assert.equal(toSeparators('é').byte, -1);
});

test('what cannot be a separator is refused', () => {
  for (const separator of ['', new Uint8Array(0), [], [''], ['a', new Uint8Array(0)]]) {
    assert.throws(() => toSeparators(separator), RangeError);
  }
  for (const separator of [1, undefined, null, {}, [1], ['a', null]] as unknown[] as Separator[]) {
    assert.throws(() => toSeparators(separator), TypeError);
  }
});
