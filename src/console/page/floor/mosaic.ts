// How long, and where in code: a row for each kind or source line, one dot a table, sorted by age, short left and long
// right. Every dot has the same pitch, so the area of a row is its number of tables.
//
// The pitch is found by bisection and kept until it does not fit any more: it would change with every table that moves
// from one row to another otherwise.
import type { FloorTable } from './picture.ts';
import { largestThat } from './seating.ts';
import type { Box } from './zones.ts';

export interface MosaicGroup {
  /** A kind, or a place; it names the row. */
  readonly key: number;
  readonly ball: number;
  /** Sorted by age, the youngest first. */
  readonly tables: FloorTable[];
}

export interface MosaicRow extends MosaicGroup {
  readonly y: number;
  /** Where its dots begin. */
  readonly top: number;
  /** The slot of its first table. */
  readonly first: number;
  readonly ticks: readonly { readonly x: number; readonly label: string }[];
}

/** Ages at which the tint changes and a tick may stand, in milliseconds. */
export const AGES: readonly number[] = [100, 1000, 10_000, 60_000, 600_000];
const LABELS = ['0.1 s', '1 s', '10 s', '1 min', '10 min'];
const HEAD = 25;
const TICKS = 14;
const GAP = 10;
/** Pixels between two ticks, so that their labels stand side by side. */
const TICK_ROOM = 38;

export class Mosaic {
  #pitch = 0;
  #for = '';
  /** The tables by slot, as they were when they were placed. They may have left since. */
  readonly tables: FloorTable[] = [];
  /** x and y of slot n at 2n and 2n + 1. */
  spots: Float32Array = new Float32Array(0);
  readonly #slots: Map<number, number> = new Map();

  get pitch(): number {
    return this.#pitch;
  }

  /** The slot of a table; undefined for one that was not there. */
  slotOf(id: number): number | undefined {
    return this.#slots.get(id);
  }

  /** Places the tables. */
  place(groups: readonly MosaicGroup[], area: Box, now: number): MosaicRow[] {
    const total = groups.reduce((sum, { tables }) => sum + tables.length, 0);
    if (this.spots.length < 2 * total) this.spots = new Float32Array(2 * total + 256);
    this.tables.length = 0;
    this.#slots.clear();
    const { spots } = this;
    const fits = (pitch: number): boolean => heightOf(groups, area.w, pitch) <= area.h;
    const room = `${area.w} ${area.h} ${total} ${groups.length}`;
    if (this.#pitch === 0 || this.#for !== room || !fits(this.#pitch)) {
      // A little less than fits, so that it still does when tables have moved.
      const found = largestThat((pitch) => fits(pitch * 1.03), 1.5, total <= 16 ? 46 : 30);
      this.#pitch = found > 6 ? Math.floor(found) : found;
      this.#for = room;
    }
    const pitch = this.#pitch;
    const columns = Math.max(1, Math.floor(area.w / pitch));
    const rows: MosaicRow[] = [];
    let y = area.y;
    for (const group of groups) {
      const { tables } = group;
      const lines = Math.max(1, Math.ceil(tables.length / columns));
      const top = y + HEAD + (tables.length > 0 ? TICKS : 0);
      const first = this.tables.length;
      for (let i = 0; i < tables.length; i++) {
        const table = tables[i];
        if (table === undefined) continue;
        const slot = first + i;
        spots[2 * slot] = area.x + (Math.floor(i / lines) + 0.5) * pitch;
        spots[2 * slot + 1] = top + ((i % lines) + 0.5) * pitch;
        this.#slots.set(table.id, slot);
        this.tables.push(table);
      }
      rows.push({ ...group, y, top, first, ticks: ticksOf(tables, now, area.x, lines, pitch) });
      y = top + (tables.length > 0 ? lines * pitch : 0) + GAP;
    }
    return rows;
  }

  /** Finds the pitch anew the next time. */
  reset(): void {
    this.#pitch = 0;
  }
}

/** The index of the first table that is at least so old; tables are sorted by age, the youngest first. */
export function firstAtLeast(tables: readonly FloorTable[], now: number, age: number): number {
  let [low, high] = [0, tables.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (now - (tables[middle]?.since ?? now) >= age) high = middle;
    else low = middle + 1;
  }
  return low;
}

function heightOf(groups: readonly MosaicGroup[], width: number, pitch: number): number {
  const columns = Math.max(1, Math.floor(width / pitch));
  let height = -GAP;
  for (const { tables } of groups) {
    height += HEAD + GAP + (tables.length > 0 ? TICKS : 0) + Math.ceil(tables.length / columns) * pitch;
  }
  return height;
}

function ticksOf(
  tables: readonly FloorTable[],
  now: number,
  left: number,
  lines: number,
  pitch: number,
): MosaicRow['ticks'] {
  const ticks: { x: number; label: string }[] = [];
  let last = -Infinity;
  for (const [i, age] of AGES.entries()) {
    const first = firstAtLeast(tables, now, age);
    const x = left + Math.floor(first / lines) * pitch;
    if (first === 0 || first === tables.length || x - last <= TICK_ROOM) continue;
    ticks.push({ x, label: LABELS[i] ?? '' });
    last = x;
  }
  return ticks;
}
