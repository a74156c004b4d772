// `maitre ps`: what the clients and tasks of a process wait for, identical waits joined, so that ten
// thousand clients fit twelve lines. Each one is counted once: what has no line of its own is in
// the sum of the last one.
import { conjugated, countText, plural, type Group, type Methods, type OutsideRow } from '../inspect/protocol/index.ts';
import { answerHead, factLine, loopFacts, processFacts, type Width } from './answer-head.ts';
import { roomFacts, roomLines } from './room-lines.ts';
import { wrap } from './cell-width.ts';
import { type Cell, type Column, table } from './columns.ts';
import { spanCell } from './cell-text.ts';
import { type Line, line, span } from './line.ts';

export type GroupsResult = Methods['groups']['result'];

const COLUMNS: readonly Column[] = [
  { head: 'COUNT', align: 'right' },
  { head: 'WHAT THEY DO', least: 12, wanted: 40 },
  { head: 'FOR', drop: 1 },
  { head: 'LONGEST', least: 8, drop: 2 },
];

/** Rows that the heads, a group and the sum of the others need at least. */
const LEAST_FOR_GROUPS = 4;

/** The whole answer in at most `most` lines. */
export function groupsView(result: GroupsResult, width: Width, most = 12): Line[] {
  const { process, loop, tasks, clients, groups, rooms = [] } = result;
  const facts = [
    ...processFacts(process),
    ...roomFacts(rooms),
    plural(clients, 'client'),
    ...loopFacts(loop),
    plural(tasks, 'task'),
  ];
  const head = [...answerHead(result, width), factLine(facts, width), ...roomLines(rooms, width)];
  const room = Math.max(0, most - head.length - LEAST_FOR_GROUPS);
  const notes = bounded(noteLines(result, width), room);
  return [...head, ...notes, ...groupRows(groups, width, most - head.length - notes.length)].slice(0, most);
}

/** The groups as a table of at most `most` lines, its head included. */
export function groupRows(groups: readonly Group[], width: Width, most: number): Line[] {
  if (groups.length === 0 || most < 2) return [];
  const room = groups.length + 1 <= most ? groups.length : Math.max(0, most - 2);
  const rest = groups.slice(room);
  const rows: Cell[][] = groups
    .slice(0, room)
    .map(({ of = 'clients', count, what, shortest, longest, example }) => [
      countText(count),
      `${of === 'clients' ? '' : count === 1 ? 'task ' : 'tasks '}${conjugated(what, count)}`,
      spanCell(shortest, longest),
      span(count === 1 && what.includes(example) ? '' : example, 'faint'),
    ]);
  if (rest.length > 0) {
    const count = rest.reduce((sum, group) => sum + group.count, 0);
    const places = rest.reduce((sum, group) => sum + (group.joined ?? 1), 0);
    rows.push([countText(count), span(`more in ${plural(places, 'other place')}`, 'faint'), rangeOf(rest), '']);
  }
  return table(COLUMNS, rows, width);
}

function rangeOf(groups: readonly Group[]): string {
  const known = groups.flatMap(({ shortest, longest }) => [shortest, longest].filter((each) => each !== null));
  return known.length === 0 ? '-' : spanCell(Math.min(...known), Math.max(...known));
}

/** What needs attention and is not in the sentence yet. */
export function noteLines({ sentence, cycles, warnings, outside }: GroupsResult, width: Width): Line[] {
  const said = (text: string): boolean => sentence.includes(text.replace(/\.$/, ''));
  const cycleNotes = cycles.filter((cycle) => !said(cycle.sentence));
  const isCycle = (text: string): boolean => cycles.some((cycle) => cycle.sentence === text);
  const warningNotes = warnings.filter((warning) => !said(warning.sentence) && !isCycle(warning.sentence));
  return [
    ...cycleNotes.flatMap((cycle) => wrap(span(cycle.sentence).text, width).map((text) => line(text, 'alarm'))),
    ...outside.flatMap(outsideText).flatMap((each) => wrap(span(each).text, width).map((text) => line(text, 'notice'))),
    ...warningNotes.flatMap((warning) => wrap(span(warning.sentence).text, width).map((text) => line(text, 'notice'))),
  ];
}

/** What stands outside of a server; nothing if nobody does. */
function outsideText({ server, parked, inLine, refused, backlog, limit }: OutsideRow): string[] {
  const parts = [
    ...(parked > 0 ? [`${countText(parked)} parked`] : []),
    ...(inLine > 0 ? [`${countText(inLine)} in line`] : []),
    ...(backlog !== null && backlog > 0 ? [`${countText(backlog)} not accepted yet`] : []),
    ...(refused > 0 ? [`${countText(refused)} refused`] : []),
    ...(limit === null ? [] : [`${limit} is reached`]),
  ];
  return parts.length === 0 ? [] : [`${server}: ${parts.join(', ')}`];
}

/** The first of the lines, and how many more there are. */
function bounded(lines: readonly Line[], most: number): Line[] {
  if (lines.length <= most) return [...lines];
  if (most === 0) return [];
  return [...lines.slice(0, most - 1), line(`and ${lines.length - most + 1} more such lines`, 'notice')];
}
