// The sentences with which every view begins: the answer in words. Terminal, page and `--json` show
// these texts, so they are made here and nowhere else.
import { escapeControl } from '../base/index.ts';
import type { Leaf } from './ball.ts';
import { blockFacts } from './block-words.ts';
import { type Seats, seatsOf } from './groups.ts';
import { loopTrouble } from './loop-words.ts';
import { Index } from './named.ts';
import { limitWords, outsideOf } from './outside.ts';
import type { BlockRow, Cycle, EndedRow, LoopRow, ResourceRow, Snapshot, WarningRow } from './records.ts';
import { areBusy, figure, isFar } from './resource-rows.ts';
import { idText } from './room-ids.ts';
import { roomsWords } from './room-words.ts';
import type { RoomRow } from './rooms.ts';
import type { ClientRow, OutsideRow } from './table-rows.ts';
import { countText, durationText, plural } from './units.ts';
import { isUnusual } from './wait-times.ts';
import { groupKey, wordsOf } from './wait-words.ts';
import { cyclesOf } from './waits-for.ts';

/** What `summaryOf` says besides the snapshot. */
export interface SummaryOptions {
  /** The block that lasts, or the one during which the snapshot was taken. */
  readonly block?: BlockRow | null | undefined;
  /** What stands outside of the servers. Default: as far as the snapshot has it. */
  readonly outside?: readonly OutsideRow[] | undefined;
  /** Those of this snapshot, if they are known already. */
  readonly cycles?: readonly Cycle[] | undefined;
  /** The rooms, if the snapshot is of several: what is said of the loop is said of each. */
  readonly rooms?: readonly RoomRow[] | undefined;
}

/**
 * The state of a process in one sentence: `The loop keeps up; 35 clients wait unusually long, all
 * for lock "ledger", held by client 4246 for 26 s.`
 */
export function summaryOf(snapshot: Snapshot, options: SummaryOptions = {}): string {
  const index = new Index(snapshot);
  const { block, outside = outsideOf(snapshot), cycles = cyclesOf(snapshot, index), rooms = [] } = options;
  const [cycle] = cycles;
  const seats = seatsOf(index);
  const loop = rooms.length > 0 ? roomsWords(rooms) : loopWords(snapshot.loop);
  const deadlock = cycle === undefined ? [] : [withoutStop(cycle.sentence)];
  const troubles = [
    ...snapshot.resources.flatMap((resource) => executorWords(resource, index)),
    ...outside.flatMap(outsideWords),
    ...crowdWords(seats, index),
  ];
  if (block !== null && block !== undefined && !block.over) {
    if (rooms.length === 0) return sentence([blockWords(block), ...deadlock, ...troubles]);
    return sentence([`the supervisor is ${blockWords(block)}`, ...loop, ...deadlock, ...troubles]);
  }
  // What no time mends comes first.
  if (cycle !== undefined) return sentence([...deadlock, ...loop, ...troubles]);
  if (troubles.length > 0) return sentence([...loop, ...troubles]);
  return sentence([...loop, calmWords(seats, snapshot)]);
}

