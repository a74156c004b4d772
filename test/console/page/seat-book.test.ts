import assert from 'node:assert/strict';
import { describe } from 'node:test';
import fc from 'fast-check';
import { SeatBook } from '#page/console/page/seat-book.js';
import { test } from '../../support/test.js';

describe('SeatBook', () => {
  test('keeps a seat for the life of a connection, and never gives one to two', () => {
    const step = fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 12 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const book = new SeatBook();
        const taken = new Map<number, number>();
        for (const [comes, id] of steps) {
          if (comes) {
            const seat = book.seat(id);
            assert.equal(seat, taken.get(id) ?? seat);
            taken.set(id, seat);
          } else {
            book.leave(id);
            taken.delete(id);
          }
          assert.equal(new Set(taken.values()).size, taken.size);
          for (const seat of taken.values()) assert.ok(seat < book.size);
        }
      }),
    );
  });

  test('gives the lowest free seat to who comes next', () => {
    const book = new SeatBook();
    for (const id of [1, 2, 3, 4]) book.seat(id);
    for (const id of [3, 1, 2]) book.leave(id);
    assert.deepEqual([book.seat(5), book.seat(6), book.seat(7), book.seat(8)], [0, 1, 2, 4]);
  });

  test('keeps the seats of those who are still there after a loss', () => {
    const book = new SeatBook();
    for (const id of [1, 2, 3]) book.seat(id);
    book.keep(new Set([2, 9]));
    assert.equal(book.seat(2), 1);
    assert.deepEqual([book.seat(9), book.seat(10)], [0, 2]);
  });

  test('begins anew when none of them is there any more', () => {
    const book = new SeatBook();
    for (const id of [1, 2, 3]) book.seat(id);
    book.keep(new Set([7]));
    assert.equal(book.size, 0);
    assert.equal(book.seat(7), 0);
  });
});
