// The picture: a room with tables and a waiter, and a kitchen behind a counter.
//
// The waiter is the thread of the page, and he is drawn by it: he can walk only as long as frames
// come. (A CSS animation would be drawn by another thread, and walk on while the page stands still.)
// What happens is true, the way he takes from table to table is made up.
import { type Picture, tone } from './picture.ts';

/** What the picture shows. */
export interface Scene {
  /** Who counts: nobody, the waiter without a break, the waiter in slices, or the kitchen. */
  readonly way: 'idle' | 'own' | 'slices' | 'worker';
  /** The part that is done, from 0 to 1. */
  readonly progress: number;
  /** Milliseconds since it began. */
  readonly elapsed: number;
  /** The milliseconds that the page has just stood still. Undefined if that is over, or was not so. */
  readonly stood: number | undefined;
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly r: number;
}

/** Milliseconds for the way from one table to the next, and for the stay. */
const WALK = 300;
const STAY = 300;
/** Milliseconds in which the ring of a visit fades. */
const FADE = 420;

export class Floor {
  readonly #visited = new Map<number, number>();
  /** The tables he comes from and goes to, and when he left. */
  #from = 0;
  #to = 1;
  #left = 0;
  readonly #trail: number[] = [];

  draw(picture: Picture, scene: Scene, now: number): void {
    const { context, width, height } = picture;
    context.clearRect(0, 0, width, height);
    const kitchen = Math.round(Math.min(260, Math.max(96, width * 0.215)));
    const room = width - kitchen;
    const tables = placeTables(room, height);
    const own = columnsOf(room) - 1; // beside the kitchen; its guest has ordered primes
    const stands = scene.way === 'own' || scene.stood !== undefined;
    if (!stands) this.#walk(tables.length, own, scene.way, now);
    drawWalls(context, room, width, height);
    if (!stands && !isStill()) this.#drawTrail(context, tables);
    for (const [i, table] of tables.entries()) {
      if (i === own) continue;
      if (!stands && !isStill()) this.#drawVisit(context, table, i, now);
      drawTable(context, table, String(i + 1), stands ? 0.3 : 1);
    }
    const table = tables[own];
    if (table === undefined) return;
    if (!stands && !isStill()) this.#drawVisit(context, table, own, now);
    drawOrder(context, table, scene);
    drawKitchen(context, { x: room, y: 0, r: kitchen }, height, scene, table);
    const waiter = stands ? { x: table.x + table.r * 0.72, y: table.y - table.r * 0.72 } : this.#position(tables, now);
    drawWaiter(context, waiter.x, waiter.y, 12, tone(stands ? 'block' : 'ink'));
    if (stands) drawCard(context, table, room, scene);
  }

