// What the door maitre/pool exports everywhere. Only the host differs: pool.node.ts, pool.web.ts.
export {
  type AcquireOptions,
  type CreateContext,
  Lease,
  Pool,
  type PoolLease,
  type PoolOptions,
  type PoolReport,
  type PoolRetry,
  type PoolStatistics,
} from './pool/index.ts';
