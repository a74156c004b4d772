// DatabasePool: a Pool of sessions, with what users do with a database.
import { CancelledError, loopTime, quiet, type Resource, waiterOf, waiting } from '../core/index.ts';
import { type AcquireOptions, type Lease, Pool, type PoolReport, type PoolStatistics } from '../pool/index.ts';
import { Connection, runStatement, type SessionLease } from './connection.ts';
import { Control } from './control.ts';
import type { Driver, Result } from './driver.ts';
import {
  checkStatement,
  type DatabaseOptions,
  POOL_NAMES,
  readOptions,
  type StatementOptions,
  type StreamOptions,
  type TransactionOptions,
} from './options.ts';
import { type Rows, streamRows } from './row-stream.ts';
import { type Kinds, Session, type SessionOptions } from './session.ts';
import { StatementWait } from './statement.ts';
import { rollback } from './transaction.ts';
import { isTlsFault } from './wire.ts';

const CONNECT_TIMEOUT = 10_000;
const KILL_TIMEOUT = 5000;
const STREAM_BUFFER = 256;

/** A lease of a session from the pool below. */
class PooledLease implements SessionLease {
  readonly #lease: Lease<Session>;
  readonly #limits: Limits;

  constructor(lease: Lease<Session>, limits: Limits) {
    this.#lease = lease;
    this.#limits = limits;
  }

  get session(): Session | undefined {
    return this.#lease.released ? undefined : this.#lease.item;
  }

  get statementTimeout(): number {
    return this.#limits.statementTimeout;
  }

  get killTimeout(): number {
    return this.#limits.killTimeout;
  }

  get streamBuffer(): number {
    return this.#limits.streamBuffer;
  }

  end(): void {
    giveBack(this.#lease);
  }
}

interface Limits {
  /** Milliseconds; Infinity for no limit. */
  readonly statementTimeout: number;
  /** Milliseconds. */
  readonly killTimeout: number;
  /** Rows. */
  readonly streamBuffer: number;
}

/**
 * A pool of connections to one database. It connects when connections are needed, replaces those
 * that are lost, and stops on the server what is cancelled here. Ends with `await using`,
 * `shutdown()`, or the run() in which it was made.
 *
 * @example
 * ```ts no-run
 * import { createPool } from 'maitre/mysql';
 * await using pool = createPool({ user: 'cook', database: 'restaurant', max: 20 });
 * await pool.transaction(async (connection) => {
 *   await connection.query('UPDATE stock SET eggs = eggs - ?', [3]);
 *   await connection.query('INSERT INTO orders (dish) VALUES (?)', ['omelette']);
 * });
 * ```
 */
export class DatabasePool implements AsyncDisposable {
  readonly #pool: Pool<Session>;
  readonly #limits: Limits;
  readonly #control: Control;

