// The walls, as an architect draws them: room, kitchen, counter, door, and the stand where the loop waits.
import { percent } from '../format.ts';
import type { Pen } from './pen.ts';
import type { Zones } from './zones.ts';

/** The counter is an opening of the wall, from and to these shares of its height. */
const COUNTER_FROM = 0.14;
const COUNTER_TO = 0.86;

export function drawRoom(pen: Pen, zones: Zones): void {
  const { ctx, theme } = pen;
  const { room, kitchen, door } = zones;
  ctx.fillStyle = theme.surface;
  ctx.fillRect(room.x, room.y, room.w, room.h);
  ctx.fillStyle = theme.sunk;
  ctx.fillRect(kitchen.x, kitchen.y, kitchen.w, kitchen.h);
  const [from, to] = counterOf(zones);
  ctx.lineJoin = 'miter';
  ctx.beginPath();
  ctx.moveTo(door.x, door.y - door.h / 2);
  ctx.lineTo(room.x, room.y);
  ctx.lineTo(kitchen.x + kitchen.w, room.y);
  ctx.lineTo(kitchen.x + kitchen.w, room.y + room.h);
  ctx.lineTo(room.x, room.y + room.h);
  ctx.lineTo(door.x, door.y + door.h / 2);
  ctx.moveTo(kitchen.x, room.y);
  ctx.lineTo(kitchen.x, from);
  ctx.moveTo(kitchen.x, to);
  ctx.lineTo(kitchen.x, room.y + room.h);
  pen.stroke(theme.wall, 2);
  ctx.beginPath();
  for (const side of [-4.5, 4.5]) {
    ctx.moveTo(kitchen.x + side, from);
    ctx.lineTo(kitchen.x + side, to);
  }
  for (const end of [from, to]) {
    ctx.moveTo(kitchen.x - 6, end);
    ctx.lineTo(kitchen.x + 6, end);
  }
  pen.stroke(theme.wall, 1);
  ctx.beginPath();
  ctx.arc(door.x, door.y + door.h / 2, door.h, -Math.PI / 2, -Math.PI, true);
  pen.dashed([2, 3], () => pen.stroke(theme.wall, 1));
  pen.line(door.x, door.y + door.h / 2, door.x - door.h, door.y + door.h / 2, theme.wall, 2);
}

/** Where the loop waits for something to happen, and what part of its time it does. */
export function drawStand(pen: Pen, zones: Zones, idle: number | null): void {
  const { ctx, theme } = pen;
  const { x, y } = zones.stand;
  ctx.beginPath();
  ctx.roundRect(x - 16, y + 17, 32, 9, 3);
  pen.stroke(theme.line2, 1);
  if (zones.mini) return;
  const style = { align: 'center' } as const;
  pen.text('the loop', x, y + 38, 11, theme.ink3, style);
  if (idle === null) return;
  pen.text('waits', x, y + 52, 11, theme.ink3, style);
  pen.text(`${percent(idle)} %`, x, y + 65, 11, theme.ink3, style);
}

/** Top and bottom of the counter. */
export function counterOf({ room }: Zones): readonly [from: number, to: number] {
  return [room.y + room.h * COUNTER_FROM, room.y + room.h * COUNTER_TO];
}
