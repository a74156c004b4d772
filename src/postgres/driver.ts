// The driver for PostgreSQL: what pg does, as the port of database has it.
//
// - pg reports an error of the server before the server is ready again. `done` is held back until
//   then, so that the state of the transaction is known and nothing follows too early.
// - A prepared statement has a name. A connection keeps the most recently used ones.
import type * as Pg from 'pg';
import type { Done, Driver, Result, RowFlow, RowSink, Settings, TransactionState, Wire } from '../database/index.ts';
import { type PgModule, streamRows } from './portal.ts';

const STATES: Readonly<Record<string, TransactionState>> = { I: 'none', T: 'open', E: 'failed' };
/** The statements that a connection keeps prepared. */
const MOST_PREPARED = 256;
/** A prepared statement is of no use any more: its tables have changed, or it was deallocated. */
const STALE: ReadonlySet<string> = new Set(['0A000', '26000']);

/** Makes the driver. */
export function makeDriver(pg: PgModule): Driver {
  return {
    name: 'postgres',
    schemes: ['postgres:', 'postgresql:'],
    defaultPort: 5432,
    open: (settings, signal, lost) => open(pg, settings, signal, lost),
    // A pooler in between has given this connection an id of its own.
    identitySql: (id) => `SELECT CASE pg_backend_pid() WHEN ${id} THEN pg_postmaster_start_time()::text END AS server`,
    stopSql: (id) => `SELECT pg_cancel_backend(${id})`,
    endSql: (id) => `SELECT pg_terminate_backend(${id})`,
    beginSql: (isolation, isReadOnly) => {
      const level = isolation === undefined ? '' : ` ISOLATION LEVEL ${isolation.toUpperCase()}`;
      return [`BEGIN${level}${isReadOnly ? ' READ ONLY' : ''}`];
    },
    isLost: (error) => severityOf(error) === 'FATAL' || severityOf(error) === 'PANIC',
    isConflict: (error) => codeOf(error) === '40P01' || codeOf(error) === '40001',
    endsTransaction: () => false, // the server refuses what follows: the state is `failed`
    // Wrong user, password, database or rights: no waiting mends these.
    isTemporary: (error) => !/^(?:28|3D|42)/.test(codeOf(error)),
  };
}

function codeOf(error: unknown): string {
  return String((error as { readonly code?: unknown } | undefined)?.code);
}

/** Only what the server reports has one. */
function severityOf(error: unknown): unknown {
  return (error as { readonly severity?: unknown } | undefined)?.severity;
}

function open(pg: PgModule, settings: Settings, signal: AbortSignal, lost: (error: unknown) => void): Promise<Wire> {
  const { host, port, path, user, password, database, tls, driver } = settings;
  // pg takes the folder of the socket. The name in it follows from the port.
  const [, folder = path, socketPort = port] = /^(.*)\/\.s\.PGSQL\.(\d+)$/.exec(path ?? '') ?? [];
  const where = path === undefined ? { host, port } : { host: folder, port: Number(socketPort) };
  const ssl = (tls ?? false) as Pg.ClientConfig['ssl']; // PEM texts and their bytes, all of which node:tls takes
  const client = new pg.Client({ ...where, user, password, database, ssl, keepAlive: true, ...driver });
  const wire = new PostgresWire(pg, client);
  let isOpen = false;
  const onLost = (error: unknown): void => {
    if (isOpen) lost(wire.failure ?? error);
    isOpen = false;
  };
  client.on('error', onLost);
  client.on('end', () => onLost(new Error('The server closed the connection')));
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      wire.destroy();
      reject(signal.reason as Error); // a scope aborts it with a CancelledError
    };
    signal.addEventListener('abort', onAbort, { once: true });
    client.connect().then(
      () => {
        signal.removeEventListener('abort', onAbort);
        isOpen = true;
        resolve(wire);
      },
      (error: Error) => {
        signal.removeEventListener('abort', onAbort);
        wire.destroy(); // pg leaves the socket to the server
        reject(error);
      },
    );
  });
}

class PostgresWire implements Wire {
  readonly #pg: PgModule;
  readonly #client: Pg.Client;
  /** The error that the server has reported; undefined once it is ready again. */
  failure: unknown = undefined;
  /** The names of prepared statements by their texts, the least recently used first. */
  readonly #prepared = new Map<string, string>();
  #lastName = 0;

  constructor(pg: PgModule, client: Pg.Client) {
    this.#pg = pg;
    this.#client = client;
  }

  get transaction(): TransactionState {
    return STATES[this.#client.getTransactionStatus() ?? ''] ?? 'unknown';
  }

  get serverId(): number {
    return (this.#client as unknown as { readonly processID: number }).processID; // not among its types
  }

  run(sql: string, params: readonly unknown[] | undefined, isPrepared: boolean, done: Done): void {
    const ended = (error: Error | null | undefined, result: Pg.QueryResult | Pg.QueryResult[]): void => {
      if (error === null || error === undefined) {
        done(undefined, toResult(result));
        return;
      }
      if (isPrepared && STALE.has(codeOf(error))) this.#forget(sql);
      this.#endWhenReady(error, done);
    };
    const values = params as unknown[]; // may be undefined; pg does not change the array
    if (!isPrepared) this.#client.query(sql, values, ended);
    else {
      // A ready Query, because pg copies an object of options, slowly.
      const query = new this.#pg.Query(sql, values, ended as never); // its error can be null, unlike its type
      this.#client.query(Object.assign(query, { name: this.#nameOf(sql) }));
    }
  }

  stream(sql: string, params: readonly unknown[] | undefined, rows: number, sink: RowSink): RowFlow {
    return streamRows(this.#pg, this.#client, { sql, params, rows }, sink, (error) => {
      this.#endWhenReady(error, (failure) => sink.end(failure));
    });
  }

  async end(): Promise<void> {
    await this.#client.end();
  }

  destroy(): void {
    this.#client.connection.stream.destroy();
  }

  #endWhenReady(error: unknown, done: Done): void {
    if (severityOf(error) !== undefined) this.failure = error;
    if (severityOf(error) !== 'ERROR') {
      done(error); // it did not reach the server, or the server is never ready again
      return;
    }
    // Behind pg's own listener, so that the state of the transaction is that of now.
    this.#client.connection.once('readyForQuery', () => {
      this.failure = undefined;
      done(error);
    });
  }

  /** The name under which a text is prepared. */
  #nameOf(sql: string): string {
    const prepared = this.#prepared;
    const known = prepared.get(sql);
    // While there is room for long, the order does not matter.
    if (known !== undefined && prepared.size < MOST_PREPARED / 2) return known;
    const name = known ?? `maitre_${++this.#lastName}`;
    prepared.delete(sql);
    prepared.set(sql, name);
    const [oldest] = prepared.keys();
    if (prepared.size > MOST_PREPARED && oldest !== undefined) this.#forget(oldest);
    return name;
  }

  #forget(sql: string): void {
    const name = this.#prepared.get(sql) ?? '';
    this.#prepared.delete(sql);
    const connection = this.#client.connection as Pg.Connection & { readonly parsedStatements: Record<string, string> };
    delete connection.parsedStatements[name];
    connection.close({ type: 'S', name }, false); // goes out before the next Parse
  }
}

function toResult(result: Pg.QueryResult | Pg.QueryResult[]): Result<unknown> {
  // Several statements in one text: the last one counts.
  const last = Array.isArray(result) ? result.at(-1) : result;
  return {
    rows: last?.rows ?? [],
    affectedRows: last?.rowCount ?? 0,
    insertId: undefined,
    fields: last?.fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID })) ?? [],
  };
}
