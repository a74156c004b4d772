// What a pool of connections promises, for every kind of database: the same tests against a real server of each. The
// server is asked over a connection of its own what it really does.
import assert from 'node:assert/strict';
import {
  ConnectionLostError,
  createTask,
  formatCallGraph,
  gather,
  InvalidStateError,
  sleep,
  timeout,
  TimeoutError,
} from 'maitre';
import { Resource } from 'maitre/lowlevel';
import type { DatabaseOptions, DatabasePool } from '#src/database/index.js';
import { first, renewed } from '../net/fixtures/certificates.js';
import type { DatabaseServer } from './database-server.js';
import { nextTurn, test as plainTest } from './test.js';

/** How one kind of database says what the tests say. */
export interface Dialect {
  readonly name: 'mysql' | 'postgres';
  readonly createPool: (options: DatabaseOptions) => DatabasePool;
  readonly server: DatabaseServer & { readonly database: string; readonly path: string };
  /** Why the tests are skipped; undefined where they run. */
  readonly skip: string | undefined;
  /** `?` or `$1`, counted from 1. */
  readonly mark: (n: number) => string;
  /** The same where only a type says what it is. */
  readonly textMark: string;
  /** A statement that takes a minute. */
  readonly slow: string;
  /** A query of so many rows, with the column `n`, that the server makes as they are read. */
  readonly rows: (count: number) => string;
  /** The statements that run now, without the one that asks. */
  readonly running: string;
  /** The ids of all connections of clients, as `id`. */
  readonly connections: string;
  readonly endConnection: (id: number) => string;
  /** The code of the error for a table that is not there. */
  readonly noTable: string;
  /** A value that the library of the driver does not take. */
  readonly badValue: unknown;
  /** A column with an id of its own. */
  readonly serial: string;
  /** Starts a server that speaks TLS. */
  readonly startWithTls: (tls: { readonly cert: string; readonly key: string }) => Promise<Dialect['server']>;
  /** A statement with a row that says whether the connection has TLS, as `tls`: empty, `0` or false for no. */
  readonly hasTls: string;
  readonly isReadOnly: string;
  readonly isolationOf: string;
}

