// mysql: MySQL and MariaDB over mysql2, an optional peer. May import: the pure rooms, pool,
// database, node:, mysql2. Does not belong here: what another database needs as well. That is in
// database.
export { createPool } from './create-pool.ts';
