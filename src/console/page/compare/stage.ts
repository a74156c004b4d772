// What drives the canvases of side by side: two floors, and the bars of both.
import type { ReadonlySignal } from '@preact/signals';
import { Floor } from '../floor/floor.ts';
import { Pen } from '../floor/pen.ts';
import type { Theme } from '../theme.ts';
import { BOTH, type Comparison, type One } from './comparison.ts';
import { dinnerPicture, drawBars, drawServed, drawWaiter, type Half } from './draw-dinner.ts';

export class Stage {
  readonly #comparison: Comparison;
  readonly #theme: ReadonlySignal<Theme>;
  readonly #root: HTMLElement;
  readonly #floors: ReadonlyMap<One, Floor>;
  readonly #spots = new Map<One, [number, number]>();
  #frame = 0;
  #drawn = '';

  constructor(comparison: Comparison, root: HTMLElement, theme: ReadonlySignal<Theme>) {
    this.#comparison = comparison;
    this.#root = root;
    this.#theme = theme;
    const floors = BOTH.map((one): [One, Floor] => {
      const canvas = root.querySelector<HTMLCanvasElement>(`[data-half="${one}"] canvas`);
      if (canvas === null) throw new Error('Cannot draw side by side: a part of the page is missing');
      return [one, new Floor(canvas, theme.value, true)];
    });
    this.#floors = new Map(floors);
    this.#frame = requestAnimationFrame(this.#tick);
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
  }

  readonly #tick = (wall: number): void => {
    this.#frame = requestAnimationFrame(this.#tick);
    this.#comparison.tick(wall);
    const { clientWidth, clientHeight } = this.#root;
    const key = [
      this.#comparison.at,
      this.#comparison.pair.value?.choice,
      this.#theme.value.name,
      clientWidth,
      clientHeight,
      this.#moving,
    ];
    const drawn = JSON.stringify(key);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    for (const one of BOTH) this.#draw(one, wall);
  };

  /** The way of the waiter ends a little after the visit began. */
  #moving = 0;

  #draw(one: One, wall: number): void {
    const pair = this.#comparison.pair.value;
    const scene = this.#comparison.scene(one);
    const floor = this.#floors.get(one);
    const box = floor?.canvas.parentElement ?? null;
    if (pair === null || scene === undefined || floor === undefined || box === null) return;
    const theme = this.#theme.value;
    const half: Half = { pair, one, scene };
    floor.resize(box.clientWidth, box.clientHeight, Math.min(2, devicePixelRatio || 1));
    floor.theme = theme;
    const picture = dinnerPicture(half, wall);
    floor.draw(picture);
    drawServed(floor, theme, half, picture);
    this.#drawWaiter(half, floor, picture);
    const bars = this.#root.querySelector<HTMLCanvasElement>(`[data-bars="${one}"]`);
    if (bars !== null) this.#drawBars(bars, half, Math.max(pair.stands.end, pair.walks.end));
  }

  #drawWaiter(half: Half, floor: Floor, picture: ReturnType<typeof dinnerPicture>): void {
    const { at } = half.scene;
    const table = at === undefined ? undefined : picture.byId(at + 1);
    const { stand } = floor.zones;
    const to = table === undefined ? ([stand.x, stand.y] as const) : floor.waiterSpot(table);
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches || !this.#comparison.playing.value;
    const spot = this.#spots.get(half.one) ?? [to[0], to[1]];
    const share = still ? 1 : 0.3;
    spot[0] += (to[0] - spot[0]) * share;
    spot[1] += (to[1] - spot[1]) * share;
    this.#spots.set(half.one, spot);
    this.#moving = Math.hypot(to[0] - spot[0], to[1] - spot[1]) > 0.5 ? this.#moving + 1 : 0;
    drawWaiter(floor, this.#theme.value, spot[0], spot[1], half);
  }

  #drawBars(canvas: HTMLCanvasElement, half: Half, end: number): void {
    const ctx = canvas.getContext('2d');
    const { clientWidth: width, clientHeight: height } = canvas;
    if (ctx === null || width < 50) return;
    const scale = Math.min(2, devicePixelRatio || 1);
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
    if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
    ctx.setTransform(scale, 0, 0, scale, 0, 0);
    ctx.clearRect(0, 0, width, height);
    drawBars(new Pen(ctx, this.#theme.value), width, height, half, end);
  }
}
