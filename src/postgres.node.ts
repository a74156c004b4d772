// The door maitre/postgres on Node, Bun and Deno.
import { installNodeHost } from './hosts/node/index.ts';

installNodeHost();

export type {
  Connection,
  DatabaseOptions,
  DatabasePool,
  DatabaseTlsOptions,
  Field,
  Isolation,
  Result,
  Rows,
  StatementOptions,
  StreamOptions,
  TransactionOptions,
} from './database/index.ts';
export { createPool } from './postgres/index.ts';
