// A MariaDB server of the tests' own. One for each test file: `const mariadb = await Mariadb.shared()` at its top, and
// `{ skip: noMariadb }` at each of its tests.
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import {
  DatabaseServer,
  findPrograms,
  reasonToSkip,
  type Row,
  type ServerKind,
  type ServerOptions,
} from './database-server.js';

const daemon = findPrograms(['mariadbd'], ['/usr/sbin', '/usr/local/sbin', '/usr/libexec']);
const installer = findPrograms(['mariadb-install-db'], ['/usr/bin', '/usr/local/bin']);

/** Why there is no MariaDB here; undefined where there is one. */
export const noMariadb: string | undefined = reasonToSkip('MariaDB', 'mariadb-server', daemon && installer);

/** Nothing of it is written to the disk for safety, and it starts fast. */
const settings = [
  '--innodb-log-file-size=4M',
  '--innodb-buffer-pool-size=16M',
  '--innodb-flush-method=nosync',
  '--innodb-use-native-aio=0', // its memory is limited for all processes of a user together
  '--innodb-flush-log-at-trx-commit=2',
  '--innodb-buffer-pool-dump-at-shutdown=off',
  '--innodb-buffer-pool-load-at-startup=off',
  '--skip-name-resolve',
];

const kind: ServerKind = {
  name: 'mariadb',
  user: 'mysql',
  stopSignal: 'SIGTERM',
  endSignal: 'KILL',

  async createFiles(server) {
    const data = join(server.folder, 'data');
    await server.run([
      join(installer ?? '', 'mariadb-install-db'),
      '--no-defaults',
      `--datadir=${data}`,
      `--tmpdir=${server.folder}`, // a server removes the temporary tables that it finds there when it starts
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      `--tmpdir=${server.folder}`, // in a shared one, a server that starts removes the tables of others
      ...settings,
    ]);
    server.write(
      'init.sql',
      `CREATE DATABASE IF NOT EXISTS maitre;
CREATE USER IF NOT EXISTS maitre@'%' IDENTIFIED BY 'secret';
GRANT ALL ON *.* TO maitre@'%';
`,
    );
  },

  command({ folder, port, options }) {
    const tls = [`--ssl-cert=${join(folder, 'server.crt')}`, `--ssl-key=${join(folder, 'server.key')}`];
    return [
      join(daemon ?? '', 'mariadbd'),
      '--no-defaults',
      `--datadir=${join(folder, 'data')}`,
      `--socket=${join(folder, 'mariadb.sock')}`,
      `--pid-file=${join(folder, 'pid')}`,
      `--port=${port}`,
      `--tmpdir=${folder}`,
      '--bind-address=127.0.0.1',
      `--init-file=${join(folder, 'init.sql')}`,
      '--max-connections=300',
      ...settings,
      ...(options.tls === undefined ? [] : tls),
      ...(options.args ?? []),
    ];
  },

  async query(server, sql) {
    const { user, password } = server;
    const socketPath = join(server.folder, 'mariadb.sock');
    const connection = await mysql.createConnection({ socketPath, user, password, database: 'maitre' });
    try {
      const [rows] = await connection.query(sql);
      return Array.isArray(rows) ? (rows as Row[]) : []; // objects, as `rowsAsArray` is not set
    } finally {
      await connection.end();
    }
  },
};

export class Mariadb extends DatabaseServer {
  readonly database = 'maitre';

  /** The path of its socket. */
  get path(): string {
    return join(this.folder, 'mariadb.sock');
  }

  static async start(options: ServerOptions = {}): Promise<Mariadb> {
    const server = new Mariadb(kind, options);
    await server.create();
    return server;
  }

  /** For a whole test file: it ends with the process. Does not run where there is no MariaDB, and tests are skipped. */
  static async shared(options: ServerOptions = {}): Promise<Mariadb> {
    return noMariadb === undefined ? await Mariadb.start(options) : new Mariadb(kind, options);
  }
}
