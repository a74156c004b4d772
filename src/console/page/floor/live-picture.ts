// The floor's picture of live data.
import { type BlockRow, type KitchenRow, roomOf } from '../../../inspect/protocol/index.ts';
import { DRAIN } from '../kinds.ts';
import type { App } from '../app.ts';
import { bytes, count, duration } from '../format.ts';
import type { Live } from '../live.ts';
import { blockTitle, jobName, tableTitle } from '../words.ts';
import type { FloorBlock, FloorPicture, FloorTable } from './picture.ts';
import { drawnBall, type Table } from '../table.ts';

/** Seats that are laid before anybody has come. */
const LAID = 8;
/** Milliseconds that the bar below a large table looks back. */
const SPAN = 3000;

/** @param of the room that is drawn, if there are several; undefined for the whole program */
export function livePicture(app: App, wall: number, of?: number): FloorPicture {
  const { live } = app;
  const frozenAt = app.heldAt.value || wall;
  const room = live.roomNow(frozenAt, of);
  const own = of === undefined ? undefined : live.rooms.find((row) => row.room === of);
  const busy = own === undefined ? live.strip.at(-1)?.busy : own.loop.busy;
  const seats = live.seatsIn(of ?? live.rooms[0]?.room ?? 0);
  const isOwn = (table: Table): boolean => of === undefined || roomOf(table.id) === of;
  return {
    now: room,
    wall,
    tables: of === undefined ? live.tables : live.tablesIn(of),
    byId: (id) => live.byId.get(id),
    seats: seats === 0 ? LAID : seats,
    settled: live.settled,
    kitchens: of === undefined ? live.kitchens : live.kitchens.filter((kitchen) => kitchen.room === of),
    outside: of === undefined ? live.outside : null,
    idle: busy === undefined || busy === null ? null : 1 - busy,
    block: floorBlock(live, live.now(frozenAt), of === undefined ? live.block : live.blockIn(of)),
    span: SPAN,
    isRemarkable: (table: FloorTable) => table.since > 0 && live.remarkable.is(table.ball, room - table.since),
    placeRow: (place) => placeRow(app, place),
    selected: app.selected.value,
    pointed: app.pointed.value,
    only: app.only.value,
    reducedMotion: app.reducedMotion,
    visited: app.heldAt.value === 0 && app.lostAt.value === 0 ? live.visited.filter(isOwn) : [],
  };
}

function floorBlock(live: Live, now: number, block: BlockRow | null): FloorBlock | null {
  if (block === null) return null;
  const table = live.tableOf(block);
  return {
    table,
    who: table === undefined ? blockTitle(block) : tableTitle(table),
    ms: block.over ? block.ms : Math.max(block.ms, now - block.since),
    over: block.over,
    what: block.place?.function ?? '',
    where: block.place?.text ?? block.why ?? 'place unknown',
    note:
      block.starved !== undefined
        ? `the system ran other programs for ${duration(block.starved)} of it`
        : !block.over
          ? 'nobody else is served'
          : block.waiting === null
            ? 'how many had called is not known'
            : `${count(block.waiting)} ${block.waiting === 1 ? 'table' : 'tables'} had called by then`,
  };
}

function placeRow(app: App, index: number): { readonly line: string; readonly text: string } {
  const place = app.live.places[index];
  if (place === undefined) return { line: '', text: 'place unknown' };
  return { line: place.text, text: app.sources.line(place)?.trim() ?? place.function ?? '' };
}

/** How many tables wait for whom, as they are drawn. */
export function countKinds(live: Live): readonly number[] {
  if (live.frame !== null && live.tables.length < live.frame.total) return live.frame.counts.balls;
  const counts = [0, 0, 0, 0, 0, 0];
  for (const table of live.tables) {
    const ball = drawnBall(table, live.settled);
    counts[ball] = (counts[ball] ?? 0) + 1;
  }
  return counts;
}

/** `, stove 2`, or, of a kitchen on other machines, ` on vm3:4711`, and which attempt if it is not the first. */
function whereOf(workers: KitchenRow['workers'], stove: number): string {
  const { machine, attempt } = workers[stove] ?? {};
  if (attempt === undefined) return `, stove ${stove + 1}`;
  return `${machine === undefined ? '' : ` on ${machine}`}${attempt === 1 ? '' : `, attempt ${attempt}`}`;
}

/** A few words on what a table waits for: `cook, stove 2`, `cook on vm3:4711`, `27 kB unsent`, `lock "mill"`. */
export function shortWait(live: Live, table: Table): string {
  for (const { workers, next, executor } of live.kitchens) {
    const stove = workers.findIndex((worker) => worker.table === table.id);
    if (stove >= 0) return `${jobName(workers[stove]?.job ?? executor)}${whereOf(workers, stove)}`;
    const ticket = next.findIndex((job) => job.table === table.id);
    if (ticket >= 0) return `${jobName(next[ticket]?.job ?? executor)}, ticket ${ticket + 1}`;
  }
  if (table.ball === DRAIN && table.unsent > 0) return `${bytes(table.unsent)} unsent`;
  const resource = live.resources[table.resource]?.label;
  if (resource === undefined) return live.places[table.place]?.text ?? '';
  const [, by] = live.frame?.holders?.find(([index]) => index === table.resource) ?? [];
  return by === undefined ? resource : `${resource}, held by ${by}`;
}
