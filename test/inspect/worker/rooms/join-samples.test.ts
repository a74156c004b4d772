import assert from 'node:assert/strict';
import { Picture } from '#src/inspect/picture.js';
import { JoinedSamples } from '#src/inspect/worker/rooms/join-samples.js';
import { idIn, type Place, type Sample } from '#src/introspect/index.js';
import { test } from '../../../support/test.js';
import { type Row, sampleOf } from '../../samples.js';

const place = (line: number): Place => ({ file: '/a.ts', line, column: 1, text: `a.ts:${line}` });

/** A room that samples its rows. */
class FakeRoom {
  readonly #known = new Map<number, number>();
  readonly #number: number;
  readonly #joined: JoinedSamples;

  constructor(number: number, joined: JoinedSamples) {
    this.#number = number;
    this.#joined = joined;
  }

  sends(rows: readonly Row[], more: Partial<Sample> = {}, now = 0): void {
    this.#joined.take(this.#number, { shift: 100 * this.#number, now, sample: sampleOf(rows, this.#known, more) });
  }
}

function setUp() {
  const joined = new JoinedSamples();
  const picture = new Picture();
  const rooms = [1, 2].map((number) => new FakeRoom(number, joined)) as [FakeRoom, FakeRoom];
  const look = (living: readonly number[] = [1, 2]): [number, number, number | undefined, string][] => {
    picture.apply(joined.join(new Set(living), 5000));
    return Array.from(picture.tables.id, (id, row) => [
      id,
      picture.tables.since[row] ?? 0,
      picture.places[picture.tables.place[row] ?? -1]?.line,
      picture.news.get(id)?.name ?? 'nobody',
    ]);
  };
  joined.begin(0);
  return { joined, picture, rooms, look };
}

test('tables of rooms have ids of their own, times of one clock, and equal places once', () => {
  const { rooms, picture, look } = setUp();
  rooms[0].sends([{ id: 7, since: 5, place: 1 }], { fresh: true, places: [place(1), place(2)] });
  rooms[1].sends([{ id: 7, since: 5, place: 0 }, { id: 8 }], { fresh: true, places: [place(2)] });
  assert.deepEqual(look(), [
    [idIn(1, 7), 105, 2, 'client 7, version 1'],
    [idIn(2, 7), 205, 2, 'client 7, version 1'],
    [idIn(2, 8), 0, undefined, 'client 8, version 1'],
  ]);
  assert.equal(picture.places.length, 2);
});

test('a room that does not answer stays as it was, and one that is gone has no tables', () => {
  const { rooms, look } = setUp();
  rooms[0].sends([{ id: 1 }], { fresh: true });
  rooms[1].sends([{ id: 1 }], { fresh: true });
  look();
  rooms[1].sends([{ id: 1 }, { id: 2 }]);
  assert.deepEqual(
    look().map(([id]) => id),
    [idIn(1, 1), idIn(2, 1), idIn(2, 2)],
  );
  assert.deepEqual(
    look([2]).map(([id]) => id),
    [idIn(2, 1), idIn(2, 2)],
  );
});

test('a stream that begins anew says everything, of a room that does not answer too, for a while', () => {
  const { joined, rooms, picture, look } = setUp();
  rooms[0].sends([{ id: 1, place: 0 }], { fresh: true, places: [place(1)] }, 1000);
  rooms[1].sends([{ id: 1, place: 0 }], { fresh: true, places: [place(2)] }, 1000);
  const before = look();
  const { stream } = picture;
  joined.begin(10_000);
  assert.deepEqual(look(), before);
  assert.equal(picture.stream, stream + 1);
  rooms[1].sends([{ id: 1, place: 1 }], { places: [place(3)] }, 12_000);
  assert.deepEqual(
    look().map(([, , line]) => line),
    [1, 3],
    'its own stream goes on',
  );
  joined.begin(20_000);
  assert.deepEqual(
    look().map(([id]) => id),
    [idIn(2, 1)],
    'what one room showed 19 s ago is too old',
  );
  rooms[0].sends([{ id: 1, place: 0 }]);
  assert.equal(joined.has(1), false, 'without its first sample, the others mean nothing');
});

test('who holds what, visits and jobs are of the tables of their room', () => {
  const { joined, rooms } = setUp();
  rooms[0].sends([{ id: 1 }], { fresh: true });
  rooms[1].sends([{ id: 1, resource: 0 }], {
    fresh: true,
    places: [place(4)],
    resources: [{ key: 'lock:1', kind: 'lock', label: 'lock "salt"' }],
    holders: [[0, 'client 9']],
    shown: [{ table: 1, begin: 3, us: 4, from: 0, to: -1 }],
    kitchens: [
      {
        executor: 'oven',
        size: 1,
        queued: 0,
        next: [],
        workers: [{ job: 'bake', table: 1, since: 6 }],
        unfetched: null,
      },
    ],
  });
  const { holders, shown, kitchens, resources } = joined.join(new Set([1, 2]), 0);
  assert.deepEqual(resources, [{ key: '2 lock:1', kind: 'lock', label: 'lock "salt"' }]);
  assert.deepEqual(holders, [[0, 'client 2:9']]);
  assert.deepEqual(shown, [{ table: idIn(2, 1), begin: 203, us: 4, from: 0, to: -1 }]);
  assert.deepEqual(kitchens[0]?.workers, [{ job: 'bake', table: idIn(2, 1), since: 206 }]);
  assert.equal(kitchens[0]?.room, 2);
});
