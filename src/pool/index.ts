// pool: items that are costly to open and are used by one task at a time, such as connections of a
// database. May import: the pure rooms. Does not belong here: what an item is. The drivers of
// databases bring that.
export { Lease } from './lease.ts';
export { Pool } from './pool.ts';
export {
  type AcquireOptions,
  type CreateContext,
  type PoolLease,
  type PoolOptions,
  type PoolReport,
  type PoolRetry,
  type PoolStatistics,
} from './pool-options.ts';
