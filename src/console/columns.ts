// Tables for a terminal: columns as wide as what is in them, and where that is too wide for the
// terminal, the columns that may be cut are cut and the least important ones left out. Nothing
// wraps.
import { fit, fitMiddle, pad, widthOf } from './cell-width.ts';
import { type Line, type Span, span, type Tone } from './line.ts';

export interface Column {
  /** In capitals; empty for a column that explains itself. */
  readonly head: string;
  readonly align?: 'right';
  /** Columns: how far it may be cut. Default: it is never cut. */
  readonly least?: number;
  /** Columns: other columns are left out before it is cut below this. Default: `least`. */
  readonly wanted?: number;
  /** Where it is cut. Default: its end. */
  readonly cut?: 'middle';
  /** When the table is too wide, columns are left out by this number, the highest first. Default: never. */
  readonly drop?: number;
}

/** A cell: its text, perhaps with a tone. */
export type Cell = string | Span;

const GAP = 2;

/** Lays out rows below their heads. Without a width, as for a pipe, nothing is cut. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number | undefined,
): Line[] {
  const spans = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? span(cell) : cell)));
  const natural = columns.map(({ head }, index) =>
    spans.reduce((most, row) => Math.max(most, widthOf(row[index]?.text ?? '')), head.length),
  );
  const widths = narrow(columns, natural, width);
  const shown = columns.flatMap((_, index) => ((widths[index] ?? 0) > 0 ? [index] : []));
  const layOut = (cellAt: (index: number) => Span): Line =>
    shown.flatMap((index, place) => {
      const { text, tone } = cellAt(index);
      const { align = 'left', cut } = columns[index] ?? { head: '' };
      const room = widths[index] ?? 0;
      const isLast = place === shown.length - 1;
      const fitted = (cut === 'middle' ? fitMiddle : fit)(text, room);
      const padded = isLast && align === 'left' ? fitted : pad(fitted, room, align);
      return [...(place === 0 ? [] : [{ text: ' '.repeat(GAP), tone: 'plain' as Tone }]), { text: padded, tone }];
    });
  const head = columns.some((column) => column.head !== '')
    ? [layOut((index) => span(columns[index]?.head ?? '', 'faint'))]
    : [];
  return [...head, ...spans.map((row) => layOut((index) => row[index] ?? span('')))];
}

/** The widths of the columns so that they fit: 0 for a column that is left out. */
function narrow(columns: readonly Column[], natural: readonly number[], width: number | undefined): number[] {
  const widths = [...natural];
  if (width === undefined) return widths;
  const total = (): number => {
    const some = widths.filter((each) => each > 0);
    return some.reduce((sum, each) => sum + each, 0) + GAP * Math.max(0, some.length - 1);
  };
  const leastOf = (index: number): number => Math.min(natural[index] ?? 0, columns[index]?.least ?? Infinity);
  const wantedOf = (index: number): number => {
    const { least = Infinity, wanted = least } = columns[index] ?? {};
    return Math.min(natural[index] ?? 0, wanted);
  };
  const needed = (): number =>
    widths.reduce((sum, each, index) => (each === 0 ? sum : sum + wantedOf(index) + GAP), -GAP);
  const byDrop = columns
    .flatMap(({ drop }, index) => (drop === undefined ? [] : [{ drop, index }]))
    .sort((a, b) => b.drop - a.drop);
  for (const { index } of byDrop) {
    if (needed() <= width) break;
    widths[index] = 0;
  }
  // The widest one that may be cut gives a column, again and again: first what it does not want.
  for (const limitOf of [wantedOf, leastOf]) {
    for (let over = total() - width; over > 0; over--) {
      let widest = -1;
      for (const [index, each] of widths.entries()) {
        if (each > limitOf(index) && each > (widths[widest] ?? 0)) widest = index;
      }
      if (widest < 0) break;
      widths[widest] = (widths[widest] ?? 0) - 1;
    }
  }
  return widths;
}
