// Where everything lies in the lanes.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import fc from 'fast-check';
import { type History, historyOf } from '#page/console/page/slow/history.js';
import {
  axisAt,
  axisOf,
  gridStep,
  lanesOf,
  recordedOn,
  rowsOf,
  threadOf,
  windowAt,
  WINDOWS,
} from '#page/console/page/slow/lanes.js';
import { recordingOf } from '../../../support/recordings.js';
import { test } from '../../../support/test.js';

const histories = fc
  .record({
    seed: fc.integer({ min: 1, max: 1e6 }),
    tables: fc.integer({ min: 1, max: 60 }),
    every: fc.constantFrom(2, 12, 400),
    block: fc.constantFrom(0, 84),
    silence: fc.constantFrom(0, 3000),
    length: fc.constantFrom(200, 10_000),
  })
  .map(({ seed, ...options }) => historyOf(recordingOf(seed, options)));
const windows = fc.constantFrom(...WINDOWS);
const share = fc.double({ min: 0, max: 1, noNaN: true });

describe('the line of the loop', () => {
  test('goes to the right, and is in one lane at a time: that of the visit', () => {
    fc.assert(
      fc.property(histories, share, share, (history, a, b) => {
        const [from, to] = [Math.min(a, b) * history.length, Math.max(a, b) * history.length];
        const lanes = lanesOf(history);
        const points = threadOf(history, lanes, from, to);
        points.forEach(([at], n) => assert.ok(n === 0 || at >= (points[n - 1]?.[0] ?? 0)));
        // Between two points of the same lane, the waiter is there and nowhere else.
        for (let n = 1; n < points.length; n++) {
          const [[begin, lane], [end, same]] = [points[n - 1] ?? [0, 0], points[n] ?? [0, 0]];
          if (lane !== same || end - begin < 1e-9) continue;
          const at = (begin + end) / 2;
          const stay = history.stays.find((each) => each.begin <= at && at < each.end);
          const here = stay === undefined ? 0 : (lanes.laneOf.get(stay.table) ?? lanes.othersLane);
          // Straight on within a turn: it stays in the lane that it leaves.
          if (stay !== undefined || end - begin > 0.25) assert.equal(lane, here);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('visits every stay of its span', () => {
    const history = historyOf(recordingOf(4));
    const lanes = lanesOf(history);
    const points = threadOf(history, lanes, 0, history.length);
    for (const stay of history.stays) {
      const lane = lanes.laneOf.get(stay.table);
      assert.ok(points.some(([at, on]) => at === stay.begin && on === lane));
      assert.ok(points.some(([at, on]) => at === stay.end && on === lane));
    }
    assert.deepEqual([points[0]?.[1], points.at(-1)], [0, [history.length, 0]]);
  });
});

describe('the axis', () => {
  test('maps every recorded moment to one place and back, and never runs backwards', () => {
    fc.assert(
      fc.property(histories, windows, share, share, (history, window, a, b) => {
        const axis = axisOf(history, window);
        const [first, second] = [Math.min(a, b) * history.length, Math.max(a, b) * history.length];
        assert.ok(axisAt(axis, first) <= axisAt(axis, second) + 1e-9);
        assert.ok(Math.abs(recordedOn(axis, axisAt(axis, first)) - first) < 1e-6);
        assert.ok(axisAt(axis, history.length) - axis.length < 1e-6);
      }),
      { numRuns: 100 },
    );
  });

  test('cuts silences out, and nothing else', () => {
    fc.assert(
      fc.property(histories, windows, (history, window) => {
        for (const { from, to } of axisOf(history, window).cuts) {
          assert.ok(to - from > 0);
          assert.ok(!history.stays.some(({ begin, end }) => begin < to && end > from));
        }
      }),
      { numRuns: 60 },
    );
  });

  test('shows visits in every window, however long the silence', () => {
    const history: History = historyOf(recordingOf(5, { silence: 60_000, length: 64_000, every: 40 }));
    const axis = axisOf(history, 20);
    for (let at = 0; at < history.length; at += 97) {
      const [begin, end] = windowAt(axis, 20, at);
      assert.ok(Math.abs(end - begin - 20) < 1e-6);
      const [from, to] = [recordedOn(axis, begin), recordedOn(axis, end)];
      const some = history.stays.some((stay) => stay.end >= from && stay.begin <= to);
      assert.ok(some || history.length - at < 20 || from === 0, `nothing from ${from} to ${to}`);
    }
  });

  test('leaves a recording that fits into the window as it is', () => {
    const history = historyOf(recordingOf(5, { every: 150 }));
    assert.deepEqual(axisOf(history, 200), { length: 200, cuts: [] });
    assert.deepEqual(windowAt(axisOf(history, 200), 200, 150), [0, 200]);
  });

  test('has about ten lines in its grid', () => {
    assert.deepEqual([200, 20, 2, 150].map(gridStep), [20, 2, 0.2, 20]);
  });
});

describe('lanesOf', () => {
  test('has a lane for each of few tables, by number, and for each stove', () => {
    const history = historyOf(recordingOf(1, { tables: 8, stoves: 3 }));
    const lanes = lanesOf(history);
    assert.deepEqual(
      lanes.tables.map(({ table }) => table.id),
      [1, 2, 3, 4, 5, 6, 7, 8],
    );
    assert.equal(lanes.count, 1 + 8 + history.stoves.length);
  });

  test('has lanes for the visited of many, and keeps those that were blocked', () => {
    const history = historyOf(recordingOf(2, { tables: 900, length: 2000, every: 0.2, block: 84 }));
    const lanes = lanesOf(history);
    const visited = new Set(history.stays.map(({ table }) => table));
    assert.equal(lanes.tables.length, 200);
    assert.equal(lanes.others, visited.size - 200);
    const blocked = history.stays.find(({ block }) => block !== undefined)?.table ?? -1;
    assert.ok(lanes.laneOf.has(blocked));
  });

  test('rows fill the room there is, and scroll where it is too small', () => {
    const lanes = lanesOf(historyOf(recordingOf(1)));
    assert.ok(rowsOf(lanes, 260).total <= 261);
    assert.equal(rowsOf(lanes, 40).height, 16);
    assert.equal(rowsOf(lanes, 4000).height, 27);
    const { middle, rule = 0 } = rowsOf(lanes, 260);
    assert.ok(middle(8) < rule && rule < middle(9));
  });
});
