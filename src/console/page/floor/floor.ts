// The floor on a canvas. Up to 400 tables all of it is drawn each frame; above, the tables are drawn on a canvas of
// their own a few times a second, and each frame shows that one and draws only what moves.
import type { Theme } from '../theme.ts';
import { drawCard, drawVeil, type BlockSpot } from './draw-block.ts';
import { drawKitchen, drawPlates, jobSpots } from './draw-kitchen.ts';
import { drawMosaic } from './draw-mosaic.ts';
import { drawRoom, drawStand } from './draw-room.ts';
import { drawStreet } from './draw-street.ts';
import { drawDots, drawTables, drawThreads, drawVisited } from './draw-tables.ts';
import { drawLoupe } from './loupe.ts';
import { Mosaic, type MosaicGroup, type MosaicRow } from './mosaic.ts';
import { Pen } from './pen.ts';
import { ballOf, placeOf, type FloorPicture, type FloorTable, type Waiter } from './picture.ts';
import { COMPACT_TO, seatingOf, type Seating } from './seating.ts';
import { zonesOf, type Zones } from './zones.ts';
import { alpha } from '../theme.ts';
import { KINDS, UNSEEN } from '../kinds.ts';

export type FloorArrangement = 'seats' | 'age' | 'code';

/** Milliseconds between two pictures of more than 400 tables. */
const BASE_EVERY = 240;
/** Below this distance of two tables the loupe helps. */
const LOUPE_BELOW = 20;
/** Pixels around a stove or a ticket in which one points at it. */
const JOB_REACH = 30;

export class Floor {
  readonly canvas: HTMLCanvasElement;
  readonly #ctx: CanvasRenderingContext2D;
  readonly #base: HTMLCanvasElement = document.createElement('canvas');
  readonly #baseCtx: CanvasRenderingContext2D;
  readonly #mini: boolean;
  readonly #mosaic: Mosaic = new Mosaic();
  #theme: Theme;
  #width = 0;
  #height = 0;
  #scale = 1;
  #zones: Zones = zonesOf(800, 600);
  #seating: Seating | null = null;
  #rows: MosaicRow[] | null = null;
  #laidFor = '';
  #baseAt = -Infinity;
  #baseFor = '';
  #arrangement: FloorArrangement = 'seats';
  /** Where the pointer is; null if elsewhere. */
  pointer: { readonly x: number; readonly y: number } | null = null;

  constructor(canvas: HTMLCanvasElement, theme: Theme, mini = false) {
    this.canvas = canvas;
    this.#ctx = contextOf(canvas);
    this.#baseCtx = contextOf(this.#base);
    this.#theme = theme;
    this.#mini = mini;
  }

