// Frames as they are sent. Most of a frame is as it was in the one before, or is the same for all
// tables, so a frame on the wire leaves that out: what is absent is unchanged, what is empty is
// absent, and columns of growing numbers are differences. `thinned` and `completed` are each other's
// inverse.
import type { Frame, SentFrame, SentColumns, TableColumns } from './messages.ts';

/** What a frame says of the state: absent if it is as in the frame before. */
const STATE = [
  'fresh',
  'sentence',
  'of',
  'total',
  'kitchens',
  'outside',
  'block',
  'cost',
  'numbers',
  'dropped',
  'rooms',
] as const;
/** What it says of changes: absent if there are none. */
const NEWS = ['seated', 'left', 'places', 'resources', 'strip'] as const;
const COUNTS = ['balls', 'ages', 'longest', 'places'] as const;
/** Columns, and what stands for all values of one that is absent. */
const COLUMNS = { ball: 0, since: 0, place: 0, resource: -1, unsent: 0, visits: 0, ran: 0, flags: 0 } as const;
type Column = keyof typeof COLUMNS;
const NAMES = Object.keys(COLUMNS) as Column[]; // of that very object
/** Columns whose neighbours are close to each other. */
const AS_DIFFERENCES: ReadonlySet<string> = new Set<Column>(['since']);

type Draft = Record<string, unknown>;

/** Returns what is sent of a frame. @param last the frame that the viewer received before; undefined for none */
export function thinned(frame: Frame, last: Frame | undefined): SentFrame {
  const before = frame.full ? undefined : last;
  const sent: Draft = { seq: frame.seq, now: frame.now };
  if (frame.full) sent['full'] = true;
  for (const key of STATE) {
    const isNews = before === undefined ? frame[key] !== undefined : !isSame(frame[key], before[key]);
    if (isNews) sent[key] = frame[key] ?? null; // the last room is gone
  }
  for (const key of NEWS) if (frame[key].length > 0) sent[key] = frame[key];
  if (frame.omitted !== undefined) sent['omitted'] = frame.omitted;
  const counts: Draft = {};
  for (const key of COUNTS)
    if (before === undefined || !isSame(frame.counts[key], before.counts[key])) counts[key] = frame.counts[key];
  if (Object.keys(counts).length > 0) sent['counts'] = counts;
  const { total, shown, tables } = frame.visits;
  if (total > 0 || shown.length + tables.length > 0) sent['visits'] = { total, shown, tables: differences(tables) };
  if (frame.tables.id.length > 0) sent['tables'] = thinColumns(frame.tables);
  return sent as unknown as SentFrame; // made key by key above
}

/** Returns the whole frame. @param last the frame before, as this returned it; undefined for none */
export function completed(sent: SentFrame, last: Frame | undefined): Frame {
  const frame: Draft = { full: false, ...sent };
  for (const key of STATE) if (!(key in sent) && last?.[key] !== undefined) frame[key] = last[key];
  for (const key of NEWS) frame[key] ??= [];
  frame['counts'] = { ...last?.counts, ...sent.counts };
  const { total = 0, shown = [], tables = [] } = sent.visits ?? {};
  frame['visits'] = { total, shown, tables: sums(tables) };
  frame['tables'] = wholeColumns(sent.tables);
  return frame as unknown as Frame; // every key was filled
}

function thinColumns(columns: TableColumns): SentColumns {
  const sent: Draft = { id: differences(columns.id) };
  for (const name of NAMES) {
    const column = columns[name];
    if (column.some((value) => value !== COLUMNS[name]))
      sent[name] = AS_DIFFERENCES.has(name) ? differences(column) : column;
  }
  return sent as unknown as SentColumns; // as above
}

function wholeColumns(sent: SentColumns | undefined): TableColumns {
  const id = sums(sent?.id ?? []);
  const columns: Draft = { id };
  for (const name of NAMES) {
    const column = sent?.[name];
    columns[name] =
      column === undefined ? id.map(() => COLUMNS[name]) : AS_DIFFERENCES.has(name) ? sums(column) : column;
  }
  return columns as unknown as TableColumns; // as above
}

/** Each number less the one before it. Whole ones, so nothing is lost. */
function differences(numbers: readonly number[]): number[] {
  return numbers.map((number, i) => number - (i === 0 ? 0 : (numbers[i - 1] as number))); // i > 0
}

function sums(numbers: readonly number[]): number[] {
  let sum = 0;
  return numbers.map((number) => (sum += number));
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
