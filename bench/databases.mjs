// node bench/databases.mjs [TURNS]
//
// Queries a second, maitre beside the pools that mysql2 and pg bring along: 50 callers on 10 connections, one value and
// one row. Both sides are in one process, and take turns of 3,000 queries at one server. So a slow moment of the machine
// affects both. A ratio is the median of the turns' own ratios; above 1, maitre is faster.
import mysql from 'mysql2/promise';
import pg from 'pg';
import { TaskGroup } from 'maitre';
import { createPool as mysqlPool } from 'maitre/mysql';
import { createPool as postgresPool } from 'maitre/postgres';
import { Mariadb, noMariadb } from '../build/test/support/mariadb.js';
import { noPostgres, Postgres } from '../build/test/support/postgres.js';
import { quantile } from './report.mjs';

const callers = 50;
const queries = 3000;
const goal = 0.9;
const turns = Number(process.argv[2] ?? 40);

/** Asks `queries` times with `spread` callers; returns real and CPU time per query, in microseconds. */
async function turn(ask, spread) {
  let left = queries;
  const caller = async () => {
    while (left-- > 0) if ((await ask(left)).length !== 1) throw new Error('no row');
  };
  const cpu = process.cpuUsage();
  const start = performance.now();
  await spread(caller);
  const wall = ((performance.now() - start) * 1000) / queries;
  const { user, system } = process.cpuUsage(cpu);
  return { wall, cpu: (user + system) / queries };
}

const asTasks = (caller) =>
  TaskGroup.run((group) => {
    for (let i = 0; i < callers; i++) group.createTask(caller);
  });
const asPromises = (caller) => Promise.all(Array.from({ length: callers }, caller));

async function compare(name, ours, theirs) {
  const rows = [];
  for (let i = -5; i < turns; i++) {
    const inOrder = i % 2 === 0;
    const first = inOrder ? await turn(ours, asTasks) : await turn(theirs, asPromises);
    const second = inOrder ? await turn(theirs, asPromises) : await turn(ours, asTasks);
    if (i >= 0) rows.push(inOrder ? { ours: first, theirs: second } : { ours: second, theirs: first }); // after five to warm up
  }
  const middle = (share, of) => quantile(rows.map(of), share).toFixed(2);
  const speed = (row) => row.theirs.wall / row.ours.wall;
  const median = middle(0.5, speed);
  console.log(
    `${name}: ${median} of the queries a second (middle half ${middle(0.25, speed)} to ${middle(0.75, speed)}), ` +
      `${middle(0.5, (row) => row.ours.cpu / row.theirs.cpu)} of the CPU; ` +
      `${middle(0.5, (row) => row.ours.cpu)} and ${middle(0.5, (row) => row.theirs.cpu)} µs` +
      (median < goal ? `; the goal is ${goal}` : ''),
  );
}

async function withServer(server, create, raw, run) {
  const { host, port, user, password, database } = server;
  const options = { host, port, user, password, database };
  const pool = create({ ...options, max: 10 });
  const peer = raw(options);
  try {
    await run(pool, peer);
  } finally {
    await pool.shutdown();
    await peer.end();
    await server[Symbol.asyncDispose]();
  }
}

if (noMariadb === undefined) {
  const raw = (options) => mysql.createPool({ ...options, connectionLimit: 10 });
  await withServer(await Mariadb.start(), mysqlPool, raw, async (pool, peer) => {
    for (const how of ['query', 'execute']) {
      await compare(
        `mysql2, ${how}`,
        async (value) => (await pool[how]('SELECT ? AS x', [value])).rows,
        async (value) => (await peer[how]('SELECT ? AS x', [value]))[0],
      );
    }
  });
} else console.log(noMariadb);

if (noPostgres === undefined) {
  const raw = (options) => new pg.Pool({ ...options, max: 10 });
  await withServer(await Postgres.start(), postgresPool, raw, async (pool, peer) => {
    const text = 'SELECT $1::int AS x';
    await compare(
      'pg, query',
      async (value) => (await pool.query(text, [value])).rows,
      async (value) => (await peer.query(text, [value])).rows,
    );
    await compare(
      'pg, execute',
      async (value) => (await pool.execute(text, [value])).rows,
      async (value) => (await peer.query({ name: 'x', text, values: [value] })).rows,
    );
  });
} else console.log(noPostgres);
