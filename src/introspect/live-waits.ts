// What live tasks wait for, and which other tasks stand behind that. Snapshots and samples read it
// from here, so that both say the same.
import { Awaitable, type Scope, Task, type TaskRecord, type Wait } from '../core/index.ts';
import { ballOf } from './ball.ts';
import type { Ball } from './records.ts';
import { resourceBehind } from './resource-rows.ts';

type AnyTask = Task<unknown>;
type AnyWait = Wait<unknown>;

/** The most waits of one task, and the most scopes that are looked into. */
const MOST_WAITS = 32;
/** The most tasks behind a wait, and the most that are said to await one. */
const MOST_LINKS = 1000;
/** How many gathers and shields inside each other are followed. */
const MOST_DEPTH = 100;

/** Returns the waits of a task: the latest of its own scope first. At most 32. Never throws. */
export function liveWaitsOf(task: AnyTask): readonly AnyWait[] {
  const first = task.waits as AnyWait | undefined; // only waits are linked
  if (task.inner === undefined && first?.nextOfScope === undefined) return first === undefined ? NONE : [first];
  const waits: AnyWait[] = [];
  try {
    // The scopes whose waits are still to come.
    const scopes: Scope[] = [task];
    for (let scope = scopes.pop(); scope !== undefined; scope = scopes.pop()) {
      for (let wait = scope.waits; wait !== undefined; wait = wait.nextOfScope) {
        if (waits.push(wait as AnyWait) >= MOST_WAITS) return waits;
      }
      for (let inner = scope.inner; inner !== undefined; inner = inner.next) {
        if (scopes.push(inner) >= MOST_WAITS) break;
      }
    }
  } catch {
    // interrupted where the list was being changed
  }
  return waits;
}

/** Returns who has the ball while a wait lasts. */
export function ballOfWait({ kind, resource }: AnyWait): Ball {
  return ballOf(kind, resourceBehind(resource)?.kind);
}

/** True if there can be tasks behind a wait: it is for tasks, a group, or several things. */
export function canHaveTasks({ kind, resource }: AnyWait): boolean {
  return resource instanceof Awaitable || Array.isArray(resource) || kind === GROUP;
}

/**
 * The tasks behind waits. A wait knows them only by what subscribed to them, so all tasks have to be
 * added before it is asked for any.
 */
export class TasksBehind {
  /** By wait, group or awaitable. */
  readonly #awaited = new Map<object, number[]>();
  /** The tasks of a group that are known by the task of the group alone. */
  readonly #started = new Map<object, number[]>();

  /** Adds a task. Returns the ids of the tasks that await it. */
  add(task: AnyTask): number[] {
    const awaiters: number[] = [];
    this.#follow(task, task.id, awaiters, MOST_DEPTH);
    if (awaiters.length === 0) return NO_TASKS;
    return awaiters.length === 1 ? awaiters : awaiters.sort((a, b) => a - b);
  }

  /** Returns the ids of the tasks for which a wait waits; undefined for none. */
  of(wait: AnyWait, task: TaskRecord): readonly number[] | undefined {
    const { resource } = wait;
    if (resource instanceof Task) return resource.done() ? undefined : [resource.id];
    const found =
      this.#awaited.get(wait) ??
      (typeof resource === 'object' && resource !== null ? this.#awaited.get(resource) : undefined);
    if (found !== undefined) return found;
    return wait.kind === GROUP ? this.#started.get(task) : undefined;
  }

  #follow(awaitable: Awaitable<unknown>, id: number, awaiters: number[], depth: number): void {
    for (const subscriber of awaitable.subscribers()) {
      const { task, awaitable: around } = subscriber;
      if (around !== undefined) {
        if (note(this.#awaited, around, id) && depth > 0) this.#follow(around, id, awaiters, depth - 1);
        continue;
      }
      if (task === undefined) continue;
      // A wait, a group, or a task of a group that has not called `started`.
      if (subscriber.constructor === Object) note(this.#started, task, id);
      else note(this.#awaited, subscriber, id);
      if (awaiters.length < MOST_LINKS && !awaiters.includes(task.id)) awaiters.push(task.id);
    }
  }
}

const NONE: readonly AnyWait[] = [];
const NO_TASKS: number[] = [];
/** The kind of the wait of a group for its tasks. */
const GROUP = 'task group';

/** Adds a task behind something. Returns false if it was there. */
function note(map: Map<object, number[]>, key: object, id: number): boolean {
  const ids = map.get(key);
  if (ids === undefined) map.set(key, [id]);
  else if (ids[ids.length - 1] === id) return false;
  else if (ids.length < MOST_LINKS) ids.push(id);
  return true;
}
