// Servers that go away and come back, connections that are killed or expire, and servers that hang: whose work is lost
// learns it, and everyone else sees nothing.
import assert from 'node:assert/strict';
import { ConnectionLostError, createTask, TimeoutError } from 'maitre';
import { makeDriver as makeMysqlDriver } from '#src/mysql/driver.js';
import { makeDriver as makePostgresDriver } from '#src/postgres/driver.js';
import { assertAtRest, bothDatabases, untilNone, untilSome } from '../support/databases.js';
import { nextTurn, test } from '../support/test.js';
import { untilTrue } from '../support/waits.js';

for (const database of await bothDatabases()) {
  const { name, server, skip } = database;
  const claim = (text: string, body: () => Promise<void>): void =>
    test(`${name}: ${text}`, body, { skip, timeout: 40_000 });

  claim('a restart under load costs those in flight their connection, and everyone else nothing', async () => {
    await using pool = database.createPool({ max: 5 });
    let isOver = false;
    let served = 0;
    const unexpected: unknown[] = [];
    const clients = Array.from({ length: 20 }, () =>
      createTask(async () => {
        while (!isOver) {
          const question = `SELECT ${served} AS answer`;
          try {
            const { rows } = await pool.query<{ answer: number }>(question);
            if (`SELECT ${Number(rows[0]?.answer)} AS answer` !== question) unexpected.push(rows);
            served++;
          } catch (error) {
            if (!(error instanceof ConnectionLostError)) unexpected.push(error);
          }
        }
      }),
    );
    for (const end of ['stop', 'kill'] as const) {
      const before = served;
      await untilTrue(() => served > before + 100);
      await server[end]();
      await server.start();
      const after = served;
      await untilTrue(() => served > after + 100);
    }
    isOver = true;
    await Promise.all(clients);
    assert.deepEqual(unexpected, []);
    await assertAtRest(database, pool);
  });

  claim('it says which start of which server it is, the same to all connections', async () => {
    const make = name === 'mysql' ? makeMysqlDriver : makePostgresDriver;
    const driver = make(undefined as never); // what it asks needs no library
    const ask = async (): Promise<unknown> => {
      await using pool = database.createPool({ max: 2 });
      const servers = await pool.transaction(async (connection) => {
        const question = async (asked: Pick<typeof connection, 'query'>): Promise<unknown> => {
          const [id] = (await asked.query(database.ownId)).rows;
          return (await asked.query<{ server: string }>(driver.identitySql(Number(Object.values(id ?? {})[0])))).rows[0]
            ?.server;
        };
        await using second = await pool.acquire();
        return [await question(connection), await question(second)];
      });
      assert.equal(typeof servers[0], 'string');
      assert.equal(servers[0], servers[1]);
      return servers[0];
    };
    const first = await ask();
    await server.stop();
    await server.start();
    assert.notEqual(await ask(), first);
    if (name === 'postgres')
      assert.equal((await server.query(driver.identitySql(0)))[0]?.['server'], null, 'no such id');
  });

  claim('callers that come while the server is away are served when it is back', async () => {
    await using pool = database.createPool({ max: 3 });
    await pool.query('SELECT 1');
    await server.stop();
    await untilTrue(() => pool.statistics().idle === 0);
    const callers = Array.from({ length: 12 }, (_, i) => createTask(() => pool.query(`SELECT ${i} AS answer`)));
    await untilTrue(() => pool.statistics().failed > 0);
    await server.start();
    const results = await Promise.all(callers);
    assert.deepEqual(
      results.map(({ rows }) => Number(rows[0]?.['answer'])),
      Array.from({ length: 12 }, (_, i) => i),
    );
  });

  claim('the deadline for a connection is one for all attempts', async () => {
    await server.stop();
    try {
      await using pool = database.createPool({ acquireTimeout: 400 });
      // A deadline that began anew with each attempt would never come: an attempt takes much less.
      await assert.rejects(pool.query('SELECT 1'), TimeoutError);
      assert.ok(pool.statistics().failed >= 2, `${pool.statistics().failed} attempts`);
      assert.equal(pool.statistics().waiting, 0);
    } finally {
      await server.start();
    }
  });

  claim('a connection that is killed while it works says so, and the pool replaces it', async () => {
    await using pool = database.createPool({ max: 1 });
    {
      await using connection = await pool.acquire();
      const { rows } = await connection.query<{ id: number }>(database.ownId);
      const lost = assert.rejects(connection.query(database.sleep(60)), ConnectionLostError);
      await untilSome(database, database.running);
      await server.query(database.endConnection(Number(rows[0]?.id)));
      await lost;
      await assert.rejects(connection.query('SELECT 1'), ConnectionLostError);
    }
    await pool.query('SELECT 1');
    assert.equal(pool.statistics().created, 2);
    await assertAtRest(database, pool);
  });

  claim('a connection that is killed in a transaction takes the transaction with it', async () => {
    await server.query('CREATE TABLE IF NOT EXISTS killed (id INT)');
    await using pool = database.createPool({ max: 1 });
    const work = pool.transaction(async (connection) => {
      await connection.query('INSERT INTO killed VALUES (1)');
      const { rows } = await connection.query<{ id: number }>(database.ownId);
      await server.query(database.endConnection(Number(rows[0]?.id)));
      await connection.query('INSERT INTO killed VALUES (2)');
    });
    await assert.rejects(work, ConnectionLostError);
    assert.deepEqual((await pool.query('SELECT * FROM killed')).rows, []);
    await assertAtRest(database, pool);
  });

  claim('a stream whose server is killed ends with the loss, and not as if it were complete', async () => {
    await using pool = database.createPool({ max: 1 });
    const numbers = name === 'mysql' ? 'SELECT seq FROM seq_1_to_3000000' : 'SELECT * FROM generate_series(1, 3000000)';
    let rows = 0;
    const read = async (): Promise<void> => {
      for await (const _ of pool.stream(numbers)) {
        if (++rows === 10) await server.kill();
      }
    };
    try {
      await assert.rejects(read(), ConnectionLostError);
      assert.ok(rows < 3_000_000);
    } finally {
      await server.start();
    }
    await pool.query('SELECT 1');
    await assertAtRest(database, pool);
  });

  claim('connections that expire while they are idle cost no caller anything, and can still be stopped', async () => {
    const expire =
      name === 'mysql'
        ? ['SET GLOBAL wait_timeout = 1']
        : ["ALTER SYSTEM SET idle_session_timeout = '1s'", 'SELECT pg_reload_conf()'];
    const keep =
      name === 'mysql'
        ? ['SET GLOBAL wait_timeout = 28800']
        : ['ALTER SYSTEM RESET idle_session_timeout', 'SELECT pg_reload_conf()'];
    await using pool = database.createPool({ max: 4, checkAfter: 500 });
    for (const sql of expire) await server.query(sql);
    try {
      const four = (): Promise<unknown> => Promise.all([1, 2, 3, 4].map(() => pool.query(database.sleep(0.05))));
      await four();
      // All of them expire, and so does the connection that stops statements.
      await untilNone(database, database.otherIds);
      await four();
      await untilNone(database, database.otherIds);
      await assert.rejects(pool.query(database.sleep(60), [], { timeout: 100 }), TimeoutError);
      await untilNone(database, database.running);
    } finally {
      for (const sql of keep) await server.query(sql);
    }
  });

  claim('the one connection that was killed while idle is replaced before anyone uses it', async () => {
    await using pool = database.createPool({ max: 1, checkAfter: 0 });
    for (let round = 0; round < 20; round++) {
      const { rows } = await pool.query<{ id: number }>(database.ownId);
      await server.query(database.endConnection(Number(rows[0]?.id)));
    }
    assert.equal(pool.statistics().created, 20);
  });

  claim('a cancelled statement ends although the server hangs, and its connection is never used again', async () => {
    await using pool = database.createPool({ max: 1, killTimeout: 300 });
    const query = createTask(() => pool.query(database.sleep(60)));
    await untilSome(database, database.running);
    // Its own, and the one that stops statements: what is not connected yet cannot be stopped.
    while ((await server.query(database.otherIds)).length < 2) await nextTurn();
    await server.freeze();
    try {
      query.cancel();
      await assert.rejects(query, { name: 'CancelledError' });
      await untilTrue(() => pool.statistics().leased === 0);
    } finally {
      server.thaw();
    }
    const { rows } = await pool.query<{ answer: number }>('SELECT 7 AS answer');
    assert.equal(Number(rows[0]?.answer), 7);
    await untilNone(database, database.running); // it was stopped on the server, late as that is
    assert.equal(pool.statistics().created, 2);
  });

  claim('a pool can be shut down while the server hangs', async () => {
    const pool = database.createPool({ max: 2, killTimeout: 300 });
    const query = createTask(() => pool.query(database.sleep(60)));
    await untilSome(database, database.running);
    // Its own, and the one that stops statements: what is not connected yet cannot be stopped.
    while ((await server.query(database.otherIds)).length < 2) await nextTurn();
    await server.freeze();
    try {
      await Promise.all([pool.shutdown({ grace: 100 }), assert.rejects(query)]);
    } finally {
      server.thaw();
    }
    await untilNone(database, database.otherIds);
  });
}
