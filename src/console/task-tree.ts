// `maitre pstree`: which task was created by which, below the servers whose clients they serve.
// Identical leaves are joined, so that a server with ten thousand clients is a few lines.
//
// The parent of a task is, in this order: the server of the client that it serves, its creator, the
// first task that awaits it. A parent that has ended is none: then the task stands at the root.
import {
  countText,
  idText,
  type Methods,
  nameOfTask,
  plural,
  type Snapshot,
  SnapshotIndex,
  taskWords,
  type TaskRow,
} from '../inspect/protocol/index.ts';
import { answerHead, processFacts, type Width } from './answer-head.ts';
import { fitLine } from './cell-width.ts';
import { durationCell, spanCell } from './cell-text.ts';
import { type Line, line, span } from './line.ts';
import { waitedFor } from './tasks-view.ts';

/** Levels that are drawn. A chain of awaits can be any number of tasks long. */
const DEEPEST = 16;
/** From this number on, siblings that do the same are one line. */
const JOIN = 3;

interface Node {
  readonly label: Line;
  readonly children: Node[];
}

/** The tree of the tasks of a snapshot. */
export function treeView(result: Methods['snapshot']['result'], width: Width): Line[] {
  const { snapshot } = result;
  const index = new SnapshotIndex(snapshot);
  const roots = plant(snapshot, index);
  const lines: Line[] = [...answerHead(result, width), line(processFacts(snapshot.process).join(' · '), 'faint')];
  draw(roots, '', lines);
  const { tasks: omitted } = snapshot.omitted;
  if (omitted > 0) lines.push(line(`and ${plural(omitted, 'more task')} that the process left out`, 'notice'));
  return width === undefined ? lines : lines.map((each) => fitLine(each, width));
}

/** Makes the nodes: servers with their clients' tasks, and the tasks at the root. */
function plant(snapshot: Snapshot, index: SnapshotIndex): Node[] {
  const parents = new Map(snapshot.resources.map(({ key, parent }) => [key, parent]));
  const below = new Map<string | number, TaskRow[]>(); // by the server's key or the parent's id
  const roots: TaskRow[] = [];
  for (const task of snapshot.tasks) {
    const server = task.serves === undefined ? undefined : parents.get(task.serves);
    const parent = server ?? parentOf(task, index);
    if (parent === undefined) roots.push(task);
    else below.set(parent, [...take(below, parent), task]);
  }
  const seen = new Set<number>(); // two tasks may each await what the other created
  const grow = (tasks: readonly TaskRow[], depth: number): Node[] => {
    const fresh = tasks.filter(({ id }) => !seen.has(id));
    for (const { id } of fresh) seen.add(id);
    return joined(
      fresh,
      (task) => take(below, task.id),
      index,
      snapshot.now,
      (children) => (depth < DEEPEST ? grow(children, depth + 1) : deeper(children.length)),
    );
  };
  const servers = [...below.keys()].filter((key) => typeof key === 'string');
  return [
    ...servers.map((key) => ({ label: line(index.labelOf(key), 'strong'), children: grow(take(below, key), 1) })),
    ...grow(roots, 0),
    // A circle has no root. It is drawn from its first task on.
    ...snapshot.tasks.flatMap((task) => (seen.has(task.id) ? [] : grow([task], 0))),
  ];
}

function take<K>(lists: ReadonlyMap<K, TaskRow[]>, key: K): TaskRow[] {
  return lists.get(key) ?? [];
}

function parentOf(task: TaskRow, index: SnapshotIndex): number | undefined {
  return (
    [task.creator, ...task.awaitedBy].find((id) => id !== null && id !== task.id && index.taskOf(id) !== undefined) ??
    undefined
  );
}

/** Nodes of siblings; leaves that do the same, in the same place, are joined. */
function joined(
  tasks: readonly TaskRow[],
  childrenOf: (task: TaskRow) => readonly TaskRow[],
  index: SnapshotIndex,
  now: number,
  grow: (children: readonly TaskRow[]) => Node[],
): Node[] {
  const alike = new Map<string, TaskRow[]>();
  for (const task of tasks) {
    // A task with children stands alone.
    const key = childrenOf(task).length > 0 ? `${task.id}` : `=${taskWords(task, index)}`;
    const list = alike.get(key);
    if (list === undefined) alike.set(key, [task]);
    else list.push(task);
  }
  return [...alike.values()].flatMap((list) => {
    const [first] = list;
    if (first !== undefined && list.length >= JOIN) return [{ label: joinedLabel(list, index, now), children: [] }];
    return list.map((task) => ({ label: label(task, index, now), children: grow(childrenOf(task)) }));
  });
}

function label(task: TaskRow, index: SnapshotIndex, now: number): Line {
  const waited = waitedFor(task, now);
  return [
    span(nameOfTask(task), 'strong'),
    span(` (${idText(task.id)}): `, 'faint'),
    span(taskWords(task, index), task.state === 'running' ? 'alarm' : 'plain'),
    ...(waited === null ? [] : [span(`, ${durationCell(waited)}`, 'faint')]),
  ];
}

function joinedLabel(tasks: readonly TaskRow[], index: SnapshotIndex, now: number): Line {
  const [first] = tasks;
  if (first === undefined) return [];
  const waited = tasks.flatMap((task) => waitedFor(task, now) ?? []);
  const range = waited.length === 0 ? '' : `, ${spanCell(Math.min(...waited), Math.max(...waited))}`;
  return [
    span(`${countText(tasks.length)} × `, 'strong'),
    span(`${nameOfTask(first)}, ...: `, 'faint'),
    span(taskWords(first, index)),
    span(range, 'faint'),
  ];
}

function deeper(count: number): Node[] {
  return count === 0 ? [] : [{ label: line('and deeper', 'faint'), children: [] }];
}

function draw(nodes: readonly Node[], indent: string, lines: Line[]): void {
  for (const [place, node] of nodes.entries()) {
    const isLast = place === nodes.length - 1;
    lines.push([span(`${indent}${isLast ? '└─ ' : '├─ '}`, 'faint'), ...node.label]);
    draw(node.children, `${indent}${isLast ? '   ' : '│  '}`, lines);
  }
}
