// A recording as a trace for Perfetto (ui.perfetto.dev) and chrome://tracing, in the Trace Event
// Format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
//
// - One process for the tables, with a track (a "thread") for each: its visits, and between them
//   what it waited for. A table that does several things at once shows the first of them, as its
//   bill does, so the slices of a track never overlap.
// - One process for each executor, with a track for each worker: the jobs that ran there. An arrow
//   (a flow) leads from the visit that called a job to the job, and on to the visit after it.
// - One track for the blocks.
import { nameOfTable, piecesOf, visitsOf } from './bill.ts';
import type { RecordedJob, Recording, Visit } from './recording.ts';

/** One event of a trace. Times are microseconds. */
export interface TraceEvent {
  /** X: a slice; M: the name of a process or track; s, t, f: the begin, a step and the end of an arrow. */
  readonly ph: 'X' | 'M' | 's' | 't' | 'f';
  readonly name: string;
  readonly cat?: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly id?: number;
  /** Of the end of an arrow: it ends at the slice around it, and not at the next one. */
  readonly bp?: 'e';
  readonly args?: Readonly<Record<string, unknown>>;
}

/** A trace, to be written as JSON. */
export interface Trace {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: 'ms';
  readonly otherData: Readonly<Record<string, string>>;
}

const TABLES = 1;
const BLOCKS = 0;
/** The executor with the index 0 is this process, and so on. */
const EXECUTORS = 100;

/** Returns a recording as a trace. */
export function traceOf(recording: Recording): Trace {
  const { process, from, to, full } = recording;
  const events = [...namesOf(recording), ...tracksOf(recording), ...jobsOf(recording), ...blocksOf(recording)];
  return {
    traceEvents: events,
    displayTimeUnit: 'ms',
    otherData: {
      program: process.file,
      runtime: process.runtime,
      pid: String(process.pid),
      begin: new Date(process.epoch + from).toISOString(),
      milliseconds: (to - from).toFixed(3),
      detail: full ? 'every step was measured' : 'one step in 64 was measured, the others are estimates',
    },
  };
}

/** Whole microseconds since the begin of the recording. */
function micros(recording: Recording, time: number): number {
  return Math.round((time - recording.from) * 1000);
}

function* namesOf({ tables, resources, jobs, blocks }: Recording): Iterable<TraceEvent> {
  const name = (what: string, pid: number, tid: number, args: TraceEvent['args']): TraceEvent => {
    return { ph: 'M', name: what, pid, tid, ts: 0, ...(args === undefined ? undefined : { args }) };
  };
  yield name('process_name', TABLES, BLOCKS, { name: 'event loop' });
  if (blocks.length > 0) yield name('thread_name', TABLES, BLOCKS, { name: 'blocks' });
  for (const [i, table] of tables.entries()) {
    const label = table.peer === '' ? nameOfTable(table) : `${nameOfTable(table)} from ${table.peer}`;
    yield name('thread_name', TABLES, i + 1, { name: label });
    yield name('thread_sort_index', TABLES, i + 1, { sort_index: i + 1 });
  }
  const workers = new Map<number, Set<number>>();
  for (const { executor, worker } of jobs) {
    if (worker === null) continue;
    if (!workers.has(executor)) workers.set(executor, new Set());
    workers.get(executor)?.add(worker);
  }
  for (const [executor, its] of workers) {
    yield name('process_name', EXECUTORS + executor, 0, { name: resources[executor]?.label ?? 'executor' });
    for (const worker of its)
      yield name('thread_name', EXECUTORS + executor, worker + 1, { name: `worker ${worker + 1}` });
  }
}

