// One stream of samples of several rooms. Each room has a stream of its own, whose indices of places
// and resources mean that room's; here they are put into lists of all.
//
// A room that does not answer, because it is blocked, stays as it was in its last sample. One that is
// gone has no tables in the next.
import {
  emptyTables,
  idIn,
  joinOutside,
  type Place,
  type ResourceRow,
  type Sample,
  type SampledTables,
  type ShownVisit,
  type TableNews,
} from '../../../introspect/index.ts';

/** What is known of the tables of a room. */
interface Part {
  readonly number: number;
  shift: number;
  last: Sample | undefined;
  /** When the last one came. */
  at: number;
  /** What its stream has told so far, by its own indices and ids. */
  own: Own;
  /** The index among those of all, by its own index. */
  places: number[];
  resources: number[];
  /** What the next sample of all says of it: news and visits since the one before. */
  news: TableNews[];
  shown: ShownVisit[];
}

interface Own {
  readonly places: Place[];
  readonly resources: Pick<ResourceRow, 'key' | 'kind' | 'label'>[];
  readonly news: Map<number, TableNews>;
}

/** For so long after its last sample, in milliseconds, a room that does not answer is shown as it was. */
const REMEMBERED = 15_000;
/** The most places and resources for each room before a stream begins anew. */
const LONGEST_LIST = 40_000;

export class JoinedSamples {
  readonly #parts = new Map<number, Part>();
  /** True until the first sample of a stream. */
  #isNew = true;
  #places = new Map<string, number>();
  #newPlaces: Place[] = [];
  /** How many there are. */
  #resources = 0;
  #newResources: Pick<ResourceRow, 'key' | 'kind' | 'label'>[] = [];

  /**
   * Takes a sample of a room.
   * @param shift added to a time of the room, it gives the time of the house
   * @param now the time of the house
   */
  take(number: number, { shift, now, sample }: { shift: number; now: number; sample: Sample }): void {
    let part = this.#parts.get(number);
    if (part === undefined) {
      if (!sample.fresh) return; // of an earlier stream: its indices mean nothing here
      const own = { places: [], resources: [], news: new Map() };
      part = { number, shift, last: undefined, at: now, own, places: [], resources: [], news: [], shown: [] };
      this.#parts.set(number, part);
    }
    [part.shift, part.at, part.last] = [shift, now, sample];
    if (sample.fresh) {
      part.own = { places: [], resources: [], news: new Map() };
      [part.places, part.resources] = [[], []];
    }
    const { own } = part;
    own.places.push(...sample.places);
    own.resources.push(...sample.resources);
    for (const each of sample.news) own.news.set(each.id, each);
    if (own.news.size > 2 * sample.tables.id.length + 1000) forget(part, sample);
    this.#index(part);
    part.news.push(...sample.news);
    part.shown.push(...sample.shown.map((visit) => visitIn(visit, part)));
  }

