// The tasks as a tree: below each task those that it awaits, or that it started. Where many children wait at the same
// place for the same thing, they are one row that opens.
import {
  conjugated,
  type Snapshot,
  SnapshotIndex,
  taskWhat,
  type TaskRow,
  titleOfTask,
} from '../../../inspect/protocol/index.ts';
import { BALL_INDEX } from './ball-index.ts';

export interface TreeRow {
  /** Unique among the rows. */
  readonly key: string;
  /** For each level, whether a line goes on there: `line`, `branch`, `last`, or none. */
  readonly indent: readonly ('line' | 'branch' | 'last' | 'none')[];
  readonly name: string;
  /** Beside the name: what the task serves. */
  readonly note: string;
  /** -1 for none. */
  readonly ball: number;
  readonly what: string;
  /** When its wait began: the earliest of a group. Null if unknown. */
  readonly since: number | null;
  /** When the latest wait of a group began; null for a single task. */
  readonly latest: number | null;
  readonly where: string;
  readonly steps: number | null;
  /** How many tasks it stands for; 1 for a task. */
  readonly count: number;
  /** Undefined for a row that does not open. */
  readonly open?: boolean;
  /** The id of the table that it serves; null for none. */
  readonly table: number | null;
  /** All that a filter looks at. */
  readonly text: string;
}

/** From this many alike children on, they are one row. */
const ALIKE = 3;
/** Children of an open group that are shown. */
const MOST = 200;

export function treeRows(snapshot: Snapshot, isOpen: (key: string) => boolean): TreeRow[] {
  const byId = new Map(snapshot.tasks.map((task) => [task.id, task]));
  const index = new SnapshotIndex(snapshot);
  const children = new Map<number, TaskRow[]>();
  const roots: TaskRow[] = [];
  for (const task of snapshot.tasks) {
    const above = [...task.awaitedBy, task.creator].find((id) => id !== null && id !== task.id && byId.has(id));
    // Two that await each other have no top; the one that is older is it.
    if (above === undefined || above === null || isBelow(byId, above, task.id)) roots.push(task);
    else children.set(above, [...(children.get(above) ?? []), task]);
  }
  const rows: TreeRow[] = [];
  const words = (task: TaskRow): Words => wordsOf(task, index);

  const put = (task: TaskRow, indent: TreeRow['indent']): void => {
    rows.push(taskRow(task, words(task), indent));
    putAll(children.get(task.id) ?? [], `${task.id}`, indent);
  };

  const putAll = (tasks: readonly TaskRow[], key: string, indent: TreeRow['indent']): void => {
    const below = indent.map((each) => (each === 'branch' || each === 'line' ? 'line' : 'none'));
    const groups = groupsOf(tasks, words, children);
    for (const [i, group] of groups.entries()) {
      const own = [...below, i === groups.length - 1 ? 'last' : 'branch'] as const;
      const [first] = group;
      if (first === undefined) continue;
      if (group.length < ALIKE) {
        for (const [j, task] of group.entries()) {
          put(task, [...below, i === groups.length - 1 && j === group.length - 1 ? 'last' : 'branch']);
        }
        continue;
      }
      const id = `${key}/${words(first).key}`;
      const open = isOpen(id);
      rows.push(groupRow(group, words(first), id, own, open));
      if (!open) continue;
      const deeper = own.map((each) => (each === 'branch' || each === 'line' ? 'line' : 'none'));
      const shown = group.slice(0, MOST);
      for (const [j, task] of shown.entries()) put(task, [...deeper, j === group.length - 1 ? 'last' : 'branch']);
      if (group.length > shown.length) {
        rows.push({ ...moreRow(group.length - shown.length, id), indent: [...deeper, 'last'] });
      }
    }
  };

  for (const task of roots) put(task, []);
  return rows;
}

interface Words {
  readonly key: string;
  readonly ball: number;
  readonly what: string;
  readonly where: string;
  readonly since: number | null;
}

