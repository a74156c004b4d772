// The orders in SQLite, the default that needs no server: node:sqlite where the runtime has it (Node from 22.13, Deno), and
// otherwise node-sqlite3-wasm. That one was compared with sql.js: both are WebAssembly and install nothing native, but
// sql.js has the whole database in memory and the program has to write it out, and node-sqlite3-wasm writes to the file.
//
// SQLite answers in the same thread and at once, so nothing here waits, and nothing can be cancelled half way.
import { rmSync } from 'node:fs';
import type { Order } from './menu.ts';
import type { OrderStore } from './store.ts';

type Value = string | number;

/** What both libraries can do. */
interface Database {
  readonly library: string;
  exec(sql: string): void;
  /** Returns how many rows it changed. */
  run(sql: string, values: readonly Value[]): number;
  all(sql: string, values: readonly Value[]): readonly unknown[];
  close(): void;
}

export async function openSqlite(file: string): Promise<OrderStore> {
  const database = (await openBuiltIn(file)) ?? (await openWasm(file));
  database.exec(`CREATE TABLE IF NOT EXISTS orders (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    seat INTEGER NOT NULL,
    dish TEXT NOT NULL,
    served INTEGER NOT NULL DEFAULT 0
  )`);
  database.exec('CREATE INDEX IF NOT EXISTS unserved ON orders (served, number)');
  return {
    title: `SQLite (${database.library}) in ${file}`,
    async add({ id, table, dish }) {
      const sql = 'INSERT INTO orders (id, seat, dish) VALUES (?, ?, ?) ON CONFLICT DO NOTHING';
      return database.run(sql, [id, table, dish]) === 1;
    },
    async unserved(limit) {
      const sql = 'SELECT id, seat AS "table", dish FROM orders WHERE served = 0 ORDER BY number LIMIT ?';
      return database.all(sql, [limit]) as Order[]; // add() stored them
    },
    async serve(id) {
      database.run('UPDATE orders SET served = 1 WHERE id = ?', [id]);
    },
    async ofTable(table) {
      const sql = 'SELECT id, seat AS "table", dish, served FROM orders WHERE seat = ? ORDER BY number DESC LIMIT 100';
      const rows = database.all(sql, [table]) as (Order & { readonly served: number })[]; // add() stored them
      return rows.map((row) => ({ ...row, served: row.served === 1 }));
    },
    async count() {
      const [row] = database.all('SELECT COUNT(*) AS orders, COALESCE(SUM(served), 0) AS served FROM orders', []);
      return row as { orders: number; served: number }; // an aggregate has one row
    },
    async [Symbol.asyncDispose]() {
      database.close();
    },
  };
}

async function openBuiltIn(file: string): Promise<Database | undefined> {
  const sqlite = await import('node:sqlite').catch(() => undefined);
  if (sqlite === undefined) return undefined;
  const database = new sqlite.DatabaseSync(file);
  return {
    library: 'node:sqlite',
    exec: (sql) => database.exec(sql),
    run: (sql, values) => Number(database.prepare(sql).run(...values).changes),
    all: (sql, values) => database.prepare(sql).all(...values),
    close: () => database.close(),
  };
}

async function openWasm(file: string): Promise<Database> {
  const { default: sqlite } = await import('node-sqlite3-wasm');
  // Its lock is a folder. A process that was killed leaves it behind, and one restaurant has one process.
  rmSync(`${file}.lock`, { recursive: true, force: true });
  const database = new sqlite.Database(file);
  return {
    library: 'node-sqlite3-wasm',
    exec: (sql) => database.exec(sql),
    run: (sql, values) => database.run(sql, [...values]).changes,
    all: (sql, values) => database.all(sql, [...values]),
    close: () => database.close(),
  };
}
