// Recordings from a seed, for the views of slow motion: one thread, tables that wait, jobs, a block.
import { seededRandom } from 'maitre/testing';
import type {
  BlockRow,
  Place,
  RecordedJob,
  RecordedTable,
  RecordedWait,
  Recording,
  Visit,
} from '#src/inspect/protocol/index.js';

export interface RecordingOptions {
  readonly tables?: number;
  /** Milliseconds. */
  readonly length?: number;
  /** The mean milliseconds between two visits. */
  readonly every?: number;
  /** Milliseconds of one visit in the middle that blocks. 0: none. */
  readonly block?: number;
  /** A silence in the middle, milliseconds. */
  readonly silence?: number;
  readonly stoves?: number;
}

const NAMES = ['Ada', 'Grace', 'Edsger', 'Barbara', 'Alan', 'Radia', 'Donald', 'Leslie', 'Tony', 'Frances', 'Ken'];
const FILE = '/srv/orders.ts';
const SOURCE = [
  'export default async function serveTable(reader, writer) {',
  '  for await (const line of reader.lines()) {',
  '    const order = parseOrder(line);',
  '    using mill = await pepperMill.acquire();',
  '    if (order.wine) await fetch(cellar);',
  '    const meal = await kitchen.cook(order);',
  '    writer.write(meal);',
  '    await writer.drain();',
  '    await sleep(order.pause);',
  '  }',
  '}',
];
const FIRST_LINE = 9;

const place = (line: number, name = 'serveTable'): Place => ({
  file: FILE,
  line,
  column: 24,
  function: name,
  text: `orders.ts:${line}`,
});

const PLACES: readonly Place[] = [place(10), place(12), place(13), place(14), place(16), place(17)];
const READ = 0;
const LOCK = 1;
const KITCHEN = 3;
const DRAIN = 4;
const SLEEP = 5;

type Kind = typeof READ | typeof LOCK | typeof KITCHEN | typeof DRAIN | typeof SLEEP;

const KINDS: Readonly<Record<Kind, Pick<RecordedWait, 'kind' | 'ball' | 'resource'>>> = {
  [READ]: { kind: 'readLine', ball: 'read', resource: null },
  [LOCK]: { kind: 'lock.acquire', ball: 'other', resource: 0 },
  [KITCHEN]: { kind: 'job', ball: 'kitchen', resource: 1 },
  [DRAIN]: { kind: 'drain', ball: 'drain', resource: null },
  [SLEEP]: { kind: 'sleep', ball: 'clock', resource: null },
};

const NEXT: Readonly<Record<Kind, readonly Kind[]>> = {
  [READ]: [KITCHEN, KITCHEN, READ, LOCK],
  [LOCK]: [KITCHEN],
  [KITCHEN]: [SLEEP, READ, DRAIN],
  [DRAIN]: [READ, SLEEP],
  [SLEEP]: [READ],
};

interface Seat {
  kind: Kind;
  since: number;
  /** When what it waits for is there. */
  due: number;
  job?: { -readonly [K in keyof RecordedJob]: RecordedJob[K] };
}

