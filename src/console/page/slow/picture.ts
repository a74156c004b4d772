// A moment of a recording, as the floor draws it.
import type { KitchenRow } from '../../../inspect/protocol/index.ts';
import { duration } from '../format.ts';
import { KINDS, UNSEEN } from '../kinds.ts';
import type { FloorBlock, FloorPicture, FloorTable, Waiter } from '../floor/picture.ts';
import { COMPACT_TO } from '../floor/seating.ts';
import { clamp, type History, segmentAt, type Stay, type TableHistory } from './history.ts';
import type { Piece } from './timeline.ts';

/** Milliseconds that the bar below a large table looks back. */
const SPAN = 120;
/** With more tables, there is no such bar. */
const BARS_TO = 16;
/** Tickets on the rail. */
const TICKETS = 12;

export interface Look {
  /** Recorded milliseconds. */
  readonly at: number;
  /** The playhead, in milliseconds of the replay. */
  readonly replay: number;
  readonly piece: Piece;
  /** How many times as slow as it was. */
  readonly speed: number;
  /** The page's clock. */
  readonly wall: number;
  readonly pointed: number;
  readonly reducedMotion: boolean;
}

/** What the floor draws at a moment of the replay. */
export function pictureOf(history: History, { at, piece, wall, pointed, reducedMotion }: Look): FloorPicture {
  const { recording } = history;
  const tables: FloorTable[] = [];
  const byId = new Map<number, FloorTable>();
  for (const table of history.tables) {
    const drawn = tableAt(history, table, at, tables.length);
    if (drawn === undefined) continue;
    tables.push(drawn);
    byId.set(drawn.id, drawn);
  }
  const { stay } = piece;
  const here = stay === undefined ? undefined : byId.get(recording.tables[stay.table]?.id ?? -1);
  return {
    now: recording.from + at,
    wall,
    tables,
    byId: (id) => byId.get(id),
    seats: history.tables.length,
    settled: false,
    kitchens: kitchensAt(history, at),
    outside: null,
    idle: null,
    block: stay?.stands === true ? blockAt(stay, at, here) : null,
    span: SPAN,
    isRemarkable: () => false,
    placeRow: (place) => ({ line: recording.places[place]?.text ?? '', text: '' }),
    selected: here?.id ?? 0,
    pointed,
    only: -1,
    reducedMotion,
    visited: [],
  };
}

function tableAt(history: History, table: TableHistory, at: number, index: number): FloorTable | undefined {
  if (at < table.seated || (at > table.left && table.left < history.length)) return undefined;
  const { from, tables } = history.recording;
  // While it is visited, it is drawn as it was called.
  const segment = segmentAt(table, at) ?? table.segments.findLast(({ begin }) => begin <= at);
  const ball = segment === undefined ? UNSEEN : KINDS.findIndex(({ id }) => id === segment.ball);
  const place = segment?.wait?.place ?? -1;
  const { id, peer, what } = table.table;
  const { name } = table;
  return {
    id,
    // `Task-7` says no more than its number.
    name: what === 'task' ? (name === `Task-${id}` ? '' : name) : name.slice(String(id).length + 1),
    ...(what === 'task' && tables.some((each) => each.what === 'client') && { isTask: true }),
    peer,
    index,
    seat: table.index,
    ball,
    since: segment === undefined || segment.wait === null ? 0 : from + segment.since,
    place,
    flags: 0,
    past: tables.length > BARS_TO ? [] : pastOf(history, table, at),
    steady: { ball, place, mostly: false, rate: 0 },
    visitedAt: -Infinity,
  };
}

/** The waits that have ended, as the bar below a table shows them. */
function pastOf({ recording: { from }, stays }: History, table: TableHistory, at: number): FloorTable['past'] {
  const past: { ball: number; from: number; to: number; place: number; visits: number }[] = [];
  for (const index of table.stays) {
    const stay = stays[index] as Stay; // an index of stays
    if (stay.begin > at) break;
    if (stay.begin < at - SPAN) continue;
    const wait = stay.visit.from;
    const ball = wait === null ? UNSEEN : KINDS.findIndex(({ id }) => id === wait.ball);
    const since = Math.max(past.at(-1)?.to ?? 0, wait?.since ?? from + table.seated);
    past.push({ ball, from: Math.min(since, from + stay.begin), to: from + stay.begin, place: -1, visits: 1 });
  }
  return past;
}

