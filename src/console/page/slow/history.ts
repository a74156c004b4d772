// What each table did in a recording: visits in order, and between them the waits. All views of slow
// motion read this and nothing else.
//
// - Times are milliseconds since the begin of the recording, from 0 to `length`.
// - Stays never overlap: there is one thread. Where a measured end lies behind the next begin, by
//   the grain of the clock or because the end was not measured, the stay ends at that begin.
// - The segments of a table are in order, do not overlap, and leave only its visits uncovered.
import type {
  Ball,
  BlockRow,
  Place,
  RecordedJob,
  RecordedTable,
  RecordedWait,
  Recording,
  Visit,
} from '../../../inspect/protocol/index.ts';

/** A visit, as far as it lies in the recording. */
export interface Stay {
  /** Its number in the recording, counted from 0. */
  readonly index: number;
  readonly visit: Visit;
  /** An index into the tables. */
  readonly table: number;
  readonly begin: number;
  readonly end: number;
  /** How long it took in all, in milliseconds. More than `end - begin` if it began before. */
  readonly ms: number;
  /** False if its end was not measured. */
  readonly exact: boolean;
  /** The block that it was; undefined for none. */
  readonly block: BlockRow | undefined;
  /** True if it was a block, or took so long that the waiter stood: it is printed red. */
  readonly stands: boolean;
}

/**
 * How a table stood between two visits: it waited; what it waited for was there, and it was not
 * visited (`called`); or that came at some moment of this span (`maybe`).
 */
export type SegmentState = 'waits' | 'called' | 'maybe';

export interface Segment {
  readonly begin: number;
  readonly end: number;
  readonly state: SegmentState;
  readonly ball: Ball;
  /** When the wait began; negative if before the recording. */
  readonly since: number;
  /** Null for an unseen wait. */
  readonly wait: RecordedWait | null;
  /** True if the wait goes on at the end of the recording. */
  readonly open: boolean;
}

export interface TableHistory {
  readonly index: number;
  /** `6 Radia`. */
  readonly name: string;
  readonly table: RecordedTable;
  readonly segments: readonly Segment[];
  /** Indices of its stays, in order. */
  readonly stays: readonly number[];
  /** When it was there first, and when it left; `length` if it did not. */
  readonly seated: number;
  readonly left: number;
}

/** A worker of an executor, with its jobs. */
export interface Stove {
  readonly executor: number;
  readonly worker: number;
  readonly jobs: readonly Job[];
}

export interface Job {
  readonly job: RecordedJob;
  readonly begin: number;
  readonly end: number;
  /** False if it has not ended in the recording. */
  readonly over: boolean;
}

export interface History {
  readonly recording: Recording;
  readonly length: number;
  readonly stays: readonly Stay[];
  readonly tables: readonly TableHistory[];
  readonly stoves: readonly Stove[];
}

/** A visit of this many milliseconds keeps all others waiting for so long that one notices. */
const STANDS_FROM = 50;
/** Spans shorter than this, in milliseconds, are the grain of the clock. */
const GRAIN = 0.02;

/** Reads what happened from a recording. */
export function historyOf(recording: Recording): History {
  const length = Math.max(0, recording.to - recording.from);
  const stays = staysOf(recording, length);
  const byTable = new Map<number, Stay[]>();
  for (const stay of stays) {
    const list = byTable.get(stay.table);
    if (list === undefined) byTable.set(stay.table, [stay]);
    else list.push(stay);
  }
  const tables = recording.tables.map((table, index) =>
    tableHistory(recording, { table, index, stays: byTable.get(index) ?? [] }, length),
  );
  return { recording, length, stays, tables, stoves: stovesOf(recording, length) };
}

/** The last stay that has begun by a moment; undefined if there is none. Binary search. */
export function lastBefore(stays: readonly Stay[], at: number): Stay | undefined {
  let low = 0;
  let high = stays.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((stays[middle] as Stay).begin <= at) low = middle + 1;
    else high = middle;
  }
  return stays[low - 1];
}

/** The segment of a table at a moment; undefined if it is visited, not there yet, or gone. */
export function segmentAt(table: TableHistory, at: number): Segment | undefined {
  const { segments } = table;
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((segments[middle] as Segment).begin <= at) low = middle + 1;
    else high = middle;
  }
  const found = segments[low - 1];
  return found !== undefined && (at < found.end || found.open) ? found : undefined;
}

/** How many tables had called, as far as known, and waited at a moment. */
export function calledAt(history: History, at: number): number {
  let count = 0;
  for (const table of history.tables) if (segmentAt(table, at)?.state === 'called') count++;
  return count;
}

function staysOf(recording: Recording, length: number): Stay[] {
  const visits = [...recording.visits, ...unrecordedBlocks(recording)].sort((a, b) => a.begin - b.begin);
  const stays: Stay[] = [];
  let free = 0;
  visits.forEach((visit, index) => {
    const begin = clamp(visit.begin - recording.from, free, length);
    const following = visits[index + 1];
    const limit = following === undefined ? length : clamp(following.begin - recording.from, begin, length);
    const end = clamp(visit.begin - recording.from + visit.ms, begin, limit);
    const block = blockOf(recording, visit);
    stays.push({
      index,
      visit,
      table: visit.table,
      begin,
      end,
      ms: visit.ms,
      exact: visit.exact,
      block,
      stands: block !== undefined || visit.ms >= STANDS_FROM,
    });
    free = end;
  });
  return stays;
}