  set theme(theme: Theme) {
    if (this.#theme === theme) return;
    this.#theme = theme;
    this.redraw();
  }

  get zones(): Zones {
    return this.#zones;
  }

  get mode(): 'large' | 'compact' | 'dots' | 'mosaic' {
    return this.#rows !== null ? 'mosaic' : (this.#seating?.mode ?? 'large');
  }

  /** True while the mosaic holds still because somebody points at it. */
  get still(): boolean {
    if (this.#rows === null || this.pointer === null) return false;
    const { x, y } = this.pointer;
    const { room } = this.#zones;
    return x >= room.x && x <= room.x + room.w && y >= room.y && y <= room.y + room.h;
  }

  get arrangement(): FloorArrangement {
    return this.#arrangement;
  }

  set arrangement(value: FloorArrangement) {
    if (this.#arrangement === value) return;
    this.#arrangement = value;
    this.#mosaic.reset();
    this.redraw();
  }

  /** Draws the tables anew with the next frame. */
  redraw(): void {
    this.#baseAt = -Infinity;
    this.#laidFor = '';
  }

  /** Takes the size of the box that the canvas fills. */
  resize(width: number, height: number, scale: number): void {
    if (width === this.#width && height === this.#height && scale === this.#scale) return;
    [this.#width, this.#height, this.#scale] = [width, height, scale];
    for (const canvas of [this.canvas, this.#base]) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    this.#zones = zonesOf(width, height, this.#mini);
    this.#mosaic.reset();
    this.redraw();
  }

  /** Where a table is drawn. */
  spotOf(table: FloorTable): readonly [x: number, y: number] {
    const spots = this.#rows === null ? this.#seating?.spots : this.#mosaic.spots;
    const at = this.#rows === null ? table.seat : (this.#mosaic.slotOf(table.id) ?? -1);
    return [spots?.[2 * at] ?? -99, spots?.[2 * at + 1] ?? -99];
  }

  /** Where the waiter stands when it serves a table. */
  waiterSpot(table: FloorTable): readonly [x: number, y: number] {
    const [x, y] = this.spotOf(table);
    const r = this.#radius;
    if (this.mode === 'large') return [x + r * 0.74, y - r * 0.74];
    return this.mode === 'compact' ? [x + r * 0.86, y - r * 0.8] : [x, y];
  }

  /** The table at a point, or the nearest one close by. */
  tableAt(tables: readonly FloorTable[], x: number, y: number): FloorTable | undefined {
    const among = this.#rows === null ? tables : this.#mosaic.tables;
    const reach =
      this.mode === 'large' ? this.#radius + 12 : this.mode === 'compact' ? this.#radius + 6 : Math.max(9, this.#pitch);
    let best: FloorTable | undefined;
    let nearest = reach * reach;
    for (const table of among) {
      const [tx, ty] = this.spotOf(table);
      const distance = (tx - x) ** 2 + (ty - y) ** 2;
      if (distance < nearest) [nearest, best] = [distance, table];
    }
    return best;
  }

  /** The id of the table whose job is at a point of the kitchen; undefined if there is none. */
  jobAt(picture: FloorPicture, x: number, y: number): number | undefined {
    const near = jobSpots(picture, this.#zones).find(([, jx, jy]) => Math.hypot(jx - x, jy - y) < JOB_REACH);
    return near?.[0];
  }

  /** Draws the room and all in it but the waiter. */
  draw(picture: FloorPicture): void {
    if (this.#width < 20 || this.#height < 20) return;
    const ctx = this.#ctx;
    const pen = new Pen(ctx, this.#theme);
    this.#lay(picture);
    const apart = picture.tables.length > COMPACT_TO || this.#arrangement !== 'seats';
    if (apart) this.#drawBase(picture);
    this.#clear(ctx);
    if (apart) {
      ctx.setTransform(1, 0, 0, 1, 0, 0);
      ctx.drawImage(this.#base, 0, 0);
      ctx.setTransform(this.#scale, 0, 0, this.#scale, 0, 0);
    } else {
      drawRoom(pen, this.#zones);
      this.#drawSeated(pen, picture);
    }
    drawStand(pen, this.#zones, picture.idle);
    drawKitchen(pen, picture, this.#zones);
    if (picture.outside !== null && !this.#mini) drawStreet(pen, this.#zones, picture.outside, picture.now);
    const { block } = picture;
    if (block !== null && !block.over) drawVeil(pen, block, this.#zones, this.#blockSpot(block.table));
    else if (!picture.reducedMotion) this.#drawVisited(pen, picture);
    drawPlates(pen, picture, this.#zones);
    this.#mark(pen, picture);
  }

  /** Draws what stands above everything: the waiter, the card of a block, the loupe. */
  drawAbove(picture: FloorPicture, waiter: Waiter | null): void {
    if (this.#width < 20 || this.#height < 20) return;
    const pen = new Pen(this.#ctx, this.#theme);
    const { block } = picture;
    if (waiter !== null) this.#drawWaiter(pen, waiter, block !== null && !block.over);
    if (block !== null) drawCard(pen, block, this.#zones, this.#blockSpot(block.table));
    const pitch = this.#pitch;
    if (this.pointer !== null && pitch > 0 && pitch < LOUPE_BELOW) {
      const seated = this.#rows === null;
      drawLoupe(pen, picture, this.#zones, this.pointer, {
        pitch,
        tables: seated ? picture.tables : this.#mosaic.tables,
        spots: seated ? (this.#seating?.spots ?? this.#mosaic.spots) : this.#mosaic.spots,
        slotOf: (index) => (seated ? (picture.tables[index]?.seat ?? -1) : index),
      });
    }
  }

  /** The ways behind the waiter, below the tables. */
  trail: Waiter['trail'] = [];

  get #radius(): number {
    return this.#rows === null ? (this.#seating?.radius ?? 0) : this.#mosaic.pitch / 2;
  }

  /** 0 where there is room for words. */
  get #pitch(): number {
    return this.#rows === null ? (this.#seating?.pitch ?? 0) : this.#mosaic.pitch;
  }

  #clear(ctx: CanvasRenderingContext2D): void {
    ctx.setTransform(this.#scale, 0, 0, this.#scale, 0, 0);
    ctx.clearRect(0, 0, this.#width, this.#height);
  }

  #lay(picture: FloorPicture): void {
    if (this.#arrangement !== 'seats') return;
    this.#rows = null;
    const seats = Math.max(picture.seats, picture.tables.length);
    const key = `${seats} ${this.#width} ${this.#height}`;
    if (this.#laidFor === key && this.#seating !== null) return;
    this.#laidFor = key;
    this.#seating = seatingOf(seats, this.#zones.area, this.#mini);
  }

  #drawBase(picture: FloorPicture): void {
    // Nothing moves under the pointer, nor while the loop stands; a filter shows at once.
    const stopped = (picture.block !== null && !picture.block.over) || this.still;
    const key = `${picture.only} ${this.#arrangement} ${stopped ? '' : picture.tables.length}`;
    const drawn = this.#baseAt > -Infinity;
    if (drawn && (stopped || picture.wall - this.#baseAt < BASE_EVERY) && this.#baseFor.startsWith(key)) return;
    this.#baseAt = picture.wall;
    this.#baseFor = key;
    const ctx = this.#baseCtx;
    const pen = new Pen(ctx, this.#theme);
    this.#clear(ctx);
    drawRoom(pen, this.#zones);
    if (this.#arrangement === 'seats') {
      if (this.#seating !== null) drawDots(pen, picture, this.#seating);
      return;
    }
    const byPlace = this.#arrangement === 'code';
    const { area } = this.#zones;
    this.#rows = this.#mosaic.place(byPlace ? byPlaces(picture) : byKinds(picture), area, picture.now);
    drawMosaic(pen, picture, this.#rows, this.#mosaic, { area, byPlace });
  }

  #drawSeated(pen: Pen, picture: FloorPicture): void {
    if (this.#seating === null) return;
    if (this.#seating.mode === 'large' && !this.#mini) {
      drawThreads(pen, picture, this.#seating, jobSpots(picture, this.#zones));
    }
    this.#drawTrail(pen, 0.4);
    if (this.#seating.mode === 'dots') drawDots(pen, picture, this.#seating);
    else drawTables(pen, picture, this.#seating, this.#zones);
  }

  #drawTrail(pen: Pen, strength: number): void {
    for (let i = 0; i + 1 < this.trail.length; i++) {
      const [from, to] = [this.trail[i], this.trail[i + 1]];
      if (from === undefined || to === undefined) continue;
      const share = Math.round(((i + 1) / this.trail.length) * strength * 100) / 100;
      pen.line(...from, ...to, alpha(pen.theme.ink, share), 1.2);
    }
  }

  #drawVisited(pen: Pen, picture: FloorPicture): void {
    const { mode } = this;
    if (mode === 'compact' || mode === 'dots') {
      drawVisited(pen, picture, (table) => this.spotOf(table), mode, this.#radius);
    }
  }

  /** Rings around the chosen table and the one that is pointed at. */
  #mark(pen: Pen, picture: FloorPicture): void {
    const { mode } = this;
    const gap = mode === 'large' ? 4 : 3;
    const r = mode === 'large' || mode === 'compact' ? this.#radius + gap : Math.max(5, this.#pitch * 0.9);
    for (const [id, width] of [
      [picture.selected, 2],
      [picture.pointed, 1.2],
    ] as const) {
      const table = id === 0 ? undefined : picture.byId(id);
      if (table !== undefined) pen.ring(...this.spotOf(table), r, pen.theme.ink, width);
    }
  }

  #drawWaiter(pen: Pen, { x, y, label }: Waiter, blocked: boolean): void {
    const { theme } = pen;
    const { mode } = this;
    const r =
      mode === 'large'
        ? this.#mini
          ? 9
          : 14
        : mode === 'compact'
          ? Math.max(7, Math.min(10, this.#radius * 0.52))
          : 7;
    if (mode === 'dots') this.#drawTrail(pen, 0.22);
    if (mode === 'dots' || mode === 'mosaic') pen.ring(x, y, r + 6, alpha(theme.ink, 0.35), 1);
    pen.bow(x, y, r, blocked ? theme.block : theme.ink, theme.surface);
    if (label === '' || blocked) return;
    const { room } = this.#zones;
    const width = pen.widthOf(label, 11.5, { weight: 500 }) + 12;
    const right = x + r + 6 + width < room.x + room.w - 4;
    const left = this.#mini
      ? Math.max(room.x + 4, Math.min(room.x + room.w - width - 10, x - width / 2))
      : right
        ? x + r + 5
        : x - r - 5 - width;
    const middle = this.#mini ? y - r - 13 : y;
    pen.box(left, middle - 10, width, 20, 5, theme.ink);
    pen.text(label, left + 6, middle + 0.5, 11.5, theme.surface, { weight: 500 });
  }

  #blockSpot(table: FloorTable | undefined): BlockSpot | null {
    if (table === undefined || table.index < 0) return null;
    const [x, y] = this.spotOf(table);
    const { mode } = this;
    if (mode === 'large' || mode === 'compact') return { x, y, r: this.#radius, mode };
    return { x, y, r: 10, mode: 'dots' };
  }
}

/** A group for each kind that there is, and for the first five always: they keep their places. */
function byKinds(picture: FloorPicture): MosaicGroup[] {
  const groups: FloorTable[][] = KINDS.map(() => []);
  for (const table of picture.tables) groups[ballOf(picture, table)]?.push(table);
  return groups
    .map((tables, ball) => ({ key: ball, ball, tables: byAge(tables) }))
    .filter(({ ball, tables }) => ball !== UNSEEN || tables.length > 0);
}

/** A group for each source line, in the order of the lines; last those whose line is unknown. */
function byPlaces(picture: FloorPicture): MosaicGroup[] {
  const groups = new Map<number, FloorTable[]>();
  for (const table of picture.tables) {
    const place = placeOf(picture, table);
    const group = groups.get(place);
    if (group === undefined) groups.set(place, [table]);
    else group.push(table);
  }
  const rows = [...groups].map(([place, tables]) => ({ place, tables, ...picture.placeRow(place) }));
  rows.sort(
    (a, b) => Number(a.place < 0) - Number(b.place < 0) || a.line.localeCompare(b.line, 'en', { numeric: true }),
  );
  return rows.map(({ place, tables }) => ({ key: place, ball: commonest(tables), tables: byAge(tables) }));
}

function byAge(tables: FloorTable[]): FloorTable[] {
  return tables.sort((a, b) => b.since - a.since || a.id - b.id);
}

function commonest(tables: readonly FloorTable[]): number {
  const counts = KINDS.map(() => 0);
  for (const { ball } of tables) counts[ball] = (counts[ball] ?? 0) + 1;
  return counts.indexOf(Math.max(...counts));
}

function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const ctx = canvas.getContext('2d');
  if (ctx === null) throw new Error('Cannot draw the floor: the browser has no 2D canvas');
  return ctx;
}
