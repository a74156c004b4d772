// The driver for MySQL against a real MariaDB: what every database promises, and what is special to this one.
import { createPool } from 'maitre/mysql';
import { databaseSuite } from '../support/database-suite.js';
import { Mariadb, noMariadb } from '../support/mariadb.js';

const server = await Mariadb.shared();

databaseSuite({
  name: 'mysql',
  createPool,
  server,
  skip: noMariadb,
  mark: () => '?',
  textMark: '?',
  slow: 'SELECT SLEEP(60)',
  rows: (count) => `SELECT seq AS n FROM seq_1_to_${count}`,
  running: "SELECT * FROM information_schema.processlist WHERE command = 'Query' AND id <> CONNECTION_ID()",
  connections: "SELECT id FROM information_schema.processlist WHERE user = 'maitre' AND id <> CONNECTION_ID()",
  endConnection: (id) => `KILL CONNECTION ${id}`,
  noTable: 'ER_NO_SUCH_TABLE',
  badValue: undefined,
  serial: 'INT AUTO_INCREMENT',
  startWithTls: (tls) => Mariadb.start({ tls }),
  hasTls: "SHOW STATUS LIKE 'Ssl_version'",
  isReadOnly: 'ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION',
  isolationOf:
    'SELECT trx_isolation_level AS level FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = CONNECTION_ID()',
});
