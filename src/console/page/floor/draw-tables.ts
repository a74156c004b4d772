// Tables at their seats: large discs with words, small discs with a glyph and a number, glyphs, dots. The disc is
// always the same; the glyph says what is waited for.
import { IN_LINE, ownId } from '../../../inspect/protocol/index.ts';
import { duration, shortDuration } from '../format.ts';
import { DRAIN, KITCHEN, KINDS, kindOf, READ } from '../kinds.ts';
import { alpha, mix } from '../theme.ts';
import type { Pen } from './pen.ts';
import { ballOf, type FloorPicture, type FloorTable } from './picture.ts';
import type { Seating } from './seating.ts';
import type { Zones } from './zones.ts';

/** The angle at which a guest sits. */
const CHAIR = -2.36;
const TURN = 2 * Math.PI;

/** Below this distance of two dots, a shape cannot be told. */
export const SHAPES_FROM = 9;

export function drawTables(pen: Pen, picture: FloorPicture, seating: Seating, zones: Zones): void {
  const { ctx, theme } = pen;
  const { spots, radius } = seating;
  const taken = new Set(picture.tables.map(({ seat }) => seat));
  pen.dashed([3, 4], () => {
    for (let seat = 0; seat < spots.length / 2; seat++) {
      if (!taken.has(seat)) pen.ring(spots[2 * seat] ?? 0, spots[2 * seat + 1] ?? 0, radius, theme.line2, 1);
    }
  });
  for (const table of picture.tables) {
    const [x, y] = [spots[2 * table.seat] ?? -99, spots[2 * table.seat + 1] ?? -99];
    ctx.globalAlpha = isDimmed(picture, table) ? 0.22 : 1;
    if ((table.flags & IN_LINE) !== 0) drawInLine(pen, table, x, y, radius);
    else if (seating.mode === 'large') drawLarge(pen, picture, table, x, y, radius, zones.mini);
    else drawCompact(pen, picture, table, x, y, radius);
  }
  ctx.globalAlpha = 1;
}

/** Glyphs in a grid, in one path for each kind where they are too small to be shapes. */
export function drawDots(pen: Pen, picture: FloorPicture, seating: Seating): void {
  const { ctx } = pen;
  const { spots, pitch } = seating;
  for (const ball of KINDS.keys()) {
    ctx.globalAlpha = picture.only >= 0 && picture.only !== ball ? 0.15 : 1;
    const color = leisurely(pen, ball);
    if (pitch >= SHAPES_FROM) {
      for (const { ball: own, seat } of picture.tables) {
        if (own === ball) pen.glyph(ball, spots[2 * seat] ?? 0, spots[2 * seat + 1] ?? 0, pitch * 0.34, color);
      }
      continue;
    }
    const size = ball === READ ? Math.max(1.6, pitch * 0.42) : pitch * 0.82;
    ctx.beginPath();
    for (const { ball: own, seat } of picture.tables) {
      if (own === ball) ctx.rect((spots[2 * seat] ?? 0) - size / 2, (spots[2 * seat + 1] ?? 0) - size / 2, size, size);
    }
    ctx.fillStyle = color;
    ctx.fill();
  }
  ctx.globalAlpha = 1;
}

/** A guest at leisure is paler than all others. */
function leisurely(pen: Pen, ball: number): string {
  return ball === READ ? mix(pen.theme.surface, pen.color(READ), 0.7) : pen.color(ball);
}

function isDimmed(picture: FloorPicture, table: FloorTable): boolean {
  return picture.only >= 0 && ballOf(picture, table) !== picture.only;
}

