// Samples: pictures of all tables, made by the main thread as often as viewers want one, and sent
// to the thread that compares them. A sample is cheap to make (one pass over the live objects, no
// text) and cheap to send (typed arrays). Names, places and resources are sent once, when they are
// new; `Picture` in the room inspect puts it all together.
//
// A Sampler serves one stream of samples. The first one has everything. A stream that has grown
// long lists of places and resources ends by itself and begins anew (`fresh`), so that both sides
// stay bounded.
import { quote } from '../base/index.ts';
import { host, liveTasks, loopTime, firstOpenResource, type Resource, type Task, type Wait } from '../core/index.ts';
import { followToLeaf, type LeafOf, type LeafSource } from './ball.ts';
import { ballOfWait, canHaveTasks, liveWaitsOf, TasksBehind } from './live-waits.ts';
import { outsideRow } from './outside.ts';
import { guess, learn, spotOf } from './places.ts';
import { BALLS, type Place, type ResourceRow } from './records.ts';
import { keyOf, labelOf, peerOf, resourceBehind } from './resource-rows.ts';
import {
  CANCELLING,
  IN_LINE,
  type KitchenRow,
  type OutsideRow,
  type ShownVisit,
  type TableNews,
} from './table-rows.ts';
import type { VisitCounter } from './visit-counter.ts';
import { shortName } from './short-name.ts';

/** All tables, an array for each field. See TableColumns of the protocol for what they mean. */
export interface SampledTables {
  readonly id: Float64Array;
  readonly ball: Uint8Array;
  readonly since: Float64Array;
  readonly place: Int32Array;
  readonly resource: Int32Array;
  readonly unsent: Float64Array;
  readonly visits: Float64Array;
  readonly ran: Float64Array;
  readonly flags: Uint8Array;
  /** Counts the news of the table: its task or its name is another one. */
  readonly version: Uint32Array;
}

/** Figures that only grow. Null: not counted. */
export interface Counters {
  readonly reads: number | null;
  readonly visits: number | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** A picture of all tables at one moment. */
export interface Sample {
  /** True for the first one of a stream: what was sent before is void. */
  readonly fresh: boolean;
  readonly now: number;
  readonly of: 'clients' | 'tasks';
  readonly tables: SampledTables;
  /** The tables that are new since the last sample, or whose task or name is. */
  readonly news: readonly TableNews[];
  /** The places and resources that are new, in the order of their indices. */
  readonly places: readonly Place[];
  readonly resources: readonly Pick<ResourceRow, 'key' | 'kind' | 'label'>[];
  /** Who holds what tables wait to acquire: the index of the resource, and words such as `client 7`. */
  readonly holders?: readonly (readonly [resource: number, by: string])[];
  /** Visits to tables since the last sample, at most 16, drawn by lot. */
  readonly shown: readonly ShownVisit[];
  readonly kitchens: readonly KitchenRow[];
  readonly outside: readonly OutsideRow[];
  readonly counters: Counters;
  /** How long the main thread took for it, in milliseconds. */
  readonly cost: number;
}

/** The number of places or resources after which a stream begins anew. */
const LONGEST_LIST = 20_000;
/** Jobs of a queue that are sent. */
const MOST_NEXT = 12;
/** The most workers of one on other machines. */
const MOST_WORKERS = 200;

/** A connection, as far as this room knows it. */
interface Client extends Resource {
  readonly task: Task<unknown> | undefined;
  readonly openedAt: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly writer: { readonly bufferedBytes: number };
}

interface Table {
  readonly id: number;
  readonly client: Client | undefined;
}

/** What was sent of a table. */
interface Known {
  readonly task: Task<unknown> | undefined;
  readonly name: string | undefined;
  readonly version: number;
}

/** Makes the samples of one stream after the other. */
export class Sampler {
  readonly #visits: VisitCounter | undefined;
  #of: 'clients' | 'tasks' | undefined = undefined;
  #known = new Map<number, Known>();
  #places = new Map<Place, number>();
  #resources = new Map<Resource, number>();
  #newPlaces: Place[] = [];
  #newResources: Pick<ResourceRow, 'key' | 'kind' | 'label'>[] = [];
  /** Who waits for a job, by the job. */
  #callers = new Map<unknown, number>();
  /** What tables wait to acquire and that says who holds it, with its index. */
  #held = new Map<Resource, number>();

  /** @param visits counts visits while somebody looks; undefined: nobody counts */
  constructor(visits?: VisitCounter) {
    this.#visits = visits;
  }

