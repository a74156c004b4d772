// The figures of several workers as one: of those that have the same place, now and before.
import { joinLoops } from '../../introspect/index.ts';
import type { Figures } from '../crossing.ts';

/** Adds figures. Undefined if there are none. */
export function joinFigures(all: readonly (Figures | undefined)[]): Figures | undefined {
  const known = all.filter((figures) => figures !== undefined);
  const [first] = known;
  if (first === undefined || known.length === 1) return first;
  const sum = (of: 'tasks' | 'connections' | 'bytesIn' | 'bytesOut' | 'ended'): number =>
    known.reduce((total, figures) => total + figures[of], 0);
  return {
    ...first,
    ...joinLoops(known),
    now: Math.max(...known.map(({ now }) => now)),
    tasks: sum('tasks'),
    connections: sum('connections'),
    bytesIn: sum('bytesIn'),
    bytesOut: sum('bytesOut'),
    ended: sum('ended'),
    reads: sumKnown(known.map(({ reads }) => reads)),
    visits: sumKnown(known.map(({ visits }) => visits)),
    servers: joinRows(known.flatMap(({ servers }) => servers)),
    executors: joinRows(known.flatMap(({ executors }) => executors)),
  };
}

/** The sum of what is known; null if nothing is. */
function sumKnown(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}

/** Rows of one label are one, with the sums of their numbers. */
function joinRows<R extends { readonly label: string }>(rows: readonly R[]): R[] {
  const joined = new Map<string, R>();
  for (const row of rows) {
    const before = joined.get(row.label);
    joined.set(row.label, before === undefined ? row : addTo(before, row));
  }
  return [...joined.values()];
}

/** Adds the numbers of two rows, those of their counts by a reason too. */
function addTo<R extends object>(a: R, b: R): R {
  const sum = new Map<string, unknown>(Object.entries(a));
  for (const [name, value] of Object.entries(b) as [string, unknown][]) {
    const before = sum.get(name);
    if (typeof value === 'number') sum.set(name, (typeof before === 'number' ? before : 0) + value);
    else if (typeof value === 'object' && value !== null) sum.set(name, addTo(before ?? {}, value));
  }
  return Object.fromEntries(sum) as R; // the same keys
}