/** A recording of one thread: at any time it is at one table at most. */
export function recordingOf(seed: number, options: RecordingOptions = {}): Recording {
  const { tables: count = 8, length = 200, every = 12, block = 0, silence = 0, stoves = 3 } = options;
  const random = seededRandom(seed);
  const from = 1000;
  const to = from + length;
  const within = (least: number, most: number): number => least + random() * (most - least);
  const jobs: Seat['job'][] = [];
  const busyUntil: number[] = Array.from({ length: stoves }, () => 0);
  const seat = (table: number, kind: Kind, since: number): Seat => {
    const made: Seat = { kind, since, due: Math.max(since, from) + within(0.2, 2) * every * count };
    if (kind === KITCHEN) {
      const worker = busyUntil.indexOf(Math.min(...busyUntil));
      const started = Math.max(since, busyUntil[worker] ?? 0);
      made.due = Math.max(started, from) + within(5, 40);
      busyUntil[worker] = made.due;
      made.job = { name: 'cook', executor: 1, worker, table, queued: since, started, ended: made.due };
      jobs.push(made.job);
    }
    return made;
  };
  const seats = Array.from({ length: count }, (_, table) =>
    seat(table, ([READ, READ, KITCHEN, SLEEP, DRAIN] as const)[table % 5] ?? READ, from - within(0, 600)),
  );
  const waitOf = ({ kind, since, due }: Seat, now: number, poll: number, polled: number): RecordedWait => {
    const { ball, ...rest } = KINDS[kind];
    const known = due <= now;
    const blind = ball === 'read' || ball === 'drain';
    // The loop learns of bytes when it polls: at once while it is idle, after a block for all of it.
    const ready = blind ? Math.max(due, poll) : due;
    return {
      ...rest,
      ball,
      since,
      place: kind,
      ...(known ? { ready: Math.min(ready, now) } : {}),
      ...(known && blind ? { readyAfter: Math.min(polled, ready, now) } : {}),
    };
  };
  const tables: RecordedTable[] = seats.map((each, index) => ({
    id: index + 1,
    what: 'client',
    name: NAMES[index % NAMES.length] ?? '',
    peer: `127.0.0.1:${50_137 + index * 37}`,
    start: waitOf({ ...each, due: Infinity }, from, from, from),
  }));
  const visits: Visit[] = [];
  const turns: number[] = [];
  const blocks: BlockRow[] = [];
  let now = from;
  let poll = from;
  let polled = from;
  let blocked = block === 0;
  for (;;) {
    const next = seats.reduce((best, each, index) => (each.due < (seats[best]?.due ?? 0) ? index : best), 0);
    const chosen = seats[next] as Seat; // an index of seats
    if (chosen.due > now) {
      now = chosen.due;
      if (silence > 0 && now > from + length / 3 && now < from + length / 3 + silence) {
        now += silence;
        for (const each of seats) each.due += silence;
      }
      poll = now;
      polled = now - 0.01;
    }
    now += within(0.002, 0.03);
    if (now >= to) break;
    if (turns.length === 0 || random() < 0.7) turns.push(now);
    const blocks_ = !blocked && chosen.kind === READ && now > from + length * 0.2;
    const ms = blocks_ ? block : within(0.012, 0.09);
    const kind = NEXT[chosen.kind][Math.floor(random() * NEXT[chosen.kind].length)] ?? READ;
    const before = waitOf(chosen, now, poll, polled);
    const after = seat(next, kind, now + ms);
    seats[next] = after;
    const { ball, ...rest } = KINDS[kind];
    visits.push({
      begin: now,
      ms,
      exact: random() > 0.1,
      table: next,
      task: next + 100,
      turn: turns.length,
      from: before,
      to: { ...rest, ball, since: after.since, place: kind },
      ended: false,
      ...(before.ball === 'read' ? { bytes: [37, 0] as const } : {}),
    });
    if (blocks_) {
      blocked = true;
      blocks.push(blockRow(now, ms, next, count));
      polled = now;
      poll = now + ms;
    }
    now += ms;
  }
  for (const visit of visits.slice(-count)) patchReady(visit, seats, to);
  return rounded({
    version: 1,
    process: {
      pid: 41_822,
      runtime: 'Node.js 24.11.1',
      file: FILE,
      epoch: 1_764_425_220_000,
      uptime: 11_820_000,
      rss: 81_000_000,
      heapUsed: 22_000_000,
    },
    reason: block > 0 ? 'block' : 'request',
    from,
    to,
    full: true,
    lost: 0,
    tables,
    places: [...PLACES, place(11), place(42, 'kneadDough')],
    resources: [
      { key: 'lock:1', kind: 'lock', label: 'lock "pepper mill"' },
      { key: 'executor:1', kind: 'executor', label: 'executor "kitchen"' },
    ],
    visits,
    jobs: jobs.map((job) => cutJob(job as RecordedJob, to)).filter((job) => job.queued === null || job.queued < to),
    turns,
    blocks,
    source: { [FILE]: SOURCE.map((text, index) => [FIRST_LINE + index, text] as const) },
  });
}

/** With times of whole microseconds, as recordings have them. */
function rounded(recording: Recording): Recording {
  const text = JSON.stringify(recording, (_, value: unknown) =>
    typeof value === 'number' ? Math.round(value * 1000) / 1000 : value,
  );
  return JSON.parse(text) as Recording; // what it was
}

function blockRow(since: number, ms: number, table: number, count: number): BlockRow {
  return {
    id: 1,
    since,
    ms,
    over: true,
    thread: 0,
    task: table + 100,
    name: NAMES[table % NAMES.length] ?? '',
    peer: `127.0.0.1:${50_137 + table * 37}`,
    place: place(42, 'kneadDough'),
    stack: ['kneadDough orders.ts:42:10', 'parseOrder orders.ts:31:3', 'serveTable orders.ts:11:19'],
    waiting: Math.floor(count / 3),
  };
}

/** A wait that nobody visited again has what is known of it at the end. */
function patchReady(visit: Visit, seats: readonly Seat[], to: number): void {
  const seat = seats[visit.table];
  if (visit.to === null || seat === undefined || visit.to.since !== seat.since || seat.kind !== KITCHEN) return;
  if (seat.due < to) (visit as { to: RecordedWait }).to = { ...visit.to, ready: seat.due }; // made above
}

function cutJob(job: RecordedJob, to: number): RecordedJob {
  const inside = (at: number | null): number | null => (at === null || at > to ? null : at);
  return { ...job, started: inside(job.started), ended: inside(job.ended) };
}
