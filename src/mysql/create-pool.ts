import { createRequire } from 'node:module';
import { type DatabaseOptions, DatabasePool, missingPackage } from '../database/index.ts';
import { makeDriver, type Mysql2 } from './driver.ts';

/**
 * Makes a pool of connections to MySQL or MariaDB. It needs the package mysql2: `npm install mysql2`.
 * Connects when the first connection is needed, unless `min` is set.
 * @param options where the server is, and the limits of the pool; durations are milliseconds
 * @throws TypeError or RangeError for wrong options; an Error with the command that installs mysql2,
 *   if that is missing
 *
 * @example
 * ```ts no-run
 * import { createPool } from 'maitre/mysql';
 * await using pool = createPool({ url: 'mysql://cook:secret@db.example/restaurant' });
 * const { rows } = await pool.query<{ dish: string }>('SELECT dish FROM orders WHERE seat = ?', [4]);
 * console.log(rows.length);
 * ```
 */
export function createPool(options: DatabaseOptions): DatabasePool {
  let mysql: Mysql2;
  try {
    mysql = createRequire(import.meta.url)('mysql2') as Mysql2; // it is that package
  } catch (error) {
    throw missingPackage(error, 'maitre/mysql', 'mysql2');
  }
  return new DatabasePool(makeDriver(mysql), options);
}
