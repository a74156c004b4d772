import assert from 'node:assert/strict';
import { bytesText, countText, durationText, plural, spanText } from '#src/introspect/units.js';
import { test } from '../support/test.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

test('durations have at most three digits', () => {
  const texts: readonly (readonly [ms: number, text: string])[] = [
    [0, '0 s'],
    [-5, '0 s'],
    [0.084, '84 µs'],
    [0.0004, '0.4 µs'],
    [0.9999, '1 ms'],
    [1.25, '1.25 ms'],
    [312.4, '312 ms'],
    [999.6, '1 s'],
    [1300, '1.3 s'],
    [12_345, '12.3 s'],
    [59_990, '1 min'],
    [4 * MINUTE + 12 * SECOND, '4 min 12 s'],
    [9 * MINUTE + 59_700, '10 min'],
    [12 * MINUTE + 40 * SECOND, '13 min'],
    [59 * MINUTE + 50 * SECOND, '1 h'],
    [3 * HOUR, '3 h'],
    [3 * HOUR + 20 * MINUTE, '3 h 20 min'],
    [30 * HOUR, '30 h'],
    [75 * HOUR, '3 d 3 h'],
  ];
  assert.deepEqual(
    texts.map(([ms]) => durationText(ms)),
    texts.map(([, text]) => text),
  );
  for (let ms = 0.001; ms < 90 * 24 * HOUR; ms *= 1.07) {
    const digits = durationText(ms).replace(/\D/g, '').length;
    assert.ok(digits <= 3, durationText(ms));
  }
});

test('counts have separators, bytes their unit, spans one text where both read the same', () => {
  assert.deepEqual([0, 999, 1000, 9812, 1_234_567].map(countText), ['0', '999', '1,000', '9,812', '1,234,567']);
  assert.deepEqual(
    [plural(1, 'client'), plural(2, 'client'), plural(2, 'box', 'boxes')],
    ['1 client', '2 clients', '2 boxes'],
  );
  assert.deepEqual([0, 512, 1023, 1536, 64 * 2 ** 20].map(bytesText), ['0 B', '512 B', '1 KiB', '1.5 KiB', '64 MiB']);
  assert.deepEqual([spanText(2000, 3 * HOUR), spanText(2000, 2001)], ['2 s to 3 h', '2 s']);
});
