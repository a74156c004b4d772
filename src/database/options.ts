// The options of a pool of connections, which are the same for every database, and their checks.
import {
  anything,
  type Check,
  type Checks,
  checkOptions,
  flag,
  integer,
  integerFrom,
  isObject,
  objectOf,
  ofType,
  oneOf,
  positiveMs,
  wrongValue,
} from '../base/index.ts';
import type { ResourceOptions, WaitOptions } from '../core/index.ts';
import type { DatabaseTlsOptions, Driver, Isolation, Settings } from './driver.ts';

/** The options of `createPool`. */
export interface DatabaseOptions extends ResourceOptions {
  /**
   * Where the server is, in place of the next six: `mysql://user:password@host:3306/database`. What
   * is also passed as an option of its own wins.
   */
  readonly url?: string | undefined;
  /** Defaults to `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Defaults to 3306 for MySQL, 5432 for PostgreSQL. */
  readonly port?: number | undefined;
  /** The path of a Unix socket, in place of `host`. */
  readonly path?: string | undefined;
  readonly user?: string | undefined;
  /** A function is called for each connection: for passwords that change. */
  readonly password?: string | (() => PromiseLike<string> | string) | undefined;
  readonly database?: string | undefined;
  /** Speaks TLS. True for the defaults: a certificate that is trusted, of this host. */
  readonly tls?: boolean | DatabaseTlsOptions | undefined;
  /** Further options, passed on as they are to `mysql2` or `pg`. */
  readonly driver?: Readonly<Record<string, unknown>> | undefined;
  /** Milliseconds for a connection to be made. Defaults to 10,000. */
  readonly connectTimeout?: number | undefined;
  /**
   * Milliseconds that a statement may take on its connection, waiting in line there included. Then
   * it is stopped on the server. Not for streams. Defaults to no limit.
   */
  readonly statementTimeout?: number | undefined;
  /**
   * Milliseconds for the server to stop a cancelled statement, or to roll back. Then the connection
   * is given up. Defaults to 5,000.
   */
  readonly killTimeout?: number | undefined;
  /** How many rows of a stream may wait to be read. Defaults to 256. */
  readonly streamBuffer?: number | undefined;
  /** The number of connections to keep open. Defaults to 0. */
  readonly min?: number | undefined;
  /** The maximum number of connections, but for one that stops statements. Defaults to 10. */
  readonly max?: number | undefined;
  /** The maximum number of callers that wait for a connection. Defaults to no limit. */
  readonly maxWaiting?: number | undefined;
  /**
   * Milliseconds that a caller may wait for a connection, all attempts to connect included.
   * Defaults to 30,000.
   */
  readonly acquireTimeout?: number | undefined;
  /** Milliseconds of idleness after which a connection is tried out first. Defaults to 1,000. */
  readonly checkAfter?: number | undefined;
  /** Milliseconds for the answer. Defaults to 5,000. */
  readonly checkTimeout?: number | undefined;
  /** Milliseconds of idleness after which a connection above `min` is closed. Default 60,000. */
  readonly idleTimeout?: number | undefined;
  /** Milliseconds after which a connection is replaced. Defaults to 3,600,000. */
  readonly lifetime?: number | undefined;
}

/** The options of a statement. */
export interface StatementOptions extends WaitOptions {
  /**
   * Milliseconds for the statement, waiting included: for the connection too, if it was called on
   * the pool. Defaults to `statementTimeout`.
   */
  readonly timeout?: number | undefined;
}

/** The options of a stream. */
export interface StreamOptions {
  /** How many rows may wait to be read. Defaults to `streamBuffer` of the pool. */
  readonly highWaterMark?: number | undefined;
}

/** The options of a transaction. */
export interface TransactionOptions {
  /** Defaults to that of the server. Not for a transaction inside another one. */
  readonly isolation?: Isolation | undefined;
  /** The server refuses writes. Not for a transaction inside another one. Defaults to false. */
  readonly readOnly?: boolean | undefined;
  /**
   * How often the function is called again after a deadlock, or a conflict between serializable
   * transactions. Not for a transaction inside another one. Defaults to 0.
   */
  readonly retries?: number | undefined;
}

const text: Check = ofType('string', 'text', () => true);
const pem: Check = (action, name, value) => {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) throw wrongValue(action, name, 'PEM text', value);
};

const TLS: Checks<DatabaseTlsOptions> = { ca: pem, cert: pem, key: pem, passphrase: text, rejectUnauthorized: flag };

/** What the pool below takes under the same names. */
export const POOL_NAMES = [
  'name',
  'min',
  'max',
  'maxWaiting',
  'acquireTimeout',
  'checkAfter',
  'checkTimeout',
  'idleTimeout',
  'lifetime',
] as const;