function* tracksOf(recording: Recording): Iterable<TraceEvent> {
  const { visits, tables, places, resources } = recording;
  const placeOf = (index: number | null | undefined): object =>
    index === null || index === undefined ? {} : { place: places[index]?.text };
  const resourceOf = (index: number | null | undefined): object =>
    index === null || index === undefined ? {} : { resource: resources[index]?.label };
  for (const visit of visits) {
    const { table, begin, ms, from, to, exact } = visit;
    yield {
      ph: 'X',
      name: 'visit',
      cat: 'visit',
      pid: TABLES,
      tid: table + 1,
      ts: micros(recording, Math.max(begin, recording.from)),
      dur: lengthOf(recording, visit),
      args: {
        after: from?.kind ?? 'its start',
        until: visit.ended ? 'its end' : (to?.kind ?? 'a promise of others'),
        ...placeOf(from?.place),
        ...(exact ? undefined : { estimated: ms }),
      },
    };
  }
  for (const table of tables.keys()) {
    for (const { begin, end, what, wait } of piecesOf(recording, table)) {
      if (what === 'own') continue;
      const ts = micros(recording, begin);
      const dur = micros(recording, end) - ts;
      if (dur === 0) continue;
      yield {
        ph: 'X',
        name: what === 'ready' ? 'ready, the loop is elsewhere' : (wait?.kind ?? 'a promise of others'),
        cat: what,
        pid: TABLES,
        tid: table + 1,
        ts,
        dur,
        args: {
          ...placeOf(wait?.place),
          ...resourceOf(wait?.resource),
        },
      };
    }
  }
}

function lengthOf(recording: Recording, { begin, ms }: Visit): number {
  const ts = micros(recording, Math.max(begin, recording.from));
  return Math.max(0, micros(recording, Math.min(begin + ms, recording.to)) - ts);
}

function* jobsOf(recording: Recording): Iterable<TraceEvent> {
  for (const [id, job] of recording.jobs.entries()) {
    const { name, executor, worker, started } = job;
    if (worker === null || started === null) continue;
    const [ts, end] = [micros(recording, Math.max(started, recording.from)), job.ended ?? recording.to];
    const at = { pid: EXECUTORS + executor, tid: worker + 1, ts };
    yield { ph: 'X', name, cat: 'job', ...at, dur: Math.max(0, micros(recording, end) - ts) };
    const [caller, receiver] = endsOf(job, job.table === null ? [] : visitsOf(recording, job.table));
    // An arrow has both ends: where one is not in the recording, it begins or ends at the job.
    if (caller === undefined && receiver === undefined) continue;
    const arrow = { name: 'job', cat: 'job', id };
    const queued = micros(recording, job.queued ?? started);
    const called = caller === undefined ? at : { pid: TABLES, tid: caller.table + 1, ts: queued };
    const received =
      receiver === undefined ? at : { pid: TABLES, tid: receiver.table + 1, ts: micros(recording, receiver.begin) };
    yield { ph: 's', ...arrow, ...called };
    if (caller !== undefined && receiver !== undefined) yield { ph: 't', ...arrow, ...at };
    yield { ph: 'f', bp: 'e', ...arrow, ...received };
  }
}

/** The visit that called a job, and that which went on with its answer, among those of its table. */
function endsOf({ queued, ended }: RecordedJob, visits: readonly Visit[]): [Visit | undefined, Visit | undefined] {
  let caller: Visit | undefined;
  // Backwards, past the visits that lie inside of others and take no time.
  for (let i = queued === null ? -1 : firstFrom(visits, queued + 0.001) - 1; i >= 0 && caller === undefined; i--) {
    const visit = visits[i] as Visit; // 0 <= i < length
    if (visit.begin + visit.ms >= (queued ?? 0)) caller = visit;
    else if (visit.ms > 0) break;
  }
  let receiver: Visit | undefined;
  for (let i = ended === null ? visits.length : firstFrom(visits, ended - 1); i < visits.length; i++) {
    const visit = visits[i] as Visit; // i < length
    if (visit.from?.ball !== 'kitchen' || (visit.from.ready ?? ended ?? 0) < (queued ?? 0)) continue;
    receiver = visit;
    break;
  }
  return [caller, receiver];
}

/** The index of the first visit that begins at a time or after it. */
function firstFrom(visits: readonly Visit[], time: number): number {
  let low = 0;
  let high = visits.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((visits[middle] as Visit).begin < time) low = middle + 1; // middle < length
    else high = middle;
  }
  return low;
}

function* blocksOf(recording: Recording): Iterable<TraceEvent> {
  for (const { since, ms, name, place, stack, thread } of recording.blocks) {
    if (thread !== 0) continue;
    const ts = micros(recording, Math.max(since, recording.from));
    const end = micros(recording, Math.min(since + ms, recording.to));
    yield {
      ph: 'X',
      name: place === null ? 'block' : `block in ${place.function ?? place.text}`,
      cat: 'block',
      pid: TABLES,
      tid: BLOCKS,
      ts,
      dur: Math.max(0, end - ts),
      args: { task: name, place: place?.text, stack },
    };
  }
}
