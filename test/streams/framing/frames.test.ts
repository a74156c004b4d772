import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { IncompleteReadError, LimitOverrunError } from 'maitre';
import { type FrameHeader, type FrameOptions, frames, StreamReader, writeFrame } from '#src/streams/index.js';
import { nextTurn, test } from '../../support/test.js';
import { encode, fed, readAll } from './framings.js';

function encodeFrame(data: string | Uint8Array, options?: FrameOptions): Promise<string> {
  return encode((writer) => writeFrame(writer, data, options)).then((bytes) => bytes.toString('hex'));
}

test('writeFrame() writes the header as it is asked for, 4 bytes big-endian by default', async () => {
  assert.equal(await encodeFrame('hi'), '000000026869');
  assert.equal(await encodeFrame('é', { header: 1 }), '02c3a9');
  assert.equal(await encodeFrame('hi', { header: 2, littleEndian: true }), '02006869');
  assert.equal(await encodeFrame('', { header: 8 }), '0000000000000000');
  assert.equal(await encodeFrame('a', { header: 8, littleEndian: true }), '010000000000000061');
  assert.equal((await encodeFrame(Buffer.alloc(300), { header: 'varint' })).slice(0, 6), 'ac0200');
});

test('writeFrame() refuses what the header or the limit cannot hold, and writes nothing of it', async () => {
  const refused: [unknown, FrameOptions, typeof RangeError | typeof TypeError][] = [
    [Buffer.alloc(256), { header: 1 }, RangeError],
    [Buffer.alloc(65_536), { header: 2 }, RangeError],
    ['four', { maxLength: 3 }, RangeError],
    [Buffer.alloc(16 * 1024 * 1024 + 1), {}, RangeError],
    [3, {}, TypeError],
    ['', { header: 3 as FrameHeader }, RangeError],
    ['', { header: null as unknown as FrameHeader }, TypeError],
    ['', { littleEndian: 1 as unknown as boolean }, TypeError],
    ['', { maxLength: NaN }, RangeError],
  ];
  const written = await encode((writer) => {
    for (const [data, options, type] of refused) {
      assert.throws(() => writeFrame(writer, data as string, options), type);
    }
  });
  assert.equal(written.length, 0);
});

test('frames() refuses options that make no sense', () => {
  const reader = new StreamReader();
  for (const header of [0, 3, '4']) assert.throws(() => frames(reader, { header: header as 4 }), RangeError);
  assert.throws(() => frames(reader, { header: false as unknown as 4 }), {
    name: 'TypeError',
    message: 'Cannot use frames: header must be 1, 2, 4, 8 or varint, got false',
  });
  assert.throws(() => frames(reader, { littleEndian: 'no' as unknown as boolean }), TypeError);
  assert.throws(() => frames(reader, { length: 4 } as FrameOptions), /unknown option "length"/);
  for (const maxLength of [-1, 1.5, NaN, Infinity]) assert.throws(() => frames(reader, { maxLength }), RangeError);
  assert.throws(() => frames(reader, { maxLength: '9' as unknown as number }), TypeError);
});

test('a frame above the limit is refused at its header, and every later read with it', async () => {
  const cases: [string, FrameOptions][] = [
    ['05', { header: 1, maxLength: 4 }],
    ['0005', { header: 2, maxLength: 4 }],
    ['01000001', {}],
    ['ffffffffffffffff', { header: 8, maxLength: Number.MAX_SAFE_INTEGER }],
    ['0020000000000000', { header: 8, maxLength: Number.MAX_SAFE_INTEGER }],
    ['05', { header: 'varint', maxLength: 4 }],
    ['ffffffffffffff7f', { header: 'varint', maxLength: Number.MAX_SAFE_INTEGER }],
  ];
  for (const [hex, options] of cases) {
    const reader = new StreamReader();
    const records = frames(reader, options);
    reader.feedData(Buffer.from(hex, 'hex')); // no body, no end: nothing is waited for
    const { error } = await readAll(records);
    assert.ok(error instanceof LimitOverrunError, hex);
    assert.ok(error.consumed > 4);
    reader.feedData(Buffer.alloc(20));
    await assert.rejects(records.read(), (again) => again === error);
  }
});

test('a frame of exactly the limit is read, an empty one too', async () => {
  assert.deepEqual((await readAll(frames(fed('\x04abcd\x00'), { header: 1, maxLength: 4 }))).got, [
    Buffer.from('abcd'),
    Buffer.alloc(0),
  ]);
});

test('a varint may be lengthened by zeros up to 8 bytes; the ninth is a SyntaxError', async () => {
  const read = (hex: string): ReturnType<typeof readAll> =>
    readAll(frames(fed(Buffer.from(hex, 'hex'), 'ab'), { header: 'varint' }));
  assert.deepEqual((await read('8280808080808000')).got.map(String), ['ab']);
  assert.ok((await read('8280808080808080')).error instanceof SyntaxError);
});

test('IncompleteReadError holds what came of the header or the body', async () => {
  for (const [bytes, header, partial, expected] of [
    ['0000', 4, '0000', 4],
    ['0000000261', 4, '61', 2],
    ['8281', 'varint', '8281', undefined],
    ['0261', 'varint', '61', 2],
  ] as const) {
    const { error } = await readAll(frames(fed(Buffer.from(bytes, 'hex')), { header }));
    assert.ok(error instanceof IncompleteReadError);
    assert.equal(Buffer.from(error.partial).toString('hex'), partial);
    assert.equal(error.expected, expected);
  }
});

test('a frame longer than what the reader holds is read, and the transport pauses after it', async () => {
  const reader = new StreamReader({ limit: 10 });
  const read = frames(reader).read();
  reader.feedData(Buffer.from([0, 0, 1, 0]));
  await nextTurn();
  reader.feedData(Buffer.alloc(256));
  assert.equal((await read)?.length, 256);
});
