// DatabasePool over a database in memory, on a fake clock: cancels at every step, and servers that do not listen.
import assert from 'node:assert/strict';
import { ConnectionLostError, createTask, currentTask, loopTime, sleep, timeout, TimeoutError } from 'maitre';
import { exploreCancellation } from 'maitre/testing';
import { type DatabaseOptions, DatabasePool } from '#src/database/index.js';
import { fakeTest, test } from '../support/test.js';
import { FakeServer } from './fake-driver.js';

function open(options: DatabaseOptions = {}): { server: FakeServer; pool: DatabasePool } {
  const server = new FakeServer();
  return { server, pool: new DatabasePool(server.driver, options) };
}

test('transactions pass exploreCancellation: each has happened or not, as its caller knows', async () => {
  const points = await exploreCancellation(
    async (x) => {
      const { server, pool } = open({ max: 2 });
      const happened: number[] = [];
      const doubtful: number[] = [];
      for (const [i, name] of ['a', 'b', 'c'].entries()) {
        const mine = [10 * i, 10 * i + 1];
        x.task(name, async () => {
          try {
            await pool.transaction(async (connection) => {
              await connection.query(`ADD ${mine[0]}`);
              await connection.transaction((inner) => inner.query(`WAIT ${3 + i}`));
              await connection.query(`ADD ${mine[1]}`);
            });
            happened.push(...mine);
          } catch (error) {
            if (error instanceof ConnectionLostError) doubtful.push(...mine);
            throw error;
          }
        });
      }
      await x.settled();
      assert.deepEqual(doubtful, []);
      assert.deepEqual(server.ledger.toSorted(), happened.toSorted());
      assert.equal(pool.statistics().leased, 0);
      x.task('end', () => pool.shutdown());
      await x.settled();
      await pool.shutdown();
      assert.deepEqual(server.running, []);
      assert.equal(server.connections.size, 0);
    },
    { seeds: [1, 2] },
  );
  assert.ok(points > 50, `${points}`);
});

test('queries pass exploreCancellation: a stop hits nothing but what was cancelled', async () => {
  await exploreCancellation(async (x) => {
    const { server, pool } = open({ max: 1 });
    const failed = new Set<string>();
    for (const name of ['a', 'b', 'c']) {
      x.task(name, async () => {
        for (let i = 0; i < 2; i++) {
          const sql = `WAIT 2 ${name}${i}`;
          failed.add(sql);
          await pool.query(sql);
          failed.delete(sql);
        }
      });
    }
    await x.settled();
    assert.ok(
      server.stopped.every((sql) => failed.has(sql)),
      `${server.stopped.join()} of ${[...failed].join()}`,
    );
    assert.deepEqual(server.running, []);
    await pool.query('WAIT 1');
    await pool.shutdown();
    assert.equal(server.connections.size, 0);
  });
});

test('statements of one connection and a stream pass exploreCancellation with two cancels', async () => {
  await exploreCancellation(
    async (x) => {
      const { server, pool } = open({ max: 1 });
      x.task('a', async () => {
        await using connection = await pool.acquire();
        await connection.query('WAIT 1');
        for await (const { n } of connection.stream<{ n: number }>('ROWS 6')) if (n === 2) break;
        await connection.query('WAIT 1');
      });
      x.task('b', async () => {
        for await (const _ of pool.stream('ROWS 3')) await sleep(1);
      });
      await x.settled();
      await pool.query('WAIT 1'); // behind a stream that ends because its last row was not delivered
      assert.deepEqual(server.running, []);
      assert.equal(pool.statistics().leased, 0);
      await pool.shutdown();
      assert.equal(server.connections.size, 0);
    },
    { cancels: 2 },
  );
});

fakeTest('a cancel in the COMMIT is kept for the next wait, and the transaction has happened', async () => {
  const { server, pool } = open();
  const task = createTask(async () => {
    await pool.transaction(async (connection) => {
      await connection.query('ADD 1');
    });
    assert.equal(currentTask()?.cancelling(), 1);
    await sleep(0);
  });
  while (!server.running.includes('COMMIT')) await sleep(0.25);
  task.cancel();
  await assert.rejects(task, { name: 'CancelledError' });
  assert.deepEqual(server.ledger, [1]);
  await pool.shutdown();
});

fakeTest('a cancel that is due before the COMMIT rolls back', async () => {
  const { server, pool } = open();
  const task = createTask(() =>
    pool.transaction(async (connection) => {
      await connection.query('ADD 1');
      currentTask()?.cancel();
    }),
  );
  await assert.rejects(task, { name: 'CancelledError' });
  assert.deepEqual(server.ledger, []);
  await pool.shutdown();
});

fakeTest('a stream that is left is read on only once the server has been asked to stop it', async () => {
  const { server, pool } = open({ max: 1, killTimeout: 100 });
  for await (const { n } of pool.stream<{ n: number }>('ROWS 1000')) if (n === 998) break;
  assert.equal(server.rows, 3);
  server.isDeaf = true;
  for await (const { n } of pool.stream<{ n: number }>('ROWS 20')) if (n === 18) break;
  assert.equal(server.rows, 3 + 20, 'what a server still sends is read to its end');
  assert.equal(pool.statistics().created, 1);
  await pool.shutdown();
});

