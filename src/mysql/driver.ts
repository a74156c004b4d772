// The driver for MySQL and MariaDB: what mysql2 does, as the port of database has it.
//
// - A statement is over for mysql2 when the last packet of its answer is there, or with its error.
//   So its callback says that the server is ready for the next one.
// - mysql2 reports a lost connection to the callback of the statement, or as an `error` of the
//   connection, or as both. `lost` is called for the first of them.
// - Only the answers to statements without rows say whether a transaction is open. A SELECT can
//   neither begin nor end one. An error says nothing, so the state is unknown then.
import type { Connection, ConnectionOptions, FieldPacket, ResultSetHeader } from 'mysql2';
import type {
  Done,
  Driver,
  Field,
  Result,
  RowFlow,
  RowSink,
  Settings,
  TransactionState,
  Wire,
} from '../database/index.ts';

/** The part of mysql2 in use. */
export interface Mysql2 {
  createConnection(options: ConnectionOptions): Connection;
}

/** Bits of the server's status. */
const IN_TRANSACTION = 1;
const AUTOCOMMIT = 2;

/** The server ends the connection with these. */
const LOST: ReadonlySet<unknown> = new Set([1053, 1927, 2006, 2013, 4031]);
const DEADLOCK = 1213;
/** MariaDB, with `innodb_snapshot_isolation`. */
const RECORD_CHANGED = 1020;
/** The conflicts after which the server has rolled the whole transaction back. */
const CONFLICTS: ReadonlySet<unknown> = new Set([DEADLOCK, RECORD_CHANGED]);
/** Wrong user, password, database or grants: no waiting mends these. */
const REFUSED: ReadonlySet<unknown> = new Set([1044, 1045, 1049, 1251, 1698, 1820]);

/**
 * UUID_SHORT() begins with 8 bits of the server's number and the second of its start. In that second, it
 * could start once more.
 */
const IDENTITY =
  "SELECT CONCAT(@@hostname, ' ', @@port, ' ', UUID_SHORT() >> 24) AS server, " +
  'UNIX_TIMESTAMP() > (UUID_SHORT() >> 24) % 4294967296 AS isSure';

/** Makes the driver. */
export function makeDriver(mysql: Mysql2): Driver {
  return {
    name: 'mysql',
    schemes: ['mysql:', 'mariadb:'],
    defaultPort: 3306,
    open: (settings, signal, lost) => open(mysql, settings, signal, lost),
    identitySql: () => IDENTITY,
    stopSql: (id) => `KILL QUERY ${id}`,
    endSql: (id) => `KILL CONNECTION ${id}`,
    beginSql: (isolation, isReadOnly) => {
      const begin = isReadOnly ? 'START TRANSACTION READ ONLY' : 'START TRANSACTION';
      return isolation === undefined ? [begin] : [`SET TRANSACTION ISOLATION LEVEL ${isolation.toUpperCase()}`, begin]; // it is for the next one alone
    },
    isLost: (error) => detailsOf(error).fatal === true || LOST.has(detailsOf(error).errno),
    isConflict: (error) => CONFLICTS.has(detailsOf(error).errno),
    endsTransaction: (error) => CONFLICTS.has(detailsOf(error).errno),
    isTemporary: (error) => !REFUSED.has(detailsOf(error).errno),
  };
}

function detailsOf(error: unknown): { readonly errno?: unknown; readonly fatal?: unknown } {
  return typeof error === 'object' && error !== null ? error : {};
}

