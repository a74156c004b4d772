// Workers and a deck that are not real: a test says what each worker does, and reads what it was told.
import assert from 'node:assert/strict';
import type { Address, ShutdownReport } from 'maitre';
import { settingsOf } from '#src/workers/serve-workers.js';
import { Supervisor } from '#src/workers/supervisor.js';
import type { WorkersEvent } from '#src/workers/workers-events.js';
import type { CrewOptions } from '#src/workers/workers-options.js';
import type { ClientDeck } from '#src/workers/client-deck.js';
import type { DrainOrder, WorkerFailure } from '#src/workers/protocol.js';
import type { LeafEvents, LeafMaker, WorkerLeaf } from '#src/workers/worker-leaf.js';

const NOTHING: ShutdownReport = { finished: 0, cancelled: 0, aborted: 0 };

/** A worker. It does nothing by itself, except that it dies when it is killed. */
export class FakeLeaf implements WorkerLeaf {
  readonly id: number;
  readonly events: LeafEvents;
  readonly place: string;
  /** What it was told, in order. */
  readonly told: string[] = [];
  readonly orders: DrainOrder[] = [];
  isGone = false;
  /** Set: it ends when it is told to drain. */
  isWilling = false;
  /** Set: a kill does not end it. */
  isUndead = false;

  constructor(id: number, events: LeafEvents) {
    this.id = id;
    this.events = events;
    this.place = `p${id}`;
  }

  ready(): void {
    this.events.onReady();
  }
  fail(message: string, step: WorkerFailure['step'] = 'load'): void {
    this.events.onFailed({ step, message });
  }
  pulse(memory = 1): void {
    this.events.onPulse({ memory, connections: 0 });
  }
  /** Ends, as a worker that was told to. */
  drained(report: Partial<ShutdownReport> = {}): void {
    this.events.onDrained({ ...NOTHING, ...report });
    this.gone();
  }
  gone(error?: Error): void {
    if (this.isGone) return;
    this.isGone = true;
    this.events.onGone(error, []);
  }

  listening(): void {
    this.told.push('listening');
  }
  refused(_key: number, error: Error): void {
    this.told.push(`refused ${error.message}`);
    this.fail(error.message, 'listen');
  }
  send(): boolean {
    return true;
  }
  post(type: string): void {
    this.told.push(type);
  }
  drain(order: DrainOrder): void {
    this.told.push('drain');
    this.orders.push(order);
    if (this.isWilling) void Promise.resolve().then(() => this.drained());
  }
  kill(): void {
    this.told.push('kill');
    if (this.isUndead) return;
    // A real one dies later.
    void Promise.resolve().then(() => this.gone());
  }
}

/** Makes them, and knows all that it made. */
export class FakeLeaves implements LeafMaker {
  readonly kind = 'processes';
  /** By id, from 1: the first is at 1. */
  readonly made: FakeLeaf[] = [];
  /** Called for each, in a later microtask than it is made. */
  onMake: ((leaf: FakeLeaf) => void) | undefined;

  constructor(onMake?: (leaf: FakeLeaf) => void) {
    this.onMake = onMake;
  }

  make(id: number, events: LeafEvents): FakeLeaf {
    const leaf = new FakeLeaf(id, events);
    this.made.push(leaf);
    void Promise.resolve().then(() => this.onMake?.(leaf));
    return leaf;
  }

  /** The worker with a number. */
  get(id: number): FakeLeaf {
    const leaf = this.made[id - 1];
    assert.ok(leaf, `worker ${id} was made`);
    return leaf;
  }
}

/** A deck without sockets. */
export class FakeDeck implements ClientDeck {
  readonly admitted = new Set<number>();
  /** How many clients each worker has: tests set it. */
  readonly clients = new Map<number, number>();
  /** Called after each change of those that receive clients. */
  onChange: (() => void) | undefined;
  isClosed = false;
  listenError: Error | undefined;

  get addresses(): Address[] {
    return this.isClosed ? [] : [{ address: '127.0.0.1', port: 8002, family: 'IPv4' }];
  }
  async open(): Promise<readonly Address[]> {
    if (this.listenError !== undefined) throw this.listenError;
    return this.addresses;
  }
  unlisten(): void {}
  admit(worker: number): void {
    this.admitted.add(worker);
    this.onChange?.();
  }
  retire(worker: number): void {
    this.admitted.delete(worker);
    this.onChange?.();
  }
  took(): void {}
  left(): void {}
  gone(worker: number): number {
    assert.ok(!this.admitted.has(worker), `worker ${worker} was retired before it is gone`);
    const clients = this.connections(worker);
    this.clients.delete(worker);
    return clients;
  }
  connections(worker: number): number {
    return this.clients.get(worker) ?? 0;
  }
  statistics(): object {
    return {};
  }
  close(): void {
    this.isClosed = true;
  }
}

/** A supervisor over fake workers, and what it said. */
export interface FakeCrew {
  readonly leaves: FakeLeaves;
  readonly deck: FakeDeck;
  readonly supervisor: Supervisor;
  readonly events: readonly WorkersEvent[];
  /** What it said, in short: `1 starting`, `1 gone drained`, `reload began`. Forgets what it returns. */
  readonly log: () => string[];
  /** Ends it, with workers that end when they are told to. */
  readonly end: () => Promise<void>;
}

/**
 * By default, a worker becomes ready when it is made, and need not send pulses.
 * @param onMake what a worker does when it is made
 */
export function fakeCrew(options: CrewOptions = {}, onMake: (leaf: FakeLeaf) => void = ready): FakeCrew {
  const leaves = new FakeLeaves(onMake);
  const deck = new FakeDeck();
  const events: WorkersEvent[] = [];
  const onEvent = (event: WorkersEvent): void => {
    events.push(event);
    options.onEvent?.(event);
  };
  const { name } = options;
  const supervisor = Supervisor.make({
    maker: leaves,
    deck,
    settings: settingsOf({ killTimeout: Infinity, ...options }),
    file: 'app.js',
    name,
    onEvent,
  });
  let logged = 0;
  return {
    leaves,
    deck,
    supervisor,
    events,
    log() {
      const news = events.slice(logged);
      logged = events.length;
      return news.flatMap((event) => {
        if (event.event === 'reload') return `reload ${event.state}`;
        if (event.event !== 'worker') return [];
        return [event.worker, event.state, ...(event.outcome === undefined ? [] : [event.outcome])].join(' ');
      });
    },
    async end() {
      const ended = supervisor.shutdown({ grace: 0 });
      for (const leaf of leaves.made) if (!leaf.isGone) leaf.drained();
      await ended;
    },
  };
}

/** What a worker does that becomes ready at once. */
export function ready(leaf: FakeLeaf): void {
  leaf.ready();
}
