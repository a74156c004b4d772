import assert from 'node:assert/strict';
import { Buffer as HostBuffer } from 'node:buffer';
import * as fc from 'fast-check';
import { Buffer, webBuffer } from '#src/streams/buffer.js';
import { test } from '../support/test.js';

const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('a', 'é', '€', '😀', '\ud83d', '\ude00', '\ufeff', '\ufffd') }),
);
const bytes = fc.uint8Array();

const check = <T>(values: fc.Arbitrary<T>, claim: (value: T) => void): void => fc.assert(fc.property(values, claim));

test('Buffer is the one that the host has', () => {
  assert.equal(Buffer, HostBuffer);
  assert.ok(!webBuffer.isBuffer(HostBuffer.alloc(1)));
});

test('webBuffer encodes and decodes what Buffer does, half characters and marks at the beginning included', () => {
  check(texts, (text) => {
    const real = HostBuffer.from(text);
    const made = webBuffer.from(text);
    assert.deepEqual([...made], [...real]);
    assert.equal(webBuffer.byteLength(text), real.length);
    assert.equal(String(made), String(real));
    const target = webBuffer.alloc(real.length + 2);
    assert.equal(target.write(text, 1), real.length);
    assert.deepEqual([...target], [0, ...real, 0]);
  });
});

test('webBuffer gives the texts of bytes as Buffer does, whole and in part', () => {
  check(fc.tuple(bytes, fc.nat(9), fc.nat(9)), ([data, start, length]) => {
    for (const encoding of ['utf8', 'utf-8', 'latin1', 'binary', 'ascii', 'hex'] as const) {
      const expected = HostBuffer.from(data).toString(encoding, start, start + length);
      assert.equal(webBuffer.from(data).toString(encoding, start, start + length), expected, encoding);
    }
  });
  assert.throws(() => webBuffer.alloc(1).toString('base64'), /knows utf8, latin1, ascii and hex, not base64/);
});

test('webBuffer finds bytes and sequences where Buffer does', () => {
  const few = fc.uint8Array({ max: 2, maxLength: 30 });
  const wanted = fc.uint8Array({ max: 2, minLength: 1, maxLength: 4 });
  check(fc.tuple(few, wanted, fc.nat(35)), ([data, sequence, from]) => {
    const [real, made] = [HostBuffer.from(data), webBuffer.from(data)];
    assert.equal(made.indexOf(sequence, from), real.indexOf(sequence, from));
    assert.equal(made.indexOf(sequence[0] as number, from), real.indexOf(sequence[0] as number, from));
    assert.equal(made.equals(sequence), real.equals(sequence));
  });
});

test('webBuffer copies bytes, and shares memory where Buffer does', () => {
  const source = new Uint8Array([1, 2, 3]);
  const copy = webBuffer.from(source);
  const view = webBuffer.from(source.buffer, 1, 2);
  source.fill(9);
  assert.deepEqual([...copy], [1, 2, 3]);
  assert.deepEqual([...view], [9, 9]);
  const part = copy.subarray(1);
  assert.ok(webBuffer.isBuffer(part), 'its parts are of its kind');
  part[0] = 7;
  assert.deepEqual([...copy], [1, 7, 3]);
  assert.deepEqual([...webBuffer.concat([part, source, webBuffer.from([5])])], [7, 3, 9, 9, 9, 5]);
  assert.ok(webBuffer.isBuffer(copy) && webBuffer.isBuffer(webBuffer.from('')) && !webBuffer.isBuffer(source));
});
