// Slow motion on the page: the bar, the floor, the scrubber, the lanes, the sum. The same for a
// recording that was just made and for one from a file.
import { type ReadonlySignal, useSignalEffect } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Floor } from '../floor/floor.ts';
import { Pen } from '../floor/pen.ts';
import { SignButton } from '../sign-button.tsx';
import type { Theme } from '../theme.ts';
import { drawLanes, footOf, laneScale, nameWidth } from './draw-lanes.ts';
import { drawScrubber, scrubberScale } from './draw-scrubber.ts';
import { rowsOf, WINDOWS } from './lanes.ts';
import { type Look, pictureOf, waiterAt } from './picture.ts';
import type { Player } from './player.ts';
import { plain, sentenceOf } from './sentences.ts';
import { HOLD, type Speed, visitAt } from './timeline.ts';
import { Said } from './said.tsx';

const SPEEDS: readonly Speed[] = [50, 500];

export interface ReplayProps {
  readonly player: Player;
  readonly theme: ReadonlySignal<Theme>;
  /** What stands left in the bar: the button that records, or where the recording is from. */
  readonly children?: ComponentChildren;
}

export function Replay({ player, theme, children }: ReplayProps): JSX.Element {
  const root = useRef<HTMLDivElement>(null);
  const stage = useRef<Stage | null>(null);
  useEffect(() => {
    if (root.current === null) return undefined;
    const made = new Stage(player, theme, root.current);
    stage.current = made;
    return () => made.stop();
  }, [player, theme]);
  useSignalEffect(() => {
    void theme.value;
    void player.step.value;
    void player.playing.value;
    stage.current?.change();
  });
  return (
    <div class="view slow" role="tabpanel" ref={root}>
      <Bar player={player}>{children}</Bar>
      <div class="canvasbox" data-part="floor">
        <canvas tabIndex={0} role="img" aria-label={describe(player)} data-testid="slow-floor" />
      </div>
      <div class="scrub" data-part="scrubber">
        <canvas
          role="slider"
          tabIndex={0}
          aria-label="All visits of the recording, true to scale"
          aria-valuemin={0}
          aria-valuemax={Math.round(player.history.length)}
          aria-valuenow={now(player)}
          data-testid="scrubber"
        />
      </div>
      <div class="lanes" data-part="lanes">
        <canvas role="img" aria-label="The loop, one lane a table, one a stove" data-testid="lanes" />
      </div>
      <Sum player={player} />
    </div>
  );
}

function describe(player: Player): string {
  void player.step.value;
  return plain(sentenceOf(player.history, player.piece).words);
}

function now(player: Player): number {
  void player.step.value;
  return Math.round(player.recorded);
}

function Bar({ player, children }: { readonly player: Player; readonly children?: ComponentChildren }): JSX.Element {
  const playing = player.playing.value;
  return (
    <div class="bar">
      {children}
      <span class="steps">
        <SignButton sign="previous" label="Previous visit (Left)" onClick={() => player.previous()} />
        <SignButton
          sign={playing ? 'pause' : 'play'}
          label={playing ? 'Pause (Space)' : 'Play (Space)'}
          testId="play"
          onClick={() => player.play()}
        />
        <SignButton sign="next" label="Next visit (Right)" onClick={() => player.next()} />
      </span>
      <div class="seg" role="group" aria-label="Speed">
        {SPEEDS.map((speed) => (
          <button
            key={speed}
            type="button"
            aria-pressed={player.speed.value === speed}
            title={`1/${speed} of the speed between visits; each visit is shown for ${HOLD[speed] / 1000} s at least`}
            onClick={() => player.setSpeed(speed)}
          >
            1/{speed}
          </button>
        ))}
      </div>
      <span class="say" data-part="say">
        <b />
        <span />
      </span>
      <span class="grow" />
      <div class="seg hide-s" role="group" aria-label="Lanes show (+ and -)">
        {WINDOWS.map((window) => (
          <button
            key={window}
            type="button"
            aria-pressed={player.window.value === window}
            onClick={() => player.setWindow(window)}
          >
            {window} ms
          </button>
        ))}
      </div>
    </div>
  );
}

