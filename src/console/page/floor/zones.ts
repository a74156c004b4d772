// Where the parts of the floor are: the street, the room with the loop's stand, the kitchen.

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface Zones {
  /** Width of the street. */
  readonly street: number;
  readonly room: Box;
  readonly kitchen: Box;
  /** The door in the room's left wall: its middle, and how wide it is. */
  readonly door: { readonly x: number; readonly y: number; readonly h: number };
  /** Where the loop stands while it waits. */
  readonly stand: { readonly x: number; readonly y: number };
  /** Where tables may stand. */
  readonly area: Box;
  /** Little room: words are left out. */
  readonly small: boolean;
  /** One of two pictures side by side. */
  readonly mini: boolean;
}

const NARROW = 770;

export function zonesOf(width: number, height: number, mini = false): Zones {
  const small = !mini && width < NARROW;
  const street = mini ? 46 : small ? 96 : clamp(width * 0.115, 96, 150);
  const side = mini
    ? clamp(width * 0.2, 110, 150)
    : small
      ? clamp(width * 0.23, 128, 176)
      : clamp(width * 0.215, 176, 260);
  const y = mini ? 8 : 16;
  const room = { x: street, y, w: width - street - side, h: height - 2 * y };
  const kitchen = { x: room.x + room.w, y, w: side - (mini ? 8 : 16), h: room.h };
  const stand = mini ? 34 : 54;
  return {
    street,
    room,
    kitchen,
    door: { x: room.x, y: room.y + room.h * (mini ? 0.5 : 0.42), h: mini ? 34 : 54 },
    stand: { x: room.x + room.w - stand * 0.52, y: room.y + room.h * 0.5 },
    area: { x: room.x + 18, y: room.y + 14, w: room.w - stand - 26, h: room.h - 24 },
    small,
    mini,
  };
}

export function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
