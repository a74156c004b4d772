// The lanes: where everything lies in the string-line diagram. No drawing here.
//
// - One lane for the loop, one for each table, one for each stove. The line of the loop goes through
//   them from the left to the right: it is in one lane at a time.
// - The horizontal axis is recorded time with the long silences cut out. A window would otherwise
//   show nothing for minutes, or be so long that all bursts become one stroke (temporalio/ui#3161).
//   Each cut is drawn, with its length.
import { clamp, type History, lastBefore, type Stay, type TableHistory } from './history.ts';

/** How much of the recording the lanes show, in milliseconds. */
export type Window = 200 | 20 | 2;

export const WINDOWS: readonly Window[] = [200, 20, 2];

/** A silence that is cut out. */
export interface Cut {
  /** Recorded time: what is cut out. */
  readonly from: number;
  readonly to: number;
  /** On the axis: where it is, from `begin` to `end`. */
  readonly begin: number;
  readonly end: number;
}

export interface Axis {
  readonly length: number;
  readonly cuts: readonly Cut[];
}

/** Of a window: what remains beside a visit, and how wide a cut is. */
const MARGIN = 0.15;
/** A recording that is a little longer than the window, because a turn had to end, is shown whole. */
const WHOLE = 1.05;
const CUT_WIDTH = 0.08;

/** The axis for a window. A recording that fits into the window is not cut. */
export function axisOf({ stays, length }: History, window: Window): Axis {
  const cuts: Cut[] = [];
  if (length <= window * WHOLE) return { length, cuts };
  let saved = 0;
  let free = 0;
  const look = (next: number): void => {
    if (next - free > window) {
      const from = free + window * MARGIN;
      const to = next - window * MARGIN;
      const begin = from - saved;
      saved += to - from - window * CUT_WIDTH;
      cuts.push({ from, to, begin, end: begin + window * CUT_WIDTH });
    }
  };
  for (const { begin, end } of stays) {
    look(begin);
    free = end;
  }
  look(length);
  return { length: length - saved, cuts };
}

/** Recorded time -> axis. */
export function axisAt({ cuts }: Axis, recorded: number): number {
  let shift = 0;
  for (const { from, to, begin, end } of cuts) {
    if (recorded < from) break;
    if (recorded <= to) return begin + ((recorded - from) / (to - from)) * (end - begin);
    shift = to - end;
  }
  return recorded - shift;
}

/** Axis -> recorded time. */
export function recordedOn({ cuts }: Axis, at: number): number {
  let shift = 0;
  for (const { from, to, begin, end } of cuts) {
    if (at < begin) break;
    if (at <= end) return from + ((at - begin) / (end - begin)) * (to - from);
    shift = to - end;
  }
  return at + shift;
}

/** The part of the axis that is shown, with the playhead at two fifths. */
export function windowAt(axis: Axis, window: Window, recorded: number): readonly [begin: number, end: number] {
  if (axis.length <= window * WHOLE) return [0, axis.length];
  const begin = clamp(axisAt(axis, recorded) - window * 0.4, 0, axis.length - window);
  return [begin, begin + window];
}

/** Milliseconds between two lines of the grid. */
export function gridStep(shown: number): number {
  const rough = shown / 10;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= rough * 0.9) ?? rough;
}

/** Up to this many tables have a lane each, visited or not. */
const FEW = 16;
/** Up to this many visited tables have a lane each. The others share one. */
const MOST = 200;

/** Which lanes there are. Lane 0 is the loop; then the tables, the lane of all others, the stoves. */
export interface Lanes {
  readonly tables: readonly TableHistory[];
  /** The lane of a table, by its index. */
  readonly laneOf: ReadonlyMap<number, number>;
  /** Tables that share a lane; 0 for none. */
  readonly others: number;
  /** The lane that they share; that of the first stove if there are none. */
  readonly othersLane: number;
  readonly stoves: number;
  readonly count: number;
}

export function lanesOf({ tables, stays, stoves }: History): Lanes {
  const visited = tables.filter((table) => table.stays.length > 0);
  const few = tables.length <= FEW;
  const blocked = new Set(stays.filter(({ block }) => block !== undefined).map(({ table }) => table));
  const firstOf = (table: TableHistory): number => table.stays[0] ?? 0;
  const chosen = few
    ? tables.toSorted((a, b) => a.table.id - b.table.id)
    : // Where there are too many, what was blocked is not left out.
      [...visited.filter(({ index }) => blocked.has(index)), ...visited.filter(({ index }) => !blocked.has(index))]
        .slice(0, MOST)
        .toSorted((a, b) => firstOf(a) - firstOf(b));
  const others = few ? 0 : visited.length - chosen.length;
  const othersLane = 1 + chosen.length;
  return {
    tables: chosen,
    laneOf: new Map(chosen.map(({ index }, n) => [index, n + 1])),
    others,
    othersLane,
    stoves: stoves.length,
    count: othersLane + (others > 0 ? 1 : 0) + stoves.length,
  };
}

/** The lane of a stay. */
export function laneOfStay({ laneOf, othersLane }: Lanes, { table }: Stay): number {
  return laneOf.get(table) ?? othersLane;
}

/** A point of the line of the loop: recorded time and lane. */
export type ThreadPoint = readonly [at: number, lane: number];

/** Visits of one turn that are closer than this, in milliseconds, follow each other without the loop. */
const STRAIGHT_ON = 0.25;

/**
 * The line of the loop between two recorded times: from table to table within a turn, else over the
 * lane of the loop. Its times never decrease.
 */
export function threadOf({ stays }: History, lanes: Lanes, from: number, to: number): ThreadPoint[] {
  const points: ThreadPoint[] = [];
  const before = lastBefore(stays, from);
  let previous = before === undefined ? undefined : stays[before.index - 1];
  const begins = before?.index ?? 0;
  if (previous === undefined) points.push([0, 0]);
  let end = previous?.end ?? 0;
  for (let index = begins; index < stays.length; index++) {
    const stay = stays[index] as Stay; // index < length
    if (stay.begin > to) break;
    const lane = laneOfStay(lanes, stay);
    const straight =
      previous !== undefined && previous.visit.turn === stay.visit.turn && stay.begin - previous.end < STRAIGHT_ON;
    if (straight) points.push([stay.begin, laneOfStay(lanes, previous as Stay)]);
    else points.push([end, 0], [stay.begin, 0]);
    points.push([stay.begin, lane], [Math.min(stay.end, to), lane]);
    if (stay.end > to) return points;
    previous = stay;
    end = stay.end;
  }
  points.push([end, 0], [Math.max(end, to), 0]);
  return points;
}

/** Where rows are, in pixels. */
export interface Rows {
  readonly height: number;
  /** Of all rows together. */
  readonly total: number;
  /** The middle of a lane, before scrolling. */
  readonly middle: (lane: number) => number;
  /** The line between tables and stoves; undefined if there are no stoves. */
  readonly rule: number | undefined;
}

const TOP = 6;
const RULE = 5;

/** Rows as high as there is room for, from 16 to 27 pixels; what does not fit scrolls. */
export function rowsOf({ count, stoves }: Lanes, room: number): Rows {
  const height = clamp((room - TOP - RULE) / count, 16, 27);
  const kitchen = count - stoves;
  return {
    height,
    total: TOP + count * height + RULE,
    middle: (lane) => TOP + (lane + 0.5) * height + (lane >= kitchen ? RULE : 0),
    rule: stoves > 0 ? TOP + kitchen * height + 2 : undefined,
  };
}
