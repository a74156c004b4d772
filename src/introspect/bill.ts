// The bill of one client: where its time went, by a recording.
//
// The time of the client, from `from` to `from + wall`, is cut wherever something of it begins or
// ends. Each piece goes to one line, so the lines add up to the wall time by construction; what
// nothing explains is `unknown`. A client may do several things at once, with the tasks of its
// groups. Then a piece goes to the first that is true:
//
//   own code; ready and not visited; in the kitchen; for a lock or queue; for the peer; asleep; for a
//   promise of others; for other tasks, such as those of its own group, which say it better
//
// A wait is cut where it was answered: from then on, its task was ready while the loop was elsewhere.
// For bytes that is when the loop learned of them. They may have been there before, from the loop's
// last look on, but not for longer than others had the loop: `maybeReady`.
//
// Example: a client waits for the lock "ledger" from 0 to 10 ms, and client 7 holds it. At 10 ms it
// is handed over, while client 3 works until 14 ms. Then the client works for 1 ms. Its bill of these
// 15 ms: lock 10 (client 7), ready 4 (client 3), own 1.
import type { Bill, BillLine, BillShare, RecordedTable, RecordedWait, Recording, Visit } from './recording.ts';
import { quote } from '../base/index.ts';
import { idText } from './room-ids.ts';

type What = BillLine['what'];

/** The lines, in the order in which a piece goes to one of them. */
const ORDER: readonly What[] = ['own', 'ready', 'kitchen', 'lock', 'peer', 'asleep', 'foreign', 'other', 'unknown'];

/** Something of the client, from one time to another. */
interface Segment {
  readonly begin: number;
  readonly end: number;
  readonly what: What;
  /** Undefined for its own code. */
  readonly wait: RecordedWait | undefined;
}

/**
 * Returns the bill of a client; undefined if the recording has no such client.
 * @param client the id of its connection
 */
export function billOf(recording: Recording, client: number): Bill | undefined {
  const table = recording.tables.findIndex(({ what, id }) => what === 'client' && id === client);
  return table < 0 ? undefined : billOfTable(recording, table);
}

/** Returns the bill of a table of a recording, by its index. */
export function billOfTable(recording: Recording, table: number): Bill {
  const sums = new Sums(recording, table);
  const { from, to } = cut(recording, table, (begin, end, segment) => sums.add(begin, end, segment));
  const client = nameOfTable(recording.tables[table]);
  return { client, from, wall: to - from, full: recording.full, lines: sums.lines() };
}

/** Something that a table did or waited for, and that is the first of all that it did then. */
export interface Piece {
  readonly begin: number;
  readonly end: number;
  readonly what: What;
  readonly wait: RecordedWait | undefined;
}

/** Returns the pieces of the time of a table, in order and without overlaps. The unknown is left out. */
export function piecesOf(recording: Recording, table: number): Piece[] {
  const pieces: Piece[] = [];
  let before: Segment | undefined;
  cut(recording, table, (begin, end, segment) => {
    const last = pieces.at(-1);
    const { what, wait } = segment ?? {};
    if (last !== undefined && segment !== undefined && segment === before && last.end === begin)
      pieces[pieces.length - 1] = { ...last, end };
    else if (what !== undefined) pieces.push({ begin, end, what, wait });
    before = segment;
  });
  return pieces;
}

type OnPiece = (begin: number, end: number, segment: Segment | undefined) => void;

/** Cuts the time of a table into pieces. Returns its span. */
function cut(recording: Recording, table: number, piece: OnPiece): { from: number; to: number } {
  const segments = segmentsOf(recording, table);
  const isThere = segments.length === 0 || recording.tables[table]?.start !== null;
  let from = isThere ? recording.from : Infinity;
  let to = segments.length === 0 ? recording.to : -Infinity;
  for (const { begin, end } of segments) {
    from = Math.min(from, begin);
    to = Math.max(to, end);
  }
  sweep(segments, from, to, piece);
  return { from, to };
}

// ---- what the client did and waited for ---------------------------------------------------------------------------

/** The visits of each recording by table, so that the bills of all tables take one pass. */
const byTable = new WeakMap<Recording, ReadonlyMap<number, readonly Visit[]>>();

