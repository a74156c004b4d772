// Where each seat stands: large discs to 16, staggered discs to 400, glyphs in a grid above. A seat's place depends
// only on the number of seats and on the room, so it stays where it is while others come and go.
import type { Box } from './zones.ts';

export type SeatMode = 'large' | 'compact' | 'dots';

export interface Seating {
  readonly mode: SeatMode;
  /** Radius of a disc; half the pitch of a grid. */
  readonly radius: number;
  /** Distance of two glyphs of a grid; 0 for discs. */
  readonly pitch: number;
  /** x and y of seat n at 2n and 2n + 1. */
  readonly spots: Float32Array;
}

export const LARGE_TO = 16;
export const COMPACT_TO = 400;
/** The radius of a large disc in the room, and side by side. */
const LARGEST = 72;
const LARGEST_MINI = 44;

export function seatingOf(seats: number, area: Box, mini = false): Seating {
  if (seats <= LARGE_TO) return large(Math.max(1, seats), area, mini);
  return seats <= COMPACT_TO ? compact(seats, area) : dots(seats, area);
}

/** The largest value that fits, to a 2^18th of the range: `fits` holds for the small ones. */
export function largestThat(fits: (value: number) => boolean, low: number, high: number): number {
  if (fits(high)) return high;
  let [good, bad] = [low, high];
  for (let i = 0; i < 18; i++) {
    const middle = (good + bad) / 2;
    if (fits(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

function large(seats: number, area: Box, mini: boolean): Seating {
  const below = mini ? 8 : 46; // the bar and the peer under a disc
  let best = { rows: 1, columns: seats, radius: 0 };
  for (let rows = 1; rows <= 4; rows++) {
    const columns = mini ? Math.ceil(seats / rows) : Math.ceil((seats + Math.floor(rows / 2)) / rows);
    const radius = Math.min((area.w / columns) * 0.43, (area.h / rows - below) / 2, mini ? LARGEST_MINI : LARGEST);
    if (radius > best.radius + 1) best = { rows, columns, radius };
  }
  const rows = rowsOf(seats, best.rows, best.columns, mini);
  const spots: number[] = [];
  const height = area.h / rows.length;
  for (const [row, columns] of rows.entries()) {
    for (let i = 0; i < columns; i++) {
      spots.push(area.x + (area.w * (i + 0.5)) / columns, area.y + height * (row + 0.5) - (mini ? 0 : 15));
    }
  }
  return { mode: 'large', radius: Math.max(6, best.radius), pitch: 0, spots: Float32Array.from(spots) };
}

/** How many seats each row has: every other one has one fewer, so that rows are staggered where the number allows it. */
function rowsOf(seats: number, rows: number, columns: number, mini: boolean): number[] {
  const sizes = Array.from({ length: rows }, (_, row) => (rows > 1 && row % 2 === 1 && !mini ? columns - 1 : columns));
  let surplus = sizes.reduce((sum, size) => sum + size, 0) - seats;
  for (let row = 0; row < rows && surplus < 0; row++) {
    if ((sizes[row] ?? 0) < columns) {
      sizes[row] = (sizes[row] ?? 0) + 1;
      surplus++;
    }
  }
  for (let row = rows - 1; surplus > 0; row = (row - 1 + rows) % rows) {
    if ((sizes[row] ?? 0) > 1) {
      sizes[row] = (sizes[row] ?? 0) - 1;
      surplus--;
    }
  }
  return sizes;
}

function compact(seats: number, area: Box): Seating {
  let best = { columns: 4, width: 0, height: 0, radius: 0 };
  for (let columns = 4; columns <= 40; columns++) {
    const width = area.w / (columns + 0.5);
    const height = area.h / Math.ceil(seats / columns);
    const radius = Math.min(width * 0.4, (height - 15) * 0.5);
    if (radius > best.radius) best = { columns, width, height, radius };
  }
  const { columns, width, height } = best;
  const spots = new Float32Array(2 * seats);
  for (let i = 0; i < seats; i++) {
    const row = Math.floor(i / columns);
    spots[2 * i] = area.x + width * ((i % columns) + 0.5 + (row % 2) * 0.5);
    spots[2 * i + 1] = area.y + height * (row + 0.5) - 6;
  }
  return { mode: 'compact', radius: Math.max(4, Math.min(best.radius, 34)), pitch: 0, spots };
}

function dots(seats: number, area: Box): Seating {
  const fits = (pitch: number): boolean => Math.ceil(seats / Math.floor(area.w / pitch)) * pitch <= area.h;
  const pitch = largestThat(fits, 2, 22);
  const columns = Math.max(1, Math.floor(area.w / pitch));
  const left = area.x + (area.w - columns * pitch) / 2;
  const spots = new Float32Array(2 * seats);
  for (let i = 0; i < seats; i++) {
    spots[2 * i] = left + ((i % columns) + 0.5) * pitch;
    spots[2 * i + 1] = area.y + (Math.floor(i / columns) + 0.5) * pitch;
  }
  return { mode: 'dots', radius: pitch / 2, pitch, spots };
}
