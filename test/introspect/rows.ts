// Snapshots made by hand, for the tests of what is made of them.
import type { Place, ResourceRow, Snapshot, TaskRow, WaitRow } from '#src/introspect/index.js';

export const NOW = 1_000_000;

export function wait(kind: string, more: Partial<WaitRow> = {}): WaitRow {
  return { kind, ball: 'other', since: NOW - 1000, place: null, ...more };
}

export function task(id: number, name: string, waits: readonly WaitRow[] = [], more: Partial<TaskRow> = {}): TaskRow {
  return {
    id,
    name,
    state: waits.length === 0 ? 'unseen' : 'waiting',
    creator: null,
    awaitedBy: [],
    createdAt: null,
    startedAt: null,
    steps: null,
    cancelling: 0,
    waits,
    ...more,
  };
}

export function resource(kind: string, id: number, more: Partial<ResourceRow> = {}): ResourceRow {
  const label = more.name === undefined ? kind : `${kind} "${more.name}"`;
  return { key: `${kind}:${id}`, kind, id, label, statistics: {}, ...more };
}

export function place(text: string): Place {
  const [file = '', line = ''] = text.split(':');
  return { file: `file:///srv/${file}`, line: Number(line), column: 1, text };
}

/** A client with the task of its handler: ids are the same. */
export function client(id: number, waits: readonly WaitRow[]): { task: TaskRow; connection: ResourceRow } {
  return {
    task: task(id, `127.0.0.1:${50_000 + id} #${id}`, waits, { serves: `connection:${id}` }),
    connection: resource('connection', id, {
      label: `connection ${id} from 127.0.0.1:${50_000 + id}`,
      parent: 'server:1',
      task: id,
      openedAt: NOW - 5000,
    }),
  };
}

export function snapshot(more: Partial<Snapshot>): Snapshot {
  return {
    version: 1,
    now: NOW,
    process: { pid: 1, runtime: 'test', file: '', epoch: 0, uptime: NOW, rss: null, heapUsed: null },
    loop: { busy: null, lag: null },
    current: null,
    tasks: [],
    resources: [],
    places: [],
    omitted: { tasks: 0, resources: 0 },
    ...more,
  };
}

/** A snapshot of clients, and of other tasks and resources. */
export function served(clients: readonly ReturnType<typeof client>[], more: Partial<Snapshot> = {}): Snapshot {
  return snapshot({
    ...more,
    tasks: [...clients.map((each) => each.task), ...(more.tasks ?? [])],
    resources: [...clients.map((each) => each.connection), ...(more.resources ?? [])],
  });
}
