// The views of a snapshot: groups, connections, warnings. They are made here, in the worker, so that
// the main thread spends no time on them.
import {
  clientsOf,
  connectionsSentence,
  cyclesOf,
  groupsOf,
  idText,
  outsideOf,
  type Snapshot,
  summaryOf,
  Warnings,
  warningsSentence,
} from '../../introspect/index.ts';
import type { ClientRow, Methods, OutsideRow } from '../protocol/index.ts';
import { RequestError } from './request-error.ts';
import type { House } from './rooms/house.ts';
import { type InKernel, readKernel } from './unread-clients.ts';

/** The kernel's tables are read at most once in this many milliseconds, */
const KERNEL_EVERY = 1000;
/** and for at most one part in this many of the time. */
const KERNEL_SHARE = 20;
/** The most connections of an answer, unless it was asked for another number. */
const MOST_CONNECTIONS = 1000;

type Params<M extends keyof Methods> = Methods[M]['params'];
type Result<M extends keyof Methods> = Methods[M]['result'];

/** What views are made from: a house with its rooms. */
export type ViewSources = Pick<House, 'take' | 'blocks'>;

export class Views {
  readonly #sources: ViewSources;
  readonly #warnings = new Warnings();
  #kernel: { readonly tables: InKernel | undefined; readonly until: number } = { tables: undefined, until: 0 };

  constructor(sources: ViewSources) {
    this.#sources = sources;
  }

  async groups(): Promise<Result<'groups'>> {
    const { snapshot, fresh, rooms } = await this.#sources.take();
    const outside = this.#outsideOf(snapshot);
    const cycles = cyclesOf(snapshot);
    const warnings = this.#warnings.check({ snapshot, blocks: this.#sources.blocks(), outside, cycles });
    return {
      sentence: summaryOf(snapshot, { block: fresh.block, outside, cycles, rooms }),
      fresh,
      process: snapshot.process,
      loop: snapshot.loop,
      tasks: snapshot.tasks.length + snapshot.omitted.tasks,
      clients: clientsOf(snapshot).length,
      groups: groupsOf(snapshot),
      outside,
      cycles,
      warnings,
      places: snapshot.places,
      ...(rooms === undefined ? {} : { rooms }),
    };
  }

  async connections({
    sort = 'longest',
    filter,
    limit = MOST_CONNECTIONS,
  }: Params<'connections'>): Promise<Result<'connections'>> {
    if (!Object.hasOwn(ORDERS, sort)) throw new RequestError('BAD_REQUEST', `sort must be one of ${ORDER_NAMES}`);
    if (filter !== undefined && typeof filter !== 'string')
      throw new RequestError('BAD_REQUEST', 'filter must be a text');
    if (!Number.isInteger(limit) || limit < 0)
      throw new RequestError('BAD_REQUEST', 'limit must be an integer that is not negative');
    const { snapshot, fresh, rooms } = await this.#sources.take();
    const all = clientsOf(snapshot);
    const connections = all
      .filter((client) => filter === undefined || matches(client, filter))
      .toSorted(ORDERS[sort])
      .slice(0, limit);
    const { now, places } = snapshot;
    const sentence = connectionsSentence(connections, now, all.length);
    return { sentence, fresh, total: all.length, connections, places, now, ...(rooms === undefined ? {} : { rooms }) };
  }

  async warnings(): Promise<Result<'warnings'>> {
    const { snapshot, fresh } = await this.#sources.take();
    const outside = this.#outsideOf(snapshot);
    const warnings = this.#warnings.check({ snapshot, blocks: this.#sources.blocks(), outside });
    return { sentence: warningsSentence(warnings), fresh, warnings, now: snapshot.now };
  }

  /** What stands outside of the servers, with what the kernel knows. */
  #outsideOf(snapshot: Snapshot): readonly OutsideRow[] {
    const rows = outsideOf(snapshot);
    if (rows.length === 0) return rows;
    const start = performance.now();
    if (start >= this.#kernel.until) {
      const tables = readKernel();
      const end = performance.now();
      this.#kernel = { tables, until: end + Math.max(KERNEL_EVERY, KERNEL_SHARE * (end - start)) };
    }
    const backlog = this.#kernel.tables?.backlog;
    return rows.map((row) => ({ ...row, backlog: backlogOf(row.server, backlog) }));
  }
}

/** The connections that wait at all addresses of a server, as its label has them. */
function backlogOf(label: string, backlog: InKernel['backlog'] | undefined): number | null {
  const ports = [...label.matchAll(/:(\d+)(?= |$)/g)].map(([, port]) => backlog?.get(Number(port)));
  const known = [...new Set(ports)].filter((count) => count !== undefined);
  return known.length === 0 ? null : known.reduce((sum, count) => sum + count, 0);
}

type Order = NonNullable<Params<'connections'>['sort']>;

const ORDERS: Readonly<Record<Order, (a: ClientRow, b: ClientRow) => number>> = {
  longest: (a, b) => (a.since ?? Infinity) - (b.since ?? Infinity) || a.id - b.id,
  id: (a, b) => a.id - b.id,
  bytes: (a, b) => b.bytesRead + b.bytesWritten - a.bytesRead - a.bytesWritten,
  unsent: (a, b) => b.unsent - a.unsent,
};
const ORDER_NAMES = Object.keys(ORDERS).join(', ');

function matches({ peer, name, what, server, id }: ClientRow, filter: string): boolean {
  return [peer, name, what, server, `client ${idText(id)}`].some((text) => text.includes(filter));
}
