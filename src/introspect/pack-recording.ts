// The form in which a recording is sent and put into files: a column of numbers for each field, and
// each number small. A visit takes some 50 bytes of JSON, where it would take 400.
//
// - Times are whole microseconds. Where they grow, a column has the differences: of `begin` to the
//   visit before, of `since` to the wait before, of `ready` to `since`.
// - Equal waits are one: the one after a visit is also the one before the next visit of its task.
// - -1 stands for null, and null for undefined.
//
// Recordings have times of whole microseconds, so that nothing is lost: unpacking undoes packing.
import { once } from './once.ts';
import type { RecordedJob, RecordedWait, Recording, Visit } from './recording.ts';
import type { Ball } from './records.ts';

/** A recording as columns. */
export interface PackedRecording extends Omit<
  Recording,
  'version' | 'tables' | 'visits' | 'jobs' | 'turns' | 'from' | 'to'
> {
  readonly packed: 1;
  /** Microseconds; `to` is the difference to `from`. */
  readonly from: number;
  readonly to: number;
  /** `[id, 1 for a client, name, peer, start]`. */
  readonly tables: readonly (readonly [id: number, client: 0 | 1, name: string, peer: string, start: number])[];
  readonly kinds: readonly (readonly [kind: string, ball: Ball])[];
  readonly waits: {
    readonly kind: readonly number[];
    readonly since: readonly number[];
    readonly place: readonly number[];
    readonly resource: readonly number[];
    readonly ready: readonly (number | null)[];
    /** How long before `ready`. */
    readonly readyAfter: readonly (number | null)[];
    readonly holder: readonly (number | null)[];
  };
  readonly visits: {
    readonly begin: readonly number[];
    readonly us: readonly number[];
    readonly table: readonly number[];
    /** The difference to the task of the visit before. */
    readonly task: readonly number[];
    readonly turn: readonly number[];
    readonly from: readonly number[];
    readonly to: readonly number[];
    /** 1: exact, 2: ended. */
    readonly flags: readonly number[];
    /** Bytes in and out, by the index of the visit; only for those that have some. */
    readonly bytes: readonly (readonly [visit: number, read: number, written: number])[];
  };
  /** `[name, executor, worker, table, queued, started, ended]`. */
  readonly jobs: readonly (readonly [string, number, number, number, number | null, number | null, number | null])[];
  readonly turns: readonly number[];
}

/** Packs a recording whose times are whole microseconds. */
export function packRecording(recording: Recording): PackedRecording {
  const { version: _, tables, visits, jobs, turns, from, to, ...rest } = recording;
  const waits = new Waits();
  const zero = micros(from);
  const begin = new Differences(zero);
  const task = new Differences(0);
  const turn = new Differences(0);
  const packedVisits = {
    begin: visits.map((visit) => begin.next(micros(visit.begin))),
    us: visits.map(({ ms }) => micros(ms)),
    table: visits.map(({ table }) => table),
    task: visits.map((visit) => task.next(visit.task)),
    turn: visits.map((visit) => turn.next(visit.turn)),
    from: visits.map((visit) => waits.indexOf(visit.from)),
    to: visits.map((visit) => waits.indexOf(visit.to)),
    flags: visits.map(({ exact, ended }) => (exact ? 1 : 0) + (ended ? 2 : 0)),
    bytes: visits.flatMap(({ bytes }, i) => (bytes === undefined ? [] : [[i, ...bytes] as const])),
  };
  const packedTables = tables.map(
    ({ id, what, name, peer, start }) => [id, what === 'client' ? 1 : 0, name, peer, waits.indexOf(start)] as const,
  );
  const turnBegan = new Differences(zero);
  return {
    packed: 1,
    ...rest,
    from: zero,
    to: micros(to) - zero,
    tables: packedTables,
    visits: packedVisits,
    jobs: jobs.map((job) => packJob(job, zero)),
    turns: turns.map((time) => turnBegan.next(micros(time))),
    ...waits.pack(zero),
  };
}

