// Who has the ball while a task waits, by the kind of the wait; and for what a client waits, whose
// handler may wait for other tasks.
import type { Ball, TaskRow, WaitRow } from './records.ts';

/** Kinds of waits that are not named after what they wait for. */
const KINDS: Readonly<Record<string, Ball>> = {
  read: 'read',
  readExactly: 'read',
  readUntil: 'read',
  readLine: 'read',
  'datagram.receive': 'read',
  'watcher.next': 'read',
  'watcher.ready': 'read',
  'tail.next': 'read',
  'tail.ready': 'read',
  'signals.next': 'read',
  drain: 'drain',
  flush: 'drain',
  waitClosed: 'drain',
  'datagram.send': 'drain',
  sleep: 'clock',
  every: 'clock',
  'rate.acquire': 'clock',
  'server.serveForever': 'read',
  promise: 'unseen',
  'process.wait': 'unseen',
};

/**
 * Returns who has the ball while a task waits.
 * @param kind the kind of the wait
 * @param resource the kind of what it waits for; undefined for none
 */
export function ballOf(kind: string, resource: string | undefined): Ball {
  if (resource === 'job' || resource === 'executor') return 'kitchen';
  return KINDS[kind] ?? (kind.startsWith('executor.') ? 'kitchen' : 'other');
}

/** What a task waits for in the end: a task and its wait; none while it has no wait of maitre. */
export interface LeafOf<T, W> {
  readonly task: T;
  readonly wait: W | undefined;
  readonly ball: Ball;
}

/** As above, of the rows of a snapshot. */
export type Leaf = LeafOf<TaskRow, WaitRow>;

/** How the tasks are read: as rows, or alive. */
export interface LeafSource<T, W> {
  waitsOf(task: T): readonly W[];
  ballOf(wait: W): Ball;
  /** The ids of the tasks behind a wait; undefined for none. */
  tasksBehind(wait: W, task: T): readonly number[] | undefined;
  taskOf(id: number): T | undefined;
  isRunning(task: T): boolean;
}

/** How many tasks are looked at for one client. */
const MOST = 256;

/** What counts first where a task waits for several things at once. Unseen is the last. */
function rank(ball: Ball, kind: string | undefined): number {
  switch (ball) {
    case 'kitchen':
      return 0;
    case 'drain':
      return 1;
    case 'other':
      return kind?.endsWith('.acquire') === true ? 2 : 4;
    case 'read':
      return 3;
    case 'clock':
      return 5;
    default:
      return 6;
  }
}

/** Returns what a task waits for in the end, by the rows of a snapshot: see `followToLeaf`. */
export function leafOf(root: TaskRow, taskOf: (id: number) => TaskRow | undefined): Leaf {
  return followToLeaf(root, {
    waitsOf: ({ waits }) => waits,
    ballOf: ({ ball }) => ball,
    tasksBehind: ({ tasks }) => tasks,
    taskOf,
    isRunning: ({ state }) => state === 'running',
  });
}

/**
 * Returns what a task waits for in the end. It follows the tasks that it awaits, and those of its
 * groups. Of several it chooses the one that needs the program's attention most: a job, a drain, a
 * lock; then a read, and what remains. Of two alike it chooses the one that lasts longer.
 */
export function followToLeaf<
  T extends { readonly id: number },
  W extends { readonly kind: string; readonly since: number },
>(root: T, source: LeafSource<T, W>): LeafOf<T, W> {
  let best: LeafOf<T, W> | undefined;
  const visited = new Set<number>([root.id]);
  const stack = [root];
  for (let task = stack.pop(); task !== undefined; task = stack.pop()) {
    // In a blocked process: it does not wait, whatever waits it stands at besides.
    if (source.isRunning(task)) return { task, wait: undefined, ball: 'unseen' };
    const waits = source.waitsOf(task);
    if (waits.length === 0) best = better(best, { task, wait: undefined, ball: 'unseen' });
    for (const wait of waits) {
      let isLeaf = true;
      for (const id of source.tasksBehind(wait, task) ?? []) {
        const next = source.taskOf(id);
        if (next === undefined) continue;
        isLeaf = false;
        if (visited.has(id) || visited.size >= MOST) continue;
        visited.add(id);
        stack.push(next);
      }
      if (isLeaf) best = better(best, { task, wait, ball: source.ballOf(wait) });
    }
  }
  // A circle of tasks that await each other has no leaf.
  const [wait] = source.waitsOf(root);
  return best ?? { task: root, wait, ball: wait === undefined ? 'unseen' : source.ballOf(wait) };
}

function better<T, W extends { readonly kind: string; readonly since: number }>(
  best: LeafOf<T, W> | undefined,
  leaf: LeafOf<T, W>,
): LeafOf<T, W> {
  if (best === undefined) return leaf;
  const difference = rank(leaf.ball, leaf.wait?.kind) - rank(best.ball, best.wait?.kind);
  if (difference !== 0) return difference < 0 ? leaf : best;
  return (leaf.wait?.since ?? Infinity) < (best.wait?.since ?? Infinity) ? leaf : best;
}
