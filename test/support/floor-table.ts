import type { FloorTable } from '#page/console/page/floor/picture.js';

/** A table for tests of the floor, of which only what is given matters. */
export function floorTable(table: Partial<FloorTable> & { readonly id: number }): FloorTable {
  return {
    name: '',
    peer: '',
    index: table.id,
    seat: table.id,
    ball: 0,
    since: 1,
    place: -1,
    flags: 0,
    past: [],
    steady: { ball: 0, place: -1, mostly: false, rate: 0 },
    visitedAt: -Infinity,
    ...table,
  };
}
