// Clients that leave: their statement stops on the server, their transaction is undone, and nobody else notices.
import assert from 'node:assert/strict';
import { createTask, sleep, TimeoutError } from 'maitre';
import { assertAtRest, bothDatabases, untilNone, untilSome } from '../support/databases.js';
import { seeded } from '../support/seeded.js';
import { nextTurn, test } from '../support/test.js';

for (const database of await bothDatabases()) {
  const { name, server, skip } = database;
  const claim = (text: string, body: () => Promise<void>): void =>
    test(`${name}: ${text}`, body, { skip, timeout: 40_000 });

  claim('in 300 rounds, no late cancel hits the next query', async () => {
    await using pool = database.createPool({ max: 1 });
    await pool.query('SELECT 1');
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = seeded(seed);
    let cancelled = 0;
    for (let round = 0; round < 300; round++) {
      // The dangerous moment is the end of the statement: half of them end as the cancel is on its way.
      const isShort = round % 2 === 0;
      const first = createTask(() => pool.query(isShort ? 'SELECT 1' : database.sleep(0.002)));
      const next = createTask(() =>
        pool.query<{ answer: number }>(`SELECT ${round} AS answer, x.* FROM (${database.sleep(0.002)} AS ok) x`),
      );
      if (!isShort) await sleep(random() * 4);
      else for (let turns = Math.floor(random() * 3); turns >= 0; turns--) await nextTurn();
      first.cancel();
      await first.catch(() => cancelled++);
      // Hit, it would reject, or its sleep would end early and say so.
      const { rows } = await next.catch((error: unknown) => {
        throw new Error(`Hit in round ${round} with seed ${seed}: ${String(error)}`);
      });
      assert.equal(Number(rows[0]?.answer), round, `round ${round}, seed ${seed}`);
      if (name === 'mysql')
        assert.equal(Number((rows[0] as { ok?: unknown } | undefined)?.ok), 0, `round ${round}, seed ${seed}`);
    }
    assert.ok(cancelled > 0, 'no cancel came in time');
    assert.equal(pool.statistics().created, 1, 'the connection was kept through all of it');
    await assertAtRest(database, pool);
  });

  claim('the server is idle soon after a client has left', async () => {
    await using pool = database.createPool();
    const client = createTask(() => pool.query(database.sleep(60)));
    await untilSome(database, database.running);
    client.cancel();
    await assert.rejects(client, { name: 'CancelledError' });
    await assertAtRest(database, pool);
    assert.equal(pool.statistics().destroyed, 0);
  });

  claim('a statement that takes too long is stopped on the server', async () => {
    await using pool = database.createPool({ statementTimeout: 60 });
    await assert.rejects(pool.query(database.sleep(60)), TimeoutError);
    await assert.rejects(pool.query(database.sleep(60), [], { timeout: 30 }), TimeoutError);
    await assertAtRest(database, pool);
  });

  claim('the time of a statement includes the wait for a connection', async () => {
    await using pool = database.createPool({ max: 1 });
    await using _held = await pool.acquire();
    await assert.rejects(pool.query('SELECT 1', [], { timeout: 30 }), TimeoutError);
    assert.equal(pool.statistics().waiting, 0);
  });

  claim('thirty clients that leave at once stop thirty statements', async () => {
    await using pool = database.createPool({ max: 30 });
    const clients = Array.from({ length: 30 }, () => createTask(() => pool.query(database.sleep(60))));
    while ((await server.query(database.running)).length < 30) await sleep(5);
    for (const client of clients) client.cancel();
    await Promise.all(clients.map((client) => assert.rejects(client, { name: 'CancelledError' })));
    await assertAtRest(database, pool);
    assert.equal(pool.statistics().destroyed, 0);
  });

  claim('a client that leaves in a transaction leaves no lock and no trace', async () => {
    await server.query('CREATE TABLE traces (id INT PRIMARY KEY, note INT)');
    await server.query('INSERT INTO traces VALUES (1, 0)');
    await using pool = database.createPool({ max: 2 });
    const client = createTask(() =>
      pool.transaction(async (connection) => {
        await connection.query('UPDATE traces SET note = 1');
        await connection.query(database.sleep(60));
      }),
    );
    await untilSome(database, database.running);
    client.cancel();
    await assert.rejects(client, { name: 'CancelledError' });
    await pool.query('UPDATE traces SET note = note + 10');
    assert.deepEqual(
      (await pool.query<{ note: number }>('SELECT note FROM traces')).rows.map(({ note }) => note),
      [10],
    );
    await assertAtRest(database, pool);
  });

  claim('a client that waits for the lock of another one can leave', async () => {
    await server.query('CREATE TABLE counters (id INT PRIMARY KEY, n INT)');
    await server.query('INSERT INTO counters VALUES (1, 0)');
    await using pool = database.createPool({ max: 2 });
    await pool.transaction(async (connection) => {
      await connection.query('UPDATE counters SET n = n + 1');
      const second = createTask(() => pool.query('UPDATE counters SET n = n + 100'));
      await untilSome(database, database.running);
      second.cancel();
      await assert.rejects(second, { name: 'CancelledError' });
    });
    assert.deepEqual(
      (await pool.query<{ n: number }>('SELECT n FROM counters')).rows.map(({ n }) => n),
      [1],
    );
  });

  claim('the statement before the one that is cancelled in line goes on', async () => {
    await using pool = database.createPool({ max: 1 });
    await using connection = await pool.acquire();
    const first = createTask(() =>
      connection.query<{ answer: number }>(`SELECT 7 AS answer, x.* FROM (${database.sleep(0.1)} AS ok) x`),
    );
    const second = createTask(() => connection.query(database.sleep(60)));
    await nextTurn();
    await nextTurn(); // it stands in the line
    second.cancel();
    await assert.rejects(second, { name: 'CancelledError' });
    assert.equal(Number((await first).rows[0]?.answer), 7);
  });

  claim('a stream that is left stops the work of the server', async () => {
    await using pool = database.createPool({ max: 1 });
    const slow =
      name === 'mysql'
        ? 'SELECT seq, REPEAT(?, 1000) AS filling, SLEEP(IF(seq < 200, 0, 60)) FROM seq_1_to_1000'
        : 'SELECT n, repeat($1, 1000) AS filling, CASE WHEN n < 200 THEN NULL ELSE pg_sleep(60) END FROM generate_series(1, 1000) AS n';
    for await (const _ of pool.stream(slow, ['x'], { highWaterMark: 10 })) break;
    await untilNone(database, database.running);
    await assertAtRest(database, pool);
    const reader = createTask(async () => {
      for await (const _ of pool.stream(slow, ['x'], { highWaterMark: 10 }));
    });
    await untilSome(database, database.running);
    reader.cancel();
    await assert.rejects(reader, { name: 'CancelledError' });
    await untilNone(database, database.running);
    assert.equal(Number((await pool.query<{ answer: number }>('SELECT 7 AS answer')).rows[0]?.answer), 7);
    await assertAtRest(database, pool);
  });
}
