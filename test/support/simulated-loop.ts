// A seeded model of one event loop with clients, an executor, a lock and a limit: what the inspector would see of it.
// Nothing waits: time is a number that `advance` moves, so that a picture of it is the same on every machine.
import { seeded } from './seeded.js';

/** In the order of BALLS. */
export const BALL = { read: 0, drain: 1, kitchen: 2, other: 3, clock: 4, unseen: 5 } as const;
export type BallName = keyof typeof BALL;

export interface LoopOptions {
  readonly tables: number;
  readonly seed?: number;
  readonly workers: number;
  readonly locks: number;
  /** Milliseconds between two that come, and how many of them may be parked. */
  readonly arrive: number;
  readonly parked: number;
  /** How much more than usual a visit costs. */
  readonly cost?: number;
  /** Milliseconds between two blocks; 0 for none. */
  readonly blockEvery: number;
}

export const SCENARIOS: Readonly<Record<8 | 120 | 1000 | 10_000, LoopOptions>> = {
  8: { tables: 8, seed: 12, workers: 3, locks: 1, arrive: 1400, parked: 5, blockEvery: 48_000 },
  120: { tables: 120, seed: 8, workers: 6, locks: 4, arrive: 900, parked: 14, cost: 2.6, blockEvery: 48_000 },
  1000: { tables: 1000, seed: 4, workers: 8, locks: 20, arrive: 200, parked: 0, cost: 1.6, blockEvery: 48_000 },
  10_000: { tables: 10_000, seed: 3, workers: 16, locks: 34, arrive: 60, parked: 60, blockEvery: 48_000 },
};

interface Profile {
  readonly think: number;
  readonly cook: number;
  readonly eat: number;
  readonly rest: number;
  readonly slow: number;
  readonly lock: number;
  readonly foreign: number;
  readonly pause: number;
  readonly leave: number;
  readonly bot: boolean;
}

export interface SimTable {
  readonly id: number;
  readonly name: string;
  readonly peer: string;
  readonly openedAt: number;
  readonly profile: Profile;
  ball: number;
  since: number;
  bytesIn: number;
  bytesOut: number;
  unsent: number;
  visits: number;
  ran: number;
  gone: boolean;
  holds: boolean;
  changed: boolean;
  job: SimJob | null;
}

export interface SimJob {
  readonly table: SimTable;
  readonly ms: number;
  worker: number;
  startedAt: number;
}

export interface SimVisit {
  readonly table: SimTable;
  readonly begin: number;
  readonly us: number;
  readonly from: number;
  readonly to: number;
}

export interface SimBlock {
  readonly id: number;
  readonly table: SimTable;
  readonly since: number;
  readonly until: number;
  over: boolean;
  waiting: number;
}

export interface SimEnded {
  readonly table: SimTable;
  readonly at: number;
  readonly how: 'returned' | 'threw' | 'cancelled' | 'lost';
  readonly why?: string;
}

export interface SimSecond {
  busy: number;
  lags: number[];
  reads: number;
  bytesIn: number;
  bytesOut: number;
  visits: number;
  block: number;
}

const NAMES =
  'Ada Grace Edsger Barbara Alan Radia Ken Katherine Tony Frances Niklaus Hedy John Lynn Guido Sophie Dennis Joan'.split(
    ' ',
  );

type Work = { readonly cost: number; readonly next: () => void };

export class SimulatedLoop {
  readonly options: LoopOptions;
  readonly tables: SimTable[] = [];
  readonly ended: SimEnded[] = [];
  readonly blocks: SimBlock[] = [];
  readonly parked: number[] = [];
  readonly queue: SimJob[] = [];
  readonly workers: (SimJob | null)[];
  readonly lockQueue: SimTable[] = [];
  readonly lockHolders: Set<SimTable> = new Set();
  /** Jobs that are done and that the loop has not fetched. */
  readonly done: SimTable[] = [];
  /** Since somebody took them. */
  visits: SimVisit[] = [];
  seconds: { readonly at: number; readonly second: SimSecond; readonly tables: number }[] = [];
  now = 0;
  block: SimBlock | null = null;
  readonly #random: () => number;
  readonly #events: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];
  #order = 0;
  #nextId = 1;
  #ready: { readonly table: SimTable; readonly at: number; readonly work: () => Work }[] = [];
  #busy = false;
  #blockWish = 0;
  #second: SimSecond = newSecond();

