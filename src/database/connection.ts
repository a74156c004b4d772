// Connection: what a user has of a session for the time of one lease, or of one transaction in it.
//
// All Connections of a lease share its session and its end. Each one stands for a level: the lease
// itself, or a transaction in it. A transaction begun on a level is inside that level:
//
// - `#inner` is the transaction that is open directly inside this level; there is at most one. A
//   second task that begins one on the same level waits in `#turn`, because savepoints must end in
//   the opposite order of their beginning.
// - If the task that has begun `#inner` begins another one here, in place of on the Connection that
//   it was passed, it would wait for itself. So that one goes inside `#inner`.
// - Statements do not depend on the level. All run in the innermost transaction that is open.
import { callback } from '../base/index.ts';
import { beginWait, InvalidStateError, type TaskRecord, waiterOf, waiting } from '../core/index.ts';
import { Lock } from '../sync/index.ts';
import type { Result } from './driver.ts';
import {
  checkStatement,
  checkTransaction,
  type StatementOptions,
  type StreamOptions,
  type TransactionOptions,
} from './options.ts';
import { type Rows, streamRows } from './row-stream.ts';
import type { Session } from './session.ts';
import { type StatementPlan, StatementWait } from './statement.ts';
import { runTransaction } from './transaction.ts';

/** One lease of a session. */
export interface SessionLease {
  /** Undefined once it is over. */
  readonly session: Session | undefined;
  /** Milliseconds; Infinity for no limit. */
  readonly statementTimeout: number;
  /** Milliseconds. */
  readonly killTimeout: number;
  /** Rows. */
  readonly streamBuffer: number;
  end(): void;
}

/**
 * A connection to the database, for its holder alone. Its statements run one after another, in the
 * order of their calls. Release it with `await using` or `release()`.
 *
 * @example
 * ```ts no-run
 * import { createPool } from 'maitre/mysql';
 * await using pool = createPool({ user: 'cook', database: 'restaurant' });
 * await using connection = await pool.acquire();
 * const { rows } = await connection.query<{ dish: string }>('SELECT dish FROM orders WHERE seat = ?', [4]);
 * console.log(rows.map((row) => row.dish));
 * ```
 */
export class Connection implements AsyncDisposable {
  readonly #lease: SessionLease;
  /** Transactions around this level; 0 for the lease itself. */
  readonly #depth: number;
  /** The transaction that is open directly inside this level. */
  #inner: Connection | undefined = undefined;
  /** The task that has begun `#inner`. */
  #innerTask: TaskRecord | undefined = undefined;
  /** Made when it is first needed. */
  #turn: Lock | undefined = undefined;
  /** True once its transaction has ended. */
  #isOver = false;

  /** Called by the pool, and by a transaction. @internal */
  constructor(lease: SessionLease, depth = 0) {
    this.#lease = lease;
    this.#depth = depth;
  }

  /**
   * Runs a statement, and resolves to its result when the server has finished it. Cancellable: a
   * cancel stops the statement on the server, and the call rejects when it has stopped. Behind
   * other statements of the connection it waits in line; there, a cancel just leaves the line.
   * @param sql `?` stands for a value on MySQL, `$1` on PostgreSQL
   * @param params the values
   * @throws CancelledError; TimeoutError after `timeout`; ConnectionLostError; the error of the
   *   database, as its driver has it; InvalidStateError after `release`; BusyError while a stream
   *   is open
   */
  query<Row = Record<string, unknown>>(
    sql: string,
    params?: readonly unknown[],
    options?: StatementOptions,
  ): Promise<Result<Row>> {
    return this.#run(sql, params, false, options);
  }

  /**
   * Runs a prepared statement, which the server parses once for each connection. Otherwise as
   * `query`.
   */
  execute<Row = Record<string, unknown>>(
    sql: string,
    params?: readonly unknown[],
    options?: StatementOptions,
  ): Promise<Result<Row>> {
    return this.#run(sql, params, true, options);
  }

