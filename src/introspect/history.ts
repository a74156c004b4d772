// What has ended: tasks and connections, with how and why, each in a ring of bounded length. Rows are
// texts and numbers, so nothing that has ended is kept alive by its row.
//
// Tasks that returned have a ring of their own. A server that ends a thousand of them a second must
// not push out the one that threw.
import { type Check, describeThrown, integer } from '../base/index.ts';
import { addInstrument, host, loopTime, type ResourceRecord, type Task, type TaskRecord } from '../core/index.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import type { EndedRow } from './records.ts';
import { labelOf } from './resource-rows.ts';
import { shortName } from './short-name.ts';

/** Options of `History`. */
export interface HistoryOptions {
  /**
   * The most rows of each kind: tasks that returned, other tasks, connections. Defaults to 500.
   */
  readonly most?: number | undefined;
}

/** The most characters of an error's message. */
const MOST_TEXT = 300;

const checkMost: Check = /* @__PURE__ */ integer(1);

/** The last entries, the oldest overwritten first. */
class Ring {
  readonly #rows: EndedRow[] = [];
  readonly #most: number;
  #next = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(row: EndedRow): void {
    this.#rows[this.#next] = row;
    this.#next = (this.#next + 1) % this.#most;
  }

  get rows(): readonly EndedRow[] {
    return this.#rows;
  }
}

/** A connection, as far as it is in a row. */
interface Ended {
  readonly error?: unknown;
  readonly openedAt?: unknown;
}

/** Remembers what ends, from its construction until it is disposed. */
export class History implements Disposable {
  readonly #returned: Ring;
  readonly #others: Ring;
  readonly #connections: Ring;
  readonly #instrument: Disposable;

  /** @throws RangeError or TypeError unless `most` is an integer >= 1 */
  constructor({ most = 500 }: HistoryOptions = {}) {
    checkMost('make a history', 'most', most);
    [this.#returned, this.#others, this.#connections] = [new Ring(most), new Ring(most), new Ring(most)];
    this.#instrument = addInstrument({
      taskEnded: (task) => this.#taskEnded(task as Task<unknown>), // there are no other tasks
      closed: (resource) => {
        if (resource.kind === 'connection') this.#connectionEnded(resource);
      },
    });
  }

  /** What has ended, the last first. */
  rows(): readonly EndedRow[] {
    const rows = [...this.#returned.rows, ...this.#others.rows, ...this.#connections.rows];
    return rows.sort((a, b) => b.at - a.at);
  }

  /** How many rows it has. */
  get count(): number {
    return this.#returned.rows.length + this.#others.rows.length + this.#connections.rows.length;
  }

  [Symbol.dispose](): void {
    this.#instrument[Symbol.dispose]();
  }

  #taskEnded(task: Task<unknown>): void {
    const at = loopTime();
    const [how, why] = endOf(task);
    const row = {
      what: 'task',
      id: task.id,
      name: nameOf(task),
      at,
      ms: task.startedAt < 0 ? null : at - task.startedAt,
      how,
    } as const;
    (how === 'returned' ? this.#returned : this.#others).add(why === undefined ? row : { ...row, why });
  }

  #connectionEnded(connection: ResourceRecord): void {
    const at = loopTime();
    const { error, openedAt } = connection as Ended;
    const { bytesRead, bytesWritten } = connection.statistics() as { bytesRead?: unknown; bytesWritten?: unknown };
    const task = connection.task as Task<unknown> | undefined; // there are no other tasks
    const [how, why] = error !== undefined ? (['lost', textOf(error)] as const) : endOf(task);
    this.#connections.add({
      what: 'connection',
      id: connection.id,
      name: labelOf(connection),
      at,
      ms: typeof openedAt === 'number' ? Math.max(0, at - (openedAt - host.timeOrigin)) : null,
      how,
      ...(why === undefined ? {} : { why }),
      ...(typeof bytesRead === 'number' ? { bytesRead } : {}),
      ...(typeof bytesWritten === 'number' ? { bytesWritten } : {}),
    });
  }
}

/** How it has ended in a row. A connection whose handler goes on has ended well. */
function endOf(task: Task<unknown> | undefined): readonly [how: EndedRow['how'], why?: string] {
  const { how, error }: Outcome = task === undefined ? { how: 'returned' } : outcomeOf(task);
  return how === 'returned' ? [how] : [how, textOf(error)];
}

function textOf(error: unknown): string {
  return describeThrown(error)
    .replace(/^CancelledError: /, '')
    .slice(0, MOST_TEXT);
}

function nameOf(task: TaskRecord): string {
  try {
    return shortName(task.name);
  } catch {
    return `Task-${task.id}`;
  }
}
