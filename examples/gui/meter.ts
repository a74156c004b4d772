// The frame meter: the time between frames, as figures and as a strip of the last ten seconds.
import { type Picture, tone } from './picture.ts';

/** Milliseconds that the strip shows. */
const SPAN = 10_000;
/** Milliseconds from which on a frame is late: three of them at 60 a second. */
export const LATE = 50;
/** The scale of the strip, in milliseconds: what is drawn at the bottom, and at the top. */
const LEAST = 8;
const MOST = 4000;

/** The width of the axis, in pixels. */
const AXIS = 46;

interface Frame {
  /** When it came, and the milliseconds since the one before. */
  readonly at: number;
  readonly gap: number;
}

/** What came between two moments. */
export interface Measured {
  readonly frames: number;
  /** Milliseconds. */
  readonly longest: number;
}

export class FrameMeter {
  readonly #frames: Frame[] = [];
  /** When the last frame came. Undefined while the page is hidden, where there are none. */
  #last: number | undefined = undefined;

  constructor() {
    document.addEventListener('visibilitychange', () => {
      this.#last = undefined;
    });
  }

  /** Call it in each frame. */
  frame(now: number): void {
    if (this.#last !== undefined) this.#frames.push({ at: now, gap: now - this.#last });
    this.#last = now;
    while ((this.#frames[0]?.at ?? now) < now - 6 * SPAN) this.#frames.shift();
  }

  /** The frames that ended after `from`. A frame belongs to where it ends: a freeze shows in the one after it. */
  since(from: number): Measured {
    const frames = this.#frames.filter(({ at }) => at > from);
    return { frames: frames.length, longest: Math.max(0, ...frames.map(({ gap }) => gap)) };
  }

  /** Frames a second, in the last one. */
  rate(now: number): number {
    return this.since(now - 1000).frames;
  }

  longest(now: number): number {
    return this.since(now - SPAN).longest;
  }

  draw({ context, width: whole, height }: Picture, now: number): void {
    const width = whole - AXIS;
    const top = 12;
    const bottom = height - 14;
    const heightOf = (ms: number): number => {
      const part = Math.log(Math.max(ms, LEAST) / LEAST) / Math.log(MOST / LEAST);
      return Math.max(2, Math.min(1, part) * (bottom - top));
    };
    const x = (at: number): number => width - ((now - at) / SPAN) * width;
    context.clearRect(0, 0, whole, height);
    context.font = `10px ${tone('sans')}`;
    context.textBaseline = 'middle';
    context.textAlign = 'left';
    for (const [ms, words] of [
      [16.7, '17 ms'],
      [100, '0.1 s'],
      [1000, '1 s'],
    ] as const) {
      const y = Math.round(bottom - heightOf(ms)) + 0.5;
      context.strokeStyle = tone('line');
      context.beginPath();
      context.moveTo(0, y);
      context.lineTo(width, y);
      context.stroke();
      context.fillStyle = tone('ink3');
      context.fillText(words, width + 8, y);
    }
    for (const { at, gap } of this.#frames) {
      const left = x(at - gap);
      if (x(at) < 0) continue;
      const isLate = gap > LATE;
      context.fillStyle = tone(isLate ? 'block' : 'wall');
      const tall = heightOf(gap);
      context.fillRect(left, bottom - tall, Math.max(1, x(at) - left - (isLate ? 0 : 0.6)), tall);
    }
    context.fillStyle = tone('ink3');
    context.textAlign = 'center';
    for (let s = 2; s < SPAN / 1000; s += 2) context.fillText(`${s} s ago`, x(now - s * 1000), height - 6);
  }
}