/** The sum; where there is no side panel, the sentence of the step. */
function Sum({ player }: { readonly player: Player }): JSX.Element {
  void player.step.value;
  const sentence = sentenceOf(player.history, player.piece);
  return (
    <div class="sum" data-testid="sum">
      <p class="of-all">
        <Said words={player.sum} />
      </p>
      <p class="of-step">
        <small>{sentence.head}</small>
        <Said words={sentence.words} />
      </p>
    </div>
  );
}

/** What drives the three canvases: draws a frame while the replay runs, and when something changed. */
class Stage {
  readonly #player: Player;
  readonly #theme: ReadonlySignal<Theme>;
  readonly #floorBox: HTMLElement;
  readonly #floor: Floor;
  readonly #scrubber: HTMLCanvasElement;
  readonly #lanes: HTMLCanvasElement;
  readonly #say: HTMLElement;
  readonly #still: MediaQueryList = matchMedia('(prefers-reduced-motion: reduce)');
  readonly #sizes: ResizeObserver;
  readonly #ended = new AbortController();
  #frame = 0;
  #changed = true;
  #scroll = 0;
  #pointed = 0;
  /** The step for which the lanes were scrolled: afterwards one may scroll oneself. */
  #followed = -1;

  constructor(player: Player, theme: ReadonlySignal<Theme>, root: HTMLElement) {
    this.#player = player;
    this.#theme = theme;
    const part = (name: string): HTMLElement => found(root.querySelector<HTMLElement>(`[data-part="${name}"]`));
    this.#floorBox = part('floor');
    this.#floor = new Floor(found(this.#floorBox.querySelector('canvas')), theme.value);
    this.#scrubber = found(part('scrubber').querySelector('canvas'));
    this.#lanes = found(part('lanes').querySelector('canvas'));
    this.#say = part('say');
    this.#sizes = new ResizeObserver(() => this.change());
    for (const element of [this.#floorBox, this.#scrubber, this.#lanes]) this.#sizes.observe(element);
    this.#listen();
    this.#frame = requestAnimationFrame(this.#tick);
  }

  /** Draws with the next frame. */
  change(): void {
    this.#changed = true;
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
    this.#sizes.disconnect();
    this.#ended.abort();
  }

  readonly #tick = (wall: number): void => {
    this.#frame = requestAnimationFrame(this.#tick);
    const player = this.#player;
    player.tick(wall);
    if (!player.playing.value && !this.#changed) return;
    this.#changed = false;
    performance.mark('slow-begin');
    this.#drawFloor(wall);
    this.#drawScrubber();
    this.#drawLanes();
    this.#drawSay();
    performance.measure('slow', 'slow-begin');
  };

  #drawFloor(wall: number): void {
    const player = this.#player;
    const floor = this.#floor;
    floor.resize(this.#floorBox.clientWidth, this.#floorBox.clientHeight, scale());
    floor.theme = this.#theme.value;
    const look = this.#look(player.playing.value ? wall : wall + 1e6); // what stands still is drawn at once
    const picture = pictureOf(player.history, look);
    if (!player.playing.value) floor.redraw();
    floor.draw(picture);
    const { stand } = floor.zones;
    const waiter = waiterAt(player.history, picture, look, {
      spotOf: (table) => floor.waiterSpot(table),
      stand: [stand.x, stand.y],
    });
    if (waiter.trail.length !== floor.trail.length || waiter.trail.length > 1) {
      floor.trail = waiter.trail;
      floor.draw(picture);
    }
    floor.drawAbove(picture, waiter);
  }

  #look(wall: number): Look {
    const player = this.#player;
    return {
      at: player.recorded,
      replay: player.at,
      piece: player.piece,
      speed: player.speed.value,
      wall,
      pointed: this.#pointed,
      reducedMotion: this.#still.matches,
    };
  }

  #drawScrubber(): void {
    const surface = surfaceOf(this.#scrubber, this.#theme.value);
    if (surface !== undefined) drawScrubber(surface, this.#player);
  }

  #drawLanes(): void {
    const surface = surfaceOf(this.#lanes, this.#theme.value);
    if (surface === undefined) return;
    const player = this.#player;
    const room = surface.height - footOf(player);
    const rows = rowsOf(player.lanes, room);
    const most = Math.max(0, rows.total - room);
    const { stay } = player.piece;
    const lane = stay === undefined ? undefined : player.lanes.laneOf.get(stay.table);
    if (lane !== undefined && this.#followed !== player.step.value) {
      // The lane of the visit comes into view, if it is not.
      const y = rows.middle(lane);
      if (y - rows.height < this.#scroll) this.#scroll = y - 2 * rows.height;
      else if (y + rows.height > this.#scroll + room) this.#scroll = y + 2 * rows.height - room;
    }
    this.#followed = player.step.value;
    this.#scroll = Math.max(0, Math.min(most, this.#scroll));
    drawLanes(surface, player, rows, this.#scroll);
  }

  #drawSay(): void {
    const player = this.#player;
    const [at, what] = [this.#say.children[0], this.#say.children[1]];
    if (at === undefined || what === undefined) return;
    at.textContent = `+${player.recorded.toFixed(3)} ms`;
    const { stay, folded } = player.piece;
    const number = `visit ${visitAt(player.timeline, player.at) + 1} of ${player.history.stays.length}`;
    const words =
      stay !== undefined
        ? `${number}, shown for ${Number(((player.piece.end - player.piece.begin) / 1000).toFixed(1))} s`
        : folded
          ? 'a long silence, shown for 2 s'
          : 'between visits';
    if (what.textContent !== words) what.textContent = words;
  }

  #listen(): void {
    const player = this.#player;
    drag(this.#scrubber, this.#ended.signal, (x, width) => player.seek(scrubberScale(player, width).recorded(x)));
    drag(this.#lanes, this.#ended.signal, (x, width) => {
      if (x > nameWidth(width)) player.seek(laneScale(player, width).recorded(x));
    });
    const options = { signal: this.#ended.signal, passive: true };
    this.#lanes.addEventListener(
      'wheel',
      ({ deltaY }) => {
        this.#scroll += deltaY;
        this.change();
      },
      options,
    );
    this.#floorBox.addEventListener(
      'pointermove',
      ({ clientX, clientY }) => {
        const { left, top } = this.#floorBox.getBoundingClientRect();
        const { tables } = pictureOf(player.history, this.#look(0));
        this.#point(this.#floor.tableAt(tables, clientX - left, clientY - top)?.id ?? 0);
      },
      options,
    );
    this.#floorBox.addEventListener('pointerleave', () => this.#point(0), options);
  }

  #point(id: number): void {
    if (id === this.#pointed) return;
    this.#pointed = id;
    this.change();
  }
}

/** Calls `move` with the place of the pointer while it is pressed. */
function drag(canvas: HTMLCanvasElement, signal: AbortSignal, move: (x: number, width: number) => void): void {
  const at = ({ clientX }: PointerEvent): void => {
    const { left, width } = canvas.getBoundingClientRect();
    move(clientX - left, width);
  };
  canvas.addEventListener(
    'pointerdown',
    (event) => {
      canvas.setPointerCapture(event.pointerId);
      at(event);
    },
    { signal },
  );
  canvas.addEventListener('pointermove', (event) => canvas.hasPointerCapture(event.pointerId) && at(event), { signal });
}

function scale(): number {
  return Math.min(2, devicePixelRatio || 1);
}

/** A canvas of the size that it has on the page, empty; undefined while it has none. */
function surfaceOf(canvas: HTMLCanvasElement, theme: Theme): { pen: Pen; width: number; height: number } | undefined {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ctx = canvas.getContext('2d');
  if (ctx === null || width < 50 || height < 10) return undefined;
  const factor = scale();
  const [w, h] = [Math.round(width * factor), Math.round(height * factor)];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  ctx.setTransform(factor, 0, 0, factor, 0, 0);
  ctx.clearRect(0, 0, width, height);
  return { pen: new Pen(ctx, theme), width, height };
}

function found<T>(element: T | null): T {
  if (element === null) throw new Error('Cannot draw slow motion: a part of the page is missing');
  return element;
}
