// A driver of a database in memory, on the loop's clock. It knows: BEGIN, COMMIT, ROLLBACK, SAVEPOINT and RELEASE as SQL
// has them; `ADD n`, which adds a number to the ledger; `WAIT n`, which takes n ms; `ROWS n`; and `STOP id`. Each message
// takes a millisecond each way. A STOP hits whatever its connection runs when it arrives, as those of real servers do.
import { callLater } from 'maitre';
import type { Done, Driver, Result, RowFlow, RowSink, TransactionState, Wire } from '#src/database/index.js';

const LATENCY = 1;

export class FakeServer {
  /** What is committed. */
  ledger: number[] = [];
  readonly connections = new Map<number, FakeWire>();
  /** The statements that a STOP has hit. */
  readonly stopped: string[] = [];
  /** The rows that it has sent. */
  rows = 0;
  /** Fails every attempt to connect with this; undefined for none. */
  refusal: Error | undefined = undefined;
  /** Changes with a restart. NaN: it does not say which. */
  era = 1;
  /** Ignores STOPs. */
  isDeaf = false;
  #lastId = 0;

  readonly driver: Driver = {
    name: 'fake',
    schemes: ['fake:'],
    defaultPort: 1,
    open: (_settings, signal, lost) =>
      new Promise((resolve, reject) => {
        const timer = callLater(2 * LATENCY, () => {
          if (this.refusal !== undefined) reject(this.refusal);
          else resolve(this.#accept(lost));
        });
        signal.addEventListener('abort', () => {
          timer.cancel();
          reject(signal.reason as Error);
        });
      }),
    identitySql: () => 'WHO',
    stopSql: (id) => `STOP ${id}`,
    endSql: (id) => `END ${id}`,
    beginSql: (isolation, isReadOnly) => [
      `BEGIN${isolation === undefined ? '' : ` ${isolation}`}${isReadOnly ? ' READ ONLY' : ''}`,
    ],
    isLost: (error) => error instanceof Error && error.message === 'gone',
    isConflict: (error) => error instanceof Error && error.message === 'deadlock',
    endsTransaction: (error) => error instanceof Error && error.message === 'deadlock',
    isTemporary: () => true,
  };

  #accept(lost: (error: unknown) => void): FakeWire {
    const wire = new FakeWire(this, ++this.#lastId, lost);
    this.connections.set(wire.serverId, wire);
    return wire;
  }

  /** Begins anew, with new ids. Tells the connections that it is gone, but for `silent` ones. */
  restart(silent: readonly number[]): void {
    const old = [...this.connections.values()];
    this.connections.clear();
    this.#lastId = 0;
    this.era++;
    for (const wire of old) {
      if (silent.includes(wire.serverId)) wire.vanish();
      else wire.destroy();
    }
  }

  /** What runs now. */
  get running(): string[] {
    return [...this.connections.values()].flatMap(({ running }) =>
      running === undefined || running === 'WHO' ? [] : [running],
    );
  }
}

export class FakeWire implements Wire {
  readonly serverId: number;
  readonly #server: FakeServer;
  readonly #lost: (error: unknown) => void;
  /** What the open transaction adds to the ledger, and the savepoints in it. */
  #open: { values: number[]; points: Map<string, number[]> } | undefined = undefined;
  transaction: TransactionState = 'none';
  /** The statement on the server; undefined for none. */
  running: string | undefined = undefined;
  #end: ((error?: Error) => void) | undefined = undefined;
  #isOpen = true;

  constructor(server: FakeServer, serverId: number, lost: (error: unknown) => void) {
    this.#server = server;
    this.serverId = serverId;
    this.#lost = lost;
  }

  run(sql: string, _params: readonly unknown[] | undefined, _isPrepared: boolean, done: Done): void {
    const [verb = '', operand = ''] = sql.split(' ');
    callLater(LATENCY, () => {
      if (!this.#isOpen) return;
      const answer = (error?: Error): void => {
        timer.cancel();
        this.running = this.#end = undefined;
        const outcome = error ?? this.#apply(verb, operand, sql);
        callLater(LATENCY, () => {
          if (this.#isOpen)
            done(
              outcome,
              outcome === undefined
                ? result(
                    verb === 'WHO'
                      ? [{ server: Number.isNaN(this.#server.era) ? null : `fake ${this.#server.era}` }]
                      : [],
                  )
                : undefined,
            );
        });
      };
      const timer = callLater(verb === 'WAIT' ? Number(operand) : LATENCY, () => answer());
      this.running = sql;
      this.#end = answer;
    });
  }

  stream(sql: string, _params: readonly unknown[] | undefined, _rows: number, sink: RowSink): RowFlow {
    let left = Number(sql.split(' ')[1]);
    let isPaused = false;
    let isOver = false;
    this.running = sql;
    const end = (error?: Error): void => {
      if (isOver) return;
      isOver = true;
      this.running = this.#end = undefined;
      callLater(LATENCY, () => this.#isOpen && sink.end(error));
    };
    this.#end = end;
    const next = (): void => {
      if (isOver || !this.#isOpen) return;
      if (left === 0) end();
      else {
        if (!isPaused) {
          this.#server.rows++;
          sink.row({ n: left-- });
        }
        callLater(LATENCY, next);
      }
    };
    callLater(LATENCY, next);
    return {
      pause: () => (isPaused = true),
      resume: () => (isPaused = false),
      stop: () => {
        isPaused = true;
        return false;
      },
    };
  }

  /** What a STOP does. */
  interrupt(): void {
    this.#end?.(new Error('interrupted'));
  }

  async end(): Promise<void> {
    this.destroy();
  }

  /** The server is gone, and nobody says so. */
  vanish(): void {
    this.#isOpen = false;
    this.running = this.#end = undefined;
  }

  destroy(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.running = this.#end = undefined;
    this.#server.connections.delete(this.serverId);
    this.#lost(new Error('gone'));
  }

  #apply(verb: string, operand: string, sql: string): Error | undefined {
    const server = this.#server;
    const open = this.#open;
    switch (verb) {
      case 'BEGIN':
        this.#open = { values: [], points: new Map() };
        break;
      case 'COMMIT':
        if (open !== undefined) server.ledger.push(...open.values);
        this.#open = undefined;
        break;
      case 'ADD':
        (open?.values ?? server.ledger).push(Number(operand));
        break;
      case 'SAVEPOINT':
        open?.points.set(operand, [...open.values]);
        break;
      case 'ROLLBACK':
        if (operand === '') this.#open = undefined;
        else if (open !== undefined) open.values = [...(open.points.get(sql.split(' ').at(-1) ?? '') ?? [])];
        break;
      case 'DEADLOCK':
        this.#open = undefined;
        this.transaction = 'none';
        return new Error('deadlock');
      case 'STOP':
      case 'END': {
        if (server.isDeaf && verb === 'STOP') break;
        const wire = server.connections.get(Number(operand));
        if (wire?.running !== undefined) server.stopped.push(wire.running);
        if (verb === 'END') wire?.destroy();
        else wire?.interrupt();
        break;
      }
      default:
    }
    this.transaction = this.#open === undefined ? 'none' : 'open';
    return undefined;
  }
}

function result(rows: unknown[]): Result<unknown> {
  return { rows, affectedRows: 0, insertId: undefined, fields: [] };
}
