// Draws the scrubber: all of the recording, true to scale.
import { duration, timeOfDay } from '../format.ts';
import { LEFT, nameWidth, RIGHT, type Scale, type Surface } from './draw-lanes.ts';
import { clamp } from './history.ts';
import { gridStep, recordedOn } from './lanes.ts';
import type { Player } from './player.ts';

/** The scale of the scrubber: true. */
export function scrubberScale(player: Player, width: number): Scale {
  const left = nameWidth(width);
  const room = width - left - RIGHT;
  const { length } = player.history;
  return { x: (at) => left + (at / Math.max(1e-9, length)) * room, recorded: (x) => ((x - left) / room) * length };
}

/** All visits of the recording, and where one is. */
export function drawScrubber({ pen, width }: Surface, player: Player): void {
  const { ctx, theme } = pen;
  const { history, recorded } = player;
  const { x } = scrubberScale(player, width);
  const left = nameWidth(width);
  const right = width - RIGHT;
  const { process, from } = history.recording;
  pen.text(`the ${duration(history.length)}`, LEFT, 18, 12, theme.ink, { weight: 560 });
  const begins = timeOfDay(process.epoch + from, { ms: true });
  pen.text(left < 100 ? begins : `from ${begins}`, LEFT, 35, 10.5, theme.ink3);
  pen.box(left, 8, right - left, 22, 4, theme.sunk);
  ctx.fillStyle = theme.ink;
  for (const [at, wide] of strokesOf(player, width)) ctx.fillRect(at, 11, wide, 16);
  ctx.fillStyle = theme.block;
  for (const stay of player.blocks) ctx.fillRect(x(stay.begin), 11, Math.max(2, x(stay.end) - x(stay.begin)), 16);
  const [begin, end] = player.shown;
  if (end - begin < player.axis.length) {
    const [a, b] = [x(recordedOn(player.axis, begin)), x(recordedOn(player.axis, end))];
    ctx.strokeStyle = theme.ink2;
    ctx.lineWidth = 1;
    ctx.strokeRect(a, 6.5, Math.max(3, b - a), 25);
  }
  const step = gridStep(history.length);
  const unit = history.length >= 5000 ? 1000 : 1;
  for (let at = 0; at <= history.length + 1e-6; at += step) {
    const lastOne = at + step > history.length + 1e-6;
    const align = at === 0 ? 'left' : lastOne ? 'right' : 'center';
    const label = `${Number((at / unit).toPrecision(6))}${lastOne ? (unit === 1 ? ' ms' : ' s') : ''}`;
    pen.text(label, clamp(x(at), left, right), 42, 10.5, theme.ink3, {
      align: lastOne && right - x(at) > 20 ? 'center' : align,
    });
  }
  const here = x(recorded);
  ctx.fillStyle = theme.ink;
  ctx.fillRect(here - 0.75, 3, 1.5, 30);
  pen.disc(here, 5, 4.5, theme.ink);
}

type Stroke = readonly [x: number, width: number];

/** Strokes do not change with the playhead: those of the last width are kept. */
const kept = new WeakMap<Player, { readonly width: number; readonly strokes: readonly Stroke[] }>();

/** The visits as strokes: at most one for each pixel, however many there are. */
function strokesOf(player: Player, width: number): readonly Stroke[] {
  const known = kept.get(player);
  if (known?.width === width) return known.strokes;
  const { x } = scrubberScale(player, width);
  const strokes: Stroke[] = [];
  let drawn = -1;
  for (const { begin, end, stands } of player.history.stays) {
    const [a, b] = [x(begin), x(end)];
    if (stands || b <= drawn + 0.6) continue;
    strokes.push([a, Math.max(1.2, b - a)]);
    drawn = Math.max(a + 1.2, b);
  }
  kept.set(player, { width, strokes });
  return strokes;
}
