// The kitchen: a rail with the next tickets, a stove for each worker with what it cooks and since when, and plates on
// the counter for jobs that are done and that the loop has not fetched. Nobody knows how long a job will take, so
// nothing says how far it is.
import { type KitchenRow, ownId } from '../../../inspect/protocol/index.ts';
import { count, duration } from '../format.ts';
import { KITCHEN } from '../kinds.ts';
import { mix } from '../theme.ts';
import { jobName } from '../words.ts';
import { counterOf } from './draw-room.ts';
import type { Pen } from './pen.ts';
import type { FloorPicture } from './picture.ts';
import type { Zones } from './zones.ts';

type Worker = KitchenRow['workers'][number];

interface Stoves {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly columns: number;
  readonly row: number;
  readonly r: number;
}

/** Pixels from one ticket to the next. */
const TICKET = 34;

export function drawKitchen(pen: Pen, picture: FloorPicture, zones: Zones): void {
  const { theme } = pen;
  const { kitchen, small, mini } = zones;
  const workers = workersOf(picture);
  const stoves = stovesOf(zones, workers.length);
  const busy = workers.filter(({ job }) => job !== null).length;
  pen.text('Kitchen', stoves.x, kitchen.y + (mini ? 15 : 22), 13, theme.ink, { weight: 620 });
  if (!mini) {
    pen.text(
      pen.fit(kitchenWords(picture.kitchens, busy, small), 12, stoves.w),
      stoves.x,
      kitchen.y + 40,
      12,
      theme.ink2,
    );
    if (picture.kitchens.some(({ workers: its, queued }) => its.length > 0 || queued > 0))
      drawRail(pen, picture, zones, stoves);
  }
  const shown = shownOf(zones, stoves, workers.length);
  for (const [i, worker] of workers.slice(0, shown).entries()) drawStove(pen, picture, stoves, worker, i, mini);
  if (workers.length > shown) {
    const y = kitchen.y + kitchen.h - 12;
    pen.text(`and ${count(workers.length - shown)} more`, stoves.x, y, 11, theme.ink3);
  }
}

/** `6 workers, 4 busy`, or, where some are on other machines, `4 of 6 on 2 machines`. */
export function kitchenWords(kitchens: readonly KitchenRow[], busy: number, small: boolean): string {
  if (kitchens.length === 0) return 'no executor';
  const all = kitchens.reduce((sum, { size, workers }) => sum + Math.max(size, workers.length), 0);
  if (small) return `${busy} of ${count(all)}`;
  const machines = kitchens.reduce((sum, kitchen) => sum + (kitchen.machines ?? 0), 0);
  if (machines > 0) return `${busy} of ${count(all)} on ${count(machines)} ${machines === 1 ? 'machine' : 'machines'}`;
  return `${count(all)} ${all === 1 ? 'worker' : 'workers'}, ${busy} busy`;
}

/** Where the jobs of tables are drawn: stoves, and the first tickets. */
export function jobSpots(picture: FloorPicture, zones: Zones): (readonly [table: number, x: number, y: number])[] {
  const workers = workersOf(picture);
  const stoves = stovesOf(zones, workers.length);
  const spots: (readonly [number, number, number])[] = [];
  for (const [i, { table }] of workers.slice(0, shownOf(zones, stoves, workers.length)).entries()) {
    if (table !== null) spots.push([table, ...stoveAt(stoves, i, -stoves.r - 4)]);
  }
  for (const [i, { table }] of ticketsOf(picture).slice(0, 4).entries()) {
    if (table !== null) spots.push([table, stoves.x + i * TICKET, zones.kitchen.y + 94]);
  }
  return spots;
}

