// Two dinners in step: one replay time for both, and what is seen of each at a moment.
import { duration, percent } from '../format.ts';
import { pieceAt, recordedAt, type Shown, type Timeline, timelineOf } from '../slow/timeline.ts';
import type { Dinner, Pair } from './dinner.ts';
import type { Served, Span } from './observer.ts';

/** How many times as slow as it was. */
export const SLOWER = 5;
/** The least time for which a visit is shown, in milliseconds. */
export const HOLD = 100;

/** A time in which there are visits in one dinner or both. They are shown one after the other. */
export interface Busy extends Shown {
  readonly stands: readonly Served[];
  readonly walks: readonly Served[];
}

export type Replay = Timeline<Busy>;

/** Runs both dinners on one clock: 1/5 of the speed between visits, each visit for 0.1 s at least. */
export function replayOf({ stands, walks }: Pair): Replay {
  const all = [
    ...stands.visits.map((visit) => ({ visit, one: 'stands' as const })),
    ...walks.visits.map((visit) => ({ visit, one: 'walks' as const })),
  ].sort((a, b) => a.visit.begin - b.visit.begin || a.visit.end - b.visit.end);
  const busy: { index: number; begin: number; end: number; stands: Served[]; walks: Served[] }[] = [];
  for (const { visit, one } of all) {
    let last = busy.at(-1);
    if (last === undefined || visit.begin > last.end) {
      last = { index: busy.length, begin: visit.begin, end: visit.end, stands: [], walks: [] };
      busy.push(last);
    }
    last.end = Math.max(last.end, visit.end);
    last[one].push(visit);
  }
  const hold = (each: Busy): number => HOLD * Math.max(each.stands.length, each.walks.length);
  return timelineOf<Busy>(busy, Math.max(stands.end, walks.end), { speed: SLOWER, hold });
}

/** What a guest does: comes later, waits to be seated, is at the table, is gone. */
export type GuestState = 'away' | 'in line' | 'orders' | 'works' | 'cooks' | 'waits' | 'served';

/** What is seen of a dinner at a moment of the replay. */
export interface Scene {
  readonly now: number;
  readonly guests: readonly GuestState[];
  /** At whose table the waiter is; undefined at the loop. */
  readonly at: number | undefined;
  /** Since when the waiter has stood there and could not walk on; undefined if it can. */
  readonly standsSince: number | undefined;
  readonly served: number;
}

/** The scene of one of the two dinners. */
export function sceneOf(pair: Pair, one: 'stands' | 'walks', replay: Replay, at: number): Scene {
  const dinner = pair[one];
  const piece = pieceAt(replay, at);
  const now = Math.min(recordedAt(replay, at), dinner.end);
  const visits = piece.stay?.[one] ?? [];
  const share = (at - piece.begin) / Math.max(1e-9, piece.end - piece.begin);
  const shown = visitShown(visits, now, share);
  const limited = one === 'stands' && pair.choice.standing === 'concurrency';
  const turn = limited ? dinner.turns.findIndex(({ begin, end }) => begin <= now && now < end) : -1;
  const guests = dinner.guests.map((_, guest) => stateOf(dinner, guest, now, shown));
  const others = (guest: number): boolean =>
    guests.some((state, n) => n !== guest && state !== 'away' && state !== 'served');
  const where = shown?.guest ?? (turn >= 0 ? turn : undefined);
  let standsSince: number | undefined;
  if (turn >= 0 && others(turn)) standsSince = dinner.turns[turn]?.begin;
  else if (shown !== undefined && shown.end > shown.begin && shown.end > now) standsSince = shown.begin;
  return { now, guests, at: where, standsSince, served: guests.filter((state) => state === 'served').length };
}

/** Of visits that are shown together: the one that lasts, or else the next in turn. */
function visitShown(visits: readonly Served[], now: number, share: number): Served | undefined {
  const lasting = visits.find(({ begin, end }) => begin <= now && now < end);
  if (lasting !== undefined || visits.length === 0) return lasting;
  const short = visits.filter(({ begin, end }) => end - begin < 1e-9 && Math.abs(begin - now) < 1e-9);
  return short[Math.min(short.length - 1, Math.floor(share * short.length))];
}

function stateOf(
  { guests, turns, jobs, visits }: Dinner,
  guest: number,
  now: number,
  shown: Served | undefined,
): GuestState {
  const log = guests[guest];
  const turn = turns[guest];
  if (log === undefined || now < log.arrived) return 'away';
  if (now >= log.left) return 'served';
  if (turn !== undefined && now < turn.begin) return 'in line';
  const job = jobs[guest];
  if (job !== undefined && job.begin <= now && now < job.end) return 'cooks';
  if (shown?.guest === guest && shown.end > shown.begin) return 'works';
  if (now < log.ordered) return 'orders';
  return visits.some((visit) => visit.guest === guest && visit.begin <= now && now < visit.end) ? 'works' : 'waits';
}

/** What a part of a guest's time was: for itself, for the waiter, for the kitchen, for work of the handler. */
export type BarKind = 'guest' | 'waiter' | 'kitchen' | 'kept' | 'work';

export interface Bar extends Span {
  readonly kind: BarKind;
}

/** The time of a guest from its arrival to its leaving, cut up by whom it waited for. */
export function barsOf({ guests, jobs, visits }: Dinner, guest: number): readonly Bar[] {
  const log = guests[guest];
  if (log === undefined) return [];
  const { arrived, ordered, left } = log;
  const own = visits.filter((visit) => visit.guest === guest && visit.end > visit.begin);
  const kept = own.some((visit) => visit.kept > 0);
  const job = jobs[guest];
  const parts: Bar[] = [];
  for (const visit of own) parts.push({ begin: visit.begin, end: visit.end - visit.kept, kind: 'work' });
  if (job !== undefined) parts.push({ ...job, kind: kept ? 'kept' : 'kitchen' });
  parts.sort((a, b) => a.begin - b.begin);
  const bars: Bar[] = [];
  let at = arrived;
  const add = (end: number, kind: BarKind): void => {
    if (end - at > 1e-9) bars.push({ begin: at, end, kind });
    at = Math.max(at, end);
  };
  add(ordered, 'guest');
  for (const { begin, end, kind } of parts) {
    add(begin, 'waiter');
    add(end, kind);
  }
  add(left, 'waiter');
  return bars;
}

/** What came out, in a sentence. */
export function resultOf({ stands, walks, choice }: Pair): string {
  const times = stands.end / walks.end;
  const stood = `${percent(stands.stood / stands.end)} % of the time`;
  const ends = `The last guest left after ${duration(stands.end)} here, after ${duration(walks.end)} there`;
  if (times < 1.05) return `${ends}: nothing is won, because the handlers’ own work takes the one thread in both.`;
  const why = choice.standing === 'blocking' ? 'stood' : 'stood, though others were there,';
  return `${ends}: ${times.toFixed(1)} times as long. The waiter who stands ${why} for ${stood}.`;
}
