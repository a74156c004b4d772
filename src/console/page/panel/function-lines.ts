// Which lines of the program stand in the panel: those of one function, as a rule the handler.
import type { Place } from '../../../inspect/protocol/index.ts';

export interface PlaceCount {
  readonly place: Place;
  readonly index: number;
  readonly tables: number;
}

export interface FunctionLines {
  /** Names the function. */
  readonly key: string;
  readonly file: string;
  /** Tables that wait in these lines. */
  readonly tables: number;
  /** The counted places, by line. */
  readonly places: ReadonlyMap<number, PlaceCount>;
  /** The lines to show, in order; a gap in the numbers is a gap in the picture. */
  readonly lines: readonly number[];
}

/** Lines that fit. */
const MOST = 14;
/** Lines around an await, where not all lines of the function fit. */
const CONTEXT = 1;

/** A function with fewer of the tables is not shown. */
const LEAST_SHARE = 0.1;

/**
 * The function to show: the one with most awaits, of those that a fair share of the tables wait in. `current` stays
 * until another has more awaits, so that the panel does not turn back and forth. Undefined if no place is known.
 */
export function functionLines(counts: readonly PlaceCount[], current = ''): FunctionLines | undefined {
  const functions = new Map<string, Candidate>();
  let total = 0;
  for (const each of counts) {
    // A function has the name of its receiver before its own where it was called as a method: `Server.serve`.
    const key = `${each.place.file} ${each.place.function?.replace(/^.*[. ]/, '') ?? ''}`;
    const known = functions.get(key) ?? {
      key,
      file: each.place.file,
      tables: 0,
      places: new Map<number, PlaceCount>(),
    };
    functions.set(key, known);
    known.tables += each.tables;
    total += each.tables;
    const { line } = each.place;
    const before = known.places.get(line);
    known.places.set(line, before === undefined ? each : { ...each, tables: each.tables + before.tables });
  }
  const all = [...functions.values()];
  const candidates = all.filter(({ key, tables }) => tables >= total * LEAST_SHARE || key === current);
  const [best] = candidates.toSorted(
    (a, b) =>
      b.places.size - a.places.size || Number(b.key === current) - Number(a.key === current) || b.tables - a.tables,
  );
  if (best === undefined) return undefined;
  return { ...best, lines: linesOf([...best.places.values()]) };
}

type Candidate = Omit<FunctionLines, 'lines' | 'tables' | 'places'> & {
  tables: number;
  readonly places: Map<number, PlaceCount>;
};

function linesOf(places: readonly PlaceCount[]): number[] {
  const numbers = places.map(({ place }) => place.line).sort((a, b) => a - b);
  const [from, to] = [Math.max(1, (numbers[0] ?? 1) - 1), (numbers.at(-1) ?? 1) + 2];
  if (to - from < MOST) return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  // Not all of it: the lines that most wait at, with those around them.
  const shown = new Set<number>();
  for (const { place } of places.toSorted((a, b) => b.tables - a.tables)) {
    const around = Array.from({ length: 2 * CONTEXT + 1 }, (_, i) => place.line - CONTEXT + i).filter((n) => n > 0);
    if (new Set([...shown, ...around]).size > MOST) continue;
    for (const line of around) shown.add(line);
  }
  return [...shown].sort((a, b) => a - b);
}
