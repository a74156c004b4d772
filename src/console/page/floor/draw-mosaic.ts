// The rows of the mosaic: title, longest wait, ticks, and its dots, tinted by the decade of their age.
import { ownId } from '../../../inspect/protocol/index.ts';
import { capitalised, kindOf } from '../kinds.ts';
import { count, duration } from '../format.ts';
import { mix } from '../theme.ts';
import { AGES, firstAtLeast, type MosaicRow } from './mosaic.ts';
import type { Pen } from './pen.ts';
import type { FloorPicture } from './picture.ts';
import { SHAPES_FROM } from './draw-tables.ts';
import type { Box } from './zones.ts';

/** How strong the colour of each decade is. */
const STRENGTH = [0.34, 0.46, 0.6, 0.74, 0.88, 1];
/** From this distance of two dots on, there is room for a disc and its number. */
const NUMBERS_FROM = 20;

export function drawMosaic(
  pen: Pen,
  picture: FloorPicture,
  rows: readonly MosaicRow[],
  { pitch, spots }: { readonly pitch: number; readonly spots: Float32Array },
  { area, byPlace }: { readonly area: Box; readonly byPlace: boolean },
): void {
  const { ctx } = pen;
  for (const row of rows) {
    ctx.globalAlpha = picture.only >= 0 && picture.only !== row.ball ? 0.2 : 1;
    drawHead(pen, picture, row, area, byPlace);
    drawDotsOf(pen, row, picture.now, pitch, spots);
  }
  ctx.globalAlpha = 1;
}

function drawHead(pen: Pen, picture: FloorPicture, row: MosaicRow, area: Box, byPlace: boolean): void {
  const { ctx, theme } = pen;
  const middle = row.y + 11;
  ctx.fillStyle = theme.line;
  ctx.fillRect(area.x, row.y + 22, area.w, 1);
  pen.glyph(row.ball, area.x + 7, middle, 6, pen.color(row.ball));
  let x = area.x + 22;
  const end = area.x + area.w;
  let style = {};
  let title = capitalised(kindOf(row.ball).words);
  const size = byPlace ? 12 : 13;
  if (byPlace) {
    const { line, text } = picture.placeRow(row.key);
    pen.text(line, x, middle, 12, theme.ink3, { mono: true });
    x += pen.widthOf(line, 12, { mono: true }) + 10;
    style = { weight: 500, mono: true };
    title = pen.fit(text, size, Math.max(40, end - x - 190), style);
  } else style = { weight: 600 };
  pen.text(title, x, middle, size, theme.ink, style);
  x += pen.widthOf(title, size, style) + 10;
  const number = count(row.tables.length);
  pen.text(number, x, middle, 13, theme.ink2);
  x += pen.widthOf(number, 13) + 20;
  const oldest = row.tables.at(-1);
  if (oldest !== undefined && oldest.since > 0) {
    const time = duration(picture.now - oldest.since);
    for (const words of [`longest ${time}, table ${count(oldest.id)}`, `longest ${time}`, time]) {
      if (pen.widthOf(words, 12) > end - x) continue;
      pen.text(words, end, middle, 12, theme.ink2, { align: 'right' });
      break;
    }
  }
  for (const tick of row.ticks) {
    ctx.fillStyle = theme.line2;
    ctx.fillRect(Math.round(tick.x), row.y + 26, 1, 12);
    pen.text(tick.label, tick.x + 4, row.y + 31, 10.5, theme.ink3);
  }
}

function drawDotsOf(pen: Pen, row: MosaicRow, now: number, pitch: number, spots: Float32Array): void {
  const { ctx, theme } = pen;
  const { tables, ball, first } = row;
  const color = pen.color(ball);
  let i = 0;
  for (const [decade, strength] of STRENGTH.entries()) {
    const end = decade < AGES.length ? firstAtLeast(tables, now, AGES[decade] ?? 0) : tables.length;
    if (end <= i) continue;
    const tint = mix(theme.surface, color, strength);
    if (pitch >= SHAPES_FROM) {
      for (; i < end; i++) {
        const table = tables[i];
        if (table === undefined) continue;
        const at = 2 * (first + i);
        const [x, y] = [spots[at] ?? 0, spots[at + 1] ?? 0];
        if (pitch < NUMBERS_FROM) {
          pen.glyph(ball, x, y, pitch * 0.34, tint);
          continue;
        }
        pen.disc(x, y, pitch * 0.43, mix(theme.surface, color, Math.round((0.1 + strength * 0.16) * 100) / 100));
        pen.ring(x, y, pitch * 0.43, tint, 1);
        const size = Math.min(13, pitch * 0.36);
        pen.text(String(ownId(table.id)), x, y + 0.5, size, theme.ink, { weight: 500, align: 'center' });
      }
      continue;
    }
    const size = pitch * 0.78;
    ctx.beginPath();
    for (; i < end; i++) {
      const at = 2 * (first + i);
      ctx.rect((spots[at] ?? 0) - size / 2, (spots[at + 1] ?? 0) - size / 2, size, size);
    }
    ctx.fillStyle = tint;
    ctx.fill();
  }
}
