import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { joinChunks } from '#src/streams/index.js';
import { test } from '../support/test.js';

test('one chunk is given as it is, several texts as one text', () => {
  const bytes = new Uint8Array([1]);
  assert.equal(joinChunks([bytes], 1), bytes);
  assert.equal(joinChunks(['ä'], 2), 'ä');
  assert.equal(joinChunks(['ä', '€', ''], 5), 'ä€');
});

test('any chunks become their bytes in order', () => {
  const chunk = fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), fc.uint8Array({ maxLength: 20 }));
  fc.assert(
    fc.property(fc.array(chunk, { minLength: 1 }), (chunks) => {
      const expected = Buffer.concat(chunks.map((each) => Buffer.from(each as string))); // from() takes both
      const joined = joinChunks(chunks, expected.length);
      assert.ok(Buffer.from(joined as string).equals(expected)); // as above
    }),
  );
});
