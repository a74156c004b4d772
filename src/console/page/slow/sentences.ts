// What slow motion says, in words: each step in a sentence, and the sum of them all. It says only
// what was measured, and where something was not, it says that.
import type { Ball, BlockRow, RecordedWait } from '../../../inspect/protocol/index.ts';
import { bytes, counted, duration } from '../format.ts';
import { KINDS } from '../kinds.ts';
import { calledAt, type History, placeOf, type Segment, shortName, type Stay } from './history.ts';
import type { Piece } from './timeline.ts';

/** A part of a sentence. */
export interface Words {
  readonly text: string;
  /** Printed bold. */
  readonly strong?: true;
  /** Its shape is printed before it. */
  readonly ball?: Ball;
}

export interface Sentence {
  /** A line above it: `visit 6 of 13, turn 6 of the loop`. */
  readonly head: string;
  readonly words: readonly Words[];
}

/** The text of a sentence, for a screen reader and for tests. */
export function plain(words: readonly Words[]): string {
  return words.map(({ text }) => text).join('');
}

/** What is printed as 0 ms is not said. */
const NOTHING = 0.02;

/** What happens in a piece of the replay. */
export function sentenceOf(history: History, piece: Piece): Sentence {
  const { stay, last, from, to, folded } = piece;
  const count = history.stays.length;
  if (stay !== undefined) {
    const { turn } = stay.visit;
    const first = history.stays[0]?.visit.turn ?? turn;
    return {
      head: `visit ${stay.index + 1} of ${count}, turn ${turn - first + 1} of the loop`,
      words: stay.stands ? blockWords(history, stay) : visitWords(history, stay),
    };
  }
  if (count === 0) return { head: 'no visits', words: [{ text: 'No task ran in this time.' }] };
  const head = last === undefined ? 'before the first visit' : `after visit ${last.index + 1} of ${count}`;
  const called = calledAt(history, from + (to - from) / 2);
  const words: Words[] = [
    { text: 'The waiter is at no table for ' },
    { text: duration(to - from), strong: true },
    { text: folded ? ', shown in 2 s: ' : ': ' },
  ];
  if (called > 0) {
    words.push({ text: `the loop does something that is no task’s, and ${tables(called)} called.` });
  } else {
    words.push({ text: 'nobody calls. The loop waits for any bell.' });
  }
  return { head, words };
}

function visitWords(history: History, stay: Stay): Words[] {
  return said([
    { text: `${cause(history, stay)}${whenCalled(history, stay)}. The waiter stays at ` },
    { text: tableName(history, stay.table), strong: true },
    { text: ' for ' },
    { text: duration(stay.ms), strong: true },
    { text: stay.exact ? '' : ' at most' },
    { text: `${fromTo(history, stay)}${passed(stay)}. ` },
    ...nowWaits(stay),
  ]);
}

/** What is said of a visit without a stack: it was too short to be a block. */
const UNSEEN_BLOCK: Pick<BlockRow, 'place' | 'over' | 'waiting' | 'ms'> = {
  place: null,
  over: true,
  waiting: null,
  ms: 0,
};

function blockWords(history: History, stay: Stay): Words[] {
  const { place, over, waiting, ms } = stay.block ?? UNSEEN_BLOCK;
  const inferred = stay.block?.inferred;
  const what = place === null ? '' : `${place.function ?? 'code'} (${place.text})`;
  const called = over ? calledAt(history, Math.max(stay.begin, stay.end - NOTHING)) : 0;
  const unread = waiting === null ? '' : ` ${counted(waiting, 'client')} had sent bytes by then.`;
  return said([
    { text: 'The waiter stands at ' },
    { text: tableName(history, stay.table), strong: true },
    { text: ' for ' },
    { text: `${duration(over ? stay.ms : Math.max(stay.ms, ms))}${over ? '' : ' so far'}`, strong: true },
    { text: what === '' ? '' : ', in ' },
    { text: what, strong: true },
    { text: what === '' ? fromTo(history, stay) : '' },
    { text: inferred === true ? ', probably' : '' },
    { text: `. Nobody else is served${called > 0 ? `, and ${tables(called)} called` : ''}.${unread} ` },
    ...(over ? nowWaits(stay) : []),
  ]);
}

/** Without the parts that say nothing. */
function said(words: readonly Words[]): Words[] {
  return words.filter(({ text }) => text !== '');
}

function nowWaits({ visit: { to, ended } }: Stay): Words[] {
  if (ended) return [{ text: 'Then it ends.' }];
  if (to === null) return [{ text: 'It stops at a promise that is not maitre’s.' }];
  return [
    { text: 'Now it waits for ' },
    { text: KINDS.find(({ id }) => id === to.ball)?.words ?? to.ball, ball: to.ball, strong: true },
    { text: '.' },
  ];
}

