// The bank transfer: clients move money between accounts, in transactions that are cancelled at random awaits, while the
// database is restarted and killed. Afterwards every account agrees with the ledger, and nothing is left: no money in
// nowhere, no open transaction, no statement, no connection, no task.
import assert from 'node:assert/strict';
import type { Connection, DatabasePool } from 'maitre/mysql';
import { allTasks, CancelledError, ConnectionLostError, type Task } from 'maitre';
import { RandomCancels } from './cancels.js';
import { assertAtRest, type Database, untilNone } from './databases.js';
import { seeded } from './seeded.js';
import { untilTrue } from './waits.js';

const ACCOUNTS = 12;
const START = 1_000;
const CLIENTS = 16;
/** Connections: fewer than clients, so that some wait. */
const MAX = 6;
/** The share of cancelled tasks, and about how many points one has. */
const SHARE = 0.4;
const POINTS = 26;
/** Transfers that must succeed before each restart, and after the last. */
const BETWEEN = 40;

/** What happened to one database. */
export interface BankReport {
  readonly name: string;
  readonly transfers: number;
  readonly committed: number;
  readonly cancels: number;
  readonly lost: number;
  readonly conflicts: number;
}

/** An error that a client of the bank makes by itself, to see its transaction rolled back. */
class SecondThoughts extends Error {}

/** What the bank knows of its transfers. */
interface Books {
  /** Their transaction's function has returned: a COMMIT may have been sent. */
  readonly finished: Set<number>;
  /** Their transaction has resolved. */
  readonly committed: Set<number>;
  /** Their transaction has rejected, and not for a lost connection: nothing of it may be there. */
  readonly undone: Set<number>;
  lost: number;
  conflicts: number;
  next: number;
  readonly unexpected: unknown[];
}

/** Runs the bank on one database, and restarts that `restarts` times, every other time after a SIGKILL. */
export async function runBank(database: Database, seed: number, restarts: number): Promise<BankReport> {
  const random = seeded(seed);
  const { server } = database;
  await createTables(database);
  const before = new Set(allTasks());
  const books: Books = {
    finished: new Set(),
    committed: new Set(),
    undone: new Set(),
    lost: 0,
    conflicts: 0,
    next: 0,
    unexpected: [],
  };
  using cancels = new RandomCancels(random, SHARE);
  const pool = database.createPool({ max: MAX, name: 'bank', checkAfter: 50 });
  const client = new Client(database, pool, books, random);
  let isOpen = true;
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (isOpen && books.unexpected.length === 0) {
      const id = books.next++;
      const task = cancels.start(`transfer ${id}`, POINTS, () => client.visit(id));
      await note(task, database, books);
    }
  });
  const more = async (): Promise<void> => {
    const wanted = books.committed.size + BETWEEN;
    await untilTrue(() => books.committed.size >= wanted || books.unexpected.length > 0);
  };
  try {
    for (let i = 0; i < restarts && books.unexpected.length === 0; i++) {
      await more();
      await (i % 2 === 0 ? server.kill() : server.stop());
      await server.start();
    }
    await more();
  } finally {
    isOpen = false;
    await Promise.all(clients);
  }
  if (books.unexpected.length > 0) {
    await pool.shutdown({ grace: 0 });
    throw new Error(`${database.name}: ${String(books.unexpected[0])}`, { cause: books.unexpected[0] });
  }
  await assertAtRest(database, pool);
  await checkBooks(database, books);
  const open = await server.query(database.otherIds);
  assert.ok(open.length <= pool.statistics().total + 1, `${open.length} connections are open on the server`);
  await pool.shutdown();
  await untilNone(database, database.otherIds);
  await untilTrue(() => [...allTasks()].every((task) => before.has(task) || !task.name.startsWith('transfer')));
  const { finished: _, committed, lost, conflicts, next } = books;
  return { name: database.name, transfers: next, committed: committed.size, cancels: cancels.cancels, lost, conflicts };
}

/** The visit of one client: mostly a transfer. */
class Client {
  readonly #database: Database;
  readonly #pool: DatabasePool;
  readonly #books: Books;
  readonly #random: () => number;

  constructor(database: Database, pool: DatabasePool, books: Books, random: () => number) {
    this.#database = database;
    this.#pool = pool;
    this.#books = books;
    this.#random = random;
  }