  /** Returns a picture of now. @param fresh begins a new stream */
  take(fresh = false): Sample {
    const begin = host.now();
    const { clients, servers, executors, jobs } = sortResources();
    const of = servers.length > 0 || clients.length > 0 ? 'clients' : 'tasks';
    const isFresh = fresh || of !== this.#of || this.#places.size > LONGEST_LIST || this.#resources.size > LONGEST_LIST;
    if (isFresh) this.#begin(of);
    this.#callers.clear();
    this.#held.clear();
    const tasks = of === 'tasks' ? [...liveTasks()] : [];
    const count = of === 'clients' ? clients.length : tasks.length;
    const tables = emptyTables(count);
    const news: TableNews[] = [];
    const lots = this.#visits?.draw() ?? [];
    const live = new LiveTasks();
    /** The tables of the drawn visits, by task: all of the drawn ones, and null until they are found. */
    const drawn = new Map<unknown, Table | null>(lots.map(({ task }) => [task, null]));
    for (let i = 0; i < count; i++) {
      const client = clients[i];
      const task = of === 'clients' ? client?.task : tasks[i];
      const id = of === 'clients' ? (client as Client).id : (task as Task<unknown>).id; // i < count
      tables.id[i] = id;
      if (client !== undefined) tables.unsent[i] = client.writer.bufferedBytes;
      if (task === undefined) {
        tables.ball[i] = UNSEEN;
        tables.place[i] = tables.resource[i] = -1;
        tables.flags[i] = IN_LINE;
      } else {
        this.#fill(tables, i, task, client, live);
        if (drawn.has(task)) drawn.set(task, { id, client });
      }
      const known = this.#known.get(id);
      if (known !== undefined && known.task === task && known.name === task?.name) tables.version[i] = known.version;
      else {
        const version = (known?.version ?? 0) + 1;
        this.#known.set(id, { task, name: task?.name, version });
        news.push(describeTable(id, client, task));
        tables.version[i] = version;
      }
    }
    if (this.#known.size > 2 * count + 1000) this.#forget(tables.id);
    const shown = lots.flatMap(({ task, begin: at, us, wait, next }): ShownVisit[] => {
      const table = drawn.get(task);
      if (table === undefined || table === null) return []; // of a task that is no table
      const from = this.#placeIndex(wait, task, table.client);
      return [
        {
          table: table.id,
          begin: at,
          us,
          from,
          to: next === undefined ? -1 : this.#placeIndex(next, task, table.client),
        },
      ];
    });
    const outside = servers.map(outsideOf);
    const sample: Sample = {
      fresh: isFresh,
      now: loopTime(),
      of,
      tables,
      news,
      shown,
      // After everything that may add to them.
      places: this.#newPlaces,
      resources: this.#newResources,
      ...(this.#held.size > 0 && { holders: this.#holders(clients) }),
      kitchens: executors.map((executor) => this.#kitchenOf(executor, jobs.get(executor) ?? [])),
      outside: outside.map(({ row }) => row),
      counters: {
        reads: this.#visits?.reads ?? null,
        visits: this.#visits?.visits ?? null,
        bytesIn: outside.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
        bytesOut: outside.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0),
      },
      cost: host.now() - begin,
    };
    this.#newPlaces = [];
    this.#newResources = [];
    return sample;
  }

  #begin(of: 'clients' | 'tasks'): void {
    this.#of = of;
    this.#known = new Map();
    this.#places = new Map();
    this.#resources = new Map();
  }

  /** Forgets the tables that are gone. Ids are not used again. */
  #forget(ids: Float64Array): void {
    const known = new Map<number, Known>();
    for (const id of ids) known.set(id, this.#known.get(id) as Known); // take() has just sent all of them
    this.#known = known;
  }

  /** Writes what a table's task waits for. */
  #fill(tables: SampledTables, i: number, task: Task<unknown>, client: Client | undefined, live: LiveTasks): void {
    if (task.cancels > 0) tables.flags[i] = CANCELLING;
    tables.visits[i] = task.steps;
    if (this.#visits !== undefined) tables.ran[i] = this.#visits.ranOf(task);
    const { task: leaf, wait, ball } = live.leafOf(task, client !== undefined);
    if (wait === undefined) {
      tables.ball[i] = UNSEEN;
      tables.place[i] = tables.resource[i] = -1;
      return;
    }
    const resource = resourceBehind(wait.resource);
    tables.ball[i] = BALLS.indexOf(ball);
    tables.since[i] = wait.since;
    tables.place[i] = this.#placeIndex(wait, leaf, leaf === task ? client : undefined);
    if (resource?.kind === 'job') this.#callers.set(resource, tables.id[i] as number); // filled before
    // A client that waits for its own peer: that is what the ball says.
    const index = resource === undefined || resource === client ? -1 : this.#resourceIndex(resource);
    tables.resource[i] = index;
    if (resource?.holders !== undefined && wait.kind.endsWith('.acquire')) this.#held.set(resource, index);
  }

  /** Who holds what is waited for. */
  #holders(clients: readonly Client[]): [resource: number, by: string][] {
    const ids = new Map(clients.map(({ task, id }) => [task as unknown, id]));
    return [...this.#held].flatMap(([resource, index]): [number, string][] => {
      const [first, ...others] = resource.holders?.() ?? [];
      if (first === undefined) return [];
      const client = ids.get(first.task);
      const name = client === undefined ? nameOfHolder(first.task) : `client ${client}`;
      const more = others.length === 0 ? '' : ` and ${others.length === 1 ? 'another' : `${others.length} others`}`;
      return [[index, `${name}${more}`]];
    });
  }

