// A Redis server of the tests' own. One for each test file: `const redis = await RedisServer.shared()` at its top, and
// `{ skip: noRedis }` at each of its tests. It writes an append-only file, so that what it has accepted survives `kill`.
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { closeRedis } from '#src/distributed/connect.js';
import { DatabaseServer, findPrograms, reasonToSkip, type ServerKind, type ServerOptions } from './database-server.js';

const programs = findPrograms(['redis-server'], ['/usr/bin', '/usr/local/bin']);

/** Why there is no Redis here; undefined where there is one. */
export const noRedis: string | undefined = reasonToSkip('Redis', 'redis-server', programs);

const kind: ServerKind = {
  name: 'redis',
  user: 'redis',
  stopSignal: 'SIGTERM',
  endSignal: 'KILL',

  async createFiles() {},

  command({ folder, port, options }) {
    return [
      join(programs ?? '', 'redis-server'),
      ...['--dir', folder, '--port', String(port), '--bind', '127.0.0.1'],
      ...['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''],
      ...(options.args ?? []),
    ];
  },

  async query(server, command) {
    const client = new Redis({
      host: server.host,
      port: server.port,
      lazyConnect: true,
      retryStrategy: () => null,
      connectTimeout: 2000,
    });
    client.on('error', () => undefined); // connect() and call() reject with it
    try {
      await client.connect();
      const [name = '', ...args] = command === 'SELECT 1' ? ['PING'] : command.split(' ');
      return [{ answer: await client.call(name, ...args) }];
    } finally {
      await closeRedis(client);
    }
  },
};

export class RedisServer extends DatabaseServer {
  get url(): string {
    return `redis://${this.host}:${this.port}`;
  }

  static async start(options: ServerOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(kind, options);
    await server.create();
    return server;
  }

  /** For a whole test file: it ends with the process. Does not run where there is no Redis, and tests are skipped. */
  static async shared(options: ServerOptions = {}): Promise<RedisServer> {
    return noRedis === undefined ? await RedisServer.start(options) : new RedisServer(kind, options);
  }

  /** Sends one command over a connection of its own: for the truth. Its parts are separated by blanks. */
  async ask(command: string): Promise<unknown> {
    const [row] = await this.query<{ answer: unknown }>(command);
    return row?.answer;
  }
}
