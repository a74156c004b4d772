// A moment of a recording on the floor.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import fc from 'fast-check';
import type { FloorPicture } from '#page/console/page/floor/picture.js';
import { historyOf } from '#page/console/page/slow/history.js';
import { pictureOf, waiterAt } from '#page/console/page/slow/picture.js';
import { pieceAt, recordedAt, showVisit, slowly, timelineOf } from '#page/console/page/slow/timeline.js';
import { BALLS } from '#src/inspect/protocol/index.js';
import { recordingOf } from '../../../support/recordings.js';
import { test } from '../../../support/test.js';

const setUp = (seed: number, options: Parameters<typeof recordingOf>[1] = {}) => {
  const history = historyOf(recordingOf(seed, options));
  const timeline = timelineOf(history.stays, history.length, slowly(50));
  const lookAt = (replay: number) => ({
    at: recordedAt(timeline, replay),
    replay,
    piece: pieceAt(timeline, replay),
    speed: 50,
    wall: 0,
    pointed: 0,
    reducedMotion: false,
  });
  const spots = {
    spotOf: ({ id }: { readonly id: number }): [number, number] => [100 * id, 50],
    stand: [0, 0] as const,
  };
  const picture = (replay: number): FloorPicture => pictureOf(history, lookAt(replay));
  return { history, timeline, lookAt, spots, picture };
};

describe('pictureOf', () => {
  test('draws every table by what it waits for at that moment', () => {
    const { history, timeline, picture } = setUp(3);
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (share) => {
        const at = recordedAt(timeline, share * timeline.length);
        for (const table of picture(share * timeline.length).tables) {
          const { segments } = history.tables[table.seat] ?? { segments: [] };
          const segment = segments.find(({ begin, end }) => begin <= at && at < end);
          if (segment !== undefined) assert.equal(BALLS[table.ball], segment.ball);
          assert.ok(table.since <= history.recording.from + at + 1e-9);
        }
      }),
    );
  });

  test('chooses the table that is visited, and none between visits', () => {
    const { history, timeline, picture } = setUp(3);
    for (const { begin, end, stay } of timeline.pieces) {
      const id = stay === undefined ? 0 : history.recording.tables[stay.table]?.id;
      assert.equal(picture((begin + end) / 2).selected, id);
    }
  });

  test('has the jobs of that moment on their stoves, the others on the rail', () => {
    const { history, timeline, picture } = setUp(9, { tables: 16, every: 2, stoves: 2 });
    let [most, waiting] = [0, 0];
    for (let replay = 0; replay < timeline.length; replay += 50) {
      const now = history.recording.from + recordedAt(timeline, replay);
      const [kitchen] = picture(replay).kitchens;
      const cooking = history.recording.jobs.filter(
        ({ started, ended }) => (started ?? Infinity) <= now && now < (ended ?? Infinity),
      );
      const busy = kitchen?.workers.filter(({ job }) => job !== null) ?? [];
      assert.equal(busy.length, cooking.length);
      most = Math.max(most, busy.length);
      waiting = Math.max(waiting, kitchen?.queued ?? 0);
    }
    assert.ok(most === 2 && waiting > 0);
  });

  test('says during a block who holds the loop, where, and for how long so far', () => {
    const { history, timeline, picture } = setUp(12, { block: 84 });
    const index = history.stays.findIndex(({ block }) => block !== undefined);
    const { block } = picture(showVisit(timeline, index));
    assert.deepEqual([block?.what, block?.where], ['kneadDough', 'orders.ts:42']);
    assert.ok(block !== null && block.ms > 55 && block.ms < 62, 'two thirds of it are over');
    assert.equal(picture(0).block, null);
  });
});

describe('waiterAt', () => {
  test('stands at the table of the visit with its time, and at the loop between visits', () => {
    const { history, timeline, lookAt, spots, picture } = setUp(3);
    for (const { begin, end, stay } of timeline.pieces) {
      const replay = begin + (end - begin) * 0.99;
      const { x, y, label } = waiterAt(history, picture(replay), lookAt(replay), spots);
      if (stay === undefined) {
        assert.equal(label, '');
        if (end - begin > 300) assert.deepEqual([x, y], [0, 0]);
      } else {
        assert.deepEqual([Math.round(x), y], [100 * (history.recording.tables[stay.table]?.id ?? 0), 50]);
        assert.match(label, /µs$|ms$/);
      }
    }
  });

  test('never jumps: the way is without a gap', () => {
    const { history, timeline, lookAt, spots, picture } = setUp(3);
    let last: number | undefined;
    for (let replay = 0; replay < timeline.length; replay += 4) {
      const { x } = waiterAt(history, picture(replay), lookAt(replay), spots);
      if (last !== undefined) assert.ok(Math.abs(x - last) < 80, `from ${last} to ${x} at ${replay}`);
      last = x;
    }
  });
});
