// database: what every driver of a database shares: a pool of connections whose statements stop on
// the server with their tasks, transactions, and streams of rows. May import: the pure rooms, pool.
// Does not belong here: what is special to a kind of database. That is behind the port, driver.ts.
export { Connection } from './connection.ts';
export { DatabasePool } from './database-pool.ts';
export type {
  DatabaseTlsOptions,
  Done,
  Driver,
  Field,
  Isolation,
  Result,
  RowFlow,
  RowSink,
  Settings,
  TransactionState,
  Wire,
} from './driver.ts';
export { missingPackage } from './missing-package.ts';
export type { DatabaseOptions, StatementOptions, StreamOptions, TransactionOptions } from './options.ts';
export type { Rows } from './row-stream.ts';
