import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { WriteBlocks } from '#src/streams/write-blocks.js';
import { test } from '../support/test.js';

function textOf(list: readonly (string | Uint8Array)[]): string {
  return Buffer.concat(list.map((chunk) => Buffer.from(chunk as string))).toString(); // from() takes both
}

test('WriteBlocks joins small writes, behind what the list has', () => {
  const list: (string | Uint8Array)[] = ['before '];
  const blocks = new WriteBlocks(list);
  for (const data of ['a', Buffer.from('b'), 'ä', 'c'.repeat(100), Buffer.from('d'.repeat(100)), '𝄞'.repeat(100)])
    blocks.add(data, Buffer.byteLength(data));
  assert.equal(list.length, 1, 'nothing is in the list before seal()');
  blocks.seal();
  assert.equal(list.length, 2);
  assert.equal(textOf(list), `before abä${'c'.repeat(100)}${'d'.repeat(100)}${'𝄞'.repeat(100)}`);
});

test('WriteBlocks goes on in a sealed block without changing what was sealed', () => {
  const list: (string | Uint8Array)[] = [];
  const blocks = new WriteBlocks(list);
  blocks.add('one', 3);
  blocks.seal();
  blocks.seal(); // nothing new: nothing is added
  blocks.add('two', 3);
  blocks.seal();
  assert.deepEqual(list.map(String), ['one', 'two']);
  assert.equal((list[0] as Buffer).buffer, (list[1] as Buffer).buffer);
});

test('WriteBlocks leaves long writes by themselves, in their place', () => {
  const list: (string | Uint8Array)[] = [];
  const blocks = new WriteBlocks(list);
  const long = Buffer.alloc(20_000, 'l');
  blocks.add('a', 1);
  blocks.add(long, long.length);
  blocks.add('s'.repeat(20_000), 20_000);
  blocks.add('b', 1);
  blocks.seal();
  assert.equal(list.length, 4);
  assert.equal(list[1], long);
  assert.ok(Buffer.isBuffer(list[2]), 'text is encoded: it would be kept on the heap');
  assert.equal(textOf(list), `a${'l'.repeat(20_000)}${'s'.repeat(20_000)}b`);
});

test('WriteBlocks needs an entry for thousands of writes', () => {
  const list: (string | Uint8Array)[] = [];
  const blocks = new WriteBlocks(list);
  for (let i = 0; i < 100_000; i++) blocks.add('x\n', 2);
  blocks.seal();
  assert.equal(textOf(list), 'x\n'.repeat(100_000));
  assert.ok(list.length < 10, `${list.length} entries`);
});
