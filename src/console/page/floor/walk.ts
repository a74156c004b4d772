// The way of the waiter in live pictures. The visits are true, and which of them is shown is drawn by lot from those
// since the last one; the way between two tables is drawn, not measured, and is all that is interpolated.
//
// walk 300 ms, stay 300 ms, so at most 1.7 visits a second; at the stand after 0.5 s without one. With reduced motion it
// appears where it is, and stays longer.
import type { ShownVisit } from '../../../inspect/protocol/index.ts';
import { duration } from '../format.ts';
import type { Waiter } from './picture.ts';

const HOP = 300;
const STAY = 300;
const STAY_REDUCED = 900;
const IDLE = 500;
const TRAIL = 5;

type Spot = readonly [x: number, y: number];

export interface WalkWorld {
  /** The page's clock. */
  readonly wall: number;
  readonly reducedMotion: boolean;
  /** Where a table is served; undefined if it is gone. */
  spotOf(table: number): Spot | undefined;
  readonly stand: Spot;
  /** The visits that frames have told of since the last call. */
  takeVisits(): readonly ShownVisit[];
  /** The table that holds the loop; null if none does. */
  readonly blockedAt: number | null;
  /** Nothing moves: held. */
  readonly held: boolean;
  /** Whether tables move, so that a trail would lie. */
  readonly moving: boolean;
}

export class Walk {
  #state: 'stand' | 'hop' | 'at' = 'stand';
  #since = -Infinity;
  #visit: { readonly table: number; readonly us: number | null; readonly to: number } | null = null;
  #x = 0;
  #y = 0;
  #from: Spot = [0, 0];
  #trail: Spot[] = [];
  /** When visits were shown, for the last two seconds. */
  #shown: number[] = [];
  readonly #random: () => number;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Visits that were shown, a second. */
  shownRate(wall: number): number {
    this.#shown = this.#shown.filter((at) => wall - at < 2000);
    return this.#shown.length / 2;
  }

  /** The place in the code where the visit that is shown stopped; -1 while it walks or stands. */
  get place(): number {
    return this.#state === 'at' ? (this.#visit?.to ?? -1) : -1;
  }

  /** Forgets the trail: tables stand elsewhere now. */
  forget(): void {
    this.#trail = [];
  }

  frame(world: WalkWorld): Waiter {
    const { wall } = world;
    const hop = world.reducedMotion ? 0 : HOP;
    if (world.blockedAt !== null) return this.#stopAt(world, world.blockedAt);
    const passed = wall - this.#since;
    if (this.#state === 'hop' && passed < hop) {
      const [x, y] = this.#spot(world);
      const share = ease(passed / hop);
      this.#x = this.#from[0] + (x - this.#from[0]) * share;
      this.#y = this.#from[1] + (y - this.#from[1]) * share;
      return this.#drawn(world, '');
    }
    if (this.#state === 'hop') this.#state = 'at';
    [this.#x, this.#y] = this.#spot(world);
    const stay = world.reducedMotion ? STAY_REDUCED : STAY;
    if (passed > hop + stay && !world.held) this.#next(world, passed - hop - stay);
    const us = this.#state === 'at' ? (this.#visit?.us ?? null) : null;
    return this.#drawn(world, us === null ? '' : duration(us / 1000));
  }

  #next(world: WalkWorld, idle: number): void {
    const visits = world.takeVisits().filter(({ table }) => world.spotOf(table) !== undefined);
    const chosen = visits[Math.floor(this.#random() * visits.length)];
    if (chosen !== undefined) {
      this.#from = [this.#x, this.#y];
      this.#trail.push(this.#from);
      if (this.#trail.length > TRAIL) this.#trail.shift();
      this.#visit = chosen;
      this.#state = 'hop';
      this.#since = world.wall;
      this.#shown.push(world.wall);
    } else if (this.#state === 'at' && idle > IDLE) {
      this.#state = 'stand';
      this.#visit = null;
      this.#trail = [];
      this.#since = world.wall;
      [this.#x, this.#y] = world.stand;
    }
  }

  #stopAt(world: WalkWorld, table: number): Waiter {
    world.takeVisits();
    this.#visit = { table, us: null, to: -1 };
    this.#state = 'at';
    this.#since = world.wall;
    this.#trail = [];
    [this.#x, this.#y] = this.#spot(world);
    return this.#drawn(world, '');
  }

  #spot(world: WalkWorld): Spot {
    const spot = this.#visit === null ? undefined : world.spotOf(this.#visit.table);
    return this.#state === 'stand' || spot === undefined ? world.stand : spot;
  }

  #drawn(world: WalkWorld, label: string): Waiter {
    const bare = world.reducedMotion || world.moving;
    return { x: this.#x, y: this.#y, label, trail: bare ? [] : [...this.#trail, [this.#x, this.#y]] };
  }
}

/** Slow at both ends. */
function ease(share: number): number {
  return share < 0.5 ? 4 * share ** 3 : 1 - (-2 * share + 2) ** 3 / 2;
}
