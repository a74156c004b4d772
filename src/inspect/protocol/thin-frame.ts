// Frames as they are sent. Most of a frame is as it was in the one before, or is the same for all
// tables, so a frame on the wire leaves that out: what is absent is unchanged, what is empty is
// absent, columns of numbers whose neighbours are alike are differences, and a run of equal numbers
// is a pair. `thinned` and `completed` are each other's inverse.
import type { Frame, SentFrame, SentColumns, SentNumbers, TableColumns } from './messages.ts';

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
const AS_DIFFERENCES: ReadonlySet<string> = new Set<Column>(['since', 'visits']);
/** The shortest run that a pair makes shorter in each case: `0,0,0,0` and `[0,4]`. */
const RUN = 4;

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
  if (total > 0 || shown.length + tables.length > 0)
    sent['visits'] = { total, shown, tables: runs(differences(tables)) };
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
  frame['visits'] = { total, shown, tables: sums(numbers(tables)) };
  frame['tables'] = wholeColumns(sent.tables);
  return frame as unknown as Frame; // every key was filled
}

function thinColumns(columns: TableColumns): SentColumns {
  const sent: Draft = { id: runs(differences(columns.id)) };
  for (const name of NAMES) {
    const column = columns[name];
    if (column.some((value) => value !== COLUMNS[name]))
      sent[name] = runs(AS_DIFFERENCES.has(name) ? differences(column) : column);
  }
  return sent as unknown as SentColumns; // as above
}

function wholeColumns(sent: SentColumns | undefined): TableColumns {
  const id = sums(numbers(sent?.id ?? []));
  const columns: Draft = { id };
  for (const name of NAMES) {
    const column = sent?.[name];
    if (column === undefined) columns[name] = id.map(() => COLUMNS[name]);
    else columns[name] = AS_DIFFERENCES.has(name) ? sums(numbers(column)) : numbers(column);
  }
  return columns as unknown as TableColumns; // as above
}

/** Each number less the one before it. Whole ones, so nothing is lost. */
function differences(all: readonly number[]): number[] {
  return all.map((number, i) => number - (i === 0 ? 0 : (all[i - 1] as number))); // i > 0
}

function sums(all: readonly number[]): number[] {
  let sum = 0;
  return all.map((number) => (sum += number));
}

/** Runs of equal numbers as pairs. */
function runs(all: readonly number[]): SentNumbers {
  const sent: (number | readonly [number, number])[] = [];
  for (let i = 0; i < all.length;) {
    const number = all[i] as number; // i < length
    let end = i + 1;
    while (all[end] === number) end++;
    if (end - i >= RUN) sent.push([number, end - i]);
    else for (let n = i; n < end; n++) sent.push(number);
    i = end;
  }
  return sent;
}

function numbers(sent: SentNumbers): number[] {
  const all: number[] = [];
  for (const each of sent) {
    if (typeof each === 'number') all.push(each);
    else for (let i = 0; i < each[1]; i++) all.push(each[0]);
  }
  return all;
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