fakeTest('a server that does not stop a statement loses the connection after killTimeout', async () => {
  const { server, pool } = open({ killTimeout: 100 });
  server.isDeaf = true;
  await pool.query('WAIT 1');
  const before = loopTime();
  await assert.rejects(
    timeout(10, () => pool.query('WAIT 10000')),
    TimeoutError,
  );
  assert.equal(loopTime() - before, 110);
  await sleep(5);
  assert.deepEqual(server.running, [], 'it has ended the connection');
  await pool.query('WAIT 1');
  assert.equal(pool.statistics().created, 2);
  await pool.shutdown();
});

fakeTest(
  'after a restart, what would stop a statement of before never reaches the connection with the same id',
  async () => {
    const { server, pool } = open({ max: 2 });
    const victim = createTask(() => pool.query('WAIT 10000 old'));
    await sleep(20);
    const [id = 0] = [...server.connections.values()]
      .filter(({ running }) => running !== undefined)
      .map((wire) => wire.serverId);
    server.restart([id]);
    const stranger = createTask(() => pool.query('WAIT 500 stranger'));
    while (!server.running.includes('WAIT 500 stranger')) await sleep(1);
    assert.equal(server.connections.get(id)?.running, 'WAIT 500 stranger', 'the id has begun anew');
    const before = loopTime();
    victim.cancel();
    await assert.rejects(victim, { name: 'CancelledError' });
    assert.ok(loopTime() - before < 100, 'its connection is given up');
    await stranger;
    assert.deepEqual(server.stopped, []);
    assert.equal(pool.statistics().created, 2);
    await pool.shutdown();
  },
);

fakeTest('a server that gives no id to stop a statement by loses the connection', async () => {
  const { server, pool } = open({});
  server.era = Number.NaN;
  await assert.rejects(
    timeout(20, () => pool.query('WAIT 10000')),
    TimeoutError,
  );
  await pool.query('WAIT 1');
  assert.deepEqual([server.stopped, pool.statistics().created], [[], 2]);
  await pool.shutdown();
});

fakeTest('a statement that has succeeded before its timeout could stop it has succeeded', async () => {
  const { pool } = open();
  await pool.query('WAIT 1');
  await pool.query('WAIT 10', undefined, { timeout: 12 }); // it ends when the stop is on its way
  await assert.rejects(pool.query('WAIT 10', undefined, { timeout: 5 }), TimeoutError);
  await pool.shutdown();
});

fakeTest('after a deadlock every statement of the transaction is refused, and retries begin anew', async () => {
  const { server, pool } = open();
  await assert.rejects(
    pool.transaction(async (connection) => {
      await connection.query('DEADLOCK').catch(() => undefined);
      await assert.rejects(connection.query('ADD 1'), /the database has rolled the transaction back/);
    }),
    /the database has rolled the transaction back/,
  );
  assert.deepEqual(server.ledger, []);
  let calls = 0;
  await pool.transaction(
    async (connection) => {
      await connection.query(`ADD ${++calls}`);
      if (calls < 3) await connection.transaction((inner) => inner.query('DEADLOCK'));
    },
    { retries: 2 },
  );
  assert.deepEqual([server.ledger, calls], [[3], 3]);
  await pool.shutdown();
});

fakeTest('two statements and a stop that meet in one turn', async () => {
  const { server, pool } = open({ max: 1 });
  await using connection = await pool.acquire();
  for (let ms = 1; ms <= 8; ms++) {
    const first = createTask(() => connection.query('WAIT 2 first'));
    const second = createTask(() => connection.query('ADD 1'));
    await sleep(ms);
    first.cancel();
    await first.catch(() => undefined);
    await second;
  }
  assert.equal(server.ledger.length, 8);
  assert.ok(server.stopped.every((sql) => sql === 'WAIT 2 first'));
  await connection.release();
  await pool.shutdown();
});

test('options say where the server is, and messages never have the password', () => {
  const make = (options: DatabaseOptions): DatabasePool => new DatabasePool(new FakeServer().driver, options);
  make({ url: 'fake://user:p%40ss@[::1]:7/orders' });
  for (const url of ['fake:p@ss', 'other://user:p@ss@x', 'fake://user:p@ss@x/y?tls=1']) {
    assert.throws(
      () => make({ url }),
      (error: Error) => error.message.startsWith('Cannot create pool: url ') && !error.message.includes('p@ss'),
    );
  }
  assert.throws(() => make({ path: '/x', host: 'y' }), /give either path or host/);
  assert.throws(() => make({ tls: { ca: 7 as never } }), /tls\.ca must be PEM text/);
  assert.throws(() => make({ max: 0 }), /max must be an integer >= 1/);
  assert.throws(() => make({ ssl: true } as never), /did you mean tls\?/);
});
