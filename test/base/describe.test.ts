import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { describe } from '#src/base/index.js';
import { test } from '../support/test.js';

test('describe names each kind of value in a word or two', () => {
  class Cup {
    readonly size = 1;
  }
  function pour(): void {}
  const cases: [unknown, string][] = [
    [null, 'null'],
    [undefined, 'undefined'],
    [-1, '-1'],
    [Number.NaN, 'NaN'],
    [true, 'true'],
    [5n, '5n'],
    ['tea', '"tea"'],
    ['a\nb', '"a\\nb"'],
    ['\x1b\x7f\x9b\u2028', '"\\u001b\\x7f\\x9b\\u2028"'],
    [Symbol('s\x1b\n'), 'Symbol(s\\x1b\\n)'],
    [Object.defineProperty(() => 0, 'name', { value: 'f\x9b' }), 'the function f\\x9b'],
    [Symbol('s'), 'Symbol(s)'],
    [[], 'an array'],
    [Promise.resolve(), 'a promise'],
    [{}, 'an object of type Object'],
    [new Cup(), 'an object of type Cup'],
    [Object.create(null), 'an object of type Object'],
    [pour, 'the function pour'],
    [
      (
        () => () =>
          undefined
      )(),
      'a function',
    ],
  ];
  for (const [value, name] of cases) assert.equal(describe(value), name);
});

test('describe cuts a long text', () => {
  assert.equal(describe('x'.repeat(41)), `"${'x'.repeat(40)}"...`);
  assert.equal(describe('x'.repeat(40)), `"${'x'.repeat(40)}"`);
});

test('describe never throws and stays on one line', () => {
  fc.assert(fc.property(fc.anything(), (value) => assert.doesNotMatch(describe(value), /\n/)));
  const hostile = new Proxy(
    {},
    {
      get() {
        throw new Error('no');
      },
    },
  );
  assert.equal(describe(hostile), 'an object');
});
