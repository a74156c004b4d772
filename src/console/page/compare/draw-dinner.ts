// Draws one of the two halves: the small floor, and a bar for each guest.
import { type Floor } from '../floor/floor.ts';
import { Pen } from '../floor/pen.ts';
import type { FloorPicture, FloorTable } from '../floor/picture.ts';
import { seatingOf } from '../floor/seating.ts';
import { duration } from '../format.ts';
import { IN_LINE } from '../../../inspect/protocol/index.ts';
import { KITCHEN, READ } from '../kinds.ts';
import { gridStep } from '../slow/lanes.ts';
import { mix, type Theme } from '../theme.ts';
import type { Dinner, Pair } from './dinner.ts';
import { type BarKind, barsOf, type GuestState, type Scene } from './replay.ts';

export interface Half {
  readonly pair: Pair;
  readonly one: 'stands' | 'walks';
  readonly scene: Scene;
}

/** What the floor draws of a dinner. */
export function dinnerPicture({ pair, one, scene }: Half, wall: number): FloorPicture {
  const dinner = pair[one];
  const tables: FloorTable[] = [];
  scene.guests.forEach((state, guest) => {
    if (state !== 'away') tables.push(tableOf(state, guest, tables.length));
  });
  const stoves = scene.guests.map((_, guest) => {
    const job = scene.guests[guest] === 'cooks' && !blocks(dinner, guest) ? dinner.jobs[guest] : undefined;
    return {
      job: job === undefined ? null : 'cook',
      table: job === undefined ? null : guest + 1,
      since: job?.begin ?? null,
    };
  });
  return {
    now: scene.now,
    wall,
    tables,
    byId: (id) => tables.find((table) => table.id === id),
    seats: scene.guests.length,
    settled: false,
    kitchens: [{ executor: 'kitchen', size: stoves.length, queued: 0, next: [], workers: stoves, unfetched: 0 }],
    outside: null,
    idle: null,
    block: null,
    span: 1,
    isRemarkable: () => false,
    placeRow: () => ({ line: '', text: '' }),
    selected: 0,
    pointed: 0,
    only: -1,
    reducedMotion: true,
    visited: [],
  };
}

function tableOf(state: GuestState, guest: number, index: number): FloorTable {
  const ball = state === 'cooks' || state === 'served' ? KITCHEN : READ; // who is served waits for nobody
  return {
    id: guest + 1,
    name: '',
    peer: '',
    index,
    seat: guest,
    ball,
    since: 0,
    place: -1,
    flags: state === 'in line' ? IN_LINE : 0,
    past: [],
    steady: { ball, place: -1, mostly: false, rate: 0 },
    visitedAt: -Infinity,
  };
}

/** Whether a guest's meal was cooked by a call that blocks. */
function blocks({ visits }: Dinner, guest: number): boolean {
  return visits.some((visit) => visit.guest === guest && visit.kept > 0);
}

/** A tick on the tables of those who are served, and when they left. */
export function drawServed(floor: Floor, theme: Theme, { pair, one, scene }: Half, picture: FloorPicture): void {
  const ctx = floor.canvas.getContext('2d');
  if (ctx === null) return;
  const pen = new Pen(ctx, theme);
  const { radius } = seatingOf(scene.guests.length, floor.zones.area, true);
  for (const table of picture.tables) {
    const guest = table.id - 1;
    if (scene.guests[guest] !== 'served') continue;
    const log = pair[one].guests[guest];
    const [x, y] = floor.spotOf(table);
    pen.disc(x, y, radius, theme.surface);
    pen.ring(x, y, radius, theme.line2, 1.5);
    ctx.beginPath();
    ctx.moveTo(x - 7, y - 4);
    ctx.lineTo(x - 2, y + 2);
    ctx.lineTo(x + 8, y - 10);
    pen.stroke(theme.ink2, 2);
    const stayed = duration((log?.left ?? 0) - (log?.arrived ?? 0));
    if (radius >= 30) pen.text(stayed, x, y + radius * 0.46, 11, theme.ink2, { weight: 450, align: 'center' });
  }
}

