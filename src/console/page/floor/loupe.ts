// The loupe: where tables are too small to read, what is around the pointer, larger.
import { ownId } from '../../../inspect/protocol/index.ts';
import { mix } from '../theme.ts';
import type { Pen } from './pen.ts';
import type { FloorPicture, FloorTable } from './picture.ts';
import { clamp, type Zones } from './zones.ts';

const RADIUS = 88;
/** Pixels between two tables within. */
const WITHIN = 26;

export interface LoupeTables {
  readonly pitch: number;
  readonly tables: readonly FloorTable[];
  readonly spots: Float32Array;
  /** The slot of the table at an index of `tables`. */
  readonly slotOf: (index: number) => number;
}

export function drawLoupe(
  pen: Pen,
  picture: FloorPicture,
  zones: Zones,
  pointer: { readonly x: number; readonly y: number },
  { pitch, tables, spots, slotOf }: LoupeTables,
): void {
  const { ctx, theme } = pen;
  const { area } = zones;
  const { x: mx, y: my } = pointer;
  if (mx < area.x - 8 || mx > area.x + area.w + 8 || my < area.y || my > area.y + area.h) return;
  const scale = clamp(WITHIN / pitch, 2, 7);
  const size = pitch * scale;
  ctx.save();
  pen.circle(mx, my, RADIUS);
  ctx.fillStyle = theme.surface;
  ctx.fill();
  ctx.clip();
  const reach = RADIUS / scale + pitch;
  for (let i = 0; i < tables.length; i++) {
    const slot = slotOf(i);
    const [dx, dy] = [(spots[2 * slot] ?? -99) - mx, (spots[2 * slot + 1] ?? -99) - my];
    if (dx > reach || dx < -reach || dy > reach || dy < -reach) continue;
    const table = tables[i];
    if (table === undefined) continue;
    const [x, y] = [mx + dx * scale, my + dy * scale];
    const color = pen.color(table.ball);
    pen.disc(x, y, size * 0.42, mix(theme.surface, color, 0.13));
    pen.glyph(table.ball, x, y - 3, size * 0.19, color);
    pen.text(String(ownId(table.id)), x, y + size * 0.25, 8.5, theme.ink2, { align: 'center' });
    if (table.id === picture.pointed) pen.ring(x, y, size * 0.44, theme.ink, 1.5);
  }
  ctx.restore();
  pen.ring(mx, my, RADIUS, theme.ink2, 1.5);
}