/** Plates: by their table where it is known whose they are. */
export function drawPlates(pen: Pen, picture: FloorPicture, zones: Zones): void {
  const total = picture.kitchens.reduce((sum, { unfetched }) => sum + (unfetched ?? 0), 0);
  if (total === 0) return;
  const { theme } = pen;
  const { kitchen, room, small, mini } = zones;
  const owners = platesOf(picture, total);
  const r = mini ? 7 : owners.some((id) => id > 999) ? 13 : 10;
  const [from, to] = counterOf(zones);
  const top = from + (room.h > 400 ? 34 : 8) + r;
  const step = 2 * r + 4;
  const fit = Math.max(1, Math.floor((to - top) / step));
  const shown = total > fit ? fit - 1 : total;
  for (let i = 0; i < shown; i++) {
    const y = top + i * step;
    pen.disc(kitchen.x, y, r, theme.raised);
    pen.ring(kitchen.x, y, r, pen.color(KITCHEN), 2);
    const id = owners[i];
    if (id === undefined) pen.ring(kitchen.x, y, r * 0.5, theme.line2, 1);
    else
      pen.text(String(ownId(id)), kitchen.x, y + 0.5, ownId(id) > 99 ? 9 : 11, theme.ink, {
        weight: 650,
        align: 'center',
      });
  }
  if (total > shown) {
    pen.text(`+${count(total - shown)}`, kitchen.x, to - 8, 10, theme.ink, { weight: 600, align: 'center' });
  }
  if (mini || small || room.h <= 400) return;
  const stoves = stovesOf(zones, workersOf(picture).length);
  pen.text('done, not fetched', stoves.x, Math.min(top, stoves.y + stoves.row * 0.5 - stoves.r - 13), 11.5, theme.ink2);
}

/**
 * Whose plates these are: tables that wait for the kitchen and have neither a stove nor a ticket, if there are just as
 * many as plates. Otherwise nobody knows.
 */
export function platesOf(picture: FloorPicture, total: number): number[] {
  const known = new Set<number>();
  for (const { workers, next, queued } of picture.kitchens) {
    if (queued > next.length) return [];
    for (const { table } of [...workers, ...next]) if (table !== null) known.add(table);
  }
  const owners: number[] = [];
  for (const { id, ball } of picture.tables) if (ball === KITCHEN && !known.has(id)) owners.push(id);
  return owners.length === total ? owners : [];
}

function workersOf({ kitchens }: FloorPicture): readonly Worker[] {
  return kitchens.length === 1 ? (kitchens[0]?.workers ?? []) : kitchens.flatMap(({ workers }) => workers);
}

function ticketsOf({ kitchens }: FloorPicture): KitchenRow['next'] {
  return kitchens.length === 1 ? (kitchens[0]?.next ?? []) : kitchens.flatMap(({ next }) => next);
}

function stovesOf({ kitchen, small, mini }: Zones, workers: number): Stoves {
  const x = kitchen.x + (mini || small ? 18 : 22);
  const w = kitchen.w - (x - kitchen.x) - 12;
  const columns = mini || workers <= 8 ? 1 : small ? 3 : 4;
  const rows = Math.max(1, Math.ceil(workers / columns));
  const row = mini
    ? Math.min(26, (kitchen.h - 66) / rows)
    : Math.max(26, Math.min(workers <= 4 ? 84 : 56, (kitchen.h - 134) / rows));
  const share = workers <= 4 ? 0.36 : workers <= 8 ? 0.4 : 0.34;
  const most = workers <= 4 ? 22 : workers <= 8 ? 17 : 15;
  return { x, y: kitchen.y + (mini ? 46 : 128), w, columns, row, r: mini ? 8 : Math.min(most, row * share) };
}

/** How many stoves are drawn: all, or as many as leave room for a line about the others. */
function shownOf({ kitchen }: Zones, stoves: Stoves, workers: number): number {
  const room = kitchen.y + kitchen.h - stoves.y;
  if (Math.ceil(workers / stoves.columns) * stoves.row <= room) return workers;
  return Math.max(1, Math.floor((room - 20) / stoves.row)) * stoves.columns;
}

function stoveAt(stoves: Stoves, index: number, dx = 0): readonly [x: number, y: number] {
  const column = index % stoves.columns;
  const row = Math.floor(index / stoves.columns);
  return [stoves.x + (stoves.w / stoves.columns) * column + stoves.r + dx, stoves.y + stoves.row * (row + 0.5)];
}

