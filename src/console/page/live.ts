// What the page knows of the process, kept up to date by frames. Plain data, changed in place: 10,000 tables change ten
// times a second, and the canvas reads them in its own time. What is shown as text follows a few times a second.
//
// Always true: `tables[t.index] === t`; `byId` has the same tables; a table's seat is its own while it is there, over a
// loss and a new start of the stream too.
import {
  type BlockRow,
  type Frame,
  type KitchenRow,
  type OutsideRow,
  ownName,
  type Place,
  roomOf,
  type RoomRow,
  type ShownVisit,
  type StripPoint,
  type TableNews,
} from '../../inspect/protocol/index.ts';
import { BlockWatch } from './block-watch.ts';
import { READ } from './kinds.ts';
import { Remarkable } from './remarkable.ts';
import { SeatBook } from './seat-book.ts';
import { newTable, type Table } from './table.ts';

/** Points of the charts: one a second, five minutes. */
export const STRIP_POINTS = 300;
/** Up to this many tables, each is watched closely enough to be drawn by where it mostly is. */
export const WATCHED = 400;
/** Milliseconds that the clock runs on after a frame. Then the picture stands, because nothing is known. */
const RUNS_ON = 300;
/** Spans of the past that a table keeps: few where there are many tables. */
const PAST = { few: 160, some: 40, many: 6 };

export class Live {
  readonly tables: Table[] = [];
  readonly byId: Map<number, Table> = new Map();
  /** Who sits where, by the room. */
  readonly #seats = new Map<number, SeatBook>();
  /** The tables of each room; null when they have changed. */
  #byRoom: Map<number, Table[]> | null = null;
  readonly remarkable: Remarkable = new Remarkable();
  places: Place[] = [];
  resources: Frame['resources'][number][] = [];
  strip: StripPoint[] = [];
  /** The last frame; null before the first one. */
  frame: Frame | null = null;
  /** Visits that may be shown since somebody took them. */
  readonly shown: ShownVisit[] = [];
  /** Tables that were visited lately, the latest last. */
  readonly visited: Table[] = [];
  readonly #watch = new BlockWatch();
  /** Of the rooms, whose loops stand one by one. */
  readonly #watches = new Map<number, BlockWatch>();
  #receivedAt = 0;
  #byTask: Map<number, Table> | null = null;

  /** The loop's time, at a moment of the page's clock. */
  now(wall: number): number {
    if (this.frame === null) return 0;
    return this.frame.now + Math.min(RUNS_ON, Math.max(0, wall - this.#receivedAt));
  }

  /** The time at which waits are drawn: it stands while the loop of the room is blocked. */
  roomNow(wall: number, room = 0): number {
    const watch = this.#watchOf(room);
    return watch?.blocked === true ? watch.stoppedAt : this.now(wall);
  }

  /** The block that goes on, or that was over less than CARD_STAYS ago: of any loop, or of that of a room. */
  blockIn(room: number): BlockRow | null {
    return this.#watchOf(room)?.block ?? null;
  }

  get block(): BlockRow | null {
    return this.#watch.block;
  }

  get blocked(): boolean {
    return this.#watch.blocked;
  }

  /** The workers of the program, each with a loop of its own; empty if it has none. */
  get rooms(): readonly RoomRow[] {
    return this.frame?.rooms ?? [];
  }

  /** The tables of a room. */
  tablesIn(room: number): readonly Table[] {
    if (this.#byRoom === null) {
      this.#byRoom = new Map();
      for (const table of this.tables) {
        const own = this.#byRoom.get(roomOf(table.id));
        if (own === undefined) this.#byRoom.set(roomOf(table.id), [table]);
        else own.push(table);
      }
    }
    return this.#byRoom.get(room) ?? [];
  }

  /** How many seats a room has: the most that were taken at once. */
  seatsIn(room: number): number {
    return this.#seats.get(room)?.size ?? 0;
  }

  /** Takes the visits that may be shown in a room. */
  takeShown(room: number): ShownVisit[] {
    const own = this.shown.filter(({ table }) => roomOf(table) === room);
    const others = own.length === this.shown.length ? [] : this.shown.filter(({ table }) => roomOf(table) !== room);
    this.shown.splice(0, this.shown.length, ...others);
    return own;
  }

  get kitchens(): readonly KitchenRow[] {
    return this.frame?.kitchens ?? [];
  }

  get outside(): readonly OutsideRow[] {
    return this.frame?.outside ?? [];
  }

  /** Whether tables are drawn and counted by where they mostly are. */
  get settled(): boolean {
    return this.tables.length <= WATCHED;
  }

  /** Milliseconds since a frame came. */
  age(wall: number): number {
    return this.frame === null ? 0 : wall - this.#receivedAt;
  }

  byTask(task: number): Table | undefined {
    if (this.#byTask === null) {
      this.#byTask = new Map();
      for (const table of this.tables) if (table.task !== null) this.#byTask.set(table.task, table);
    }
    return this.#byTask.get(task);
  }

  /** The table that the loop stands at, as far as it is one. */
  tableOf(block: BlockRow): Table | undefined {
    const byTask = block.task === null ? undefined : this.byTask(block.task);
    return byTask ?? (block.peer === null ? undefined : this.tables.find(({ peer }) => peer === block.peer));
  }

  apply(frame: Frame, wall: number): void {
    if (frame.full) this.#begin(frame);
    this.places.push(...frame.places);
    this.resources.push(...frame.resources);
    for (const id of frame.left) this.#leave(id);
    for (const news of frame.seated) this.#seat(news);
    this.#change(frame);
    this.#visit(frame, wall);
    this.strip.push(...frame.strip);
    if (this.strip.length > STRIP_POINTS) this.strip.splice(0, this.strip.length - STRIP_POINTS);
    this.#watchBlocks(frame, wall);
    this.frame = frame;
    this.#receivedAt = wall;
  }

  /** Forgets blocks that have been over for long enough. */
  forgetBlock(wall: number): void {
    this.#watch.forget(wall);
    for (const watch of this.#watches.values()) watch.forget(wall);
  }

  /** That of a room; the program's where there are no rooms, and none for the program where there are. */
  #watchOf(room: number): BlockWatch | undefined {
    return this.rooms.length === 0 ? this.#watch : this.#watches.get(room);
  }

  #seatBook(id: number): SeatBook {
    const room = roomOf(id);
    let book = this.#seats.get(room);
    if (book === undefined) this.#seats.set(room, (book = new SeatBook()));
    return book;
  }

  #begin(frame: Frame): void {
    const ids = new Set(frame.seated.map(({ id }) => id));
    for (const book of this.#seats.values()) book.keep(ids);
    this.#byRoom = null;
    this.tables.length = 0;
    this.byId.clear();
    this.#byTask = null;
    this.places = [];
    this.resources = [];
    this.strip = [];
    this.shown.length = 0;
    this.visited.length = 0;
  }

  #seat(news: TableNews): void {
    const known = this.byId.get(news.id);
    if (known !== undefined) {
      // Its handler begins only now, or has another name.
      known.task = news.task;
      known.name = ownName(news.name, news.id, news.peer);
      if (news.task !== null) this.#byTask?.set(news.task, known);
      return;
    }
    const table = newTable(news, this.#seatBook(news.id).seat(news.id), this.tables.length);
    this.#byRoom = null;
    this.tables.push(table);
    this.byId.set(news.id, table);
    if (news.task !== null) this.#byTask?.set(news.task, table);
  }

  #leave(id: number): void {
    const table = this.byId.get(id);
    if (table === undefined) return;
    this.byId.delete(id);
    this.#seatBook(id).leave(id);
    this.#byRoom = null;
    if (table.task !== null) this.#byTask?.delete(table.task);
    const last = this.tables.pop();
    if (last !== undefined && last !== table) {
      this.tables[table.index] = last;
      last.index = table.index;
    }
    table.index = -1;
  }