  constructor(options: LoopOptions) {
    this.options = options;
    this.#random = seeded(options.seed ?? 1);
    this.workers = Array.from({ length: options.workers }, () => null);
    for (let i = 0; i < options.tables; i++) this.#seat(true);
    this.#arrivals();
    if (options.blockEvery > 0) this.#planBlock();
    this.#later(1000, () => this.#tick());
  }

  /** Moves time on by so many milliseconds. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (let next = this.#events[0]; next !== undefined && next.at <= end; next = this.#events[0]) {
      this.#pop();
      this.now = next.at;
      next.run();
    }
    this.now = end;
  }

  /** The next order of some table takes so many milliseconds of the loop. */
  blockFor(ms: number): void {
    this.#blockWish = ms;
  }

  cancel(id: number): boolean {
    const table = this.tables.find((each) => each.id === id);
    if (table === undefined) return false;
    this.#end(table, 'cancelled', 'from a console');
    return true;
  }

  // ---- time: a heap of events ----

  #later(ms: number, run: () => void): void {
    const events = this.#events;
    let at = events.length;
    const event = { at: this.now + Math.max(0, ms), order: this.#order++, run };
    events.push(event);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = events[up];
      if (parent === undefined || isBefore(parent, event)) break;
      events[at] = parent;
      at = up;
    }
    events[at] = event;
  }

  #pop(): void {
    const events = this.#events;
    const last = events.pop();
    if (last === undefined || events.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [events[child], events[child + 1]];
      if (left === undefined) break;
      let least = left;
      if (right !== undefined && isBefore(right, left)) [least, child] = [right, child + 1];
      if (isBefore(last, least)) break;
      events[at] = least;
      at = child;
    }
    events[at] = last;
  }

  #logNormal(median: number, spread: number): number {
    const r = this.#random;
    return median * Math.exp((r() + r() + r() + r() - 2) * spread);
  }

  #tick(): void {
    this.seconds.push({ at: this.now, second: this.#second, tables: this.tables.length });
    this.#second = newSecond();
    this.#later(1000, () => this.#tick());
  }

  #planBlock(): void {
    this.#later(this.options.blockEvery * (0.8 + this.#random() * 0.6), () => {
      this.#blockWish = 90 + this.#random() * 330;
      this.#planBlock();
    });
  }

  // ---- clients ----

  #profile(id: number): Profile {
    const { tables } = this.options;
    const share = this.#random();
    const usual = { slow: 0.3, lock: 0.1, foreign: 0.06, pause: 0.4, leave: 0.006, bot: false };
    if (tables <= 16) {
      if (id === 3 || id === 6) {
        return {
          think: 34,
          cook: 16,
          eat: 22,
          rest: 14,
          slow: 0.15,
          lock: 0,
          foreign: 0,
          pause: 0.25,
          leave: 0,
          bot: true,
        };
      }
      if (id % 2 === 1) return { ...usual, think: 620, cook: 420, eat: 500, rest: 380, slow: 0.5, lock: 0.3 };
      return { ...usual, think: 1700, cook: 800, eat: 1200, rest: 800, slow: 0.55, lock: 0.35, leave: 0.02 };
    }
    if (tables <= 400) {
      if (share < 0.1) {
        return {
          ...usual,
          think: 34,
          cook: 9,
          eat: 60,
          rest: 30,
          slow: 0.05,
          lock: 0.004,
          foreign: 0,
          leave: 0,
          bot: true,
        };
      }
      if (share < 0.55) return { ...usual, think: 1500, cook: 190, eat: 900, rest: 900, lock: 0.2 };
      return { ...usual, think: 14_000, cook: 300, eat: 4200, rest: 2600, leave: 0.03 };
    }
    if (share < 0.1) return { ...usual, think: 700, cook: 9, eat: 300, rest: 900, lock: 0.01, leave: 0.001 };
    if (share < 0.6) return { ...usual, think: 9000, cook: 15, eat: 1600, rest: 4200, lock: 0.035, leave: 0.002 };
    return { ...usual, think: 90_000, cook: 15, eat: 5200, rest: 9000, lock: 0.04, foreign: 0.2, leave: 0.002 };
  }

  #seat(first: boolean): void {
    const id = this.#nextId++;
    const few = this.options.tables <= 16;
    const profile = this.#profile(id);
    const table: SimTable = {
      id,
      name: few ? (NAMES[(id - 1) % NAMES.length] ?? '') : '',
      peer: few
        ? `127.0.0.1:${50_100 + ((id * 37) % 800)}`
        : `10.${(id * 7) % 4}.${(id * 13) % 250}.${(id * 29) % 250}:${40_000 + ((id * 911) % 20_000)}`,
      openedAt: first ? this.now - this.#random() * 1_000_000 : this.now,
      profile,
      ball: BALL.read,
      since: first && !few ? this.now - this.#logNormal(profile.think * 0.3, 1.2) : this.now,
      bytesIn: 0,
      bytesOut: 0,
      unsent: 0,
      visits: 0,
      ran: 0,
      gone: false,
      holds: false,
      changed: true,
      job: null,
    };
    this.tables.push(table);
    this.#order_(table, first ? this.#random() * this.#logNormal(profile.think, 0.8) : undefined);
  }

  #arrivals(): void {
    this.#later(this.#logNormal(this.options.arrive, 0.9), () => {
      if (this.tables.length < this.options.tables) this.#seat(false);
      else if (this.parked.length < this.options.parked) this.parked.push(this.now);
      this.#arrivals();
    });
  }

  #end(table: SimTable, how: SimEnded['how'], why?: string): void {
    table.gone = true;
    this.#release(table);
    this.tables.splice(this.tables.indexOf(table), 1);
    this.ended.unshift({ table, at: this.now, how, ...(why === undefined ? {} : { why }) });
    if (this.ended.length > 400) this.ended.pop();
    if (this.parked.length > 0) {
      this.parked.shift();
      this.#seat(false);
    }
  }

  // ---- what a handler does between two awaits ----

  #wait(table: SimTable, ball: BallName): void {
    table.ball = BALL[ball];
    table.since = this.now;
    table.changed = true;
  }

  #order_(table: SimTable, after = this.#logNormal(table.profile.think, 0.9)): void {
    this.#later(after, () => {
      if (table.gone) return;
      if (table.visits > 3 && this.#random() < table.profile.leave) {
        const how = this.#random() < 0.8 ? 'returned' : 'lost';
        const why = how === 'lost' ? 'the peer reset the connection (ECONNRESET)' : undefined;
        this.#wake(table, () => ({ cost: 0.03, next: () => this.#end(table, how, why) }));
        return;
      }
      this.#wake(table, () => this.#parse(table));
    });
  }

  #parse(table: SimTable): Work {
    const bytes = 24 + Math.floor(this.#random() * 90);
    table.bytesIn += bytes;
    this.#second.reads++;
    this.#second.bytesIn += bytes;
    let cost = (0.022 + this.#random() * 0.075) * (this.options.cost ?? 1);
    if (this.#blockWish > 0 && !table.profile.bot) {
      cost += this.#blockWish;
      this.#blockWish = 0;
      this.block = {
        id: this.blocks.length + 1,
        table,
        since: this.now,
        until: this.now + cost,
        over: false,
        waiting: 0,
      };
      this.blocks.push(this.block);
    }
    return { cost, next: () => this.#lock(table) };
  }

  #lock(table: SimTable): void {
    if (this.#random() >= table.profile.lock) this.#foreign(table);
    else if (this.lockHolders.size < this.options.locks) {
      this.lockHolders.add(table);
      table.holds = true;
      this.#foreign(table);
    } else {
      this.lockQueue.push(table);
      this.#wait(table, 'other');
    }
  }

  #release(table: SimTable): void {
    if (!table.holds) return;
    table.holds = false;
    this.lockHolders.delete(table);
    const next = this.lockQueue.shift();
    if (next === undefined || next.gone) return;
    next.holds = true;
    this.lockHolders.add(next);
    this.#wake(next, () => ({ cost: 0.02, next: () => this.#foreign(next) }));
  }

  #foreign(table: SimTable): void {
    if (this.#random() >= table.profile.foreign) return this.#cook(table);
    this.#wait(table, 'unseen');
    this.#later(this.#logNormal(500, 0.8), () =>
      this.#wake(table, () => ({ cost: 0.04, next: () => this.#cook(table) })),
    );
  }

  #cook(table: SimTable): void {
    this.#wait(table, 'kitchen');
    table.job = { table, ms: Math.max(2, this.#logNormal(table.profile.cook, 0.5)), worker: -1, startedAt: 0 };
    this.queue.push(table.job);
    this.#pump();
  }

  #pump(): void {
    for (const [i, busy] of this.workers.entries()) {
      if (busy !== null) continue;
      const job = this.queue.shift();
      if (job === undefined) return;
      this.workers[i] = job;
      job.worker = i;
      job.startedAt = this.now;
      this.#later(job.ms, () => {
        this.workers[i] = null;
        this.#pump();
        job.table.job = null;
        if (job.table.gone) return;
        this.done.push(job.table);
        this.#wake(job.table, () => this.#serve(job.table));
      });
    }
  }

  #serve(table: SimTable): Work {
    this.done.splice(this.done.indexOf(table), 1);
    const bytes = Math.floor(180 + this.#random() * 3200);
    table.bytesOut += bytes;
    this.#second.bytesOut += bytes;
    const cost = (0.028 + this.#random() * 0.06) * (this.options.cost ?? 1);
    return { cost, next: () => this.#eat(table, bytes) };
  }

  #eat(table: SimTable, bytes: number): void {
    if (this.#random() >= table.profile.slow) return this.#pause(table);
    table.unsent = bytes * (1 + Math.floor(this.#random() * 40));
    this.#wait(table, 'drain');
    this.#later(this.#logNormal(table.profile.eat, 0.8), () =>
      this.#wake(table, () => {
        table.unsent = 0;
        return { cost: 0.02, next: () => this.#pause(table) };
      }),
    );
  }

  #pause(table: SimTable): void {
    if (this.#random() >= table.profile.pause) return this.#again(table);
    this.#wait(table, 'clock');
    this.#later(this.#logNormal(table.profile.rest, 0.5), () =>
      this.#wake(table, () => ({ cost: 0.015, next: () => this.#again(table) })),
    );
  }

  #again(table: SimTable): void {
    this.#release(table);
    this.#wait(table, 'read');
    this.#order_(table);
  }

  // ---- the loop ----

  #wake(table: SimTable, work: () => Work): void {
    if (table.gone) return;
    this.#ready.push({ table, at: this.now, work });
    if (!this.#busy) this.#turn();
  }

  #turn(): void {
    const next = this.#ready.shift();
    if (next === undefined) {
      this.#busy = false;
      return;
    }
    const { table, at, work } = next;
    if (table.gone) return this.#turn();
    this.#busy = true;
    const from = table.ball;
    const begin = this.now;
    const { cost, next: goOn } = work();
    this.#second.lags.push(begin - at + 0.05 + this.#random() * this.#random() * 0.4);
    this.#later(cost, () => {
      table.visits++;
      table.ran += cost * 1000;
      table.changed = true;
      this.#second.busy += cost;
      this.#second.visits++;
      if (this.block !== null && this.block.table === table && !this.block.over) {
        this.block.over = true;
        this.block.waiting = this.#ready.length;
        this.#second.block = Math.max(this.#second.block, cost);
        this.block = null;
      }
      goOn();
      this.visits.push({ table, begin, us: cost * 1000, from, to: table.gone ? -1 : table.ball });
      this.#turn();
    });
  }
}

function isBefore(a: { at: number; order: number }, b: { at: number; order: number }): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function newSecond(): SimSecond {
  return { busy: 0, lags: [], reads: 0, bytesIn: 0, bytesOut: 0, visits: 0, block: 0 };
}
