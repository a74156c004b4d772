// The driver for PostgreSQL against a real one: what every database promises, and what is special to this one.
import { createPool } from 'maitre/postgres';
import { databaseSuite } from '../support/database-suite.js';
import { noPostgres, Postgres } from '../support/postgres.js';

const server = await Postgres.shared();

databaseSuite({
  name: 'postgres',
  createPool,
  server,
  skip: noPostgres,
  mark: (n) => `$${n}`,
  textMark: '$1::text',
  slow: 'SELECT pg_sleep(60)',
  rows: (count) => `SELECT generate_series(1, ${count}) AS n`,
  running:
    "SELECT query FROM pg_stat_activity WHERE backend_type = 'client backend' AND state = 'active' AND pid <> pg_backend_pid()",
  connections:
    "SELECT pid AS id FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
  endConnection: (id) => `SELECT pg_terminate_backend(${id})`,
  noTable: '42P01',
  badValue: {
    toPostgres: (): never => {
      throw new TypeError('no value');
    },
  },
  serial: 'SERIAL',
  startWithTls: (tls) => Postgres.start({ tls }),
  hasTls: 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
  isReadOnly: '25006',
  isolationOf: "SELECT current_setting('transaction_isolation') AS level",
});
