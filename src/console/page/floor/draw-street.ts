// The street: connections that limits keep outside, as the parked and the ones in line, and what the kernel holds.
import type { OutsideRow } from '../../../inspect/protocol/index.ts';
import { count, duration, shortDuration } from '../format.ts';
import type { Pen } from './pen.ts';
import type { Zones } from './zones.ts';

export interface Street {
  readonly parked: number;
  readonly inLine: number;
  /** Null: not known. */
  readonly backlog: number | null;
  readonly limit: string | null;
  /** When the first of the parked ones came; null if unknown. */
  readonly first: number | null;
}

/** What stands outside of all servers. */
export function streetOf(rows: readonly OutsideRow[]): Street {
  const known = rows.map(({ backlog }) => backlog).filter((backlog) => backlog !== null);
  const firsts = rows.map(({ firstParked }) => firstParked ?? null).filter((first) => first !== null);
  return {
    parked: rows.reduce((sum, { parked }) => sum + parked, 0),
    inLine: rows.reduce((sum, { inLine }) => sum + inLine, 0),
    backlog: known.length === 0 ? null : known.reduce((sum, backlog) => sum + backlog, 0),
    limit: rows.find(({ limit }) => limit !== null)?.limit ?? null,
    first: firsts.length === 0 ? null : Math.min(...firsts),
  };
}

/** Lines of words, so that none of them is lost where the street is narrow. */
export function streetWords({ parked, inLine, backlog }: Street): string[] {
  const lines = [parked > 0 ? `${count(parked)} parked` : 'nobody'];
  if (inLine > 0) lines.push(`${count(inLine)} in line`);
  if (backlog === null) lines.push('backlog not known');
  else if (backlog > 0) lines.push(`${count(backlog)} in backlog`);
  return lines;
}

export function drawStreet(pen: Pen, zones: Zones, rows: readonly OutsideRow[], now: number): void {
  const { theme } = pen;
  const { door, room, small, street: width } = zones;
  const street = streetOf(rows);
  const x = small ? 10 : 16;
  const fit = width - x - 6;
  pen.text('Outside', x, room.y + 22, 13, theme.ink, { weight: 620 });
  let y = room.y + 40;
  for (const [i, line] of streetWords(street).entries()) {
    if (i === 0) pen.text(pen.fit(line, 12, fit), x, y, 12, theme.ink2);
    else pen.text(pen.fit(line, 11, fit), x, y, 11, theme.ink3);
    y += 16;
  }
  if (street.limit !== null && street.parked > 0 && !small) {
    // `maxConnections 120` on two lines: the street is narrow.
    const [name = '', ...value] = street.limit.split(' ');
    y += 6;
    pen.text(pen.fit(name, 10, fit + 4), x, y, 10, theme.ink3);
    const reached = value.length > 0 ? `${value.join(' ').replace(/^\d+$/, thousands)} reached` : 'reached';
    pen.text(pen.fit(reached, 10, fit + 4), x, y + 15, 10, theme.ink3);
  }
  if (street.parked > 0 && street.first !== null) {
    const words = `first ${small ? shortDuration(now - street.first) : duration(now - street.first)}`;
    pen.text(pen.fit(words, 11, fit), x, door.y + door.h / 2 + 20, 11, theme.ink3);
  }
  drawParked(pen, zones, street.parked);
}

const thousands = (digits: string): string => count(Number(digits));

function drawParked(pen: Pen, { door, room }: Zones, parked: number): void {
  const step = 18;
  const right = door.x - 22;
  const top = door.y + door.h / 2 + 38;
  const rows = Math.max(1, Math.floor((room.y + room.h - top) / step));
  const columns = Math.max(1, Math.floor((right - 8) / step));
  const fit = rows * columns;
  const shown = Math.min(parked, parked > fit ? fit - 1 : fit);
  for (let i = 0; i < shown; i++) {
    const column = Math.floor(i / rows);
    // There and back, as a line of people winds.
    const row = column % 2 === 1 ? rows - 1 - (i % rows) : i % rows;
    pen.disc(right - column * step, top + row * step, 6, pen.theme.wall);
  }
  if (parked > shown) pen.text(`+${count(parked - shown)}`, 16, room.y + room.h - 8, 11, pen.theme.ink2);
}
