// The port between this room and a driver. A driver opens a Wire, which is one connection to a
// server that runs one statement at a time. Everything else is above the port: waiting, cancelling,
// transactions, pooling.
//
// What a driver promises:
//
// - `done` of `run`, and `end` of a sink, is called once, when the server is ready for the next
//   statement. It may be called before `run` returns. After `lost` it need not be called.
// - `lost` is called once, when the connection is gone, whoever ended it.

/** A column of a result. */
export interface Field {
  readonly name: string;
  /** The number of its type, as the server's protocol has it. */
  readonly type: number;
}

/** What a statement returned. */
export interface Result<Row = Record<string, unknown>> {
  /** Empty for a statement that returns none. */
  readonly rows: Row[];
  /** How many rows an INSERT, UPDATE or DELETE found. For a query, the number of its rows. */
  readonly affectedRows: number;
  /**
   * The id that MySQL made for the inserted row; undefined if there is none. PostgreSQL has
   * `RETURNING` for that.
   */
  readonly insertId: number | string | undefined;
  /** The columns of `rows`. */
  readonly fields: readonly Field[];
}

/** TLS to the database. PEM texts. */
export interface DatabaseTlsOptions {
  /** Certificates to trust in place of the well-known ones. */
  readonly ca?: string | Uint8Array | undefined;
  /** The certificate of this client. */
  readonly cert?: string | Uint8Array | undefined;
  /** The key of this client. */
  readonly key?: string | Uint8Array | undefined;
  readonly passphrase?: string | undefined;
  /** False accepts every certificate, which is open to a man in the middle. Defaults to true. */
  readonly rejectUnauthorized?: boolean | undefined;
}

/** Where the server is, and who asks. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  /** The path of a Unix socket. */
  readonly path: string | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: string | undefined;
  readonly tls: DatabaseTlsOptions | undefined;
  /** Further options, for the library of the driver. */
  readonly driver: Readonly<Record<string, unknown>>;
}

/**
 * Whether a transaction is open on the server. `failed`: it is, and it accepts nothing but a
 * rollback. `unknown`: the last answer did not say.
 */
export type TransactionState = 'none' | 'open' | 'failed' | 'unknown';

/** Ends a statement: with its error, or with its result. */
export type Done = (error: unknown, result?: Result<unknown>) => void;

/** Receives the rows of a stream. */
export interface RowSink {
  row(row: unknown): void;
  /** Called once. `error` is undefined after the last row. */
  end(error: unknown): void;
}

/** Steers the rows of a stream. */
export interface RowFlow {
  /** Stops the rows soon. Those that are on their way still come. */
  pause(): void;
  resume(): void;
  /**
   * No row is wanted any more; the sink will be ended. Returns false if the server goes on until it
   * is asked to stop. Then the rows pause, and `resume` follows once the server has been asked.
   */
  stop(): boolean;
}

/** One connection to a server. */
export interface Wire {
  /** By what the server knows it, to stop what it runs. */
  readonly serverId: number;
  readonly transaction: TransactionState;
  run(sql: string, params: readonly unknown[] | undefined, isPrepared: boolean, done: Done): void;
  /** @param rows how many rows may be under way at once, about */
  stream(sql: string, params: readonly unknown[] | undefined, rows: number, sink: RowSink): RowFlow;
  /** Says goodbye. Resolves when it is closed. */
  end(): Promise<void>;
  /** Closes it at once. */
  destroy(): void;
}

/** The isolation levels of SQL. */
export type Isolation = 'read uncommitted' | 'read committed' | 'repeatable read' | 'serializable';

/** Who is at the other end of a wire. */
export interface Identity {
  /**
   * Two texts are equal if ids of connections mean the same. Null if the id means nothing to the
   * server, as behind a proxy.
   */
  readonly server: string | null;
  /** False while another start could have the same text: to be asked again. Default: true. */
  readonly isSure?: unknown;
}

/** A kind of database. */
export interface Driver {
  /** `mysql`: the first word of the kinds of its waits. */
  readonly name: string;
  /** Of URLs: `mysql:`. */
  readonly schemes: readonly string[];
  readonly defaultPort: number;
  /**
   * Connects. Rejects once `signal` aborts.
   * @param lost called once, after it has resolved
   */
  open(settings: Settings, signal: AbortSignal, lost: (error: unknown) => void): Promise<Wire>;
  /**
   * Asks which server it is, and which start of it: one row, an Identity.
   */
  identitySql(serverId: number): string;
  /** Stops what a connection runs, and leaves the connection. */
  stopSql(serverId: number): string;
  /** Ends a connection from the side of the server. */
  endSql(serverId: number): string;
  beginSql(isolation: Isolation | undefined, isReadOnly: boolean): readonly string[];
  /** Whether an error says that the connection is gone. */
  isLost(error: unknown): boolean;
  /** Whether the same transaction may succeed when it runs again: a deadlock, a conflict. */
  isConflict(error: unknown): boolean;
  /** Whether the server has rolled the whole transaction back with the error. */
  endsTransaction(error: unknown): boolean;
  /** Whether another attempt to connect may succeed. */
  isTemporary(error: unknown): boolean;
}