function open(mysql: Mysql2, settings: Settings, signal: AbortSignal, lost: (error: unknown) => void): Promise<Wire> {
  const { host, port, path, user, password, database, tls, driver } = settings;
  const where = path === undefined ? { host, port } : { socketPath: path };
  const options = Object.entries({ ...where, user, password, database }).filter(([, value]) => value !== undefined);
  return new Promise((resolve, reject) => {
    const raw = mysql.createConnection({
      stringifyObjects: true, // an object as a value would become SQL: `{ id: 1 }` reads "`id` = 1"
      ...Object.fromEntries(options),
      ...(tls === undefined ? {} : { ssl: { verifyIdentity: tls.rejectUnauthorized !== false, ...tls } }),
      connectTimeout: 0, // `signal` is the limit
      ...driver,
    } as ConnectionOptions); // with the further options of the user, which mysql2 checks
    const wire = new MysqlWire(raw);
    const onAbort = (): void => {
      wire.destroy();
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    let isConnected = false;
    let isLost = false;
    const onError = (error?: unknown): void => {
      if (isLost) return;
      isLost = true;
      const cause = (error ?? new Error('The server closed the connection')) as Error; // mysql2 passes errors
      if (isConnected) lost(cause);
      else {
        signal.removeEventListener('abort', onAbort);
        wire.destroy();
        reject(cause);
      }
      raw.on('error', () => undefined); // what else it says of a connection that is gone
    };
    raw.on('error', onError);
    raw.on('end', onError);
    raw.once('connect', () => {
      signal.removeEventListener('abort', onAbort);
      isConnected = true;
      resolve(wire);
    });
  });
}

type Socket = NodeJS.EventEmitter & { destroy(): void; readonly destroyed: boolean };

class MysqlWire implements Wire {
  readonly #raw: Connection;
  transaction: TransactionState = 'none';

  constructor(raw: Connection) {
    this.#raw = raw;
  }

  get serverId(): number {
    return this.#raw.threadId;
  }

  run(sql: string, params: readonly unknown[] | undefined, isPrepared: boolean, done: Done): void {
    const ended = (error: unknown, rows: unknown, fields: unknown): void => {
      if (error === null) done(undefined, this.#toResult(rows, fields));
      else {
        this.transaction = 'unknown';
        done(error);
      }
    };
    try {
      // mysql2 does not change the array, and any value may be in it.
      if (isPrepared) this.#raw.execute(sql, (params ?? []) as never, ended);
      else this.#raw.query(sql, (params ?? []) as never, ended);
    } catch (error) {
      done(error); // a value that mysql2 does not take
    }
  }

  stream(sql: string, params: readonly unknown[] | undefined, _rows: number, sink: RowSink): RowFlow {
    const raw = this.#raw;
    let failure: unknown;
    let hasRows = false;
    try {
      const command = raw.query(sql, (params ?? []) as never); // as in `run`
      command.on('fields', (fields: unknown) => (hasRows = fields !== undefined));
      command.on('result', (row: unknown) => (hasRows ? sink.row(row) : this.#note(row as ResultSetHeader)));
      command.on('error', (error: unknown) => {
        failure = error;
        this.transaction = 'unknown';
      });
      command.on('end', () => sink.end(failure));
    } catch (error) {
      sink.end(error);
    }
    return {
      pause: () => raw.pause(),
      resume: () => raw.resume(),
      stop: () => {
        raw.pause();
        return false;
      },
    };
  }

  end(): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      socket.once('close', resolve);
      this.#raw.end();
    });
  }

  destroy(): void {
    this.#socket.destroy(); // its own `destroy` waits for the server
  }

  get #socket(): Socket {
    return (this.#raw as unknown as { readonly stream: Socket }).stream; // not among its types
  }

  #toResult(rows: unknown, fields: unknown): Result<unknown> {
    if (!Array.isArray(rows)) {
      const { affectedRows, insertId } = this.#note(rows as ResultSetHeader);
      return { rows: [], affectedRows, insertId: insertId === 0 ? undefined : insertId, fields: [] };
    }
    const columns = fields as readonly (FieldPacket | readonly FieldPacket[] | undefined)[];
    if (isColumn(columns[0])) return toRows(rows, columns as readonly FieldPacket[]);
    // A procedure returns several results: rows, and a header at the end.
    let result: Result<unknown> | undefined;
    for (const [i, part] of (rows as unknown[]).entries()) {
      if (Array.isArray(part)) result ??= toRows(part, columns[i] as readonly FieldPacket[]);
      else this.#note(part as ResultSetHeader);
    }
    return result ?? this.#toResult(rows.at(-1), undefined);
  }

  /** Keeps what a header says of the transaction. */
  #note(header: ResultSetHeader): ResultSetHeader {
    const status = header.serverStatus;
    this.transaction = (status & IN_TRANSACTION) !== 0 || (status & AUTOCOMMIT) === 0 ? 'open' : 'none';
    return header;
  }
}

function isColumn(column: unknown): boolean {
  return column !== undefined && !Array.isArray(column);
}

function toRows(rows: unknown[], columns: readonly FieldPacket[]): Result<unknown> {
  const fields = columns.map(({ name, columnType }): Field => ({ name, type: columnType ?? 0 }));
  return { rows, affectedRows: rows.length, insertId: undefined, fields };
}
