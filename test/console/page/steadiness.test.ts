import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { Steadiness } from '#page/console/page/steadiness.js';
import { seeded } from '../../support/seeded.js';
import { test } from '../../support/test.js';

describe('Steadiness', () => {
  test('a table that changes three times in 0.9 s is drawn as it is', () => {
    const steady = new Steadiness();
    for (let i = 0; i < 20; i++) steady.note(i * 100, { ball: i % 6, place: i, visits: Math.floor(i / 3) });
    assert.equal(steady.mostly, false);
    assert.equal(steady.ball, 19 % 6);
    assert.equal(steady.place, 19);
  });

  test('one that changes more often is drawn by where it spent most of the time', () => {
    const steady = new Steadiness();
    for (let i = 0; i < 30; i++)
      steady.note(i * 100, { ball: i % 4 === 0 ? 2 : 0, place: i % 4 === 0 ? 7 : 8, visits: i * 3 });
    assert.equal(steady.mostly, true);
    assert.equal(steady.ball, 0);
    assert.equal(steady.place, 8);
    assert.ok(Math.abs(steady.rate - 30) < 1, `${steady.rate} a second`);
  });

  test('what is drawn changes at most four times a second, and not on a lead below 12 points', () => {
    const random = seeded(3);
    const steady = new Steadiness();
    let changes = 0;
    let last = -1;
    for (let i = 0; i < 600; i++) {
      steady.note(i * 100, { ball: random() < 0.5 ? 0 : 2, place: 0, visits: i * 2 });
      if (steady.ball !== last) changes++;
      last = steady.ball;
    }
    assert.ok(changes <= 60 * 4, `${changes} changes in a minute`);
    const even = new Steadiness();
    for (let i = 0; i < 9; i++) even.note(i * 100, { ball: 0, place: 0, visits: i * 2 });
    for (let i = 9; i < 14; i++) even.note(i * 100, { ball: 2, place: 0, visits: i * 2 });
    assert.equal(even.ball, 0, 'five of ten is no lead');
  });

  test('it goes back to the wait itself when the table calms down', () => {
    const steady = new Steadiness();
    for (let i = 0; i < 10; i++) steady.note(i * 100, { ball: 0, place: 0, visits: i * 4 });
    assert.equal(steady.mostly, true);
    for (let i = 10; i < 22; i++) steady.note(i * 100, { ball: 1, place: 5, visits: 36 });
    assert.deepEqual([steady.mostly, steady.ball, steady.place, steady.rate], [false, 1, 5, 0]);
  });
});