function drawLarge(
  pen: Pen,
  picture: FloorPicture,
  table: FloorTable,
  x: number,
  y: number,
  r: number,
  mini: boolean,
): void {
  const { ctx, theme } = pen;
  const ball = ballOf(picture, table);
  const color = pen.color(ball);
  const chair = mini ? 5 : 8;
  const [gx, gy] = [x + Math.cos(CHAIR) * (r + chair), y + Math.sin(CHAIR) * (r + chair)];
  ctx.beginPath();
  ctx.arc(gx, gy, chair + 3, CHAIR - 1.5, CHAIR + 1.5);
  pen.stroke(theme.line2, 2);
  // In colour while it is the guest who is waited for.
  pen.disc(gx, gy, chair, ball === READ || ball === DRAIN ? color : theme.line2);
  pen.disc(x, y, r, mix(theme.surface, color, pen.dark ? 0.13 : 0.075));
  pen.ring(x, y, r, mix(theme.surface, color, 0.75), 1.5);
  const middle = { align: 'center' } as const;
  if (mini) {
    pen.glyph(ball, x, y - r * 0.28, r * 0.24, color);
    pen.text(String(ownId(table.id)), x, y + r * 0.36, Math.max(10, Math.min(14, r * 0.42)), theme.ink, {
      weight: 600,
      ...middle,
    });
    return;
  }
  const { mostly, rate } = picture.settled ? table.steady : { mostly: false, rate: 0 };
  const kind = kindOf(ball);
  const unit = r / 62;
  const fine = r >= 52;
  const size = fine ? 12 * Math.max(0.94, unit * 0.97) : 11;
  const room = 2 * r - 10;
  pen.glyph(ball, x, y - (fine ? 31 : 27) * unit, (fine ? 8.2 : 9) * unit, color);
  const title = fine ? 14 * unit : 12.5;
  const named = { weight: 620, ...middle };
  pen.text(pen.fit(titleOf(table), title, room, named), x, y - (fine ? 8 : 4) * unit, title, theme.ink, named);
  const words = mostly ? `mostly ${kind.mini}` : fine ? kind.words : kind.mini;
  pen.text(pen.fit(words, size, room + 8), x, y + (fine ? 10.5 : 17) * unit, size, theme.ink2, middle);
  const waits = picture.now - table.since;
  const below = mostly
    ? `${Math.round(rate)} visits/s`
    : table.since <= 0 || waits < 100
      ? ''
      : duration(Math.floor(waits / 100) * 100);
  pen.text(below, x, y + (fine ? 27.5 : 37) * unit, size, theme.ink2, middle);
  drawPast(pen, picture, table, x, y + r + 10, r * 1.7);
  if (r >= 40) {
    pen.text(pen.fit(table.peer, 10.5, 2 * r + 24, { mono: true }), x, y + r + 27, 10.5, theme.ink3, {
      mono: true,
      ...middle,
    });
  }
}

/** The last seconds of a table as a bar: colour is the wait, a tick a visit; pale are several waits between two looks, by what they mostly were. */
function drawPast(pen: Pen, picture: FloorPicture, table: FloorTable, x: number, top: number, width: number): void {
  const { ctx, theme } = pen;
  const height = 6;
  const left = x - width / 2;
  const from = picture.now - picture.span;
  const at = (time: number): number => left + ((time - from) / picture.span) * width;
  ctx.fillStyle = theme.line;
  ctx.fillRect(left, top + height - 1, width, 1);
  const bar = (start: number, end: number, color: string): void => {
    const [a, b] = [Math.max(left, at(start)), Math.min(left + width, at(end))];
    if (b <= a) return;
    ctx.fillStyle = color;
    ctx.fillRect(a, top, b - a, height);
  };
  for (const { ball, mostly = ball, from: start, to } of table.past) {
    if (to > from && mostly >= 0) bar(start, to, mix(theme.surface, pen.color(mostly), ball < 0 ? 0.4 : 0.62));
  }
  if (table.since > 0) bar(table.since, picture.now, mix(theme.surface, pen.color(table.ball), 0.62));
  ctx.fillStyle = theme.ink;
  for (const { to, ball } of table.past) {
    if (to > from && ball >= 0) ctx.fillRect(at(to) - 0.5, top - 3, 1, height + 3);
  }
}

/** Seated, and no handler runs for it yet. */
function drawInLine(pen: Pen, table: FloorTable, x: number, y: number, r: number): void {
  pen.disc(x, y, r, pen.theme.surface);
  pen.dashed([3, 3], () => pen.ring(x, y, r, pen.theme.line2, 1.3));
  const size = Math.max(9, Math.min(14, r * 0.5));
  pen.text(String(ownId(table.id)), x, y, size, pen.theme.ink3, { weight: 500, align: 'center' });
}