  async visit(id: number): Promise<void> {
    const luck = this.#random();
    if (luck < 0.08) return await this.#leaveOpen();
    if (luck < 0.16) return await this.#audit();
    if (luck < 0.22) return await this.#browse();
    try {
      await this.#pool.transaction((connection) => this.#transfer(connection, id), { retries: 2 });
      this.#books.committed.add(id);
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) this.#books.undone.add(id);
      throw error;
    }
  }

  async #transfer(connection: Connection, id: number): Promise<void> {
    const random = this.#random;
    const source = Math.floor(random() * ACCOUNTS);
    const target = (source + 1 + Math.floor(random() * (ACCOUNTS - 1))) % ACCOUNTS;
    const amount = 1 + Math.floor(random() * 20);
    if (random() < 0.2) {
      // A transaction inside: its half is undone, and the outer one goes on.
      const inner = connection.transaction(async (nested) => {
        await this.#add(nested, source, -10_000);
        throw new SecondThoughts();
      });
      await inner.catch((error: unknown) => {
        if (!(error instanceof SecondThoughts)) throw error;
      });
    }
    await this.#add(connection, source, -amount);
    if (random() < 0.1) throw new SecondThoughts();
    await this.#add(connection, target, amount);
    const [a, b, c, d] = [1, 2, 3, 4].map((n) => this.#database.parameter(n));
    await connection.execute(`INSERT INTO ledger (id, source, target, amount) VALUES (${a}, ${b}, ${c}, ${d})`, [
      id,
      source,
      target,
      amount,
    ]);
    this.#books.finished.add(id);
  }

  /** Takes money, and leaves the connection in the middle of a transaction: nobody may ever see it. */
  async #leaveOpen(): Promise<void> {
    await using connection = await this.#pool.acquire();
    await connection.query('BEGIN');
    await this.#add(connection, Math.floor(this.#random() * ACCOUNTS), -100_000);
  }

  /** A look at all accounts at one moment finds all the money. */
  async #audit(): Promise<void> {
    const { rows } = await this.#pool.transaction(
      (connection) => connection.query<{ total: unknown }>('SELECT SUM(balance) AS total FROM accounts'),
      { isolation: 'repeatable read', readOnly: true },
    );
    assert.equal(Number(rows[0]?.total), ACCOUNTS * START, 'money that an auditor has found');
  }

  /** Reads the ledger, and leaves it in the middle. */
  async #browse(): Promise<void> {
    let left = Math.floor(this.#random() * 40);
    for await (const _ of this.#pool.stream('SELECT * FROM ledger', [], { highWaterMark: 4 })) {
      if (left-- <= 0) break;
    }
  }

  async #add(connection: Connection, account: number, amount: number): Promise<void> {
    const { parameter } = this.#database;
    await connection.query(`UPDATE accounts SET balance = balance + ${parameter(1)} WHERE id = ${parameter(2)}`, [
      amount,
      account,
    ]);
  }
}

/** Awaits one transfer. It may end as cancelled, as a victim, or with its connection, and in no other way. */
async function note(task: Task<unknown>, database: Database, books: Books): Promise<void> {
  try {
    await task;
  } catch (error) {
    if (error instanceof ConnectionLostError) books.lost++;
    else if ((error as { code?: unknown }).code === database.deadlock) books.conflicts++;
    else if (!(error instanceof CancelledError) && !(error instanceof SecondThoughts)) books.unexpected.push(error);
  }
}

async function createTables({ server }: Database): Promise<void> {
  await server.query('CREATE TABLE accounts (id INT PRIMARY KEY, balance BIGINT NOT NULL)');
  await server.query('CREATE TABLE ledger (id INT PRIMARY KEY, source INT, target INT, amount INT)');
  const values = Array.from({ length: ACCOUNTS }, (_, id) => `(${id}, ${START})`);
  await server.query(`INSERT INTO accounts VALUES ${values.join(', ')}`);
}

async function checkBooks({ server }: Database, { finished, committed, undone }: Books): Promise<void> {
  const balances = new Map(Array.from({ length: ACCOUNTS }, (_, id) => [id, START]));
  const add = (account: number, amount: number): void => {
    balances.set(account, (balances.get(account) ?? NaN) + amount);
  };
  const ledger = await server.query<{ id: number; source: number; target: number; amount: number }>(
    'SELECT id, source, target, amount FROM ledger',
  );
  for (const { source, target, amount } of ledger) {
    add(source, -amount);
    add(target, amount);
  }
  const accounts = await server.query<{ id: number; balance: unknown }>('SELECT id, balance FROM accounts ORDER BY id');
  assert.deepEqual(
    accounts.map(({ id, balance }) => [id, Number(balance)]),
    [...balances],
    'the balances by the accounts, and by the ledger',
  );
  const written = new Set(ledger.map(({ id }) => id));
  assert.deepEqual(
    [...committed].filter((id) => !written.has(id)),
    [],
    'transfers that have succeeded, and are lost',
  );
  const there = (ids: Set<number>): number[] => [...ids].filter((id) => written.has(id));
  assert.deepEqual(there(undone), [], 'transfers that have rejected, and are there');
  assert.deepEqual(
    [...written].filter((id) => !finished.has(id)),
    [],
    'transfers that were not finished, and are there',
  );
}