/** Undoes `packRecording`. */
export function unpackRecording(packed: PackedRecording): Recording {
  const { packed: _, kinds, waits, tables, visits, jobs, turns, from, to, ...rest } = packed;
  const known = unpackWaits(kinds, waits, from);
  const waitAt = (index: number): RecordedWait | null => known[index] ?? null;
  const begins = sums(visits.begin, from);
  const tasks = sums(visits.task, 0);
  const turnNumbers = sums(visits.turn, 0);
  const bytes = new Map(visits.bytes.map(([visit, read, written]) => [visit, [read, written] as const]));
  return {
    version: 1,
    ...rest,
    from: from / 1000,
    to: (from + to) / 1000,
    tables: tables.map(([id, client, name, peer, start]) => ({
      id,
      what: client === 1 ? 'client' : 'task',
      name,
      peer,
      start: waitAt(start),
    })),
    visits: begins.map((begin, i): Visit => {
      const at = (column: readonly number[]): number => column[i] as number; // the columns are of one length
      const flags = at(visits.flags);
      const some = bytes.get(i);
      return {
        begin: begin / 1000,
        ms: at(visits.us) / 1000,
        exact: (flags & 1) !== 0,
        table: at(visits.table),
        task: at(tasks),
        turn: at(turnNumbers),
        from: waitAt(at(visits.from)),
        to: waitAt(at(visits.to)),
        ended: (flags & 2) !== 0,
        ...(some === undefined ? undefined : { bytes: some }),
      };
    }),
    jobs: jobs.map(([name, executor, worker, table, ...times]) => {
      const [queued = null, started = null, ended = null] = times.map((time) =>
        time === null ? null : (from + time) / 1000,
      );
      return { name, executor, worker: orNull(worker), table: orNull(table), queued, started, ended };
    }),
    turns: sums(turns, from).map((time) => time / 1000),
  };
}

/** The waits of a recording, each once. */
class Waits {
  readonly #waits: RecordedWait[] = [];
  readonly #indexOf = new Map<string, number>();
  readonly #kinds: (readonly [string, Ball])[] = [];
  readonly #kindOf = new Map<string, number>();

  /** The index of a wait; -1 for null. */
  indexOf(wait: RecordedWait | null): number {
    if (wait === null) return -1;
    const { kind, ball, since, place, resource, ready, readyAfter, holder } = wait;
    const key = [kind, ball, since, place, resource, ready, readyAfter, holder].join('\n');
    return once(this.#indexOf, key, () => this.#waits.push(wait) - 1);
  }

  pack(zero: number): Pick<PackedRecording, 'kinds' | 'waits'> {
    const waits = this.#waits;
    const since = new Differences(zero);
    const column = {
      kind: waits.map(({ kind, ball }) => this.#kind(kind, ball)),
      since: waits.map((wait) => since.next(micros(wait.since))),
      place: waits.map(({ place }) => place ?? -1),
      resource: waits.map(({ resource }) => resource ?? -1),
      ready: waits.map(({ ready, since: begin }) => (ready === undefined ? null : micros(ready) - micros(begin))),
      readyAfter: waits.map(({ readyAfter, since: begin }) =>
        readyAfter === undefined ? null : micros(readyAfter) - micros(begin),
      ),
      holder: waits.map(({ holder }) => holder ?? null),
    };
    return { kinds: this.#kinds, waits: column };
  }

  #kind(kind: string, ball: Ball): number {
    return once(this.#kindOf, `${ball} ${kind}`, () => this.#kinds.push([kind, ball]) - 1);
  }
}

function unpackWaits(kinds: PackedRecording['kinds'], waits: PackedRecording['waits'], from: number): RecordedWait[] {
  return sums(waits.since, from).map((since, i): RecordedWait => {
    const at = <V>(column: readonly V[]): V => column[i] as V; // the columns are of one length
    const [kind, ball] = kinds[at(waits.kind)] as PackedRecording['kinds'][number]; // packed together
    const ready = at(waits.ready);
    const readyAfter = at(waits.readyAfter);
    const holder = at(waits.holder);
    return {
      kind,
      ball,
      since: since / 1000,
      place: orNull(at(waits.place)),
      resource: orNull(at(waits.resource)),
      ...(ready === null ? undefined : { ready: (since + ready) / 1000 }),
      ...(readyAfter === null ? undefined : { readyAfter: (since + readyAfter) / 1000 }),
      ...(holder === null ? undefined : { holder }),
    };
  });
}

function packJob(job: RecordedJob, zero: number): PackedRecording['jobs'][number] {
  const { name, executor, worker, table, queued, started, ended } = job;
  const time = (ms: number | null): number | null => (ms === null ? null : micros(ms) - zero);
  return [name, executor, worker ?? -1, table ?? -1, time(queued), time(started), time(ended)];
}

/** Turns values into their differences. Undone by `sums`. */
class Differences {
  #last: number;

  constructor(zero: number) {
    this.#last = zero;
  }

  next(value: number): number {
    const difference = value - this.#last;
    this.#last = value;
    return difference;
  }
}

function sums(differences: readonly number[], zero: number): number[] {
  let value = zero;
  return differences.map((difference) => (value += difference));
}

function micros(ms: number): number {
  return Math.round(ms * 1000);
}

function orNull(index: number): number | null {
  return index < 0 ? null : index;
}
