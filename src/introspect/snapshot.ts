// The snapshot: what lives at this moment, as plain data. The live tasks, waits and resources are
// walked; nothing is kept between two snapshots but places.
//
// - It is bounded in rows, waits, depth and text. What does not fit is counted.
// - It only reads, and it never throws. What cannot be read is left out.
// - It can be taken in the middle of other code, by the watchdog of a blocked process. Then it calls
//   nothing that the program may have written: no name that is computed, and no statistics of a
//   class that is not maitre's.
import {
  firstOpenResource,
  host,
  liveTasks,
  loopTime,
  type Resource,
  resourcesWithoutEnd,
  type Task,
  type TaskRecord,
  type Wait,
} from '../core/index.ts';
import { ballOfWait, liveWaitsOf, TasksBehind } from './live-waits.ts';
import { guess, learn, type Spot, spotOf } from './places.ts';
import type { LoopRow, Place, ProcessRow, ResourceRow, Snapshot, TaskRow, WaitRow } from './records.ts';
import { figuresOf, isOwnKind, keyOf, labelOf, resourceBehind } from './resource-rows.ts';
import { isCounting, usualTimes } from './counting.ts';
import { shortName } from './short-name.ts';

/** Options of `takeSnapshot`. */
export interface SnapshotOptions {
  /** The most rows of tasks, and of each kind of resource. Defaults to 20,000. */
  readonly rows?: number | undefined;
  /** The task whose code runs, in a blocked process. It is among the rows in any case. */
  readonly current?: TaskRecord | undefined;
  /** True if it is taken in the middle of other code. */
  readonly interrupted?: boolean | undefined;
  /** What the host knows about the process, and what was measured of its loop. */
  readonly process?: Partial<ProcessRow> | undefined;
  readonly loop?: LoopRow | undefined;
}

/** How many tasks are counted beyond the rows. */
const MOST_COUNTED = 10_000_000;

type AnyTask = Task<unknown>;
type AnyWait = Wait<unknown>;
/** A row while it is made. */
type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** The keys of a resource. Its row has them too. */
type Found = Pick<ResourceRow, 'key' | 'parent'>;

/**
 * True for a connection among the open resources, which all have been found before any task. There
 * can be so many that it counts to do without a map of them.
 */
function isOpenConnection({ kind, list }: Resource): boolean {
  return kind === 'connection' && list !== undefined;
}

function keysOf(resource: Resource): Found {
  const { parent } = resource;
  return parent === undefined ? { key: keyOf(resource) } : { key: keyOf(resource), parent: keyOf(parent) };
}

/** Takes a snapshot of the tasks, waits and resources that live in this thread. Never throws. */
export function takeSnapshot(options: SnapshotOptions = {}): Snapshot {
  return new Snapper(options).take(options);
}

class Snapper {
  readonly #rows: number;
  readonly #interrupted: boolean;
  readonly #current: TaskRecord | undefined;
  readonly #places: Place[] = [];
  readonly #placeIndices = new Map<Place, number>();
  readonly #resources: ResourceRow[] = [];
  /**
   * The resources that were found, but for open connections; and these by the tasks that serve them.
   */
  readonly #found = new Map<object, Found>();
  /** How many resources of each kind were found. */
  readonly #kinds = new Map<string, number>();
  /** The indices of the outer places of a spot. */
  readonly #outer = new Map<Spot, readonly number[]>();
  /** Waits without a site of their own, with what stands for the function of their task. */
  readonly #unplaced: [wait: Draft<WaitRow>, fn: object | string][] = [];
  readonly #tasks: Draft<TaskRow>[] = [];
  readonly #omitted = { tasks: 0, resources: 0 };
  readonly #behind = new TasksBehind();

  constructor({ rows = 20_000, interrupted = false, current }: SnapshotOptions) {
    this.#rows = rows;
    this.#interrupted = interrupted;
    this.#current = current;
  }

  take({ process, loop }: SnapshotOptions): Snapshot {
    const now = loopTime();
    this.#addResources();
    this.#addTasks();
    const usual = usualTimes();
    return {
      version: 1,
      now,
      process: {
        pid: 0,
        runtime: host.name,
        file: '',
        epoch: host.timeOrigin,
        uptime: now,
        rss: null,
        heapUsed: null,
        ...process,
      },
      loop: loop ?? { busy: null, lag: null },
      current: this.#current?.id ?? null,
      tasks: this.#tasks,
      resources: this.#resources,
      places: this.#places,
      omitted: this.#omitted,
      ...(usual === undefined ? {} : { usual }),
    };
  }