/** The words of `maitre ps`, with the place in a column of its own. */
function wordsOf(task: TaskRow, index: SnapshotIndex): Words {
  const [wait] = task.waits;
  const what = conjugated(taskWhat(task, index), 1);
  if (task.state === 'running') return { key: 'running', ball: -1, what, where: '', since: null };
  if (wait === undefined) return { key: 'unseen', ball: BALL_INDEX.unseen, what, where: '', since: null };
  const where = index.placeOf(wait.place)?.text ?? '';
  return { key: `${wait.kind} ${where}`, ball: BALL_INDEX[wait.ball], what, where, since: wait.since };
}

/** Children that are alike together, in the order in which the first of each comes. */
function groupsOf(
  tasks: readonly TaskRow[],
  words: (task: TaskRow) => Words,
  children: ReadonlyMap<number, TaskRow[]>,
): TaskRow[][] {
  const groups = new Map<string, TaskRow[]>();
  for (const task of tasks) {
    // A task with others below it stands for itself.
    const key = children.has(task.id) ? `task ${task.id}` : words(task).key;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [task]);
    else group.push(task);
  }
  return [...groups.values()];
}

function taskRow(task: TaskRow, { ball, what, where, since }: Words, indent: TreeRow['indent']): TreeRow {
  const served = /^(?!connection:)(.*):(\d+)$/.exec(task.serves ?? '');
  const note = [
    ...(served === null ? [] : [`${served[1]} ${served[2]}`]),
    ...(task.cancelling > 0 ? ['cancel asked'] : []),
  ];
  const name = titleOfTask(task);
  return {
    key: `task ${task.id}`,
    indent,
    name,
    note: note.join(', '),
    ball,
    what,
    since,
    latest: null,
    where,
    steps: task.steps,
    count: 1,
    table: servedBy(task),
    text: `${name} ${note.join(' ')} ${what} ${where}`,
  };
}

function groupRow(
  tasks: readonly TaskRow[],
  { ball, what, where }: Words,
  key: string,
  indent: TreeRow['indent'],
  open: boolean,
): TreeRow {
  const begun = tasks.map(({ waits }) => waits[0]?.since).filter((since) => since !== undefined);
  const handlers = tasks.every(({ serves }) => serves !== undefined);
  const steps = tasks.reduce((sum, task) => sum + (task.steps ?? 0), 0);
  return {
    key,
    indent,
    name: `${tasks.length} ${handlers ? 'handlers' : 'tasks'}`,
    note: '',
    ball,
    what,
    since: begun.length === 0 ? null : Math.min(...begun),
    latest: begun.length === 0 ? null : Math.max(...begun),
    where,
    steps,
    count: tasks.length,
    open,
    table: null,
    text: `${what} ${where} ${tasks.map(({ name, serves }) => `${name} ${serves ?? ''}`).join(' ')}`,
  };
}

function moreRow(number: number, key: string): Omit<TreeRow, 'indent'> {
  const rest = {
    note: '',
    ball: -1,
    what: '',
    since: null,
    latest: null,
    where: '',
    steps: null,
    table: null,
    text: '',
  };
  return { key: `${key}/more`, name: `and ${number} more`, count: number, ...rest };
}

function servedBy({ serves }: TaskRow): number | null {
  const [, id] = /^connection:(\d+)$/.exec(serves ?? '') ?? [];
  return id === undefined ? null : Number(id);
}

/** Whether a task is somewhere below another, by who awaits or created whom. */
function isBelow(byId: ReadonlyMap<number, TaskRow>, task: number, other: number): boolean {
  const seen = new Set<number>();
  for (let id: number | null | undefined = task; id !== null && id !== undefined && !seen.has(id);) {
    if (id === other) return true;
    seen.add(id);
    const row: TaskRow | undefined = byId.get(id);
    id = row?.awaitedBy.find((each) => byId.has(each)) ?? row?.creator;
  }
  return false;
}
