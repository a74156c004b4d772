// The names of a recording: which tables, resources and places it has, each once, in the order in
// which they are first needed. Others refer to them by index.
import { ballOf } from './ball.ts';
import type { NotedResource, NotedTask, RecordingNotes } from './notes.ts';
import type { RecordedJob, RecordedTable, RecordedWait, Recording } from './recording.ts';
import type { Place } from './records.ts';
import { once } from './once.ts';

/** A wait, with its place and resource as they are numbered in the notes and the ring. */
export interface KnownWait {
  readonly kind: string;
  readonly since: number;
  readonly place: number | null;
  readonly resource: string | null;
  /** The task that held the resource when the wait began; 0 for none. */
  readonly holder: number;
  ready: number | undefined;
  readyAfter: number | undefined;
}

/** A job, with the keys and numbers of the ring. */
export interface KnownJob {
  readonly id: number;
  executor: string | null;
  worker: number | null;
  task: number;
  queued: number | null;
  started: number | null;
  ended: number | null;
}

/** Rounds milliseconds to whole microseconds. */
export function wholeMicros(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

interface Table {
  readonly table: Omit<RecordedTable, 'start'>;
  /** The task of the handler, or the task itself. */
  readonly task: number;
}

export class RecordingNames {
  readonly resources: Recording['resources'][number][] = [];
  readonly places: Place[] = [];
  readonly #notes: RecordingNotes;
  readonly #tasks: ReadonlyMap<number, NotedTask>;
  readonly #resources: ReadonlyMap<string, NotedResource>;
  /** Accepted connections by the task of their handler. */
  readonly #clients = new Map<number, NotedResource>();
  readonly #handlers = new Map<number, number>();
  /** The task for which a task works; see NotedTask. */
  readonly #owners = new Map<number, number>();
  readonly #starts = new Map<number, KnownWait>();
  readonly #tables: Table[] = [];
  readonly #tableOf = new Map<number, number>();
  readonly #resourceAt = new Map<string, number>();
  readonly #placeAt = new Map<number, number>();
  readonly #waits = new Map<KnownWait, RecordedWait>();

  constructor(notes: RecordingNotes) {
    this.#notes = notes;
    this.#tasks = new Map(notes.tasks.map((task) => [task.id, task]));
    this.#resources = new Map(notes.resources.map((resource) => [`${resource.kind}:${resource.id}`, resource]));
    for (const task of notes.tasks) this.own(task.id, task.owner ?? 0);
    for (const resource of notes.resources) {
      if (resource.peer === undefined || resource.task === undefined) continue;
      this.#clients.set(resource.task, resource);
      this.#handlers.set(resource.id, resource.task);
    }
  }

  /** The task of the handler of a client. */
  handlerOf(connection: number): number | undefined {
    return this.#handlers.get(connection);
  }

  waitKind(number: number): string {
    return this.#notes.waitKinds[number] ?? '';
  }

  resourceKind(number: number): string {
    return this.#notes.resourceKinds[number] ?? '';
  }

  /** The key of a resource of the ring; null for none. */
  key(kind: number, id: number): string | null {
    const name = this.resourceKind(kind);
    return name === '' ? null : `${name}:${id}`;
  }

  /** Notes that a task works for another one; 0 for none. */
  own(task: number, owner: number): void {
    if (owner !== 0) this.#owners.set(task, owner);
  }

  /** Notes what a task waits for at the start. The first one counts. */
  start(task: number, wait: KnownWait): void {
    if (!this.#starts.has(task)) this.#starts.set(task, wait);
  }

  /** The tasks that wait for something at the start. */
  started(): Iterable<number> {
    return this.#starts.keys();
  }

  /** The index of the table of a task: that of the client for whom it works, else its own. */
  table(task: number): number {
    const known = this.#tableOf.get(task);
    if (known !== undefined) return known;
    const at = this.#ownerOf(task);
    const client = this.#clients.get(at);
    const index =
      client !== undefined && at !== task ? this.table(at) : this.#newTable(client === undefined ? task : at);
    this.#tableOf.set(task, index);
    return index;
  }

  /** Whether the program serves clients, as far as it is known. */
  get hasClients(): boolean {
    return this.#clients.size > 0;
  }

  /** Whether a task is the handler of a client, or works for one. */
  isOfClient(task: number): boolean {
    return this.#clients.has(this.#ownerOf(task));
  }

  /** The task for which a task works in the end: the handler of a client, where there is one. */
  #ownerOf(task: number): number {
    let at = task;
    // Both the task of a group and a creator are older, so this ends.
    for (let owner = this.#owners.get(at); owner !== undefined && owner < at; owner = this.#owners.get(at)) {
      if (this.#clients.has(at)) break;
      at = owner;
    }
    return at;
  }

  #newTable(task: number): number {
    const client = this.#clients.get(task);
    const name = this.#tasks.get(task)?.name ?? `Task-${task}`;
    const table =
      client === undefined
        ? { id: task, what: 'task' as const, name, peer: '' }
        : { id: client.id, what: 'client' as const, name, peer: client.peer ?? '' };
    return this.#tables.push({ table, task }) - 1;
  }

  /** The tables, each with what it waited for at the start. */
  tables(): RecordedTable[] {
    const recorded: RecordedTable[] = [];
    // By index: the holder of a lock may be a table that nothing else has named.
    for (let i = 0; i < this.#tables.length; i++) {
      const { table, task } = this.#tables[i] as Table; // i < length
      recorded.push({ ...table, start: this.wait(this.#starts.get(task) ?? null) });
    }
    return recorded;
  }

  /** The same object for the same wait. */
  wait(wait: KnownWait | null): RecordedWait | null {
    if (wait === null) return null;
    let recorded = this.#waits.get(wait);
    if (recorded === undefined) {
      const { kind, ready, readyAfter, holder } = wait;
      recorded = {
        kind,
        ball: ballOf(kind, wait.resource?.split(':')[0]),
        since: wholeMicros(wait.since),
        place: wait.place === null ? null : this.#place(wait.place),
        resource: this.#resource(wait.resource),
        ...(ready === undefined ? undefined : { ready: wholeMicros(ready) }),
        ...(readyAfter === undefined ? undefined : { readyAfter: wholeMicros(readyAfter) }),
        ...(holder === 0 ? undefined : { holder: this.table(holder) }),
      };
      this.#waits.set(wait, recorded);
    }
    return recorded;
  }

  job({ id, executor, worker, task, queued, started, ended }: KnownJob): RecordedJob {
    const name = this.#resources.get(`job:${id}`)?.label ?? `job ${id}`;
    const at = this.#resource(executor ?? 'executor:0') as number; // not null, since the key is not
    return {
      name,
      executor: at,
      worker,
      table: task === 0 ? null : this.table(task),
      queued: queued === null ? null : wholeMicros(queued),
      started: started === null ? null : wholeMicros(started),
      ended: ended === null ? null : wholeMicros(ended),
    };
  }

  #place(number: number): number | null {
    const place = this.#notes.places[number];
    if (place === undefined) return null;
    return once(this.#placeAt, number, () => this.places.push(place) - 1);
  }

  #resource(key: string | null): number | null {
    if (key === null) return null;
    return once(this.#resourceAt, key, () => {
      const [kind = '', id = ''] = key.split(':');
      const name = kind === 'task' ? this.#tasks.get(Number(id))?.name : undefined;
      const label =
        this.#resources.get(key)?.label ?? (kind === 'task' ? `Task "${name ?? `Task-${id}`}"` : `${kind} ${id}`);
      return this.resources.push({ key, kind, label }) - 1;
    });
  }
}