  // ---- resources -----------------------------------------------------------------------------------------------

  #addResources(): void {
    try {
      let counted = 0;
      for (
        let at = firstOpenResource();
        at !== undefined && counted < MOST_COUNTED;
        at = at.next as Resource | undefined
      ) {
        this.#addResource(at); // only resources are linked with them
        counted++;
      }
      for (const resource of resourcesWithoutEnd()) if (!this.#found.has(resource)) this.#addResource(resource);
    } catch {
      // interrupted where a list was being changed: what was found counts
    }
  }

  #addResource(resource: Resource): Found | undefined {
    try {
      const { kind } = resource;
      const count = this.#kinds.get(kind) ?? 0;
      this.#kinds.set(kind, count + 1);
      const found = count < this.#rows ? this.#addResourceRow(resource, kind) : keysOf(resource);
      if (count >= this.#rows) this.#omitted.resources++;
      if (!isOpenConnection(resource)) this.#found.set(resource, found);
      else if (resource.task !== undefined) this.#found.set(resource.task, found);
      return found;
    } catch {
      this.#omitted.resources++; // one that is being made, or whose class throws
      return undefined;
    }
  }

  #addResourceRow(resource: Resource, kind: string): ResourceRow {
    const mayCall = !this.#interrupted || isOwnKind(kind);
    const { id, name, parent, task } = resource;
    const { openedAt } = resource as { openedAt?: unknown };
    const key = keyOf(resource);
    const label = mayCall ? labelOf(resource) : kind;
    const statistics = mayCall ? figuresOf(resource.statistics()) : {};
    let row: Draft<ResourceRow>;
    // Nearly all are clients. Their rows are made in one piece, which costs half.
    if (parent !== undefined && task?.done() === false && typeof openedAt === 'number') {
      const since = openedAt - host.timeOrigin;
      row = { key, kind, id, label, parent: keyOf(parent), statistics, task: task.id, openedAt: since };
    } else {
      row = { key, kind, id, label, statistics };
      if (parent !== undefined) row.parent = keyOf(parent);
      if (task?.done() === false) row.task = task.id;
      if (typeof openedAt === 'number') row.openedAt = openedAt - host.timeOrigin;
    }
    if (name !== undefined) row.name = shortName(name);
    if (mayCall && resource.holders !== undefined) {
      row.holders = Array.from(resource.holders(), ({ task: holder, since }) => ({ task: holder?.id ?? null, since }));
    }
    this.#resources.push(row);
    return row;
  }

  // ---- tasks ---------------------------------------------------------------------------------------------------

  #addTasks(): void {
    const tasks = this.#findTasks();
    const drafts: (Draft<TaskRow> | undefined)[] = [];
    for (const task of tasks) {
      let row: Draft<TaskRow> | undefined;
      try {
        row = this.#rowOf(task);
        this.#tasks.push(row);
      } catch {
        this.#omitted.tasks++;
      }
      drafts.push(row);
    }
    // After all rows are linked: a wait knows its tasks only by what subscribed to them.
    for (let i = 0; i < tasks.length; i++) {
      const row = drafts[i];
      if (row !== undefined) row.waits = this.#waitsOf(tasks[i] as AnyTask, row); // i < length
    }
    // After all sites were seen.
    this.#guessPlaces();
  }

  /** The tasks that get rows: the current one, and the oldest. Counts the others. */
  #findTasks(): AnyTask[] {
    const tasks: AnyTask[] = [];
    const current = this.#current;
    let counted = 0;
    try {
      for (const task of liveTasks()) {
        if (tasks.length < this.#rows) tasks.push(task);
        else if (task === current) tasks[tasks.length - 1] = task;
        if (++counted >= MOST_COUNTED) break;
      }
    } catch {
      // as in #addResources
    }
    this.#omitted.tasks += counted - tasks.length;
    return tasks;
  }

  /** The row of a task, without its waits. Notes for whom it is waited. */
  #rowOf(task: AnyTask): Draft<TaskRow> {
    const serves = this.#found.get(task)?.key;
    const row: Draft<TaskRow> = {
      id: task.id,
      name: this.#nameOf(task, serves),
      state: 'unseen',
      creator: null,
      awaitedBy: this.#behind.add(task),
      createdAt: this.#placeOf(spotOf(task.site, this.#interrupted)),
      startedAt: task.startedAt < 0 ? null : task.startedAt,
      steps: isCounting() ? task.steps : null,
      cancelling: task.cancels,
      waits: NONE,
    };
    if (serves !== undefined) row.serves = serves;
    if (task.createdAtGuessed) row.createdAtGuessed = true;
    const { creatorId } = task;
    if (creatorId !== 0) row.creator = creatorId;
    return row;
  }

  #nameOf(task: AnyTask, serves: string | undefined): string {
    if (!this.#interrupted) return shortName(task.name);
    if (task.knownName !== undefined) return shortName(task.knownName);
    return serves === undefined ? `Task-${task.id}` : serves.replace(':', ' ');
  }

  #placeOf(spot: Spot | undefined): number | null {
    return spot === undefined ? null : this.#indexOf(spot.place);
  }

  #indexOf(place: Place): number {
    let index = this.#placeIndices.get(place);
    if (index === undefined) {
      index = this.#places.push(place) - 1;
      this.#placeIndices.set(place, index);
    }
    return index;
  }

  // ---- waits ---------------------------------------------------------------------------------------------------

  #waitsOf(task: AnyTask, row: Draft<TaskRow>): readonly WaitRow[] {
    const waits: WaitRow[] = [];
    for (const wait of liveWaitsOf(task)) {
      try {
        waits.push(this.#waitRow(wait, task, row));
      } catch {
        // one that is being made
      }
    }
    if ((task as TaskRecord) === this.#current) row.state = 'running';
    else if (waits.length > 0) row.state = 'waiting';
    return waits.length === 0 ? NONE : waits;
  }

  #waitRow(wait: AnyWait, task: AnyTask, row: TaskRow): WaitRow {
    const { kind, since, resource: waitedFor, answeredAt } = wait;
    const resource = resourceBehind(waitedFor);
    const ball = ballOfWait(wait);
    const found = resource === undefined ? undefined : this.#foundOf(resource, task);
    const draft: Draft<WaitRow> =
      found === undefined
        ? { kind, ball, since, place: null }
        : { kind, ball, since, place: null, resource: found.key };
    const tasks = this.#behind.of(wait, task);
    if (tasks !== undefined) draft.tasks = tasks;
    if (wait.state !== 'waiting') {
      draft.answered = true;
      if (answeredAt !== undefined) draft.answeredAt = answeredAt;
    }
    const fn = this.#functionOf(task, row);
    const spot = spotOf(wait.site, this.#interrupted);
    if (spot !== undefined) this.#setPlace(draft, spot);
    if (fn !== undefined) {
      if (spot === undefined) this.#unplaced.push([draft, fn]);
      else learn(fn, kind, spot);
    }
    return draft;
  }

  /** What stands for the function of a task: its server, or where it was created. */
  #functionOf(task: AnyTask, { serves, createdAt }: TaskRow): object | string | undefined {
    if (serves !== undefined) return this.#found.get(task)?.parent;
    return createdAt === null ? undefined : this.#places[createdAt];
  }

  #setPlace(draft: Draft<WaitRow>, spot: Spot): void {
    draft.place = this.#indexOf(spot.place);
    if (spot.outer.length === 0) return;
    let outer = this.#outer.get(spot);
    if (outer === undefined) {
      outer = spot.outer.map((each) => this.#indexOf(each));
      this.#outer.set(spot, outer);
    }
    draft.outer = outer;
  }

  #guessPlaces(): void {
    for (const [draft, fn] of this.#unplaced) {
      const spot = guess(fn, draft.kind);
      if (spot === undefined) continue;
      this.#setPlace(draft, spot);
      draft.guessed = true;
    }
  }

  /** The keys of what a task waits for. Adds a row for it, if it has none. */
  #foundOf(resource: Resource, task: AnyTask): Found | undefined {
    if (!isOpenConnection(resource)) return this.#found.get(resource) ?? this.#addResource(resource);
    return resource.task === (task as TaskRecord) ? this.#found.get(task) : keysOf(resource);
  }
}

const NONE: readonly WaitRow[] = [];
