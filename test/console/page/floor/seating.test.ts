import assert from 'node:assert/strict';
import { describe } from 'node:test';
import fc from 'fast-check';
import { largestThat, seatingOf } from '#page/console/page/floor/seating.js';
import { zonesOf } from '#page/console/page/floor/zones.js';
import { test } from '../../../support/test.js';

const area = (width = 936, height = 580) => zonesOf(width, height).area;

describe('seatingOf', () => {
  test('large discs to 16, small ones to 400, a grid above', () => {
    for (const [seats, mode] of [
      [1, 'large'],
      [16, 'large'],
      [17, 'compact'],
      [400, 'compact'],
      [401, 'dots'],
      [10_000, 'dots'],
    ] as const) {
      assert.equal(seatingOf(seats, area()).mode, mode, `${seats} seats`);
    }
  });

  test('every seat is in its area and none on another', () => {
    const size = fc.tuple(fc.integer({ min: 700, max: 1900 }), fc.integer({ min: 480, max: 1000 }));
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: 1, max: 420 }), fc.constant(2500)), size, (seats, [width, height]) => {
        const box = area(width, height);
        const { spots, radius, pitch } = seatingOf(seats, box);
        assert.equal(spots.length, 2 * seats);
        const apart = pitch > 0 ? pitch * 0.99 : 2 * radius;
        const cells = new Map<string, number>();
        for (let i = 0; i < seats; i++) {
          const [x, y] = [spots[2 * i] ?? 0, spots[2 * i + 1] ?? 0];
          assert.ok(x >= box.x - 1 && x <= box.x + box.w + 1, `x ${x} of seat ${i}`);
          assert.ok(y >= box.y - 16 && y <= box.y + box.h + 1, `y ${y} of seat ${i}`);
          // Neighbours are in the cells around.
          const [cx, cy] = [Math.floor(x / apart), Math.floor(y / apart)];
          for (let dx = -1; dx <= 1; dx++) {
            for (let dy = -1; dy <= 1; dy++) {
              const other = cells.get(`${cx + dx} ${cy + dy}`);
              if (other === undefined) continue;
              const gap = Math.hypot((spots[2 * other] ?? 0) - x, (spots[2 * other + 1] ?? 0) - y);
              assert.ok(gap >= apart - 0.5, `seats ${i} and ${other} are ${gap} apart, not ${apart}`);
            }
          }
          cells.set(`${cx} ${cy}`, i);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('eight seats are staggered three, two, three', () => {
    const { spots } = seatingOf(8, area());
    const rows = new Map<number, number>();
    for (let i = 0; i < 8; i++) rows.set(spots[2 * i + 1] ?? 0, (rows.get(spots[2 * i + 1] ?? 0) ?? 0) + 1);
    assert.deepEqual([...rows.values()], [3, 2, 3]);
  });

  test('at 2,000 seats shapes can still be told, at 10,000 not', () => {
    assert.ok(seatingOf(2000, area(1500, 900)).pitch >= 9);
    assert.ok(seatingOf(10_000, area()).pitch < 9);
  });
});

test('largestThat finds the largest value that fits', () => {
  assert.ok(Math.abs(largestThat((value) => value <= 7.25, 2, 22) - 7.25) < 0.001);
  assert.equal(
    largestThat(() => true, 2, 22),
    22,
  );
  assert.equal(
    largestThat(() => false, 2, 22),
    2,
  );
});
