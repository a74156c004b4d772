// What clients and tasks wait for, identical waits joined, so that ten thousand clients are a few
// lines. Each client is in one group, however many tasks work for it; a task that works for no client
// is in one too.
import { leafOf, type Leaf } from './ball.ts';
import { Index, isClient, nameOfTask } from './named.ts';
import type { Ball, Group, ResourceRow, Snapshot, TaskRow } from './records.ts';
import { idText } from './room-ids.ts';
import { countText, plural, spanText } from './units.ts';
import { groupKey, wordsOf } from './wait-words.ts';

/** The most groups of an answer. */
const MOST_GROUPS = 12;

/** A client, and what it waits for. */
export interface ClientState {
  readonly connection: ResourceRow;
  /** Undefined before its handler begins, and after it has ended. */
  readonly leaf: Leaf | undefined;
}

/** The clients of a snapshot with what they wait for, and the tasks that work for none. */
export interface Seats {
  readonly clients: readonly ClientState[];
  readonly tasks: readonly Leaf[];
}

/** Finds the clients of a snapshot, and the tasks that work for none of them. */
export function seatsOf(index: Index): Seats {
  const { resources, tasks } = index.snapshot;
  const clients: ClientState[] = [];
  const working = new Set<number>();
  for (const connection of resources) {
    if (!isClient(connection)) continue;
    const task = connection.task === undefined ? undefined : index.taskOf(connection.task);
    if (task !== undefined) addHelpers(task, index, working);
    clients.push({ connection, leaf: task === undefined ? undefined : leafOf(task, index.taskOf) });
  }
  const others = tasks.filter((task) => !working.has(task.id) && task.serves === undefined);
  return {
    clients,
    tasks: others.map((task) => ({ task, wait: task.waits[0], ball: task.waits[0]?.ball ?? 'unseen' })),
  };
}

/** Adds a task, and those that it waits for and that nobody else awaits. */
function addHelpers(root: TaskRow, index: Index, working: Set<number>): void {
  const stack = [root];
  working.add(root.id);
  for (let task = stack.pop(); task !== undefined; task = stack.pop()) {
    for (const { tasks = [] } of task.waits) {
      for (const id of tasks) {
        const helper = index.taskOf(id);
        if (helper === undefined || working.has(id) || helper.awaitedBy.some((by) => !working.has(by))) continue;
        working.add(id);
        stack.push(helper);
      }
    }
  }
}

type Of = 'clients' | 'tasks';

interface Draft {
  readonly of: Of;
  readonly ball: Ball;
  what: string;
  /** True while the place of all in it is a guess. */
  isGuess: boolean;
  readonly kind: string;
  readonly resource: string | undefined;
  readonly place: number | null;
  count: number;
  shortest: number | null;
  longest: number | null;
  example: string;
}

/** The groups of a snapshot: those of clients first, the largest first. At most 12. */
export function groupsOf(snapshot: Snapshot, index: Index = new Index(snapshot)): readonly Group[] {
  const { clients, tasks } = seatsOf(index);
  const drafts = new Map<string, Draft>();
  for (const { connection, leaf } of clients) {
    const example = `client ${idText(connection.id)}`;
    if (leaf !== undefined) add(drafts, 'clients', leaf, example, index);
    else addIdle(drafts, connection, example, snapshot.now);
  }
  for (const leaf of tasks) add(drafts, 'tasks', leaf, nameOfTask(leaf.task), index);
  const groups = [...drafts.values()].sort(inOrder).map(finished);
  return groups.length <= MOST_GROUPS
    ? groups
    : [...groups.slice(0, MOST_GROUPS - 1), joined(groups.slice(MOST_GROUPS - 1))];
}

function finished({ of, ball, what, kind, place, count, shortest, longest, example, resource }: Draft): Group {
  const group = { of, ball, what, kind, place, count, shortest, longest, example };
  return resource === undefined ? group : { ...group, resource };
}

function inOrder(a: Draft, b: Draft): number {
  if (a.of !== b.of) return a.of === 'clients' ? -1 : 1;
  return b.count - a.count || (b.longest ?? 0) - (a.longest ?? 0);
}

