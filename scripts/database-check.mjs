// node scripts/database-check.mjs: how soon a database is idle after a client has left, and after its time has passed. A line
// for each database, and a non-zero end if a median is over 200 ms. Some seconds; needs MariaDB or PostgreSQL.

import { setTimeout as delay } from 'node:timers/promises';
import { build } from './build.mjs';
import { setUp } from './setup.mjs';

const ROUNDS = 21;
const BAR = 200; // ms

setUp();
if (!(await build())) process.exit(1);
const { createTask, run } = await import('../dist/index.node.js');
const { bothDatabases } = await import('../build/test/support/databases.js');

for (const database of await bothDatabases()) {
  if (database.skip !== undefined) {
    console.log(`skip  ${database.name}: ${database.skip}`);
    continue;
  }
  for (const [how, leave] of [
    ['its client has left', (pool) => leaveByCancel(database, pool)],
    ['its time has passed', (pool) => leaveByTimeout(database, pool)],
  ]) {
    const times = [];
    await run(async () => {
      const pool = database.createPool({ max: 2 });
      for (let round = 0; round < ROUNDS; round++) times.push(await leave(pool));
      await pool.shutdown();
    });
    times.sort((one, other) => one - other);
    const median = times[ROUNDS >> 1];
    const verdict = median <= BAR ? 'ok  ' : 'FAIL';
    if (median > BAR) process.exitCode = 1;
    console.log(
      `${verdict}  ${database.name} is idle ${median.toFixed(1)} ms after ${how} (at most ${BAR} ms; ` +
        `${times[0].toFixed(1)} to ${times.at(-1).toFixed(1)})`,
    );
  }
}
process.exit();

async function leaveByCancel(database, pool) {
  const client = createTask(() => pool.query(database.sleep(60)));
  await untilRunning(database, 1);
  const start = performance.now();
  client.cancel();
  await untilRunning(database, 0);
  const took = performance.now() - start;
  await client.catch(() => undefined);
  return took;
}

async function leaveByTimeout(database, pool) {
  const ms = 50;
  const start = performance.now();
  await pool.query(database.sleep(60), [], { timeout: ms }).catch(() => undefined);
  await untilRunning(database, 0);
  return performance.now() - start - ms;
}

async function untilRunning({ server, running }, count) {
  while ((await server.query(running)).length !== count) await delay(1);
}
