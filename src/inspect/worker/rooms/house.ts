// The house: the main thread with its rooms, as one. Without rooms it is the main thread alone, and
// costs nothing.
//
// - Each room is asked by itself, and for a bounded time: one that is blocked, or that ends meanwhile,
//   is named, and delays nobody.
// - What is known of a room at once, such as its block, is looked at once a second, and ten times a
//   second while somebody looks.
import { callLater, type Handle } from '../../../core/index.ts';
import {
  blockInRoom,
  type BlockRow,
  durationText,
  isClient,
  joinLoops,
  joinSnapshots,
  type LoopRow,
  roomNumber,
  type RoomRow,
  type Snapshot,
} from '../../../introspect/index.ts';
import type { Figures } from '../../crossing.ts';
import type { Methods } from '../../protocol/index.ts';
import { joinFigures } from '../join-figures.ts';
import type { Loop } from '../loop.ts';
import { RequestError } from '../request-error.ts';
import type { Taken } from '../snapshots.ts';
import type { Peek, Room } from './room.ts';

/** How long a room may take for what it answers at once, and for a snapshot, in milliseconds. */
const SOON = 300;
const PATIENCE = 1000;
/** Milliseconds between two peeks. */
const PEEK_EVERY = 1000;
const PEEK_LOOKING = 100;

/** A snapshot of all rooms. */
export interface HouseTaken extends Taken {
  /** Absent without rooms. */
  readonly rooms?: readonly RoomRow[];
}

/** A room, and what was last seen of it. */
interface Entry {
  readonly room: Room;
  readonly number: number;
  peek: Peek | undefined;
}

const UNKNOWN: LoopRow = { busy: null, lag: null };

export class House implements Disposable {
  readonly own: Loop;
  readonly #entries = new Map<number, Entry>();
  /** Called with the place of a room that is gone, and what was last seen of it. */
  readonly #onGone: (place: number, last: Peek) => void;
  #timer: Handle | undefined;
  #isLooking = false;

  constructor(own: Loop, onGone: (place: number, last: Peek) => void) {
    this.own = own;
    this.#onGone = onGone;
  }

  /** Whether there are rooms. */
  get hasRooms(): boolean {
    return this.#entries.size > 0;
  }

