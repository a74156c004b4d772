// The screen of `maitre top`: exactly as many lines as the terminal has rows, none wider than it.
//
//   sentence          in words, at most three lines, and from when it is if that is not now
//   facts             process, clients, loop
//   workers           what each has to do, where there are some
//   balls             how many clients wait for whom
//   notes             circles, servers with clients outside, warnings: where there are any
//   table             clients, or groups
//   keys              what can be pressed, and what watching costs
import { BALLS, countText, plural, type Group } from '../inspect/protocol/index.ts';
import { answerHead, factLine, loopFacts, processFacts } from './answer-head.ts';
import { roomFacts, roomLines } from './room-lines.ts';
import { fit, fitLine, wrap } from './cell-width.ts';
import { clientRows, type ConnectionsResult } from './connections-view.ts';
import { bytesCell, durationCell } from './cell-text.ts';
import { groupRows, type GroupsResult, noteLines } from './groups-view.ts';
import { type Line, line, type Span, span } from './line.ts';
import type { TopState } from './top-state.ts';

/** What the process has answered last, and how that went. */
export interface TopData {
  readonly groups?: GroupsResult;
  readonly connections?: ConnectionsResult;
  /** Milliseconds that the answers cost the main thread of the process, or took. */
  readonly took: number;
  /** Milliseconds until the next question. */
  readonly every: number;
  /** Milliseconds since it should have answered; 0 if it does. */
  readonly silent: number;
  /** Why it has refused to answer; absent if it has answered. */
  readonly refused?: string;
  /** Why there will be no more answers. */
  readonly over?: string;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** The most lines of the sentence. */
const MOST_SENTENCE = 3;

/** What a task waits for, by who has the ball. */
const BALL_WORDS: Readonly<Record<Group['ball'], string>> = {
  read: 'for bytes',
  drain: 'for the peer to take bytes',
  kitchen: 'for an executor',
  other: 'for another task',
  clock: 'asleep',
  unseen: 'elsewhere',
};

/** The screen, and how many rows of the table fit on it. */
export function topScreen(state: TopState, data: TopData, { columns, rows }: Size): { lines: Line[]; page: number } {
  const head = headLines(data, columns).slice(0, Math.max(1, rows - 4));
  const room = Math.max(0, rows - head.length - 1);
  const body = bodyLines(state, data, columns, room).slice(0, room);
  const blank = Array.from({ length: Math.max(0, rows - head.length - body.length - 1) }, () => line(''));
  const lines = [...head, ...body, ...blank, footLine(state, data, columns)].slice(-rows);
  return { lines: lines.map((each) => fitLine(each, columns)), page: Math.max(1, room - 1) };
}

/** How many rows the table has, whether they are shown or not. */
export function topTotal(state: TopState, data: TopData): number {
  return showsClients(state, data) ? (data.connections?.total ?? 0) : (data.groups?.groups.length ?? 0);
}

/** A program without clients has its tasks in groups. */
function showsClients(state: TopState, { groups, connections }: TopData): boolean {
  return state.view === 'clients' && !(connections?.total === 0 && groups?.clients === 0);
}

function headLines(data: TopData, columns: number): Line[] {
  const { groups } = data;
  const trouble = troubleText(data);
  const alarms = trouble === '' ? [] : wrap(trouble, columns).map((text) => line(text, 'alarm'));
  if (groups === undefined) return alarms.length > 0 ? alarms : [line('asking ...', 'faint')];
  const { process, loop, clients, tasks, rooms = [] } = groups;
  const memory = process.rss === null ? [] : [bytesCell(process.rss)];
  return [
    ...alarms,
    ...answerHead(groups, columns, MOST_SENTENCE),
    factLine(
      [
        ...processFacts(process),
        ...roomFacts(rooms),
        plural(clients, 'client'),
        ...loopFacts(loop),
        plural(tasks, 'task'),
        ...memory,
      ],
      columns,
    ),
    ...roomLines(rooms, columns),
    factLine(ballTexts(groups.groups), columns),
    ...noteLines(groups, columns).slice(0, 3),
  ];
}

function troubleText({ groups, silent, refused, over }: TopData): string {
  const last = groups === undefined ? '' : ' What you see is its last answer.';
  if (over !== undefined) return `${over}${last}`;
  if (silent > 0) return `No answer for ${durationCell(silent)}.${last}`;
  return refused === undefined ? '' : `No answer: ${refused}.${last}`;
}

function ballTexts(groups: readonly Group[]): string[] {
  return BALLS.flatMap((ball) => {
    const count = groups.reduce((sum, group) => sum + (group.ball === ball ? group.count : 0), 0);
    return count === 0 ? [] : [`${countText(count)} ${BALL_WORDS[ball]}`];
  });
}

function bodyLines(state: TopState, data: TopData, columns: number, room: number): Line[] {
  const { groups, connections } = data;
  if (!showsClients(state, data))
    return groups === undefined ? [] : groupRows(groups.groups.slice(state.offset), columns, room);
  if (connections === undefined) return [];
  if (connections.connections.length === 0) {
    return [line(state.filter === '' ? 'no clients' : `no client matches ${state.filter}`, 'faint')];
  }
  const shown = connections.connections.slice(state.offset, state.offset + Math.max(0, room - 1));
  return clientRows({ ...connections, connections: shown }, columns);
}

function footLine(state: TopState, data: TopData, columns: number): Line {
  if (state.draft !== undefined) {
    return [
      span('filter: ', 'strong'),
      span(fit(state.draft, Math.max(1, columns - 24))),
      span('_', 'reverse'),
      span('  Enter, Esc', 'faint'),
    ];
  }
  const total = topTotal(state, data);
  const cost =
    data.every > 0 && data.groups !== undefined
      ? `every ${durationCell(data.every)}, took ${durationCell(data.took)}`
      : '';
  const keys: readonly (readonly [key: string, does: string])[] = [
    ['q', 'quit'],
    ['s', `sort: ${state.sort}`],
    ['/', state.filter === '' ? 'filter' : `filter: ${state.filter}`],
    ['g', state.view === 'clients' ? 'groups' : 'clients'],
    ['p', state.paused ? 'PAUSED' : 'pause'],
  ];
  const spans: Span[] = keys.flatMap(([key, does]) => [span(key, 'strong'), span(` ${does}  `, 'faint')]);
  const where = state.offset > 0 ? `from ${countText(state.offset + 1)} of ${countText(total)}  ` : '';
  return [...spans, span(where, 'faint'), span(cost, 'faint')];
}
