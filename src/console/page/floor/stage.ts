// What drives the live floor: each frame of the browser, the picture of that moment is drawn.
import type { App } from '../app.ts';
import type { Table } from '../table.ts';
import { Floor } from './floor.ts';
import { livePicture } from './live-picture.ts';
import { Walk } from './walk.ts';

/** What drives the canvas: made when the view opens, ended when it closes. */
export class FloorStage {
  readonly floor: Floor;
  readonly walk: Walk = new Walk();
  readonly #app: App;
  readonly #box: HTMLElement;
  readonly #room: number | undefined;
  #frame = 0;

  /** @param room the one that it shows, if there are several */
  constructor(app: App, box: HTMLElement, canvas: HTMLCanvasElement, room?: number) {
    this.#app = app;
    this.#box = box;
    this.#room = room;
    this.floor = new Floor(canvas, app.theme.value, room !== undefined);
    this.#frame = requestAnimationFrame(this.#draw);
  }

  get place(): number {
    return this.walk.place;
  }

  /** Chooses the next table in the direction of an arrow key. */
  step(key: string): void {
    const app = this.#app;
    const { byId } = app.live;
    const tables = this.#tables;
    const from = byId.get(app.selected.value);
    const to = from === undefined ? tables[0] : nearestIn(key, from, tables, (table) => this.floor.spotOf(table));
    if (to !== undefined) app.select(to.id);
  }

  /** Takes where the pointer is; null if it is elsewhere. The table there, or that of the job there, is marked. */
  point(at: { readonly x: number; readonly y: number } | null): void {
    const app = this.#app;
    this.floor.pointer = at;
    const table = at === null ? undefined : this.floor.tableAt(this.#tables, at.x, at.y);
    const job =
      at === null || table !== undefined
        ? undefined
        : this.floor.jobAt(livePicture(app, performance.now(), this.#room), at.x, at.y);
    app.pointed.value = table?.id ?? job ?? 0;
  }

  get #tables(): readonly Table[] {
    return this.#room === undefined ? this.#app.live.tables : this.#app.live.tablesIn(this.#room);
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
  }

  readonly #draw = (wall: number): void => {
    this.#frame = requestAnimationFrame(this.#draw);
    this.draw(wall);
  };

  draw(now: number): void {
    const app = this.#app;
    // Held, a step half done stays half done.
    const wall = app.heldAt.value || now;
    const { floor, walk } = this;
    floor.resize(this.#box.clientWidth, this.#box.clientHeight, Math.min(2, devicePixelRatio));
    floor.theme = app.theme.value;
    floor.arrangement = app.arranged;
    const picture = livePicture(app, wall, this.#room);
    const lost = app.lostAt.value !== 0;
    const moving = floor.mode === 'mosaic';
    if (moving || lost) walk.forget();
    const { block } = picture;
    const blocked = block !== null && !block.over ? (block.table?.id ?? 0) : null;
    // What the last frame drew decides where the waiter is; the first one only lays the room.
    const { stand } = floor.zones;
    floor.draw(picture);
    const waiter = lost
      ? null
      : walk.frame({
          wall,
          reducedMotion: picture.reducedMotion,
          spotOf: (id) => {
            const table = app.live.byId.get(id);
            return table === undefined ? undefined : floor.waiterSpot(table);
          },
          stand: [stand.x, stand.y],
          takeVisits: () => app.live.takeShown(this.#room ?? app.live.rooms[0]?.room ?? 0),
          blockedAt: blocked,
          held: app.heldAt.value !== 0,
          moving,
        });
    floor.trail = waiter?.trail ?? [];
    floor.drawAbove(picture, waiter);
  }
}

const DIRECTIONS: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
/** How much more a step to the side counts than one ahead. */
const ASIDE = 2.2;

/** The next table in a direction; undefined if there is none. */
function nearestIn(
  key: string,
  from: Table,
  tables: readonly Table[],
  spotOf: (table: Table) => readonly [x: number, y: number],
): Table | undefined {
  const direction = DIRECTIONS[key];
  if (direction === undefined) return undefined;
  const [x, y] = spotOf(from);
  let best: Table | undefined;
  let nearest = Infinity;
  for (const table of tables) {
    const [tx, ty] = spotOf(table);
    const ahead = (tx - x) * direction[0] + (ty - y) * direction[1];
    if (ahead <= 1) continue;
    const aside = Math.abs((tx - x) * direction[1]) + Math.abs((ty - y) * direction[0]);
    const distance = ahead + aside * ASIDE;
    if (distance < nearest) [nearest, best] = [distance, table];
  }
  return best;
}