function drawCompact(pen: Pen, picture: FloorPicture, table: FloorTable, x: number, y: number, r: number): void {
  const { theme } = pen;
  const ball = ballOf(picture, table);
  const color = pen.color(ball);
  const late = picture.isRemarkable(table);
  const tint = ball === READ ? (pen.dark ? 0.1 : 0.05) : pen.dark ? 0.22 : 0.14;
  pen.disc(x, y, r, mix(theme.surface, color, tint));
  pen.ring(x, y, r, mix(theme.surface, color, late ? 1 : ball === READ ? 0.32 : 0.55), late ? 2 : 1);
  pen.glyph(ball, x, y, r * 0.42, leisurely(pen, ball));
  if (late) {
    const time = shortDuration(picture.now - table.since);
    pen.text(time, x, y + r + 8, 10.5, theme.ink, { weight: 650, align: 'center' });
  } else if (r >= 9) pen.text(String(ownId(table.id)), x, y + r + 8, 10, theme.ink3, { align: 'center' });
}

/** Which job belongs to which table: a dotted hair line, where tables are few. */
export function drawThreads(
  pen: Pen,
  picture: FloorPicture,
  seating: Seating,
  jobs: readonly (readonly [table: number, x: number, y: number])[],
): void {
  const { ctx } = pen;
  for (const [id, x, y] of jobs) {
    const table = picture.byId(id);
    if (table === undefined || isDimmed(picture, table)) continue;
    const [tx, ty] = [seating.spots[2 * table.seat] ?? 0, seating.spots[2 * table.seat + 1] ?? 0];
    const angle = Math.atan2(y - ty, x - tx);
    const [sx, sy] = [tx + Math.cos(angle) * (seating.radius + 3), ty + Math.sin(angle) * (seating.radius + 3)];
    ctx.beginPath();
    ctx.moveTo(sx, sy);
    ctx.bezierCurveTo(sx + (x - sx) * 0.5, sy, x - (x - sx) * 0.35, y, x, y);
    ctx.lineCap = 'round';
    pen.dashed([1, 4], () => pen.stroke(alpha(pen.color(KITCHEN), 0.4), 1));
    ctx.lineCap = 'butt';
  }
}

/** `4 Barbara`, or the number alone; for a task among clients its name alone. */
export function titleOf(table: Pick<FloorTable, 'id' | 'name' | 'isTask'>): string {
  if (table.isTask === true && table.name !== '') return table.name;
  return table.name === '' ? String(ownId(table.id)) : `${ownId(table.id)} ${table.name}`;
}

/** A ring or a square that fades: visited just now. Every visit that a frame told of, not a sample. */
export function drawVisited(
  pen: Pen,
  picture: FloorPicture,
  spotOf: (table: FloorTable) => readonly [x: number, y: number],
  mode: 'compact' | 'dots',
  radius: number,
): void {
  const { ctx, theme } = pen;
  const seen = new Set<FloorTable>();
  const small = mode === 'dots' && radius * 2 < SHAPES_FROM;
  const lasts = small ? 200 : 420;
  for (let i = picture.visited.length - 1; i >= 0; i--) {
    const table = picture.visited[i];
    if (table === undefined || table.index < 0 || seen.has(table)) continue;
    seen.add(table);
    const left = 1 - (picture.wall - table.visitedAt) / lasts;
    if (left <= 0) break;
    const [x, y] = spotOf(table);
    if (small) {
      const size = Math.max(3, radius * 1.6);
      ctx.fillStyle = alpha(theme.ink, round(left * 0.55));
      ctx.fillRect(x - size / 2, y - size / 2, size, size);
      continue;
    }
    const strength = round(left * (mode === 'compact' ? 0.26 : 0.5));
    ctx.beginPath();
    ctx.arc(x, y, mode === 'compact' ? radius + 2.5 : radius * 0.92, 0, TURN);
    pen.stroke(alpha(theme.ink, strength), 1);
  }
}

function round(value: number): number {
  return Math.round(value * 50) / 50;
}