  /**
   * The tables of all rooms that live.
   * @param numbers the rooms that live
   * @param now the time of the house
   */
  join(numbers: ReadonlySet<number>, now: number): Sample {
    for (const number of this.#parts.keys()) if (!numbers.has(number)) this.#parts.delete(number);
    const all = [...this.#parts.values()];
    const of = all.some(({ last }) => last?.of === 'clients') ? 'clients' : 'tasks';
    const parts = all.filter(({ last }) => last?.of === of);
    const fresh = this.#isNew;
    const samples = parts.flatMap((part) => (part.last === undefined ? [] : [{ part, sample: part.last }]));
    const joined: Sample = {
      fresh,
      now,
      of,
      tables: joinTables(samples),
      news: parts.flatMap((part) => part.news.map((each) => newsIn(each, part))),
      places: this.#newPlaces,
      resources: this.#newResources,
      holders: samples.flatMap(({ part, sample }) =>
        (sample.holders ?? []).map(
          ([index, by]) =>
            [part.resources[index] ?? -1, by.replace(/^client (?=\d)/, `client ${part.number}:`)] as const,
        ),
      ),
      shown: parts.flatMap(({ shown }) => shown),
      kitchens: samples.flatMap(({ part, sample }) =>
        sample.kitchens.map((kitchen) => ({
          ...kitchen,
          room: part.number,
          next: kitchen.next.map((job) => ({ ...job, table: tableIn(job.table, part) })),
          workers: kitchen.workers.map(({ since, ...job }) => ({
            ...job,
            table: tableIn(job.table, part),
            since: since === null ? null : since + part.shift,
          })),
        })),
      ),
      outside: joinOutside(all.flatMap(({ last }) => last?.outside ?? [])),
      counters: sumCounters(all.flatMap(({ last }) => last?.counters ?? [])),
      cost: Math.max(0, ...all.map(({ last }) => last?.cost ?? 0)),
    };
    this.#newPlaces = [];
    this.#newResources = [];
    this.#isNew = false;
    for (const part of all) [part.news, part.shown] = [[], []];
    return joined;
  }

  /** Whether its lists have grown so long that the stream should begin anew. */
  get isLong(): boolean {
    // A room's own list may be of half that length before its stream begins anew.
    const most = LONGEST_LIST * Math.max(1, this.#parts.size);
    return this.#places.size > most || this.#resources > most;
  }

  /** Whether it has had a sample of a room in this stream. */
  has(number: number): boolean {
    return this.#parts.has(number);
  }

  /** Begins a stream: the next sample says everything. @param now the time of the house */
  begin(now: number): void {
    this.#isNew = true;
    this.#places = new Map();
    this.#resources = 0;
    [this.#newPlaces, this.#newResources] = [[], []];
    for (const [number, part] of this.#parts) {
      if (now - part.at > REMEMBERED) this.#parts.delete(number);
      [part.places, part.resources, part.shown] = [[], [], []];
      this.#index(part);
      if (part.last !== undefined) forget(part, part.last);
      part.news = [...part.own.news.values()];
    }
  }

  /** Puts what a room has told, and that is not there yet, into the lists of all. */
  #index({ number, own, places, resources }: Part): void {
    for (const place of own.places.slice(places.length)) places.push(this.#placeOf(place));
    for (const { key, ...rest } of own.resources.slice(resources.length))
      resources.push(this.#resourceOf({ key: `${number} ${key}`, ...rest }));
  }

  #placeOf(place: Place): number {
    const key = `${place.file}:${place.line}:${place.column} ${place.function ?? ''}`;
    let index = this.#places.get(key);
    if (index === undefined) {
      index = this.#places.size;
      this.#places.set(key, index);
      this.#newPlaces.push(place);
    }
    return index;
  }

  #resourceOf(resource: Pick<ResourceRow, 'key' | 'kind' | 'label'>): number {
    this.#newResources.push(resource);
    return this.#resources++;
  }
}

function joinTables(samples: readonly { readonly part: Part; readonly sample: Sample }[]): SampledTables {
  const count = samples.reduce((sum, { sample }) => sum + sample.tables.id.length, 0);
  const tables = emptyTables(count);
  let at = 0;
  for (const { part, sample } of samples) {
    const own = sample.tables;
    for (const name of ['ball', 'unsent', 'visits', 'ran', 'flags', 'version'] as const)
      tables[name].set(own[name], at);
    for (let i = 0; i < own.id.length; i++, at++) {
      const since = own.since[i] as number; // as in what follows: i < length
      tables.id[at] = idIn(part.number, own.id[i] as number);
      tables.since[at] = since === 0 ? 0 : since + part.shift;
      tables.place[at] = part.places[own.place[i] as number] ?? -1;
      tables.resource[at] = part.resources[own.resource[i] as number] ?? -1;
    }
  }
  return tables;
}

function newsIn({ id, task, openedAt, ...rest }: TableNews, { number, shift }: Part): TableNews {
  return {
    ...rest,
    id: idIn(number, id),
    task: task === null ? null : idIn(number, task),
    openedAt: openedAt === null ? null : openedAt + shift,
  };
}

function visitIn(visit: ShownVisit, { number, shift, places }: Part): ShownVisit {
  const { table, begin, from, to } = visit;
  return {
    ...visit,
    table: idIn(number, table),
    begin: begin + shift,
    from: places[from] ?? -1,
    to: places[to] ?? -1,
  };
}

function tableIn(table: number | null, { number }: Part): number | null {
  return table === null ? null : idIn(number, table);
}

/** Forgets the news of tables that are gone. */
function forget({ own }: Part, { tables }: Sample): void {
  const live = new Set(tables.id);
  for (const id of own.news.keys()) if (!live.has(id)) own.news.delete(id);
}

function sumCounters(counters: readonly Sample['counters'][]): Sample['counters'] {
  const known = (values: readonly (number | null)[]): number | null => {
    const numbers = values.filter((value) => value !== null);
    return numbers.length === 0 ? null : numbers.reduce((sum, value) => sum + value, 0);
  };
  return {
    reads: known(counters.map(({ reads }) => reads)),
    visits: known(counters.map(({ visits }) => visits)),
    bytesIn: counters.reduce((sum, { bytesIn }) => sum + bytesIn, 0),
    bytesOut: counters.reduce((sum, { bytesOut }) => sum + bytesOut, 0),
  };
}
