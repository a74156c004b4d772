import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { Walk, type WalkWorld } from '#page/console/page/floor/walk.js';
import type { ShownVisit } from '#src/inspect/protocol/index.js';
import { test } from '../../../support/test.js';

const STAND = [600, 300] as const;

/** A world of tables at x = 10 times their number, whose visits wait to be taken. */
class World {
  wall = 0;
  visits: ShownVisit[] = [];
  gone: Set<number> = new Set();

  at(wall: number, rest: Partial<WalkWorld> = {}): WalkWorld {
    this.wall = wall;
    return {
      wall,
      reducedMotion: false,
      spotOf: (table) => (this.gone.has(table) ? undefined : [table * 10, 100]),
      stand: STAND,
      takeVisits: () => this.visits.splice(0),
      blockedAt: null,
      held: false,
      moving: false,
      ...rest,
    };
  }

  visit(table: number, us: number | null = 70): void {
    this.visits.push({ table, begin: this.wall, us, from: 0, to: 1 });
  }
}

describe('Walk', () => {
  test('stands at the loop until there is a visit, and walks there in 0.3 s', () => {
    const [walk, world] = [new Walk(() => 0), new World()];
    assert.deepEqual(position(walk.frame(world.at(0))), [...STAND]);
    world.visit(7);
    walk.frame(world.at(16));
    const half = walk.frame(world.at(166));
    assert.ok(half.x < 600 && half.x > 70, 'on its way');
    assert.equal(half.label, '');
    const there = walk.frame(world.at(320));
    assert.deepEqual(position(there), [70, 100]);
    assert.equal(there.label, '70 µs');
    assert.equal(walk.place, 1);
  });

  test('shows at most one visit in 0.6 s, and only tables that were visited', () => {
    const [walk, world] = [new Walk(() => 0.5), new World()];
    const seen = new Set<number>();
    for (let wall = 0; wall < 6000; wall += 16) {
      world.visit(1 + Math.floor(wall / 16) * 2);
      const { label, x } = walk.frame(world.at(wall));
      if (label !== '') seen.add(x / 10);
    }
    assert.ok(seen.size <= 10, `${seen.size} visits in 6 s`);
    for (const table of seen) assert.equal(table % 2, 1);
    assert.ok(walk.shownRate(6000) <= 1.7);
  });

  test('goes back to the stand after half a second without a visit', () => {
    const [walk, world] = [new Walk(() => 0), new World()];
    world.visit(7);
    for (let wall = 0; wall <= 1090; wall += 10) walk.frame(world.at(wall));
    assert.deepEqual(position(walk.frame(world.at(1095))), [70, 100]);
    for (let wall = 1100; wall < 1300; wall += 10) walk.frame(world.at(wall));
    assert.deepEqual(position(walk.frame(world.at(1300))), [...STAND]);
  });

  test('a block is never left out: it stands there at once, and takes no other visit', () => {
    const [walk, world] = [new Walk(() => 0), new World()];
    world.visit(7);
    walk.frame(world.at(0));
    const stopped = walk.frame(world.at(16, { blockedAt: 4 }));
    assert.deepEqual(position(stopped), [40, 100]);
    assert.deepEqual(stopped.trail, [[40, 100]]);
    world.visit(9);
    walk.frame(world.at(32, { blockedAt: 4 }));
    assert.deepEqual(world.visits, []);
  });

  test('the time of a visit that was not timed is not shown', () => {
    const [walk, world] = [new Walk(() => 0), new World()];
    world.visit(3, null);
    for (const wall of [0, 320]) walk.frame(world.at(wall));
    assert.equal(walk.frame(world.at(330)).label, '');
  });

  test('a table that has gone is not visited, and does not hold it', () => {
    const [walk, world] = [new Walk(() => 0), new World()];
    world.visit(3);
    walk.frame(world.at(0));
    world.gone.add(3);
    assert.deepEqual(position(walk.frame(world.at(400))), [...STAND]);
    world.visit(3);
    for (let wall = 700; wall < 1400; wall += 16) walk.frame(world.at(wall));
    assert.deepEqual(position(walk.frame(world.at(1400))), [...STAND]);
  });

  test('nothing moves while it is held; with reduced motion it appears, without a trail', () => {
    const [walk, world] = [new Walk(() => 0), new World()];
    world.visit(5);
    assert.deepEqual(position(walk.frame(world.at(1000, { held: true }))), [...STAND]);
    walk.frame(world.at(1016, { reducedMotion: true }));
    const there = walk.frame(world.at(1032, { reducedMotion: true }));
    assert.deepEqual(position(there), [50, 100]);
    assert.deepEqual(there.trail, []);
  });

  test('there is no trail where tables move', () => {
    const [walk, world] = [new Walk(() => 0), new World()];
    world.visit(5);
    walk.frame(world.at(0));
    assert.deepEqual(walk.frame(world.at(320, { moving: true })).trail, []);
  });
});

function position({ x, y }: { readonly x: number; readonly y: number }): [number, number] {
  return [x, y];
}
