// Who cannot go on because of whom: from tasks to what they wait for, from there to the tasks that
// hold it. A circle in which nobody can go on is a deadlock.
//
// - A wait is *stuck* if only tasks can end it and all of these are stuck: those that hold the lock,
//   or that are awaited. Everything else can still be answered from outside: a read, a sleep, a queue.
// - A task is stuck if it stands at waits and all of them are stuck.
// - So first all tasks count as stuck that wait for tasks alone; then those that wait for one that is
//   not are taken out, until nothing changes. What remains is in a circle, or waits for one.
//
// It is careful: of several holders, or several tasks of a group, one that can go on is enough.
import { Index } from './named.ts';
import type { Cycle, Snapshot, TaskRow, WaitRow } from './records.ts';

/** The most circles that are reported. */
const MOST_CYCLES = 10;

interface Edge {
  readonly wait: WaitRow;
  /** The tasks that could end the wait. */
  readonly by: readonly number[];
}

/** Returns the circles of tasks in which nobody can go on. */
export function cyclesOf(snapshot: Snapshot, index: Index = new Index(snapshot)): readonly Cycle[] {
  const stuck = findStuck(snapshot, index);
  const cycles: Cycle[] = [];
  const seen = new Set<number>();
  for (const start of stuck.keys()) {
    const path: number[] = [];
    const at = new Map<number, number>();
    let id: number | undefined = start;
    while (id !== undefined && !seen.has(id)) {
      seen.add(id);
      at.set(id, path.length);
      path.push(id);
      id = stuck.get(id)?.[0]?.by[0];
    }
    const from = id === undefined ? undefined : at.get(id);
    if (from === undefined) continue; // it leads to a circle that was found before
    const tasks = path.slice(from);
    cycles.push({ tasks, sentence: sentenceOf(tasks, stuck, index) });
    if (cycles.length === MOST_CYCLES) break;
  }
  return cycles;
}

/** Returns the tasks that are stuck, with their waits. */
function findStuck({ tasks }: Snapshot, index: Index): Map<number, readonly Edge[]> {
  const stuck = new Map<number, readonly Edge[]>();
  for (const task of tasks) {
    const edges = edgesOf(task, index);
    if (edges !== undefined) stuck.set(task.id, edges);
  }
  // Who waits for a task that is stuck so far: what is to be looked at again when that one is not.
  const waiters = new Map<number, number[]>();
  for (const [id, edges] of stuck) {
    for (const { by } of edges) {
      for (const other of by) {
        const known = waiters.get(other);
        if (known === undefined) waiters.set(other, [id]);
        else known.push(id);
      }
    }
  }
  const free = [...waiters.keys()].filter((id) => !stuck.has(id));
  for (let id = free.pop(); id !== undefined; id = free.pop()) {
    for (const waiter of waiters.get(id) ?? []) if (stuck.delete(waiter)) free.push(waiter);
  }
  return stuck;
}

/** The edges of a task that waits for tasks alone; undefined if something else can let it go on. */
function edgesOf({ waits, state }: TaskRow, index: Index): readonly Edge[] | undefined {
  if (state === 'running' || waits.length === 0) return undefined;
  const edges: Edge[] = [];
  for (const wait of waits) {
    if (wait.answered === true) return undefined;
    const by = wait.tasks ?? holdersOf(wait, index);
    if (by === undefined || by.length === 0) return undefined;
    edges.push({ wait, by });
  }
  return edges;
}

/** The tasks that hold what is waited for; undefined if it may be released by something else. */
function holdersOf({ kind, resource }: WaitRow, index: Index): readonly number[] | undefined {
  if (!kind.endsWith('.acquire')) return undefined;
  const holders: number[] = [];
  for (const { task } of index.resourceOf(resource)?.holders ?? []) {
    if (task === null || index.taskOf(task) === undefined) return undefined;
    holders.push(task);
  }
  return holders;
}

/** `Deadlock: task "a" waits for lock "x", held by task "b", which waits for ...`. */
function sentenceOf(tasks: readonly number[], stuck: ReadonlyMap<number, readonly Edge[]>, index: Index): string {
  const [first] = tasks;
  const text = tasks.map((id, i) => {
    const wait = stuck.get(id)?.[0]?.wait;
    const next = tasks[(i + 1) % tasks.length] ?? null;
    const name = next === id ? 'itself' : index.nameOf(next);
    return wait?.resource === undefined || wait.tasks !== undefined
      ? `waits for ${name}`
      : `waits for ${index.labelOf(wait.resource)}, ${next === id ? 'which it holds itself' : `held by ${name}`}`;
  });
  return `Deadlock: ${index.nameOf(first ?? null)} ${text.join(', which ')}.`;
}
