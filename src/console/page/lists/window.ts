// Which rows of a long list are in the document: those that are seen, and a few around them.

export interface RowWindow {
  readonly from: number;
  /** The first one behind it. */
  readonly to: number;
}

const AROUND = 6;

export function rowWindow(rows: number, scrollTop: number, height: number, rowHeight: number): RowWindow {
  const first = Math.floor(Math.max(0, scrollTop) / rowHeight) - AROUND;
  const from = Math.max(0, Math.min(first, rows));
  const to = Math.min(rows, Math.max(from, first + Math.ceil(height / rowHeight) + 2 * AROUND));
  return { from, to };
}
