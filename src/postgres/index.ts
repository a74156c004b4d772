// postgres: PostgreSQL over pg, an optional peer. May import: the pure rooms, pool, database, node:,
// pg. Does not belong here: what another database needs as well. That is in database.
export { createPool } from './create-pool.ts';