function add(drafts: Map<string, Draft>, of: Of, leaf: Leaf, example: string, index: Index): void {
  const key = `${of} ${groupKey(leaf, index)}`;
  const { wait, ball } = leaf;
  const ms = wait === undefined ? null : Math.max(0, index.snapshot.now - wait.since);
  const draft = drafts.get(key);
  const isGuess = wait?.guessed === true;
  if (draft !== undefined) {
    if (draft.isGuess && !isGuess) {
      draft.isGuess = false;
      draft.what = wordsOf(leaf, index, true);
    }
    join(draft, ms, example);
    return;
  }
  const kind = wait?.kind ?? leaf.task.state;
  drafts.set(key, {
    of,
    ball,
    what: wordsOf(leaf, index, true),
    isGuess,
    kind,
    resource:
      wait?.resource !== undefined && index.resourceOf(wait.resource)?.name !== undefined ? wait.resource : undefined,
    place: wait === undefined ? leaf.task.createdAt : wait.place,
    count: 1,
    shortest: ms,
    longest: ms,
    example,
  });
}

/** A client without a handler: it waits for a place, or its handler has left it open. */
function addIdle(drafts: Map<string, Draft>, { openedAt }: ResourceRow, example: string, now: number): void {
  const ms = openedAt === undefined ? null : Math.max(0, now - openedAt);
  const draft = drafts.get('idle');
  if (draft !== undefined) {
    join(draft, ms, example);
    return;
  }
  drafts.set('idle', {
    of: 'clients',
    ball: 'other',
    what: 'have no handler at work: in line for one, or left open by it',
    isGuess: false,
    kind: 'idle',
    resource: undefined,
    place: null,
    count: 1,
    shortest: ms,
    longest: ms,
    example,
  });
}

function join(draft: Draft, ms: number | null, example: string): void {
  draft.count++;
  if (ms === null) return;
  if (draft.shortest === null || ms < draft.shortest) draft.shortest = ms;
  if (draft.longest !== null && ms <= draft.longest) return;
  draft.longest = ms;
  draft.example = example;
}

/** The groups for which there is no line, as one. */
function joined(groups: readonly Group[]): Group {
  const known = (values: readonly (number | null)[]): number[] => values.filter((value) => value !== null);
  const shortest = known(groups.map((group) => group.shortest));
  const longest = known(groups.map((group) => group.longest));
  const first = groups.reduce((a, b) => ((b.longest ?? -1) > (a.longest ?? -1) ? b : a));
  return {
    of: first.of ?? 'clients',
    ball: first.ball,
    what: `more in ${plural(groups.length, 'other place')}`,
    kind: 'joined',
    place: null,
    count: groups.reduce((sum, { count }) => sum + count, 0),
    shortest: shortest.length === 0 ? null : Math.min(...shortest),
    longest: longest.length === 0 ? null : Math.max(...longest),
    example: first.example,
    joined: groups.length,
  };
}

/** Makes the verb agree with one: `1 waits in readLine`. */
export function conjugated(what: string, count: number): string {
  if (count !== 1) return what;
  return what.replace(/^(wait|sleep|run|have)\b/, (verb) => (verb === 'have' ? 'has' : `${verb}s`));
}

/**
 * The groups as text, a line each: `9,812 wait in readLine at chat.ts:14 (2 s to 3 h)`, then
 * `187 in drain at chat.ts:21`, and `1 task sleeps at menu.ts:3`.
 */
export function groupLines(groups: readonly Group[]): string[] {
  let before = '';
  return groups.map((group) => {
    const { of = 'clients', count, what, shortest, longest, joined: isJoined } = group;
    if (isJoined !== undefined) return `and ${countText(count)} ${what}`;
    const subject = of === 'clients' ? countText(count) : plural(count, 'task');
    const [, verb = '', rest = ''] = /^(wait )?(.*)$/.exec(what) ?? [];
    const isSame = verb !== '' && before === `${of} ${verb}`;
    before = `${of} ${verb}`;
    const span = shortest === null || longest === null ? '' : ` (${spanText(shortest, longest)})`;
    return `${subject} ${isSame ? rest : conjugated(what, count)}${span}`;
  });
}