  /** The index of the place of a wait: its own, or that of all others of its kind in the same function. */
  #placeIndex(wait: Wait<unknown>, task: Task<unknown>, client: Client | undefined): number {
    const { kind } = wait;
    const fn = client?.parent === undefined ? createdAt(task) : keyOf(client.parent);
    const own = spotOf(wait.site, false);
    if (own !== undefined && fn !== undefined) learn(fn, kind, own);
    const place = (own ?? (fn === undefined ? undefined : guess(fn, kind)))?.place;
    if (place === undefined) return -1;
    const known = this.#places.get(place);
    if (known !== undefined) return known;
    this.#places.set(place, this.#places.size);
    this.#newPlaces.push(place);
    return this.#places.size - 1;
  }

  /** A job comes and goes, so its executor stands for it. */
  #resourceIndex(resource: Resource): number {
    const shown = resource.kind === 'job' ? (resource.parent ?? resource) : resource;
    const known = this.#resources.get(shown);
    if (known !== undefined) return known;
    this.#resources.set(shown, this.#resources.size);
    this.#newResources.push({ key: keyOf(shown), kind: shown.kind, label: labelOf(shown) });
    return this.#resources.size - 1;
  }

  #kitchenOf(executor: Resource, jobs: readonly Resource[]): KitchenRow {
    const figures = executor.statistics() as ExecutorFigures;
    const next: KitchenRow['next'][number][] = [];
    const workers: KitchenRow['workers'][number][] = [];
    for (const job of jobs) {
      const row = { job: labelOf(job), table: this.#callers.get(job) ?? null };
      const { state } = job as Resource & { readonly state?: string };
      if (state === 'running') {
        const since = this.#visits?.startOf(job);
        workers.push({ ...row, since: since === undefined ? null : Math.floor(since) });
      } else if (state === 'queued' && next.length < MOST_NEXT) next.push(row);
    }
    const size = figures.size ?? workers.length;
    const shared = { executor: labelOf(executor), size, queued: figures.queued ?? next.length, next, unfetched: null };
    const places = (executor as FarExecutor).places?.();
    if (places !== undefined)
      return { ...shared, machines: figures.machines?.length ?? 0, workers: this.#farWorkers(places) };
    while (workers.length < size) workers.push({ job: null, table: null, since: null });
    return { ...shared, workers };
  }

  /** Places on other machines, which also run the jobs of other programs. */
  #farWorkers(places: readonly FarPlace[]): KitchenRow['workers'] {
    const busy = places.filter(({ name }) => name !== undefined);
    const shown =
      places.length <= MOST_WORKERS
        ? places
        : [...busy, ...places.filter((each) => !busy.includes(each))].slice(0, MOST_WORKERS);
    return shown.map(({ machine, job, name, since, attempt }) => ({
      job: name ?? null,
      table: (job === undefined ? undefined : this.#callers.get(job)) ?? null,
      since: since === undefined ? null : Math.floor(since),
      ...(machine !== undefined && { machine }),
      ...(attempt !== undefined && { attempt }),
    }));
  }
}

interface ExecutorFigures {
  readonly size?: number;
  readonly queued?: number;
  readonly machines?: readonly unknown[];
}

/** An executor whose workers are on other machines. */
interface FarExecutor extends Resource {
  places?(): readonly FarPlace[];
}

/** A place on another machine. See MachinePlace of the room distributed. */
interface FarPlace {
  readonly machine: string | undefined;
  readonly job: Resource | undefined;
  readonly name: string | undefined;
  readonly since: number | undefined;
  readonly attempt: number | undefined;
}

