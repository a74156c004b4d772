// The figures of the process in the text format of Prometheus, 0.0.4.
//
// Names follow its rules: one prefix, base units (seconds, bytes) as a suffix, _total for what only
// grows. There is no label of a client, task or job: the number of series is bounded by the rows of
// totals.ts.
import type { BlockRow, ProcessRow } from '../../../introspect/index.ts';
import type { Figures } from '../../crossing.ts';

/** What is said of a loop. */
export interface LoopMetrics {
  /** Bytes of memory of its process; null if that is said elsewhere. */
  readonly rss: number | null;
  /** Of the last second that its thread had; undefined before the first. */
  readonly figures: Figures | undefined;
  /** The block that lasts. */
  readonly block: BlockRow | undefined;
  /** Of all blocks that are over. */
  readonly blocks: { readonly count: number; readonly ms: number };
}

/** What the text is made from. */
export interface MetricsSources {
  readonly process: ProcessRow;
  readonly version: string;
  /** The time on the loop's clock of the process. */
  readonly now: number;
  readonly loop: LoopMetrics;
  /** The workers, by their places. Empty without any. */
  readonly rooms?: readonly (LoopMetrics & { readonly place: number })[];
}

type Labels = Readonly<Record<string, string>>;
/** A value with its labels. A null value is not known, and has no line. */
type Sample = readonly [value: number | null, labels?: Labels];
type Add = (name: string, type: 'counter' | 'gauge', help: string, samples: readonly Sample[]) => void;

/** A loop with the labels of all that is said of it. */
interface Labelled extends LoopMetrics {
  readonly labels: Labels;
}

/** Returns the text. With workers, each has the label `worker`; the supervisor is `0`. */
export function metricsText({ process, version, now, loop, rooms = [] }: MetricsSources): string {
  const lines: string[] = [];
  const add: Add = (name, type, help, samples) => {
    const known = samples.filter(([value]) => value !== null);
    if (known.length === 0) return;
    lines.push(`# HELP maitre_${name} ${help}`, `# TYPE maitre_${name} ${type}`);
    for (const [value, labels = {}] of known) lines.push(`maitre_${name}${labelText(labels)} ${value}`);
  };
  const loops: readonly Labelled[] =
    rooms.length === 0
      ? [{ ...loop, labels: {} }]
      : [
          { ...loop, labels: { worker: '0' } },
          ...rooms.map((room) => ({ ...room, labels: { worker: `${room.place}` } })),
        ];
  add('info', 'gauge', 'The version of maitre and the runtime.', [[1, { version, runtime: process.runtime }]]);
  add('start_time_seconds', 'gauge', 'When the process was started, since 1970.', [[process.epoch / 1000]]);
  addLoops(add, loops, now);
  const known = loops.flatMap(({ figures, labels }) => (figures === undefined ? [] : [{ figures, labels }]));
  addServers(add, known);
  addExecutors(add, known);
  return `${lines.join('\n')}\n`;
}

function addLoops(add: Add, loops: readonly Labelled[], now: number): void {
  const each = (value: (loop: Labelled) => number | null): Sample[] => loops.map((loop) => [value(loop), loop.labels]);
  const figure = (value: (figures: Figures) => number | null): Sample[] =>
    each(({ figures }) => (figures === undefined ? null : value(figures)));
  add(
    'resident_memory_bytes',
    'gauge',
    'Memory of the process.',
    each(({ rss }) => rss),
  );
  add(
    'loop_blocked',
    'gauge',
    'Whether the loop is blocked now, 0 or 1.',
    each(({ block }) => (block === undefined ? 0 : 1)),
  );
  add(
    'loop_blocks_total',
    'counter',
    'Blocks of the loop that are over.',
    each(({ blocks }) => blocks.count),
  );
  add(
    'loop_blocked_seconds_total',
    'counter',
    'Time for which the loop was blocked.',
    each(({ blocks, block }) => (blocks.ms + (block?.ms ?? 0)) / 1000),
  );
  add(
    'figures_age_seconds',
    'gauge',
    'How old what follows is: more than a second while the loop is blocked.',
    figure((figures) => Math.max(0, now - figures.now) / 1000),
  );
  add(
    'loop_busy_ratio',
    'gauge',
    'Share of the last second in which the loop was busy.',
    figure(({ busy }) => busy),
  );
  add(
    'loop_lag_seconds',
    'gauge',
    'How late timers were in the last second.',
    loops.flatMap(({ figures, labels }): Sample[] => [
      [seconds(figures?.lag?.p50), { ...labels, quantile: '0.5' }],
      [seconds(figures?.lag?.p99), { ...labels, quantile: '0.99' }],
    ]),
  );
  add(
    'tasks',
    'gauge',
    'Tasks that live.',
    figure(({ tasks }) => tasks),
  );
}

