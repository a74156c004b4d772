import assert from 'node:assert/strict';
import { withBuffers } from '#src/workers/with-buffers.js';
import { test } from '../support/test.js';

test('what crossed to a thread has its Buffers again, with the same bytes, however deep', () => {
  const sent = { tls: { key: Buffer.from('key'), ca: [Buffer.from('a'), 'b'] }, host: 'x', port: 1, at: new Date(0) };
  const came = structuredClone(sent);
  assert.ok(!Buffer.isBuffer(came.tls.key), 'or this test is of no use');
  const again = withBuffers(came);
  assert.ok(Buffer.isBuffer(again.tls.key) && Buffer.isBuffer(again.tls.ca[0]));
  assert.deepEqual(again, sent);
});
