// Replay time against recorded time.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import fc from 'fast-check';
import { historyOf, type Stay } from '#page/console/page/slow/history.js';
import {
  HOLD,
  LONGEST_GAP,
  nextVisit,
  pieceAt,
  previousVisit,
  recordedAt,
  replayAt,
  showVisit,
  slowly,
  type Speed,
  type Timeline,
  timelineOf,
  visitAt,
} from '#page/console/page/slow/timeline.js';
import { recordingOf } from '../../../support/recordings.js';
import { test } from '../../../support/test.js';

const make = (seed: number, options: object, speed: Speed = 50): Timeline => {
  const { stays, length } = historyOf(recordingOf(seed, options));
  return timelineOf(stays, length, slowly(speed));
};

const timelines = fc
  .record({
    seed: fc.integer({ min: 1, max: 1e6 }),
    tables: fc.integer({ min: 1, max: 30 }),
    every: fc.constantFrom(0.5, 12, 1e9),
    block: fc.constantFrom(0, 84),
    silence: fc.constantFrom(0, 3000),
    length: fc.constantFrom(0, 200, 10_000),
    speed: fc.constantFrom<Speed>(50, 500),
  })
  .map(({ seed, speed, ...options }) => make(seed, options, speed));

/** Moments of a timeline, as parts of it. A timeline takes longer to make than to look at. */
const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 10, maxLength: 10 });

describe('timeline', () => {
  test('runs forwards in both directions', () => {
    fc.assert(
      fc.property(timelines, shares, (timeline, moments) => {
        const { length, pieces } = timeline;
        const recorded = pieces.at(-1)?.to ?? 0;
        moments
          .toSorted((a, b) => a - b)
          .forEach((second, i, all) => {
            const first = all[i - 1] ?? 0;
            assert.ok(recordedAt(timeline, first * length) <= recordedAt(timeline, second * length) + 1e-9);
            assert.ok(replayAt(timeline, first * recorded) <= replayAt(timeline, second * recorded) + 1e-6);
          });
      }),
      { numRuns: 40 },
    );
  });

  test('maps every recorded moment to one of the replay and back', () => {
    fc.assert(
      fc.property(timelines, shares, (timeline, moments) => {
        for (const at of moments) {
          const recorded = at * (timeline.pieces.at(-1)?.to ?? 0);
          assert.ok(Math.abs(recordedAt(timeline, replayAt(timeline, recorded)) - recorded) < 1e-6);
        }
      }),
      { numRuns: 40 },
    );
  });

  test('covers the recording from its begin to its end without a hole', () => {
    fc.assert(
      fc.property(timelines, ({ pieces, length }) => {
        let [replay, recorded] = [0, 0];
        for (const { begin, end, from, to } of pieces) {
          assert.deepEqual([begin, from], [replay, recorded]);
          assert.ok(end >= begin && to >= from);
          [replay, recorded] = [end, to];
        }
        assert.equal(replay, length);
      }),
      { numRuns: 60 },
    );
  });

  test('shows each visit for 0.3 s at least, and for 0.9 s at 1/500', () => {
    for (const speed of [50, 500] as const) {
      const timeline = make(3, { block: 84 }, speed);
      for (const { begin, end, from, to } of timeline.ofStay) {
        assert.ok(end - begin >= HOLD[speed] - 1e-6);
        assert.ok(Math.abs(end - begin - Math.max(HOLD[speed], (to - from) * speed)) < 1e-6);
      }
    }
    assert.deepEqual(HOLD, { 50: 300, 500: 900 });
  });

  test('slows the time between visits evenly, and folds what is long', () => {
    const gaps = make(5, { silence: 3000, length: 4000 }).pieces.filter(({ stay }) => stay === undefined);
    assert.ok(gaps.some(({ folded }) => folded));
    for (const { begin, end, from, to, folded } of gaps) {
      if (folded) assert.ok(Math.abs(end - begin - LONGEST_GAP) < 1e-6 && (to - from) * 50 > LONGEST_GAP);
      else assert.ok(Math.abs(end - begin - (to - from) * 50) < 1e-6);
    }
  });

  test('one long wait leaves the bursts around it as long as they were', () => {
    const { stays, length } = historyOf(recordingOf(5, { length: 400 }));
    const late = (by: number): readonly Stay[] =>
      stays.map((stay, n) => (n < 10 ? stay : { ...stay, begin: stay.begin + by, end: stay.end + by }));
    const lengths = ({ ofStay }: Timeline): number[] =>
      ofStay.slice(1).map(({ begin }, n) => begin - (ofStay[n]?.begin ?? 0));
    const without = timelineOf(stays, length, slowly(50));
    const silent = timelineOf(late(60_000), length + 60_000, slowly(50));
    const expected = lengths(without);
    lengths(silent).forEach((each, n) => n === 9 || assert.ok(Math.abs(each - (expected[n] ?? 0)) < 1e-3));
    assert.ok(silent.length <= without.length + LONGEST_GAP);
  });

  test('steps from visit to visit, forwards and back, and stops at the ends', () => {
    const timeline = make(3, {});
    const count = timeline.ofStay.length;
    let at = 0;
    for (let index = 0; index < count + 2; index++) {
      at = showVisit(timeline, nextVisit(timeline, at));
      assert.equal(visitAt(timeline, at), Math.min(index, count - 1));
      assert.equal(pieceAt(timeline, at).stay?.index, Math.min(index, count - 1));
    }
    for (let index = count - 2; index >= -2; index--) {
      at = showVisit(timeline, previousVisit(timeline, at));
      assert.equal(visitAt(timeline, at), Math.max(0, index));
    }
  });

  test('a step back from between two visits goes to the one that is over', () => {
    const timeline = make(3, {});
    const gap = timeline.pieces.find(({ stay, last }) => stay === undefined && last !== undefined);
    assert.equal(previousVisit(timeline, (gap?.begin ?? 0) + 1), gap?.last?.index);
  });

  test('has an end when nothing was recorded', () => {
    const timeline = timelineOf<Stay>([], 0, slowly(50));
    assert.deepEqual([recordedAt(timeline, 5), replayAt(timeline, 5), visitAt(timeline, 0)], [0, 0, -1]);
    assert.deepEqual([showVisit(timeline, 0), previousVisit(timeline, 0), nextVisit(timeline, 0)], [0, 0, -1]);
  });
});