  /** The rooms by their number, in the order in which they came. */
  get rooms(): readonly { readonly room: Room; readonly number: number; readonly peek: Peek | undefined }[] {
    return [...this.#entries.values()];
  }

  add(room: Room): void {
    const { worker } = room.at;
    this.#entries.set(worker, { room, number: roomNumber(worker), peek: undefined });
    this.#plan(0);
  }

  /** Forgets a room. Idempotent. */
  remove(worker: number): void {
    const entry = this.#entries.get(worker);
    if (entry === undefined) return;
    this.#entries.delete(worker);
    if (entry.peek !== undefined) this.#onGone(entry.room.at.place, entry.peek);
    entry.room.close();
  }

  /** The room of a number. @throws RequestError if there is none */
  find(number: number): Room {
    for (const entry of this.#entries.values()) if (entry.number === number) return entry.room;
    throw new RequestError('NOT_FOUND', `there is no worker ${number}`);
  }

  /** Added to a time of a room, it gives the time of the main thread. */
  shiftOf(peek: Peek): number {
    return this.own.data.clockOffset - peek.clockOffset;
  }

  /** Looks often, while somebody looks at the house. Undone by false. */
  look(on: boolean): void {
    if (this.#isLooking === on) return;
    this.#isLooking = on;
    if (this.hasRooms) this.#plan(0);
  }

  /** Peeks into a room now, or into all. */
  async peek(worker?: number): Promise<void> {
    const entries = [...this.#entries.values()].filter(
      (entry) => worker === undefined || entry.room.at.worker === worker,
    );
    await Promise.all(
      entries.map(async (entry) => {
        entry.peek = await entry.room.request('peek', {}, SOON).catch(() => entry.peek);
      }),
    );
  }

  /** The snapshots of all, as one. @throws RequestError if there is none of the main thread */
  async take(rows?: number): Promise<HouseTaken> {
    const own = await this.own.snapshots.take(rows);
    if (!this.hasRooms) return own;
    const params = rows === undefined ? {} : { rows };
    const entries = [...this.#entries.values()];
    const taken = await Promise.all(
      entries.map(async (entry) => {
        try {
          await this.peek(entry.room.at.worker);
          return await entry.room.request('snapshot', params, PATIENCE);
        } catch (error) {
          return (error as Error).message; // rooms reject with RequestErrors
        }
      }),
    );
    const known = entries.flatMap(({ number, peek }, i) => {
      const answer = taken[i];
      if (answer === undefined || typeof answer === 'string' || peek === undefined) return [];
      return [{ room: number, shift: this.shiftOf(peek), snapshot: answer.snapshot }];
    });
    const rowsOfRooms = entries.map((entry, i) => this.#row(entry, taken[i]));
    const fresh = taken.flatMap((each) => (each === undefined || typeof each === 'string' ? [] : [each.fresh]));
    const cost = Math.max(own.fresh.cost ?? 0, ...fresh.map((each) => each.cost ?? 0));
    return {
      snapshot: joinSnapshots(own.snapshot, known),
      fresh: { ...own.fresh, cost },
      rooms: rowsOfRooms,
    };
  }

  /** The rooms as frames show them; undefined without any. Their blocks have no stacks. */
  rows(): readonly RoomRow[] | undefined {
    if (!this.hasRooms) return undefined;
    return [...this.#entries.values()].map((entry) => {
      const row = this.#row(entry, undefined);
      return row.block === undefined ? row : { ...row, block: { ...row.block, stack: [] } };
    });
  }

  /** The last blocks of all, the latest last; those that last after those that are over. */
  blocks(): readonly BlockRow[] {
    const own = this.own.watchdog.blocks;
    if (!this.hasRooms) return own;
    const others = [...this.#entries.values()].flatMap(({ number, peek }) =>
      peek === undefined ? [] : peek.blocks.map((block) => blockInRoom(block, number, this.shiftOf(peek))),
    );
    return [...own, ...others].sort((a, b) => Number(b.over) - Number(a.over) || a.since - b.since);
  }

  /** The figures of all, as one: the loop is that of the rooms. */
  figures(own: Figures): Figures {
    const others = [...this.#entries.values()].flatMap(({ peek }) => peek?.figures ?? []);
    if (others.length === 0) return own;
    return { ...own, ...joinFigures([own, ...others]), ...joinLoops(others), now: own.now };
  }

  /** The number of the room that has the most clients; 0 without rooms. */
  busiest(): number {
    const [first] = [...this.#entries.values()].sort((a, b) => connectionsOf(b) - connectionsOf(a));
    return first?.number ?? 0;
  }

  /** The threads of this process that are rooms. */
  get threads(): ReadonlySet<number> {
    return new Set([...this.#entries.values()].flatMap(({ room }) => room.thread ?? []));
  }

  /** Where the servers listen, as their labels have it: `Server 127.0.0.1:8002`. */
  addresses(): string[] {
    const own = this.own.snapshots.kept?.resources.filter(({ kind }) => kind === 'server') ?? [];
    const others = [...this.#entries.values()].flatMap(({ peek }) => peek?.figures?.servers ?? []);
    return [...new Set([...own, ...others].flatMap(({ label }) => label.split(' ').slice(1)))];
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    for (const { room } of this.#entries.values()) room.close();
    this.#entries.clear();
  }

  #plan(ms: number): void {
    this.#timer?.cancel();
    this.#timer = callLater(ms, () => void this.#peekAll());
  }

  async #peekAll(): Promise<void> {
    await this.peek();
    if (this.hasRooms) this.#plan(this.#isLooking ? PEEK_LOOKING : PEEK_EVERY);
  }

  #row({ room: { at }, number, peek }: Entry, taken: Methods['snapshot']['result'] | string | undefined): RoomRow {
    const snapshot = typeof taken === 'object' ? taken.snapshot : undefined;
    const figures = peek?.figures;
    const last = peek?.blocks.at(-1);
    const lasts = peek !== undefined && last?.over === false && last.allowed !== true;
    const why = whyOf(taken);
    return {
      room: number,
      place: at.place,
      kind: at.kind,
      pid: peek?.pid ?? 0,
      loop: snapshot?.loop ?? (figures === undefined ? UNKNOWN : { busy: figures.busy, lag: figures.lag }),
      clients: snapshot === undefined ? (figures?.connections ?? 0) : clientsIn(snapshot),
      tasks: snapshot === undefined ? (figures?.tasks ?? 0) : snapshot.tasks.length + snapshot.omitted.tasks,
      ...(lasts ? { block: blockInRoom(last, number, this.shiftOf(peek)) } : {}),
      ...(why === undefined ? {} : { why }),
    };
  }
}

function connectionsOf({ peek }: Entry): number {
  return peek?.figures?.connections ?? 0;
}

function whyOf(taken: Methods['snapshot']['result'] | string | undefined): string | undefined {
  if (typeof taken === 'string') return taken.replace(/^it (?=does|has)/, '');
  if (taken?.fresh.how !== 'stale') return undefined;
  return `has not answered for ${durationText(taken.fresh.age)}`;
}

function clientsIn({ resources }: Snapshot): number {
  return resources.reduce((count, row) => count + (isClient(row) ? 1 : 0), 0);
}