function sentence(parts: readonly string[]): string {
  const text = parts.join('; ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function withoutStop(text: string): string {
  return text.replace(/\.$/, '');
}

/** Nothing where it was not measured. */
function loopWords(loop: LoopRow): string[] {
  const trouble = loopTrouble(loop);
  if (trouble !== undefined) return [`the loop ${trouble}`];
  return loop.busy === null && loop.lag === null ? [] : ['the loop keeps up'];
}

function calmWords({ clients, tasks }: Seats, { omitted }: Snapshot): string {
  if (clients.length + tasks.length === 0) return 'nothing runs: no client and no task';
  const who = [
    ...(clients.length === 0 ? [] : [plural(clients.length, 'client')]),
    ...(tasks.length === 0 ? [] : [plural(tasks.length, 'task')]),
  ].join(' and ');
  const more = omitted.tasks === 0 ? '' : `, ${countText(omitted.tasks)} more were not looked at`;
  const verb = clients.length + tasks.length === 1 ? 'waits, not unusually long' : 'wait, none unusually long';
  return `${who} ${verb}${more}`;
}

/** An executor that has too much to do, and one whose workers are gone: not the same thing. */
function executorWords(resource: ResourceRow, index: Index): string[] {
  if (resource.kind !== 'executor') return [];
  const queued = figure(resource, 'queued');
  const workers = figure(resource, 'workers');
  const lost = isFar(resource) ? 0 : figure(resource, 'lost');
  const size = figure(resource, 'size');
  const name = index.labelOf(resource.key);
  if (queued === 0) return [];
  if (workers === 0) {
    const gone = lost === 0 ? 'has no worker' : `has lost its workers (${countText(lost)} ended by themselves)`;
    return [`${name} ${gone}, and ${plural(queued, 'job waits', 'jobs wait')}`];
  }
  if (!areBusy(resource)) return [];
  const busy = size === 1 ? 'its worker is busy' : `all ${countText(size)} workers are busy`;
  return [`${name} is overloaded: ${busy} and ${plural(queued, 'job waits', 'jobs wait')}`];
}

function outsideWords(row: OutsideRow): string[] {
  const { server, parked, inLine } = row;
  const waiting = parked + inLine;
  const limit = limitWords(row);
  if (limit === undefined) return [];
  return [
    `${escapeControl(server)} has reached ${limit}, and ${plural(waiting, 'client waits', 'clients wait')} outside`,
  ];
}

/** The least number of clients, and the least share of all, that are a crowd at one thing. */
const CROWD = 3;
const CROWD_SHARE = 1 / 3;

/** What waits unusually long; and, if that does not say it, for what a large part of the clients waits. */
function crowdWords(seats: Seats, index: Index): string[] {
  const unusual = unusualWords(seats, index);
  const waiting = new Map<string, number>();
  for (const { leaf } of seats.clients) {
    const key = leaf === undefined ? undefined : sharedBy(leaf, index);
    if (key !== undefined) waiting.set(key, (waiting.get(key) ?? 0) + 1);
  }
  const [most] = [...waiting].sort((a, b) => b[1] - a[1]);
  if (most === undefined) return unusual;
  const [key, count] = most;
  const what = index.labelOf(key);
  const all = seats.clients.length;
  if (count < CROWD || count < all * CROWD_SHARE || unusual.some((words) => words.includes(what))) return unusual;
  const holders = index.holdersOf(index.resourceOf(key));
  const who = count === all ? `all ${plural(all, 'client')}` : `${countText(count)} of ${plural(all, 'client')}`;
  return [`${who} wait for ${what}${holders === undefined ? '' : `, held by ${holders}`}`, ...unusual];
}

/** What a client shares with others and waits for: a lock or limiter, or an executor. */
function sharedBy({ wait }: Leaf, index: Index): string | undefined {
  if (wait?.resource === undefined) return undefined;
  if (wait.kind.endsWith('.acquire')) return wait.resource;
  const row = index.resourceOf(wait.resource);
  return row?.kind === 'job' ? row.parent : undefined;
}

/** `35 clients wait unusually long, all for lock "ledger", held by client 4246 for 26 s`. */
function unusualWords({ clients, tasks }: Seats, index: Index): string[] {
  const leaves = clients.flatMap(({ leaf }) => (leaf === undefined ? [] : [leaf]));
  const ofClients = unusualOf(leaves, index);
  const [found, noun] = ofClients.length > 0 ? [ofClients, 'client'] : [unusualOf(tasks, index), 'task'];
  if (found.length === 0) return [];
  const byWords = new Map<string, Leaf[]>();
  for (const leaf of found) {
    const key = groupKey(leaf, index);
    const same = byWords.get(key);
    if (same === undefined) byWords.set(key, [leaf]);
    else same.push(leaf);
  }
  const [most = []] = [...byWords.values()].sort((a, b) => b.length - a.length);
  const [first] = most;
  if (first === undefined) return [];
  const place = `${withoutVerb(wordsOf(first, index, true))}${heldFor(first, index)}`;
  const who = `${plural(found.length, noun)} ${found.length === 1 ? 'waits' : 'wait'} unusually long, `;
  if (found.length === 1) return [`${who}${place}`];
  return [`${who}${byWords.size === 1 ? 'all' : `${countText(most.length)} of them`} ${place}`];
}

function unusualOf(leaves: readonly Leaf[], { snapshot: { now, usual } }: Index): Leaf[] {
  return leaves.filter(({ wait }) => wait !== undefined && isUnusual(wait, now, usual));
}

/** ` for 26 s`, after the holder. */
function heldFor({ wait }: Leaf, index: Index): string {
  const resource = index.resourceOf(wait?.resource);
  const since = resource?.name === undefined ? undefined : resource.holders?.[0]?.since;
  return since === undefined || since === null ? '' : ` for ${durationText(index.snapshot.now - since)}`;
}

function withoutVerb(what: string): string {
  return what.replace(/^wait /, '');
}

// ---- blocks ----------------------------------------------------------------------------------------------------

function blockWords(block: BlockRow): string {
  const { waiting } = block;
  const meanwhile =
    waiting === null || waiting === 0
      ? ''
      : `, while ${plural(waiting, 'client waits', 'clients wait')} with unread bytes`;
  return `blocked for ${blockFacts(block)}${meanwhile}`;
}

/** `Blocked for 312 ms by client 7 in knead (dough.ts:12).` */
export function blockSentence(block: BlockRow): string {
  return sentence([block.over ? `was ${blockWords(block)}` : blockWords(block)]);
}

/** The blocks of a process: the one that lasts, or the longest so far. */
export function blocksSentence(blocks: readonly BlockRow[], now: number): string {
  const current = blocks.find(({ over }) => !over);
  if (current !== undefined) return blockSentence(current);
  const [first, ...others] = blocks;
  if (first === undefined) return 'No code has blocked the loop so far.';
  const longest = others.reduce((a, b) => (b.ms > a.ms ? b : a), first);
  const ago = durationText(now - longest.since - longest.ms);
  const which = others.length === 0 ? '1 block so far,' : `${plural(blocks.length, 'block')} so far, the longest`;
  return `Nothing blocks the loop now; ${which} ${blockFacts(longest)}, ${ago} ago.`;
}

// ---- other views -----------------------------------------------------------------------------------------------

/**
 * The clients of an answer.
 * @param total how many there are, if only some were asked for
 */
export function connectionsSentence(
  clients: readonly ClientRow[],
  now: number,
  total: number = clients.length,
): string {
  if (total === 0) return 'No client is connected.';
  if (clients.length === 0) return `None of ${plural(total, 'client')} matches.`;
  const count =
    clients.length === total ? plural(total, 'client') : `${countText(clients.length)} of ${plural(total, 'client')}`;
  const waiting = clients.filter(({ since }) => since !== null);
  const [first, ...others] = waiting;
  if (first === undefined) return `${count}; none of them waits.`;
  const longest = others.reduce((a, b) => ((b.since ?? now) < (a.since ?? now) ? b : a), first);
  const ms = durationText(now - (longest.since ?? now));
  const what = longest.what.startsWith('sleep') ? `in ${longest.what}` : withoutVerb(longest.what);
  return `${count}; client ${idText(longest.id)} waits longest, for ${ms} ${what}.`;
}

const ENDS: readonly (readonly [how: EndedRow['how'], one: string, many: string])[] = [
  ['returned', 'returned', 'returned'],
  ['threw', 'threw', 'threw'],
  ['cancelled', 'was cancelled', 'were cancelled'],
  ['lost', 'was lost', 'were lost'],
];

/** `The last 48 that ended: 40 returned, 3 threw, 5 were cancelled.` */
export function endedSentence(ended: readonly EndedRow[]): string {
  if (ended.length === 0) return 'Nothing has ended since the inspector began.';
  const parts = ENDS.flatMap(([how, one, many]) => {
    const count = ended.filter((row) => row.how === how).length;
    return count === 0 ? [] : [plural(count, one, many)];
  });
  return `The last ${countText(ended.length)} that ended: ${parts.join(', ')}.`;
}

/** The first warning, and how many more there are. */
export function warningsSentence([first, ...others]: readonly WarningRow[]): string {
  if (first === undefined) return 'Nothing needs attention.';
  if (others.length === 0) return first.sentence;
  return `${first.sentence} ${plural(others.length, 'other thing needs', 'other things need')} attention too.`;
}
