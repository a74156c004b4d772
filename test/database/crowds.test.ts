// More clients than connections, and clients that want the same rows.
import assert from 'node:assert/strict';
import { createTask, Event, QueueFull, TimeoutError } from 'maitre';
import type { Connection, TransactionOptions } from 'maitre/mysql';
import { assertAtRest, bothDatabases } from '../support/databases.js';
import { test } from '../support/test.js';
import { untilTrue } from '../support/waits.js';

for (const database of await bothDatabases()) {
  const { name, server, skip } = database;
  const claim = (text: string, body: () => Promise<void>): void =>
    test(`${name}: ${text}`, body, { skip, timeout: 40_000 });

  claim('200 clients share ten connections, in the order in which they came', async () => {
    await using pool = database.createPool({ max: 10 });
    const order: number[] = [];
    const clients = Array.from({ length: 200 }, (_, i) =>
      createTask(async () => {
        await using connection = await pool.acquire();
        order.push(i);
        const { rows } = await connection.query<{ answer: number }>(`SELECT ${i} AS answer`);
        assert.ok(pool.statistics().total <= 10);
        return Number(rows[0]?.answer);
      }),
    );
    const answers = await Promise.all(clients);
    const all = Array.from({ length: 200 }, (_, i) => i);
    assert.deepEqual(answers, all);
    assert.deepEqual(order, all);
    const open = await server.query(database.otherIds);
    assert.ok(open.length <= 11, `${open.length} connections: ten, and one that stops statements`);
    await assertAtRest(database, pool);
  });

  claim('an exhausted pool turns away whoever waited too long, and serves who comes later', async () => {
    await using pool = database.createPool({ max: 2 });
    const one = await pool.acquire();
    const two = await pool.acquire();
    const late = Array.from({ length: 10 }, () => createTask(() => pool.acquire({ timeout: 30 })));
    await Promise.all(late.map((each) => assert.rejects(each, TimeoutError)));
    assert.equal(pool.statistics().waiting, 0);
    await one.release();
    await pool.query('SELECT 1');
    await two.release();
    assert.equal(pool.statistics().created, 2);
    await assertAtRest(database, pool);
  });

  claim('more callers than may wait are turned away at once', async () => {
    await using pool = database.createPool({ max: 1, maxWaiting: 3 });
    const held = await pool.acquire();
    const waiting = [1, 2, 3].map(() => createTask(() => pool.query('SELECT 1')));
    await untilTrue(() => pool.statistics().waiting === 3);
    await assert.rejects(pool.query('SELECT 1'), QueueFull);
    await held.release();
    await Promise.all(waiting);
  });

  /** Two transactions that lock two rows each, in opposite order, and both have one before they ask for the other. */
  const cross = async (table: string, options: TransactionOptions): Promise<PromiseSettledResult<unknown>[]> => {
    await server.query(`CREATE TABLE ${table} (id INT PRIMARY KEY, n INT)`);
    await server.query(`INSERT INTO ${table} VALUES (1, 0), (2, 0)`);
    await using pool = database.createPool({ max: 2 });
    const locked = [new Event(), new Event()] as const;
    const add = (connection: Connection, id: number): Promise<unknown> =>
      connection.query(`UPDATE ${table} SET n = n + 1 WHERE id = ${id}`);
    const transact = (own: 0 | 1): Promise<unknown> =>
      pool.transaction(async (connection) => {
        await add(connection, own + 1);
        locked[own].set();
        await locked[1 - own]?.wait();
        await add(connection, 2 - own);
      }, options);
    const results = await Promise.allSettled([createTask(() => transact(0)), createTask(() => transact(1))]);
    await assertAtRest(database, pool);
    return results;
  };

  claim('of two transactions in a deadlock one rejects, and the other commits', async () => {
    const results = await cross('deadlock', {});
    const failed = results.filter((result) => result.status === 'rejected');
    assert.equal(failed.length, 1);
    const [{ reason }] = failed as [PromiseRejectedResult]; // it is one
    assert.equal((reason as { code?: unknown }).code, database.deadlock);
    assert.deepEqual(
      (await server.query<{ n: number }>('SELECT n FROM deadlock')).map(({ n }) => n),
      [1, 1],
    );
  });

  claim('with retries, both transactions of a deadlock commit', async () => {
    const results = await cross('resolved', { retries: 3 });
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'fulfilled'],
    );
    assert.deepEqual(
      (await server.query<{ n: number }>('SELECT n FROM resolved')).map(({ n }) => n),
      [2, 2],
    );
  });
}
