// The workers of a program on one line: what each has to do, in pieces that fit.
import { plural, type RoomRow } from '../inspect/protocol/index.ts';
import { factLine, type Width } from './answer-head.ts';
import { shareCell } from './cell-text.ts';
import type { Line } from './line.ts';

/** How many workers there are, in pieces: none for a program without any. */
export function roomFacts(rooms: readonly RoomRow[]): string[] {
  return rooms.length === 0 ? [] : [plural(rooms.length, 'worker')];
}

/** `worker 3: 17 clients, busy 12 %`, each worker, as many as fit; no line without workers. */
export function roomLines(rooms: readonly RoomRow[], width: Width): Line[] {
  if (rooms.length === 0) return [];
  return [
    factLine(
      rooms.map(({ room, clients, loop: { busy }, block }) => {
        const state = block?.over === false ? ', blocked' : busy === null ? '' : `, busy ${shareCell(busy)}`;
        return `worker ${room}: ${plural(clients, 'client')}${state}`;
      }),
      width,
    ),
  ];
}
