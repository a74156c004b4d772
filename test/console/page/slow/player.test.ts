// The replay as it is operated: keys, speeds, windows, time.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { Player } from '#page/console/page/slow/player.js';
import { recordingOf } from '../../../support/recordings.js';
import { test } from '../../../support/test.js';

const player = (still = true, options: Parameters<typeof recordingOf>[1] = {}): Player =>
  new Player(recordingOf(12, options), still);

const shown = (each: Player): number => each.piece.stay?.index ?? -1;

/** Lets the replay run for so many milliseconds, in frames. */
const run = (each: Player, ms: number): void => {
  for (let at = 0; at <= ms; at += 16) each.tick(1000 + at);
};

describe('Player', () => {
  test('plays from the begin; with reduced motion it stands at the first visit', () => {
    const moving = player(false);
    assert.deepEqual([moving.playing.value, moving.at], [true, 0]);
    const still = player(true);
    assert.deepEqual([still.playing.value, shown(still)], [false, 0]);
    run(still, 500);
    assert.equal(shown(still), 0);
  });

  test('opens a recording that was frozen by a block in the block, and stands', () => {
    const blocked = player(false, { block: 84 });
    assert.equal(blocked.piece.stay?.block?.place?.function, 'kneadDough');
    assert.equal(blocked.playing.value, false);
  });

  test('runs with the clock of the page, and stops at its end', () => {
    const each = player(false);
    run(each, 3000);
    assert.ok(Math.abs(each.at - 3000) < 40, `${each.at}`);
    run(each, 60_000);
    assert.deepEqual([each.playing.value, each.over], [false, true]);
    each.play();
    assert.ok(each.playing.value && each.at === 0);
  });

  test('does not jump over what happened while the page was hidden', () => {
    const each = player(false);
    each.tick(1000);
    each.tick(60_000);
    assert.ok(each.at <= 120);
  });

  test('takes the keys of the design, and no others', () => {
    const each = player();
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowLeft']) assert.ok(each.key(key));
    assert.equal(shown(each), 1);
    each.key('End');
    assert.equal(shown(each), each.history.stays.length - 1);
    each.key('Home');
    assert.equal(shown(each), 0);
    each.key('+');
    each.key('+');
    each.key('+');
    assert.equal(each.window.value, 2);
    each.key('-');
    assert.equal(each.window.value, 20);
    each.key(' ');
    assert.equal(each.playing.value, true);
    assert.equal(each.key('x'), false);
  });

  test('a step stops the replay', () => {
    const each = player(false);
    each.key('ArrowRight');
    assert.equal(each.playing.value, false);
  });

  test('keeps the visit that is shown when the speed or the window changes', () => {
    const each = player();
    each.show(7);
    each.setSpeed(500);
    assert.deepEqual([shown(each), each.speed.value], [7, 500]);
    each.setWindow(2);
    assert.equal(shown(each), 7);
    const [begin, end] = each.shown;
    assert.ok(Math.abs(end - begin - 2) < 1e-9);
  });

  test('seeks a recorded moment, within the recording', () => {
    const each = player();
    each.seek(100);
    assert.ok(Math.abs(each.recorded - 100) < 1e-6);
    each.seek(-5);
    assert.ok(each.recorded < 1e-6);
    each.seek(1e9);
    assert.ok(Math.abs(each.recorded - each.history.length) < 1e-6);
  });

  test('counts a step for each visit and each gap, not for each frame', () => {
    const each = player(false);
    const before = each.step.value;
    const end = each.timeline.pieces[4]?.end ?? 0;
    run(each, end - 20);
    assert.equal(each.step.value - before, 4 + 1);
  });
});
