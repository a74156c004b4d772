import assert from 'node:assert/strict';
import { type ConnectionFaults, drawFaults, seededRandom } from 'maitre/testing';
import { checkFaults, draw, faultsOf } from '#src/testing/faults.js';
import { test } from '../support/test.js';

test('a draw is the number, one of the range, or what its function makes', () => {
  const random = seededRandom(1);
  assert.equal(draw(5, random), 5);
  assert.equal(
    draw((each) => (each() < 1 ? 7 : 8), random),
    7,
  );
  const drawn = Array.from({ length: 1000 }, () => draw([10, 20], random));
  assert.ok(drawn.every((each) => each >= 10 && each <= 20));
  assert.ok(Math.min(...drawn) < 11 && Math.max(...drawn) > 19);
  assert.equal(draw([10, Infinity], random), Infinity);
});

test('a direction has the faults of both, and its own instead of them', () => {
  const faults: ConnectionFaults = { delay: 1, rate: 10, up: { rate: 20 }, down: { piece: 3 } };
  assert.deepEqual(faultsOf(faults, 'up'), { delay: 1, rate: 20 });
  assert.deepEqual(faultsOf(faults, 'down'), { delay: 1, rate: 10, piece: 3 });
});

test('faults that are wrong or unknown are refused by name', () => {
  const refused: [unknown, RegExp][] = [
    [undefined, /Cannot plan faults: options must be an object, got undefined/],
    [{ dealy: 1 }, /Cannot plan faults: unknown option "dealy"/],
    [{ up: { down: {} } }, /Cannot plan faults: unknown option "up.down"/],
    [{ delay: -1 }, /Cannot plan faults: delay must be a number >= 0 or a range of them, got -1/],
    [{ piece: [5, 1] }, /piece must be a number >= 0 or a range of them, got \[5, 1\]/],
    [{ down: { resetAfter: NaN } }, /resetAfter must be .*, got NaN/],
    [{ delay: '1' }, /^TypeError: Cannot plan faults: delay must be a number >= 0 or a range of them, got "1"/],
    [{ up: 1 }, /^TypeError: Cannot plan faults: up must be an object, got 1/],
    [{ rate: '1' }, /^TypeError: Cannot plan faults: rate must be a number of bytes per second > 0, got "1"/],
    [{ rate: 0 }, /Cannot plan faults: rate must be a number of bytes per second > 0, got 0/],
  ];
  for (const [faults, message] of refused) assert.throws(() => checkFaults(faults), message);
});

test('drawFaults gives faults of every kind, half of them harmless, by the seed', () => {
  const drawn = Array.from({ length: 1000 }, (_, seed) => drawFaults(seededRandom(seed)));
  for (const faults of drawn) checkFaults(faults);
  assert.deepEqual(drawn[7], drawFaults(seededRandom(7)));
  const count = (has: (faults: ConnectionFaults) => boolean): number => drawn.filter(has).length;
  const part = ({ up, down }: ConnectionFaults): object => up ?? down ?? {};
  const harmed = count(({ up, down }) => up !== undefined || down !== undefined);
  assert.ok(harmed > 400 && harmed < 600, `${harmed} harmed`);
  for (const name of ['truncateAfter', 'resetAfter']) assert.ok(count((faults) => name in part(faults)) > 150, name);
  assert.ok(count(({ rate = Infinity }) => rate < Infinity) > 100);
  assert.ok(count(({ stallAfter = Infinity }) => stallAfter !== Infinity) > 200);
  assert.ok(count(({ piece = 0 }) => typeof piece !== 'number') > 400);
  assert.ok(count(({ delay = 0 }) => typeof delay !== 'number') > 300);
});

test('drawFaults without loss has neither truncations nor resets', () => {
  for (let seed = 0; seed < 1000; seed++) {
    const { up, down, truncateAfter, resetAfter } = drawFaults(seededRandom(seed), { lossless: true });
    assert.deepEqual([up, down, truncateAfter, resetAfter], [undefined, undefined, undefined, undefined]);
  }
});
