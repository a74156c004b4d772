// A PostgreSQL server of the tests' own. One for each test file: `const postgres = await Postgres.shared()` at its top,
// and `{ skip: noPostgres }` at each of its tests.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import {
  DatabaseServer,
  findPrograms,
  reasonToSkip,
  type Row,
  type ServerKind,
  type ServerOptions,
} from './database-server.js';

/** Debian has every version in a folder of its own, outside PATH. */
const versions = '/usr/lib/postgresql';
const installed = existsSync(versions) ? readdirSync(versions) : [];
const folders = installed.sort((one, other) => Number(other) - Number(one)).map((name) => join(versions, name, 'bin'));
const programs = findPrograms(['initdb', 'postgres'], folders);

/** Why there is no PostgreSQL here; undefined where there is one. */
export const noPostgres: string | undefined = reasonToSkip('PostgreSQL', 'postgresql', programs);

const kind: ServerKind = {
  name: 'postgres',
  user: 'postgres',
  stopSignal: 'SIGINT', // SIGTERM would wait for every client to leave
  endSignal: 'QUIT',

  async createFiles(server) {
    const password = server.write('password', server.password);
    await server.run([
      join(programs ?? '', 'initdb'),
      `--pgdata=${join(server.folder, 'data')}`,
      `--username=${server.user}`,
      `--pwfile=${password}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--no-locale',
      '--no-sync',
    ]);
  },

  command({ folder, port, options }) {
    const settings = [
      `unix_socket_directories=${folder}`,
      `port=${port}`,
      'listen_addresses=127.0.0.1',
      'fsync=off',
      'full_page_writes=off',
      'shared_buffers=16MB',
      'max_connections=250',
      'max_wal_senders=0',
      'wal_level=minimal',
      'autovacuum=off',
      ...(options.tls === undefined
        ? []
        : ['ssl=on', `ssl_cert_file=${join(folder, 'server.crt')}`, `ssl_key_file=${join(folder, 'server.key')}`]),
    ];
    return [
      join(programs ?? '', 'postgres'),
      '-D',
      join(folder, 'data'),
      ...settings.flatMap((setting) => ['-c', setting]),
      ...(options.args ?? []),
    ];
  },

  async query(server, sql) {
    const { folder, port, user, password } = server;
    const client = new pg.Client({ host: folder, port, user, password, database: 'postgres' });
    client.on('error', () => undefined); // the query's own rejection says it
    await client.connect();
    try {
      const { rows } = await client.query<Row>(sql);
      return rows;
    } finally {
      await client.end();
    }
  },
};

export class Postgres extends DatabaseServer {
  readonly database = 'postgres';

  /** The folder of its socket: what PostgreSQL's clients take as the host. */
  get path(): string {
    return this.folder;
  }

  static async start(options: ServerOptions = {}): Promise<Postgres> {
    const server = new Postgres(kind, options);
    await server.create();
    return server;
  }

  /** For a whole test file: it ends with the process. Does not run where there is no PostgreSQL, and tests are skipped. */
  static async shared(options: ServerOptions = {}): Promise<Postgres> {
    return noPostgres === undefined ? await Postgres.start(options) : new Postgres(kind, options);
  }
}
