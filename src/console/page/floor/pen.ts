// The few things that everything on the floor is drawn with.
import { MONO, SANS, type Theme } from '../theme.ts';
import { shownText } from '../shown-text.ts';
import { CLOCK, DRAIN, KITCHEN, KINDS, OTHER, READ, UNSEEN } from '../kinds.ts';

const FULL = 2 * Math.PI;

export class Pen {
  readonly ctx: CanvasRenderingContext2D;
  readonly theme: Theme;
  /** The colours of the kinds, by index. */
  readonly colors: readonly string[];

  constructor(ctx: CanvasRenderingContext2D, theme: Theme) {
    this.ctx = ctx;
    this.theme = theme;
    this.colors = KINDS.map(({ id }) => theme.kinds[id]);
  }

  get dark(): boolean {
    return this.theme.name === 'dark';
  }

  color(ball: number): string {
    return this.colors[ball] ?? this.theme.ink2;
  }

  text(
    text: string,
    x: number,
    y: number,
    size: number,
    color: string,
    { weight = 400, align = 'left', mono = false }: TextStyle = {},
  ): void {
    const { ctx } = this;
    ctx.font = fontOf(size, weight, mono);
    ctx.textAlign = align;
    ctx.textBaseline = 'middle';
    ctx.fillStyle = color;
    ctx.fillText(shownText(text), x, y);
  }

  widthOf(text: string, size: number, { weight = 400, mono = false }: TextStyle = {}): number {
    this.ctx.font = fontOf(size, weight, mono);
    return this.ctx.measureText(shownText(text)).width;
  }

  /** Text that is cut at its end, with an ellipsis, where it is wider than there is room. */
  fit(text: string, size: number, room: number, style: TextStyle = {}): string {
    if (this.widthOf(text, size, style) <= room) return text;
    let length = text.length;
    while (length > 1 && this.widthOf(`${text.slice(0, length)}…`, size, style) > room) length--;
    return `${text.slice(0, length)}…`;
  }

  circle(x: number, y: number, radius: number): void {
    this.ctx.beginPath();
    this.ctx.arc(x, y, Math.max(0, radius), 0, FULL);
  }

  disc(x: number, y: number, radius: number, color: string): void {
    this.circle(x, y, radius);
    this.ctx.fillStyle = color;
    this.ctx.fill();
  }

  ring(x: number, y: number, radius: number, color: string, width: number): void {
    this.circle(x, y, radius);
    this.stroke(color, width);
  }

  stroke(color: string, width: number): void {
    this.ctx.strokeStyle = color;
    this.ctx.lineWidth = width;
    this.ctx.stroke();
  }

  line(x1: number, y1: number, x2: number, y2: number, color: string, width: number): void {
    this.ctx.beginPath();
    this.ctx.moveTo(x1, y1);
    this.ctx.lineTo(x2, y2);
    this.stroke(color, width);
  }

  dashed(pattern: number[], draw: () => void): void {
    this.ctx.setLineDash(pattern);
    draw();
    this.ctx.setLineDash([]);
  }

  /** The glyph of a kind, about 2 r wide. */
  glyph(ball: number, x: number, y: number, r: number, color: string): void {
    const { ctx } = this;
    ctx.beginPath();
    outline(ctx, ball, x, y, r);
    if (ball === READ) this.stroke(color, r * 0.46);
    else if (ball === UNSEEN) this.dashed([r * 0.62, r * 0.42], () => this.stroke(color, r * 0.34));
    else {
      ctx.fillStyle = color;
      ctx.fill();
    }
  }

  /** The bow tie in a disc. */
  bow(x: number, y: number, r: number, color: string, paper: string): void {
    this.disc(x, y, r + 2, paper);
    this.disc(x, y, r, color);
    const { ctx } = this;
    const [w, h] = [r * 0.62, r * 0.42];
    ctx.beginPath();
    ctx.moveTo(x - w, y - h);
    ctx.lineTo(x, y - h * 0.18);
    ctx.lineTo(x + w, y - h);
    ctx.lineTo(x + w, y + h);
    ctx.lineTo(x, y + h * 0.18);
    ctx.lineTo(x - w, y + h);
    ctx.closePath();
    ctx.fillStyle = paper;
    ctx.fill();
  }

  /** A filled box with round corners. */
  box(x: number, y: number, w: number, h: number, radius: number, color: string): void {
    this.ctx.beginPath();
    this.ctx.roundRect(x, y, w, h, radius);
    this.ctx.fillStyle = color;
    this.ctx.fill();
  }
}

export interface TextStyle {
  readonly weight?: number;
  readonly align?: CanvasTextAlign;
  readonly mono?: boolean;
}

function fontOf(size: number, weight: number, mono: boolean): string {
  return `${weight} ${size}px ${mono ? MONO : SANS}`;
}

/** The outline of a kind: an open mouth, a full plate, a flame, a diamond, an hourglass, a dashed ring. */
function outline(ctx: CanvasRenderingContext2D, ball: number, x: number, y: number, r: number): void {
  switch (ball) {
    case READ:
      ctx.arc(x, y, r * 0.74, 0, FULL);
      break;
    case DRAIN:
      ctx.rect(x - r * 0.8, y - r * 0.8, r * 1.6, r * 1.6);
      break;
    case KITCHEN:
      ctx.moveTo(x, y - r * 1.02);
      ctx.lineTo(x + r * 1.02, y + r * 0.8);
      ctx.lineTo(x - r * 1.02, y + r * 0.8);
      ctx.closePath();
      break;
    case OTHER:
      ctx.moveTo(x, y - r * 1.1);
      ctx.lineTo(x + r * 1.1, y);
      ctx.lineTo(x, y + r * 1.1);
      ctx.lineTo(x - r * 1.1, y);
      ctx.closePath();
      break;
    case CLOCK:
      ctx.moveTo(x - r * 0.8, y - r);
      ctx.lineTo(x + r * 0.8, y - r);
      ctx.lineTo(x - r * 0.8, y + r);
      ctx.lineTo(x + r * 0.8, y + r);
      ctx.closePath();
      break;
    default:
      ctx.arc(x, y, r * 0.8, 0, FULL);
  }
}