/** The visits to a table, in the order of their begin. */
export function visitsOf(recording: Recording, table: number): readonly Visit[] {
  let known = byTable.get(recording);
  if (known === undefined) {
    const grouped = new Map<number, Visit[]>();
    for (const visit of recording.visits) {
      const visits = grouped.get(visit.table);
      if (visits === undefined) grouped.set(visit.table, [visit]);
      else visits.push(visit);
    }
    known = grouped;
    byTable.set(recording, known);
  }
  return known.get(table) ?? [];
}

function segmentsOf(recording: Recording, table: number): Segment[] {
  const { start = null } = recording.tables[table] ?? {};
  const byTask = new Map<number, Visit[]>();
  for (const visit of visitsOf(recording, table)) {
    const visits = byTask.get(visit.task);
    if (visits === undefined) byTask.set(visit.task, [visit]);
    else visits.push(visit);
  }
  const segments: Segment[] = [];
  const add = (begin: number, end: number, what: What, wait?: RecordedWait): void => {
    const [first, last] = [Math.max(begin, recording.from), Math.min(end, recording.to)];
    if (first < last) segments.push({ begin: first, end: last, what, wait });
  };
  const addWait = (begin: number, end: number, wait: RecordedWait | null): void => {
    if (wait === null) {
      add(begin, end, 'foreign');
      return;
    }
    const ready = Math.max(begin, Math.min(end, wait.ready ?? end));
    add(begin, ready, whatOf(wait, recording), wait);
    add(ready, end, 'ready', wait);
  };
  for (const visits of byTask.values()) {
    let before: Visit | undefined;
    for (const visit of visits) {
      if (before !== undefined) addWait(endOf(before), visit.begin, visit.from ?? before.to);
      else if (visit.from !== null) addWait(visit.from.since, visit.begin, visit.from);
      add(visit.begin, endOf(visit), 'own');
      before = visit;
    }
    if (before !== undefined && !before.ended) addWait(endOf(before), recording.to, before.to);
  }
  if (byTask.size === 0 && start !== null) addWait(recording.from, recording.to, start);
  return segments;
}

function endOf({ begin, ms }: Visit): number {
  return begin + ms;
}

function whatOf({ ball, kind, resource }: RecordedWait, recording: Recording): What {
  switch (ball) {
    case 'kitchen':
      return 'kitchen';
    case 'read':
    case 'drain':
      return 'peer';
    case 'clock':
      return 'asleep';
    case 'unseen':
      return 'foreign';
    default: {
      const isTask = resource === null || recording.resources[resource]?.kind === 'task';
      return isTask && !kind.endsWith('.acquire') ? 'other' : 'lock';
    }
  }
}

/** Cuts the time where a segment begins or ends, and calls `piece` with the first segment of each. */
function sweep(segments: readonly Segment[], from: number, to: number, piece: OnPiece): void {
  const cuts = [...new Set([from, to, ...segments.flatMap(({ begin, end }) => [begin, end])])].sort((a, b) => a - b);
  const coming = segments.toSorted((a, b) => a.begin - b.begin);
  let next = 0;
  let active: Segment[] = [];
  for (let i = 0; i + 1 < cuts.length; i++) {
    const [begin, end] = [cuts[i] as number, cuts[i + 1] as number]; // i + 1 < length
    active = active.filter((segment) => segment.end > begin);
    for (; next < coming.length && (coming[next] as Segment).begin <= begin; next++)
      active.push(coming[next] as Segment); // next < length
    let first: Segment | undefined;
    for (const segment of active) if (first === undefined || isBefore(segment, first)) first = segment;
    piece(begin, end, first);
  }
}

function isBefore(a: Segment, b: Segment): boolean {
  return ORDER.indexOf(a.what) < ORDER.indexOf(b.what);
}

// ---- the lines ----------------------------------------------------------------------------------------------------

/** The pieces of each line, and who is to blame. */
class Sums {
  readonly #recording: Recording;
  readonly #table: number;
  readonly #ms = new Map<What, number>();
  readonly #who = new Map<What, Map<number, number>>();
  #maybeReady = 0;
  readonly #maybeWho = new Map<number, number>();
  /** For each visit, when the last one up to it has ended. */
  #lastEnds: readonly number[] | undefined = undefined;
  /** By resource: who held it from when on, in the order of time. */
  readonly #holders = new Map<number, readonly (readonly [from: number, table: number])[]>();

  constructor(recording: Recording, table: number) {
    this.#recording = recording;
    this.#table = table;
  }

