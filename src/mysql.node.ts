// The door maitre/mysql on Node, Bun and Deno.
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
export { createPool } from './mysql/index.ts';