/**
 * The block that a visit was. Steps that follow each other without a turn of the loop are one block to the watchdog,
 * and its stack is that of the task that it names.
 */
function blockOf({ blocks }: Recording, visit: Visit): BlockRow | undefined {
  const end = visit.begin + visit.ms;
  return blocks.find(({ since, ms, task }) => {
    const shared = Math.min(end, since + ms) - Math.max(visit.begin, since);
    const isLong = visit.ms >= Math.min(STANDS_FROM, ms / 2);
    return isLong && shared > visit.ms / 2 && (task === null || task === visit.task);
  });
}

/** Blocks whose step has not ended, such as one that froze the recording: no visit has them yet. */
function unrecordedBlocks(recording: Recording): Visit[] {
  const { visits, blocks, turns } = recording;
  const made: Visit[] = [];
  for (const { since, ms, task } of blocks) {
    const known = visits.some((visit) => visit.begin < since + ms && visit.begin + visit.ms > since);
    const last = visits.findLast((visit) => visit.task === task);
    const table = last?.table ?? recording.tables.findIndex(({ what, id }) => what === 'task' && id === task);
    if (known || task === null || table < 0) continue;
    const from = last?.to ?? recording.tables[table]?.start ?? null;
    made.push({ begin: since, ms, exact: false, table, task, turn: turns.length, from, to: null, ended: false });
  }
  return made;
}

interface Guests {
  readonly table: RecordedTable;
  readonly index: number;
  readonly stays: readonly Stay[];
}

function tableHistory(recording: Recording, { table, index, stays }: Guests, length: number): TableHistory {
  const segments: Segment[] = [];
  const first = stays[0];
  let wait = table.start ?? first?.visit.from ?? null;
  const seated = wait === null ? (first?.begin ?? 0) : Math.max(0, wait.since - recording.from);
  let at = seated;
  let left = length;
  for (const stay of stays) {
    const { from, to, ended } = stay.visit;
    const came = from ?? wait;
    const since = came === null ? at : came.since - recording.from;
    // What lies between the last visit and a wait that began later was not recorded. After a visit
    // without a next wait, it is a promise that is not ours.
    const begin = since - at > GRAIN ? Math.min(since, stay.begin) : at;
    if (wait === null) add(segments, { begin: at, end: begin, wait: null });
    addWait(segments, recording, { begin, end: stay.begin, wait: came });
    at = stay.end;
    wait = to;
    if (ended) left = stay.end;
  }
  const stands = stays.at(-1)?.block?.over === false || stays.at(-1)?.end === length;
  if (left === length && at < length && !stands)
    addWait(segments, recording, { begin: at, end: length, wait, open: true });
  return { index, name: shortName(table), table, segments, stays: stays.map((stay) => stay.index), seated, left };
}

interface Span {
  readonly begin: number;
  readonly end: number;
  readonly wait: RecordedWait | null;
  readonly open?: boolean;
}

/** A wait between two visits: what is known of the moment at which it was answered cuts it up. */
function addWait(segments: Segment[], { from }: Recording, { begin, end, wait, open = false }: Span): void {
  const since = wait === null ? begin : wait.since - from;
  const ready = wait?.ready === undefined ? end : clamp(wait.ready - from, begin, end);
  const after = wait?.ready === undefined ? ready : clamp((wait.readyAfter ?? wait.ready) - from, begin, ready);
  const called = end - ready > GRAIN ? ready : end;
  const maybe = ready - after > GRAIN ? after : called;
  const parts: readonly (readonly [number, number, SegmentState])[] = [
    [begin, maybe, 'waits'],
    [maybe, called, 'maybe'],
    [called, end, 'called'],
  ];
  for (const [first, last, state] of parts)
    add(segments, { begin: first, end: last, wait, open: open && last === end }, state, since);
}

function add(segments: Segment[], span: Span, state: SegmentState = 'waits', since = span.begin): void {
  const { begin, end, wait, open = false } = span;
  if (end <= begin) return;
  segments.push({ begin, end, state, ball: wait?.ball ?? 'unseen', since, wait, open });
}

function stovesOf({ jobs, from }: Recording, length: number): Stove[] {
  const stoves = new Map<string, { executor: number; worker: number; jobs: Job[] }>();
  for (const job of jobs) {
    const { executor, worker, started, ended } = job;
    if (worker === null || started === null) continue;
    const begin = clamp(started - from, 0, length);
    const end = ended === null ? length : clamp(ended - from, 0, length);
    const key = `${executor}:${worker}`;
    const stove = stoves.get(key) ?? { executor, worker, jobs: [] };
    stoves.set(key, stove);
    stove.jobs.push({ job, begin, end, over: ended !== null && ended - from <= length });
  }
  for (const stove of stoves.values()) stove.jobs.sort((a, b) => a.begin - b.begin);
  return [...stoves.values()].sort((a, b) => a.executor - b.executor || a.worker - b.worker);
}

/** `6 Radia`; only `6` where its name says no more than that and its address. */
export function shortName({ what, id, name, peer }: Pick<RecordedTable, 'what' | 'id' | 'name' | 'peer'>): string {
  if (what === 'task') return name === '' ? `task ${id}` : name;
  const tells = name !== '' && !(peer !== '' && name.includes(peer)) && !/^(connection|client|table)\b/i.test(name);
  return tells ? `${id} ${name}` : String(id);
}

/** The place of a wait; undefined if unknown. */
export function placeOf({ places }: Recording, wait: RecordedWait | null): Place | undefined {
  return wait?.place === null || wait === null ? undefined : places[wait.place];
}

export function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}
