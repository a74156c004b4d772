// Who waits for whom. The links are the wait records and subscribers themselves, so nothing is
// stored for this alone. asyncio 3.14: `capture_call_graph`, `format_call_graph`.
import { type Awaitable, currentTask, InvalidStateError, Task, waitsOf } from '../../core/index.ts';

/** A task and the tasks that await it. */
export interface CallGraph {
  readonly task: Task<unknown>;
  /** The frames where it waits, innermost first; empty unless tracing is on. */
  readonly stack: readonly string[];
  /**
   * The tasks that await it, each with the tasks that await that one. A circle ends where it
   * closes.
   */
  readonly awaitedBy: readonly CallGraph[];
}

/**
 * Returns the graph of the tasks that await a task. asyncio: `capture_call_graph`.
 * @param task the task; default: the current one
 * @throws InvalidStateError outside of tasks, without an argument
 *
 * @example
 * ```ts
 * import { captureCallGraph, createTask, sleep } from 'maitre';
 * const soup = createTask(() => sleep(10), { name: 'soup' });
 * const menu = createTask(() => soup, { name: 'menu', eager: true });
 * console.log(captureCallGraph(soup).awaitedBy.map(({ task }) => task.name));
 * await menu;
 * ```
 */
export function captureCallGraph(task: Task<unknown> | undefined = currentTask()): CallGraph {
  if (task === undefined) throw new InvalidStateError('Cannot capture the call graph: no task is running, pass one');
  return graphOf(task, new Set());
}

function graphOf(task: Task<unknown>, path: ReadonlySet<Task<unknown>>): CallGraph {
  const here = new Set(path).add(task);
  const awaitedBy: CallGraph[] = [];
  for (const awaiter of awaitersOf(task, new Set())) if (!here.has(awaiter)) awaitedBy.push(graphOf(awaiter, here));
  return { task, stack: task.stack(), awaitedBy };
}

/** Returns the tasks behind the subscribers of an awaitable, through gathers and shields. */
function awaitersOf(awaitable: Awaitable<unknown>, seen: Set<Awaitable<unknown>>): Set<Task<unknown>> {
  const awaiters = new Set<Task<unknown>>();
  if (seen.has(awaitable)) return awaiters;
  seen.add(awaitable);
  for (const subscriber of awaitable.subscribers()) {
    if (subscriber.task instanceof Task) awaiters.add(subscriber.task as Task<unknown>);
    if (subscriber.awaitable !== undefined)
      for (const task of awaitersOf(subscriber.awaitable, seen)) awaiters.add(task);
  }
  return awaiters;
}

/**
 * Returns the graph as text: the task, what it waits for, its stack and, indented below, the tasks
 * that await it. asyncio: `format_call_graph`.
 * @param task the task; default: the current one
 * @throws InvalidStateError outside of tasks, without an argument
 *
 * @example
 * ```ts
 * import { createTask, formatCallGraph, sleep } from 'maitre';
 * const soup = createTask(() => sleep(10), { name: 'soup', eager: true });
 * console.log(formatCallGraph(soup));
 * await soup;
 * ```
 */
export function formatCallGraph(task?: Task<unknown>): string {
  const lines: string[] = [];
  format(captureCallGraph(task), 0, lines);
  return lines.join('\n');
}

function format(graph: CallGraph, depth: number, lines: string[]): void {
  const indent = '    '.repeat(depth);
  const waits = waitsOf(graph.task).map((wait) => wait.kind);
  lines.push(`${indent}* ${graph.task.label}${waits.length === 0 ? '' : ` waits for ${waits.join(' and ')}`}`);
  for (const frame of graph.stack) lines.push(`${indent}  at ${frame}`);
  if (graph.awaitedBy.length > 0) lines.push(`${indent}  awaited by:`);
  for (const awaiter of graph.awaitedBy) format(awaiter, depth + 1, lines);
}
