// What tasks, clients and resources of a snapshot are called, and where to find their rows.
import { escapeControl, quote } from '../base/index.ts';
import type { Place, ResourceRow, Snapshot, TaskRow } from './records.ts';
import { idText, ownId, parseId, roomOf } from './room-ids.ts';

/** The rows of a snapshot by id and key. Made once for each snapshot. */
export class Index {
  readonly snapshot: Snapshot;
  readonly #tasks = new Map<number, TaskRow>();
  readonly #resources = new Map<string, ResourceRow>();

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot;
    for (const task of snapshot.tasks) this.#tasks.set(task.id, task);
    for (const resource of snapshot.resources) this.#resources.set(resource.key, resource);
  }

  readonly taskOf = (id: number): TaskRow | undefined => this.#tasks.get(id);

  resourceOf(key: string | undefined): ResourceRow | undefined {
    return key === undefined ? undefined : this.#resources.get(key);
  }

  placeOf(index: number | null | undefined): Place | undefined {
    return index === null || index === undefined ? undefined : this.snapshot.places[index];
  }

  /** `client 7`, `task "oven"`, or `task 12` for one without a row. */
  nameOf(id: number | null): string {
    if (id === null) return 'code outside of tasks';
    const task = this.#tasks.get(id);
    return task === undefined ? `task ${idText(id)}` : nameOfTask(task);
  }

  /** `lock "ledger"`, or `lock 3` without a name. */
  labelOf(key: string): string {
    const resource = this.#resources.get(key);
    if (resource === undefined || resource.label === resource.kind) return key.replace(':', ' ');
    return escapeControl(resource.label);
  }

  /** `client 7`, `client 7 and 2 others`; undefined if nobody holds it, or it does not say. */
  holdersOf(resource: ResourceRow | undefined): string | undefined {
    const holders = resource?.holders ?? [];
    const [first, ...rest] = holders;
    if (first === undefined) return undefined;
    const name = this.nameOf(first.task);
    if (rest.length === 0) return name;
    return `${name} and ${rest.length === 1 ? 'another' : `${rest.length} others`}`;
  }
}

/** `client 7`, `task "oven"`, `task "oven" of worker 3`. */
export function nameOfTask({ serves, name, id }: TaskRow): string {
  if (serves?.startsWith('connection:') === true) return serves.replace('connection:', 'client ');
  const room = roomOf(id);
  return `task ${quote(name)}${room === 0 ? '' : ` of worker ${room}`}`;
}

/**
 * The name of a client as the program gave it; empty if the library made it, or if it says no more
 * than its number and its address, which stand beside it.
 */
export function ownName(name: string, id: number, peer: string): string {
  if (name === peer || name === `${peer} #${ownId(id)}`) return '';
  return /^(?:client|connection|task)[-# ]?\d+$/i.test(name) ? '' : name;
}

/** A task in a list of tasks: `client 7` for the handler of a client, with its name if the program gave one. */
export function titleOfTask(task: TaskRow): string {
  const { serves, name } = task;
  if (serves?.startsWith('connection:') !== true) return name === '' ? `task ${idText(task.id)}` : name;
  const [, peer = ''] = /^(.*) #\d+$/s.exec(name) ?? [];
  const own = ownName(name, parseId(serves.replace('connection:', '')) ?? 0, peer);
  const client = nameOfTask(task);
  return own === '' ? client : `${client}: ${own}`;
}

/** True for an accepted connection: a client. */
export function isClient({ kind, parent }: ResourceRow): boolean {
  return kind === 'connection' && parent?.startsWith('server:') === true;
}
