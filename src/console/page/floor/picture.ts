// What the floor draws, at one moment: live data, or a moment of a recording. The floor only reads it.
import type { KitchenRow, OutsideRow } from '../../../inspect/protocol/index.ts';
import type { Span } from '../table.ts';

export interface FloorTable {
  readonly id: number;
  readonly name: string;
  /** True for a task among clients: its number is of another kind than theirs, and is not shown. */
  readonly isTask?: boolean;
  readonly peer: string;
  /** Its index in the list of tables. */
  readonly index: number;
  readonly seat: number;
  readonly ball: number;
  readonly since: number;
  readonly place: number;
  readonly flags: number;
  readonly past: readonly Span[];
  /** How it is drawn where it changes faster than one can read. */
  readonly steady: {
    readonly ball: number;
    readonly place: number;
    readonly mostly: boolean;
    readonly rate: number;
  };
  /** When a frame last told of a visit, on the page's clock. */
  readonly visitedAt: number;
}

export interface FloorBlock {
  readonly table: FloorTable | undefined;
  /** Who holds the loop where it is no table: the name of a task, or empty. */
  readonly who: string;
  readonly ms: number;
  readonly over: boolean;
  /** The function; empty if no stack could be taken. */
  readonly what: string;
  /** `orders.ts:42`, or why the place is unknown. */
  readonly where: string;
  /** A line about the others. */
  readonly note: string;
}

export interface FloorPicture {
  /** The loop's time. */
  readonly now: number;
  /** The page's clock. */
  readonly wall: number;
  readonly tables: readonly FloorTable[];
  byId(id: number): FloorTable | undefined;
  /** Seats to lay: at least as many as have been taken. */
  readonly seats: number;
  /** Whether tables are drawn by where they mostly are. */
  readonly settled: boolean;
  readonly kitchens: readonly KitchenRow[];
  /** Null: there is no street in this picture. */
  readonly outside: readonly OutsideRow[] | null;
  /** The share of time that the loop waits; null if unknown. */
  readonly idle: number | null;
  readonly block: FloorBlock | null;
  /** Milliseconds that the bar below a large table looks back. */
  readonly span: number;
  isRemarkable(table: FloorTable): boolean;
  /** The rows of "Where in code": label and kind of a place. */
  placeRow(place: number): { readonly line: string; readonly text: string };
  readonly selected: number;
  readonly pointed: number;
  /** The kind that alone is drawn in full; -1 for all. */
  readonly only: number;
  readonly reducedMotion: boolean;
  /** Tables that were visited lately. */
  readonly visited: readonly FloorTable[];
}

/** The loop as it is drawn: where, how long it stayed, and the places before. */
export interface Waiter {
  readonly x: number;
  readonly y: number;
  /** Empty while it walks, and where the visit was not timed. */
  readonly label: string;
  /** Where it came from, the oldest first; ends with where it is. Empty where tables move. */
  readonly trail: readonly (readonly [x: number, y: number])[];
}

/** The kind that a table is drawn as. */
export function ballOf(picture: FloorPicture, table: FloorTable): number {
  return picture.settled && table.steady.mostly ? table.steady.ball : table.ball;
}

/** The place that a table is drawn at. */
export function placeOf(picture: FloorPicture, table: FloorTable): number {
  return picture.settled && table.steady.mostly ? table.steady.place : table.place;
}