function drawRail(pen: Pen, picture: FloorPicture, { kitchen, small }: Zones, { x, w }: Stoves): void {
  const { ctx, theme } = pen;
  const y = kitchen.y + 68;
  ctx.fillStyle = theme.wall;
  ctx.fillRect(x, y, w, 3);
  const tickets = ticketsOf(picture);
  const queued = picture.kitchens.reduce((sum, row) => sum + row.queued, 0);
  if (queued === 0) {
    pen.text(small ? 'no tickets' : 'no tickets on the rail', x, y + 17, 11.5, theme.ink3);
    return;
  }
  const fit = Math.max(1, Math.floor((w + 4) / TICKET));
  const shown = Math.min(tickets.length, queued > fit ? fit - 1 : fit);
  for (const [i, { table }] of tickets.slice(0, shown).entries()) {
    const left = x + i * TICKET;
    const marked = table !== null && (table === picture.selected || table === picture.pointed);
    ctx.fillStyle = theme.raised;
    ctx.fillRect(left, y + 3, 29, 24);
    ctx.strokeStyle = marked ? theme.ink : mix(theme.surface, pen.color(KITCHEN), 0.7);
    ctx.lineWidth = marked ? 1.5 : 1;
    ctx.strokeRect(left + 0.5, y + 3.5, 28, 23);
    const label = table === null ? '·' : String(table);
    const size = label.length > 4 ? 8 : label.length > 3 ? 9.5 : 11;
    pen.text(label, left + 14.5, y + 16, size, theme.ink, { weight: 560, align: 'center' });
  }
  if (queued > shown)
    pen.text(`+${count(queued - shown)}`, x + shown * TICKET + 1, y + 16, 11.5, theme.ink2, { weight: 560 });
  const next = tickets[0]?.table;
  const waits = next === null || next === undefined ? undefined : picture.byId(next);
  if (waits !== undefined && waits.ball === KITCHEN && waits.since > 0) {
    pen.text(`next ${duration(picture.now - waits.since)}`, x, y + 40, 11, theme.ink3);
  }
}

function drawStove(
  pen: Pen,
  picture: FloorPicture,
  stoves: Stoves,
  { job, table, since, machine }: Worker,
  index: number,
  mini: boolean,
): void {
  const { theme } = pen;
  const { r, columns, row } = stoves;
  const [x, y] = stoveAt(stoves, index);
  const color = pen.color(KITCHEN);
  if (job === null) {
    pen.disc(x, y, r, theme.surface);
    pen.ring(x, y, r, theme.line2, 1);
    pen.ring(x, y, r * 0.45, theme.line2, 1);
    return;
  }
  const marked = table !== null && (table === picture.selected || table === picture.pointed);
  pen.disc(x, y, r, mix(theme.surface, color, pen.dark ? 0.26 : 0.18));
  pen.ring(x, y, r, marked ? theme.ink : color, 2);
  const label = table === null ? '·' : String(table);
  const size = r > 12 ? (label.length > 4 ? 8 : label.length > 3 ? 9.5 : 12) : 9;
  pen.text(label, x, y + 0.5, size, theme.ink, { weight: 620, align: 'center' });
  const elapsed = since === null ? '' : duration(picture.now - since);
  const beside = [elapsed, machine ?? ''].filter((text) => text !== '').join(' · ');
  const room = stoves.w - 2 * r - 10;
  if (mini) pen.text(elapsed, x + r + 7, y, 11, theme.ink2);
  else if (columns > 1) {
    if (row > 46)
      pen.text(pen.fit(elapsed, 9, stoves.w / columns + 4), x, y + r + 9, 9, theme.ink3, { align: 'center' });
  } else if (row > 38) {
    pen.text(pen.fit(jobName(job), 12, room, { mono: true }), x + r + 10, y - 8, 12, theme.ink, { mono: true });
    pen.text(pen.fit(beside, 12, room), x + r + 10, y + 8, 12, theme.ink2);
  } else pen.text(pen.fit(beside, 11.5, room), x + r + 9, y, 11.5, theme.ink2);
}
