// Both databases under the same names, for tests of what they share: a server each, its words for the same things, and what
// it says of itself over a connection that no pool knows.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { createPool as createMysqlPool, type DatabaseOptions, type DatabasePool } from 'maitre/mysql';
import { createPool as createPostgresPool } from 'maitre/postgres';
import type { DatabaseServer } from './database-server.js';
import { Mariadb, noMariadb } from './mariadb.js';
import { noPostgres, Postgres } from './postgres.js';
import { untilTrue } from './waits.js';

export interface Database {
  readonly name: 'mysql' | 'postgres';
  /** Why its tests are skipped. */
  readonly skip: string | undefined;
  readonly server: DatabaseServer;
  /** A pool that has `options` besides where the server is. */
  createPool(options?: Partial<DatabaseOptions>): DatabasePool;
  /** The n-th parameter of a statement. */
  readonly parameter: (n: number) => string;
  /** A statement that takes this long. */
  sleep(seconds: number): string;
  /** A statement that ends the connection with this id from the side of the server. */
  endConnection(id: number): string;
  /** A query for the id of the connection that runs it. */
  readonly ownId: string;
  /** A query for the ids of all other connections that clients have. */
  readonly otherIds: string;
  /** A query for the statements that run, but for itself. */
  readonly running: string;
  /** A query for the transactions that are open. */
  readonly transactions: string;
  /** The code of the error of a deadlock's victim. */
  readonly deadlock: string;
}

type Words = Omit<Database, 'server' | 'createPool' | 'skip'>;

const mysqlWords: Words = {
  name: 'mysql',
  parameter: () => '?',
  sleep: (seconds) => `SELECT SLEEP(${seconds})`,
  endConnection: (id) => `KILL ${id}`,
  ownId: 'SELECT CONNECTION_ID() AS id',
  otherIds: `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = 'maitre' AND ID <> CONNECTION_ID()`,
  running: `SELECT INFO AS query FROM information_schema.PROCESSLIST
    WHERE USER = 'maitre' AND ID <> CONNECTION_ID() AND COMMAND IN ('Query', 'Execute')
    AND INFO NOT LIKE '%PROCESSLIST%'`, // others of this kind may be about to leave
  transactions: 'SELECT trx_mysql_thread_id AS id FROM information_schema.INNODB_TRX',
  deadlock: 'ER_LOCK_DEADLOCK',
};

const clients = `backend_type = 'client backend' AND pid <> pg_backend_pid()`;
const postgresWords: Words = {
  name: 'postgres',
  parameter: (n) => `$${n}`,
  sleep: (seconds) => `SELECT pg_sleep(${seconds})`,
  endConnection: (id) => `SELECT pg_terminate_backend(${id})`,
  ownId: 'SELECT pg_backend_pid() AS id',
  otherIds: `SELECT pid AS id FROM pg_stat_activity WHERE ${clients}`,
  running: `SELECT query FROM pg_stat_activity WHERE ${clients} AND state NOT LIKE 'idle%'`,
  transactions: `SELECT pid AS id FROM pg_stat_activity WHERE ${clients} AND state LIKE 'idle in transaction%'`,
  deadlock: '40P01',
};

/** Starts a server of each kind that there is. Both end with this process. */
export async function bothDatabases(): Promise<readonly Database[]> {
  const [mariadb, postgres] = await Promise.all([Mariadb.shared(), Postgres.shared()]);
  const where = ({ host, port, user, password }: DatabaseServer): DatabaseOptions => ({ host, port, user, password });
  return [
    {
      ...mysqlWords,
      skip: noMariadb,
      server: mariadb,
      createPool: (options) => createMysqlPool({ ...where(mariadb), database: mariadb.database, ...options }),
    },
    {
      ...postgresWords,
      skip: noPostgres,
      server: postgres,
      createPool: (options) => createPostgresPool({ ...where(postgres), database: postgres.database, ...options }),
    },
  ];
}

/** Waits until a query on the server returns no row. The test's own limit bounds it. */
export async function untilNone(database: Database, sql: string): Promise<void> {
  while ((await database.server.query(sql)).length > 0) await delay(5);
}

/** Waits until a query on the server returns a row. */
export async function untilSome(database: Database, sql: string): Promise<void> {
  while ((await database.server.query(sql)).length === 0) await delay(5);
}

/** Checks that a pool has come to rest: nobody waits for it, nobody holds it, and its server does nothing for it. */
export async function assertAtRest(database: Database, pool: DatabasePool): Promise<void> {
  await untilNone(database, database.running);
  await untilNone(database, database.transactions);
  await untilTrue(() => {
    const { idle, total } = pool.statistics();
    return idle === total;
  });
  const { leased, waiting } = pool.statistics();
  assert.deepEqual({ leased, waiting }, { leased: 0, waiting: 0 });
}