  /** Called by `createPool` alone. @internal */
  constructor(driver: Driver, options: DatabaseOptions) {
    const target = readOptions(driver, options);
    const { statementTimeout = Infinity, killTimeout = KILL_TIMEOUT, streamBuffer = STREAM_BUFFER } = options;
    this.#limits = { statementTimeout, killTimeout, streamBuffer };
    const opener = { driver, target, connectTimeout: options.connectTimeout ?? CONNECT_TIMEOUT };
    const { name } = driver;
    const kinds: Kinds = { query: `${name}.query`, execute: `${name}.execute`, transaction: `${name}.transaction` };
    this.#control = new Control(opener, killTimeout / 2);
    const session: SessionOptions = {
      ...opener,
      kinds,
      killTimeout,
      control: this.#control,
      parent: (): Resource => this.#pool,
      onLost: (lost) => this.#pool.remove(lost),
    };
    this.#pool = new Pool({
      ...Object.fromEntries(POOL_NAMES.map((each) => [each, options[each]])),
      create: () => Session.open(session),
      createTimeout: Infinity, // openWire has its limit
      destroy: (each) => each.close(),
      destroyTimeout: 2 * killTimeout, // Session.close has its own limit
      check: (each) => checkSession(each, `${name}.check`),
      reset: (each) => each.reset(() => rollback(each, killTimeout)),
      retry: { retryOn: (error) => driver.isTemporary(error) && !isTlsFault(error) },
    });
  }

  /** The name that was passed. */
  get name(): string | undefined {
    return this.#pool.name;
  }

  /**
   * Waits for a connection, and takes it. First come, first served. Cancellable.
   * @throws TimeoutError after `timeout`, with the last failure to connect as its cause; QueueFull;
   *   CancelledError; at once an error of connecting that no waiting mends, such as a wrong password
   */
  async acquire(options?: AcquireOptions): Promise<Connection> {
    return new Connection(new PooledLease(await this.#take(options), this.#limits));
  }

  /** Runs one statement on a connection of its own. See `Connection.query`. */
  query<Row = Record<string, unknown>>(
    sql: string,
    params?: readonly unknown[],
    options?: StatementOptions,
  ): Promise<Result<Row>> {
    return this.#run<Row>(sql, params, false, options);
  }

  /** Runs one prepared statement on a connection of its own. See `Connection.execute`. */
  execute<Row = Record<string, unknown>>(
    sql: string,
    params?: readonly unknown[],
    options?: StatementOptions,
  ): Promise<Result<Row>> {
    return this.#run<Row>(sql, params, true, options);
  }

  /** Calls `fn` in a transaction on a connection of its own. See `Connection.transaction`. */
  transaction<T>(fn: (connection: Connection) => PromiseLike<T> | T, options?: TransactionOptions): Promise<T> {
    return waiting(this.#transaction(fn, options));
  }

  /**
   * Returns the rows of a query as they come, from a connection of its own, which the first
   * `next()` takes and the end of the stream returns. See `Connection.stream`.
   */
  stream<Row = Record<string, unknown>>(
    sql: string,
    params?: readonly unknown[],
    options: StreamOptions = {},
  ): Rows<Row> {
    let lease: Lease<Session> | undefined;
    const take = async (): Promise<Session> => {
      lease = await this.#take(undefined);
      return lease.item;
    };
    const give = (): void => {
      if (lease !== undefined) giveBack(lease);
    };
    return streamRows<Row>({ take, give }, sql, params, options, this.#limits.streamBuffer);
  }

  /** Returns its figures. */
  statistics(): PoolStatistics {
    return this.#pool.statistics();
  }

  /** Shuts it down. See `Pool.shutdown`. What runs when the grace is over is stopped on the server. */
  async shutdown(options?: { readonly grace?: number | undefined }): Promise<PoolReport> {
    try {
      return await this.#pool.shutdown(options);
    } finally {
      await this.#control.closed();
    }
  }

  /** Calls `shutdown`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  /** `<Pool "db" 1 total, ...>`, for logs. */
  toString(): string {
    return this.#pool.toString();
  }

  async #take(options: AcquireOptions | undefined): Promise<Lease<Session>> {
    const lease = await this.#pool.acquire(options);
    lease.item.take(waiterOf(options));
    return lease;
  }

  #run<Row>(
    sql: string,
    params: readonly unknown[] | undefined,
    isPrepared: boolean,
    options: StatementOptions | undefined,
  ): Promise<Result<Row>> {
    // As `waiting(...)`, without the two promises of that: this is the hot path.
    const call: Promise<Result<Row>> = this.#acquireAndRun(sql, params, isPrepared, options, () => call);
    return call;
  }

  async #acquireAndRun<Row>(
    sql: string,
    params: readonly unknown[] | undefined,
    isPrepared: boolean,
    options: StatementOptions | undefined,
    self: () => Promise<unknown>,
  ): Promise<Result<Row>> {
    try {
      checkStatement(sql, params, options);
      const timeout = options?.timeout;
      const until = timeout === undefined ? undefined : loopTime() + timeout;
      const lease = await this.#pool.acquire(options);
      lease.item.take(waiterOf(options));
      const ms = timeout ?? this.#limits.statementTimeout;
      // The connection goes back in the step that ends the statement, before the caller continues.
      const plan = { sql, params, isPrepared, ms, deadline: until, onEnd: () => giveBack(lease) };
      return (await runStatement(lease.item, plan, options)) as Result<Row>; // the caller says what its rows are
    } catch (error) {
      if (error instanceof CancelledError) quiet(self());
      throw error;
    }
  }

  async #transaction<T>(
    fn: (connection: Connection) => PromiseLike<T> | T,
    options: TransactionOptions | undefined,
  ): Promise<T> {
    await using connection = await this.acquire();
    return await connection.transaction(fn, options);
  }
}

function giveBack(lease: Lease<Session>): void {
  if (lease.released) return;
  const { item } = lease;
  if (item.isClean) {
    item.forget();
    lease.end('clean');
  } else void lease.release();
}

/** Whether a session that was idle still answers. */
function checkSession(session: Session, kind: string): Promise<unknown> {
  const plan = { sql: 'SELECT 1', params: undefined, isPrepared: false, temper: 'brittle', ms: Infinity } as const;
  const wait = new StatementWait(session, kind, plan, undefined);
  session.submit(wait);
  return wait.promise;
}
