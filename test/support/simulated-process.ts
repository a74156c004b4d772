// What an inspector would send of a simulated loop: frames to each viewer, and answers to requests.
import type {
  Bill,
  BlockRow,
  Frame,
  Group,
  KitchenRow,
  Method,
  Methods,
  OutsideRow,
  Place,
  ShownVisit,
  Snapshot,
  StripPoint,
  TaskRow,
  WarningRow,
} from '#src/inspect/protocol/index.js';
import { BALLS, packRecording } from '#src/inspect/protocol/index.js';
import { BALL, type SimBlock, SimulatedLoop, type LoopOptions, type SimTable } from './simulated-loop.js';
import { recordingOf } from './recordings.js';

const FILE = '/srv/orders.ts';
const SOURCE: Readonly<Record<number, string>> = {
  9: 'export default async function serveTable(reader, writer) {',
  10: '  for await (const line of reader.lines()) {',
  11: '    const order = parseOrder(line);',
  12: '    using mill = await pepperMill.acquire();',
  13: '    if (order.wine) await fetch(cellar);',
  14: '    const meal = await kitchen.cook(order);',
  15: '    writer.write(meal);',
  16: '    await writer.drain();',
  17: '    await sleep(order.pause);',
  18: '  }',
  19: '}',
  39: 'function kneadDough(bread: Bread): void {',
  40: '  for (let fold = 0; fold < 40_000; fold++) {',
  41: '    bread.dough.reverse();',
  42: '    bread.dough.sort(byStretch);',
  43: '  }',
  44: '}',
};
/** The line of each ball's wait, by its index. */
const LINES = [10, 16, 14, 12, 17, 13];
const CALLS = ['lines', 'drain', 'job', 'semaphore.acquire', 'sleep', ''];
const MAX_ROWS = 400;

const placeOf = (line: number, name = 'serveTable'): Place => ({
  file: FILE,
  line,
  column: 22,
  function: name,
  text: `orders.ts:${line}`,
});
const PLACES: readonly Place[] = LINES.map((line) => placeOf(line));
const RESOURCES: Frame['resources'] = [
  { key: 'semaphore:1', kind: 'semaphore', label: 'semaphore "pepperMill"' },
  { key: 'executor:1', kind: 'executor', label: 'executor "kitchen"' },
];

export interface ProcessOptions {
  readonly control?: boolean;
  /** Nobody comes. */
  readonly empty?: boolean;
  /** The name of every client. */
  readonly name?: string;
}

export class SimulatedProcess {
  readonly loop: SimulatedLoop;
  readonly #control: boolean;
  readonly #name: string | undefined;
  readonly #server = 'server 127.0.0.1:8002';

  constructor(options: LoopOptions, { control = false, empty = false, name }: ProcessOptions = {}) {
    this.loop = new SimulatedLoop(empty ? { ...options, tables: 0, arrive: 1e12, blockEvery: 0 } : options);
    this.#control = control;
    this.#name = name;
  }

  get now(): number {
    return this.loop.now;
  }