/** The waiter, red where a call keeps it. */
export function drawWaiter(floor: Floor, theme: Theme, x: number, y: number, half: Half): void {
  const ctx = floor.canvas.getContext('2d');
  if (ctx === null) return;
  const pen = new Pen(ctx, theme);
  const { standsSince, now, at } = half.scene;
  const kept = standsSince !== undefined && at !== undefined && blocks(half.pair[half.one], at);
  const color = kept ? theme.block : theme.ink;
  pen.bow(x, y, 9, color, theme.surface);
  if (standsSince === undefined) return;
  const words = `stands, ${duration(now - standsSince)}`;
  const { room } = floor.zones;
  const width = pen.widthOf(words, 11.5, { weight: 500 }) + 12;
  const left = Math.max(room.x + 4, Math.min(room.x + room.w - width - 10, x - width / 2));
  pen.box(left, y - 32, width, 20, 5, color);
  pen.text(words, left + 6, y - 21.5, 11.5, theme.surface, { weight: 500 });
}

const NAMES: Readonly<Record<BarKind, string>> = {
  guest: 'thinks',
  waiter: 'for the waiter',
  kitchen: 'for the kitchen',
  kept: 'the waiter cooks',
  work: 'own work',
};

/** One row a guest: for whom it waited, up to the playhead. @param end the longer dinner, milliseconds */
export function drawBars(pen: Pen, width: number, height: number, { pair, one, scene }: Half, end: number): void {
  const { ctx, theme } = pen;
  const dinner = pair[one];
  const colors: Readonly<Record<BarKind, string>> = {
    guest: mix(theme.surface, theme.kinds.read, pen.dark ? 0.5 : 0.42),
    waiter: theme.line2,
    kitchen: theme.kinds.kitchen,
    kept: theme.block,
    work: theme.ink,
  };
  const bars = dinner.guests.map((_, guest) => barsOf(dinner, guest));
  const left = 24;
  const right = width - 8;
  // A label needs 44 pixels.
  const step = gridStep(((10 * end) / (right - left)) * 44);
  const x = (at: number): number => left + (at / end) * (right - left);
  const row = Math.min(22, (height - 36) / dinner.guests.length);
  const bottom = 18 + row * dinner.guests.length;
  let at = left;
  for (const kind of ['guest', 'waiter', 'kitchen', 'kept', 'work'] as const) {
    if (!bars.some((each) => each.some((bar) => bar.kind === kind))) continue;
    ctx.fillStyle = colors[kind];
    ctx.fillRect(at, 5, 11, 4);
    pen.text(NAMES[kind], at + 15, 7.5, 11, theme.ink2);
    at += 15 + pen.widthOf(NAMES[kind], 11) + 12;
  }
  for (let mark = 0; mark <= end; mark += step) {
    ctx.fillStyle = theme.line;
    ctx.fillRect(x(mark), 18, 1, bottom - 18);
    const label = mark === 0 ? '0' : `${Number((mark / 1000).toFixed(2))} s`;
    if (x(mark) < right - 12)
      pen.text(label, x(mark), bottom + 10, 10.5, theme.ink3, { align: mark === 0 ? 'left' : 'center' });
  }
  bars.forEach((each, guest) => {
    const y = 18 + row * guest;
    pen.text(String(guest + 1), left - 6, y + row / 2, 10.5, theme.ink3, { align: 'right' });
    for (const { begin, end: until, kind } of each) {
      if (begin >= scene.now) break;
      ctx.fillStyle = colors[kind];
      ctx.fillRect(x(begin), y + row * 0.12, Math.max(1, x(Math.min(until, scene.now)) - x(begin)), row * 0.76);
    }
  });
  if (scene.now < dinner.end) {
    ctx.fillStyle = theme.ink;
    ctx.fillRect(x(scene.now), 14, 1, bottom - 12);
  }
}