/** The checks for every option of `createPool`. */
export const DATABASE: Checks<DatabaseOptions> = {
  url: text,
  host: text,
  port: integerFrom(1, 65_535),
  path: text,
  user: text,
  password: (action, name, value) => {
    // The value must not stand in a message.
    if (typeof value !== 'string' && typeof value !== 'function')
      throw new TypeError(`Cannot ${action}: ${name} must be text or a function`);
  },
  database: text,
  tls: (action, name, value) => {
    if (typeof value !== 'boolean') objectOf(TLS)(action, name, value);
  },
  driver: (action, name, value) => {
    if (!isObject(value)) throw wrongValue(action, name, 'an object', value);
  },
  connectTimeout: positiveMs,
  statementTimeout: positiveMs,
  killTimeout: positiveMs,
  streamBuffer: integer(1),
  // The pool checks these.
  name: anything,
  min: anything,
  max: anything,
  maxWaiting: anything,
  acquireTimeout: anything,
  checkAfter: anything,
  checkTimeout: anything,
  idleTimeout: anything,
  lifetime: anything,
};

/** The checks for every option of a transaction. */
export const TRANSACTION: Checks<TransactionOptions> = {
  isolation: oneOf('read uncommitted, read committed, repeatable read or serializable'),
  readOnly: flag,
  retries: integer(0, Infinity),
};

const STREAM: Checks<StreamOptions> = { highWaterMark: integer(1) };

/** Throws TypeError or RangeError unless the options of a transaction are right. */
export function checkTransaction(options: TransactionOptions, isInside: boolean): void {
  checkOptions('begin transaction', options, TRANSACTION);
  const { isolation, readOnly, retries } = options;
  if (isInside && (isolation !== undefined || readOnly !== undefined || retries !== undefined)) {
    throw new TypeError(
      'Cannot begin transaction: isolation, readOnly and retries belong to the outermost transaction, ' +
        'and this one is inside another',
    );
  }
}

/** Throws TypeError or RangeError unless the options of a stream are right. */
export function checkStream(options: StreamOptions): void {
  checkOptions('stream rows', options, STREAM);
}

const timeoutOfStatement: Check = positiveMs;

/** Throws TypeError or RangeError unless a statement can be sent. On the hot path: no table. */
export function checkStatement(
  sql: unknown,
  params: unknown,
  options?: { readonly timeout?: number | undefined },
): void {
  if (typeof sql !== 'string' || sql === '') throw wrongValue('run statement', '', 'an SQL text', sql);
  if (params !== undefined && !Array.isArray(params)) {
    throw wrongValue('run statement', 'params', 'an array of values', params);
  }
  if (options?.timeout !== undefined) timeoutOfStatement('run statement', 'timeout', options.timeout);
}

/** What the options say about connecting, checked. */
export interface Target {
  /** Without the password, for a function. */
  readonly settings: Settings;
  readonly password: DatabaseOptions['password'];
}

/** Checks the options, and returns where they point. */
export function readOptions(driver: Driver, options: DatabaseOptions): Target {
  checkOptions('create pool', options, DATABASE, '', { socketPath: 'path', ssl: 'tls', connectionString: 'url' });
  const fromUrl = options.url === undefined ? {} : parseUrl(driver, options.url);
  const { host = fromUrl.host ?? '127.0.0.1', port = fromUrl.port ?? driver.defaultPort, path, tls } = options;
  if (path !== undefined && options.host !== undefined) {
    throw new TypeError('Cannot create pool: give either path or host');
  }
  return {
    settings: {
      host,
      port,
      path,
      user: options.user ?? fromUrl.user,
      password: undefined,
      database: options.database ?? fromUrl.database,
      tls: tls === true ? {} : tls === false ? undefined : tls,
      driver: options.driver ?? {},
    },
    password: options.password ?? fromUrl.password,
  };
}

type FromUrl = Partial<Record<'host' | 'user' | 'password' | 'database', string | undefined>> & {
  port?: number | undefined;
};

function parseUrl(driver: Driver, url: string): FromUrl {
  // The URL has the password, so messages do not have the URL.
  if (!URL.canParse(url) || !url.includes('://'))
    throw new TypeError(`Cannot create pool: url is not a URL, like ${driver.name}://host/name`);
  const { protocol, hostname, port, username, password, pathname, search } = new URL(url);
  if (!driver.schemes.includes(protocol)) {
    throw new TypeError(`Cannot create pool: url must begin with ${driver.schemes.join(' or ')}, got ${protocol}`);
  }
  if (search !== '') {
    throw new TypeError('Cannot create pool: url must have no parameters after a question mark, pass them as options');
  }
  const decoded = (part: string): string | undefined => (part === '' ? undefined : decodeURIComponent(part));
  return {
    host: decoded(hostname.replace(/^\[(.*)\]$/, '$1')),
    port: port === '' ? undefined : Number(port),
    user: decoded(username),
    password: decoded(password),
    database: decoded(pathname.slice(1)),
  };
}