/** Why the waiter comes. */
function cause(history: History, { visit, table }: Stay): string {
  const { from } = visit;
  const guest = history.recording.tables[table]?.what === 'client';
  if (from === null) return guest ? 'A new guest' : 'A new task';
  switch (from.ball) {
    case 'read':
      return guest ? 'Its guest has ordered' : 'Bytes came';
    case 'drain':
      return guest ? 'Its guest has eaten' : 'Its bytes were taken';
    case 'kitchen':
      return 'The kitchen rang';
    case 'clock':
      return 'The clock rang';
    case 'unseen':
      return 'A promise that is not maitre’s was settled';
    case 'other':
    default:
      return otherCause(history, from);
  }
}

function otherCause(history: History, { kind, resource, holder }: RecordedWait): string {
  const { recording } = history;
  const row = resource === null ? undefined : recording.resources[resource];
  const label = row?.label;
  if (label === undefined) return `What it waited for, ${kind}, was done`;
  if (/^(lock|semaphore|limiter|capacity|condition)/.test(row?.kind ?? ''))
    return `It got ${label}${holder === undefined ? '' : `, which ${tableName(history, holder)} held`}`;
  return `${label.slice(0, 1).toUpperCase()}${label.slice(1)} answered`;
}

/** Since when it had called, as far as that is known. */
function whenCalled(_history: History, { visit: { from, begin } }: Stay): string {
  if (from?.ready === undefined) return '';
  if (from.readyAfter !== undefined && from.ready - from.readyAfter > NOTHING) {
    return `, at some time in the last ${duration(begin - from.readyAfter)}`;
  }
  return begin - from.ready > NOTHING ? `, ${duration(begin - from.ready)} ago` : '';
}

/** Where its code went on and where it stopped. What lies between was not measured. */
function fromTo({ recording }: History, { visit }: Stay): string {
  const begin = placeOf(recording, visit.from);
  const end = placeOf(recording, visit.to);
  if (begin === undefined && end === undefined) return '';
  if (end === undefined) return begin === undefined ? '' : `, from ${begin.text}`;
  if (begin === undefined) return `, up to ${end.text}`;
  const sameFile = begin.file === end.file;
  if (sameFile && begin.line === end.line) return `, back to line ${begin.line}`;
  return `, from ${sameFile ? `line ${begin.line}` : begin.text} to ${sameFile ? `line ${end.line}` : end.text}`;
}

/** The bytes that came and went with it. */
function passed({ visit }: Stay): string {
  const [read = 0, written = 0] = visit.bytes ?? [];
  const parts = [read > 0 ? `${bytes(read)} read` : '', written > 0 ? `${bytes(written)} written` : ''];
  const list = parts.filter((part) => part !== '').join(', ');
  return list === '' ? '' : `: ${list}`;
}

/** `table 6 Radia`, `task "ticker"`. */
export function tableName({ recording }: History, table: number): string {
  const row = recording.tables[table];
  if (row === undefined) return 'a table';
  if (row.what === 'task') return `task ${row.name === '' ? row.id : `“${row.name}”`}`;
  return `table ${shortName(row)}`;
}

/** The sum: what all visits were together. */
export function sumOf(history: History): readonly Words[] {
  const { stays, length, recording } = history;
  if (stays.length === 0) {
    return [{ text: `In these ${duration(length)} no task ran.` }];
  }
  const work = stays.reduce((sum, { begin, end }) => sum + end - begin, 0);
  const visited = new Set(stays.map(({ table }) => table)).size;
  const tasks = recording.tables.every(({ what }) => what === 'task');
  return [
    { text: `In these ${duration(length)}: ` },
    { text: counted(stays.length, 'visit'), strong: true },
    { text: ` to ${visited} of ${counted(recording.tables.length, tasks ? 'task' : 'table')}, ` },
    { text: duration(work), strong: true },
    { text: ' of work, never at two tables at once. All tables together waited ' },
    { text: duration(waitedBy(history)), strong: true },
    { text: `.${recording.full ? '' : ' Only one step in 64 was timed.'}` },
  ];
}

/** Milliseconds that all tables waited, together. */
export function waitedBy(history: History): number {
  let waited = 0;
  for (const { segments } of history.tables) for (const { begin, end } of segments) waited += end - begin;
  return waited;
}

/** How far back a recording goes, if less than was asked for. */
export function reach({ recording, length }: History): string {
  const { lost } = recording;
  return lost === 0
    ? ''
    : `It reaches back ${duration(length)}: ${counted(lost, 'event')} before that were overwritten.`;
}

/** The words on a bar of a lane: the first that fits is printed. */
export function segmentWords({ ball, begin, end, since, open, state }: Segment, now: number): readonly string[] {
  if (state !== 'waits') return [];
  const mini = KINDS.find(({ id }) => id === ball)?.mini ?? ball;
  const length = duration(end - Math.min(begin, since));
  if (!open) return [`${mini} ${length}`, length];
  return since < 0 && now > since ? [`${mini}, for ${duration(now - since)}`, mini] : [mini];
}

function tables(count: number): string {
  return count === 1 ? 'one table has' : `${counted(count, 'table')} have`;
}