/** The figures of a loop, and its labels. */
interface Known {
  readonly figures: Figures;
  readonly labels: Labels;
}

function addServers(add: Add, all: readonly Known[]): void {
  const each = (value: (row: Figures['servers'][number]) => number): Sample[] =>
    all.flatMap(({ figures, labels }) =>
      figures.servers.map((row): Sample => [value(row), { ...labels, server: row.label }]),
    );
  add(
    'server_connections',
    'gauge',
    'Connections that are open.',
    each(({ open }) => open),
  );
  add(
    'server_connections_parked',
    'gauge',
    'Clients that wait for a place.',
    each(({ parked }) => parked),
  );
  add(
    'server_connections_in_line',
    'gauge',
    'Clients that wait for a handler.',
    each(({ inLine }) => inLine),
  );
  add(
    'server_handlers',
    'gauge',
    'Handlers that run.',
    each(({ handling }) => handling),
  );
  add(
    'server_accepted_total',
    'counter',
    'Clients that were accepted.',
    each(({ accepted }) => accepted),
  );
  const refused = all.flatMap(({ figures, labels }) =>
    figures.servers.flatMap(({ label, refused: counts }) =>
      Object.entries(counts).map(([reason, count]): Sample => [count, { ...labels, server: label, reason }]),
    ),
  );
  add('server_refused_total', 'counter', 'Clients that were not served.', refused);
  add(
    'server_read_bytes_total',
    'counter',
    'Bytes that came from clients.',
    each(({ bytesRead }) => bytesRead),
  );
  add(
    'server_written_bytes_total',
    'counter',
    'Bytes that handlers wrote.',
    each(({ bytesWritten }) => bytesWritten),
  );
}

function addExecutors(add: Add, all: readonly Known[]): void {
  const each = (value: (row: Figures['executors'][number]) => number): Sample[] =>
    all.flatMap(({ figures, labels }) =>
      figures.executors.map((row): Sample => [value(row), { ...labels, executor: row.label }]),
    );
  add(
    'executor_workers',
    'gauge',
    'Workers that are there.',
    each(({ workers }) => workers),
  );
  add(
    'executor_jobs_queued',
    'gauge',
    'Jobs that wait for a worker.',
    each(({ queued }) => queued),
  );
  add(
    'executor_jobs_running',
    'gauge',
    'Jobs that run.',
    each(({ running }) => running),
  );
  const outcomes = ['finished', 'failed', 'cancelled', 'lost'] as const;
  const ended = all.flatMap(({ figures, labels }) =>
    figures.executors.flatMap((row) =>
      outcomes.map((outcome): Sample => [row[outcome], { ...labels, executor: row.label, outcome }]),
    ),
  );
  add('executor_jobs_total', 'counter', 'Jobs that have ended.', ended);
}

function seconds(ms: number | undefined): number | null {
  return ms === undefined ? null : ms / 1000;
}

function labelText(labels: Labels): string {
  const texts = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  return texts.length === 0 ? '' : `{${texts.join(',')}}`;
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
