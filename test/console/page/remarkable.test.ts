import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { CLOCK, DRAIN, READ } from '#page/console/page/kinds.js';
import { Remarkable } from '#page/console/page/remarkable.js';
import { test } from '../../support/test.js';

describe('Remarkable', () => {
  test('a wait is remarkable above 99 of 100 of its kind, and a second', () => {
    const waits = new Remarkable();
    for (let i = 1; i <= 100; i++) waits.note(DRAIN, i * 50);
    waits.update();
    assert.equal(waits.is(DRAIN, 4900), false);
    assert.equal(waits.is(DRAIN, 5001), true);
    const short = new Remarkable();
    for (let i = 0; i < 100; i++) short.note(DRAIN, 2);
    short.update();
    assert.equal(short.is(DRAIN, 999), false);
    assert.equal(short.is(DRAIN, 1001), true);
  });

  test('nothing is remarkable before enough waits have ended', () => {
    const waits = new Remarkable();
    for (let i = 0; i < 20; i++) waits.note(DRAIN, 2);
    waits.update();
    assert.equal(waits.is(DRAIN, 1e9), false);
  });

  test('guests at leisure and clocks never are', () => {
    const waits = new Remarkable();
    for (const ball of [READ, CLOCK]) for (let i = 0; i < 100; i++) waits.note(ball, 2);
    waits.update();
    assert.equal(waits.is(READ, 1e9), false);
    assert.equal(waits.is(CLOCK, 1e9), false);
  });

  test('it forgets what was long ago', () => {
    const waits = new Remarkable();
    for (let i = 0; i < 400; i++) waits.note(DRAIN, 60_000);
    for (let i = 0; i < 400; i++) waits.note(DRAIN, 2000);
    waits.update();
    assert.equal(waits.is(DRAIN, 2001), true);
  });
});