  add(begin: number, end: number, segment: Segment | undefined): void {
    const what = segment?.what ?? 'unknown';
    this.#ms.set(what, (this.#ms.get(what) ?? 0) + end - begin);
    const wait = segment?.wait;
    if (what === 'ready') this.#whoHadTheLoop(begin, end, this.#whoOf('ready'));
    if (what === 'lock' && wait !== undefined) this.#whoHeld(begin, end, wait);
    if (what === 'peer' && wait?.readyAfter !== undefined) {
      const first = Math.max(begin, wait.readyAfter);
      if (first < end) this.#maybeReady += this.#whoHadTheLoop(first, end, this.#maybeWho);
    }
  }

  lines(): BillLine[] {
    const lines: BillLine[] = [];
    for (const what of ORDER) {
      const ms = this.#ms.get(what) ?? 0;
      if (ms === 0) continue;
      const who = this.#shares(this.#who.get(what));
      const isMaybe = what === 'peer' && this.#maybeReady > 0;
      const maybeReady = { ms: this.#maybeReady, who: this.#shares(this.#maybeWho) };
      lines.push({
        what,
        ms,
        ...(who.length === 0 ? undefined : { who }),
        ...(isMaybe ? { maybeReady } : undefined),
      });
    }
    return lines;
  }

  #whoOf(what: What): Map<number, number> {
    let who = this.#who.get(what);
    if (who === undefined) this.#who.set(what, (who = new Map()));
    return who;
  }

  #shares(who: ReadonlyMap<number, number> | undefined): BillShare[] {
    return [...(who ?? [])]
      .map(([table, ms]) => ({ name: nameOfTable(this.#recording.tables[table]), ms }))
      .sort((a, b) => b.ms - a.ms);
  }

  /** Adds the visits to other tables from `begin` to `end`. Returns how long they were. */
  #whoHadTheLoop(begin: number, end: number, who: Map<number, number>): number {
    const { visits } = this.#recording;
    let sum = 0;
    for (let i = this.#firstAfter(begin); i < visits.length; i++) {
      const visit = visits[i] as Visit; // i < length
      if (visit.begin >= end) break;
      const ms = Math.min(end, endOf(visit)) - Math.max(begin, visit.begin);
      if (ms <= 0 || visit.table === this.#table) continue;
      sum += ms;
      who.set(visit.table, (who.get(visit.table) ?? 0) + ms);
    }
    return sum;
  }

  /** The index of the first visit that lasts beyond a time. */
  #firstAfter(time: number): number {
    // Unmeasured visits can lie inside others, so the ends alone are not in order.
    this.#lastEnds ??= runningMax(this.#recording.visits.map(endOf));
    let low = 0;
    let high = this.#lastEnds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#lastEnds[middle] as number) <= time) low = middle + 1; // middle < length
      else high = middle;
    }
    return low;
  }

  #whoHeld(begin: number, end: number, { resource, since, holder }: RecordedWait): void {
    if (resource === null) return;
    const who = this.#whoOf('lock');
    const add = (table: number, from: number, to: number): void => {
      const ms = Math.min(end, to) - Math.max(begin, from);
      if (ms > 0 && table !== this.#table) who.set(table, (who.get(table) ?? 0) + ms);
    };
    let last = holder;
    let from = since;
    for (const [at, table] of this.#holdersOf(resource)) {
      if (at <= since) continue;
      if (at >= end) break;
      if (last !== undefined) add(last, from, at);
      last = table;
      from = at;
    }
    if (last !== undefined) add(last, from, end);
  }

  /** Those to whom the resource was handed over after they had waited for it. */
  #holdersOf(resource: number): readonly (readonly [from: number, table: number])[] {
    let holders = this.#holders.get(resource);
    if (holders === undefined) {
      holders = this.#recording.visits
        .flatMap(({ from, table }) =>
          from?.resource === resource && from.holder !== undefined && from.ready !== undefined
            ? [[from.ready, table] as const]
            : [],
        )
        .sort((a, b) => a[0] - b[0]);
      this.#holders.set(resource, holders);
    }
    return holders;
  }
}

function runningMax(values: readonly number[]): number[] {
  let most = -Infinity;
  return values.map((value) => (most = Math.max(most, value)));
}

/** `client 7`, `task "oven"`. */
export function nameOfTable(table: RecordedTable | undefined): string {
  if (table === undefined) return 'nobody';
  return table.what === 'client' ? `client ${idText(table.id)}` : `task ${quote(table.name)}`;
}
