// Replay time: how a recording is shown, so slowly that one can follow it.
//
// - Between visits, time runs `speed` times as slow. A visit of 60 µs would still be over in 3 ms, so
//   each visit is shown for `hold` at least. A visit that takes longer at this speed takes what it takes.
// - A gap in which no table is visited, and that would take longer than LONGEST_GAP, is shown for
//   that long. Such a piece is `folded`, and the page says so. Otherwise one long wait makes all
//   that happens unreachable (temporalio/ui#3161).
// - Both directions of the mapping are monotone. From recorded to replay time and back is the
//   identity; a visit without length maps to the begin of its piece.
import { clamp, type Stay } from './history.ts';

/** How many times as slow as it was, in slow motion. */
export type Speed = 50 | 500;

/** The least time for which a visit is shown, in milliseconds. */
export const HOLD: Readonly<Record<Speed, number>> = { 50: 300, 500: 900 };
/** The longest time for which nothing is shown, in milliseconds of replay. */
export const LONGEST_GAP = 2000;

/** What is shown: a visit, from its begin to its end in recorded time. They do not overlap. */
export interface Shown {
  readonly index: number;
  readonly begin: number;
  readonly end: number;
}

export interface Pace<S extends Shown> {
  /** How many times as slow as it was. */
  readonly speed: number;
  /** The least time for which one is shown, in milliseconds. */
  readonly hold: (shown: S) => number;
}

/** A span in which replay time runs evenly. */
export interface Piece<S extends Shown = Stay> {
  /** Replay time, in milliseconds. */
  readonly begin: number;
  readonly end: number;
  /** Recorded time, in milliseconds since the begin of the recording. */
  readonly from: number;
  readonly to: number;
  /** The stay that is shown; undefined between visits. */
  readonly stay: S | undefined;
  /** The stay that was shown last; undefined before the first one. */
  readonly last: S | undefined;
  /** True if it is a gap that is shown for a shorter time than its speed would take. */
  readonly folded: boolean;
}

export interface Timeline<S extends Shown = Stay> {
  /** The length of the replay, in milliseconds. */
  readonly length: number;
  readonly pieces: readonly Piece<S>[];
  /** The piece of each stay, by its index. */
  readonly ofStay: readonly Piece<S>[];
}

/** The pace of slow motion. */
export function slowly(speed: Speed): Pace<Shown> {
  return { speed, hold: () => HOLD[speed] };
}

/**
 * Makes the replay of stays.
 * @param length the length of the recording, in milliseconds
 */
export function timelineOf<S extends Shown>(stays: readonly S[], length: number, pace: Pace<S>): Timeline<S> {
  const { speed, hold } = pace;
  const pieces: Piece<S>[] = [];
  const ofStay: Piece<S>[] = [];
  let at = 0;
  let done = 0;
  let last: S | undefined;
  const add = (to: number, ms: number, stay: S | undefined, folded: boolean): void => {
    pieces.push({ begin: at, end: at + ms, from: done, to, stay, last, folded });
    at += ms;
    done = to;
  };
  const addGap = (to: number): void => {
    if (to <= done) return;
    const ms = (to - done) * speed;
    add(to, Math.min(ms, LONGEST_GAP), undefined, ms > LONGEST_GAP);
  };
  for (const stay of stays) {
    addGap(stay.begin);
    add(stay.end, Math.max((stay.end - stay.begin) * speed, hold(stay)), stay, false);
    ofStay.push(pieces.at(-1) as Piece<S>); // just added
    last = stay;
  }
  addGap(length);
  if (pieces.length === 0) add(length, 0, undefined, false);
  return { length: at, pieces, ofStay };
}

/** The piece at a moment of the replay. */
export function pieceAt<S extends Shown>({ pieces }: Timeline<S>, replay: number): Piece<S> {
  let low = 0;
  let high = pieces.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((pieces[middle] as Piece<S>).begin <= replay) low = middle;
    else high = middle - 1;
  }
  return pieces[low] as Piece<S>; // there is one at least
}

/** Replay time -> recorded time. */
export function recordedAt<S extends Shown>(timeline: Timeline<S>, replay: number): number {
  const { begin, end, from, to } = pieceAt(timeline, replay);
  if (end <= begin) return from;
  return from + (to - from) * clamp((replay - begin) / (end - begin), 0, 1);
}

/** Recorded time -> replay time. */
export function replayAt<S extends Shown>({ pieces, length }: Timeline<S>, recorded: number): number {
  let low = 0;
  let high = pieces.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((pieces[middle] as Piece<S>).to >= recorded) high = middle;
    else low = middle + 1;
  }
  // The begin of a visit is also the end of what came before: a visit wins.
  const following = pieces[low + 1];
  const piece = following?.from === recorded ? following : (pieces[low] as Piece<S>);
  const { begin, end, from, to } = piece;
  if (to <= from) return begin;
  return clamp(begin + (end - begin) * clamp((recorded - from) / (to - from), 0, 1), 0, length);
}

/** The number of the visit that is shown, or was shown last; -1 before the first. */
export function visitAt<S extends Shown>(timeline: Timeline<S>, replay: number): number {
  const { stay, last } = pieceAt(timeline, replay);
  return (stay ?? last)?.index ?? -1;
}

/** Where the playhead goes for a visit: into its last third, where the waiter stands at the table. */
export function showVisit<S extends Shown>({ ofStay }: Timeline<S>, index: number): number {
  const piece = ofStay[clamp(index, 0, ofStay.length - 1)];
  return piece === undefined ? 0 : piece.begin + (piece.end - piece.begin) * 0.7;
}

/** The visit before: the one that is over, while the waiter is between visits. */
export function previousVisit<S extends Shown>(timeline: Timeline<S>, replay: number): number {
  const atVisit = pieceAt(timeline, replay).stay !== undefined;
  return Math.max(0, visitAt(timeline, replay) - (atVisit ? 1 : 0));
}

export function nextVisit<S extends Shown>(timeline: Timeline<S>, replay: number): number {
  return Math.min(timeline.ofStay.length - 1, visitAt(timeline, replay) + 1);
}
