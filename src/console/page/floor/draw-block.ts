// The loop cannot walk on: everything in the room stops and pales, and a card says who holds it, where, for how long.
import { ownId } from '../../../inspect/protocol/index.ts';
import { duration } from '../format.ts';
import { alpha } from '../theme.ts';
import { titleOf } from './draw-tables.ts';
import type { Pen } from './pen.ts';
import type { FloorBlock } from './picture.ts';
import { clamp, type Zones } from './zones.ts';

const CARD = { w: 214, h: 108 };
/** Below this diameter, "holds the waiter" has no room in a table. */
const HOLDS_WIDTH = 100;

export interface BlockSpot {
  readonly x: number;
  readonly y: number;
  readonly r: number;
  readonly mode: 'large' | 'compact' | 'dots';
}

/** Pales the room, and marks the table that holds the loop. */
export function drawVeil(pen: Pen, block: FloorBlock, zones: Zones, spot: BlockSpot | null): void {
  const { ctx, theme } = pen;
  const { room } = zones;
  ctx.fillStyle = alpha(theme.surface, pen.dark ? 0.74 : 0.76);
  ctx.fillRect(room.x + 2, room.y + 2, room.w - 10, room.h - 4);
  if (spot === null) return;
  const { x, y, r } = spot;
  pen.disc(x, y, r, theme.blockbg);
  pen.ring(x, y, r, theme.block, 3);
  if (block.table === undefined) return;
  const middle = { align: 'center' } as const;
  if (spot.mode === 'large' && !zones.mini) {
    const title = { weight: 620, ...middle };
    const words = 2 * r < HOLDS_WIDTH ? 'holds it' : 'holds the waiter';
    pen.text(pen.fit(titleOf(block.table), 15, 2 * r - 12, title), x, y - 8, 15, theme.ink, title);
    pen.text(words, x, y + 12, 12, theme.block, { weight: 500, ...middle });
  } else if (spot.mode === 'compact') {
    pen.text(String(ownId(block.table.id)), x, y + 0.5, Math.min(12, r), theme.ink, { weight: 650, ...middle });
  }
}

/** The card, which counts while the block lasts, and stays for a while after its end. */
export function drawCard(pen: Pen, block: FloorBlock, zones: Zones, spot: BlockSpot | null): void {
  const { ctx, theme } = pen;
  const { room, stand } = zones;
  const { w, h } = CARD;
  const at = spot ?? { x: stand.x, y: stand.y, r: 16 };
  let x = at.x + at.r + 30;
  if (x + w > room.x + room.w - 10) x = at.x - at.r - 30 - w;
  const y = clamp(at.y - h / 2 + 8, room.y + 10, room.y + room.h - h - 10);
  const right = x > at.x;
  pen.line(
    right ? x : x + w,
    clamp(at.y, y + 12, y + h - 12),
    right ? at.x + at.r + 2 : at.x - at.r - 2,
    at.y,
    theme.block,
    1.5,
  );
  pen.box(x, y, w, h, 8, theme.raised);
  pen.stroke(theme.block, 1.5);
  const left = x + 15;
  const inner = w - 30;
  pen.text(msOf(block.ms), left, y + 27, 27, theme.block, { weight: 640 });
  if (block.over) pen.text('over', x + w - 15, y + 28, 12, theme.ink2, { align: 'right' });
  const what = block.what === '' ? block.who : block.what;
  const bold = { weight: 640, mono: true };
  pen.text(pen.fit(what, 13.5, inner, bold), left, y + 54, 13.5, theme.ink, bold);
  pen.text(pen.fit(block.where, 12, inner, { mono: true }), left, y + 72, 12, theme.ink2, { mono: true });
  pen.text(pen.fit(block.note, 12, inner), left, y + 92, 12, theme.ink2);
  ctx.lineWidth = 1;
}

/** Milliseconds to the last one while they count; longer blocks in seconds. */
function msOf(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms)} ms` : duration(ms);
}