  /** Sends him to the next table: every other time to that with the order, while he counts in slices. */
  #walk(tables: number, own: number, way: Scene['way'], now: number): void {
    if (now - this.#left < WALK + STAY) return;
    this.#visited.set(this.#to, now - STAY);
    this.#trail.unshift(this.#to);
    this.#trail.length = Math.min(this.#trail.length, 6);
    this.#from = this.#to;
    this.#left = now;
    const others = Array.from({ length: tables }, (_, i) => i).filter((i) => i !== this.#from && i !== own);
    const anyOther = others[Math.floor(Math.random() * others.length)] ?? 0;
    this.#to = way === 'slices' && this.#from !== own ? own : anyOther;
  }

  #position(tables: readonly Place[], now: number): { x: number; y: number } {
    const [from, to] = [this.#from, this.#to].map((i) => at(tables[i % tables.length]));
    if (from === undefined || to === undefined) return { x: 0, y: 0 };
    const part = Math.min(1, (now - this.#left) / WALK);
    const u = isStill() ? 1 : ease(part);
    return { x: from.x + (to.x - from.x) * u, y: from.y + (to.y - from.y) * u };
  }

  #drawTrail(context: CanvasRenderingContext2D, tables: readonly Place[]): void {
    const stops = [this.#to, ...this.#trail].map((i) => at(tables[i % tables.length]));
    context.strokeStyle = tone('ink3');
    context.lineWidth = 1;
    for (let i = 1; i + 1 < stops.length; i++) {
      const [a, b] = [stops[i], stops[i + 1]];
      if (a === undefined || b === undefined) continue;
      context.globalAlpha = 0.5 - i * 0.09;
      context.beginPath();
      context.moveTo(a.x, a.y);
      context.lineTo(b.x, b.y);
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  #drawVisit(context: CanvasRenderingContext2D, { x, y, r }: Place, i: number, now: number): void {
    const age = now - (this.#visited.get(i) ?? -Infinity);
    if (age > FADE) return;
    context.globalAlpha = 1 - age / FADE;
    ring(context, x, y, r + 5, tone('ink3'), 1.5);
    context.globalAlpha = 1;
  }
}

/** The number of tables side by side for which there is room. */
function columnsOf(width: number): number {
  return Math.max(3, Math.min(9, Math.floor(width / 118)));
}

/** As many tables as there is room for. Every other row is set off by half a place. */
function placeTables(width: number, height: number): Place[] {
  const rows = Math.max(2, Math.min(4, Math.floor(height / 125)));
  const columns = columnsOf(width);
  const [across, down] = [width / (columns + 0.5), (height - 20) / rows];
  const r = Math.min(44, across * 0.32, down * 0.32);
  return Array.from({ length: rows * columns }, (_, i) => {
    const row = Math.floor(i / columns);
    const column = i % columns;
    return { x: across * (column + (row % 2 === 0 ? 0.5 : 1)), y: 10 + down * (row + 0.44), r };
  });
}

/** Where the waiter stands at a table: at its upper right edge. */
function at(table: Place | undefined): { x: number; y: number } | undefined {
  return table && { x: table.x + table.r * 0.72, y: table.y - table.r * 0.72 };
}

function drawWalls(context: CanvasRenderingContext2D, room: number, width: number, height: number): void {
  context.fillStyle = tone('surface');
  context.fillRect(0, 0, room, height);
  context.fillStyle = tone('sunk');
  context.fillRect(room, 0, width - room, height);
  context.strokeStyle = tone('wall');
  context.lineWidth = 2;
  context.strokeRect(1, 1, width - 2, height - 2);
  context.beginPath();
  context.moveTo(room, 0);
  context.lineTo(room, height);
  context.stroke();
  // The counter.
  context.lineWidth = 1;
  context.fillStyle = tone('surface');
  context.fillRect(room - 5, height * 0.2, 10, height * 0.6);
  context.strokeRect(room - 5.5, height * 0.2, 11, height * 0.6);
}

function drawTable(context: CanvasRenderingContext2D, { x, y, r }: Place, words: string, alpha: number): void {
  disc(context, x, y, r, tone('surface')); // so that the trail is under it
  context.globalAlpha = alpha * 0.08;
  disc(context, x, y, r, tone('read'));
  context.globalAlpha = alpha * 0.45;
  ring(context, x, y, r, tone('read'), 1.2);
  context.globalAlpha = alpha * 0.7;
  ring(context, x, y, r * 0.22, tone('read'), r * 0.13);
  context.globalAlpha = alpha;
  write(context, words, x, y + r + 11, 11, tone('ink2'));
  context.globalAlpha = 1;
}

/** The table whose guest has ordered primes. Its glyph says who has the order. */
function drawOrder(context: CanvasRenderingContext2D, { x, y, r }: Place, scene: Scene): void {
  const holder = scene.stood === undefined ? HOLDERS[scene.way] : 'block';
  const color = tone(holder);
  disc(context, x, y, r, tone('surface'));
  context.globalAlpha = 0.12;
  disc(context, x, y, r, color);
  context.globalAlpha = 1;
  ring(context, x, y, r, color, holder === 'read' ? 1.4 : 2);
  if (scene.way === 'slices') arc(context, x, y, r + 5, scene.progress, color, 3);
  const top = y - r * 0.16;
  if (holder === 'clock') hourglass(context, x, top, r * 0.26, color);
  else if (holder === 'kitchen') flame(context, x, top, r * 0.28, color);
  else ring(context, x, top, r * 0.2, color, r * 0.13);
  write(context, 'primes', x, y + r * 0.42, Math.max(9, r * 0.31), tone(holder === 'block' ? 'block' : 'ink'), 560);
}

/** The colour of who has the order. */
const HOLDERS = { idle: 'read', own: 'block', slices: 'clock', worker: 'kitchen' } as const;

function drawKitchen(
  context: CanvasRenderingContext2D,
  { x, r: width }: Place,
  height: number,
  scene: Scene,
  table: Place,
): void {
  const isNarrow = width < 170;
  const edge = x + (isNarrow ? 15 : 20);
  write(context, 'Kitchen', edge, 22, 13, tone('ink'), 620, 'left');
  const busy = scene.way === 'worker';
  write(
    context,
    `${width < 120 ? '' : '1 worker, '}${busy ? 'busy' : 'idle'}`,
    edge,
    41,
    12,
    tone('ink2'),
    400,
    'left',
  );
  const r = Math.min(34, height * 0.12, width * 0.28);
  const stove = { x: isNarrow ? x + width / 2 : x + 20 + r, y: height * 0.56 };
  if (!busy) {
    ring(context, stove.x, stove.y, r, tone('line2'), 1.5);
    ring(context, stove.x, stove.y, r * 0.45, tone('line2'), 1.5);
    return;
  }
  const color = tone('kitchen');
  context.save();
  context.setLineDash([1.5, 4]);
  context.strokeStyle = color;
  context.lineWidth = 1.2;
  context.beginPath();
  context.moveTo(table.x + table.r, table.y);
  context.bezierCurveTo(table.x + table.r + 80, table.y, stove.x - r - 90, stove.y, stove.x - r - 5, stove.y);
  context.stroke();
  context.restore();
  context.globalAlpha = 0.14;
  disc(context, stove.x, stove.y, r, color);
  context.globalAlpha = 1;
  ring(context, stove.x, stove.y, r, tone('line2'), 3);
  arc(context, stove.x, stove.y, r, scene.progress, color, 3);
  flame(context, stove.x, stove.y - 1, r * 0.34, color);
  const words = [`${Math.floor(scene.progress * 100)} %`, seconds(scene.elapsed)];
  if (isNarrow) write(context, words.join('  '), stove.x, stove.y + r + 16, 12, tone('ink'));
  else {
    write(context, 'countPrimes', stove.x + r + 14, stove.y - 10, 12, tone('ink'), 500, 'left', tone('mono'));
    write(context, words.join(', '), stove.x + r + 14, stove.y + 9, 12, tone('ink2'), 400, 'left');
  }
}

/** What is said about the waiter who stands. It is drawn before he does: afterwards nothing is. */
function drawCard(context: CanvasRenderingContext2D, table: Place, room: number, { stood }: Scene): void {
  const width = 208;
  const x = table.x - table.r - 22 - width;
  const hasRoom = x > 8; // to the left of the table; otherwise below it
  const left = hasRoom ? x : Math.min(room - width - 14, Math.max(8, table.x - width / 2));
  const top = hasRoom ? table.y - 31 : table.y + table.r + 18;
  context.strokeStyle = tone('block');
  context.lineWidth = 2;
  context.beginPath();
  if (hasRoom) {
    context.moveTo(left + width, table.y);
    context.lineTo(table.x - table.r, table.y);
  } else {
    context.moveTo(table.x, top);
    context.lineTo(table.x, table.y + table.r);
  }
  context.stroke();
  context.beginPath();
  context.roundRect(left, top, width, 62, 8);
  context.fillStyle = tone('raised');
  context.fill();
  context.stroke();
  const over = stood !== undefined;
  write(
    context,
    over ? seconds(stood) : 'countPrimes',
    left + 14,
    top + 22,
    over ? 20 : 14,
    tone(over ? 'block' : 'ink'),
    600,
    'left',
    over ? undefined : tone('mono'),
  );
  write(
    context,
    over ? 'nobody was served, it is over' : 'nobody else is served',
    left + 14,
    top + 44,
    12,
    tone('ink2'),
    400,
    'left',
  );
}

function drawWaiter(context: CanvasRenderingContext2D, x: number, y: number, r: number, color: string): void {
  disc(context, x, y, r + 2, tone('surface'));
  disc(context, x, y, r, color);
  const [w, h] = [r * 0.56, r * 0.4];
  context.fillStyle = tone('surface');
  context.beginPath();
  context.moveTo(x - w, y - h);
  context.lineTo(x, y - h * 0.2);
  context.lineTo(x + w, y - h);
  context.lineTo(x + w, y + h);
  context.lineTo(x, y + h * 0.2);
  context.lineTo(x - w, y + h);
  context.closePath();
  context.fill();
}

// ---- shapes ----------------------------------------------------------------------------------------------------

function disc(context: CanvasRenderingContext2D, x: number, y: number, r: number, color: string): void {
  context.beginPath();
  context.arc(x, y, r, 0, 7);
  context.fillStyle = color;
  context.fill();
}

function ring(context: CanvasRenderingContext2D, x: number, y: number, r: number, color: string, width: number): void {
  context.beginPath();
  context.arc(x, y, r, 0, 7);
  context.strokeStyle = color;
  context.lineWidth = width;
  context.stroke();
}

function arc(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  r: number,
  part: number,
  color: string,
  width = 2,
): void {
  context.beginPath();
  context.arc(x, y, r, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * Math.min(1, part));
  context.strokeStyle = color;
  context.lineWidth = width;
  context.stroke();
}

function hourglass(context: CanvasRenderingContext2D, x: number, y: number, r: number, color: string): void {
  polygon(context, color, [x - r * 0.8, y - r, x + r * 0.8, y - r, x - r * 0.8, y + r, x + r * 0.8, y + r]);
}

function flame(context: CanvasRenderingContext2D, x: number, y: number, r: number, color: string): void {
  polygon(context, color, [x, y - r, x + r, y + r * 0.8, x - r, y + r * 0.8]);
}

function polygon(context: CanvasRenderingContext2D, color: string, points: readonly number[]): void {
  context.beginPath();
  for (let i = 0; i < points.length; i += 2) context.lineTo(points[i] ?? 0, points[i + 1] ?? 0);
  context.closePath();
  context.fillStyle = color;
  context.fill();
}

function write(
  context: CanvasRenderingContext2D,
  words: string,
  x: number,
  y: number,
  size: number,
  color: string,
  weight = 400,
  align: CanvasTextAlign = 'center',
  family = tone('sans'),
): void {
  context.font = `${weight} ${size}px ${family}`;
  context.textAlign = align;
  context.textBaseline = 'middle';
  context.fillStyle = color;
  context.fillText(words, x, y);
}

const still = matchMedia('(prefers-reduced-motion: reduce)');

/** Whether the user asks for less motion: then the waiter appears at his tables. */
function isStill(): boolean {
  return still.matches;
}

function ease(u: number): number {
  return u < 0.5 ? 4 * u ** 3 : 1 - (-2 * u + 2) ** 3 / 2;
}

/** `1.3 s`, `84 ms`. */
export function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 9950 ? 2 : 1)} s`;
}
