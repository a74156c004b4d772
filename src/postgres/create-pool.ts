import { createRequire } from 'node:module';
import { type DatabaseOptions, DatabasePool, missingPackage } from '../database/index.ts';
import { makeDriver } from './driver.ts';
import type { PgModule } from './portal.ts';

/**
 * Makes a pool of connections to PostgreSQL. It needs the package pg: `npm install pg`.
 * Connects when the first connection is needed, unless `min` is set.
 * @param options where the server is, and the limits of the pool; durations are milliseconds
 * @throws TypeError or RangeError for wrong options; an Error with the command that installs pg,
 *   if that is missing
 *
 * @example
 * ```ts no-run
 * import { createPool } from 'maitre/postgres';
 * await using pool = createPool({ url: 'postgres://cook:secret@db.example/restaurant' });
 * const { rows } = await pool.query<{ dish: string }>('SELECT dish FROM orders WHERE seat = $1', [4]);
 * console.log(rows.length);
 * ```
 */
export function createPool(options: DatabaseOptions): DatabasePool {
  let pg: PgModule;
  try {
    pg = createRequire(import.meta.url)('pg') as PgModule; // it is that package
  } catch (error) {
    throw missingPackage(error, 'maitre/postgres', 'pg');
  }
  return new DatabasePool(makeDriver(pg), options);
}