  /**
   * Returns the rows of a query as they come, in bounded memory. The query begins with the first
   * `next()`. Until the stream has ended, the connection refuses other statements. Leaving the loop
   * stops the query on the server; so does a cancel.
   */
  stream<Row = Record<string, unknown>>(
    sql: string,
    params?: readonly unknown[],
    options: StreamOptions = {},
  ): Rows<Row> {
    const source = { take: () => this.#session(), give: () => {} };
    return streamRows<Row>(source, sql, params, options, this.#lease.streamBuffer);
  }

  /**
   * Calls `fn` in a transaction, and commits when it has resolved. When it throws, or its task is
   * cancelled, it rolls back and rejects with that. Inside another transaction it is a savepoint.
   *
   * A cancel that comes during the COMMIT does not stop it: the call resolves, and the task meets
   * the cancel at its next wait. So whoever sees it reject knows that nothing has happened. The
   * exception is a ConnectionLostError during the COMMIT.
   * @param fn called with a Connection for this transaction; several times with `retries`
   * @returns what `fn` returned
   */
  transaction<T>(fn: (connection: Connection) => PromiseLike<T> | T, options: TransactionOptions = {}): Promise<T> {
    return waiting(this.#transaction(fn, options));
  }

  /**
   * Returns the connection to the pool. What still runs on it is stopped, and an open transaction
   * is rolled back, before anyone else gets it. Idempotent. Resolves at once.
   */
  async release(): Promise<void> {
    if (this.#depth === 0) this.#lease.end();
  }

  /** Calls `release`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #transaction<T>(fn: (connection: Connection) => PromiseLike<T> | T, options: TransactionOptions): Promise<T> {
    callback('begin transaction', '', fn);
    const session = this.#session();
    const task = waiterOf(undefined);
    if (this.#inner !== undefined && task === this.#innerTask) return this.#inner.transaction(fn, options);
    checkTransaction(options, this.#depth > 0);
    using _ = await (this.#turn ??= new Lock()).acquire();
    this.#innerTask = task;
    const call = async (): Promise<T> => {
      const inner = new Connection(this.#lease, this.#depth + 1);
      this.#inner = inner;
      try {
        return await fn(inner);
      } finally {
        inner.#isOver = true;
        this.#inner = undefined;
      }
    };
    return await runTransaction(session, call, this.#lease.killTimeout, options);
  }

  #run<Row>(
    sql: string,
    params: readonly unknown[] | undefined,
    isPrepared: boolean,
    options: StatementOptions | undefined,
  ): Promise<Result<Row>> {
    try {
      checkStatement(sql, params, options);
      const ms = options?.timeout ?? this.#lease.statementTimeout;
      const statement = runStatement(this.#session(), { sql, params, isPrepared, ms }, options);
      return statement as Promise<Result<Row>>; // the caller says what its rows are
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #session(): Session {
    const { session } = this.#lease;
    if (session !== undefined && !this.#isOver) return session;
    throw new InvalidStateError(
      `Cannot use connection: ${session === undefined ? 'it was released' : 'its transaction has ended'}`,
    );
  }
}

/** Runs a statement of a user. `plan.onEnd` is called in any case. */
export function runStatement(
  session: Session,
  plan: Omit<StatementPlan, 'kind'>,
  options: StatementOptions | undefined,
): Promise<Result<unknown>> {
  const refused = beginWait(options) ?? reject(session.refusal());
  if (refused !== undefined) {
    plan.onEnd?.();
    return refused;
  }
  const kind = plan.isPrepared ? session.kinds.execute : session.kinds.query;
  const wait = new StatementWait(session, kind, plan, options);
  session.submit(wait);
  return wait.promise;
}

function reject(error: Error | undefined): Promise<never> | undefined {
  return error === undefined ? undefined : Promise.reject(error);
}