export function databaseSuite(dialect: Dialect): void {
  const { name, server, skip, mark, textMark } = dialect;
  const test = (claim: string, body: () => unknown): void =>
    plainTest(`${name}: ${claim}`, body, { timeout: 40_000, ...(skip === undefined ? {} : { skip }) });

  const open = (options: DatabaseOptions = {}): DatabasePool =>
    dialect.createPool({
      host: server.host,
      port: server.port,
      user: server.user,
      password: server.password,
      database: server.database,
      ...options,
    });

  let tables = 0;
  /** A fresh table with the columns `id` and `v`. */
  const makeTable = async (): Promise<string> => {
    const table = `${name}_table_${++tables}`;
    await server.query(`CREATE TABLE ${inDatabase(table)} (id ${dialect.serial} PRIMARY KEY, v INT)`);
    return table;
  };
  const inDatabase = (table: string): string => (name === 'mysql' ? `maitre.${table}` : table);
  const valuesOf = async (table: string): Promise<unknown[]> =>
    (await server.query<{ v: number }>(`SELECT v FROM ${inDatabase(table)} ORDER BY id`)).map(({ v }) => v);
  const running = async (): Promise<number> => (await server.query(dialect.running)).length;
  /** Waits until the server runs `count` statements. */
  const untilRunning = async (count: number): Promise<void> => {
    while ((await running()) !== count) await nextTurn();
  };

  test('query resolves to rows as objects, and takes values', async () => {
    await using pool = open();
    const { rows, affectedRows, fields } = await pool.query<{ one: number; two: string }>(
      `SELECT 1 AS one, ${textMark} AS two`,
      ["it's; --"],
    );
    assert.deepEqual({ ...rows[0] }, { one: 1, two: "it's; --" });
    assert.equal(affectedRows, 1);
    assert.deepEqual(
      fields.map((field) => field.name),
      ['one', 'two'],
    );
  });

  test('execute takes values too, and runs again after its table has changed', async () => {
    await using pool = open({ max: 1 });
    const table = await makeTable();
    const sql = `SELECT * FROM ${table} WHERE id > ${mark(1)}`;
    assert.deepEqual((await pool.execute(sql, [0])).rows, []);
    await pool.execute(`INSERT INTO ${table} (v) VALUES (${mark(1)})`, [7]);
    assert.equal((await pool.execute<{ v: number }>(sql, [0])).rows[0]?.v, 7);
    await server.query(`ALTER TABLE ${inDatabase(table)} ADD COLUMN w INT`);
    await pool.execute(sql, [0]).catch(() => undefined); // PostgreSQL says so once
    assert.ok('w' in ((await pool.execute(sql, [0])).rows[0] ?? {}));
  });

  test('a write resolves to the number of its rows', async () => {
    await using pool = open();
    const table = await makeTable();
    const inserted = await pool.query(`INSERT INTO ${table} (v) VALUES (1), (2), (3)`);
    assert.deepEqual([inserted.affectedRows, inserted.rows], [3, []]);
    assert.equal(inserted.insertId, name === 'mysql' ? 1 : undefined);
    assert.equal((await pool.query(`DELETE FROM ${table} WHERE v > 1`)).affectedRows, 2);
  });

  test("an error is the driver's own, with its code, and the connection stays", async () => {
    await using pool = open();
    await assert.rejects(pool.query('SELECT * FROM no_such_table'), { code: dialect.noTable });
    await pool.query('SELECT 1');
    assert.equal(pool.statistics().created, 1);
  });

  test('a value that cannot be sent rejects its own call alone', async () => {
    await using pool = open({ max: 1 });
    await assert.rejects(pool.execute(`SELECT ${textMark} AS x`, [dialect.badValue]));
    assert.equal((await pool.query<{ x: number }>('SELECT 1 AS x')).rows[0]?.x, 1);
  });

  test('a wrong password rejects at once, and says so', async () => {
    await using pool = open({ password: () => 'wrong' });
    await assert.rejects(pool.query('SELECT 1'), /Access denied|password authentication failed/);
  });

  test('connects over a Unix socket, and by URL', async () => {
    const { user, password, database, path, port } = server;
    await using byPath = dialect.createPool({ path, port, user, password, database });
    assert.equal((await byPath.query('SELECT 1')).rows.length, 1);
    await using byUrl = dialect.createPool({ url: `${name}://${user}:${password}@127.0.0.1:${port}/${database}` });
    assert.equal((await byUrl.query('SELECT 1')).rows.length, 1);
  });

  test('speaks TLS to a server whose certificate it trusts, and to no other', async () => {
    await using secure = await dialect.startWithTls(first);
    const { port, user, password, database } = secure;
    const to = (options: DatabaseOptions): DatabasePool =>
      dialect.createPool({ host: 'localhost', port, user, password, database, acquireTimeout: 1000, ...options });
    {
      await using pool = to({ tls: { ca: first.cert }, max: 1 });
      assert.match(String(Object.values((await pool.query(dialect.hasTls)).rows[0] ?? {}).at(-1)), /^(?:TLS|true)/);
      await assert.rejects(pool.query(dialect.slow, undefined, { timeout: 50 }), TimeoutError);
      assert.equal((await pool.query<{ x: number }>('SELECT 1 AS x')).rows[0]?.x, 1);
    }
    const distrusted = await Promise.allSettled(
      [true as const, { ca: renewed.cert }].map(async (tls) => {
        await using pool = to({ tls });
        await pool.query('SELECT 1');
      }),
    );
    assert.deepEqual(
      distrusted.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    // At once: no waiting mends that.
    assert.ok(distrusted.every((each) => !(each as PromiseRejectedResult).reason.message.includes('within 1000 ms')));
    await using careless = to({ tls: { rejectUnauthorized: false } });
    await careless.query('SELECT 1');
  });

  // ---- cancelling ----

  test('a cancelled task stops its statement on the server, and returns a connection that works', async () => {
    await using pool = open({ max: 1 });
    const task = createTask(() => pool.query(dialect.slow));
    await untilRunning(1);
    task.cancel();
    await assert.rejects(task, { name: 'CancelledError' });
    await untilRunning(0); // MariaDB answers a moment before it counts as idle
    assert.equal((await pool.query<{ x: number }>('SELECT 2 AS x')).rows[0]?.x, 2);
    assert.deepEqual([pool.statistics().created, pool.statistics().destroyed], [1, 0]);
  });

  test('a timeout stops its statement on the server', async () => {
    await using pool = open({ max: 1 });
    await assert.rejects(pool.query(dialect.slow, undefined, { timeout: 50 }), TimeoutError);
    await untilRunning(0);
    await assert.rejects(
      timeout(50, () => pool.query(dialect.slow)),
      TimeoutError,
    );
    await untilRunning(0);
    assert.equal(pool.statistics().created, 1);
  });

  test('statementTimeout is for each statement', async () => {
    await using pool = open({ max: 1, statementTimeout: 50 });
    await assert.rejects(pool.query(dialect.slow), /Timed out: 50 ms passed in \w+\.query of SELECT/);
    await pool.query('SELECT 1');
    await untilRunning(0);
  });

  test('the timeout of a statement counts the wait for a connection', async () => {
    await using pool = open({ max: 1 });
    await using _ = await pool.acquire();
    await assert.rejects(pool.query('SELECT 1', undefined, { timeout: 20 }), TimeoutError);
  });

  test('a stop never hits the statement that follows', async () => {
    await using pool = open({ max: 1 });
    for (let i = 0; i < 150; i++) {
      // It ends by itself about when it is cancelled.
      const task = createTask(() => pool.query('SELECT 1'), { eager: true });
      const follower = createTask(() => pool.query<{ x: number }>(`SELECT ${i} AS x`), { eager: true });
      for (let turn = 0; turn < i % 5; turn++) await nextTurn();
      task.cancel();
      assert.equal((await follower).rows[0]?.x, i);
      await task.catch(() => undefined);
    }
    assert.equal(pool.statistics().created, 1);
  });

  test('a statement that waits in line on its connection leaves the line, and stops nothing', async () => {
    await using pool = open({ max: 1 });
    await using connection = await pool.acquire();
    const first = createTask(() => connection.query(dialect.slow), { eager: true });
    const second = createTask(() => connection.query('SELECT 2 AS x'), { eager: true });
    await untilRunning(1);
    second.cancel();
    await assert.rejects(second, { name: 'CancelledError' });
    assert.equal(await running(), 1);
    first.cancel();
    await assert.rejects(first, { name: 'CancelledError' });
  });

  test('statements side by side on one connection run in the order of their calls', async () => {
    await using pool = open({ max: 1 });
    await using connection = await pool.acquire();
    const results = await gather([1, 2, 3, 4].map((i) => () => connection.query<{ x: number }>(`SELECT ${i} AS x`)));
    assert.deepEqual(
      results.map(({ rows }) => rows[0]?.x),
      [1, 2, 3, 4],
    );
  });

  // ---- leases ----

  test('a released connection accepts nothing more', async () => {
    await using pool = open({ max: 1 });
    const connection = await pool.acquire();
    await connection.release();
    await connection.release();
    await assert.rejects(connection.query('SELECT 1'), /Cannot use connection: it was released/);
    await pool.query('SELECT 1');
  });

  test('a connection that is released in a transaction is rolled back before the next holder has it', async () => {
    await using pool = open({ max: 1 });
    const table = await makeTable();
    {
      await using connection = await pool.acquire();
      await connection.query(name === 'mysql' ? 'START TRANSACTION' : 'BEGIN');
      await connection.query(`INSERT INTO ${table} (v) VALUES (1)`);
    }
    assert.deepEqual((await pool.query(`SELECT v FROM ${table}`)).rows, []);
    assert.equal(pool.statistics().created, 1);
  });

  test('what still runs when its connection is released is stopped', async () => {
    await using pool = open({ max: 1 });
    const connection = await pool.acquire();
    const forgotten = connection.query(dialect.slow);
    const behind = connection.query('SELECT 1');
    const rejections = Promise.all([
      assert.rejects(forgotten, InvalidStateError),
      assert.rejects(behind, InvalidStateError),
    ]);
    await untilRunning(1);
    await connection.release();
    assert.equal((await pool.query<{ x: number }>('SELECT 3 AS x')).rows[0]?.x, 3);
    await rejections;
    await untilRunning(0);
  });

  test('shutdown after its grace stops what runs', async () => {
    await using pool = open();
    const task = createTask(() => pool.query(dialect.slow));
    await untilRunning(1);
    const lost = assert.rejects(task, ConnectionLostError);
    await pool.shutdown({ grace: 0 });
    await lost;
    await untilRunning(0);
  });

  // ---- lost connections ----

  test('a connection that is lost in a query rejects with ConnectionLostError, and the pool replaces it', async () => {
    await using pool = open({ max: 1 });
    const before = new Set((await server.query<{ id: number }>(dialect.connections)).map(({ id }) => id));
    await pool.query('SELECT 1');
    const task = createTask(() => pool.query(dialect.slow));
    const lost = assert.rejects(task, (error) => error instanceof ConnectionLostError && error.cause !== undefined);
    await untilRunning(1);
    for (const { id } of await server.query<{ id: number }>(dialect.connections)) {
      if (!before.has(id)) await server.query(dialect.endConnection(id)).catch(() => undefined);
    }
    await lost;
    assert.equal((await pool.query<{ x: number }>('SELECT 5 AS x')).rows[0]?.x, 5);
  });

  test('a connection that dies while it is idle is replaced, and the next query does not notice', async () => {
    await using pool = open({ max: 1, checkAfter: 0 });
    const before = new Set((await server.query<{ id: number }>(dialect.connections)).map(({ id }) => id));
    await pool.query('SELECT 1');
    for (const { id } of await server.query<{ id: number }>(dialect.connections)) {
      if (!before.has(id)) await server.query(dialect.endConnection(id)).catch(() => undefined);
    }
    assert.equal((await pool.query<{ x: number }>('SELECT 6 AS x')).rows[0]?.x, 6);
    assert.equal(pool.statistics().created, 2);
  });

  // ---- transactions ----

  test('a transaction commits what it did, and rolls back when its function throws', async () => {
    await using pool = open();
    const table = await makeTable();
    const value = await pool.transaction(async (connection) => {
      await connection.query(`INSERT INTO ${table} (v) VALUES (1)`);
      return 'done';
    });
    assert.equal(value, 'done');
    const failure = new Error('no');
    await assert.rejects(
      pool.transaction(async (connection) => {
        await connection.query(`INSERT INTO ${table} (v) VALUES (2)`);
        throw failure;
      }),
      (error) => error === failure,
    );
    assert.deepEqual(await valuesOf(table), [1]);
  });

  test('a transaction rolls back when its task is cancelled', async () => {
    await using pool = open({ max: 1 });
    const table = await makeTable();
    const task = createTask(() =>
      pool.transaction(async (connection) => {
        await connection.query(`INSERT INTO ${table} (v) VALUES (1)`);
        await connection.query(dialect.slow);
      }),
    );
    await untilRunning(1);
    task.cancel();
    await assert.rejects(task, { name: 'CancelledError' });
    assert.deepEqual(await valuesOf(table), []);
    assert.deepEqual((await pool.query(`SELECT v FROM ${table}`)).rows, []);
    assert.equal(pool.statistics().created, 1);
  });

  test('a transaction inside another one is a savepoint', async () => {
    await using pool = open();
    const table = await makeTable();
    const insert = (v: number): string => `INSERT INTO ${table} (v) VALUES (${v})`;
    await pool.transaction(async (outer) => {
      await outer.query(insert(1));
      await outer.transaction(async (inner) => {
        await inner.query(insert(2));
        await assert.rejects(
          inner.transaction(async (innermost) => {
            await innermost.query(insert(3));
            await innermost.query('SELECT * FROM no_such_table');
          }),
          { code: dialect.noTable },
        );
        await inner.query(insert(4));
      });
      await assert.rejects(
        outer.transaction(async (inner) => {
          await inner.query(insert(5));
          throw new Error('no');
        }),
        /no/,
      );
    });
    assert.deepEqual(await valuesOf(table), [1, 2, 4]);
  });

  test('transactions side by side on one connection, and inside one transaction, take turns', async () => {
    await using pool = open();
    const table = await makeTable();
    await using connection = await pool.acquire();
    const add = (from: typeof connection, v: number, fails: boolean) => () =>
      from
        .transaction(async (inside) => {
          await inside.query(`INSERT INTO ${table} (v) VALUES (${v})`);
          await sleep(0);
          if (fails) throw new Error('no');
        })
        .catch(() => undefined);
    await gather([add(connection, 1, false), add(connection, 2, true), add(connection, 3, false)]);
    await connection.transaction((outer) => gather([add(outer, 4, true), add(outer, 5, false), add(outer, 6, true)]));
    assert.deepEqual(await valuesOf(table), [1, 3, 5]);
  });

  test('a transaction begun on the outer connection, inside one, goes inside that one', async () => {
    await using pool = open();
    const table = await makeTable();
    await using connection = await pool.acquire();
    await connection.transaction(async () => {
      await connection.transaction(() => connection.query(`INSERT INTO ${table} (v) VALUES (1)`));
    });
    assert.deepEqual(await valuesOf(table), [1]);
  });

  test('a transaction takes an isolation level, and can be read-only', async () => {
    await using pool = open();
    const table = await makeTable();
    const level = await pool.transaction(
      async (connection) => {
        await connection.query(`SELECT v FROM ${table}`); // with the first read, the server begins
        return (await connection.query<{ level: string }>(dialect.isolationOf)).rows[0]?.level;
      },
      { isolation: 'serializable' },
    );
    assert.equal(level?.toLowerCase(), 'serializable');
    await assert.rejects(
      pool.transaction((connection) => connection.query(`INSERT INTO ${table} (v) VALUES (1)`), { readOnly: true }),
      { code: dialect.isReadOnly },
    );
    await assert.rejects(
      pool.transaction((outer) => outer.transaction(() => undefined, { readOnly: true })),
      /belong to the outermost transaction/,
    );
  });

  test('the connection of a transaction accepts nothing after its end', async () => {
    await using pool = open();
    await using connection = await pool.acquire();
    const ended = await connection.transaction((inside) => inside);
    await assert.rejects(ended.query('SELECT 1'), /its transaction has ended/);
    await connection.query('SELECT 1');
  });

  test('a transaction that the server has given up does not commit, whatever its function says', async () => {
    await using pool = open();
    const table = await makeTable();
    await server.query(`INSERT INTO ${inDatabase(table)} (v) VALUES (0), (0)`);
    // Both want the row of the other one: the server ends one of them with a deadlock.
    let arrived = 0;
    const cross = (mine: number, other: number) => () =>
      pool.transaction(async (connection) => {
        await connection.query(`UPDATE ${table} SET v = v + 1 WHERE id = ${mine}`);
        arrived++;
        while (arrived < 2) await sleep(0);
        try {
          await connection.query(`UPDATE ${table} SET v = v + 1 WHERE id = ${other}`);
        } catch {
          await connection.query(`UPDATE ${table} SET v = v + 100 WHERE id = ${mine}`).catch(() => undefined);
        }
      });
    const [one, two] = await gather([cross(1, 2), cross(2, 1)], { returnExceptions: true });
    assert.deepEqual([one, two].filter((each) => each instanceof Error).length, 1);
    assert.deepEqual(await valuesOf(table), [1, 1]);
  });

  test('a deadlock is tried again when asked', async () => {
    await using pool = open();
    const table = await makeTable();
    await server.query(`INSERT INTO ${inDatabase(table)} (v) VALUES (0), (0)`);
    let arrived = 0;
    let calls = 0;
    const cross = (mine: number, other: number) => () =>
      pool.transaction(
        async (connection) => {
          calls++;
          await connection.query(`UPDATE ${table} SET v = v + 1 WHERE id = ${mine}`);
          arrived++;
          while (arrived < 2) await sleep(0);
          await connection.query(`UPDATE ${table} SET v = v + 1 WHERE id = ${other}`);
        },
        { retries: 5 },
      );
    await gather([cross(1, 2), cross(2, 1)]);
    assert.deepEqual(await valuesOf(table), [2, 2]);
    assert.ok(calls >= 3);
  });

  // ---- streams ----

  test('stream yields all rows in order, and the connection works afterwards', async () => {
    await using pool = open({ max: 1 });
    for (const highWaterMark of [1, 2, 7, 256]) {
      let next = 1;
      for await (const { n } of pool.stream<{ n: number }>(dialect.rows(1000), undefined, { highWaterMark })) {
        assert.equal(n, next++);
      }
      assert.equal(next, 1001);
    }
    assert.equal((await pool.query<{ x: number }>('SELECT 8 AS x')).rows[0]?.x, 8);
    assert.equal(pool.statistics().created, 1);
  });

  test('stream takes values, yields nothing for no rows, and rejects with the error of the server', async () => {
    await using pool = open({ max: 1 });
    const rows: unknown[] = [];
    for await (const row of pool.stream(`SELECT ${textMark} AS x`, ['y'])) rows.push({ ...row });
    assert.deepEqual(rows, [{ x: 'y' }]);
    for await (const _ of pool.stream('SELECT 1 AS x WHERE 1 = 0')) assert.fail('a row');
    await assert.rejects(pool.stream('SELECT * FROM no_such_table').next(), { code: dialect.noTable });
    await pool.query('SELECT 1');
    assert.equal(pool.statistics().created, 1);
  });

  test('leaving the loop stops the server, and the connection works at once', async () => {
    await using pool = open({ max: 1 });
    for await (const { n } of pool.stream<{ n: number }>(dialect.rows(50_000_000))) if (n === 1000) break;
    await untilRunning(0);
    assert.equal((await pool.query<{ x: number }>('SELECT 9 AS x')).rows[0]?.x, 9);
    assert.deepEqual([pool.statistics().created, pool.statistics().destroyed], [1, 0]);
  });

  test('a cancel stops a stream on the server, in next() and between two', async () => {
    await using pool = open({ max: 1 });
    let rows = 0;
    const reading = createTask(async () => {
      for await (const _ of pool.stream(dialect.rows(50_000_000))) rows++;
    });
    while (rows < 1000) await nextTurn();
    reading.cancel();
    await assert.rejects(reading, { name: 'CancelledError' });
    await untilRunning(0);
    const pausing = createTask(async () => {
      for await (const _ of pool.stream(dialect.rows(50_000_000))) await sleep(Infinity);
    });
    await untilRunning(1);
    pausing.cancel();
    await assert.rejects(pausing, { name: 'CancelledError' });
    await untilRunning(0);
    await pool.query('SELECT 1');
    assert.deepEqual([pool.statistics().created, pool.statistics().destroyed], [1, 0]);
  });

  test('a slow reader holds the server back: a million rows leave the memory flat', async () => {
    await using pool = open({ max: 1 });
    let rows = 0;
    let most = 0;
    const before = process.memoryUsage().rss;
    for await (const _ of pool.stream(dialect.rows(1_000_000))) {
      if (++rows % 20_000 === 0) {
        await sleep(1);
        most = Math.max(most, process.memoryUsage().rss - before);
      }
    }
    assert.equal(rows, 1_000_000);
    assert.ok(most < 200e6, `${most} bytes`); // all rows would be some 400 MB
  });

  test('an open stream refuses other statements of its connection', async () => {
    await using pool = open({ max: 1 });
    await using connection = await pool.acquire();
    for await (const _ of connection.stream(dialect.rows(50_000_000))) {
      await assert.rejects(connection.query('SELECT 1'), { name: 'BusyError' });
      break;
    }
    await connection.query('SELECT 1');
  });

  test('a stream that a transaction leaves open ends with it, and it rolls back', async () => {
    await using pool = open({ max: 1 });
    const table = await makeTable();
    await assert.rejects(
      pool.transaction(async (connection) => {
        await connection.query(`INSERT INTO ${table} (v) VALUES (1)`);
        await connection.stream(dialect.rows(50_000_000)).next();
      }),
      { name: 'BusyError' },
    );
    assert.deepEqual(await valuesOf(table), []);
    await untilRunning(0);
  });

  test('a stream that is never read takes no connection, and one that is left is ended by the shutdown', async () => {
    await using pool = open({ max: 1 });
    void pool.stream(dialect.rows(10));
    assert.equal(pool.statistics().created, 0);
    const stream = pool.stream(dialect.rows(50_000_000));
    await stream.next();
    await pool.shutdown({ grace: 0 });
    await untilRunning(0);
    await assert.rejects(async () => {
      for await (const _ of stream);
    }, ConnectionLostError);
  });

  // ---- sight ----

  test('the console sees the statement, its connection, and the task that holds it', async () => {
    await using pool = open({ name: `orders ${name}` });
    const task = createTask(() => pool.query(`${dialect.slow} -- 🍳`), { name: 'report' });
    await untilRunning(1);
    assert.match(formatCallGraph(task), new RegExp(`${name}\\.query`));
    const [connection] = [...Resource.live].filter((each) => each.kind === 'database connection');
    assert.equal([...(connection?.holders?.() ?? [])][0]?.task, task);
    assert.match(String((connection?.statistics() as Record<string, unknown> | undefined)?.['statement']), /^SELECT/);
    assert.equal(connection?.parent?.name, `orders ${name}`);
    task.cancel();
    await task.catch(() => undefined);
    assert.deepEqual([...(connection?.holders?.() ?? [])], []);
  });

  // ---- mistakes ----

  test('wrong calls say what is wrong, and take no connection', async () => {
    await using pool = open();
    const wrong = [undefined, 7, ''].map((sql) => pool.query(sql as string));
    for (const each of wrong) await assert.rejects(each, /Cannot run statement: expected an SQL text/);
    await assert.rejects(pool.query('SELECT 1', 'x' as never), /params must be an array of values, got "x"/);
    await assert.rejects(pool.query('SELECT 1', [], { timeout: -1 }), /timeout must be a number of milliseconds > 0/);
    assert.throws(() => pool.stream('SELECT 1', [], { highWaterMark: 0 }), /highWaterMark must be an integer >= 1/);
    await assert.rejects(pool.transaction('x' as never), /Cannot begin transaction/);
    assert.throws(() => open({ hots: 'x' } as never), /unknown option "hots"/);
    assert.throws(
      () => open({ url: 'redis://:secret@x/y' }),
      (error: Error) => !error.message.includes('secret'),
    );
    assert.throws(() => open({ password: 7 as never }), /password must be text or a function$/);
    assert.equal(pool.statistics().leased, 0);
  });
}
