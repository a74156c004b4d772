// Values through Redis: everything comes back as what it was, and what cannot be sent is refused.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decode, encode } from '#src/distributed/wire-value.js';
import { test } from '../support/test.js';

const through = (value: unknown): unknown => decode(JSON.parse(JSON.stringify(encode(value))));

test('plain JSON stays as it is, and is not copied', () => {
  const value = { a: [1, 'x', null, true, { b: [] }], c: {} };
  assert.equal(encode(value), value);
});

test('what structured clone copies comes back as what it was', () => {
  const value = {
    list: [undefined, NaN, Infinity, -Infinity, -0, 12n],
    date: new Date(0),
    pattern: /a+/gi,
    map: new Map<unknown, unknown>([[{ key: 1 }, new Set([1, undefined])]]),
    bytes: new Uint8Array([1, 2, 255]),
    part: new Uint16Array([1, 2, 3]).subarray(1),
    buffer: new Uint8Array([9]).buffer,
    view: new DataView(new ArrayBuffer(2)),
    tagged: { $date: 5, $object: { $map: [] }, $undefined: new Date(1) },
    text: '$date',
  };
  assert.deepEqual(through(value), value);
  assert.ok(Number.isNaN((through(new Date(NaN)) as Date).getTime()));
  const error = through(new RangeError('no luck', { cause: new TypeError('why') })) as RangeError;
  assert.ok(error instanceof RangeError && error.cause instanceof TypeError);
});

test('an object of a class arrives as a plain one', () => {
  class Dish {
    readonly name = 'soup';
  }
  assert.deepEqual(through(new Dish()), { name: 'soup' });
});

test('functions, symbols, cycles, promises and weak maps are refused', () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  for (const bad of [() => 1, { a: [Symbol('x')] }, cycle, Promise.resolve(), new WeakMap(), { toJSON: () => 1 }])
    assert.throws(() => encode(bad), TypeError);
});

test('a key called __proto__ is a key, and changes no prototype', () => {
  const back = through(JSON.parse('{"__proto__":{"a":{"$undefined":0}},"x":1}')) as object;
  assert.deepEqual(Object.keys(back), ['__proto__', 'x']);
  assert.equal(Object.getPrototypeOf(back), Object.prototype);
});

test('whatever fast-check thinks of comes back', () => {
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
      (value) => assert.deepEqual(through(value), value),
    ),
  );
});
