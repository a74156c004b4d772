import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  anything,
  callback,
  type Check,
  type Checks,
  checkOptions,
  positiveMs,
  flag,
  integer,
  integerFrom,
  listOf,
  notNegative,
  ofType,
  objectOf,
  oneOf,
  notNegativeMs,
  positive,
} from '#src/base/index.js';

interface Order {
  readonly dish?: string | undefined;
  readonly count?: number | undefined;
}

const ORDER: Checks<Order> = { dish: ofType('string', 'a dish', (text) => text !== ''), count: integerFrom(1, 9) };

const order = (options: unknown): void => checkOptions('order', options, ORDER);

test('checkOptions takes known names alone, and only of an object', () => {
  order({});
  order({ dish: 'soup', count: 1 });
  assert.throws(() => order({ dihs: 'soup' }), new TypeError('Cannot order: unknown option "dihs"'));
  assert.throws(() => order({ toString: 1 }), new TypeError('Cannot order: unknown option "toString"'));
  for (const [options, got] of [
    [undefined, 'undefined'],
    [null, 'null'],
    ['soup', '"soup"'],
    [[], 'an array'],
    [order, 'the function order'],
  ]) {
    assert.throws(() => order(options), new TypeError(`Cannot order: options must be an object, got ${String(got)}`));
  }
});

test('checkOptions takes undefined for absent, known name or not', () => {
  order({ dish: undefined, count: undefined, dihs: undefined });
});

test('checkOptions refuses unknown names first, then the first wrong value in the order of the table', () => {
  assert.throws(() => order({ count: 0, dish: 1, dihs: 1 }), /unknown option "dihs"/);
  assert.throws(() => order({ count: 0, dish: 1 }), new TypeError('Cannot order: dish must be a dish, got 1'));
  assert.throws(() => order({ count: 0, dish: 'a' }), /count must be/);
});

test('checkOptions names options inside of others by their path', () => {
  const table: Checks<{ first: Order; all: readonly Order[] }> = {
    first: objectOf(ORDER),
    all: listOf('a list of orders', objectOf(ORDER)),
  };
  const check = (options: unknown): void => checkOptions('order', options, table);
  check({ first: { dish: 'soup' }, all: [{ count: 2 }] });
  assert.throws(() => check({ first: 1 }), new TypeError('Cannot order: first must be an object, got 1'));
  assert.throws(() => check({ first: { dihs: 1 } }), new TypeError('Cannot order: unknown option "first.dihs"'));
  assert.throws(
    () => check({ first: { dish: '' } }),
    new RangeError('Cannot order: first.dish must be a dish, got ""'),
  );
  assert.throws(() => check({ all: 'soup' }), new TypeError('Cannot order: all must be a list of orders, got "soup"'));
  assert.throws(() => check({ all: [{}, { count: 0 }] }), /^RangeError: Cannot order: all\.count must be an integer/);
});

test('a name that is missing from a table, and one too many, do not compile', () => {
  // @ts-expect-error: no `count`
  const missing: Checks<Order> = { dish: anything };
  // @ts-expect-error: `time` is no option
  const surplus: Checks<Order> = { dish: anything, count: anything, time: anything };
  assert.ok(missing !== surplus);
});

test('a wrong type is a TypeError, the right type and a wrong value a RangeError', () => {
  const cases: readonly [
    check: Check,
    expected: string,
    right: unknown[],
    wrongValues: unknown[],
    wrongType: unknown,
  ][] = [
    [ofType('number', 'even', (n) => n % 2 === 0), 'even', [0, 2], [1, NaN], '2'],
    [integer(1), 'an integer >= 1', [1, 2 ** 60], [0, 1.5, NaN, Infinity], 1n],
    [integerFrom(1, 3), 'an integer from 1 to 3', [1, 3], [0, 4, 1.5, NaN], '1'],
    [integer(0, Infinity), 'an integer >= 0 or Infinity', [0, Infinity], [-1, 0.5, NaN, -Infinity], null],
    [positive('a size'), 'a size > 0', [0.1, Infinity], [0, -1, NaN], '1'],
    [notNegative('a size'), 'a size >= 0', [0, Infinity], [-0.1, NaN], {}],
    [positiveMs, 'a number of milliseconds > 0', [0.1, Infinity], [0, NaN], '1'],
    [notNegativeMs, 'a number of milliseconds >= 0', [0, Infinity], [-1, NaN], null],
    [ofType('string', 'a word', (text) => !text.includes(' ')), 'a word', ['', 'soup'], ['a b'], 1],
    [oneOf('skip, burst or delay'), 'skip, burst or delay', ['skip', 'delay'], ['never'], 1],
    [flag, 'true or false', [true, false], [], 1],
    [callback, 'a function', [() => 1], [], 'log'],
    [anything, '', [null, 1, 'x'], [], undefined],
  ];
  for (const [check, expected, right, wrongValues, wrongType] of cases) {
    for (const value of right) check('order', 'it', value);
    const message = new RegExp(`^Cannot order: it must be ${expected}, got `);
    for (const value of wrongValues) {
      assert.throws(
        () => check('order', 'it', value),
        { name: 'RangeError', message },
        `${expected}: ${String(value)}`,
      );
    }
    if (check !== anything) assert.throws(() => check('order', 'it', wrongType), { name: 'TypeError', message });
  }
});

test('an argument without a name is expected', () => {
  assert.throws(() => integer(1)('order', '', 0), new RangeError('Cannot order: expected an integer >= 1, got 0'));
});

test('an option of an earlier name is told its name of now, and the names of every object are no options', () => {
  const check = (options: object): void => checkOptions('serve', options, { rest: anything }, '', { pause: 'rest' });
  assert.throws(() => check({ pause: 1 }), { message: 'Cannot serve: unknown option "pause", did you mean rest?' });
  assert.throws(() => check({ toString: 1 }), { message: 'Cannot serve: unknown option "toString"' });
  assert.throws(() => check({ 'ho\nts': 1 }), { message: String.raw`Cannot serve: unknown option "ho\nts"` });
});
