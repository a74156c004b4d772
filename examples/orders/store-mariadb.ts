// The orders in MariaDB. A guest who leaves cancels the request, and that stops the statement on the server: the order is
// then there or it is not, and no connection is left in between.
import { createPool } from 'maitre/mysql';
import type { Order } from './menu.ts';
import type { OrderStore } from './store.ts';

export async function openMariadb(url: string): Promise<OrderStore> {
  const pool = createPool({ url, name: 'orders', max: 10 });
  try {
    await pool.query(`CREATE TABLE IF NOT EXISTS orders (
      number BIGINT PRIMARY KEY AUTO_INCREMENT,
      id VARCHAR(40) NOT NULL UNIQUE,
      seat INT NOT NULL,
      dish VARCHAR(20) NOT NULL,
      served BOOLEAN NOT NULL DEFAULT FALSE,
      INDEX unserved (served, number)
    )`);
  } catch (error) {
    await pool.shutdown({ grace: 0 });
    throw error;
  }
  return {
    title: `MariaDB at ${new URL(url).host}`,
    async add({ id, table, dish }) {
      const sql = 'INSERT IGNORE INTO orders (id, seat, dish) VALUES (?, ?, ?)';
      return (await pool.execute(sql, [id, table, dish])).affectedRows === 1;
    },
    async unserved(limit) {
      const sql = 'SELECT id, seat AS `table`, dish FROM orders WHERE NOT served ORDER BY number LIMIT ?';
      return (await pool.query<Order>(sql, [limit])).rows;
    },
    async serve(id) {
      await pool.execute('UPDATE orders SET served = TRUE WHERE id = ?', [id]);
    },
    async ofTable(table) {
      const sql = 'SELECT id, seat AS `table`, dish, served FROM orders WHERE seat = ? ORDER BY number DESC LIMIT 100';
      const { rows } = await pool.execute<Order & { readonly served: number }>(sql, [table]);
      return rows.map((row) => ({ ...row, served: row.served === 1 }));
    },
    async count() {
      const sql = 'SELECT COUNT(*) AS orders, CAST(COALESCE(SUM(served), 0) AS SIGNED) AS served FROM orders';
      const { rows } = await pool.query<{ orders: number; served: number }>(sql);
      return rows[0] ?? { orders: 0, served: 0 };
    },
    async [Symbol.asyncDispose]() {
      await pool.shutdown({ grace: 2000 });
    },
  };
}