  /** A stream of frames for one viewer: each call returns the next one. */
  frames(): () => Frame {
    let seq = 0;
    let seen = new Map<number, string>();
    let strip = Math.max(0, this.loop.seconds.length - 300);
    let visits = 0;
    // Blocks that were over before are of the list, not of the stream.
    let told = this.loop.blocks.findLast(({ over }) => over)?.id ?? 0;
    return () => {
      const { loop } = this;
      const full = seq === 0;
      const changed: SimTable[] = [];
      const seated: SimTable[] = [];
      const now = new Map<number, string>();
      for (const table of loop.tables) {
        const state = `${table.ball} ${table.since} ${table.visits}`;
        now.set(table.id, state);
        const before = seen.get(table.id);
        if (before === undefined) seated.push(table);
        if (before !== state) changed.push(table);
      }
      const left = [...seen.keys()].filter((id) => !now.has(id));
      seen = now;
      const made = loop.visits.slice(visits);
      visits = loop.visits.length;
      const points = loop.seconds.slice(strip).map((each) => this.#point(each));
      strip = loop.seconds.length;
      const lastBlock = loop.blocks.at(-1);
      const block = lastBlock !== undefined && (!lastBlock.over || lastBlock.id !== told) ? lastBlock : null;
      if (block?.over === true) told = block.id;
      return {
        seq: seq++,
        now: loop.now,
        dropped: 0,
        fresh: { how: 'asked', age: 0 },
        sentence: this.#sentence(),
        full,
        of: 'clients',
        total: loop.tables.length,
        tables: columnsOf(changed),
        seated: seated.map(({ id, name, peer, openedAt }) => ({
          id,
          task: id + 1000,
          name: this.#name ?? name,
          peer,
          openedAt,
        })),
        left,
        places: full ? PLACES : [],
        resources: full ? RESOURCES : [],
        counts: this.#counts(),
        visits: {
          total: made.length,
          shown: made
            .filter((_, i) => i % Math.ceil(made.length / 4) === 0)
            .map(({ table, begin, us, from, to }): ShownVisit => ({
              table: table.id,
              begin: Math.round(begin * 100) / 100,
              us: us === null ? null : Math.round(us),
              from,
              to,
            })),
          tables: [...new Set(made.map(({ table }) => table.id))].slice(0, MAX_ROWS),
        },
        kitchens: [this.#kitchen()],
        outside: [this.#outside()],
        block: block === null ? null : this.#blockRow(block),
        strip: points,
        numbers: {
          tasks: loop.tables.length + 9,
          blocks: loop.blocks.length,
          warnings: this.#warnings().length,
          ended: loop.ended.length,
        },
      };
    };
  }

  /** The result of a request; throws what the error's message says. */
  answer<M extends Method>(method: M, params: Methods[M]['params']): unknown {
    const { loop } = this;
    const base = { sentence: this.#sentence(), fresh: { how: 'asked', age: 0 }, now: loop.now } as const;
    switch (method) {
      case 'hello':
        return {
          protocol: 1,
          version: '0.1.0',
          control: this.#control,
          record: false,
          process: this.#process(),
          addresses: ['127.0.0.1:8002'],
          now: loop.now,
        };
      case 'source': {
        const { from, to } = params as Methods['source']['params'];
        return {
          lines: Object.entries(SOURCE)
            .map(([line, text]) => [Number(line), text] as const)
            .filter(([line]) => line >= from && line <= to),
        };
      }
      case 'blocks':
        return { ...base, blocks: loop.blocks.map((block) => this.#blockRow(block)) };
      case 'warnings':
        return { ...base, warnings: this.#warnings() };
      case 'ended':
        return {
          ...base,
          ended: loop.ended.map(({ table, at, how, why }) => ({
            what: 'connection',
            id: table.id,
            name: `${table.id} from ${table.peer}`,
            at,
            ms: at - table.openedAt,
            how,
            ...(why === undefined ? {} : { why }),
            bytesRead: table.bytesIn,
            bytesWritten: table.bytesOut,
          })),
        };
      case 'connections': {
        const { filter = '', limit = 500 } = params as Methods['connections']['params'];
        const rows = loop.tables.filter(({ id, peer }) => `${id} ${peer}`.includes(filter));
        return {
          ...base,
          total: loop.tables.length,
          places: PLACES,
          connections: rows.slice(0, limit).map((table) => ({
            id: table.id,
            peer: table.peer,
            server: this.#server,
            task: table.id + 1000,
            name: table.name,
            what: whatOf(table.ball),
            ball: BALLS[table.ball],
            since: table.since,
            place: table.ball,
            openedAt: table.openedAt,
            bytesRead: table.bytesIn,
            bytesWritten: table.bytesOut,
            unsent: table.unsent,
            unread: 0,
          })),
        };
      }
      case 'bill': {
        const { client } = params as Methods['bill']['params'];
        return { ...base, bill: this.#bill(client) };
      }
      case 'snapshot':
        return { ...base, snapshot: this.#snapshot((params as Methods['snapshot']['params']).rows ?? 1000) };
      case 'groups':
        return {
          ...base,
          process: this.#process(),
          loop: { busy: 0.1, lag: null },
          tasks: loop.tables.length + 9,
          clients: loop.tables.length,
          groups: this.#groups(),
          outside: [this.#outside()],
          cycles: [],
          warnings: this.#warnings(),
          places: PLACES,
        };
      case 'record':
        return { ...base, sentence: 'Recorded 200 ms.', recording: packRecording(recordingOf(12)) };
      case 'cancel': {
        if (!this.#control) throw new Error('Cancelling is not allowed: the inspector was started without control');
        const { client = 0 } = params as Methods['cancel']['params'];
        const done = loop.cancel(client);
        return {
          ...base,
          sentence: done ? `Cancelled client ${client}.` : 'It had ended.',
          outcome: done ? 'done' : 'ended',
        };
      }
      default:
        throw new Error(`The simulation does not answer ${method}`);
    }
  }

  #sentence(): string {
    const { loop } = this;
    if (loop.tables.length === 0) return 'Nobody is here. The loop waits.';
    if (loop.block !== null) {
      const ms = Math.round(loop.now - loop.block.since);
      return `Client ${loop.block.table.id} has kept the loop for ${ms} ms. Nobody else is served.`;
    }
    const busy = loop.seconds.at(-1)?.second.busy ?? 0;
    const long = loop.tables.filter(({ ball, since }) => ball === BALL.other && loop.now - since > 2000).length;
    const unusual = long === 0 ? 'no client waits' : `${long} client${long === 1 ? ' waits' : 's wait'}`;
    return `The loop keeps up, ${Math.max(1, Math.round(busy / 10))} % busy; ${unusual} unusually long.`;
  }

  #process(): Methods['hello']['result']['process'] {
    const epoch = Date.UTC(2026, 0, 2, 14, 2);
    const uptime = 11_520_000 + this.loop.now;
    return { pid: 41_822, runtime: 'Node.js 24.11.1', file: FILE, epoch, uptime, rss: 9e7, heapUsed: 3e7 };
  }

  #point({ at, second, tables }: SimulatedLoop['seconds'][number]): StripPoint {
    const lags = second.lags.sort((a, b) => a - b);
    const quantile = (q: number): number | null => lags[Math.min(lags.length - 1, Math.floor(q * lags.length))] ?? null;
    return {
      at,
      busy: Math.min(1, second.busy / 1000),
      lag50: quantile(0.5),
      lag99: quantile(0.99),
      connections: tables,
      reads: second.reads,
      bytesIn: second.bytesIn,
      bytesOut: second.bytesOut,
      visits: second.visits,
      longestBlock: second.block,
    };
  }

  #counts(): Frame['counts'] {
    const { now, tables } = this.loop;
    const bounds = [100, 1000, 10_000, 60_000, 600_000, Infinity];
    const balls = BALLS.map(() => 0);
    const ages = BALLS.map(() => bounds.map(() => 0));
    for (const { ball, since } of tables) {
      balls[ball] = (balls[ball] ?? 0) + 1;
      const age = bounds.findIndex((bound) => now - since < bound);
      const row = ages[ball];
      if (row !== undefined) row[age] = (row[age] ?? 0) + 1;
    }
    const longest = tables.length > 2000 ? [] : tables.toSorted((a, b) => a.since - b.since).slice(0, 12);
    return {
      balls,
      ages,
      longest: longest.map(({ id }) => id),
      places: balls.map((count, place) => [place, count] as const),
    };
  }

  #kitchen(): KitchenRow {
    const { workers, queue, done } = this.loop;
    return {
      executor: 'kitchen',
      size: workers.length,
      queued: queue.length,
      next: queue.slice(0, 12).map(({ table }) => ({ job: 'cook', table: table.id })),
      workers: workers.map((job) =>
        job === null
          ? { job: null, table: null, since: null }
          : { job: 'cook', table: job.table.id, since: Math.floor(job.startedAt) },
      ),
      unfetched: done.length,
    };
  }

  #outside(): OutsideRow {
    const { parked, options, tables } = this.loop;
    return {
      server: this.#server,
      parked: parked.length,
      inLine: 0,
      refused: 0,
      backlog: 0,
      limit: tables.length >= options.tables && options.parked > 0 ? `maxConnections ${options.tables}` : null,
      firstParked: parked[0] ?? null,
    };
  }

  #blockRow({ id, table, since, until, over, waiting }: SimBlock): BlockRow {
    return {
      id,
      since,
      ms: over ? until - since : this.loop.now - since,
      over,
      thread: 0,
      task: table.id + 1000,
      name: `handler ${table.id}`,
      peer: table.peer,
      place: placeOf(42, 'kneadDough'),
      stack: [
        'kneadDough (/srv/orders.ts:42:16)',
        'parseOrder (/srv/orders.ts:31:20)',
        'serveTable (/srv/orders.ts:11:19)',
      ],
      waiting: over ? waiting : null,
    };
  }

  #warnings(): WarningRow[] {
    const { parked, blocks, options, now } = this.loop;
    const rows: WarningRow[] = [];
    const worst = Math.max(0, ...blocks.map(({ since, until }) => until - since));
    if (blocks.length > 0) {
      rows.push({
        code: 'block',
        sentence: `A handler kept the loop ${blocks.length} times in the last five minutes.`,
        evidence: `Each time every other client waited, ${Math.round(worst)} ms at worst, in kneadDough, orders.ts:42.`,
        remedy: 'Give the work to an executor, or await sleep(0) within it.',
        since: blocks[0]?.since ?? 0,
      });
    }
    if (parked.length > 0) {
      rows.push({
        code: 'limit',
        sentence: `${parked.length} clients are parked outside.`,
        evidence: `All ${options.tables} places of maxConnections are taken.`,
        remedy: 'Raise maxConnections, or let handlers end sooner.',
        since: parked[0] ?? 0,
      });
    }
    rows.push({
      code: 'queue-grows',
      sentence: 'Queue "log" only grows.',
      evidence: 'It holds 1,204 items, 61 more each minute for five minutes: two tasks put, one takes.',
      remedy: 'Give the queue a size, so that those who put wait; or take with two tasks.',
      since: now - 300_000,
    });
    return rows;
  }

  #bill(client: number): Bill {
    const table = this.loop.tables.find(({ id }) => id === client);
    if (table === undefined) throw new Error(`Cannot bill client ${client}: it has ended`);
    const wall = this.loop.now - table.openedAt;
    const own = table.ran / 1000;
    return {
      client: String(client),
      from: table.openedAt,
      wall,
      full: false,
      lines: [
        { what: 'own', ms: own },
        { what: 'peer', ms: wall * 0.6 },
        { what: 'kitchen', ms: wall * 0.2 },
        { what: 'lock', ms: wall * 0.08, who: [{ name: 'client 8', ms: wall * 0.05 }] },
        { what: 'ready', ms: wall * 0.01, who: [{ name: 'client 4', ms: wall * 0.008 }] },
        { what: 'asleep', ms: wall * 0.11 - own },
      ],
    };
  }

  #groups(): Group[] {
    const { tables, now } = this.loop;
    return BALLS.flatMap((ball, index) => {
      const rows = tables.filter((table) => table.ball === index);
      const [first] = rows.toSorted((a, b) => a.since - b.since);
      if (first === undefined) return [];
      const ages = rows.map(({ since }) => now - since);
      return [
        {
          ball,
          what: whatOf(index),
          kind: CALLS[index] ?? '',
          place: index,
          count: rows.length,
          shortest: Math.min(...ages),
          longest: Math.max(...ages),
          example: `client ${first.id}`,
        },
      ];
    });
  }

  #snapshot(rows: number): Snapshot {
    const { tables, now } = this.loop;
    const task = (id: number, name: string, rest: Partial<TaskRow>): TaskRow => ({
      id,
      name,
      state: 'waiting',
      creator: null,
      awaitedBy: [],
      createdAt: null,
      startedAt: 0,
      steps: 3,
      cancelling: 0,
      waits: [],
      ...rest,
    });
    const wait = (ball: number, since: number, place: number | null = ball): TaskRow['waits'] => [
      { kind: CALLS[ball] ?? '', ball: BALLS[ball] ?? 'unseen', since, place },
    ];
    const handlers = tables.slice(0, rows).map((table) =>
      task(table.id + 1000, this.#name ?? `handler ${table.id}`, {
        creator: 2,
        awaitedBy: [2],
        serves: `connection:${table.id}`,
        steps: table.visits,
        state: table.ball === BALL.unseen ? 'unseen' : 'waiting',
        waits: table.ball === BALL.unseen ? [] : wait(table.ball, table.since),
      }),
    );
    return {
      version: 1,
      now,
      process: this.#process(),
      loop: { busy: 0.1, lag: null },
      current: null,
      tasks: [
        task(1, 'main', { waits: wait(BALL.other, 0, null) }),
        task(2, 'server 127.0.0.1:8002', { creator: 1, awaitedBy: [1], waits: wait(BALL.other, 0, null) }),
        task(3, 'suppliers', { creator: 1, awaitedBy: [1], waits: wait(BALL.other, now - 9000, null) }),
        task(4, 'fetch bread', {
          creator: 3,
          awaitedBy: [3],
          waits: wait(BALL.clock, now - 1900, null),
          cancelling: 1,
        }),
        task(5, 'log writer', { creator: 1, awaitedBy: [1], waits: wait(BALL.other, now - 800, null) }),
        ...handlers,
      ],
      resources: [],
      places: PLACES,
      omitted: { tasks: Math.max(0, tables.length - rows), resources: 0 },
    };
  }
}

function whatOf(ball: number): string {
  const call = CALLS[ball] ?? '';
  return call === '' ? 'in a promise that is not maitre’s' : `wait in ${call} at orders.ts:${LINES[ball] ?? 0}`;
}

function columnsOf(tables: readonly SimTable[]): Frame['tables'] {
  return {
    id: tables.map(({ id }) => id),
    ball: tables.map(({ ball }) => ball),
    since: tables.map(({ since }) => Math.floor(since)),
    place: tables.map(({ ball }) => ball),
    resource: tables.map(({ ball }) => (ball === BALL.other ? 0 : ball === BALL.kitchen ? 1 : -1)),
    unsent: tables.map(({ unsent }) => unsent),
    visits: tables.map(({ visits }) => visits),
    ran: tables.map(({ ran }) => Math.round(ran)),
    flags: tables.map(() => 0),
  };
}