function kitchensAt(history: History, at: number): KitchenRow[] {
  const { recording, stoves } = history;
  const { jobs, from, resources, tables } = recording;
  const idOf = (table: number | null): number | null => (table === null ? null : (tables[table]?.id ?? null));
  const executors = [...new Set([...stoves.map(({ executor }) => executor), ...jobs.map(({ executor }) => executor)])];
  return executors.map((executor) => {
    const now = from + at;
    const queue = jobs
      .filter((job) => job.executor === executor && (job.queued ?? Infinity) <= now && (job.started ?? Infinity) > now)
      .sort((a, b) => (a.queued ?? 0) - (b.queued ?? 0));
    const workers = stoves
      .filter((stove) => stove.executor === executor)
      .map((stove) => {
        const job = stove.jobs.findLast(({ begin, end }) => begin <= at && at < end)?.job;
        return { job: job?.name ?? null, table: idOf(job?.table ?? null), since: job?.started ?? null };
      });
    return {
      executor: resources[executor]?.label ?? '',
      size: workers.length,
      queued: queue.length,
      next: queue.slice(0, TICKETS).map(({ name, table }) => ({ job: name, table: idOf(table) })),
      workers,
      unfetched: history.tables.filter((table) => {
        const segment = segmentAt(table, at);
        return segment?.state === 'called' && segment.ball === 'kitchen' && segment.wait?.resource === executor;
      }).length,
    };
  });
}

function blockAt(stay: Stay, at: number, table: FloorTable | undefined): FloorBlock {
  const { block } = stay;
  const { place, name, why } = block ?? { place: null, name: null, why: 'no stack was taken' };
  return {
    table,
    who: name ?? '',
    // What it has lasted so far: it may have begun before the recording.
    ms: Math.max(0, at - stay.begin + Math.max(0, stay.ms - (stay.end - stay.begin))),
    over: false,
    what: place?.function ?? '',
    where: place?.text ?? why ?? '',
    note: 'nobody else is served',
  };
}

/** What the waiter needs to know of the floor. */
export interface Spots {
  spotOf(table: FloorTable): readonly [x: number, y: number];
  readonly stand: readonly [x: number, y: number];
}

/** The walk takes this share of a visit's time on the page. */
const WALK = 0.45;
/** The way back to the loop takes so many milliseconds. The waiter stays where it is if there are fewer. */
const BACK = 260;
const TRAIL = 5;
/** The trail shows visits of the last so many recorded milliseconds. */
const TRAIL_LOOKS_BACK = 12;

/** Where the waiter is drawn. The way is drawn and not measured; the tables and the stays are true. */
export function waiterAt(
  history: History,
  picture: FloorPicture,
  { piece, at, replay, speed }: Look,
  spots: Spots,
): Waiter {
  const { stay, last } = piece;
  const share = (replay - piece.begin) / Math.max(1e-9, piece.end - piece.begin);
  const spotOf = (one: Stay | undefined): readonly [number, number] => {
    const table = one === undefined ? undefined : picture.byId(history.recording.tables[one.table]?.id ?? -1);
    return table === undefined ? spots.stand : spots.spotOf(table);
  };
  const gap = last === undefined ? Infinity : ((stay?.begin ?? piece.to) - last.end) * speed;
  const rests = gap < BACK;
  const from = stay === undefined || rests ? spotOf(last) : spots.stand;
  const to = stay === undefined ? (rests ? from : spots.stand) : spotOf(stay);
  const walk = stay === undefined ? BACK / Math.max(BACK, piece.end - piece.begin) : WALK;
  const way = picture.reducedMotion ? 1 : ease(clamp(share / walk, 0, 1));
  const x = from[0] + (to[0] - from[0]) * way;
  const y = from[1] + (to[1] - from[1]) * way;
  const label = stay !== undefined && way >= 1 ? duration(stay.ms) : '';
  const bare = picture.reducedMotion || picture.block !== null || picture.tables.length > COMPACT_TO;
  return { x, y, label, trail: bare ? [] : [...trailOf(history, piece, at, spotOf), [x, y]] };
}

function trailOf(
  { stays }: History,
  { stay, last }: Piece,
  at: number,
  spotOf: (stay: Stay) => readonly [number, number],
): (readonly [number, number])[] {
  const trail: (readonly [number, number])[] = [];
  const from = stay?.index ?? (last?.index ?? -1) + 1;
  for (let index = from - 1; index >= 0 && trail.length < TRAIL; index--) {
    const before = stays[index] as Stay; // an index of stays
    if (at - before.begin > TRAIL_LOOKS_BACK) break;
    trail.unshift(spotOf(before));
  }
  return trail;
}

/** Slow at both ends. */
function ease(share: number): number {
  return share < 0.5 ? 4 * share ** 3 : 1 - (-2 * share + 2) ** 3 / 2;
}
