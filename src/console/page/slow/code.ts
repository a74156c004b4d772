// The lines of code beside a step: where its code went on and where it stopped. What lies between
// was not measured, so nothing there is marked.
import type { Place } from '../../../inspect/protocol/index.ts';
import { type History, placeOf, type Stay } from './history.ts';

/** What is marked at a line. */
export type Mark = 'resumes' | 'stops' | 'waits' | 'stands';

export interface CodeLine {
  readonly line: number;
  readonly text: string;
  readonly mark: Mark | undefined;
  /** True if it awaits something: it is printed darker. */
  readonly awaits: boolean;
  /** True if lines are left out before it. */
  readonly after: boolean;
}

/** Lines at most, and those around a marked one. */
const MOST = 11;
const AROUND = 2;

/** The lines beside a stay, or beside what came after it. Empty if the source is not known. */
export function codeOf(history: History, stay: Stay | undefined, inside: boolean): readonly CodeLine[] {
  if (stay === undefined) return [];
  const { recording } = history;
  const marks = new Map<number, Mark>();
  const to = placeOf(recording, stay.visit.to);
  const from = placeOf(recording, stay.visit.from);
  const blocked = inside ? (stay.block?.place ?? undefined) : undefined;
  const file = (blocked ?? from ?? to)?.file;
  const mark = (place: Place | undefined, what: Mark): void => {
    if (place !== undefined && place.file === file && !marks.has(place.line)) marks.set(place.line, what);
  };
  mark(blocked, 'stands');
  if (inside) mark(from, 'resumes');
  mark(to, inside ? 'stops' : 'waits');
  return file === undefined ? [] : linesAround(recording.source[file] ?? [], marks);
}

function linesAround(source: readonly (readonly [number, string])[], marks: ReadonlyMap<number, Mark>): CodeLine[] {
  const marked = source.flatMap(([line], index) => (marks.has(line) ? [index] : []));
  const first = marked[0];
  if (first === undefined) return [];
  const kept = new Set<number>();
  for (const index of marked) for (let n = index - AROUND; n <= index + AROUND; n++) if (source[n]) kept.add(n);
  // Room is left: the lines between, and then those around.
  const last = marked.at(-1) ?? first;
  for (let n = first; n <= last && last - first < MOST; n++) kept.add(n);
  for (let n = 1; kept.size < Math.min(MOST, source.length) && n < source.length; n++) {
    for (const index of [first - n, last + n]) if (source[index] && kept.size < MOST) kept.add(index);
  }
  return [...kept]
    .sort((a, b) => a - b)
    .map((index, n, all) => {
      const [line, text] = source[index] ?? [0, ''];
      const after = n > 0 && index !== (all[n - 1] ?? 0) + 1;
      return { line, text, mark: marks.get(line), awaits: /\bawait\b/.test(text), after };
    });
}

/** The lines without the indentation that all of them share. */
export function unindented(lines: readonly CodeLine[]): readonly CodeLine[] {
  const widths = lines.filter(({ text }) => text.trim() !== '').map(({ text }) => /^\s*/.exec(text)?.[0].length ?? 0);
  const shared = Math.min(...widths);
  return Number.isFinite(shared) && shared > 0
    ? lines.map((each) => ({ ...each, text: each.text.slice(shared) }))
    : lines;
}