/** As in the sentences: `task "oven"`. */
function nameOfHolder(task: { readonly name: string } | undefined): string {
  return task === undefined ? 'code outside of tasks' : `task ${quote(shortName(task.name))}`;
}

/** Where a task was created: stands for its function. */
function createdAt(task: Task<unknown>): Place | undefined {
  return spotOf(task.site, false)?.place;
}

const UNSEEN = BALLS.indexOf('unseen');

/** Live tasks, as the rule of `leafOf` reads them. All of them are walked when it first asks what is behind a wait. */
class LiveTasks implements LeafSource<Task<unknown>, Wait<unknown>> {
  readonly waitsOf: typeof liveWaitsOf = liveWaitsOf;
  readonly ballOf: typeof ballOfWait = ballOfWait;
  #behind: TasksBehind | undefined = undefined;
  readonly #byId = new Map<number, Task<unknown>>();

  tasksBehind(wait: Wait<unknown>, task: Task<unknown>): readonly number[] | undefined {
    if (!canHaveTasks(wait)) return undefined;
    if (this.#behind === undefined) {
      this.#behind = new TasksBehind();
      for (const each of liveTasks()) {
        this.#behind.add(each);
        this.#byId.set(each.id, each);
      }
    }
    return this.#behind.of(wait, task);
  }

  taskOf(id: number): Task<unknown> | undefined {
    return this.#byId.get(id);
  }

  /** A sample is taken in a turn of its own, in which no task runs. */
  isRunning(): boolean {
    return false;
  }

  /** What a table waits for: its task itself, which nearly always is all, or what stands behind that. */
  leafOf(task: Task<unknown>, isClient: boolean): LeafOf<Task<unknown>, Wait<unknown>> {
    const waits = liveWaitsOf(task);
    const [wait] = waits;
    // Of several tasks each one is a table, and so shows its own wait.
    if (!isClient || (waits.length < 2 && (wait === undefined || !canHaveTasks(wait))))
      return { task, wait, ball: wait === undefined ? 'unseen' : ballOfWait(wait) };
    return followToLeaf(task, this);
  }
}

interface Sorted {
  readonly clients: Client[];
  readonly servers: Resource[];
  readonly executors: Resource[];
  readonly jobs: Map<unknown, Resource[]>;
}

/** Sorts the live resources that pictures show. */
function sortResources(): Sorted {
  const sorted: Sorted = { clients: [], servers: [], executors: [], jobs: new Map() };
  let resource = firstOpenResource(); // without an iterator: there may be many
  for (; resource !== undefined; resource = resource.next as Resource | undefined) {
    const { kind } = resource;
    if (kind === 'connection') {
      if (resource.parent !== undefined) sorted.clients.push(resource as Client); // only net makes those
    } else if (kind === 'server') sorted.servers.push(resource);
    else if (kind === 'executor') sorted.executors.push(resource);
    else if (kind === 'job') {
      const jobs = sorted.jobs.get(resource.parent);
      if (jobs === undefined) sorted.jobs.set(resource.parent, [resource]);
      else jobs.push(resource);
    }
  }
  return sorted;
}

/** Tables for so many clients, all zero. */
export function emptyTables(count: number): SampledTables {
  return {
    id: new Float64Array(count),
    ball: new Uint8Array(count),
    since: new Float64Array(count),
    place: new Int32Array(count),
    resource: new Int32Array(count),
    unsent: new Float64Array(count),
    visits: new Float64Array(count),
    ran: new Float64Array(count),
    flags: new Uint8Array(count),
    version: new Uint32Array(count),
  };
}

/** The arrays of a sample's tables, which can be moved to another thread. */
export function buffersOf(tables: SampledTables): ArrayBuffer[] {
  return (Object.values(tables) as { readonly buffer: ArrayBuffer }[]).map(({ buffer }) => buffer); // see emptyTables
}

function describeTable(id: number, client: Client | undefined, task: Task<unknown> | undefined): TableNews {
  const name = shortName(task?.name ?? '');
  if (client === undefined) return { id, task: id, name, peer: '', openedAt: null };
  const peer = peerOf(client);
  return { id, task: task?.id ?? null, name: name || peer, peer, openedAt: client.openedAt - host.timeOrigin };
}

function outsideOf(server: Resource): { row: OutsideRow; bytesRead: number; bytesWritten: number } {
  const statistics = server.statistics() as Readonly<Record<string, unknown>>; // plain figures
  const { bytesRead = 0, bytesWritten = 0 } = statistics as {
    readonly bytesRead?: number;
    readonly bytesWritten?: number;
  };
  return { row: outsideRow({ label: labelOf(server), statistics }), bytesRead, bytesWritten };
}