  #change(frame: Frame): void {
    const { id, ball, since, place, resource, unsent, visits, ran, flags } = frame.tables;
    const before = this.frame?.now ?? frame.now;
    for (let i = 0; i < id.length; i++) {
      const table = this.byId.get(id[i] ?? 0);
      if (table === undefined) continue;
      const made = visits[i] ?? 0;
      const began = since[i] ?? 0;
      if (!frame.full && began !== table.since) this.#remember(table, before, began, made - table.visits);
      table.ball = ball[i] ?? READ;
      table.since = began;
      table.place = place[i] ?? -1;
      table.resource = resource[i] ?? -1;
      table.unsent = unsent[i] ?? 0;
      table.visits = made;
      table.ran = ran[i] ?? 0;
      table.flags = flags[i] ?? 0;
    }
    if (!this.settled) return;
    for (const table of this.tables) table.steady.note(frame.now, table);
  }

  /** Notes the wait that has ended, and that more lay between it and the next if so. */
  #remember(table: Table, before: number, began: number, visits: number): void {
    if (table.since <= 0) {
      // It was seen without a wait of maitre's, from some moment after its last one.
      const from = table.past.at(-1)?.to;
      if (from === undefined || began <= from) return;
      this.#keep(table, { ball: table.ball, from, to: began, place: -1, visits: Math.max(1, visits) });
      return;
    }
    const end = began > 0 ? began : before;
    if (visits <= 1) {
      this.#keep(table, { ball: table.ball, from: table.since, to: end, place: table.place, visits: 1 });
      this.remarkable.note(table.ball, end - table.since);
      return;
    }
    const seen = Math.min(end, Math.max(table.since, before));
    this.#keep(table, { ball: table.ball, from: table.since, to: seen, place: table.place, visits: 1 });
    this.#keep(table, {
      ball: -1,
      mostly: table.steady.mostly ? table.steady.ball : table.ball,
      from: seen,
      to: end,
      place: -1,
      visits: visits - 1,
    });
    this.remarkable.note(table.ball, seen - table.since);
  }

  #keep(table: Table, span: Table['past'][number]): void {
    const number = this.tables.length;
    const most = number <= 16 ? PAST.few : number <= WATCHED ? PAST.some : PAST.many;
    table.past.push(span);
    if (table.past.length > most) table.past.splice(0, table.past.length - most);
  }

  #visit(frame: Frame, wall: number): void {
    this.shown.push(...frame.visits.shown);
    if (this.shown.length > 200) this.shown.splice(0, this.shown.length - 200);
    for (const id of frame.visits.tables) {
      const table = this.byId.get(id);
      if (table === undefined) continue;
      table.visitedAt = wall;
      this.visited.push(table);
    }
    if (this.visited.length > 1200) this.visited.splice(0, this.visited.length - 1200);
  }

  #watchBlocks(frame: Frame, wall: number): void {
    const times = { now: frame.now, before: this.frame?.now ?? 0 };
    this.#watch.see(frame.block, times, wall);
    const rooms = frame.rooms ?? [];
    for (const { room, block = null } of rooms) {
      let watch = this.#watches.get(room);
      if (watch === undefined) this.#watches.set(room, (watch = new BlockWatch()));
      watch.see(block, times, wall);
    }
    for (const room of this.#watches.keys())
      if (!rooms.some((row) => row.room === room)) {
        this.#watches.delete(room);
        this.#seats.delete(room);
      }
  }
}
